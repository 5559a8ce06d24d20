"""How fast the lab is, against alternatives in the same run, as ratios."""
