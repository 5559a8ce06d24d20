"""A tape reads like a plain list of whole turns, whatever it leaves out, packs, drops and puts together."""

from __future__ import annotations

import random
from typing import Any

import pytest

from labkit import Tape
from labkit.tape.packing import Changes, Shared, Snapshot, enclose, moved, number, plain
from labkit.tape.turn import RAISED, Account, Call, Capacity, Contents, Event, Queues, callers, depths

ACCOUNTED = range(5)  # fds that are counted at both ends; the others never are


class Model:
    """What stands, kept in the simplest way: everything is copied in every turn."""

    def __init__(self) -> None:
        self.turns: list[dict[str, Any]] = []
        self.tables: dict[str, dict[int, Any]] = {name: {} for name in TABLES}
        self.leaving: tuple[int, ...] = ()

    def take(self, stepped: bool, samples: list[tuple[Any, ...]], changes: Changes | None) -> None:
        tables = self.tables
        for fd in self.leaving:
            tables["names"].pop(fd, None)
        self.leaving = ()
        if not stepped:
            tables["contents"].clear()
        if changes is not None:
            for fd, events in changes.interest:
                tables["interest"][fd] = Event(events)
            tables["interest"] = {fd: events for fd, events in tables["interest"].items() if events}
            for name in ("queues", "accounts", "capacity", "contents", "backlog"):
                tables[name] = {fd: held for fd, held in tables[name].items() if fd not in changes.gone}
            anew = {fd for fd, *_ in changes.names}
            self.leaving = tuple(fd for fd in changes.gone if fd not in anew)
            tables["backlog"].update(dict(changes.backlog))
            tables["contents"].update({fd: Contents(*held) for fd, held in changes.contents})
            tables["names"].update({fd: name for fd, name, _ in changes.names})
            tables["capacity"].update({fd: Capacity(*most) for fd, _, most in changes.names if most})
        for fd, *queues, account in samples:
            tables["queues"][fd] = Queues(*queues)
            if account:
                tables["accounts"][fd] = Account(*account)
        self.turns.append({name: dict(table) for name, table in tables.items()})


TABLES = ("interest", "queues", "accounts", "names", "capacity", "contents", "backlog")


def written(seed: int, turns: int, limit: int) -> tuple[Tape, Model, list[tuple[Any, ...]]]:
    rng, tape, model, records = random.Random(seed), Tape(limit), Model(), []
    for at in range(turns):
        stepped, changes = rng.random() < 0.5, drawn(rng) if rng.random() < 0.4 else None
        samples = [sample(rng, fd) for fd in rng.sample(range(10), rng.randrange(3))]
        flat = [value for each in samples for value in each]
        calls = [value for _ in range(rng.randrange(3)) for value in (rng.randrange(10), "recv", 9, 4, 0, at)]
        kept = None if changes is None else tuple(changes)
        records.append((at, 0.5, (3, 1), at + 1, at + 2, at + 3, 7, tuple(calls), tuple(flat), stepped, kept))
        tape.append(records[-1])
        model.take(stepped, samples, changes)
    return tape, model, records


def drawn(rng: random.Random) -> Changes:
    gone = tuple(rng.sample(range(10), rng.randrange(2)))
    named = rng.sample(range(10), rng.randrange(3))
    return Changes(
        interest=tuple((fd, rng.randrange(8)) for fd in rng.sample(range(10), rng.randrange(4))),
        gone=gone,
        names=tuple((fd, f"peer {rng.random()}", rng.choice([None, (1, 2, 3, fd)])) for fd in named),
        contents=tuple((fd, (b"a", None, bytes([fd]), b"", b"", b"")) for fd in rng.sample(range(10), 1)),
        backlog=tuple((fd, rng.randrange(9)) for fd in rng.sample(range(10), rng.randrange(2))),
    )


def sample(rng: random.Random, fd: int) -> tuple[Any, ...]:
    queues = (rng.choice([None, 0, rng.randrange(99)]), rng.randrange(99), 0, rng.randrange(2**40))
    account = (*(rng.randrange(99) for _ in range(6)), True, False) if fd in ACCOUNTED else None
    return fd, *queues, account


@pytest.mark.parametrize(("limit", "drops"), [(2**26, False), (30_000, True), (4_000, True), (1, True)])
def test_every_turn_that_is_kept_is_the_one_that_was_written(limit: int, drops: bool):
    tape, model, records = written(1, 800, limit)
    assert (tape.dropped > 0) == drops and tape.dropped + len(tape) == len(records)
    assert tape.nbytes <= max(limit, 12_000)  # what cannot be read apart goes together
    order = list(range(tape.dropped, len(records)))
    for indices in (order, order[::-1], random.Random(2).sample(order, min(40, len(order)))):
        for index in indices:
            it, record = tape.iteration(index), records[index]
            assert {name: getattr(it, name) for name in TABLES} == model.turns[index], index
            assert (it.index, it.at_ns, it.timeout, it.asleep_ns, it.awake_ns) == (
                index,
                *record[:2],
                *record[3:5],
            )
            assert (it.cpu_ns, it.thread, it.stepped) == (record[5], record[6], record[9])
            assert it.ready == {3: Event.READ} and len(it.calls) == len(record[7]) // 6


