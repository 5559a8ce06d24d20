"""Simulated phones: many students with real sockets, in a process of their own.

    python -m labkit.classroom.phones URL CODE COUNT SEED

Each loads the page, joins, listens to the news, votes when it is asked, sends words; some stop reading for a
while, some lose the network and come back, some send a vote twice. The last line on stdout is what they did.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import sys
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

ANSWER_WITHIN = 30.0  # seconds


@dataclass(slots=True)
class Phone:
    """One student. `sent` is {"ballot round": [choice, when it was sent]} of the votes that were answered."""

    host: str
    port: int
    number: int
    chance: random.Random
    token: str = ""
    sent: dict[str, list[float]] = field(default_factory=dict)
    stops: bool = False
    failed: list[str] = field(default_factory=list)
    kept: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None  # its connection for requests
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def ask(self, method: str, path: str, fields: dict[str, Any] | None = None) -> tuple[int, bytes]:
        """(status, body) of one request, on a connection that is kept, as a browser keeps its own."""
        async with self.turn:
            reader, writer = self.kept or await asyncio.open_connection(self.host, self.port)
            self.kept = None  # until the answer is whole, nothing else may be asked on it
            try:
                body = b"" if fields is None else json.dumps({"token": self.token, **fields}).encode()
                head = f"{method} {path} HTTP/1.1\r\nhost: room\r\ncontent-length: {len(body)}\r\n\r\n"
                writer.write(head.encode() + body)
                told = await reader.readuntil(b"\r\n\r\n")
                size = re.search(rb"content-length: *(\d+)", told, re.IGNORECASE)
                answer = await reader.readexactly(int(size[1]) if size else 0)
                self.kept = reader, writer
                return int(told.split(b" ", 2)[1]), answer
            finally:
                if self.kept is None:
                    writer.transport.abort()

    async def join(self, code: str) -> None:
        await self.ask("GET", "/")
        who = {
            "code": code,
            "name": f"student {self.number}",
            "ticket": f"{self.number} {self.chance.random()}",
        }
        if self.chance.random() < 0.1:  # its answer is lost on the way
            await self.ask("POST", "/join", who)
        status, body = await self.ask("POST", "/join", who)
        if status != 200:
            raise ConnectionError(f"not let in: {status} {body!r}")
        self.token = json.loads(body)["token"]

    async def listen(self, heard: asyncio.Event) -> None:
        """The news, line by line; after a lost connection once more."""
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                reader, writer = await asyncio.open_connection(self.host, self.port)
                try:
                    writer.write(f"GET /news?token={self.token} HTTP/1.1\r\nhost: room\r\n\r\n".encode())
                    await reader.readuntil(b"\r\n\r\n")
                    heard.set()
                    await self._follow(reader)
                finally:
                    writer.transport.abort()  # a network that is lost says no goodbye
            await asyncio.sleep(0.1)

    async def _follow(self, reader: asyncio.StreamReader) -> None:
        while True:
            while self.stops:
                await asyncio.sleep(0.05)
            size = int(await reader.readuntil(b"\r\n"), 16)  # one chunk (RFC 9112, 7.1)
            lines = (await reader.readexactly(size + 2)).splitlines()
            if not size:
                return
            for line in filter(None, lines):
                news = json.loads(line)
                if news["kind"] == "question" and news["open"]:
                    await self._vote(news)
                    if self.chance.random() < 0.1:
                        return  # lost; it comes back

    async def _vote(self, news: dict[str, Any]) -> None:
        key = f"{news['number']} {news['round']}"
        if key in self.sent:
            return
        await asyncio.sleep(self.chance.random())
        choice = self.chance.randrange(len(news["choices"]))
        vote, began = {"number": news["number"], "round": news["round"], "choice": choice}, time.monotonic()
        status, body = await self.ask("POST", "/vote", vote)
        if status != 200:
            self.failed.append(f"vote: {status} {body.decode(errors='replace')}")
            return
        self.sent[key] = [choice, began]
        if self.chance.random() < 0.2:  # its answer was lost on the way, so it is sent again
            await self.ask("POST", "/vote", vote)

    async def fidget(self) -> None:
        """What students do meanwhile."""
        while True:
            await asyncio.sleep(0.5 + self.chance.random())
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self.ask("POST", "/send", {"word": f"hello from {self.number}"})
                if self.chance.random() < 0.2:
                    await self._stop_reading(0.5)

    async def _stop_reading(self, seconds: float) -> None:
        for self.stops in (True, False):
            await self.ask("POST", "/reads", {"reads": not self.stops})
            await asyncio.sleep(seconds if self.stops else 0)


async def crowd(url: str, code: str, count: int, seed: int) -> None:
    """`count` phones until stdin ends; then what they did, as a line of JSON."""
    target = urlsplit(url)
    phones = [
        Phone(target.hostname or "", target.port or 80, n, random.Random(seed * 10_000 + n))
        for n in range(count)
    ]
    began = time.monotonic()
    heard = [asyncio.Event() for _ in phones]
    async with asyncio.timeout(ANSWER_WITHIN):
        await asyncio.gather(*(phone.join(code) for phone in phones))
        tasks = [asyncio.create_task(phone.listen(ready)) for phone, ready in zip(phones, heard, strict=True)]
        await asyncio.gather(*(ready.wait() for ready in heard))
    print(json.dumps({"joined": count, "join_s": time.monotonic() - began}), flush=True)
    tasks += [asyncio.create_task(phone.fidget()) for phone in phones]
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for task in tasks:
        task.cancel()
    failed = [why for phone in phones for why in phone.failed]
    print(json.dumps({"votes": {phone.token: phone.sent for phone in phones}, "failed": failed}), flush=True)


if __name__ == "__main__":
    asyncio.run(crowd(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
