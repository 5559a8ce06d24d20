"""The first notebook as a reader uses it: step, run, pause, look back, poke, by mouse and by keyboard."""

from __future__ import annotations

import base64
import ctypes
import json
import os
import re
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from .conftest import Open
from .reader import Figure, Notebook
from .server import JupyterLab

NAME = "00-start-here.ipynb"
LAB_CELL, LIVE_CELL = "lab = Lab(Shout", "lab.live("
LEFT = (  # the kernel's messages have eventfds that come and go; a lab's fds are sockets
    "(__import__('gc').collect() * 0, "
    "sum('socket:' in __import__('os').readlink(f'/proc/self/fd/{fd}') "
    "for fd in __import__('labkit').kernel.open_fds()), "
    "sorted(t.name for t in __import__('threading').enumerate() if t.name.startswith('labkit')))"
)


@pytest.fixture(scope="module")
def start(open_notebook: Open) -> Iterator[Notebook]:
    notebook = open_notebook(NAME)
    assert notebook.dialogs() == [], "it opens with a question"
    yield notebook.run_all()


@pytest.fixture
def figure(start: Notebook) -> Figure:
    """The first live figure on a fresh lab, stopped, with alice accepted."""
    start.run_cell(LAB_CELL)
    start.run_cell(LIVE_CELL)
    figure = start.figures()[0]
    figure.wait_until(lambda: figure.words().startswith("No iteration"), "a figure of a fresh lab")
    figure.press("Step")
    figure.wait_until(lambda: figure.words().startswith("Iteration 0:"), "the first step")
    return figure


def test_runs_without_an_error_or_a_complaint(start: Notebook):
    assert start.errors() == []
    assert start.dialogs() == []


@pytest.mark.skipif(sys.platform != "linux", reason="another process's socket is had with pidfd_getfd(2)")
def test_no_answer_waits_for_the_one_before(start: Notebook, lab: JupyterLab):
    """Jupyter Server leaves Nagle's algorithm on: then the second of two small messages waits up to 40 ms."""
    prompt = [
        held.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        for held in sockets_of(lab.pid)
        if held.getsockname()[1:2] == (lab.port,)
    ]
    assert any(prompt), "none of its connections has TCP_NODELAY"


def sockets_of(pid: int) -> Iterator[socket.socket]:
    """A duplicate of each internet socket of another process, one at a time."""
    pidfd = os.pidfd_open(pid)
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            taken = ctypes.CDLL(None).syscall(
                438, pidfd, int(name), 0
            )  # pidfd_getfd; -1 if it is closed by now
            if taken >= 0 and not stat.S_ISSOCK(os.fstat(taken).st_mode):
                os.close(taken)
            elif taken >= 0:
                with socket.socket(fileno=taken) as held:
                    if held.family == socket.AF_INET:
                        yield held
    finally:
        os.close(pidfd)


def test_a_compact_figure_leaves_room_for_what_says_what_to_do(start: Notebook):
    start.run_cell(LAB_CELL).run_cell(LIVE_CELL)
    figure = start.figures()[0]
    figure.wait_until(lambda: figure.words().startswith("No iteration"), "a figure of a fresh lab")
    figure.wait_for_rest()
    box = figure.box.bounding_box()
    assert box is not None and box["height"] <= 420, "with its controls and one peer"


def test_three_cells_later_a_loop_moves(figure: Figure):
    before = figure.wait_for_rest()
    figure.press("Step")
    figure.wait_for_change(before)
    assert figure.trouble() == "" and "Iteration 1:" in figure.words()
    assert {mark["iteration"] for mark in figure.marks(kind="band") if mark["iteration"] is not None} == {1}
    asked = eval(figure.notebook.ask("{fd: int(e) for fd, e in lab.tape[-1].interest.items()}"))
    cells = {m["fd"]: m["event"] for m in figure.marks(kind="cell", iteration=1)}
    assert cells == asked, "a cell for each fd that was asked about, for reading"


def test_what_is_typed_goes_through_every_buffer(figure: Figure):
    figure.type("alice", "hello world")
    seen = []
    for _ in range(3):
        before = figure.iteration()
        figure.press("Step")
        figure.wait_until(lambda before=before: figure.iteration() == before + 1, "a step")
        seen.append(figure.notebook.ask("lab.tape[-1].queues[max(lab.tape[-1].queues)]"))
    assert "recv_queue=3, read_buffer=8" in seen[0]
    assert "recv_queue=0, read_buffer=11" in seen[1]
    assert seen[1] == seen[2], "no line has ended, so there is no answer"
    figure.type("alice", r"\n")
    before = figure.image()
    figure.press("Step")
    figure.wait_for_change(before)
    figure.press("Reads")
    figure.wait_until(lambda: "HELLO WORLD" in figure.row("alice").inner_text(), "alice's answer")


