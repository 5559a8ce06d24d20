"""What a reader wants, as orders to a figure, and what the controls show of it: the same for every printer.

An order is a message such as {"do": "step"}; it is carried out in the figure's own thread, one after another.
This knows what a player's peers can do, and no widget.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from typing import Any

from labkit.figure import moves
from labkit.figure.view import View
from labkit.lab.peer import Peer

ROWS_AT_MOST = 12  # peers with a row of their own
ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"0": b"\0", b"\\": b"\\"}
TOOK_AT_MOST = 24  # bytes that a row shows of what its peer took
LATEST_WINS = frozenset(["go", "why", "width"])  # orders that the next of their kind makes needless


class Controls:
    """The orders that a figure of `view` obeys, and the state that its controls show."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.reading: set[str] = set()  # peers that take what has arrived before each frame
        self.taken: dict[str, bytes] = {}  # what each of them took last
        self.note = ""  # what is worth knowing, and no error
        self.answered = 0  # the number of the last order
        self._rows: dict[str, Peer] = {}
        self._orders: dict[str, Callable[[dict[str, Any]], object]] = {
            "back": lambda _: self._moved(view.back),
            "forward": lambda _: self._moved(view.forward),
            "over": lambda _: view.over(),
            "to my code": lambda _: view.to_my_code(),
            "go": lambda m: self._moved(lambda: view.show(max(int(m["i"]), view.tape.dropped))),
            "step": lambda _: view.step(),
            "reset": lambda _: view.reset(),
            "run": lambda _: view.run(),
            "pause": lambda _: view.pause(),
            "find": self._find,
            "speed": lambda m: self._set_speed(moves.SPEEDS[m["value"]]),
            "granularity": lambda m: view.set_granularity(m["value"]),
            "theme": lambda m: view.use_theme(m["value"]),
            "connect": lambda _: view.player.connect(),
            "peer": self._poke,
        }

    def obey(self, message: dict[str, Any]) -> None:
        """Carry out an order. Raises what it raises; ValueError for one that there is not."""
        order = self._orders.get(message.get("do", ""))
        if order is None:
            raise ValueError(f"there is no order {message.get('do')!r}")
        self.note, self.answered = "", message.get("order", self.answered)
        order(message)

    def forget(self) -> None:
        """Begin again, as the player does."""
        self.reading.clear()
        self.taken.clear()
        self._rows.clear()

    def read(self) -> bool:
        """Let the peers that read take what has arrived; whether any did."""
        any_took = False
        for name in tuple(self.reading):
            peer = self._peers.get(name)
            waiting = peer.queues() if peer is not None else None
            if peer is None or waiting is None:
                self.reading.discard(name)
            elif waiting[0]:
                with contextlib.suppress(OSError, ValueError):
                    self.taken[name] = peer.recv(1 << 20)
                    any_took = True
        return any_took

    def state(self) -> dict[str, Any]:
        """What the controls show, as JSON can hold it."""
        view, at = self.view, self.view.position
        running = view.running
        return {
            "order": self.answered,
            "i": at.i,
            "at": _within(view, at.i),
            "first": view.tape.dropped,
            "last": view.tape.dropped + len(view.tape) - 1,
            "running": running,
            "back": not running and view.beside(-1) is not None,
            "forward": not running and view.beside(1) is not None,
            "replay": view.player is None,
            "again": hasattr(view.player, "reset"),
            "connects": hasattr(view.player, "connect"),
            "speeds": [name for name, each in moves.SPEEDS.items() if each or view.player is not None],
            "speed": next(name for name, each in moves.SPEEDS.items() if each == view.speed),
            "granularities": view.granularities(),
            "granularity": view.granularity,
            "finds": list(moves.NAMES if view.sheet.findings else moves.NAMES[:-1]),
            "theme": view.theme,
            "note": self.note,
            "peers": self._shown_peers(),
        }

    # ---- moving ----------------------------------------------------------------------------------------

    def _moved(self, move: Callable[[], object]) -> None:
        if self.view.player is None or self.view.playing:
            self.view.playing = False
        move()

    def _find(self, message: dict[str, Any]) -> None:
        what, way = str(message["what"]), int(message["way"])
        if not self.view.find(what, way):
            self.note = f"no {what} {'after' if way > 0 else 'before'} this iteration"

    def _set_speed(self, speed: float) -> None:
        was_running = self.view.running
        if was_running:
            self.view.pause()
        self.view.speed = speed
        if was_running:
            self.view.run()

    # ---- peers -----------------------------------------------------------------------------------------

    @property
    def _peers(self) -> dict[str, Peer]:
        return getattr(self.view.player, "peers", None) or {}

    def _shown_peers(self) -> dict[str, Any]:
        """A row a peer, in the order they came; one that closed keeps its row while there is room."""
        peers = self._peers
        for name, peer in peers.items():
            if name in self._rows or len(self._rows) < ROWS_AT_MOST:
                self._rows[name] = peer
                continue
            closed = next((each for each, old in self._rows.items() if not old.open), None)
            if closed is None:
                break
            del self._rows[closed]
            self._rows[name] = peer
        for gone in [name for name in self.taken if name not in self._rows]:
            del self.taken[gone]
        rows = [
            {
                "name": name,
                "open": peer.open,
                "reads": name in self.reading,
                "took": _took(self.taken.get(name)),
            }
            for name, peer in self._rows.items()
        ]
        return {"rows": rows, "more": sum(name not in self._rows for name in peers)}

    def _poke(self, message: dict[str, Any]) -> None:
        name, act = message["peer"], message["act"]
        peer = self._peers.get(name)
        if peer is None:
            raise LookupError(f"{name} is closed")
        if act == "reads":
            (self.reading.discard if name in self.reading else self.reading.add)(name)
        elif act == "type":
            peer.send(typed_bytes(message["text"]))
        elif act in ("shutdown", "close", "reset"):
            getattr(peer, act)()
        else:
            peer.send(b"x" * {"1 B": 1, "1 KB": 1000}[act])


def is_late(work: Any, later: list[Any]) -> bool:
    """Whether an order is needless, since another of its kind came after it."""
    kind = work.get("do") if isinstance(work, dict) else None
    return kind in LATEST_WINS and any(isinstance(each, dict) and each.get("do") == kind for each in later)


def typed_bytes(text: str) -> bytes:
    r"""What a reader typed, as bytes: UTF-8, with \n, \r, \t, \0, \\ and \x00 understood."""
    return re.sub(
        rb"\\(x[0-9a-fA-F]{2}|[nrt0\\])",
        lambda match: ESCAPES[match[1]] if match[1] in ESCAPES else bytes([int(match[1][1:], 16)]),
        text.encode(errors="surrogatepass"),
    )


def _took(data: bytes | None) -> str:
    if data is None:
        return ""
    more = "…" if len(data) > TOOK_AT_MOST else ""
    return f"took {len(data):,} B: {data[:TOOK_AT_MOST]!r}{more}"


def _within(view: View, index: int) -> str:
    """Where within the iteration the position is."""
    at = view.position
    if at.call is not None:
        calls = len(view.tape.iteration(index).calls)
        return f"call {at.call} of {calls}" if at.call else "just woken"
    if at.line is not None and index in view.lines:
        return f"line {at.line + 1} of {len(view.lines[index])}"
    return ""
