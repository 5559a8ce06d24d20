"""What was tried to break a tape with: it keeps its limit, is read while it turns, and believes no file."""

import json
import math
import os
import random
import resource
import struct
import threading
import tracemalloc

import numpy
import pytest

from labkit import BusySelector, Tape, watch
from labkit.lab.scenarios import echo
from labkit.tape.saving import FIELDS, STANDS


def record(at=0, calls=(), samples=(), ready=(), **extra):
    """A turn, as a recorder writes it."""
    more = tuple(extra.get(name, ()) for name in EXTRA) if extra else None
    return (at, 0.0, tuple(ready), 1, 2, 3, 4, tuple(calls), tuple(samples), False, more)


EXTRA = ("changes", "gone", "names", "pokes", "errors", "moments", "contents", "backlog")


def crowded(connections, limit):
    """A tape of a loop with so many connections, each named and asked about."""
    tape = Tape(limit)
    names = tuple((fd, f"client {fd}", (4096, 4096, None, None)) for fd in range(10, 10 + connections))
    tape.append(record(changes=tuple((fd, 1) for fd, _, _ in names), names=names))
    return tape


def busy(tape, connections, turns, active=3):
    """So many turns, in each of which a few connections are at work, with numbers that compress badly."""
    for at in range(turns):
        numbers, samples = struct.unpack(f"{11 * active}I", os.urandom(44 * active)), []
        for n in range(0, 11 * active, 11):
            samples += (
                10 + numbers[n] % connections,
                *numbers[n + 1 : n + 5],
                (*numbers[n + 5 : n + 11], True, False),
            )
        tape.append(record(at, samples=samples))


@pytest.mark.slow
@pytest.mark.parametrize(("connections", "limit"), [(10_000, 12 * 2**20), (4, 2**20)])
def test_a_ring_takes_no_more_than_twice_what_it_is_allowed(connections, limit):
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tape = crowded(connections, limit)
        while not tape.dropped:
            busy(tape, connections, 50, active=100)
        busy(tape, connections, 200, active=100)
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert tape.nbytes <= limit
    assert taken <= 2 * limit
    assert len(tape[0].interest) == len(tape[-1].interest) == connections


@pytest.mark.slow
def test_every_turn_reads_the_same_in_any_order():
    tape, whole = crowded(1000, 2**19), crowded(1000, 2**30)
    whole.append = lambda record, add=whole.append: (add(record), tape.append(record))
    busy(whole, 1000, 6000)
    assert tape.dropped and any(chunk.base is None for chunk in tape._chunks)
    order = list(range(tape.dropped, tape.dropped + len(tape)))
    random.Random(2).shuffle(order)
    for index in order[:200]:
        assert tape.iteration(index) == whole.iteration(index)
    assert [turn.index for turn in tape] == sorted(order)


@pytest.mark.slow
def test_a_ring_can_be_read_while_it_turns():
    tape, over = crowded(30, 4000), threading.Event()

    def write():
        while not over.is_set():
            busy(tape, 30, 200)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while tape.dropped < 20_000:
            first, last = tape[0], tape[-1]
            assert first.index <= last.index
            assert all(a.index < b.index for a, b in zip(tape[:5], tape[1:6], strict=False))
            seen = [turn.index for turn, _ in zip(tape, range(50), strict=False)]
            assert seen == sorted(set(seen))
    finally:
        over.set()
        writer.join()


# ---- files -----------------------------------------------------------------------------------------------


