"""The steps of lesson 11: each begins with the reader's own last one, or with the reference if they ask."""

from __future__ import annotations

import contextlib
import gc
import os
import selectors
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from labkit import kernel
from labkit.cli import main
from labkit.teaching import practice_steps, practice_trial, progress
from labkit.teaching.practice import check
from labkit.teaching.practice_form import every, load
from labkit.teaching.practice_source import Unusable, is_stub, source_of
from labkit.teaching.practice_steps import beginning, reference, start, step, whole
from labkit.teaching.practice_terminal import Practice
from labkit.teaching.practice_trial import at_work, trial
from labkit.teaching.race import race
from tests.teaching.answers import ANSWERS

FIRST, SECOND, THIRD = "build-1-one-fd", "build-2-many", "build-3-write-interest"


@pytest.fixture(autouse=True)
def notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict]:
    """The names of a notebook, with nothing in it, and a progress of its own."""
    monkeypatch.setenv("LABKIT_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setattr(progress, "_remembered", {})
    main = type(sys)("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)
    yield vars(main)
    while practice_trial._latest:
        practice_trial._latest.pop().close()


def solution(name: str) -> Path:
    return ANSWERS / name / "solution.py"


def written(name: str, space: dict) -> type:
    exec(compile(reference(name), f"<{name}>", "exec"), space)
    return space[load(name).answer]


def test_the_first_step_begins_with_nothing(notebook):
    assert "nothing but Python" in start("build-1").begins
    assert beginning(load(FIRST)) == load(FIRST).stub


def test_a_step_whose_beginning_is_not_there_says_what_to_solve(notebook):
    assert f"solve {FIRST}" in start(SECOND).begins
    assert "Loop1" not in notebook
    assert beginning(load(SECOND)) == load(SECOND).stub


def test_a_name_may_be_cut_short_but_not_made_up():
    assert step("build-3").name == THIRD
    with pytest.raises(LookupError, match="there is no step 'build'"):
        step("build")


def test_what_the_notebook_has_is_never_replaced_unless_asked(notebook):
    mine = written(FIRST, notebook)
    assert "from this notebook" in start(SECOND).begins
    assert notebook["Loop1"] is mine
    assert "the reference's" in start(SECOND, from_reference=True).begins
    assert notebook["Loop1"] is not mine


def test_a_class_that_start_has_brought_has_a_text_for_check(notebook):
    start(THIRD, from_reference=True)
    text, name = source_of(notebook["Loop2"], "Loop2")
    assert name == "Loop2" and "class Loop1" in text


@pytest.mark.slow
def test_what_was_passed_is_kept_and_begins_the_next(notebook):
    check(FIRST, str(solution(FIRST)))
    assert progress.read()["step"][FIRST]["passed"]
    assert "as you last passed it" in start(SECOND).begins
    assert notebook["Loop1"].__name__ == "Loop1"
    text = beginning(load(SECOND))
    assert text.startswith(solution(FIRST).read_text().rstrip()) and text.endswith(load(SECOND).stub)


@pytest.mark.slow
def test_what_fails_later_does_not_lose_what_was_passed():
    check(FIRST, str(solution(FIRST)))
    check(FIRST, load(FIRST).stub)
    assert "register" in practice_steps.own(FIRST)


def test_a_reference_stands_on_those_before_it():
    lines = reference(THIRD).splitlines()
    classes = [line.split("(")[0].rstrip(":") for line in lines if line.startswith("class Loop")]
    assert classes == ["class Loop1", "class Loop2", "class Loop3"]
    assert solution(THIRD).read_text().count("class ") == 1


def test_a_step_that_is_written_alone_gets_what_it_stands_on_in_front(tmp_path, monkeypatch):
    alone = solution(SECOND)
    assert whole(load(SECOND), alone) == whole(load(SECOND), str(alone)) == reference(SECOND)
    with monkeypatch.context() as installed:
        installed.setattr(practice_steps, "REFERENCES", tmp_path / "none")
        with pytest.raises(Unusable, match=f"Step 2: many begins with your `Loop1`.*: solve {FIRST}"):
            whole(load(SECOND), alone)
    progress.note("step", FIRST, passed=True, text=["class Loop1:", "    mine = True"])
    assert whole(load(SECOND), alone) == f"class Loop1:\n    mine = True\n\n\n{alone.read_text()}"
    assert whole(load(SECOND), alone, from_reference=True) == reference(SECOND)
    assert whole(load(FIRST), solution(FIRST)) == solution(FIRST)
    (tmp_path / "all.py").write_text(reference(SECOND))
    assert whole(load(SECOND), tmp_path / "all.py") == tmp_path / "all.py", "it has all that it stands on"
    (tmp_path / "none.py").write_text("class Loop2(")
    assert whole(load(SECOND), tmp_path / "none.py") == tmp_path / "none.py", "whoever judges it says so"


@pytest.mark.slow
def test_in_a_terminal_a_step_in_a_file_of_its_own_stands_on_the_readers_last_one(capsys):
    assert main(["check", FIRST, str(solution(FIRST))]) == 0
    assert main(["check", SECOND, str(solution(SECOND))]) == 0
    assert "reference" not in capsys.readouterr().err
    assert practice_steps.own(SECOND).startswith(solution(FIRST).read_text().rstrip()), "and is kept whole"
    assert main(["check", THIRD, str(solution(THIRD)), "--from-reference"]) == 0


@pytest.mark.parametrize("removes", [True, False], ids=["and removes it", "and no more"])
@pytest.mark.parametrize("kind", ["SelectSelector", "PollSelector", "EpollSelector"])
def test_the_reference_outlives_a_callback_that_closes_its_own_socket_and_raises(notebook, kind, removes):
    loop = written("build-7-errors", notebook)(getattr(selectors, kind)())
    (here, alice), (there, bob) = socket.socketpair(), socket.socketpair()
    said: list[bytes] = []

    def closes() -> None:
        here.recv(9)
        if removes:
            loop.remove_reader(here)
        here.close()
        raise KeyError("mine")

    with contextlib.closing(loop.selector), here, alice, there, bob:
        fd = here.fileno()
        loop.add_reader(here, closes)
        loop.add_reader(there, lambda: said.append(there.recv(9)))
        alice.send(b"hello")
        bob.send(b"hello")
        loop.run_once()
        assert alice.recv(9) == b"" and said == [b"hello"]
        assert [key.fileobj for key in loop.selector.get_map().values()] == [there]
        os.dup2(bob.fileno(), fd)  # whoever gets the number next is somebody else
        with socket.socket(fileno=fd) as again:
            loop.add_reader(again, lambda: said.append(again.recv(9)))
            there.send(b"again")
            loop.run_once()
        assert said == [b"hello", b"again"]


@pytest.mark.slow
@pytest.mark.parametrize("name", [each.name for each in every() if each.kind == "step" and each.after])
def test_a_step_in_a_file_is_judged_though_none_before_it_was_passed(name: str, capsys):
    """As whoever marks answers from a terminal does: on the reference, and it is said."""
    assert main(["check", name, str(solution(name)), "--json"]) == 0
    assert f"the reference solution of {load(name).after}" in capsys.readouterr().err
    wrong = sorted((ANSWERS / name).glob("wrong_*.py"))[0]
    progress.reset("")
    assert main(["check", name, str(wrong), "--json"]) == 1


@pytest.mark.slow
def test_check_takes_such_a_file_too():
    assert check(SECOND, str(solution(SECOND))).passed and check(SECOND, solution(SECOND)).passed


def test_an_installed_labkit_has_no_reference_and_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(practice_steps, "REFERENCES", tmp_path)
    with pytest.raises(LookupError, match="in a checkout's tests/answers"):
        start(SECOND, from_reference=True)


def test_in_a_terminal_the_file_begins_with_the_reference_if_asked(tmp_path):
    said: list[str] = []
    practice = Practice(tmp_path / "files", SECOND, said.append, from_reference=True)
    practice.begin()
    assert practice.file.read_text().startswith(solution(FIRST).read_text().rstrip())


def test_a_stub_of_several_definitions_is_judged_once_any_of_them_is_changed(notebook):
    stub = load("build-4-buffers").stub
    start("build-4", from_reference=True)
    practice_steps._define(stub, "<as it was>", notebook)
    assert is_stub(notebook["Loop4"], stub, "Loop4")
    practice_steps._define(stub.replace("self.closing = True", "self.closing = 1"), "<changed>", notebook)
    assert not is_stub(notebook["Loop4"], stub, "Loop4")


def test_the_references_loop_outlives_a_callback_that_closes_its_socket(
    notebook,
):
    loop = written("build-7-errors", notebook)()
    near, far = socket.socketpair()

    def closes_and_raises():
        near.close()
        raise ValueError("mine")

    with far:
        loop.add_reader(near, closes_and_raises)
        far.send(b"!")
        loop.run_once()
    assert not loop.selector.get_map() and near.fileno() == -1


class TestTrial:
    """A loop at work in this process: whatever it does, it ends, and leaves nothing."""

    def test_its_peers_are_served_and_its_turns_are_on_the_tape(self, notebook):
        mine = trial(SECOND, written(SECOND, notebook))
        alice = mine.connect("alice")
        alice.send(b"hello")
        assert mine.hear(alice) == b"hello"
        assert "sleeps in its selector" in str(mine)
        assert mine.tape[-1].ready.keys() == {
            fd for fd, name in mine.tape[-1].names.items() if name == "alice"
        }

    def test_every_byte_is_counted_at_both_ends(self, notebook):
        mine = trial(SECOND, written(SECOND, notebook))
        alice, counted, sent = mine.connect("alice"), None, 0
        while counted is None and sent < 100:  # who is asked while her send has not returned is not counted
            sent += alice.send(b"hello")
            mine.settle()  # she reads nothing: what comes back stays with her kernel
            (fd,) = (fd for fd, name in mine.tape[-1].names.items() if name == "alice")
            counted = mine.tape[-1].balance(fd)
        assert counted and mine.tape[-1].accounts[fd].peer_unread == sent
        assert None not in mine.tape[-1].capacity[fd]

    @pytest.mark.parametrize(
        ("body", "told"),
        [
            ("...", "never waited in the selector"),
            ("self.selector.select(0)", "It spins"),
            ("raise ValueError('mine')", "your loop ended. ValueError: mine"),
            ("self.selector.select()", "It spins"),
        ],
        ids=["never waits", "never sleeps", "raises", "handles nobody"],
    )
    def test_a_loop_that_goes_wrong_ends_and_says_why(self, notebook, body, told):
        loop = written(SECOND, notebook)
        exec(f"class Wrong(Loop2):\n    def run_once(self):\n        {body}", notebook)
        mine = trial(SECOND, notebook["Wrong"])
        mine.connect("alice")
        assert issubclass(notebook["Wrong"], loop) and told in str(mine)

    def test_nothing_is_left_of_a_loop_that_sleeps_for_ever(self, notebook):
        fds, threads = kernel.open_fds(), threading.active_count()
        exec("class Deaf:\n    def __init__(self, selector): self.selector = selector", notebook)
        exec("def add_reader(self, *_): ...\ndef run_once(self): self.selector.select()", notebook)
        deaf = notebook["Deaf"]
        deaf.add_reader, deaf.run_once = notebook["add_reader"], notebook["run_once"]
        mine = trial(SECOND, deaf)
        mine.connect("alice")
        assert threading.active_count() == threads + 1
        mine.close()
        assert threading.active_count() == threads and kernel.open_fds() == fds

    def test_the_next_trial_ends_the_one_before(self, notebook):
        first = trial(SECOND, written(SECOND, notebook))
        first.connect("alice")
        trial(SECOND, notebook["Loop2"])
        assert not first._stage.thread.is_alive()

    def test_coroutines_that_still_wait_say_nothing_when_it_ends(self, notebook, capsys):
        name = "build-8-coroutines"
        mine = trial(name, written(name, notebook))
        alice = mine.connect("alice")
        alice.send(b"hello")
        assert mine.hear(alice) == b"hello"
        mine.close()
        gc.collect()
        assert capsys.readouterr() == ("", "")

    def test_a_server_that_does_not_answer_says_so(self, monkeypatch):
        monkeypatch.setattr(practice_trial, "ANSWERS_WITHIN", 0.1)
        told = at_work(lambda listener, selector: selector.select()).call("ping")
        assert told == "ping None is not answered: no answer within 0.1 s"


SILENT = "def my_server(listener, selector):\n    selector.select()\n"
WRONG = "def my_server(listener, selector):\n    raise OSError('no')\n"


@pytest.mark.slow
@pytest.mark.parametrize(("text", "told"), [(SILENT, "no answer within"), (WRONG, "OSError: no")])
def test_who_does_not_answer_is_left_out_of_the_race(capsys, monkeypatch, text, told):
    monkeypatch.setattr("labkit.teaching.race.ANSWERS_WITHIN", 1.0)
    rates = race(text, calls=16, rounds=1)
    assert rates.keys() == {"asyncore", "asyncio", "labkit"}
    assert all(rate > 0 for rate in rates.values())
    assert told in capsys.readouterr().out
