"""A TCP connection's two ends, call by call: the kernel's state of both, and what waits in them.

It knows sockets and what the kernel says of them; no loops, tapes or figures.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable
from typing import Any, NamedTuple

import labkit.measure.html as html
from labkit import kernel
from labkit.measure.call import measured, shown
from labkit.tape.text import printable


class End(NamedTuple):
    """One end of a TCP connection as its own kernel sees it; `state` None: this program closed it."""

    state: str | None  # as in netstat(8); "?" where the kernel does not say
    readable: bool = False
    writable: bool = False
    waiting: int = 0  # bytes in its receive queue


class Step(NamedTuple):
    """One call of a Strip, what came back, and both ends after it."""

    call: str
    outcome: Any
    ends: dict[str, End]


class Strip:
    """A state strip: calls on the two ends of a TCP connection, with the kernel's state of both after each.

    strip = Strip(here=here, there=there)
    strip.here.recv(10)                      # as here.recv(10); an OSError is noted, not raised
    strip                                    # draws itself; strip.steps holds what it draws
    """

    def __init__(self, **sockets: socket.socket) -> None:
        self._sockets = sockets
        self.steps = [Step("", None, {name: end_of(sock) for name, sock in sockets.items()})]

    def __getattr__(self, name: str) -> _Hand:
        if name.startswith("_") or name not in self._sockets:
            raise AttributeError(f"this strip has no end {name!r}")
        return _Hand(self, name)

    @property
    def outcomes(self) -> list[Any]:
        """What came back from each call: its result, or the name of its error."""
        return [step.outcome for step in self.steps[1:]]

    def call(self, name: str, method: str, *args: Any) -> Any:
        """Call a method of the end called `name`; returns what came back, or the error's name."""
        outcome = measured(getattr(self._sockets[name], method), *args).outcome
        said = [SHUTDOWN[each] if method == "shutdown" else repr(each) for each in args]
        call = f"{name}.{method}({', '.join(said)})"
        self.steps.append(Step(call, outcome, {each: end_of(sock) for each, sock in self._sockets.items()}))
        return outcome

    def _repr_html_(self) -> str:
        head = ["", *(html.broken_at_the_dot(step.call) or "at first" for step in self.steps)]
        came = ["came<br>back", *(html.strong(_returned(step)) for step in self.steps)]
        rows = [
            [html.text(name), *(html.connection_state(*_said(step.ends[name])) for step in self.steps)]
            for name in self._sockets
        ]
        return html.table(head, [came, *rows])

    def __repr__(self) -> str:
        lines = (
            f"{step.call or 'at first'} → {_returned(step)}; "
            + "; ".join(f"{name}: {', '.join(_words(end))}" for name, end in step.ends.items())
            for step in self.steps
        )
        return "\n".join(map(printable, lines))


class _Hand:
    """Whoever calls a method of one end through the strip."""

    def __init__(self, strip: Strip, name: str) -> None:
        self._strip, self._name = strip, name

    def __getattr__(self, method: str) -> Callable[..., Any]:
        return lambda *args: self._strip.call(self._name, method, *args)


def end_of(sock: socket.socket) -> End:
    """How one end stands: its state (TCP_INFO), whether select(2) would call it ready, bytes that wait."""
    if sock.fileno() < 0:
        return End(None)
    state = kernel.tcp_state(sock)
    look = select.poll()
    look.register(sock, select.POLLIN | select.POLLOUT)
    events = dict(look.poll(0)).get(sock.fileno(), 0)
    ended = bool(events & (select.POLLHUP | select.POLLERR))  # select(2) counts both as ready
    return End(
        STATES.get(state, "?"),
        ended or bool(events & select.POLLIN),
        ended or bool(events & select.POLLOUT),
        kernel.recv_queue(sock.fileno()) or 0,
    )


SHUTDOWN = {socket.SHUT_RD: "SHUT_RD", socket.SHUT_WR: "SHUT_WR", socket.SHUT_RDWR: "SHUT_RDWR"}
# linux/tcp_states.h, and what each means for the end that is in it.
STATES = {
    1: "ESTABLISHED", 2: "SYN_SENT", 3: "SYN_RECV", 4: "FIN_WAIT1", 5: "FIN_WAIT2", 6: "TIME_WAIT",
    7: "CLOSE", 8: "CLOSE_WAIT", 9: "LAST_ACK", 10: "LISTEN", 11: "CLOSING",
}  # fmt: skip
MEANING = {
    "ESTABLISHED": "open",
    "FIN_WAIT1": "sends no more",
    "FIN_WAIT2": "sends no more",
    "CLOSE_WAIT": "gets no more",
    "LAST_ACK": "neither way",
    "CLOSING": "neither way",
    "TIME_WAIT": "neither way",
    "CLOSE": "dead",
}


def _words(end: End) -> list[str]:
    if end.state is None:
        return ["closed"]
    words = [f"{MEANING.get(end.state, '?')} ({end.state})"]
    words += [word for word, true in (("readable", end.readable), ("writable", end.writable)) if true]
    return words + ([f"{end.waiting:,} B waiting"] if end.waiting else [])


def _said(end: End) -> tuple[str, str, list[str]]:
    """(what its state means, the state, what else there is to say) of one end, to be drawn."""
    if end.state is None:
        return "closed", "", []
    return MEANING.get(end.state, "?"), end.state, _words(end)[1:]


def _returned(step: Step) -> str:
    return "" if not step.call or step.outcome is None else shown(step.outcome)
