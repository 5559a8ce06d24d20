"""A tape keeps what it was given, lets the oldest go, and survives a file."""

import json

import pytest

from labkit import Channel, Event, Lab, Tape
from labkit.lab.scenarios import SCENARIOS, echo


class Echo(Channel):
    def handle_read(self):
        self.write(self.recv(1024))


@pytest.fixture(scope="module")
def tape():
    return echo()


def test_it_is_a_sequence(tape):
    assert [turn.index for turn in tape] == list(range(len(tape)))
    assert tape[0] is tape.iteration(0)
    assert tape[-1].index == len(tape) - 1
    assert [turn.index for turn in tape[2:5]] == [2, 3, 4]
    with pytest.raises(IndexError, match=f"there is no tape\\[{len(tape)}\\]"):
        tape[len(tape)]


def test_an_unchanged_interest_set_is_shared_not_copied(tape):
    same = [
        (a, b)
        for a, b in zip(tape, tape[1:], strict=False)
        if a.interest == b.interest and a.interest is b.interest
    ]
    assert same


@pytest.mark.unhurried
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_saved_tape_is_the_same_tape(name, tmp_path):
    tape = SCENARIOS[name]("select")
    loaded = Tape.load(tape.save(tmp_path / "tape.jsonl"))
    assert list(loaded) == list(tape)
    assert loaded.about == {"selector": "select"}


@pytest.mark.slow
def test_a_full_ring_says_how_many_it_dropped_and_keeps_what_stood(tmp_path):
    with Lab(Echo, limit=20_000) as lab:
        alice = lab.connect("alice")
        for n in range(1500):
            alice.send(b"x")
            lab.step()
            alice.recv()
            if n % 100 == 0:
                lab.connect(f"guest {n}")
                lab.step()
        tape = lab.tape
        assert tape.dropped > 0
        assert tape.nbytes <= 20_000
        assert tape[0].index == tape.dropped
        assert len(tape) + tape.dropped == 1515
        for turn in (tape[0], tape[-1]):
            assert "alice" in turn.names.values()
            assert set(turn.ready) <= set(turn.interest)
            assert all(turn.interest[fd] == Event.READ for fd in turn.interest)
        with pytest.raises(IndexError, match="is not on the tape"):
            tape.iteration(tape.dropped - 1)
        loaded = Tape.load(tape.save(tmp_path / "ring.jsonl"))
        assert (loaded.dropped, list(loaded)) == (tape.dropped, list(tape))


@pytest.mark.unhurried
def test_reading_in_any_order_gives_the_same(tape):
    with Lab(Echo) as lab:
        alice = lab.connect("alice")
        for _ in range(700):
            alice.send(b"x")
            lab.step()
        forward = list(lab.tape)
        backward = [lab.tape[i] for i in reversed(range(len(lab.tape)))]
        assert backward[::-1] == forward


def _damage(tmp_path, tape, change):
    path = tape.save(tmp_path / "damaged.jsonl")
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(change(lines)))
    return path


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda lines: [], 1),
        (lambda lines: ["hello\n"], 1),
        (lambda lines: ["[1, 2]\n"], 1),
        (lambda lines: [lines[0].replace('"labkit-tape": 2', '"labkit-tape": 99'), *lines[1:]], 1),
        (lambda lines: [*lines[:4], lines[4][:30]], 5),
        (lambda lines: [*lines[:3], "{}\n", *lines[3:]], 4),
        (lambda lines: [*lines[:3], *lines[4:]], 4),
        (lambda lines: [*lines[:2], lines[2].replace('"calls": [', '"calls": [[1], '), *lines[3:]], 3),
        (lambda lines: [*lines[:2], "\x00\x01\n"], 3),
        (lambda lines: [lines[0].replace('"dropped": 0', '"dropped": Infinity'), *lines[1:]], 1),
        (lambda lines: [*lines[:2], "[" * 100_000 + "\n"], 3),
    ],
)
def test_a_truncated_or_foreign_file_names_the_line(tmp_path, tape, change, line):
    path = _damage(tmp_path, tape, change)
    with pytest.raises(ValueError, match=f"line {line}: not a labkit tape"):
        Tape.load(path)


def test_each_line_is_one_object(tape, tmp_path):
    first, *rest = tape.save(tmp_path / "t.jsonl").read_text().splitlines()
    assert json.loads(first)["labkit-tape"] == 2
    assert [json.loads(line)["index"] for line in rest] == list(range(len(tape)))


def test_a_tape_needs_room():
    with pytest.raises(ValueError, match="at least 1"):
        Tape(limit=0)


def test_a_tape_of_the_first_format_is_still_read(tape, tmp_path):
    path = tape.save(tmp_path / "new.jsonl")
    old = path.read_text().replace('"labkit-tape": 2', '"labkit-tape": 1')
    old = old.replace('"asleep_ns"', '"waited_ns"').replace('"awake_ns"', '"handled_ns"')
    (tmp_path / "old.jsonl").write_text(old)
    assert list(Tape.load(tmp_path / "old.jsonl")) == list(tape)
