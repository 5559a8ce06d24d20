"""A sweep that is drawn while it is measured, with a progress bar and a button that cancels it.

The measurement runs in a thread of its own, so that the button answers; the cell returns at once, and
`result()` waits. At its end the finished figure takes the place of the widgets, which are closed: a notebook
that is saved, or has no front end, shows that.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import ipywidgets as widgets
from IPython.display import display

import labkit.lab.cells as cells
import labkit.measure.html as html
from labkit.charts.curves import curves
from labkit.charts.style import Chart, Look, look_of
from labkit.figure.picture import close_all
from labkit.measure.costs import Sweep
from labkit.measure.sweeping import Calls, sweep

DRAW_EVERY = 0.25  # seconds
PATIENCE = 30.0  # seconds beyond its deadline that a sweep may take to clean up


class LiveSweep:
    """Starts a sweep and shows it grow. Takes what labkit.sweep takes; `result()` returns the Sweep.

    It ends `within` so many seconds.

    Two measurements at once would disturb each other, so one that still runs is cancelled first, as when a
    cell is run again.
    """

    def __init__(
        self,
        setup: Callable[[int], Iterator[Calls]],
        sizes: Sequence[int],
        *,
        within: float = 10.0,
        theme: str | Look = "screen",
        **options: Any,
    ) -> None:
        look = look_of(theme)
        for other in cells.made(LiveSweep):
            other.close()
        self._sizes, self._look, self._within = tuple(sizes), look, within
        self._stop, self._over = threading.Event(), threading.Event()
        self._error: BaseException | None = None
        self.sweep = Sweep({}, of=options.get("of", "n"), title=options.get("title", ""))
        self._drawn = 0.0
        self._handle: Any = None
        self._display = threading.Lock()  # what is shown is either the widgets or the finished figure
        self._picture = widgets.HTML()
        self._bar = widgets.FloatProgress(
            min=0, max=1, description="measuring", layout=widgets.Layout(width="24em")
        )
        self._button = widgets.Button(description="Cancel", tooltip="Keep what is measured and stop")
        self._button.on_click(lambda _: self.cancel())
        self._box = widgets.VBox([self._picture, widgets.HBox([self._bar, self._button])])
        self._draw()
        self._thread: threading.Thread = threading.Thread(
            target=self._measure, args=(setup, options), name="labkit sweep", daemon=True
        )
        cells.add(self)
        self._thread.start()

    def cancel(self) -> None:
        """Stop after the call that is being measured; what was measured is kept."""
        self._stop.set()

    def wait(self, seconds: float) -> None:
        """Wait for the end, at most so many `seconds`."""
        if self._over.wait(seconds):  # a join that is interrupted would take the thread for dead
            self._thread.join()

    def close(self) -> None:
        """Cancel, and wait for the end."""
        self.cancel()
        self.wait(PATIENCE)

    @property
    def running(self) -> bool:
        return not self._over.is_set()

    def result(self) -> Sweep:
        """Wait for the end, and return the sweep. Interrupting the wait cancels the sweep and keeps it.

        TimeoutError if a measured call does not return.
        """
        try:
            self.wait(self._within + PATIENCE)
        except KeyboardInterrupt:
            self.cancel()
            self.wait(PATIENCE)
        if self.running:
            raise TimeoutError(f"a measured call has not returned for {PATIENCE:g} s after the deadline")
        if self._error is not None:
            raise self._error
        return self.sweep

    def chart(self) -> Chart:
        """The figure of what is measured so far."""
        return curves(self.sweep, sizes=self._sizes, look=self._look)

    # ---- the measuring thread ------------------------------------------------------------------------

    def _measure(self, setup: Callable[[int], Iterator[Calls]], options: dict[str, Any]) -> None:
        try:
            self.sweep = sweep(
                setup,
                self._sizes,
                within=self._within,
                progress=self._progressed,
                stop=self._stop,
                **options,
            )
        except BaseException as error:
            self._error = error
        finally:
            try:
                self._finish()
            finally:
                self._over.set()

    def _progressed(self, fraction: float, so_far: Sweep) -> None:
        """Between two sizes, when nothing is being measured: move the bar, and draw now and then."""
        self.sweep = so_far
        self._bar.value = fraction
        if time.monotonic() - self._drawn > DRAW_EVERY:
            self._draw()

    def _draw(self) -> None:
        self._picture.value = self.chart().img(1)
        self._drawn = time.monotonic()

    def _finish(self) -> None:
        with self._display:
            self._over.set()
            with contextlib.suppress(Exception):  # no front end to tell
                if self._handle is not None:
                    self._handle.update(self._final(), raw=True)
            close_all(self._box)

    # ---- what the notebook keeps ---------------------------------------------------------------------

    def _final(self) -> dict[str, Any]:
        shown: dict[str, Any] = self.chart()._repr_mimebundle_()
        why = f"{type(self._error).__name__}: {self._error}" if self._error else self.sweep.ended
        if why:
            shown["text/html"] += f"<p role='status'>Ended early: {html.text(why)}.</p>"
        return shown

    def _ipython_display_(self) -> None:
        with self._display:
            shown = self._final()
            if self.running:
                view = self._box._repr_mimebundle_()
                shown |= {key: value for key, value in view.items() if key.startswith("application/")}
            self._handle = display(shown, raw=True, display_id=True)
