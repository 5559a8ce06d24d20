"""A Lab: a recorded loop in a thread of its own, its peers, and the orders a reader gives it.

It knows loops, recorders and tapes, and for a lab on asyncore how that is watched. Of figures it knows one
thing, that `Lab.live` opens one by the front door.
"""
