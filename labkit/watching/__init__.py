"""Other people's loops, recorded as they are: an adapter a file.

An adapter knows one framework by its names, and the recorder. It knows no lab and no figure.
"""
