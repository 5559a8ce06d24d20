"""Loops that turn and get nowhere, and their healthy twins."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import selectors
import socket
from collections.abc import Iterator

from labkit import AsyncoreLab, Channel, Lab, RecordingSelector, Tape, watch
from labkit.lab.asyncore_host import hosted, server
from labkit.lab.scenarios import Echo
from labkit.loop import READ, WRITE
from labkit.record.recorder import Recorder
from tests.diagnosis.patients import Quiet, asyncore, patient
from tests.helpers import until


@patient("busy-polling")
def polls_in_a_lab(healthy: bool) -> Tape:
    with Lab(Echo, selector="select" if healthy else "busy") as lab:
        lab.connect("alice").send(b"hello")
        lab.run()
        until(lambda: len(lab.tape) > (1 if healthy else 1000))
        lab.pause()
        return lab.tape


@patient("busy-polling")
def polls_in_asyncore(healthy: bool) -> Tape:
    with contextlib.closing(server(Quiet)()), watch(asyncore) as tape:
        asyncore.loop(timeout=0.01 if healthy else 0, count=3 if healthy else 400)
    return tape


@patient("busy-polling")
def polls_in_asyncio(healthy: bool) -> Tape:
    async def main() -> Tape:
        arrived = asyncio.Event()
        asyncio.get_running_loop().call_later(0.2, arrived.set)
        with watch(asyncio.get_running_loop()) as tape:
            while not healthy and len(tape) < 400:
                await asyncio.sleep(0)
            await arrived.wait()
        return tape

    return asyncio.run(main())


@patient("busy-polling")
def polls_a_selector(healthy: bool) -> Tape:
    here, there = socket.socketpair()
    with here, there, selectors.DefaultSelector() as selector:
        selector.register(here, READ)
        with watch(selector) as tape:
            for _ in range(400):
                selector.select(0.0001 if healthy else 0)
    return tape


@patient("write-spin")
def asks_to_write_in_a_lab(healthy: bool) -> Tape:
    class Eager(Echo):
        def handle_read(self) -> None:
            super().handle_read()
            self.declare(READ if healthy else READ | WRITE)

        def handle_write(self) -> None:
            if self.write_buffer:
                super().handle_write()

    with Lab(Eager) as lab:
        alice = lab.connect("alice")
        alice.send(b"hello")
        lab.step(6)
        return lab.tape


@patient("write-spin")
def asks_to_write_in_asyncore(healthy: bool) -> Tape:
    class Plain(asyncore.dispatcher):
        def handle_read(self) -> None:
            self.send(self.recv(100))

        def handle_write(self) -> None:
            pass

        def writable(self) -> bool:
            return not healthy

    with hosted(Plain) as lab:
        lab.connect("alice").send(b"hello")
        lab.step(6)
        return lab.tape


@patient("eof-spin")
def ignores_the_end_in_a_lab(healthy: bool) -> Tape:
    class Deaf(Channel):
        def handle_read(self) -> None:
            data = self.socket.recv(1024)
            self.write(data)
            if healthy and not data:
                self.abort()

    with Lab(Deaf) as lab:
        alice = lab.connect("alice")
        alice.send(b"hello")
        lab.step(2)
        alice.recv()
        alice.close()
        lab.step(6)
        return lab.tape


@patient("eof-spin")
def ignores_the_end_in_asyncore(healthy: bool) -> Tape:
    class Deaf(Quiet):
        def handle_close(self) -> None:
            if healthy:
                self.close()

    with hosted(Deaf) as lab:
        alice = lab.connect("alice")
        lab.step()
        alice.close()
        lab.step(6)
        return lab.tape


@contextlib.contextmanager
def no_more_fds() -> Iterator[None]:
    """For a while this process may open no fd: its limit is below the first that is free."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@patient("emfile-spin")
def runs_out_of_fds_in_a_loop(healthy: bool) -> Tape:
    recorder, accepted = Recorder(), []
    listener = recorder.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    with RecordingSelector(recorder=recorder) as selector, socket.create_connection(listener.getsockname()):
        selector.register(listener, READ)
        with contextlib.nullcontext() if healthy else no_more_fds():
            for _ in range(6):
                for _ in selector.select(0.01):
                    with contextlib.suppress(OSError):
                        accepted.append(listener.accept()[0])
    for each in (listener, *accepted):
        each.close()
    return recorder.tape


@patient("emfile-spin")
def runs_out_of_fds_in_asyncore(healthy: bool) -> Tape:
    class Shrugs(server(Quiet)):  # type: ignore[misc]
        def handle_error(self) -> None:
            pass  # asyncore's own would close the listener

    with AsyncoreLab(asyncore, Shrugs, pause_on_emfile=False) as lab:
        lab.connect("alice")
        with contextlib.nullcontext() if healthy else no_more_fds():
            lab.step(6)
        return lab.tape


@patient("unread")
def does_not_read_in_a_lab(healthy: bool) -> Tape:
    class Idle(Channel):
        def handle_read(self) -> None:
            if healthy:
                self.declare(0)

    with Lab(Idle) as lab:
        lab.connect("alice").send(b"hello")
        lab.step(8)
        return lab.tape


@patient("unread")
def does_not_read_in_asyncore(healthy: bool) -> Tape:
    class Idle(Quiet):
        def handle_read(self) -> None:
            pass

        def readable(self) -> bool:
            return not healthy

    with hosted(Idle) as lab:
        lab.connect("alice").send(b"hello")
        lab.step(8)
        return lab.tape


@patient("unread")
def does_not_accept(healthy: bool) -> Tape:
    class Closed(server(Quiet)):  # type: ignore[misc]
        def handle_accept(self) -> None:
            if not healthy:
                with contextlib.suppress(BlockingIOError):
                    if not self.accepted:
                        self.accepted = True
                        super().handle_accept()
            else:
                super().handle_accept()

        accepted = False

    with AsyncoreLab(asyncore, Closed) as lab:
        lab.connect("alice")
        lab.step()
        lab.connect("bob")
        lab.step(8)
        return lab.tape
