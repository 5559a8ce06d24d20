"""The live figure: it follows its player, obeys its controls, stays in the notebook, and leaves nothing.

What a browser would be sent is noted and answered as widget.js does; the browser itself is in tests/browser.
"""

from __future__ import annotations

import base64
import gc
import json
import socket
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from labkit import Channel, Lab, LiveFigure, Tape
from labkit.figure.browser import Canvas
from labkit.figure.controls import ROWS_AT_MOST, typed_bytes
from labkit.lab.cells import close_earlier

from ..helpers import ROOT, widgets


class Echo(Channel):
    def handle_read(self) -> None:
        self.write(self.recv(1024))


class Sleeps(Channel):
    def handle_read(self) -> None:
        self.recv(10)
        raise RuntimeError("no <b>way</b>")


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(Echo, selector="epoll", buffers=4096) as lab:
        lab.connect("alice").send(b"hello")
        yield lab


class Page:
    """What the browser of a figure was sent: the last drawing's head, the state of the controls, all whys."""

    def __init__(self) -> None:
        self.drawings: list[dict[str, Any]] = []
        self.state: dict[str, Any] = {}
        self.whys: list[str] = []
        self.asleep: list[Any] = []  # everything that was said of the loop's sleep, since it may change soon

    def receive(self, text: str) -> int | None:
        message = json.loads(text)
        self.state |= message.get("state", {})
        if "asleep" in message.get("state", {}):
            self.asleep.append(message["state"]["asleep"])
        if "why" in message:
            self.whys.append(message["why"])
        if "layers" not in message:
            return None
        self.drawings.append(message)
        return int(message["n"])

    @property
    def says(self) -> str:
        return str(self.drawings[-1]["says"])


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> dict[Canvas, Page]:
    """What each widget was sent; every drawing is answered as painted."""
    found: dict[Canvas, Page] = {}

    def send(widget: Canvas, text: str, buffers: object = None) -> None:
        number = found.setdefault(widget, Page()).receive(text)
        if number is not None:
            widget._handle_custom_msg({"ack": number}, [])

    monkeypatch.setattr(Canvas, "send", send)
    return found


@pytest.fixture
def page(lab: Lab, pages: dict[Canvas, Page]) -> Page:
    """The page of a figure of `lab` as a notebook shows it, with its thread and widget."""
    return shown(LiveFigure(lab), pages)


def shown(figure: LiveFigure, pages: dict[Canvas, Page]) -> Page:
    figure._ipython_display_()
    page = pages[figure._screen.root]
    page.figure = figure  # type: ignore[attr-defined]
    return page


def press(page: Page, order: str, **more: Any) -> None:
    """What widget.js sends when the reader presses a control."""
    figure = page.figure  # type: ignore[attr-defined]
    figure._screen.root._handle_custom_msg({"do": order, **more}, [])


def soon(true: Callable[[], object]) -> None:
    """Wait until something holds; the test's own timeout ends it otherwise."""
    while not true():
        time.sleep(0.01)


# ---- what it shows ----------------------------------------------------------------------------


@pytest.mark.slow
def test_a_frame_is_rgba_and_the_same_twice(lab: Lab):
    lab.step(4)
    figure = LiveFigure(lab.tape)
    frame = figure.frame(2)
    assert frame.ndim == 3 and frame.shape[2] == 4 and frame.dtype == "uint8"
    assert (figure.frame(0) != figure.frame(2)).any()
    assert (figure.frame(-2) == frame).all()


def test_marks_and_drawing_are_of_the_iteration_that_is_asked_for(lab: Lab):
    lab.step(4)
    figure = LiveFigure(lab.tape)
    (band,) = (m for m in figure.marks(1) if m.kind == "band" and m.panel == "fd sets")
    assert band.iteration == 1
    whole = json.loads(figure.drawing(1))
    assert whole["i"] == 1 and whole["says"] == figure.alt(1)
    assert sum(len(marks) for marks in whole["marks"].values()) > 20


