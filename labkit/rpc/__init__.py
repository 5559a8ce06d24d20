"""Remote calls: bytes to messages (framing), and a server and a client on the loop (rpc).

framing knows no socket; rpc knows the loop and the kernel, and neither a tape nor a lab.
"""
