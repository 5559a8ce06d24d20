"""LiveFigure: the panels of a tape on one canvas, in the notebook, with controls for whoever makes the tape.

Every frame is a function of (tape, index); live is only that the index follows the head. A thread of the
figure's own carries out what the controls ask for and sends frames, so that they work while a lab runs and
end with the figure. It knows a player (anything with tape, step, run and pause), never a loop or a socket.
"""

from __future__ import annotations

import base64
import contextlib
import logging
import queue
import re
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets as w

from labkit.figures import PANELS, THEMES, Panel
from labkit.figures.view import View
from labkit.lab import Lab, _current_cell
from labkit.source import trace

if TYPE_CHECKING:
    from labkit.peers import Peer

log = logging.getLogger("labkit")

DEFAULT = ("fd sets", "calls", "buffers", "time")
SPEEDS = {"1 a second": 1.0, "4 a second": 4.0, "16 a second": 16.0, "as it comes": 0.0}
LOOK_EVERY = 0.04  # seconds between two looks at the tape's head
FRAMES_A_SECOND = 30.0
WORDS_EVERY = 0.2  # seconds between two changes of words and controls while it runs
SHARE = 0.35  # of a core that drawing may take while the lab has time to spare
BUSY_SHARE = 0.12  # and while it has none: the interpreter's lock is one for both
BUSY = 400  # iterations a second from which on a lab counts as busy
ALARM = "background: #ffffff; color: #b3261e; font-weight: bold; padding: 2px 8px"
ROWS_AT_MOST = 12  # peers with a row of their own
GRANULARITIES = ("iteration", "call", "source line")
ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"0": b"\0", b"\\": b"\\"}


