"""The widgets under the picture: what a reader presses, types and drags becomes an order to the figure.

Orders are carried out in the figure's own thread, one after another. What the widgets show is set by the
figure, and a change that it made itself is no order. This knows ipywidgets, and of the figure what it can do.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

import ipywidgets as w

from labkit.charts.theme import THEMES
from labkit.lab.peer import Peer

LiveFigure = Any  # live.py makes these controls, and they call it back
SPEEDS = {"1 a second": 1.0, "4 a second": 4.0, "16 a second": 16.0, "as it comes": 0.0}
WORDS_EVERY = 0.2  # seconds between two changes of words and controls while it runs
ALARM = "background: #ffffff; color: #b3261e; font-weight: bold; padding: 2px 8px"
ROWS_AT_MOST = 12  # peers with a row of their own
GRANULARITIES = ("iteration", "call", "source line")
ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"0": b"\0", b"\\": b"\\"}
TEXT_WITHIN = 0.15  # seconds in which text follows the Enter that ended it


class Controls:
    """The widgets under the picture; `root` holds them all."""

    def __init__(self, figure: LiveFigure) -> None:
        self._figure = figure
        self._mine: set[int] = set()  # threads that are setting widgets now: their changes are not orders
        self._rows: dict[int, PeerRow] = {}
        self.seen = False  # whether a front end ever answered
        self._next_words = 0.0
        self.behind = False  # whether the words are older than the picture
        wide, _ = figure._frame.size
        self.image = w.Image(format="png", layout=w.Layout(width=f"{wide}px", max_width="100%"))
        self.words = w.HTML()
        self.trouble = w.HTML()
        self._movement()
        self._choices()
        self.peers = w.VBox()
        self.connect = _button("Connect a peer", "A new TCP client of this lab", self._pressed(_connect))
        self.connect.layout.align_self = "flex-start"
        bottom = [self.peers, self.connect] if hasattr(figure.player, "connect") else []
        self.root = w.VBox([self.image, self.words, self.trouble, self.moves, self.options, *bottom])

    def _movement(self) -> None:
        figure = self._figure
        replay = figure.player is None
        self.back = _button("◀ Back", "One position back", self._pressed(lambda f: f.back()), "80px")
        self.forward = _button("Forward ▶", "One position forward", self._pressed(_forward), "96px")
        self.step = _button(
            "Step", "Exactly one iteration of the loop", self._pressed(lambda f: f.step()), "72px"
        )
        self.run = _button("Play" if replay else "Run", "Run, or pause", self._pressed(_run_or_pause), "84px")
        self.scrubber = w.IntSlider(
            description="iteration",
            min=0,
            max=0,
            layout=w.Layout(flex="1 1 auto", min_width="180px"),
            style={"description_width": "initial"},
            tooltip="The iteration that is shown; arrow keys move by one",
        )
        self.scrubber.observe(self._scrubbed, "value")
        buttons = [self.back, self.forward, *([] if replay else [self.step]), self.run, self.scrubber]
        self.moves = w.HBox(buttons, layout=w.Layout(width="100%", align_items="center"))

    def _choices(self) -> None:
        figure = self._figure
        speeds = [(name, each) for name, each in SPEEDS.items() if each or figure.player is not None]
        self.speed = _dropdown("speed", speeds, figure.speed, "How many iterations a second Run makes")
        self.speed.observe(self._chosen(_set_speed), "value")
        self.theme = _dropdown(
            "theme", list(THEMES), figure.theme, "Larger text for a projector", width="180px"
        )
        self.theme.observe(self._chosen(lambda f, name: f.use_theme(name)), "value")
        by_line = any(getattr(panel, "by_line", False) for panel in figure._frame.panels)
        tips = ("One iteration at a time", "One call at a time", "One line of the handler at a time")
        self.granularity = [
            w.ToggleButton(
                description=name,
                value=name == figure.granularity,
                disabled=name == "source line" and not by_line,
                tooltip=tip if by_line or name != "source line" else "Needs a source panel in the figure",
                layout=w.Layout(width="auto"),
            )
            for name, tip in zip(GRANULARITIES, tips, strict=True)
        ]
        for button in self.granularity:
            button.observe(self._granularity, "value")
        self.options = w.HBox(
            [self.speed, w.Label("Back and Forward by"), *self.granularity, self.theme],
            layout=w.Layout(flex_flow="row wrap", align_items="center"),
        )

    # ---- from the reader to the figure -----------------------------------------------------------------

    def _pressed(self, work: Callable[[LiveFigure], Any]) -> Callable[[Any], None]:
        def pressed(_: Any) -> None:
            self.seen = True
            self._figure.order(work)

        return pressed

    def _chosen(self, work: Callable[[LiveFigure, Any], Any]) -> Callable[[Any], None]:
        def chosen(change: Any) -> None:
            if threading.get_ident() not in self._mine:
                self.seen = True
                value = change["new"]
                self._figure.order(lambda figure: work(figure, value))

        return chosen

    def _scrubbed(self, change: Any) -> None:
        if threading.get_ident() in self._mine:
            return
        self.seen = True
        at = change["new"]

        def scrub(figure: LiveFigure) -> None:
            figure.playing = False
            figure._go_to(max(at, figure.tape.dropped), None)

        scrub.latest_wins = True  # type: ignore[attr-defined]
        self._figure.order(scrub)

    def _granularity(self, change: Any) -> None:
        if threading.get_ident() in self._mine:
            return
        self.seen = True
        name = change["owner"].description
        with self._setting():
            for button in self.granularity:
                button.value = button.description == name
        self._figure.order(lambda figure: figure.set_granularity(name))

    @contextmanager
    def _setting(self) -> Iterator[None]:
        me = threading.get_ident()
        self._mine.add(me)
        try:
            yield
        finally:
            self._mine.discard(me)

    # ---- from the figure to the reader -----------------------------------------------------------------

    def show(self, picture: bytes) -> None:
        """Show a frame, and what goes with it."""
        figure = self._figure
        running, now = figure.running, time.monotonic()
        with self._setting():
            self.image.value = picture
            self.behind = running and now < self._next_words  # nobody reads as fast as frames come
            if self.behind:
                return
            self._next_words = now + WORDS_EVERY
            at, first, last = figure.index, figure.tape.dropped, figure._newest()
            if last >= 0:
                self._move_scrubber(at, first, last)
            start = "Play" if figure.player is None else "Run"
            self.run.description = "Pause" if running else start
            self.run.icon = "pause" if running else "play"
            self.back.disabled = at <= first and not figure.call
            self.forward.disabled = at >= last and (figure.call is None or figure.call >= figure._calls(at))
            spoken = "off" if running else "polite"
            self.words.value = f'<div aria-live="{spoken}">{escape(figure.alt())}</div>'
            self.trouble.value = (
                f'<div role="alert" style="{ALARM}">✗ {escape(figure.trouble)}</div>'
                if figure.trouble
                else ""
            )
            self._show_peers()

    def _move_scrubber(self, at: int, first: int, last: int) -> None:
        slider = self.scrubber
        if (slider.min, slider.max) != (first, last):
            # While it redraws its range, the front end reports the value that it had as if it were chosen.
            with slider.hold_sync():
                slider.continuous_update = False
                slider.max = max(last, slider.min)
                slider.min = first
        with slider.hold_sync():
            slider.value = at
            slider.continuous_update = True

    def _show_peers(self) -> None:
        peers: dict[str, Peer] = getattr(self._figure.player, "peers", None) or {}
        shown = list(peers.values())[:ROWS_AT_MOST]
        if [id(peer) for peer in shown] != list(self._rows):
            kept = {
                id(peer): self._rows.pop(id(peer)) if id(peer) in self._rows else PeerRow(self, peer)
                for peer in shown
            }
            gone, self._rows = self._rows, kept
            more = len(peers) - len(shown)
            rest = [w.Label(f"… and {more:,} more peers, without a row")] if more else []
            self.peers.children = [*(row.root for row in kept.values()), *rest]
            for row in gone.values():
                row.root.close()
                for child in row.root.children:
                    child.close()
        for row in self._rows.values():
            row.show(self._figure)

    def close(self) -> None:
        """Close every widget."""
        _close(self.root)
        if self.peers.comm is not None:
            _close(self.peers)
            self.connect.close()


class PeerRow:
    """What a reader can do to one peer."""

    def __init__(self, controls: Controls, peer: Peer) -> None:
        self.peer = peer
        self._controls = controls
        self._typing = threading.RLock()
        self._entered = False  # Enter was pressed, and what was typed not sent yet
        name = peer.name

        def press(text: str, tip: str, work: Callable[[], Any], width: str = "auto") -> w.Button:
            return _button(text, f"{name}: {tip}", controls._pressed(lambda _: work()), width)

        self.reads = w.ToggleButton(
            description="Reads",
            tooltip=f"{name} takes what arrives, as long as this is pressed",
            layout=w.Layout(width="auto"),
        )
        self.reads.observe(controls._chosen(self._read_or_not), "value")
        self.typed = w.Text(
            placeholder="bytes, then Enter",
            continuous_update=False,
            tooltip=rf"{name} sends this when you press Enter; \n, \r, \t, \\ and \x00 are understood",
            layout=w.Layout(width="170px"),
        )
        self.typed.on_msg(lambda _, content, __: self._submitted(content))
        self.typed.observe(lambda _: self._send(), "value")
        self.took = w.Label()
        self.root = w.HBox(
            [
                w.Label(name, layout=w.Layout(width="110px")),
                self.typed,
                press("Send 1 B", "send one byte", lambda: peer.send(b"x")),
                press("Send 1 KB", "send 1,000 bytes", lambda: peer.send(b"x" * 1000)),
                self.reads,
                press("Shut down", "say that no more will be sent", peer.shutdown),
                press("Close", "close the connection", peer.close),
                press("Reset", "reset the connection (RST)", peer.reset),
                self.took,
            ],
            layout=w.Layout(align_items="center", flex_flow="row wrap"),
        )

    def _read_or_not(self, figure: LiveFigure, reads: bool) -> None:
        (figure.reading.add if reads else figure.reading.discard)(self.peer.name)

    def _submitted(self, content: Any) -> None:
        """Enter was pressed. The front end may say so before it has sent all that was typed."""
        if content.get("event") == "submit":
            self._entered = True
            late = threading.Timer(TEXT_WITHIN, self._send)
            late.daemon = True
            late.start()

    def _send(self) -> None:
        with self._typing:
            data = typed_bytes(self.typed.value)
            if not (data and self._entered):
                return
            self._entered = False
            self.typed.value = ""
        self._controls.seen = True
        self._controls._figure.order(lambda _: self.peer.send(data))

    def show(self, figure: LiveFigure) -> None:
        self.reads.value = self.peer.name in figure.reading
        taken = figure.taken.get(self.peer.name)
        self.took.value = "" if taken is None else f"took {len(taken):,} B: {taken[:24]!r}"


def typed_bytes(text: str) -> bytes:
    r"""What a reader typed, as bytes: UTF-8, with \n, \r, \t, \0, \\ and \x00 understood."""
    return re.sub(
        rb"\\(x[0-9a-fA-F]{2}|[nrt0\\])",
        lambda match: ESCAPES[match[1]] if match[1] in ESCAPES else bytes([int(match[1][1:], 16)]),
        text.encode(),
    )


def _forward(figure: LiveFigure) -> None:
    figure.forward()


def _run_or_pause(figure: LiveFigure) -> None:
    if figure.running:
        figure.pause()
    else:
        figure.run()


def _set_speed(figure: LiveFigure, speed: float) -> None:
    was_running = figure.running
    if was_running:
        figure.pause()
    figure.speed = speed
    if was_running:
        figure.run()


def _connect(figure: LiveFigure) -> None:
    figure.player.connect()


def _button(text: str, tip: str, work: Callable[[Any], None], width: str = "auto") -> w.Button:
    made = w.Button(description=text, tooltip=tip, layout=w.Layout(width=width))
    made.on_click(work)
    return made


def _dropdown(name: str, options: list[Any], value: Any, tip: str, width: str = "200px") -> w.Dropdown:
    return w.Dropdown(
        description=name,
        options=options,
        value=value,
        tooltip=tip,
        layout=w.Layout(width=width),
        style={"description_width": "initial"},
    )


def _close(widget: Any) -> None:
    for child in getattr(widget, "children", ()):
        _close(child)
    for part in ("layout", "style"):
        inner = getattr(widget, part, None)
        if isinstance(inner, w.Widget):
            inner.close()
    widget.close()
