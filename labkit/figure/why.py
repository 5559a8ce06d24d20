"""Why a mark is as it is: what it says of itself, and for an fd in an iteration what the tape says of it.

It knows marks and tapes; the reasons are narrate's.
"""

from __future__ import annotations

from labkit.figure.marks import Mark
from labkit.figure.panels.panel import kept
from labkit.tape.tape import Tape


def why(mark: Mark, tape: Tape) -> str:
    """What `mark` is, and why it is so: `7 alice: read ready in iteration 12. Readable: 5 bytes …`."""
    it = kept(tape, mark.iteration) if mark.iteration is not None else None
    if it is None or mark.fd is None or mark.kind not in ("cell", "label", "error"):
        return mark.text
    if mark.kind == "cell" and mark.value is not None:  # many fds in one
        return f"{mark.text} in iteration {it.index:,}."
    reason = it.why(mark.fd)
    return f"{mark.text} in iteration {it.index:,}. {reason[:1].upper()}{reason[1:]}."
