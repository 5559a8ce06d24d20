"""Charts of numbers: bars, steps, curves and two tapes compared, in matplotlib's own artists.

They know numbers and tapes, and neither labs nor widgets.
"""