def test_a_poke_shows_in_the_next_step(figure: Figure):
    figure.press("Send 1 KB")
    before = figure.wait_for_rest()
    figure.press("Step")
    figure.wait_for_change(before)
    assert "recv" in figure.notebook.ask("lab.tape[-1].explain()")
    assert "alice sent 1,000 bytes" in figure.notebook.ask("lab.tape[-1].explain()")


def test_run_shows_frames_until_pause(figure: Figure):
    figure.press("Reads")
    figure.press("Run")
    figure.wait_until(lambda: figure.has("Pause"), "the lab to run")
    figure.watch()
    for _ in range(12):
        before = len(figure.frames())
        figure.type("alice", r"one line\n")
        figure.wait_until(lambda before=before: len(figure.frames()) > before, "a frame for a line")
    assert len(figure.unwatch()) >= 10
    figure.press("Pause")
    figure.wait_until(lambda: figure.has("Run"), "the lab to pause")
    figure.wait_for_rest()
    figure.type("alice", r"nobody listens\n")
    figure.wait_for_rest()  # what has arrived is shown in the pale column
    length = figure.notebook.ask("len(lab.tape)")
    assert figure.frames_in(1.0) == []
    assert figure.notebook.ask("len(lab.tape)") == length


def test_a_slow_run_steps_by_itself(figure: Figure):
    figure.choose("speed", "16 a second")
    figure.press("Run")
    figure.watch()
    figure.wait_until(lambda: len(figure.frames()) >= 10, "ten frames")
    figure.unwatch()
    figure.press("Pause")
    figure.wait_for_rest()


def test_looking_back_changes_the_figure_and_not_the_lab(figure: Figure):
    for step in range(1, 9):
        figure.press("Step")
        figure.wait_until(lambda step=step: figure.iteration() == step, "a step")
    newest = figure.marks()
    length = figure.notebook.ask("len(lab.tape)")
    figure.scrub(0.3)
    figure.wait_until(lambda: figure.iteration() < 8, "an older iteration")
    there = figure.iteration()
    figure.press("Back")
    figure.wait_until(lambda: figure.iteration() == there - 1, "the one before")
    figure.page.mouse.click(*figure.place(figure.marks(kind="cell", iteration=5)[0]))
    figure.wait_until(lambda: figure.iteration() == 5, "the column that was clicked")
    figure.scrub(1.0)
    figure.wait_until(lambda: figure.iteration() == 8, "the newest")
    assert figure.marks() == newest, "it is as it was"
    assert figure.notebook.ask("len(lab.tape)") == length


def test_start_again_is_the_lab_as_it_began(figure: Figure):
    figure.press("Send 1 KB")
    for step in (1, 2):
        figure.press("Step")
        figure.wait_until(lambda step=step: figure.iteration() == step, "a step")
    figure.press("Start again")
    figure.wait_until(lambda: figure.words().startswith("No iteration"), "an empty tape")
    assert figure.notebook.ask("len(lab.tape), lab.peers['alice'] is alice, alice.sent") == "(0, True, 0)"
    figure.type("alice", "hi")
    for step in (0, 1):
        figure.press("Step")
        figure.wait_until(lambda step=step: figure.iteration() == step, "a step")
    assert {mark["iteration"] for mark in figure.marks(kind="cell")} == {0, 1}, "nothing of before"
    held = figure.notebook.ask("[q.read_buffer for q in lab.tape[-1].queues.values()]")
    assert "2" in held, "and what was typed is read"
    assert figure.trouble() == ""


def test_what_is_looked_for_is_gone_to(figure: Figure):
    """next and previous error, EAGAIN, the longest awake: by the box and its two buttons."""
    for step in range(1, 5):
        if step == 3:
            figure.type("alice", "x")
        figure.press("Step")
        figure.wait_until(lambda step=step: figure.iteration() == step, "a step")
    ask, box = figure.notebook.ask, figure.box.get_by_label("find", exact=True)
    longest = int(ask("max(lab.tape, key=lambda it: it.awake_ns).index"))
    figure.scrub(0.0)
    figure.wait_until(lambda: figure.iteration() == 0, "the first")
    box.fill("longest awake")
    figure.press("find the next")
    figure.wait_until(lambda: figure.iteration() == longest, "the longest")
    box.fill("alice sent 1 byte")
    figure.scrub(1.0)
    figure.wait_until(lambda: figure.iteration() == 4, "the newest")
    figure.press("find the previous")
    figure.wait_until(lambda: figure.iteration() == 3, "words, backwards")
    box.fill("error")
    box.press("Enter")
    figure.wait_until(lambda: "no error after" in figure.status(), "that there is none")
    assert figure.iteration() == 3


