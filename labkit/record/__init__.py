"""The recorder: it stands at the wait boundary and at the sockets, and writes down what passes on a tape.

It knows the kernel and the tape. It does not know how a loop is built, nor what a lab or a figure is.
"""