@pytest.mark.unhurried
@pytest.mark.parametrize("limit", [2**26, 40_000])
def test_a_file_holds_the_same(limit: int, tmp_path):
    tape, *_ = written(3, 700, limit)
    loaded = Tape.load(tape.save(tmp_path / "tape.jsonl"))
    assert (loaded.dropped, list(loaded)) == (tape.dropped, list(tape))


def test_a_ring_keeps_all_that_it_has_room_for():
    tape, _, records = written(4, 1_500, 60_000)
    assert tape.nbytes > 30_000 and len(tape) > 200
    one = Tape(1)
    one.append(records[0])
    assert len(one) == 1 and one.dropped == 0


def test_a_copy_of_what_stands_shares_what_did_not_change():
    standing, first = Snapshot(), Snapshot()
    none = ((), (), (), (), (), (), (), ())
    standing.take([(0, 0.0, (), 0, 0, 0, 1, (), (), True, (((5, 3),), *none[1:]))])
    one = standing.copy_sharing(first)
    standing.take([(0, 0.0, (), 0, 0, 0, 1, (), (5, 1, 2, 3, 4, None), True, None)])
    two = standing.copy_sharing(one)
    assert two.interest is one.interest == {5: 3} and two.held is not one.held
    standing.take([(0, 0.0, (), 0, 0, 0, 1, (), (), True, (((5, 0),), *none[1:]))])
    assert standing.copy_sharing(two).interest == {} and two.interest == {5: 3}


def test_a_shared_dict_is_copied_when_it_has_changed():
    shared = Shared({1: "a"})
    first = shared.copy_of()
    shared.put({})
    shared.drop([7])
    assert shared.copy_of() is first
    shared.put({2: "b"})
    assert shared.copy_of() == {1: "a", 2: "b"} and first == {1: "a"}
    shared.drop([1])
    assert shared.copy_of() == {2: "b"}


def test_bytes_that_moved_are_those_of_recv_and_send():
    calls = (
        5,
        "recv",
        9,
        4,
        0,
        1,
        6,
        "send",
        9,
        7,
        0,
        2,
        6,
        "send",
        9,
        None,
        11,
        3,
        7,
        "accept",
        None,
        8,
        0,
        4,
    )
    assert list(moved(calls)) == [(5, False, 4), (6, True, 7)]


def test_a_method_encloses_the_calls_after_it():
    calls = [5, "handle_read", None, 0, 0, 1, 5, "recv", 9, 4, 0, 2, 5, "send", 4, 4, 0, 3]
    enclose(calls, 6, 0)
    assert calls[3:5] == [2, 0]
    enclose(calls, 6, 104)
    assert calls[3:5] == [2, 104]
    enclose(calls, 24, 104)  # its row was written meanwhile
    assert len(calls) == 18


def test_how_deep_calls_are_nested_and_who_made_them():
    calls = [
        Call(5, "read", None, 3, 0, 1), Call(5, "handle_read", None, 1, 0, 2), Call(5, "recv", 9, 4, 0, 3),
        Call(5, "log", None, 0, RAISED, 4), Call(5, "send", 4, 4, 0, 5), Call(6, "readwrite", 1, None, 0, 6),
    ]  # fmt: skip
    assert depths(calls) == [0, 1, 2, 1, 0, 0]
    assert callers(calls) == [
        ("poll", "read"), ("read", "handle_read"), ("handle_read", "recv"), ("read", "log"),
        ("the program", "send"), ("poll2", "readwrite"),
    ]  # fmt: skip


class Own(int):
    """Somebody's own kind of number."""


class Words(str):
    """Somebody's own kind of text."""


@pytest.mark.parametrize(
    ("value", "kept"),
    [(True, True), (2.5, 2.5), (b"x", b"x"), (Own(7), 7), (Words("a"), "a"),
     ([Own(1), (Words("b"),)], [1, ("b",)]),
     (Queues(1, Own(2), None, 4), (1, 2, None, 4)), (2**70, 2**70), (bytearray(b"q"), "bytearray(b'q')")],
)  # fmt: skip
def test_what_is_kept_is_the_nearest_plain_value(value: Any, kept: Any):
    found = plain(value)
    assert found == kept and type(found) is type(kept)


@pytest.mark.parametrize(
    ("value", "nearest"), [(3, 3), (None, None), (Own(3), 3), ("2.5", 2.5), (float("nan"), None), ("x", None)]
)
def test_the_nearest_number(value: Any, nearest: float | None):
    found = number(value)
    assert found == nearest and type(found) is type(nearest)
