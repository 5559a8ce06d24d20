"""A coroutine on a loop of its own, a program under `labkit watch`, and turns in a table."""

from __future__ import annotations

import asyncio
import threading

import pytest

from labkit import Tape
from labkit.measure import apart
from labkit.measure.apart import flown, run_apart
from labkit.measure.turns import Turn, Turns, calls_of, conversation, limit


def test_a_coroutine_runs_in_a_thread_of_its_own_and_is_recorded():
    where: list[threading.Thread] = []

    async def main() -> None:
        where.append(threading.current_thread())
        await asyncio.sleep(0.01)

    tape = run_apart(main())
    assert where != [threading.current_thread()]
    assert not where[0].is_alive()
    assert [it.timeout for it in tape if it.timeout] == [pytest.approx(0.01, rel=0.5)]


def test_a_tape_may_be_given_and_read_meanwhile():
    tape, seen = Tape(), []

    async def main() -> None:
        await asyncio.sleep(0)
        seen.append(len(tape))

    assert run_apart(main(), tape) is tape
    assert 0 < seen[0] <= len(tape)


def test_what_the_coroutine_raises_is_raised_here():
    async def main() -> None:
        raise KeyError("alice")

    with pytest.raises(KeyError, match="alice"):
        run_apart(main())


def test_a_coroutine_that_does_not_end_is_cancelled(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(apart, "SECONDS", 0.2)
    with pytest.raises(TimeoutError, match=r"0\.2 s"):
        run_apart(asyncio.sleep(1000))
    assert "a loop apart" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.unhurried
def test_a_program_that_fails_says_why():
    with pytest.raises(RuntimeError, match="ended with 3"):
        flown("raise SystemExit(3)")


def test_turns_stand_side_by_side_and_a_shorter_list_leaves_its_cells_empty():
    one = Turn(4, 0, ("client",), ("recv 3", "send 3"))
    two = Turn(5, None, (), ())
    told = Turns({"mine": [one, two], "yours": [one]})
    page = told._repr_html_()
    assert page.count("<tr>") == 3
    assert page.count("recv 3, send 3") == 2
    assert "no limit" in page
    assert repr(told).splitlines()[1] == "mine: no limit | – | –"


@pytest.mark.parametrize(("timeout", "words"), [(None, "no limit"), (0, "0"), (0.3, "300 ms")])
def test_a_timeout_in_words(timeout, words):
    assert limit(timeout) == words


def test_a_tape_without_connections_has_no_conversation():
    tape = run_apart(asyncio.sleep(0))
    assert conversation(tape) == []
    assert calls_of(tape) == []
