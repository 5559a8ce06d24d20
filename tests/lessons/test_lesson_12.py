"""Lesson 12, twenty-five myths: each card's run shows what its text says, and each wrong answer is met."""

from __future__ import annotations

import ast
from types import SimpleNamespace

import nbformat
import pytest

from labkit.teaching.questions import lesson

from ..helpers import ROOT, code_cells
from .observing import AsItStands, observe, rows, the_lesson

LESSON = ROOT / "notebooks" / "12-twenty-five-myths.ipynb"

# What the kernel answers, card by card (docs/facts.md has most of these).
ANSWERS = {
    "asynchronous": 5,
    "epoll_reads": 0,
    "epoll_faster": "`select`",
    "files": "`EPERM`",
    "edge": 1024,
    "deregister": "the closed number",
    "fd_1024": "`ValueError`",
    "ready_blocks": "it sleeps",
    "ewouldblock": "one number",
    "send_all": "a part",
    "sendall": "a part",
    "recv_returns": 10,
    "boundaries": 1,
    "disconnect": "it returns `b''`",
    "sigpipe": "it returns 1",
    "close_shutdown": "it hears nothing",
    "linger": "`ECONNRESET`",
    "time_wait": "`EADDRINUSE`",
    "asyncio_threads": 0,
    "requests": 0,
    "time_sleep": "about 0.4 s",
    "threads_cpu": "next to nothing",
    "send_read": "`ECONNRESET`",
    "third_set": "readable and writable",
    "backlog": 3,
}


@pytest.fixture(scope="module")
def seen() -> SimpleNamespace:
    """What the cards' runs revealed."""
    return observe(LESSON, ", ".join(f"{name}=guess_{name}.observed" for name in ANSWERS))


class TestTheLesson(AsItStands):
    lesson = LESSON
    rows = rows()


@the_lesson
@pytest.mark.parametrize("card", ANSWERS)
def test_a_card_shows_what_its_text_says(seen, card):
    assert getattr(seen, card) == ANSWERS[card]


def test_every_card_asks_before_it_runs_and_says_why():
    cells = [cell.source for cell in code_cells(nbformat.read(LESSON, as_version=4))][1:]
    asked = [source.partition(" = predict(")[0] for source in cells[::2]]
    assert asked == [f"guess_{name}" for name in ANSWERS]
    for name, run in zip(asked, cells[1::2], strict=True):
        assert f"{name}.reveal(" in ast.unparse(ast.parse(run).body[-1])


def test_every_misconception_is_met_and_the_right_answer_has_none():
    texts = lesson("12")
    assert list(texts) == [f"12-{name.replace('_', '-')}" for name in ANSWERS]
    for (id, told), answer in zip(texts.items(), ANSWERS.values(), strict=True):
        assert told.reason and told.wrong, id
        assert str(answer) not in told.wrong, id
