"""What writes a tape: a recorder at the wait boundary, sockets that tell their calls, selectors.

It knows the kernel and the tape. It does not know how a loop is built, nor what a lab or a figure is.
"""
