"""The record of a loop: frozen iterations, the ring that keeps them, and their words.

It knows nothing of sockets, selectors, labs or figures: a tape is data, whoever wrote it.
"""
