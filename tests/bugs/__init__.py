"""The bug hunt's plain sources: `cases` are what is sealed, `mended` what passes. Named by the bug."""
