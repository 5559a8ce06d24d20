"""The one ES module of the browser, joined from its files: the painter, controls, the figure, the player."""

from __future__ import annotations

from functools import cache
from pathlib import Path

FILES = ("paint.js", "controls.js", "widget.js", "notebook.js", "play.js")


@cache
def module() -> str:
    """The module as text: no imports, so that it can stand in a page as it is."""
    here = Path(__file__)
    return "\n".join(here.with_name(name).read_text(encoding="utf-8") for name in FILES)
