"""The figure of a tape: panels, layout and theme, and those who print it.

Whatever is shown is a function of (tape, index): view (where the reader stands) → panels → drawing → one of
the printers (browser, agg, player). Only `live`, `live_sweep` and `controls` know that there is a lab.
"""