def test_bad_input_is_told_what_to_do(lab: Lab, tmp_path: Path):
    lab.step(2)
    with pytest.raises(IndexError, match="holds 0 to 1"):
        LiveFigure(lab).frame(7)
    with pytest.raises(IndexError, match="is empty"):
        LiveFigure(Tape()).frame(-1)
    with pytest.raises(ValueError, match=r"\.png, \.svg, \.html"):
        LiveFigure(lab).save(tmp_path / "figure.gif")
    with pytest.raises(ValueError, match="'screen' and 'projector'"):
        LiveFigure(lab, theme="dark")
    with pytest.raises(ValueError, match="fd sets, buffers"):
        LiveFigure(lab, "clouds")
    with pytest.raises(ValueError, match="pixels"):
        LiveFigure(lab, size=(10, 10))
    with pytest.raises(ValueError, match="'browser' and 'matplotlib'"):
        LiveFigure(lab, printer="laser")
    with pytest.raises(TypeError, match="Tape"):
        LiveFigure(42)


def test_an_empty_tape_has_a_figure_too():
    figure = LiveFigure(Tape())
    assert figure.index == -1
    assert figure.frame().shape[2] == 4
    assert figure.alt() == "No iteration is recorded yet."


@pytest.mark.slow
def test_it_saves_pictures(lab: Lab, tmp_path: Path):
    lab.step(3)
    figure = LiveFigure(lab)
    assert figure.save(tmp_path / "a.png", 1).read_bytes().startswith(b"\x89PNG")
    assert "<title>Iteration 1:" in figure.save(tmp_path / "a.svg", 1).read_text()


# ---- controls ---------------------------------------------------------------------------------


def test_step_makes_one_iteration_and_shows_it(lab: Lab, page: Page):
    press(page, "step")
    soon(lambda: page.drawings[-1]["i"] == 0)
    assert len(lab.tape) == 1
    assert page.says.startswith("Iteration 0:") and page.drawings[-1]["glide"]


def test_run_and_pause(lab: Lab, page: Page):
    press(page, "run")
    soon(lambda: lab.running and page.state["running"])
    shown = page.drawings[-1]["i"]
    lab.peers["alice"].send(b"more")  # which the loop may read together with what came before it
    soon(lambda: page.drawings[-1]["i"] > shown)
    press(page, "pause")
    soon(lambda: not lab.running and not page.state["running"])


@pytest.mark.slow
def test_while_the_loop_sleeps_the_figure_says_in_what_and_since_when(lab: Lab, page: Page):
    press(page, "run")
    soon(lambda: page.asleep and page.asleep[-1] and page.asleep[-1][0] == "epoll_wait")
    assert page.asleep[-1] is None or page.asleep[-1][1] >= 0
    told = len(page.asleep)
    lab.peers["alice"].send(b"wake up")
    soon(lambda: None in page.asleep[told:])  # though it sleeps again 0.2 s later
    press(page, "pause")
    soon(lambda: not page.state["running"])
    assert not page.state["asleep"]


