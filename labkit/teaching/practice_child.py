"""The answer's own process: it loads an answer, hosts it, and does what the checker's process orders.

Started as `python -P -m labkit.teaching.practice_child FD`. Orders and replies are JSON lines on that socket.
What an answer does here is bounded, and nothing that it does here is the verdict.
"""

from __future__ import annotations

import contextlib
import json
import linecache
import os
import resource
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType
from typing import Any

from labkit import kernel
from labkit.teaching import practice_form
from labkit.teaching.practice_guard import fingerprint, guard, patched

CPU = 6  # seconds of it that an answer may use in all
MEMORY = 2**30
FILES = 512
IN_A_CIRCLE = 1.0  # seconds of CPU after which a handler that has not returned never will
ASLEEP = 0.8  # seconds after which one that sleeps in the same call blocks
SETTLED_WITHIN = 0.5  # seconds in which what a peer has sent arrives
RESTS_WITHIN = 1.0  # seconds in which a loop that runs by itself comes to rest after some news
SEEMS_TO_REST = 0.15  # and those in which one does that has had no news
QUIET = 0.03  # seconds that a loop that runs by itself must sleep to be called quiet


class Stuck(Exception):
    """The answer has not returned."""


class Host:
    """An answer on its stage, and the orders that may be given to it."""

    def __init__(self, exercise: practice_form.Exercise, answer: Any, file: str) -> None:
        self.exercise, self.answer, self.file = exercise, answer, file
        self.stage: Any = None

    def open(self, options: dict[str, Any]) -> dict[str, Any]:
        self.close()
        self.stage = self.exercise.host(self.answer, **options)
        host, port = self.stage.address[:2]
        return {"address": [host, port], "stepped": hasattr(self.stage, "step")}

    def step(self, n: int, timeout: float, **news: Any) -> dict[str, Any]:
        """`n` iterations."""
        return self._steps(n, False, news, timeout)

    def run(self, seconds: float, **news: Any) -> dict[str, Any]:
        """The loop as it really goes, for a while."""
        self._take_in(**news)

        def work() -> dict[str, Any]:
            self.stage.run(seconds)
            return {}

        return {**self._patiently(work), **self._state()}

    def quiet(self, n: int, **news: Any) -> dict[str, Any]:
        """Iterations until one finds nothing ready, but no more than `n`."""
        self._take_in(**news)
        if not hasattr(self.stage, "step"):
            return {**self._falls_asleep(RESTS_WITHIN if n else SEEMS_TO_REST), **self._state()}
        return self._steps(n, True, {})

    def hear(self, **news: Any) -> dict[str, Any]:
        """Take in what the peers did, and do nothing more."""
        self._take_in(**news)
        return self._state()

    def tape(self, path: str) -> dict[str, Any]:
        """Save the tape."""
        if not hasattr(self.stage, "step"):
            self.stage.recorder.finish() if not self.stage.thread.is_alive() else None
        self.stage.tape.save(path)
        return {"patched": patched(), "waiting": waiting(), **self._state()}

    def close(self) -> None:
        stage, self.stage = self.stage, None
        if stage is not None:
            stage.close()

    # ---- what the orders are made of -----------------------------------------------------------------

    def _take_in(self, names: Any = (), pokes: Any = (), arrive: Any = (), knocks: int = 0) -> None:
        """What the peers did meanwhile: their names, their deeds, and what has to arrive of it."""
        stage = self.stage
        introduce = getattr(stage, "introduce", None) or stage._engine.introduce
        for port, name in names:
            introduce(port, name)
        recorder = getattr(stage, "recorder", None) or stage._engine.recorder
        if hasattr(stage, "step"):
            for poke in pokes:
                recorder.poke(tuple(poke), None)
        elif stage.thread.ident is None:  # it was not started yet
            stage.start()
        settle({port: (sent, ended) for port, sent, ended in arrive}, knocks if hasattr(stage, "step") else 0)

    def _steps(self, n: int, until_quiet: bool, news: dict[str, Any], timeout: float = 0.0) -> dict[str, Any]:
        self._take_in(**news)

        def work() -> dict[str, Any]:
            quiet = False
            with few_fds(getattr(self.stage, "room", None)):
                for _ in range(n):
                    quiet = not self.stage.step(timeout=timeout).ready
                    if quiet and until_quiet:
                        break
            return {"quiet": quiet}

        return {**self._patiently(work), **self._state()}

    def _patiently(self, work: Callable[[], Any]) -> Any:
        return patiently(self.file, work, self.stage.thread, self._turns)

    def _turns(self) -> int:
        return int(self.stage.tape.dropped + len(self.stage.tape))

    def _falls_asleep(self, within: float) -> dict[str, Any]:
        """Whether a loop that runs by itself comes to rest: it sleeps, and nothing new is on its tape."""
        stage, began, still = self.stage, time.process_time(), 0.0
        turns = -1
        for _ in range(int(within / 0.005)):
            time.sleep(0.005)
            if not stage.thread.is_alive():
                return {"quiet": True, "asleep": ""}
            where, now = kernel.blocked_in(stage.thread), len(stage.tape)
            still = still + 0.005 if where is not None and now == turns else 0.0
            turns = now
            if still > QUIET and where is not None:
                return {"quiet": True, "asleep": where.call}
            if time.process_time() - began > IN_A_CIRCLE / 3:
                break
        return {"quiet": False}

    def _state(self) -> dict[str, Any]:
        error = getattr(self.stage, "error", None)
        ended = not self.stage.thread.is_alive() and getattr(self.stage, "error", self) is None
        return {
            "turns": self._turns(),
            "error": None if error is None else said(error, self.file),
            "returned": ended and not hasattr(self.stage, "step"),
        }


