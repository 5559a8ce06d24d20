"""One phone's connection: HTTP/1.1 parsed by h11, on a Channel of the loop under study.

It knows bytes, requests and responses. What a request means is for a subclass to say, in `answer`.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import h11

from labkit.classroom.limits import Limits
from labkit.classroom.roll import Refused
from labkit.loop import Channel

TEXT, PAGE, NEWS = "text/plain; charset=utf-8", "text/html; charset=utf-8", "application/x-ndjson"
HEADERS = (("cache-control", "no-store"), ("x-content-type-options", "nosniff"))
# A page of ours is all that a phone may run, and no other page may hold it or read its answers.
OF_A_PAGE = (
    ("referrer-policy", "no-referrer"),
    ("x-frame-options", "DENY"),
    ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
     "connect-src 'self'; base-uri 'none'; form-action 'none'"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Request:
    """What a phone asks: `method`, `path`, `query` and `fields` (the JSON object of its body)."""

    method: str
    path: str
    query: dict[str, str]
    fields: dict[str, Any]
    address: str


@dataclass(frozen=True, slots=True)
class Response:
    """What it is told. With `stream` the answer stays open, and lines of news follow."""

    status: int = 200
    body: bytes = b""
    kind: str = TEXT
    stream: bool = False


class Connection(Channel):
    """A phone. `name` is what the figure calls it, once it is known who it is."""

    # Set on a subclass for each room, before the first connection.
    limits: Limits
    here: set[Connection]  # every open connection of the room

    def answer(self, request: Request) -> Response:
        """What the phone is told. Raises Refused."""
        raise NotImplementedError

    def __init__(self, loop: Any, sock: Any, addr: Any = None) -> None:
        super().__init__(loop, sock, addr)
        self.name: str | None = None
        self.address = addr[0] if addr else ""
        self.token: str | None = None  # of the student who listens to the news on it
        self.streams = False
        self.heard = self.asked_since = time.monotonic()
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=self.limits.head)
        self._request: h11.Request | None = None
        self._body = bytearray()
        self._bare = False  # a HEAD wants no body (RFC 9110, 9.3.2)
        crowd = sum(1 for each in self.here if each.address == self.address)
        self.here.add(self)
        if len(self.here) > self.limits.connections or crowd >= self.limits.connections_each:
            self._tell(Response(503, b"too many connections"), close=True)

    # ---- from the loop -------------------------------------------------------------------------------

    def handle_read(self) -> None:
        data = self.recv(65_536)
        if not data or self.closing:
            return
        self.heard = time.monotonic()
        try:
            self._http.receive_data(data)
            self._read_on()
        except h11.RemoteProtocolError as error:
            self._tell(Response(error.error_status_hint or 400, b"that is not HTTP"), close=True)

    def handle_error(self) -> None:
        self._tell(Response(500, b"the room made a mistake"), close=True)

    def abort(self) -> None:
        self.here.discard(self)
        super().abort()

    # ---- to the phone --------------------------------------------------------------------------------

    def news(self, line: bytes) -> None:
        """One line more on a stream that is open. A phone that does not read it is let go in the end."""
        if not self.streams or self.closing:
            return
        if len(self.write_buffer) > self.limits.unsent:
            return self.abort()
        self._send(h11.Data(data=line))

    def overdue(self, now: float) -> bool:
        """Whether it has been silent too long, or too long about one request."""
        if self._request is not None or self._http.trailing_data[0]:
            return now - self.asked_since > self.limits.head_s
        if self.streams:
            return False
        waits = self.limits.idle_s if self._http.our_state is h11.IDLE else self.limits.head_s
        return now - self.heard > waits

    # ---- HTTP ----------------------------------------------------------------------------------------

    def _read_on(self) -> None:
        while not self.closing:
            event = self._http.next_event()
            if event is h11.NEED_DATA or event is h11.PAUSED:
                return
            if isinstance(event, h11.Request):
                self._request, self.asked_since = event, time.monotonic()
                self._body.clear()
                self._bare = event.method == b"HEAD"
            elif isinstance(event, h11.Data):
                self._body += event.data
                if len(self._body) > self.limits.body:
                    return self._tell(Response(413, b"too long"), close=True)
            elif isinstance(event, h11.EndOfMessage):
                self._respond()
            elif isinstance(event, h11.ConnectionClosed):
                return self.abort()

    def _respond(self) -> None:
        request, self._request = self._request, None
        assert request is not None
        try:
            self._tell(self.answer(_read(request, bytes(self._body), self.address)))
        except Refused as why:
            self._tell(Response(why.status, str(why).encode()))

    def _tell(self, response: Response, *, close: bool = False) -> None:
        if self.closing or self._http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return self.abort()
        headers = [*HEADERS, ("content-type", response.kind)]
        if response.kind is PAGE:
            headers += OF_A_PAGE
        if not response.stream:
            headers.append(("content-length", str(len(response.body))))
        if close:
            headers.append(("connection", "close"))
        reason = {200: b"OK"}.get(response.status, b"")
        events: list[Any] = [h11.Response(status_code=response.status, headers=headers, reason=reason)]
        if response.body and not self._bare:
            events.append(h11.Data(data=response.body))
        if not response.stream:
            events.append(h11.EndOfMessage())
        self.streams = response.stream
        self._send(*events)
        if response.stream:
            return
        if not self.closing and (close or not self._next_cycle()):  # unless it broke while it was told
            self.handle_close()  # what is left goes out first

    def _next_cycle(self) -> bool:
        """Whether another request may follow on this connection; if so, h11 is made ready for it."""
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        return True

    def _send(self, *events: Any) -> None:
        """All of it in one write: each send of its own may wait for the interpreter."""
        self.write(b"".join(self._http.send(event) or b"" for event in events))


def _read(request: h11.Request, body: bytes, address: str) -> Request:
    """The parts of a request; Refused if its body is no JSON object."""
    try:
        target = urlsplit(request.target.decode("ascii"))
        fields = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        raise Refused(400, "the body is no JSON") from None
    if not isinstance(fields, dict):
        raise Refused(400, "the body is no JSON object")
    query = {key: values[-1] for key, values in parse_qs(target.query).items()}
    return Request(request.method.decode("ascii"), target.path, query, fields, address)
