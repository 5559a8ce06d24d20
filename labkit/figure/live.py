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
import sys
import threading
import time
import weakref
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

import labkit.lab.cells as cells
from labkit.figure.controls import Controls
from labkit.figure.panels import PANELS
from labkit.figure.panels.panel import Panel
from labkit.figure.view import View
from labkit.lab.lab import Lab
from labkit.trace import trace

if TYPE_CHECKING:
    pass

log = logging.getLogger("labkit")

DEFAULT = ("fd sets", "calls", "buffers", "time")
LOOK_EVERY = 0.01  # seconds between two looks at the tape's head
LOOK_RARELY = 0.05  # and while the lab is busy
FRAMES_A_SECOND = 30.0
SHARE = 0.35  # of a core that drawing may take while the lab has time to spare
BUSY_SHARE = 0.05  # and while it has none: the interpreter's lock is one for both
BUSY = 400  # iterations a second from which on a lab counts as busy


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
        if "source" in panels:
            self.granularity = "source line"
        self._orders: queue.SimpleQueue[Callable[[LiveFigure], Any] | None] = queue.SimpleQueue()
        self.closed = False
        self.busy = False  # whether the player has no time to spare for drawing
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
        cells.add(self)

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
            self.busy = self._busy(now)
            share = BUSY_SHARE if self.busy else SHARE
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

    def __repr__(self) -> str:
        state = "closed" if self.closed else "running" if self.running else "stopped"
        return f"<LiveFigure, {state}, at iteration {self.index:,} of {len(self.tape):,}>"


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
        look = LOOK_RARELY if this.busy else LOOK_EVERY
        patience = min(max(due, look / 4), look)
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