def test_by_call_every_panel_goes_back_and_nothing_runs(figure: Figure):
    figure.press("Step")
    figure.wait_until(lambda: figure.iteration() == 1, "a step")
    figure.type("alice", "hello")
    figure.press("Step")
    figure.wait_until(lambda: figure.iteration() == 2, "a step")
    here = "(lambda q: [q.recv_queue, q.read_buffer])(lab.tape[-1].queues[max(lab.tape[-1].queues)])"
    received = eval(figure.notebook.ask(here))
    figure.choose("Back and Forward by", "call")
    figure.press("Back")
    figure.wait_until(lambda: "0 of" in figure.box.locator(".lk-place").inner_text() or "woken" in
                      figure.box.locator(".lk-place").inner_text(), "the moment when it woke")  # fmt: skip
    held = {m["state"]: m["value"] for m in figure.marks(kind="bytes")}
    assert held["recv_queue"] == 5, "not yet received"
    figure.press("Forward")
    figure.wait_until(lambda: figure.box.get_by_role("button", name="Forward").is_disabled(), "the end")
    held = {m["state"]: m["value"] for m in figure.marks(kind="bytes")}
    assert [held.get("recv_queue", 0), held.get("read_buffer", 0)] == received
    assert figure.notebook.ask("len(lab.tape)") == "3"


def test_the_keyboard_is_enough(figure: Figure):
    page, notebook = figure.page, figure.notebook
    notebook.focus_cell(LIVE_CELL)

    def tab_to(label: str, key: str = "Tab") -> None:
        for _ in range(60):
            page.keyboard.press(key)
            if figure.focused(label):
                return
        raise AssertionError(f"Tab does not lead to {label!r}")

    def goes_to(key: str, iteration: int) -> None:
        page.keyboard.press(key)
        figure.wait_until(lambda: figure.iteration() == iteration, f"{key} to lead to {iteration}")

    tab_to("Step")
    goes_to("Enter", 1)
    goes_to("Space", 2)
    tab_to("Run")
    page.keyboard.press("Enter")
    figure.wait_until(lambda: figure.has("Pause"), "the lab to run")
    page.keyboard.press("Enter")
    figure.wait_until(lambda: figure.has("Run"), "the lab to pause")
    newest = int(notebook.ask("lab.tape[-1].index"))
    tab_to("slider")
    goes_to("ArrowLeft", newest - 1)
    tab_to("text")
    page.keyboard.type(r"hi\n")
    page.keyboard.press("Enter")
    tab_to("figure")
    goes_to("ArrowLeft", newest - 2)
    goes_to("End", newest)
    for _ in range(4):
        page.keyboard.press("ArrowDown")
    assert figure.box.locator(".lk-tip").is_visible(), "the marks of an iteration can be gone through"
    assert page.evaluate("document.activeElement.className") == "lk-sheet", (
        "the notebook takes no key of ours"
    )
    tab_to("Step", "Shift+Tab")
    goes_to("Enter", newest + 1)
    assert "alice sent 3 bytes" in notebook.ask("lab.tape[-1].explain()")


def test_a_mark_says_what_it_is_and_why(figure: Figure):
    said = figure.point_at(figure.marks(kind="cell", iteration=0)[0])
    assert "listener" in said and len(said) > 30
    assert figure.iteration() == 0, "pointing goes nowhere"


def test_nothing_under_the_cursor_moves(figure: Figure):
    step = figure.button("Step").first
    step.hover()
    before = step.bounding_box()
    for _ in range(3):
        figure.press("Send 1 KB")
        figure.press("Connect a peer")
        step.click()
        step.click()
    figure.wait_until(lambda: figure.iteration() == 6, "six steps")
    assert step.bounding_box() == before


def test_while_it_sleeps_the_figure_says_so(figure: Figure):
    figure.press("Run")
    figure.wait_until(lambda: "asleep in select" in figure.status(), "the loop to fall asleep")
    first = figure.status()
    figure.wait_until(lambda: figure.status() != first, "the seconds to go on")
    figure.press("Pause")
    figure.wait_until(lambda: figure.status() == "", "the lab to pause")


