"""What each order does, and what the controls show of a figure and of its player's peers."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.figure.controls import ROWS_AT_MOST, Controls, typed_bytes
from labkit.figure.moves import SPEEDS
from labkit.figure.view import View
from labkit.tape.tape import Tape
from labkit.tape.turn import Call
from labkit.trace import Source

from .test_source_and_map import LINES, TEXT
from .written import Player, Written, turn


class Peer:
    """A peer that notes what it is asked to do; `has` waits to be received."""

    def __init__(self, has: bytes = b"", is_open: bool = True) -> None:
        self.has, self.open, self.did = has, is_open, list[Any]()

    def queues(self) -> tuple[int, int] | None:
        return (len(self.has), 0) if self.open else None

    def recv(self, most: int) -> bytes:
        taken, self.has = self.has[:most], self.has[most:]
        if taken == b"reset":
            raise ConnectionResetError
        return taken

    def send(self, data: bytes) -> None:
        self.did.append(data)

    def __getattr__(self, name: str) -> Any:
        if name not in ("shutdown", "close", "reset"):
            raise AttributeError(name)
        return lambda: self.did.append(name)


def controls(player: Any, *panels: str, **peers: Peer) -> Controls:
    if peers:
        player.peers = peers
    return Controls(View(player, panels or ["time"], "screen", None))


def test_of_a_lab_they_show_all_that_can_be_ordered():
    player = Player(3)
    player.connect = lambda: player.acts.append("connect")  # type: ignore[attr-defined]
    it = controls(player, alice=Peer())
    whole = {
        "order": 0,
        "i": 2, "at": "", "first": 0, "last": 2, "running": False, "back": True, "forward": False,
        "replay": False, "again": True, "connects": True,
        "speeds": ["1 a second", "4 a second", "16 a second", "as it comes"], "speed": "as it comes",
        "granularities": ["iteration", "call"], "granularity": "iteration",
        "finds": ["error", "EAGAIN", "longest awake"], "theme": "screen", "note": "",
        "peers": {"rows": [{"name": "alice", "open": True, "reads": False, "took": ""}], "more": 0},
    }  # fmt: skip
    assert it.state() == whole
    it.view.show(0)
    it.view.flag([("slug", 5, 0, 1, "it spins")])
    assert it.state() == whole | {
        "i": 0, "back": False, "forward": True, "finds": ["error", "EAGAIN", "longest awake", "finding"],
    }  # fmt: skip
    player.running = True
    assert {name: it.state()[name] for name in ("running", "back", "forward")} == {
        "running": True, "back": False, "forward": False,
    }  # fmt: skip
    it.obey({"do": "connect"})
    assert player.acts == ["connect"]


def test_of_a_tape_they_show_what_can_be_done_with_it():
    tape = Written([turn(i) for i in range(1_000, 1_004)], dropped=1_000)
    state = controls(tape, "source").state()
    assert (state["first"], state["last"], state["i"]) == (1_000, 1_003, 1_003)
    assert (state["replay"], state["again"], state["connects"]) == (True, False, False)
    assert state["speeds"] == ["1 a second", "4 a second", "16 a second"] and state["speed"] == "4 a second"
    assert state["granularities"] == ["iteration", "call", "source line"]
    assert controls(Tape()).state()["last"] == -1


@pytest.mark.parametrize("at, said", [
    ((1, None, None), ""), ((1, 0, None), "just woken"), ((1, 1, None), "call 1 of 2"),
    ((1, 2, None), "call 2 of 2"), ((1, None, 0), "line 1 of 5"), ((1, None, 4), "line 5 of 5"),
    ((0, None, 0), ""),
])  # fmt: skip
def test_where_it_is_within_the_iteration(at: tuple[int, int | None, int | None], said: str):
    calls = (Call(5, "recv", 8, 3, 0, 1), Call(5, "send", 3, 3, 0, 2))
    it = controls(Written([turn(0), turn(1, calls=calls)]), "source")
    it.view.lines[1] = Source(LINES, TEXT, 0)
    it.view.show(*at)
    assert it.state()["at"] == said


def test_orders_that_move_go_through_the_tape_and_run_nothing():
    player = Player(5)
    it = controls(player)
    for order, i in (
        ({"do": "back"}, 3), ({"do": "go", "i": "1"}, 1), ({"do": "forward"}, 2), ({"do": "over"}, 3),
        ({"do": "to my code"}, 4), ({"do": "go", "i": -5}, 0),
        ({"do": "find", "what": "longest awake", "way": 1}, 4),
    ):  # fmt: skip
        it.view.playing = order["do"] in ("back", "go", "forward")
        it.obey(order)
        assert (it.view.index, it.view.playing) == (i, False), order
    it.obey({"do": "granularity", "value": "call"})
    it.obey({"do": "theme", "value": "projector"})
    assert (it.view.granularity, it.view.theme) == ("call", "projector")
    assert not player.acts
    it.obey({"do": "step"})
    it.obey({"do": "run"})
    it.obey({"do": "pause"})
    it.obey({"do": "reset"})
    assert player.acts == ["step", "run", "pause"] and it.view.index == -1


def test_a_go_to_what_the_ring_has_dropped_goes_to_its_beginning():
    it = controls(Written([turn(i) for i in range(7, 10)], dropped=7))
    it.obey({"do": "go", "i": 3})
    assert it.view.index == 7


@pytest.mark.parametrize("way, side", [(1, "after"), (-1, "before")])
def test_what_is_not_found_is_a_note_until_the_next_order(way: int, side: str):
    it = controls(Player(2))
    it.obey({"do": "find", "what": "EAGAIN", "way": way})
    assert it.state()["note"] == f"no EAGAIN {side} this iteration"
    it.obey({"do": "back"})
    assert it.state()["note"] == ""


def test_another_speed_while_it_runs_is_another_run():
    player = Player()
    it = controls(player)
    for name, speed in SPEEDS.items():
        it.obey({"do": "speed", "value": name})
        assert (it.view.speed, it.state()["speed"]) == (speed, name)
    assert not player.acts
    it.obey({"do": "run"})
    it.obey({"do": "speed", "value": "1 a second"})
    assert player.acts == ["run", "pause"] and it.view.playing
    it.obey({"do": "speed", "value": "as it comes"})
    assert player.acts == ["run", "pause", "pause", "run"] and not it.view.playing


def test_a_peer_does_what_its_row_orders():
    alice, bob = Peer(), Peer()
    it = controls(Player(), alice=alice, bob=bob)
    for act, more in (("1 B", {}), ("1 KB", {}), ("type", {"text": r"a\n"}), ("shutdown", {}), ("close", {}),
                      ("reset", {})):  # fmt: skip
        it.obey({"do": "peer", "peer": "alice", "act": act, **more})
    assert alice.did == [b"x", b"x" * 1000, b"a\n", "shutdown", "close", "reset"] and not bob.did
    it.obey({"do": "peer", "peer": "bob", "act": "reads"})
    assert [row["reads"] for row in it.state()["peers"]["rows"]] == [False, True]
    it.obey({"do": "peer", "peer": "bob", "act": "reads"})
    assert not it.reading
    with pytest.raises(LookupError, match="^carl is closed$"):
        it.obey({"do": "peer", "peer": "carl", "act": "1 B"})


def test_peers_that_read_take_all_that_has_arrived_and_say_what():
    alice, bob, carl = Peer(b"hello"), Peer(b"y" * 1_500), Peer(b"z")
    it = controls(Player(), alice=alice, bob=bob, carl=carl)
    it.reading |= {"alice", "bob", "dora"}
    assert it.read() and it.reading == {"alice", "bob"}, "who is not there reads no more"
    assert [row["took"] for row in it.state()["peers"]["rows"]] == [
        "took 5 B: b'hello'", f"took 1,500 B: {b'y' * 24!r}…", "",
    ]  # fmt: skip
    assert not it.read() and carl.has == b"z"
    alice.has, bob.open = b"reset", False
    assert not it.read() and it.reading == {"alice"}
    it.forget()
    assert not it.reading and not it.taken and len(it.state()["peers"]["rows"]) == 3


def test_there_are_rows_for_so_many_peers_and_those_that_closed_make_room():
    player = Player()
    peers = {f"peer {n}": Peer() for n in range(ROWS_AT_MOST + 3)}
    it = controls(player, **peers)
    names = list(peers)
    shown = it.state()["peers"]
    assert [row["name"] for row in shown["rows"]] == names[:ROWS_AT_MOST] and shown["more"] == 3
    peers["peer 2"].open = False
    it.taken["peer 2"] = b"x"
    del player.peers["peer 2"]  # type: ignore[attr-defined]
    shown = it.state()["peers"]
    expected = [*names[:2], *names[3 : ROWS_AT_MOST + 1]]
    assert [row["name"] for row in shown["rows"]] == expected and shown["more"] == 2
    assert "peer 2" not in it.taken
    peers["peer 5"].open = False
    for name in names[ROWS_AT_MOST + 1 :]:
        del player.peers[name]  # type: ignore[attr-defined]
    rows = it.state()["peers"]["rows"]
    assert [row["name"] for row in rows if not row["open"]] == ["peer 5"], "it stays while there is room"


@pytest.mark.parametrize("text, data", [
    ("", b""), ("é", b"\xc3\xa9"), (r"\n\r\t\0\\", b"\n\r\t\0\\"), (r"\x41\x0A\xff", b"A\n\xff"),
    (r"\x4", rb"\x4"), (r"\q", rb"\q"), (r"\\n", rb"\n"), ("\ud800", b"\xed\xa0\x80"),
])  # fmt: skip
def test_what_is_typed(text: str, data: bytes):
    assert typed_bytes(text) == data
