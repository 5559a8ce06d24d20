"""Charts of numbers: bars, steps, curves and two tapes compared, in matplotlib's own artists.

They know numbers, tapes, what was measured and lines that ran; neither labs nor widgets.
"""
