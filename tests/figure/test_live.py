"""The live figure: it follows its player, obeys its controls, stays in the notebook, and leaves nothing."""

from __future__ import annotations

import base64
import gc
import json
import re
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import ipywidgets
import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

from labkit import Channel, Lab, LiveFigure, Tape
from labkit.figure.controls import Controls, typed_bytes

from ..helpers import ROOT


class Echo(Channel):
    def handle_read(self) -> None:
        self.write(self.recv(1024))


class Sleeps(Channel):
    def handle_read(self) -> None:
        self.recv(10)
        raise RuntimeError("no")


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(Echo, selector="epoll", buffers=4096) as lab:
        lab.connect("alice").send(b"hello")
        yield lab


@pytest.fixture
def shown(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> LiveFigure:
    """A figure of `lab` as a notebook shows it, with its thread and widgets, but without a front end."""
    return show(lab.live())


def show(figure: LiveFigure) -> LiveFigure:
    figure._ipython_display_()
    return figure


def soon(true: Callable[[], object]) -> None:
    """Wait until something holds; the test's own timeout ends it otherwise."""
    while not true():
        time.sleep(0.01)


def controls(figure: LiveFigure) -> Controls:
    assert figure._controls is not None
    return figure._controls


def threads() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.startswith("labkit")]


# ---- what it shows ----------------------------------------------------------------------------


def test_a_frame_is_rgba_and_the_same_twice(lab: Lab):
    lab.step(4)
    figure = LiveFigure(lab.tape, size=(800, 480))
    frame = figure.frame(2)
    assert frame.shape == (480, 800, 4) and frame.dtype == np.uint8
    figure.frame(0)
    assert (figure.frame(2) == frame).all()
    assert (figure.frame(-2) == frame).all()


def test_it_follows_the_head_until_the_reader_goes_back(lab: Lab):
    figure = lab.live()
    lab.step(5)
    assert figure.index == 4
    figure.back()
    lab.step(3)
    assert (figure.index, figure.following) == (3, False)
    for _ in range(4):
        figure.forward()
    assert (figure.index, figure.following) == (7, True)


def test_with_the_source_panel_a_step_goes_line_by_line(lab: Lab):
    lab.step()
    figure = LiveFigure(lab, "calls", "source", size=(1000, 480))
    figure.step()
    assert len(lab.tape) == 2 and figure.granularity == "source line"
    functions = []
    while len(lab.tape) == 2:
        functions.append(figure._frame.panels[1]._source.line.function)
        figure.step()
    order = list(dict.fromkeys(functions))
    assert order[:4] == ["Loop.run_once", "Echo.handle_read", "Channel.recv", "Channel.write"]
    figure.set_granularity("iteration")
    figure.step()
    assert len(lab.tape) == 4


def test_a_ring_that_drops_the_position_never_throws():
    with Lab(Echo, limit=1) as lab:
        alice = lab.connect("alice")
        lab.step(3)
        figure = lab.live().show(1)
        for _ in range(1200):
            alice.send(b"x")
            alice.recv()
            lab.step()
        assert lab.tape.dropped > 1
        assert figure.index == lab.tape.dropped
        figure.frame()
        figure.back()
        assert figure.index == lab.tape.dropped


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
    with pytest.raises(TypeError, match="Tape"):
        LiveFigure(42)


def test_an_empty_tape_has_a_figure_too():
    figure = LiveFigure(Tape())
    assert figure.index == -1
    assert figure.frame().shape == (600, 1000, 4)
    assert figure.alt() == "No iteration is recorded yet."


def test_the_alt_text_is_the_narration(lab: Lab):
    lab.step(2)
    assert LiveFigure(lab).alt(0).startswith("Iteration 0: asked about listener (read)")


# ---- files ------------------------------------------------------------------------------------


def test_it_saves_pictures(lab: Lab, tmp_path: Path):
    lab.step(3)
    figure = LiveFigure(lab)
    assert figure.save(tmp_path / "a.png", 1).read_bytes().startswith(b"\x89PNG")
    assert "<title>Iteration 1:" in figure.save(tmp_path / "a.svg", 1).read_text()


@pytest.mark.slow
def test_the_player_is_one_file_that_asks_for_nothing(lab: Lab, tmp_path: Path):
    lab.step(30)
    page = LiveFigure(lab).save(tmp_path / "player.html").read_text()
    assert not re.findall(r"""https?:|["'(]//|@import|url\(""", page)
    data = json.loads(re.search(r'application/json">(.*?)</script>', page, re.S)[1])
    assert data["first"] == 0 and len(data["frames"]) == 30
    assert all(words.startswith(f"Iteration {at}:") for at, (_, _, words) in enumerate(data["frames"]))
    assert all(base64.b64decode(key).startswith(b"\x89PNG") for key in data["keys"])


def test_the_player_of_a_long_tape_says_what_it_leaves_out(tmp_path: Path, lab: Lab, monkeypatch):
    monkeypatch.setattr("labkit.figure.player.FRAMES_AT_MOST", 10)
    lab.step(30)
    page = LiveFigure(lab).save(tmp_path / "player.html").read_text()
    assert "iterations 20 to 29 (the newest 10 of 30" in page


def test_the_player_of_an_empty_tape_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="step the lab"):
        LiveFigure(Tape()).save(tmp_path / "player.html")


# ---- controls ---------------------------------------------------------------------------------


def test_step_makes_one_iteration_and_shows_it(lab: Lab, shown: LiveFigure):
    before = controls(shown).image.value
    controls(shown).step.click()
    soon(lambda: controls(shown).image.value != before)
    assert len(lab.tape) == 1
    assert "Iteration 0:" in controls(shown).words.value