@pytest.mark.slow
def test_a_busy_loop_that_is_paused_by_its_budget_says_so(
    pages: dict[Canvas, Page], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("labkit.figure.live.BUSY_BUDGET", 0.4)
    with Lab(Echo, selector="busy") as lab:
        lab._engine.budget = 0.4
        page = shown(LiveFigure(lab), pages)
        press(page, "run")
        soon(lambda: page.state["note"])
        assert "paused after 0.4 s" in page.state["note"] and not lab.running


def test_what_came_since_is_shown_though_nothing_ran(lab: Lab, page: Page):
    lab.step(4)
    soon(lambda: page.drawings and page.drawings[-1]["i"] == 3)
    before = len(page.drawings)
    lab.peers["alice"].send(b"knock")
    soon(lambda: len(page.drawings) > before)
    (now,) = (m for m in page.figure.marks() if m.kind == "now" and m.event)  # type: ignore[attr-defined]
    assert now.text and len(lab.tape) == 4


def test_a_peer_is_driven_from_its_row(lab: Lab, page: Page):
    soon(lambda: page.state["peers"]["rows"])
    (row,) = page.state["peers"]["rows"]
    assert row == {"name": "alice", "open": True, "reads": False, "took": ""}
    alice = lab.peers["alice"]
    press(page, "peer", peer="alice", act="1 KB")
    soon(lambda: alice.sent == 1005)
    press(page, "peer", peer="alice", act="type", text=r"hi\n")
    soon(lambda: alice.sent == 1008)
    press(page, "peer", peer="alice", act="reads")
    soon(lambda: page.state["peers"]["rows"][0]["reads"])
    lab.step(4)
    soon(lambda: page.state["peers"]["rows"][0]["took"].startswith("took"))
    press(page, "peer", peer="alice", act="reset")
    soon(lambda: not alice.open and not page.state["peers"]["rows"][0]["open"])


def test_a_peer_that_closes_reads_no_more(lab: Lab, page: Page):
    press(page, "peer", peer="alice", act="reads")
    soon(lambda: page.state["peers"]["rows"][0]["reads"])
    lab.peers["alice"].close()
    soon(lambda: not page.figure.controls.reading)  # type: ignore[attr-defined]
    assert not page.state["trouble"]


def test_new_peers_get_rows(lab: Lab, page: Page):
    press(page, "connect")
    soon(lambda: len(page.state["peers"]["rows"]) == 2)


def test_an_order_that_fails_says_so_above_the_figure(lab: Lab, page: Page):
    lab.peers["alice"].close()
    press(page, "peer", peer="alice", act="1 B")
    soon(lambda: "alice is closed" in page.state["trouble"])
    press(page, "dance")
    soon(lambda: "no order 'dance'" in page.state["trouble"])
    press(page, "step")
    soon(lambda: not page.state["trouble"])


def test_start_again_is_the_lab_as_it_began(lab: Lab, page: Page):
    assert page.state["again"]
    lab.step(4)
    press(page, "peer", peer="alice", act="reads")
    soon(lambda: page.state["peers"]["rows"][0]["reads"] and page.state["last"] == 3)
    press(page, "go", i=1)
    press(page, "reset")
    soon(lambda: page.state["last"] == -1 and page.drawings[-1]["i"] == -1)
    soon(lambda: page.state["peers"]["rows"] == [{"name": "alice", "open": True, "reads": False, "took": ""}])
    press(page, "step")
    press(page, "step")
    soon(lambda: page.drawings[-1]["i"] == 1)
    assert "alice" in page.says and lab.tape[-1].calls[0].result == 5, "what she had sent is there again"


def test_scrubbing_shows_what_was_and_stops_following(lab: Lab, page: Page):
    lab.step(10)
    soon(lambda: page.state["last"] == 9)
    press(page, "go", i=3)
    soon(lambda: page.drawings[-1]["i"] == 3)
    lab.step()
    press(page, "forward")
    soon(lambda: page.drawings[-1]["i"] == 4)
    press(page, "step")
    soon(lambda: page.drawings[-1]["i"] == 11)


def test_a_press_goes_nowhere_where_there_is_nowhere_to_go(lab: Lab, page: Page):
    lab.step(2)
    soon(lambda: page.state["last"] == 1)
    assert page.state["back"] and not page.state["forward"]
    press(page, "go", i=0)
    soon(lambda: page.state["forward"] and not page.state["back"])
    press(page, "back")
    press(page, "granularity", value="call")
    soon(lambda: page.state["back"])
    press(page, "back")
    soon(lambda: page.state["at"] == "just woken")
    assert len(lab.tape) == 2


def test_why_is_answered_for_the_mark_that_is_pointed_at(lab: Lab, page: Page):
    lab.step(3)
    soon(lambda: page.drawings[-1]["i"] == 2)
    figure = page.figure  # type: ignore[attr-defined]
    for layer in figure.draw().layers:
        for number, mark in enumerate(layer.drawn):
            if mark.kind == "cell" and mark.iteration == 1 and mark.state == "ready":
                press(page, "why", of="it", key=layer.key, number=number)
    soon(lambda: page.whys)
    assert "alice" in page.whys[0] and "5 bytes" in page.whys[0]


def test_a_slow_run_steps_the_lab(lab: Lab, page: Page):
    press(page, "speed", value="16 a second")
    press(page, "run")
    soon(lambda: len(lab.tape) >= 3)
    press(page, "pause")
    soon(lambda: not page.state["running"])


def test_a_tape_is_replayed(lab: Lab, pages: dict[Canvas, Page]):
    lab.step(4)
    page = shown(LiveFigure(lab.tape), pages)
    assert page.state["replay"] and not page.state["connects"]
    press(page, "speed", value="16 a second")
    press(page, "run")
    soon(lambda: {d["i"] for d in page.drawings} == {0, 1, 2, 3})
    soon(lambda: not page.state["running"])


def test_the_theme_can_be_switched_while_it_is_shown(lab: Lab, page: Page):
    press(page, "theme", value="projector")
    soon(lambda: page.state["theme"] == "projector")


def test_it_is_laid_out_as_wide_as_the_browser_has_room(lab: Lab, page: Page):
    lab.step()
    for asked, wide in ((700, 700), (1900, 1900), (100, 640), (9999, 2560)):
        press(page, "width", value=asked)
        soon(lambda wide=wide: page.drawings[-1]["w"] == wide)


def test_typed_escapes_become_bytes():
    assert typed_bytes(r"GET / HTTP/1.0\r\n\x00é\\n") == b"GET / HTTP/1.0\r\n\x00\xc3\xa9\\n"


# ---- what it is given may be anything -----------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", ["<!--<script>", "\ud800 lone", "\x1b[31m red", "a" * 300])
def test_any_name_can_be_shown_saved_and_played(name: str, pages: dict[Canvas, Page], tmp_path: Path):
    with Lab(Echo) as lab:
        page = shown(LiveFigure(lab), pages)
        lab.connect(name).send(b"x")
        lab.step(3)
        soon(lambda: page.drawings[-1]["i"] == 2)
        assert not page.state["trouble"] and page.state["peers"]["rows"][0]["name"] == name
        figure = LiveFigure(lab.tape)
        for suffix in ("png", "svg", "html"):
            assert figure.save(tmp_path / f"a.{suffix}").stat().st_size > 1000
        assert "<script>" not in figure._bundle(live=False)["text/html"]


@pytest.mark.slow
def test_a_handler_that_raises_leaves_the_figure_alive(pages: dict[Canvas, Page]):
    with Lab(Sleeps) as lab:
        page = shown(LiveFigure(lab), pages)
        lab.connect("alice").send(b"x")
        lab.step(2)
        soon(lambda: "RuntimeError: no <b>way</b>" in page.says)
        assert "<b>" not in page.figure._bundle(live=True)["text/html"]  # type: ignore[attr-defined]
        assert page.figure._thread.is_alive()  # type: ignore[attr-defined]


# ---- what is left -----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("printer", ["browser", "matplotlib"])
def test_a_closed_figure_leaves_no_thread_widget_or_figure(lab: Lab, printer: str):
    before = widgets()
    figure = lab.live(printer=printer)
    figure._ipython_display_()
    thread = figure._thread
    assert thread is not None and thread.is_alive()
    assert widgets() - before, "those of an earlier test may go meanwhile"
    lab.step(2)
    figure.close()
    figure.close()
    soon(lambda: not thread.is_alive() and widgets() <= before)
    here = weakref.ref(figure)
    del figure
    gc.collect()
    assert here() is None


def test_closing_the_lab_closes_its_figures(lab: Lab):
    figure = lab.live()
    figure._ipython_display_()
    own = figure._thread, lab._engine.thread  # there may be others, of earlier tests
    lab.close()
    assert figure.closed
    soon(lambda: not any(each is not None and each.is_alive() for each in own))
    figure.frame()  # the tape is still there


def test_a_tapes_figure_that_nobody_names_lives_as_long_as_its_output(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
):
    """As hunt(2) shows one: without this its controls are dead as soon as the cell has run."""
    monkeypatch.setattr("labkit.lab.cells.current", lambda: ("cell 1", 1))
    lab.step()
    figure = LiveFigure(lab.tape)
    figure._ipython_display_()
    here, thread = weakref.ref(figure), figure._thread
    del figure
    gc.collect()
    assert here() is not None and thread is not None and thread.is_alive()
    monkeypatch.setattr("labkit.lab.cells.current", lambda: ("cell 1", 2))
    close_earlier()
    soon(lambda: not thread.is_alive() and gc.collect() is not None and here() is None)


@pytest.mark.slow
def test_a_figure_whose_lab_alone_is_closed_is_freed(lab: Lab):
    before = widgets()
    figure = LiveFigure(lab)
    figure._ipython_display_()
    thread = figure._thread
    assert thread is not None
    lab.close()
    soon(lambda: not thread.is_alive() and widgets() <= before)
    here = weakref.ref(figure)
    del figure
    soon(lambda: gc.collect() is not None and here() is None)


@pytest.mark.slow
@pytest.mark.parametrize("printer", ["browser", "matplotlib"])
def test_peers_that_come_and_go_leave_nothing(lab: Lab, printer: str):
    figure = LiveFigure(lab, printer=printer)
    figure._ipython_display_()
    lab.run()
    before = widgets()
    for n in range(2000):
        with socket.create_connection(lab.address):
            pass
        if n % 50 == 0:
            lab.connect(f"guest {n}").close()
    assert widgets() <= before
    assert len(figure.controls._rows) <= ROWS_AT_MOST
    lab.pause()
    figure.close()


# ---- in a notebook ----------------------------------------------------------------------------


def run(*cells: str) -> list[nbformat.NotebookNode]:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(ROOT)}})
    client.execute()
    return notebook.cells


