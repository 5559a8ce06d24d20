"""What a notebook keeps of a figure: a picture with its words, beside the widget that is alive.

With LABKIT_PLAYERS=800 in its environment, a notebook also keeps each tape as a player 800 pixels wide: a
site that is built of executed notebooks plays it. It knows IPython, mimebundles, and what a figure shows.
"""

from __future__ import annotations

import base64
import contextlib
import os
import sys
import weakref
from collections.abc import Callable
from html import escape
from typing import Any

from labkit.figure.drawing import Sheet
from labkit.figure.player import packed

WIDGET = "application/vnd.jupyter.widget-view+json"
PLAYER = "application/vnd.labkit.player"  # what play.js plays, for pages without a kernel


def bundle(
    sheet: Sheet, at: int, says: str, png: bytes, widget: Any = None, call: int | None = None
) -> dict[str, Any]:
    """A sheet at an iteration, or after a call of it, as a mimebundle: a picture, a sentence, a widget."""
    data = base64.b64encode(png).decode()
    says = says.encode(errors="backslashreplace").decode()
    made: dict[str, Any] = {
        "text/plain": says,
        "text/html": f'<img alt="{escape(says, quote=True)}" style="max-width: 100%" '
        f'src="data:image/png;base64,{data}">',
        "image/png": data,
    }
    width = os.environ.get("LABKIT_PLAYERS", "")
    if width.isdecimal() and len(sheet.tape):
        made[PLAYER] = packed(sheet, max(640, int(width)), at, call=call)
    if widget is not None:
        made[WIDGET] = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    return made


def after_each_cell(method: weakref.WeakMethod[Callable[[], None]]) -> Callable[[], None]:
    """Call a method after every cell, while its object lives; what is returned ends that."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None:
        return lambda: None

    def call(*_: Any) -> None:
        (method() or end)()

    def end() -> None:
        with contextlib.suppress(ValueError):  # it is gone already
            shell.events.unregister("post_run_cell", call)

    shell.events.register("post_run_cell", call)
    return end
