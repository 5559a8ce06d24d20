"""The browser's end of a live figure: one widget, which paints drawings and sends orders (script.py).

It knows anywidget and the wire; what is drawn, and what an order does, it does not know.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import anywidget
import traitlets

from labkit.figure.drawing import Drawing
from labkit.figure.script import module
from labkit.figure.wire import Wire

Heard = Callable[[dict[str, Any]], None]


class Canvas(anywidget.AnyWidget):
    """The widget: its module, and a key by which the page knows it when its output is drawn anew."""

    _esm = module()
    key = traitlets.Unicode().tag(sync=True)


class Browser:
    """Shows drawings where the figure is displayed; `heard` is called with each order."""

    def __init__(self, heard: Heard) -> None:
        self._heard = heard
        self.root = Canvas(key=uuid.uuid4().hex)
        self.root.on_msg(self._message)
        self._wire = Wire()
        self.seen = False  # whether a front end ever answered

    def ready(self, now: float) -> bool:
        """Whether it has painted what it was sent, and has to do with more."""
        return self._wire.ready(now)

    def show(self, drawing: Drawing, state: dict[str, Any], glide: bool = False) -> None:
        """Send a drawing and the state of the controls, as far as they differ from what was sent."""
        self.root.send(self._wire.message(drawing, state, time.monotonic(), glide))

    def hold(self, drawing: Drawing) -> None:
        """Send a drawing that the reader may soon go to."""
        self.root.send(self._wire.ahead(drawing, time.monotonic()))

    def tell(self, state: dict[str, Any]) -> None:
        """Send what differs of the state alone."""
        if differs := self._wire.state(state):
            self.root.send(json.dumps({"state": differs}))

    def answer(self, of: str, why: str) -> None:
        """Say why a mark is as it is."""
        self.root.send(json.dumps({"of": of, "why": why}))

    def close(self) -> None:
        """Close the widget and what belongs to it."""
        self.root.layout.close()
        self.root.close()

    def _message(self, _: Any, content: Any, __: Any) -> None:
        if "ack" in content:
            self._wire.painted(int(content["ack"]), time.monotonic())
            return
        self.seen = True
        if content.get("do") == "hello":
            self._wire.forget()
        self._heard(content)