MADE = """
from labkit import Channel, Lab
class Echo(Channel):
    def handle_read(self):
        self.write(self.recv(1024))
lab = Lab(Echo, buffers=4096)
"""


@pytest.mark.notebook
@pytest.mark.parametrize("printer", ["browser", "matplotlib"])
def test_without_a_front_end_the_last_frame_is_shown(printer: str):
    cells = run(
        MADE + f"lab.live(printer={printer!r})", "lab.connect('alice').send(b'hello'); it = lab.step(3)"
    )
    (output,) = cells[0].outputs
    assert output.data["text/plain"].startswith("Iteration 2:")
    assert '<img alt="Iteration 2:' in output.data["text/html"]
    assert base64.b64decode(output.data["image/png"]).startswith(b"\x89PNG")


@pytest.mark.notebook
def test_a_closed_lab_leaves_the_final_picture_and_nothing_else():
    cells = run(
        MADE + "lab.live()",
        "lab.step(2); lab.close()",
        "import threading, ipywidgets\n"
        "names = [t.name for t in threading.enumerate() if t.name.startswith('labkit')]\n"
        "print(names, len(ipywidgets.widgets.widget._instances))",
    )
    (output,) = cells[0].outputs
    assert output.data["text/plain"].startswith("Iteration 1:")
    assert "application/vnd.jupyter.widget-view+json" not in output.data
    assert cells[2].outputs[0].text == "[] 0\n"