@contextlib.contextmanager
def few_fds(limit: int | None) -> Iterator[None]:
    """While the loop is at work, no fd from number `limit` on can be made (getrlimit(2), RLIMIT_NOFILE)."""
    if limit is None:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def patiently(
    file: str,
    work: Callable[[], Any],
    suspect: threading.Thread | None = None,
    turns: Callable[[], int] = int,
) -> Any:
    """work() in a thread of its own; Stuck if that, or the `suspect` it waits for, never returns.

    Each of its `turns` has the whole patience: many that are short are no handler that does not return.
    """
    answer: list[Any] = []
    gave_up: list[bool] = []

    def run() -> None:
        try:
            answer.append(work())
        except BaseException as error:
            gave_up.append(isinstance(error, TimeoutError))
            answer.append({"raised": said(error, file)})

    helper = threading.Thread(target=run, daemon=True)
    helper.start()
    suspect = suspect or helper
    helper.join(0.01)
    began, before, still, turn = _cpu(suspect), None, 0.0, turns()
    slept = None  # where it was last seen asleep
    while helper.is_alive():
        helper.join(0.05)
        where = kernel.blocked_in(suspect)
        if turn != (turn := turns()):
            began, still = _cpu(suspect), 0.0
        still = still + 0.05 if where is not None and where == before else 0.0
        before, slept = where, where or slept
        if still >= ASLEEP and where is not None:
            raise Stuck(f"sleeps in {where}{_line(suspect, file)}")
        if _cpu(suspect) - began > IN_A_CIRCLE:
            raise Stuck(f"runs in a circle{_line(suspect, file)}")
    if any(gave_up) and (line := _line(suspect, file)):  # the lab lost patience first: a busy machine
        idle = slept is not None and _cpu(suspect) - began < IN_A_CIRCLE / 2
        raise Stuck(f"sleeps in {slept}{line}" if idle else f"runs in a circle{line}")
    return answer[0]


def _cpu(thread: threading.Thread) -> float:
    """Seconds of CPU that a thread has used; 0 once it has ended."""
    try:
        return time.clock_gettime(time.pthread_getcpuclockid(thread.ident or 0))
    except OSError:
        return 0.0


def _line(thread: threading.Thread, file: str) -> str:
    """', in Echo.handle_read: `data = sock.recv(10)`', where the answer's own code is."""
    frame = sys._current_frames().get(thread.ident or 0)
    for each, line in traceback.walk_stack(frame) if frame else ():
        if each.f_code.co_filename == file:
            text = Path(file).read_text().splitlines()[line - 1].strip()
            return f", in {_place(each.f_code, line)}: `{text}`"
    return ""