class LiveFigure(View):
    """A figure of `player`: a Lab, a Tape, or anything with tape, step, run and pause.

    `panels` are names or Panel objects: "fd sets", "calls", "buffers", "time" by default; "source", whose
    Step of a lab keeps the lines that it runs and goes through them; "call map". `theme` is "screen" or
    "projector", `size` (width, height) in pixels. Show it as the last value of a cell.

    While it follows, it shows the newest iteration. Going back, or scrubbing, stops following; Step, Run and
    the newest iteration start it again. From the keyboard: Tab goes through Back, Forward, Step, Run, the
    scrubber, speed, granularity and theme, then through each peer's row; Enter or Space presses.
    """

    def __init__(
        self,
        player: Any,
        *panels: str | Panel,
        theme: str = "screen",
        size: tuple[int, int] = (1000, 600),
    ) -> None:
        super().__init__(player, [_panel(each) for each in panels or DEFAULT], theme, size)
        if any(getattr(panel, "by_line", False) for panel in self._frame.panels):
            self.granularity = "source line"
        self._orders: queue.SimpleQueue[Callable[[LiveFigure], Any] | None] = queue.SimpleQueue()
        self.closed = False
        self._next_move = 0.0
        self.reading: set[str] = set()  # peers that take what has arrived before each frame
        self.taken: dict[str, bytes] = {}  # what each of them took last
        self.trouble = ""  # what the last control that failed had to say
        self._next_frame = 0.0
        self._ran = False  # whether it ran when the thread looked last
        self._watched = (time.monotonic(), 0)
        self._controls: Controls | None = None
        self._thread: threading.Thread | None = None
        self._display: Any = None
        self._published: tuple[int, int | None] | None = None
        self._cell = _current_cell()
        self._close_others_of_this_cell()
        _figures.add(self)

    def _one_iteration(self) -> None:
        """A step of the player; by source line, one that keeps its lines for the panels that show them."""
        by_line: list[Any] = [panel for panel in self._frame.panels if getattr(panel, "by_line", False)]
        if self.granularity != "source line" or not by_line or not isinstance(self.player, Lab):
            return super()._one_iteration()
        lines = trace(self.player)
        for panel in by_line:
            panel.keep(self._newest(), lines)

    # ---- the figure's thread ---------------------------------------------------------------------------

    def order(self, work: Callable[[LiveFigure], Any]) -> None:
        """Have `work(figure)` done in the figure's thread; what it raises is shown under the figure."""
        if self._thread is None:
            self._carry_out(work)
        else:
            self._orders.put(work)

    def _carry_out(self, work: Callable[[LiveFigure], Any]) -> None:
        try:
            work(self)
            self.trouble = ""
        except Exception as error:
            self.trouble = f"{type(error).__name__}: {error}"
        self._stale = True

    def _turn(self, now: float) -> None:
        """What is due: a move at the figure's own speed, what peers take, a frame."""
        if self.playing and now >= self._next_move:
            self._next_move = now + 1 / (self.speed or 16.0)
            if not self.forward():
                if self.player is None:
                    self.playing = False
                else:
                    playing = self.playing
                    self._carry_out(LiveFigure.step)
                    self.playing = playing and not self.trouble
            self._stale = True
        for name in tuple(self.reading):
            self._read(name)
        if self.following and self._newest() != self._index:
            self._index, self._call, self._stale = self._newest(), None, True
        if self._controls is not None and self._controls.behind and now >= self._controls._next_words:
            self._stale = True
        if self._stale and now >= self._next_frame:
            spent = self._send()
            share = BUSY_SHARE if self._busy(now) else SHARE
            self._next_frame = now + max(1 / FRAMES_A_SECOND, spent / share) if self.running else now
        if self._ran and not self.running:  # what is saved with the notebook now is where it stopped
            self._publish()
            if self._controls is not None and self._controls.seen:
                self._controls.run.focus()  # the front end has drawn the controls anew
            self._stale = True
        if self.running and not self._ran and self._controls is not None:
            self._controls._next_words = 0.0
            self._stale = True
        self._ran = self.running

    def _busy(self, now: float) -> bool:
        """Whether the player makes so many iterations that drawing would slow it down."""
        before, count = self._watched
        newest = self._newest()
        self._watched = now, newest
        return self.running and newest - count > BUSY * max(now - before, 1e-3)

    def _read(self, name: str) -> None:
        peer = getattr(self.player, "peers", {}).get(name)
        waiting = peer.queues() if peer is not None else None
        if peer is None or waiting is None:
            self.reading.discard(name)
        elif waiting[0]:
            with contextlib.suppress(OSError, ValueError):
                self.taken[name] = peer.recv(1 << 20)
                self._stale = True

    def _send(self) -> float:
        """Send a frame. Returns the seconds of CPU for which it may have held up the interpreter."""
        self._stale = False
        controls, clock = self._controls, time.thread_time
        if controls is None:
            return 0.0
        began = clock()
        try:
            with self._frame.lock:
                pixels = self._frame.pixels(self.tape, self.index, self._call)
                drawn = clock()
                picture = self._frame.encode(pixels)  # in C, without the interpreter's lock
            encoded = clock()
            controls.show(picture)
        except Exception as error:  # a figure never ends its thread, or the lab
            log.exception("the figure could not be drawn")
            self.trouble = f"the figure could not be drawn: {type(error).__name__}: {error}"
            return clock() - began
        return clock() - encoded + drawn - began

    # ---- in the notebook -------------------------------------------------------------------------------

    def _ipython_display_(self) -> None:
        from IPython.display import display

        if self.closed:
            display(self._bundle(live=False), raw=True)
            return
        if self._controls is None:
            self._controls = Controls(self)
            self._send()
            self._thread = threading.Thread(
                target=_serve, args=(weakref.ref(self), self._orders), name="labkit figure", daemon=True
            )
            self._thread.start()
            shell = _shell()
            if shell is not None:
                shell.events.register("post_run_cell", self._after_a_cell)
        self._display = display(self._bundle(live=True), raw=True, display_id=True)
        self._published = self.index, self._call

    def _bundle(self, live: bool) -> dict[str, Any]:
        picture = base64.b64encode(self._frame.png(self.tape, self.index, self._call)).decode()
        words = self.alt()
        bundle: dict[str, Any] = {
            "text/plain": words,
            "text/html": f'<img alt="{escape(words, quote=True)}" style="max-width: 100%" '
            f'src="data:image/png;base64,{picture}">',
            "image/png": picture,
        }
        if live and self._controls is not None:
            bundle["application/vnd.jupyter.widget-view+json"] = {
                "version_major": 2,
                "version_minor": 0,
                "model_id": self._controls.root.model_id,
            }
        return bundle

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return self._bundle(live=True)

    def _publish(self) -> None:
        """Replace the still picture of the output by the present one: what is saved with the notebook."""
        here = self.index, self._call
        if self._display is None or (self._published == here and not self.closed):
            return
        self._published = here
        self._display.update(self._bundle(live=not self.closed), raw=True)

    def _after_a_cell(self, *_: Any) -> None:
        if not (self.running and self._controls is not None and self._controls.seen):
            self._publish()

    def close(self) -> None:
        """End the figure's thread and take its controls away; the last picture stays. The player lives on."""
        if self.closed:
            return
        self.closed = True
        thread, self._thread = self._thread, None
        self._orders.put(None)
        if thread is not None and thread is not threading.current_thread():
            thread.join(5)
        shell = _shell()
        if shell is not None:
            with contextlib.suppress(ValueError):
                shell.events.unregister("post_run_cell", self._after_a_cell)
        try:
            self._publish()
        except Exception:  # the notebook may be gone already
            log.debug("the last picture could not be published", exc_info=True)
        controls, self._controls, self._display = self._controls, None, None
        if controls is not None:
            controls.close()
        self.player = None
        _figures.discard(self)

    def _close_others_of_this_cell(self) -> None:
        here = self._cell
        for other in list(_figures):
            if here and other._cell and other._cell[0] == here[0] and other._cell[1] != here[1]:
                other.close()

    def __repr__(self) -> str:
        state = "closed" if self.closed else "running" if self.running else "stopped"
        return f"<LiveFigure, {state}, at iteration {self.index:,} of {len(self.tape):,}>"


