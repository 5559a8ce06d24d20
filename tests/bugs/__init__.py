"""The bug hunt's plain sources, named by the bug.

`cases` are what is sealed, `mended` what passes, `wrong` what does not, and hears why.
"""