def _place(code: CodeType, line: int) -> str:
    """A function by its name: its line would be one of the file here, which a notebook has not got."""
    return f"line {line}" if code.co_name == "<module>" else code.co_qualname.replace(".<locals>", "")


def said(error: BaseException, file: str) -> str:
    """An error in one line, with the answer's own line."""
    text = f"{type(error).__name__}: {error}".strip(": ")
    own = [each for each in traceback.walk_tb(error.__traceback__) if each[0].f_code.co_filename == file]
    if not own:
        return text
    code, line = own[-1][0].f_code, own[-1][1]
    return f"{text} (in {_place(code, line)}: `{linecache.getline(file, line).strip()}`)"


def waiting() -> dict[int, int]:
    """{a peer's port: bytes of it in the receive queue} of every connection of this process."""
    return {port: kernel.recv_queue(fd) or 0 for fd, port in _connections()}


def _connections() -> Iterator[tuple[int, int]]:
    for fd in kernel.open_fds():
        try:
            sock = socket.socket(fileno=fd)
        except OSError:
            continue
        try:
            yield fd, sock.getpeername()[1]
        except (OSError, IndexError, TypeError):
            continue
        finally:
            sock.detach()


def settle(expected: dict[int, tuple[int, bool]], knocks: int) -> None:
    """Wait until what the peers sent is in this process's receive queues, and who knocked may be accepted."""
    until = time.monotonic() + SETTLED_WITHIN
    while not _arrived(expected, knocks) and time.monotonic() < until:
        time.sleep(0.001)


def _arrived(expected: dict[int, tuple[int, bool]], knocks: int) -> bool:
    if not kernel.LINUX:
        time.sleep(0.02)
        return True
    waiting = 0
    for fd in kernel.open_fds():
        try:
            sock = socket.socket(fileno=fd)
        except OSError:
            continue
        try:
            waiting += (kernel.backlog(sock) or (0, 0))[0]
            sent, ended = expected.get(sock.getpeername()[1], (0, False))
            info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 136)
            # tcpi_bytes_received (linux/tcp.h); 1, 4, 5: established, or only we have said that we end
            if int.from_bytes(info[128:136], sys.byteorder) < sent or (ended and info[0] in (1, 4, 5)):
                return False
        except (OSError, IndexError, TypeError):
            continue
        finally:
            sock.detach()
    return waiting >= knocks


# ---- the process -----------------------------------------------------------------------------------------


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    orders, replies = control.makefile("r"), control.makefile("w")
    for limit, value in (
        (resource.RLIMIT_CPU, CPU),
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_NOFILE, FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))

    token = ""

    def reply(**facts: Any) -> None:
        facts["token"] = token
        replies.write(json.dumps(facts) + "\n")
        replies.flush()

    host: Host | None = None
    for line in orders:  # ends when the checker closes its end, or dies
        order = json.loads(line)
        what, token = order.pop("do"), order.pop("token")
        try:
            if what == "load":
                file = order["file"]
                host = patiently(file, lambda order=order: _load(**order))  # type: ignore[misc]
                reply(**({"ok": True} if isinstance(host, Host) else {"ok": False, **host}))
            else:
                assert host is not None
                reply(ok=True, **getattr(host, what)(**order))
        except Stuck as stuck:
            reply(ok=False, stuck=str(stuck))
        except BaseException as error:
            file = host.file if host is not None else order.get("file", "")
            reply(ok=False, raised=said(error, file))
    os._exit(0)  # whatever the answer left running


def _load(exercise: str, file: str, answer: str) -> Host:
    """Run the answer's file, and take from it what the exercise asks for."""
    found = practice_form.at(Path(exercise))
    source = Path(file).read_text()
    space: dict[str, Any] = {"__name__": "answer", "__file__": file}
    fingerprint()
    guard(file)
    exec(compile(source, file, "exec"), space)
    if answer not in space:
        raise LookupError(f"it does not define {answer}")
    return Host(found, space[answer], file)


if __name__ == "__main__":
    main()
