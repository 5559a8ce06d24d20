"""LiveFigure: the panels of a tape in the notebook, live, with controls for whoever makes the tape.

Every drawing is a function of (tape, position); live is only that the position follows the head. A thread
of the figure's own carries out what the controls ask for and sends drawings, so that they work while a lab
runs and end with the figure. It knows a player (anything with tape, step, run and pause), never a loop.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from typing import Any

from labkit import kernel
from labkit.diagnosis import diagnose
from labkit.figure.controls import Controls, is_late
from labkit.figure.drawing import Drawing
from labkit.figure.output import after_each_cell, bundle
from labkit.figure.panels.panel import Panel
from labkit.figure.veil import asked_of
from labkit.figure.view import View
from labkit.figure.why import why
from labkit.lab import cells
from labkit.lab.engine import BUSY_BUDGET
from labkit.lab.lab import Lab
from labkit.trace import trace

log = logging.getLogger("labkit")

DEFAULT = ("fd sets", "calls", "buffers", "time")
LOOK_EVERY = 0.01  # seconds between two looks at the tape's head
LOOK_RARELY = 0.05  # and while the lab is busy, or has long stood still
LOOK_AT_NOW = 0.1  # seconds between two looks at what a stopped lab's kernel holds
FRAMES_A_SECOND = 90.0  # a screen has 60: one that comes late for its turn then has another beside it
SHARE = 0.35  # of a core that drawing may take while the lab has time to spare
BUSY_SHARE = 0.02  # and while it has none: a browser that paints takes ten times as much, of the same cores
BUSY = 400  # iterations a second from which on a lab counts as busy
ASLEEP_AFTER = 0.2  # seconds without an iteration after which a running loop is asked what it sleeps in
DIAGNOSED_AT_MOST = 500  # iterations: a figure that follows a lab has no time for more
QUIET = 0.3  # seconds without an iteration after which a tape is diagnosed
REST = 1.0  # seconds after which a figure that the reader has left is published
STATE_EVERY = 0.2  # seconds between two changes of the controls while it runs
COMPACT = 320  # pixels of a compact figure's drawing
WAITS = {"pselect6": "select", "ppoll": "poll", "epoll_pwait": "epoll_wait", "epoll_pwait2": "epoll_wait"}

Order = Callable[["LiveFigure"], Any] | dict[str, Any]


class LiveFigure(View):
    """A figure of `player`: a Lab, a Tape, or anything with tape, step, run and pause.

    `panels` are names or Panel objects: "fd sets", "calls", "buffers", "time" by default; "source", whose
    Step of a lab keeps the lines that it runs; "call map". `printer` is "browser", or "matplotlib" where a
    front end runs no scripts. `findings` are flagged on the axis: what diagnose(tape) found, True to ask it,
    False for none. `compact` keeps the figure low, beside text that says what to do. `theme` is "screen" or
    "projector", `size` (width, height) in pixels: of what is saved, and the most that the drawing is high.

    While it follows, it shows the newest iteration. Going back, or scrubbing, stops following; Step, Run and
    the newest iteration start it again. Everything works from the keyboard: Tab goes from control to control
    and into the drawing, where the arrow keys go through iterations and through what is shown of one.
    """

    def __init__(
        self,
        player: Any,
        *panels: str | Panel | type[Panel],
        printer: str = "browser",
        findings: bool | Iterable[Any] = True,
        compact: bool = False,
        theme: str = "screen",
        size: tuple[int, int] | None = None,
    ) -> None:
        if printer not in ("browser", "matplotlib"):
            raise ValueError(f"printer={printer!r}: there are 'browser' and 'matplotlib'")
        if compact and size is None:
            size = (1000, COMPACT)
        given = () if isinstance(findings, bool) else findings
        super().__init__(player, panels or DEFAULT, theme, size, given)
        self.printer, self.compact = printer, compact
        self._diagnoses = findings is True
        if any(each.name == "source" for each in self.panels):
            self.granularity = "source line"
        self.controls = Controls(self)
        self._orders: queue.SimpleQueue[Order | None] = queue.SimpleQueue()
        self.closed = False
        self.busy = False  # whether the player has no time to spare for drawing
        self.trouble = ""  # what the last order that failed had to say
        self._wide, self._high = self.width, self.sheet.height  # as wide as the browser has room
        self._next_frame = self._next_state = self._next_look = 0.0
        self._ran_since: float | None = None  # since when the player runs, as the thread saw it
        self._watched = (time.monotonic(), 0)
        self._moved = (time.monotonic(), -1)  # when there was a new iteration, and which
        self._asleep: tuple[str, float] | None = None
        self._now: Any = None
        self._stepped = False  # whether what is sent next follows a step: bytes may glide
        self._screen: Any = None
        self._thread: threading.Thread | None = None
        self._display: Any = None
        self._published: Any = None
        self._publish_at = 0.0  # when the reader has left it, and it may be saved
        self._diagnosed = -1  # the newest iteration when it was diagnosed last
        self._unhook: Callable[[], None] = lambda: None
        cells.add(self)

    def draw(self, i: int | None = None, call: int | None = None, width: float | None = None) -> Drawing:
        """Iteration `i`, with what is wrong flagged, also while nobody has been shown the figure."""
        if self._diagnoses and self._thread is None and not self.running:
            self._diagnose()
        return super().draw(i, call, width)

    def _one_iteration(self) -> None:
        """A step of the player; by source line, one that keeps the lines that it runs."""
        self._stepped = True
        if self.granularity != "source line" or not isinstance(self.player, Lab):
            super()._one_iteration()
            return
        lines = trace(self.player)
        self.lines[self._newest()] = lines

    # ---- the figure's thread ---------------------------------------------------------------------------

    def order(self, work: Order) -> None:
        """Have `work`, a function of the figure or a message to its controls, done in the figure's thread.

        What it raises is shown above the figure.
        """
        if self._thread is None:
            self._carry_out(work)
        else:
            self._orders.put(work)

    def _carry_out(self, work: Order) -> None:
        try:
            if callable(work):
                work(self)
            elif not self._is_about_showing(work):
                self._publish_at = 0.0  # not while the reader is at work: the page draws the output anew
                self.controls.obey(work)
            else:
                return
            self.trouble = ""
        except Exception as error:
            self.trouble = f"{type(error).__name__}: {error}"
        self._stale, self._next_state = True, 0.0

    def _is_about_showing(self, message: dict[str, Any]) -> bool:
        """Carry out what changes nothing but how this is shown."""
        what = message.get("do")
        if what == "hello":
            self._stale, self._next_state = True, 0.0
        elif what == "width":
            self._wide, self._stale = min(2560, max(640, int(message["value"]))), True
            self.sheet.height = min(filter(None, (self._high, message.get("high"))), default=None)
        elif what == "show me" and (asked := asked_of(self.tape)) is not None:
            asked.show()
        elif what == "left":
            self._publish_at = time.monotonic() + REST
        elif what == "why":
            self._say_why(str(message["of"]), str(message["key"]), int(message["number"]))
        elif what == "ahead" and message["of"] and not self.running:
            self._draw_ahead(*message["of"])
        return what in ("hello", "width", "show me", "left", "why", "ahead")

    def _draw_ahead(self, i: int, *others: int) -> None:
        """Have the browser hold iteration `i`; the others come after what the reader asks for meanwhile."""
        with contextlib.suppress(IndexError):  # the tape has let go of it
            self._screen.hold(self.draw(i, width=self._wide))
        self._orders.put({"do": "ahead", "of": others})

    def _say_why(self, of: str, key: str, number: int) -> None:
        for layer in self.draw(width=self._wide).layers:
            if layer.key == key and number < len(layer.drawn):
                self._screen.answer(of, why(layer.drawn[number], self.tape))

    def _renewed(self) -> None:
        super()._renewed()
        self._diagnosed, self._now = -1, None
        self.controls.forget()

    def _turn(self, now: float) -> None:
        """What is due: a move at the figure's own speed, what peers take, a drawing."""
        if self.playing and now >= self._next_move:
            self._next_move = now + 1 / self.speed
            self._play()
        self._stale |= self.controls.read()
        if self.following and self._newest() != self._position.i:
            self._position, self._stale = self.position, True
        self._look(now)
        if self._diagnoses and not self.running and not self._stale and now >= self._moved[0] + QUIET:
            self._diagnose()
        if self._publish_at and now >= self._publish_at and not self.running:
            self._publish_at = 0.0
            self._publish()
        if self._stale and now >= self._next_frame and self._screen.ready(now):
            spent = self._send(now)
            self.busy = self._busy(now)
            share = BUSY_SHARE if self.busy else SHARE
            self._next_frame = now + max(1 / FRAMES_A_SECOND, spent / share) if self.running else now
        elif now >= self._next_state and self._next_state:
            self._screen.tell(self._state(now))

    def _play(self) -> None:
        if not self.forward():
            if self.player is None:
                self.playing = False
            else:
                self._carry_out(LiveFigure.step)
                self.playing = not self.trouble
        self._stale = True

    def _look(self, now: float) -> None:
        """Notice what a player does by itself: it sleeps, ends its run, or holds what it was not told."""
        runs = bool(getattr(self.player, "running", False))
        newest = self._newest()
        if self._moved[1] != newest or (runs and self._ran_since is None):
            self._moved = now, newest
            if self._asleep is not None:  # told at once, even if it soon sleeps again
                self._asleep, self._next_state = None, now
        if runs and now >= self._next_look:
            self._next_look = now + LOOK_AT_NOW
            self._fall_asleep(now)
        elif not runs and now >= self._next_look and not self.playing:
            self._next_look = now + LOOK_AT_NOW
            held = self.tape.now
            self._stale |= held != self._now
            self._now = held
        if runs and self._ran_since is None:
            self._ran_since = now
            self._next_state = now
        elif not runs and self._ran_since is not None and not self.playing:
            self._say_why_it_stopped(now - self._ran_since)
            self._ran_since = self._asleep = None
            self._stale = True

    def _fall_asleep(self, now: float) -> None:
        slept, asleep = now - self._moved[0], None
        thread = getattr(self.player, "thread", None)
        if slept >= ASLEEP_AFTER and thread is not None:
            sleeps = kernel.blocked_in(thread)
            asleep = None if sleeps is None else (WAITS.get(sleeps.call, sleeps.call), self._moved[0])
        if asleep != self._asleep:
            self._asleep, self._next_state = asleep, now

    def _say_why_it_stopped(self, ran: float) -> None:
        if ran >= BUSY_BUDGET * 0.9 and "busy" in self.tape.about.get("selector", "").lower():
            self.controls.note = (
                f"paused after {BUSY_BUDGET:g} s: this loop never sleeps, and would take a whole core"
            )

    def _busy(self, now: float) -> bool:
        """Whether the player makes so many iterations that drawing would slow it down."""
        before, count = self._watched
        newest = self._newest()
        self._watched = now, newest
        return self.running and newest - count > BUSY * max(now - before, 1e-3)

    def _send(self, now: float) -> float:
        """Send a drawing. Returns the seconds of CPU for which it may have held up the interpreter."""
        began = time.thread_time()
        self._stale = False
        glide, self._stepped = self._stepped, False
        try:
            drawing = self.draw(width=self._wide)
            self._screen.show(drawing, self._state(now), glide)
        except Exception as error:  # a figure never ends its thread, or the lab
            log.exception("the figure could not be drawn")
            self.trouble = f"the figure could not be drawn: {type(error).__name__}: {error}"
        return time.thread_time() - began

    def _state(self, now: float) -> dict[str, Any]:
        """What the controls show; while it runs not oftener than anybody reads: to lay out a page is slow."""
        if self.running and now < self._next_state:
            return {}
        self._next_state = now + STATE_EVERY if self.running else 0.0
        asleep = None if self._asleep is None else [self._asleep[0], round(now - self._asleep[1], 1)]
        asked = asked_of(self.tape)
        own = {"trouble": self.trouble, "asleep": asleep, "compact": self.compact}
        return self.controls.state() | own | {"asks": asked and asked.id}

    def _diagnose(self) -> None:
        """Ask what is wrong with the loop, once for every end of the tape; a long tape is not asked again."""
        if self._newest() != self._diagnosed and len(self.tape) <= DIAGNOSED_AT_MOST:
            self._diagnosed = self._newest()
            found, flagged = diagnose(self.tape), self.sheet.findings
            self.flag(found)
            self._stale = self.sheet.findings != flagged

    # ---- in the notebook -------------------------------------------------------------------------------

    def _ipython_display_(self) -> None:
        from IPython.display import display

        if self.closed:
            display(self._bundle(live=False), raw=True)
            return
        if self._screen is None:
            self._screen = self._new_screen()
            self._send(time.monotonic())
            self._thread = threading.Thread(
                target=_serve, args=(weakref.ref(self), self._orders), name="labkit figure", daemon=True
            )
            self._thread.start()
            self._unhook = after_each_cell(weakref.WeakMethod(self._after_a_cell))
            if self.player is None:  # nobody else may hold a tape's figure; others live as their player
                cells.keep(self)
        self._published = self._showing()
        self._display = display(self._bundle(live=True), raw=True, display_id=True)

    def _new_screen(self) -> Any:
        orders = self._orders
        if self.printer == "matplotlib":
            from labkit.figure.picture import Picture

            return Picture(orders.put)
        from labkit.figure.browser import Browser

        return Browser(orders.put)

    def _bundle(self, live: bool) -> dict[str, Any]:
        widget = self._screen.root if live and self._screen is not None else None
        return bundle(self.sheet, self.index, self.alt(), self.png(), widget, self.position.call)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return self._bundle(live=True)

    def _showing(self) -> Any:
        return self.position, self._newest(), self.theme, self.closed, id(self.tape)

    def _publish(self) -> None:
        """Replace the still picture of the output by the present one: what is saved with the notebook."""
        if self._display is None or self._published == self._showing():
            return
        self._published = self._showing()
        self._display.update(self._bundle(live=not self.closed), raw=True)

    def _after_a_cell(self) -> None:
        if not (self.running and self._screen is not None and self._screen.seen):
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
        self._unhook()
        cells.let_go(self)
        try:
            self._publish()
        except Exception:  # the notebook may be gone already
            log.debug("the last picture could not be published", exc_info=True)
        screen, self._screen, self._display = self._screen, None, None
        if screen is not None:
            screen.close()
        self.player = None

    def __repr__(self) -> str:
        state = "closed" if self.closed else "running" if self.running else "stopped"
        return f"<LiveFigure, {state}, at iteration {self.index:,} of {len(self.tape):,}>"


def _serve(figure: weakref.ref[LiveFigure], orders: queue.SimpleQueue[Any]) -> None:
    """Carry out orders and send drawings until the figure is closed or gone."""
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
            if not is_late(work, waiting[number + 1 :]):
                this._carry_out(work)
        if getattr(this.player, "closed", False):  # nobody can step what is closed: its last drawing stays
            this.close()
            return
        try:
            this._turn(time.monotonic())
        except Exception as error:  # a figure never ends its thread, or the lab
            if str(error) != this.trouble:
                log.exception("the figure of %r stumbled", this.player)
            this.trouble = str(error)
        now = time.monotonic()
        stands = not this.running and now > this._moved[0] + QUIET  # an order wakes it all the same
        look = LOOK_RARELY if this.busy or stands else LOOK_EVERY
        due = this._next_frame - now if this.running else look
        patience = min(max(due, look / 4), look)
        del this
