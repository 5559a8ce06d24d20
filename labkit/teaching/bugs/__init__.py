"""Fourteen broken servers, one sealed file each (NN.bug): only bugs_sealed knows how they are read.

Their plain sources, under their names, are in the checkout: tests/bugs. They have no place in the wheel.
"""