def test_run_and_pause_work_from_the_figure(lab: Lab, shown: LiveFigure):
    controls(shown).run.click()
    soon(lambda: lab.running and controls(shown).run.description == "Pause")
    lab.peers["alice"].send(b"more")
    soon(lambda: shown.index >= 2)
    controls(shown).run.click()
    soon(lambda: not lab.running and controls(shown).run.description == "Run")


def test_a_peer_is_driven_from_its_row(lab: Lab, shown: LiveFigure):
    soon(lambda: controls(shown)._rows)
    (row,) = controls(shown)._rows.values()
    alice = row.peer
    buttons = {each.description: each for each in row.root.children if isinstance(each, ipywidgets.Button)}
    buttons["Send 1 KB"].click()
    soon(lambda: alice.sent == 1005)
    row.typed.value = r"hi\n"
    row.typed._handle_custom_msg({"event": "submit"}, [])
    soon(lambda: alice.sent == 1008)
    assert row.typed.value == ""
    row.reads.value = True
    lab.step(4)
    soon(lambda: alice.received)
    soon(lambda: row.took.value.startswith("took"))
    buttons["Reset"].click()
    soon(lambda: not controls(shown)._rows)
    assert not alice.open


def test_new_peers_get_rows(lab: Lab, shown: LiveFigure):
    controls(shown).connect.click()
    soon(lambda: len(controls(shown)._rows) == 2)


def test_a_control_that_fails_says_so_under_the_figure(lab: Lab, shown: LiveFigure):
    soon(lambda: controls(shown)._rows)
    alice = lab.peers["alice"]
    shown.order(lambda _: alice.close())
    shown.order(lambda _: alice.send(b"too late"))
    soon(lambda: "alice is closed" in controls(shown).trouble.value)
    controls(shown).step.click()
    soon(lambda: not controls(shown).trouble.value)


def test_scrubbing_shows_what_was_and_stops_following(lab: Lab, shown: LiveFigure):
    lab.step(10)
    soon(lambda: controls(shown).scrubber.max == 9)
    controls(shown).scrubber.value = 3
    soon(lambda: shown.index == 3)
    assert not shown.following
    controls(shown).step.click()
    soon(lambda: shown.index == 10 and shown.following)


def test_the_calls_of_an_iteration_are_walked_through(lab: Lab):
    lab.step(2)
    figure = lab.live()
    figure.set_granularity("call")
    calls = len(lab.tape[1].calls)
    assert calls == 2
    figure.show(0)
    figure.forward()
    seen = [(figure.index, figure.call)]
    while figure.forward():
        seen.append((figure.index, figure.call))
    assert seen == [(1, 0), (1, 1), (1, 2)]
    figure.step()
    assert figure.index == 2
    figure.back()
    assert (figure.index, figure.call) == (1, 2)


def test_a_slow_run_steps_the_lab(lab: Lab, shown: LiveFigure):
    shown.speed = 16.0
    shown.order(LiveFigure.run)
    soon(lambda: len(lab.tape) >= 3)
    soon(lambda: not lab.running and shown.running)  # while it steps, it is between the two for a moment
    shown.order(LiveFigure.pause)
    soon(lambda: not shown.running)


def test_a_tape_is_replayed(lab: Lab):
    lab.step(4)
    figure = show(LiveFigure(lab.tape))
    figure.speed = 60.0
    figure.order(LiveFigure.run)
    soon(lambda: figure.index < 3)
    soon(lambda: figure.index == 3 and not figure.running)
    figure.close()


def test_the_theme_can_be_switched_while_it_is_shown(lab: Lab, shown: LiveFigure):
    lab.step(2)
    soon(lambda: "Iteration 1" in controls(shown).words.value)
    before = controls(shown).image.value
    controls(shown).theme.value = "projector"
    soon(lambda: controls(shown).image.value != before)
    assert shown.theme == "projector"


def test_every_control_has_a_name_and_a_tooltip(shown: LiveFigure):
    soon(lambda: controls(shown)._rows)
    found = [controls(shown).root]
    while found:
        widget = found.pop()
        found += getattr(widget, "children", ())
        if isinstance(widget, ipywidgets.Button | ipywidgets.ToggleButton | ipywidgets.Dropdown):
            assert widget.description and widget.tooltip
        assert not isinstance(widget, ipywidgets.Output)


def test_typed_escapes_become_bytes():
    assert typed_bytes(r"GET / HTTP/1.0\r\n\x00é\\n") == b"GET / HTTP/1.0\r\n\x00\xc3\xa9\\n"


# ---- what is left -----------------------------------------------------------------------------


def test_a_closed_figure_leaves_no_thread_widget_or_figure(lab: Lab):
    before = len(ipywidgets.widgets.widget._instances)
    figure = show(lab.live())
    lab.step(2)
    figure.close()
    figure.close()
    assert "labkit figure" not in threads()
    assert len(ipywidgets.widgets.widget._instances) == before
    here = weakref.ref(figure)
    del figure
    gc.collect()
    assert here() is None


def test_closing_the_lab_closes_its_figures(lab: Lab):
    figure = show(lab.live())
    lab.close()
    assert figure.closed and not threads()
    figure.frame()  # the tape is still there


def test_a_handler_that_raises_leaves_the_figure_alive():
    with Lab(Sleeps) as lab:
        figure = show(lab.live())
        lab.connect("alice").send(b"x")
        lab.step(2)
        soon(lambda: "RuntimeError" in controls(figure).words.value)
        assert threads().count("labkit figure") == 1


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
def test_without_a_front_end_the_last_frame_is_shown():
    cells = run(MADE + "lab.live()", "lab.connect('alice').send(b'hello'); it = lab.step(3)")
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
