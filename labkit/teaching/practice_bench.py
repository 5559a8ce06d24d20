"""The checker's side of an answer: its process, the peers that poke it, and the tape that it sends back.

The peers are this process's own sockets: what was sent and received is known here, whatever the answer does
to its recorder. Every wait has a deadline; the answer's process group is killed in the end.
"""

from __future__ import annotations

import contextlib
import random
import select
import tempfile
import time
from pathlib import Path
from typing import Any, Self

from labkit import kernel
from labkit.lab.peer import Peer
from labkit.tape.tape import Tape
from labkit.teaching.practice_form import Distrusted, Exercise, Failed
from labkit.teaching.practice_process import Process

ARRIVES_WITHIN = 0.6  # seconds in which a byte that the answer has sent is here
WAITS = ("select", "pselect6", "poll", "ppoll", "epoll_wait", "epoll_pwait", "epoll_pwait2")


class Bench:
    """An answer under test. `open` gives a fresh stage; `rng` draws what the check varies."""

    def __init__(self, exercise: Exercise, source: str, answer: str, seed: int = 0) -> None:
        self.exercise, self.seed = exercise, seed
        self.rng = random.Random(seed)
        self.stage: Stage | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="labkit-check-")
        self.file = Path(self._folder.name) / "answer.py"
        self.file.write_text(source, encoding="utf-8")
        self._answer = answer
        self._process: Process | None = None
        self._unloadable: Failed | None = None
        self._printed = ""
        self.stages = 0  # that the check has opened
        self.tolerated = "\0"  # errors of handlers with this text are what a check is about
        self.hung = False  # the answer did not come back, or took its process with it

    def open(self, **options: Any) -> Stage:
        """The answer on a stage of its own, made by the exercise's host(answer, **options)."""
        self.leave()
        if self._unloadable is not None:
            raise self._unloadable
        if self._process is None or self._process.over:
            self._process = Process(self.folder)
            try:
                self.order("load", exercise=str(self.exercise.path), file=str(self.file), answer=self._answer)
            except Failed as failed:
                self._unloadable = failed
                raise
        made = self.order("open", options=options)
        self.stages += 1
        self.stage = Stage(self, tuple(made["address"]), options.get("buffers"), made["stepped"])
        return self.stage

    def text(self, size: int) -> bytes:
        """`size` letters that nobody can know beforehand."""
        return bytes(self.rng.choices(b"abcdefghijklmnopqrstuvwxyz", k=size))

    @property
    def folder(self) -> Path:
        return Path(self._folder.name)

    @property
    def printed(self) -> str:
        """What the answer has printed; the beginning of it."""
        return self._printed

    def order(self, what: str, **facts: Any) -> dict[str, Any]:
        """Have the answer's process do something; Failed says what became of the answer if it does not."""
        assert self._process is not None
        if self._process.over:
            raise Failed("Your code runs.", "Its process has ended.")
        reply = self._process.ask(what, facts)
        if reply.get("ok"):
            return reply
        self._end()
        where = None if self.stage is None or what in ("load", "open") else self.stage.turns
        if "raised" in reply:
            raise Failed("Your code runs.", f"It raised {reply['raised']}.", where)
        self.hung = True
        if "stuck" in reply:
            raise Failed("A handler does its work and returns.", f"Your code {reply['stuck']}.", where)
        raise Failed("Your code runs.", reply["ended"], where)

    def leave(self) -> None:
        """Close the stage and its peers."""
        if self.stage is not None:
            self.stage.close()
            self.stage = None

    def close(self) -> None:
        """End the answer's process, and whatever it has started."""
        self.leave()
        self._end()
        self._folder.cleanup()

    def _end(self) -> None:
        if self._process is not None and not self._process.over:
            self._process.close()
            self._printed = self._printed or self._process.printed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Stage:
    """An answer that listens, and the peers that talk to it.

    A stage that can be stepped makes an iteration when it is told; any other runs by itself, and `quiet`
    waits until it sleeps.
    """

    def __init__(self, bench: Bench, address: Any, buffers: int | None, stepped: bool) -> None:
        self.bench, self.address, self.buffers, self.stepped = bench, address, buffers, stepped
        self.peers: dict[str, Peer] = {}
        self.turns = 0  # iterations so far
        self.facts: dict[str, Any] = {}
        self.error: str | None = None  # what ended a loop that runs by itself
        self.returned = False
        self.asleep_in = ""  # the call in which a loop that runs by itself came to rest
        self._names: list[tuple[int, str]] = []
        self._pokes: list[Any] = []
        self._knocks = 0
        self._tape: Tape | None = None

    # ---- what peers do -------------------------------------------------------------------------------

    def connect(self, name: str) -> Peer:
        """A client of this name, driven as a lab's peers are: send, recv, shutdown, close, reset."""
        with contextlib.ExitStack() as undo:
            try:
                peer = Peer(self.address, name, buffers=self.buffers, on_action=self._poked)
            except OSError:
                raise Failed(f"{name} can connect.", "Nobody listens any more.", self.last) from None
            undo.callback(peer.close)
            self._names.append((peer.address[1], name))
            self.peers[name] = peer
            undo.pop_all()
        self._knocks += 1
        if not self.stepped:  # it is at work already: it should know the name before it accepts
            self._did(self.bench.order("hear", **self._news()))
        return peer

    def _poked(self, peer: Peer, action: str, asked: int | None, result: int | None, errno: int) -> None:
        self._pokes.append((peer.name, action, asked, result, errno))
        if action != "recv":
            self._tape = None  # the loop has something to do: what was known of it is old

    def send(self, peer: Peer, data: bytes) -> int:
        """Send as much as the kernel takes; 0 too if the answer has closed the connection."""
        try:
            return peer.send(data)
        except OSError:
            peer.eof = True
            return 0

    def take(self, peer: Peer, size: int = 1 << 30, within: float = ARRIVES_WITHIN) -> bytes:
        """Up to `size` bytes of what the answer has sent: until they are here, or the end, or nothing comes.

        Without a size, what is here.
        """
        got, until = bytearray(), time.monotonic() + (within if size < 1 << 30 else 0.02)
        while len(got) < size and not peer.eof and peer.open:
            ready, _, _ = select.select([peer.socket], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                break
            try:
                data = peer.recv(min(size - len(got), 65536))
            except OSError:
                peer.eof = True
                self.facts[f"{peer.name} was reset"] = True
                break
            got += data
            until = max(until, time.monotonic() + 0.02)
        return bytes(got)

    # ---- what the answer's loop does -----------------------------------------------------------------

    def step(self, n: int = 1, timeout: float = 0.0) -> None:
        """`n` iterations, each of which may sleep for `timeout` seconds."""
        self._did(self.bench.order("step", n=n, timeout=timeout, **self._news()))

    def run(self, seconds: float) -> None:
        """Let the loop go as it really does, for a while."""
        self._did(self.bench.order("run", seconds=seconds, **self._news()))

    def quiet(self, at_most: int = 60) -> bool:
        """Iterations until nothing is ready any more; False if after `at_most` something still is."""
        reply = self.bench.order("quiet", n=at_most, **self._news())
        self._did(reply)
        return bool(reply["quiet"])

    def pump(self, peer: Peer, total: int, rounds: int = 400) -> bytes:
        """Let `peer` read and the loop go on in turn, until `total` bytes are here or nothing moves."""
        got, idle = bytearray(), 0
        for _ in range(rounds):
            self.quiet()
            more = self.take(peer, total - len(got), within=0.1)
            got += more
            idle = 0 if more else idle + 1
            if len(got) >= total or peer.eof or idle > 3:
                break
        return bytes(got)

    def flood(self, peer: Peer, data: bytes, rounds: int = 200) -> int:
        """Let `peer` send all of `data`, and the loop go on; returns what the kernel took."""
        sent = idle = 0
        for _ in range(rounds):
            more = self.send(peer, data[sent:])
            sent += more
            self.quiet()
            idle = 0 if more else idle + 1
            if sent == len(data) or peer.eof or idle > 2:
                break
        return sent

    @property
    def last(self) -> int:
        """The index of the newest iteration."""
        return self.turns - 1

    @property
    def tape(self) -> Tape:
        """The tape so far, as the answer's process has sent it."""
        if self._tape is None:
            whole = self.stepped or self._rests()
            path = self.bench.folder / "tape.jsonl"
            reply = self.bench.order("tape", path=str(path))
            self._did(reply)
            try:
                self._tape = Tape.load(path)
            except (OSError, ValueError) as error:
                raise Failed("Your loop is recorded.", f"The tape cannot be read: {error}.") from None
            finally:
                path.unlink(missing_ok=True)
            self._tape.about["stage"] = str(self.bench.stages)
            if whole:
                self._believe(self._tape, reply)
        return self._tape

    def _rests(self) -> bool:
        """Whether a loop that runs by itself sleeps in its wait, so that all that it did is on its tape."""
        reply = self.bench.order("quiet", n=0, **self._news())
        self._did(reply)
        return bool(reply["quiet"]) and reply.get("asleep") in WAITS

    def fd(self, name: str) -> int:
        """The fd of the answer's end of a peer; the newest of that name, Failed if there is none."""
        port = next((port for port, known in self._names if known == name), 0)
        for turn in reversed(self.tape):
            for fd, known in turn.names.items():
                if known == name or known.endswith(f":{port}"):
                    return fd
        raise Failed(f"The connection of {name} is accepted.", "It never was.", self.last)

    def close(self) -> None:
        for peer in self.peers.values():
            peer.close()

    def _news(self) -> dict[str, Any]:
        news = {
            "names": self._names,
            "pokes": self._pokes,
            "arrive": [(port, *there) for port, there in map(self._sent_by, list(self.peers.values()))],
            "knocks": self._knocks,
        }
        self._pokes, self._knocks = [], 0
        return news

    def _sent_by(self, peer: Peer) -> tuple[int, tuple[int, bool]]:
        if not peer.open:
            return peer.address[1], (0, True)
        unsent = kernel.send_queue(peer.fileno()) or 0
        return peer.address[1], (0 if unsent else peer.sent, peer.half_closed and not unsent)

    def _did(self, reply: dict[str, Any]) -> None:
        if "raised" in reply:
            raise Failed(
                "The loop outlives whatever a handler does.",
                f"Your code raised {reply['raised']}.",
                self.turns,
            )
        self.turns, self._tape = reply["turns"], None
        self.error, self.returned = reply["error"], reply["returned"]
        self.asleep_in = reply.get("asleep", self.asleep_in)

    def _believe(self, tape: Tape, reply: dict[str, Any]) -> None:
        """Distrusted if what the tape says is not what the peers know."""
        if reply["patched"]:
            changed = ", ".join(reply["patched"][:3])
            raise Distrusted("The lab's instruments stay as they are.", f"Your code replaced {changed}.")
        kept = tape.dropped + len(tape)
        if kept != self.turns and self.stepped:
            raise Distrusted("The tape holds every iteration.", f"{self.turns} were made, {kept} are on it.")
        if tape.dropped:
            return
        calls = [call for turn in tape for call in turn.calls if call.result]
        moved = {
            name: sum(each.result or 0 for each in calls if each.name == name) for name in ("recv", "send")
        }
        taken = sum(self._taken_from(peer, reply["waiting"]) for peer in self.peers.values())
        received = sum(peer.received for peer in self.peers.values())
        for name, known in (("recv", taken), ("send", received)):
            if moved[name] < known:
                raise Distrusted(
                    f"Every byte goes through {name}() of the socket that you were given.",
                    f"{known:,} bytes have passed, and {moved[name]:,} of them through {name}().",
                )

    def _taken_from(self, peer: Peer, waiting: dict[str, int]) -> int:
        """How many bytes of a peer's the answer has taken, as the kernels' queues say; 0 if they do not."""
        left = waiting.get(str(peer.address[1]))
        if left is None or not peer.open:
            return 0
        return peer.sent - (kernel.send_queue(peer.fileno()) or 0) - left