_figures: weakref.WeakSet[LiveFigure] = weakref.WeakSet()


def _serve(figure: weakref.ref[LiveFigure], orders: queue.SimpleQueue[Any]) -> None:
    """Carry out orders and send frames until the figure is closed or gone."""
    patience = LOOK_EVERY
    while True:
        waiting: list[Any] = []
        with contextlib.suppress(queue.Empty):
            waiting.append(orders.get(timeout=patience))
            while True:
                waiting.append(orders.get_nowait())
        this = figure()
        if this is None or this.closed or None in waiting:
            return
        for number, work in enumerate(waiting):
            later = waiting[number + 1 :]
            if not (getattr(work, "latest_wins", False) and any(getattr(w, "latest_wins", 0) for w in later)):
                this._carry_out(work)
        this._turn(time.monotonic())
        due = this._next_frame - time.monotonic() if this.running else LOOK_EVERY
        patience = min(max(due, LOOK_EVERY / 4), LOOK_EVERY)
        del this


def _panel(panel: str | Panel) -> Panel:
    if isinstance(panel, Panel):
        return panel
    if isinstance(panel, type) and issubclass(panel, Panel):
        return panel()
    name = str(panel).replace("_", " ")
    if name not in PANELS:
        raise ValueError(f"there is no panel {panel!r}; there are {', '.join(PANELS)}, or give a Panel")
    return PANELS[name]()


def _shell() -> Any:
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


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
            tooltip=rf"{name} sends this when you press Enter; \n, \r, \t, \\ and \x00 are understood",
            layout=w.Layout(width="170px"),
        )
        self.typed.on_msg(lambda _, content, __: self._submitted(controls, content))
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

    def _submitted(self, controls: Controls, content: Any) -> None:
        if content.get("event") != "submit":
            return
        data = typed_bytes(self.typed.value)
        self.typed.value = ""
        if data:
            controls.seen = True
            controls._figure.order(lambda _: self.peer.send(data))

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
