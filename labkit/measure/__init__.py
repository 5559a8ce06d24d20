"""Small honest measurements: one call, one thread, a pair of sockets, a sweep over sizes.

They ask the kernel and a clock. They know neither labs nor figures.
"""
