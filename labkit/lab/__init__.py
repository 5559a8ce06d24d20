"""A Lab: a recorded loop in a thread of its own, its peers, and the orders a reader gives it.

It knows loops, recorders and tapes; of figures it knows one thing, that `Lab.live` opens one by the front
door.
"""
