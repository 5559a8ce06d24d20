"""How the live figure moves in a real browser, measured: `python -m tests.browser.measure`.

    seen = measure()
    seen.fps, seen.grid_fps, seen.step_ms, seen.scrub_ms, seen.floor_ms, seen.kept

It makes a notebook of its own: an echo server under the figure with all its panels, and one of 64 fds under
the fd sets alone. Peers talk at a pace that eyes can follow for `fps` and `grid_fps`; eight clients in a
process of their own go as fast as they can for `busy_fps` and `kept`. `benchmarks/` calls it; nothing is
asserted here.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Browser, sync_playwright

from .chromium import find_or_install
from .reader import Figure, Notebook, start_chromium
from .server import JupyterLab

CLIENTS = 8
FDS = 64  # of the second server, its listener included
RATE = 100  # messages a second while the peers talk
WINDOW = (1600, 1000)  # pixels of the page: room for 64 columns
SETTLES = 1.0  # seconds before frames are counted
COMES = 3.0  # seconds from the pointer's coming to the slider to its first press
CELLS = [
    "from labkit import Channel, Lab\n"
    "class Echo(Channel):\n"
    "    def handle_read(self):\n"
    "        self.write(self.recv(4096))\n"
    "lab = Lab(Echo, selector='epoll')\n"
    f"crowd = lab.crowd({CLIENTS})",
    "import threading, time\n"
    "def talk(lab, count, seconds):\n"
    "    until = time.monotonic() + seconds\n"
    "    peers = [lab.connect(f'talker {n}') for n in range(count)]\n"
    "    while time.monotonic() < until:\n"
    "        for each in peers:\n"
    "            each.send(bytes(64)), each.recv(), time.sleep(1 / RATE)\n"
    "    for each in peers: each.close()\n"
    "def start(*args): threading.Thread(target=talk, args=args).start()",
    "lab.run(); closed = crowd.echo(CLIENTS, seconds=SECONDS)['round_trips']; lab.pause()",
    "lab.live()",
    "many = Lab(Echo, selector='epoll')\nmany.live('fd sets')",
    "import anywidget\n"
    "class Empty(anywidget.AnyWidget):\n"
    "    _esm = '''export default { render({ model }) { window.labkitTrip = () => new Promise(done => {\n"
    "      const began = performance.now(), end = () => done(performance.now() - began);\n"
    "      const back = () => { model.off('msg:custom', back); requestAnimationFrame(end); };\n"
    "      model.on('msg:custom', back); model.send({}); }); } };'''\n"
    "empty = Empty(); empty.on_msg(lambda *_: empty.send('')); empty",
]


class Seen(NamedTuple):
    """What a reader sees: frames a second while peers talk, and while the loop has no time to spare; ms from
    a press to the next image, the slider's when the pointer has been there for COMES seconds, and
    (`floor_ms`) from a message of an empty widget to the frame after it; round trips made with the figure
    closed, and with it open."""

    fps: float
    grid_fps: float
    busy_fps: float
    step_ms: tuple[float, ...]
    scrub_ms: tuple[float, ...]
    floor_ms: tuple[float, ...]
    closed: float
    opened: float
    drawing_kb: float

    @property
    def kept(self) -> float:
        """The part of the round trips that an open figure leaves."""
        return self.opened / self.closed

    def __str__(self) -> str:
        return (
            f"{self.fps:.1f} frames a second at {RATE} messages a second, {self.grid_fps:.1f} of {FDS} fds, "
            f"{self.busy_fps:.1f} at full speed, "
            f"{self.drawing_kb:.0f} kB of a drawing's head; "
            f"Step to paint {_spread(self.step_ms)}; scrub to paint {_spread(self.scrub_ms)}; "
            f"an empty widget's answer to paint {_spread(self.floor_ms)}; "
            f"round trips with the figure open {self.kept:.2f}× those with it closed"
        )


def p95(times: Sequence[float]) -> float:
    """The 95th percentile, by the nearest rank."""
    return sorted(times)[max(0, -(-len(times) * 95 // 100) - 1)]


def _spread(times: Sequence[float]) -> str:
    return f"median {statistics.median(times):.0f} ms, p95 {p95(times):.0f} ms (n={len(times)})"


def measure(browser: Browser | None = None, *, seconds: float = 5.0, presses: int = 20) -> Seen:
    """Open JupyterLab, run the echo server under its figure, and time what moves. Takes about a minute.

    Raises RuntimeError, with the reason, where no browser can be had.
    """
    if browser is None:
        found = find_or_install()
        if found.path is None:
            raise RuntimeError(found.reason)
        with sync_playwright() as playwright:
            return measure(start_chromium(playwright, found.path), seconds=seconds, presses=presses)
    constants = f"CLIENTS, RATE, SECONDS = {CLIENTS}, {RATE}, {seconds}"
    notebook = new_notebook(cells=[new_code_cell(source) for source in [constants, *CELLS]])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    with tempfile.TemporaryDirectory() as folder:
        nbformat.write(notebook, Path(folder) / "measure.ipynb")
        page = browser.new_page(viewport={"width": WINDOW[0], "height": WINDOW[1]})
        with JupyterLab(Path(folder)) as lab, Notebook(page, lab, "measure.ipynb").run_all() as open_one:
            errors = open_one.errors()
            if errors:
                raise RuntimeError("; ".join(errors))
            figure, grid = open_one.figures(at_least=2)
            grid_fps = _talking(grid, "many", FDS - 1, seconds)
            return _measure(figure, seconds, presses)._replace(grid_fps=grid_fps)


def _talking(figure: Figure, lab: str, peers: int, seconds: float) -> float:
    """Frames a second while `peers` of a lab talk, which is left running."""
    figure.box.scroll_into_view_if_needed()
    figure.press("Run")
    figure.notebook.ask(f"start({lab}, {peers}, {seconds + 2 * SETTLES})")
    figure.page.wait_for_timeout(SETTLES * 1e3)
    frames = figure.frames_in(seconds)
    figure.page.wait_for_timeout(2 * SETTLES * 1e3)
    return len(frames) / seconds


def _measure(figure: Figure, seconds: float, presses: int) -> Seen:
    ask = figure.notebook.ask
    ask("many.pause()")
    talking = _talking(figure, "lab", CLIENTS, seconds)
    ask(f"crowd.start_echo(CLIENTS, seconds={seconds + SETTLES})")
    figure.page.wait_for_timeout(SETTLES * 1e3)
    busy = figure.frames_in(seconds)
    opened = float(ask("crowd.result()['round_trips']")) * seconds / (seconds + SETTLES)
    figure.press("Pause")
    figure.wait_for_rest()
    drawing = str(figure.box.evaluate("element => JSON.stringify(element.figure.drawing)"))
    steps = tuple(figure.press_to_paint(lambda: figure.press("Step")) for _ in range(presses))
    figure.box.get_by_role("slider").hover()
    figure.page.wait_for_timeout(COMES * 1e3)
    places = [(n * 7 % presses + 0.5) / presses for n in range(presses)]  # each another, far apart
    scrubs = tuple(figure.press_to_paint(lambda to=to: figure.scrub(to)) for to in places)
    floor = tuple(float(figure.page.evaluate("labkitTrip()")) for _ in range(presses))
    return Seen(
        fps=talking,
        grid_fps=0.0,
        busy_fps=len(busy) / seconds,
        step_ms=steps,
        scrub_ms=scrubs,
        floor_ms=floor,
        closed=float(ask("closed")),
        opened=opened,
        drawing_kb=len(drawing) / 1e3,
    )


if __name__ == "__main__":
    print(measure())
