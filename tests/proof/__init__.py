"""What takes too long for `make test`: a file a part, which `make proof-PART` runs for a time it is given.

A part is a module with a `main`, run as `python -m tests.proof.PART --minutes 30`. It goes on where an
earlier run of the same commit ended, and writes what it found into docs/proof.md by `written.part()`.
"""