def test_it_is_painted_in_the_colours_of_the_page(start: Notebook, figure: Figure):
    light = figure.image()
    start.theme("JupyterLab Dark")
    try:
        dark = figure.wait_for_change(light)
        assert dark != light
        background = "getComputedStyle(document.querySelector('.labkit')).backgroundColor"
        ground = eval(start.page.evaluate(background).removeprefix("rgb"))
        assert figure.pixel({"x": 2, "y": 2, "w": 0, "h": 0})[:3] == ground and max(ground) < 60
    finally:
        start.theme("JupyterLab Light")


def test_a_fast_typist_loses_nothing(figure: Figure):
    figure.row("alice").locator("input").click()
    figure.page.keyboard.type("typed without a pause")
    figure.page.keyboard.press("Enter")
    sent = "alice sent 21 bytes"
    figure.press("Step")
    figure.wait_until(lambda: figure.iteration() == 1, "a step")
    assert sent in figure.notebook.ask("lab.tape[-1].explain()")


def test_running_the_cells_again_leaves_nothing_behind(start: Notebook, figure: Figure):
    figure.press("Run")
    start.run_cell(LAB_CELL).run_cell(LIVE_CELL)
    before = start.ask(LEFT)
    for _ in range(3):
        start.figures()[0].press("Run")
        start.run_cell(LAB_CELL).run_cell(LIVE_CELL)
    assert start.ask(LEFT) == before
    assert start.errors() == []


def test_a_peer_that_does_not_read_fills_the_buffers(start: Notebook):
    for cell in ("class Choir(Shout)", "choir = Lab(Choir", "choir.live("):
        start.run_cell(cell)
    choir = next(each for each in start.figures() if "dave" in each.words())
    choir.uncover()
    held = "(lambda q: q.write_buffer + q.send_queue)(choir.tape[-1].queues[max(choir.tape[-1].queues)])"
    assert start.ask(f"{held} + dave.queues()[0]") == "12000"
    choir.press("Reads")
    for _ in range(20):
        before = choir.iteration()
        choir.press("Step")
        choir.wait_until(lambda before=before: choir.iteration() == before + 1, "a step")
    choir.wait_until(lambda: start.ask("dave.received") == "12000", "dave to have read it all")


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_is_legible_in_every_theme(start: Notebook, shots: Path, theme: str):
    start.theme(theme)
    try:
        start.screenshot(shots / f"start-here-{theme.split()[-1].lower()}.png", whole=True)
        poor = [f"{text!r}: {ratio:.1f}" for text, ratio in start.figures()[0].contrasts() if ratio < 4.5]
        assert not poor, f"contrast below 4.5 (WCAG AA): {poor}"
    finally:
        start.theme("JupyterLab Light")


def test_an_export_shows_the_last_frame_with_words(start: Notebook, figure: Figure, tmp_path: Path):
    figure.press("Step")
    figure.wait_until(lambda: figure.iteration() == 1, "a step")
    words = figure.words()
    start.run_cell("closed = Lab(Shout)")  # what is saved follows at the end of every cell
    start.save()
    stored = json.loads((start.lab.folder / NAME).read_text())
    (live,) = (cell for cell in stored["cells"] if LIVE_CELL in "".join(cell["source"]))
    picture = "".join(live["outputs"][0]["data"]["image/png"]).strip()
    assert base64.b64decode(picture)[:4] == b"\x89PNG"
    assert "".join(live["outputs"][0]["data"]["text/plain"]) == words
    command = [sys.executable, "-m", "nbconvert", "--to", "html", "--output-dir", str(tmp_path)]
    subprocess.run([*command, str(start.lab.folder / NAME)], check=True, capture_output=True, timeout=120)
    exported = (tmp_path / NAME).with_suffix(".html").read_text()
    images = re.findall(r'<img alt="([^"]*)"[^>]*src="([^"]*)"', exported)
    shown = {unescape(alt): source for alt, source in images}
    assert words in shown
    assert picture.replace("\n", "") in shown[words].replace("\n", "")


def test_axe_finds_nothing_serious_in_the_figure(figure: Figure):
    found = Axe().run(figure.page, context={"include": [[".labkit"]]}).response["violations"]
    assert not [(each["id"], each["impact"]) for each in found if each["impact"] in ("serious", "critical")]
