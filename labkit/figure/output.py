"""What a notebook keeps of a figure: a picture with its words, beside the widget that is alive.

It knows IPython and mimebundles, and of a figure only what is shown.
"""

from __future__ import annotations

import base64
import contextlib
import sys
import weakref
from collections.abc import Callable
from html import escape
from typing import Any

WIDGET = "application/vnd.jupyter.widget-view+json"


def bundle(says: str, png: bytes, widget: Any = None) -> dict[str, Any]:
    """A picture and its sentence as a mimebundle, with the view of a widget where there is one."""
    data = base64.b64encode(png).decode()
    says = says.encode(errors="backslashreplace").decode()
    made: dict[str, Any] = {
        "text/plain": says,
        "text/html": f'<img alt="{escape(says, quote=True)}" style="max-width: 100%" '
        f'src="data:image/png;base64,{data}">',
        "image/png": data,
    }
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
        this = method()
        if this is not None:
            this()
        else:
            end()

    def end() -> None:
        with contextlib.suppress(ValueError):  # it is gone already
            shell.events.unregister("post_run_cell", call)

    shell.events.register("post_run_cell", call)
    return end