def test_a_save_that_fails_leaves_the_tape_that_was_there(tmp_path):
    path = tmp_path / "tape.jsonl"
    good = echo()
    good.save(path)
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    larger = crowded(50, 2**20)
    busy(larger, 50, 500)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))  # as a full disk: write(2) fails, EFBIG
    try:
        with pytest.raises(OSError):
            larger.save(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["tape.jsonl"]


def test_a_save_goes_through_a_link_and_keeps_the_mode(tmp_path):
    path, link = tmp_path / "tape.jsonl", tmp_path / "link"
    path.write_text("old")
    path.chmod(0o640)
    link.symlink_to(path)
    tape = echo()
    assert tape.save(link) == link
    assert link.is_symlink() and path.stat().st_mode & 0o777 == 0o640
    assert list(Tape.load(path)) == list(tape)


def test_a_pipe_can_be_saved_to(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    told = []
    reader = threading.Thread(target=lambda: told.append(pipe.read_text()))
    reader.start()
    echo().save(pipe)
    reader.join(10)
    assert told[0].startswith('{"labkit-tape"')


WRONG = [
    1.5,
    -(2**70),
    "x",
    True,
    [],
    [None],
    [["a"]],
    [[1, 99]],
    {},
    [[1, 2, 3, 4, 5, 6, 7, 8]],
    float("nan"),
]


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_of_a_row_is_looked_at_and_its_line_named(name, tmp_path):
    path = tmp_path / "tape.jsonl"
    lines = echo().save(path).read_text().splitlines()
    row = json.loads(lines[3])
    refused = 0
    for wrong in WRONG:
        path.write_text("\n".join([*lines[:3], json.dumps(row | {name: wrong}), *lines[4:]]) + "\n")
        try:
            for turn in Tape.load(path):
                turn.explain()
        except ValueError as error:
            assert "line 4: not a labkit tape from here on" in str(error)
            assert str(error).isprintable()
            refused += 1
    assert refused >= len(WRONG) - 4  # an empty list is one of nothing, a number may be a time, a word a name


def test_an_infinite_timeout_is_kept(tmp_path):
    """A program may wait with it: select(2) refuses, and the tape says what was asked for."""
    path = tmp_path / "tape.jsonl"
    lines = echo().save(path).read_text().splitlines()
    row = json.loads(lines[3]) | {"timeout": math.inf}
    path.write_text("\n".join([*lines[:3], json.dumps(row), *lines[4:]]) + "\n")
    tape = Tape.load(path)
    assert tape[2].timeout == math.inf and "would wait without end" in tape[2].explain()
    assert list(Tape.load(tape.save(path))) == list(tape)


@pytest.mark.parametrize("timeout", [math.nan, numpy.float64("nan"), math.inf, -math.inf])
def test_what_a_loop_waited_with_is_read_back(timeout, tmp_path):
    with BusySelector() as selector, watch(selector) as tape:
        for _ in range(3):
            selector.select(timeout)
    assert tape[0].timeout == (None if math.isnan(timeout) else timeout)
    assert list(Tape.load(tape.save(tmp_path / "tape"))) == list(tape)


@pytest.mark.parametrize("name", ["dropped", "about", "standing", *STANDS])
def test_every_field_of_the_header_is_looked_at(name, tmp_path):
    path = tmp_path / "tape.jsonl"
    lines = echo().save(path).read_text().splitlines()
    header = json.loads(lines[0])
    for wrong in (1.5, "x", [1], {"a": 1}, {"5": [[]]}, -1, {"5": {"x": 1}}):
        place = header | {name: wrong}
        if name in STANDS:
            place = header | {"standing": header["standing"] | {name: wrong}}
        path.write_text("\n".join([json.dumps(place), *lines[1:]]) + "\n")
        with pytest.raises(ValueError, match="line 1: not a labkit tape"):
            Tape.load(path)


def test_a_strangers_file_says_nothing_that_cannot_be_shown():
    tape = Tape()
    evil = "\x1b]0;owned\x07\ud800\u202e\n"
    names = ((5, evil, None),)
    tape.append(record(names=names, errors=((5, evil),), pokes=((evil, "send", 1, 1, 0),), changes=((5, 1),)))
    for text in (tape[0].names[5], tape[0].errors[0][1], tape[0].pokes[0].peer):
        assert text == r"\x1b]0;owned\x07\ud800\u202e\n"
    tape[0].explain().encode("utf-8")


@pytest.mark.unhurried
def test_a_value_that_cannot_be_packed_is_kept_as_the_nearest_that_can(tmp_path):
    numpy = pytest.importorskip("numpy")

    class Text(str):
        pass

    tape = Tape()
    for at in range(1500):
        calls = (numpy.int64(5), Text("recv"), numpy.int32(10), numpy.int64(3), 0, at)
        tape.append(record(at, calls=calls, samples=(numpy.int64(5), 0, 0, numpy.int8(1), 0, None)))
    assert tape[0].calls[0] == (5, "recv", 10, 3, 0, 0)
    loaded = Tape.load(tape.save(tmp_path / "tape"))
    assert list(loaded) == list(tape)
