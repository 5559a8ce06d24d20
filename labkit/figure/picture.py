"""The figure where no scripts of ours run: a picture by matplotlib, and ipywidgets as its controls.

The same orders and the same state as in the browser (controls.py), one row for all peers.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets as w
import traitlets

from labkit.figure import agg
from labkit.figure.drawing import Drawing
from labkit.figure.theme import SCALES

Heard = Callable[[dict[str, Any]], None]

EVERY = 0.05  # seconds between two pictures at least
ALARM = "color: #b3261e; background: #ffffff; font-weight: bold"
ACTS = (("Send 1 B", "1 B"), ("Send 1 KB", "1 KB"), ("Reads", "reads"), ("Shut down", "shutdown"),
        ("Close", "close"), ("Reset", "reset"))  # fmt: skip


class Named(w.Image):  # type: ignore[misc]
    """An image with a tooltip for its name: it cannot have an alt text."""

    description = traitlets.Unicode().tag(sync=True)  # whose length ipywidgets' view of any tooltip asks


class Picture:
    """Shows drawings as pictures where the figure is displayed; `heard` is called with each order."""

    def __init__(self, heard: Heard) -> None:
        self._heard = heard
        self.seen = False
        self._state: dict[str, Any] = {}
        self._shown_at = 0.0
        self.image = Named(format="png", layout=w.Layout(max_width="100%"))
        self.words, self.status = w.HTML(), w.HTML(layout=w.Layout(height="24px", overflow="hidden"))
        self.back = self._button("◀ Back", {"do": "back"})
        self.forward = self._button("Forward ▶", {"do": "forward"})
        self.step = self._button("Step", {"do": "step"})
        self.run = w.Button(description="Run", layout=w.Layout(width="90px"))
        self.run.on_click(lambda _: self._order({"do": "pause" if self._state.get("running") else "run"}))
        self.scrubber = w.BoundedIntText(description="iteration", max=0)  # a slider's handle has no name
        self.scrubber.observe(lambda change: self._chose("i", change["new"], {"do": "go"}), "value")
        self.chosen = {
            name: w.Dropdown(description=label, style={"description_width": "initial"})
            for name, label in (("speed", "speed"), ("granularity", "Back and Forward by"))
        }
        for name, each in self.chosen.items():
            each.observe(lambda change, name=name: self._chose(name, change["new"], {"do": name}), "value")
        self.peer = w.Dropdown(description="peer", layout=w.Layout(width="200px"))
        self.typed = w.Text(
            placeholder="bytes, Enter", layout=w.Layout(width="170px"), continuous_update=False
        )
        self.typed.observe(self._typed, "value")
        self.acts = [self._button(text, {"do": "peer", "act": act}) for text, act in ACTS]
        self.peers = w.HBox(
            [self.peer, self.typed, *self.acts, self._button("Connect a peer", {"do": "connect"})],
            layout=w.Layout(flex_flow="row wrap"),
        )
        moves = w.HBox([self.back, self.forward, self.step, self.run, self.scrubber])
        options = w.HBox(list(self.chosen.values()), layout=w.Layout(flex_flow="row wrap"))
        self.root = w.VBox([moves, options, self.peers, self.status, self.image, self.words])

    def ready(self, now: float) -> bool:
        """Whether it is time for another picture."""
        return now - self._shown_at >= EVERY

    def show(self, drawing: Drawing, state: dict[str, Any], glide: bool = False) -> None:
        """Show a drawing and the state of the controls."""
        self._shown_at = time.monotonic()
        self.tell(state)
        self.image.value = agg.png(drawing, scale=SCALES[self._state["theme"]])
        self.image.tooltip = drawing.says
        self.words.value = f"<div>{escape(drawing.says)}</div>"

    def tell(self, state: dict[str, Any]) -> None:
        """Show the state of the controls: all of it at first, then as much as is new."""
        self._state = state = self._state | state
        running, replay = state["running"], state["replay"]
        self.run.description = "Pause" if running else "Play" if replay else "Run"
        self.back.disabled, self.forward.disabled = not state["back"], not state["forward"]
        self.step.layout.display = "none" if replay else ""
        self.peers.layout.display = "" if state["connects"] else "none"
        self._move_scrubber(state["first"], state["last"])
        for name, each in self.chosen.items():
            if each.options != tuple(options := state["speeds" if name == "speed" else "granularities"]):
                each.options = options
            each.value = state[name]
        names = [row["name"] for row in state["peers"]["rows"] if row["open"]]
        if self.peer.options != tuple(names):
            chosen = self.peer.value
            self.peer.options = names  # which chooses the first, or nobody
            self.peer.value = chosen if chosen in names else next(iter(names), None)
        for about in (*self.acts, self.typed):
            about.disabled = not names
        self.status.value = _status(state)

    def answer(self, of: str, why: str) -> None:
        """A picture cannot be asked why."""

    def close(self) -> None:
        """Close every widget."""
        close_all(self.root)

    # ---- from the reader -------------------------------------------------------------------------------

    def _order(self, message: dict[str, Any]) -> None:
        self.seen = True
        if message["do"] == "peer":
            if self.peer.value is None:
                return
            message = {**message, "peer": self.peer.value}
        self._heard(message)

    def _chose(self, name: str, value: Any, message: dict[str, Any]) -> None:
        if value != self._state.get(name):  # else it is what the figure itself has set
            self._order({**message, "i" if name == "i" else "value": value})

    def _typed(self, change: Any) -> None:
        if change["new"]:
            self.typed.value = ""
            self._order({"do": "peer", "act": "type", "text": change["new"]})

    def _move_scrubber(self, first: int, last: int) -> None:
        field = self.scrubber
        self._state["i"] = max(first, self._state["i"])  # of an empty tape, too
        with field.hold_sync(), field.hold_trait_notifications():  # none of the three bounds the others yet
            field.min, field.max, field.value = first, max(first, last), self._state["i"]

    def _button(self, text: str, message: dict[str, Any]) -> w.Button:
        made = w.Button(description=text, tooltip=text, layout=w.Layout(width="auto"))
        made.on_click(lambda _: self._order(message))
        return made


def _status(state: dict[str, Any]) -> str:
    if state.get("trouble"):
        return f'<div role="alert" style="{ALARM}">✗ {escape(state["trouble"])}</div>'
    asleep = state.get("asleep")
    said = f"asleep in {asleep[0]}, {asleep[1]:.1f} s" if asleep else state.get("note") or ""
    return f"<div>{escape(said)}</div>"


def close_all(widget: Any) -> None:
    """Close a widget, what is in it, and what belongs to each."""
    for child in getattr(widget, "children", ()):
        close_all(child)
    for part in ("layout", "style"):
        inner = getattr(widget, part, None)
        if isinstance(inner, w.Widget):
            inner.close()
    widget.close()
