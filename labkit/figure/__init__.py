"""The figure of a tape: panels, layout and theme, and those who print it.

Whatever is shown is a function of (tape, index). Only `live` and `controls` know that there is a lab to
give orders to.
"""
