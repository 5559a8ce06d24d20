"""An iteration: a turn of a loop that can say in words what it was."""

from __future__ import annotations

from labkit.tape import narrate
from labkit.tape.turn import Turn


class Iteration(Turn):
    """One turn of a loop, as a tape hands it out: the fields of Turn, and words for them."""

    __slots__ = ()

    def explain(self) -> str:
        """The iteration in words, one fact a line."""
        return narrate.explain(self)

    def why(self, fd: int) -> str:
        """Why `fd` was, or was not, ready for what it could be asked about: one sentence."""
        return narrate.why(self, fd)
