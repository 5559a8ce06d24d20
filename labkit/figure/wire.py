"""What goes over the wire to a browser: what it has not got yet, and only when it has painted what it got.

A drawing is sent as its head and the layers that the browser does not hold; the state of the controls as
what changed. The browser keeps what it was sent until it is told to forget what it does not show, so a way
that was gone before costs little; whole drawings it keeps, and is sent ahead, while they are true, and shows
them before it is answered. It knows drawings, and neither widgets nor threads.
"""

from __future__ import annotations

import json
from typing import Any

from labkit.figure.drawing import Drawing
from labkit.figure.theme import table

IN_FLIGHT = 8  # drawings that may be under way unanswered: every fourth is answered, some time later
PATIENCE = 0.05  # seconds after which one more is sent all the same: a busy kernel hears no answers
ASLEEP = 5.0  # seconds without an answer after which the browser is taken to look elsewhere
RARELY = 1.0  # seconds between two drawings then
HELD = 2000  # layers after which the browser is told to forget those that it does not show


class Wire:
    """The one way to a browser: message() is what to send next, painted() what it answers."""

    def __init__(self) -> None:
        self.forget()
        self._number = self._painted = 0
        self._sent_at = self._heard_at = 0.0

    def forget(self) -> None:
        """Send everything next time: there is a new browser."""
        self._has: dict[str, str] | None = None
        self._of: Any = None
        self._state: dict[str, Any] = {}

    def ready(self, now: float) -> bool:
        """Whether one more drawing may be sent at this moment (time.monotonic)."""
        if self._number - self._painted < IN_FLIGHT:
            return True
        silent = now - self._heard_at > ASLEEP
        return now - self._sent_at >= (RARELY if silent else PATIENCE)

    def painted(self, number: int, now: float) -> None:
        """The browser has painted drawing `number`."""
        self._painted, self._heard_at = max(self._painted, min(number, self._number)), now

    def message(self, drawing: Drawing, state: dict[str, Any], now: float, glide: bool) -> str:
        """`drawing` and the `state` of the controls for a browser, as JSON text, as differences."""
        self._number += 1
        self._sent_at = now
        return self._text(drawing, state, now, {"n": self._number, "glide": glide})

    def ahead(self, drawing: Drawing, now: float) -> str:
        """The same of a drawing that the browser is to hold, and to show when the reader goes there."""
        return self._text(drawing, {}, now, {"n": -2 - drawing.index})

    def _text(self, drawing: Drawing, state: dict[str, Any], now: float, more: dict[str, Any]) -> str:
        has, new = self._has or {}, {layer.key: layer.json for layer in drawing.layers}
        changed = {key: text for key, text in new.items() if has.get(key) is not text}
        head = drawing.head() | more
        if self._has is None:
            head["table"] = table()
            self._heard_at = now
        if drawing.of != self._of:  # what the browser holds may be true no longer
            head["anew"], self._of = True, drawing.of
        self._has = has | changed
        if len(self._has) > HELD:
            head["forget"], self._has = True, new
        if differs := self.state(state):
            head["state"] = differs
        marks = ",".join(f"{json.dumps(key)}:{text}" for key, text in changed.items())
        return f'{json.dumps(head, separators=(",", ":"))[:-1]},"marks":{{{marks}}}}}'

    def state(self, state: dict[str, Any]) -> dict[str, Any]:
        """What of the state the browser has not been told."""
        differs = {name: value for name, value in state.items() if self._state.get(name, self) != value}
        self._state = self._state | differs
        return differs
