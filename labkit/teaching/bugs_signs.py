"""What can be wrong with a server in the bug hunt, and how each would look: the choices, and why not.

It says nothing of which case is which.
"""

SIGNS = {
    "always writable": "The loop would go on asking to write, and be told so, with nothing to send.",
    "ignored EOF": "recv would return 0 bytes of somebody, again and again.",
    "lost partial write": "A send would take less than it was asked to, and nobody would send the rest.",
    "a handler that blocks": "One iteration would be long, with a wait inside a call while others are ready.",
    "no fd left": "accept would fail with EMFILE, again and again.",
    "edge stall": "Bytes would lie in a receive queue while the loop asks about them and sleeps.",
    "a full read taken for more": "A recv that fills up would be followed by one with EAGAIN, and a close.",
    "Nagle stall": "Replies would leave in two small sends, the second staying in the send queue.",
    "state kept by fd number": "A newcomer would get the fd of somebody who left, and what it kept.",
    "quadratic buffer": "Iterations would take longer the fuller a buffer is, though each moves as little.",
    "lost tail": "A hang-up would be told together with the last bytes; one recv, then a close.",
    "half-close taken for good-bye": "recv would return 0, and the close come while a reply still waits.",
    "greedy peer": "In one iteration one connection would be read a great many times while others wait.",
    "a recv taken for a message": "All would be well, until one message comes in two recvs.",
}
