"""One echo server three times: on select, on epoll and on kqueue, as short as each of them lets it be.

They are there to be read side by side. Each serves until nobody is connected any more. The third is
written from kqueue(2); it needs macOS or a BSD.
"""

# mypy: ignore-errors

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Callable, Iterator


def on_select(listener):
    socks = [listener]
    while True:
        for sock in select.select(socks, [], [])[0]:
            if sock is listener:
                socks.append(sock.accept()[0])
            elif data := sock.recv(1024):
                sock.send(data)
            else:
                socks.remove(sock)
                sock.close()
        if socks == [listener]:
            return


def on_epoll(listener):
    socks = {listener.fileno(): listener}
    with select.epoll() as epoll:
        epoll.register(listener, select.EPOLLIN)
        while True:
            for fd, _ in epoll.poll():
                sock = socks[fd]
                if sock is listener:
                    sock = sock.accept()[0]
                    socks[sock.fileno()] = sock
                    epoll.register(sock, select.EPOLLIN)
                elif data := sock.recv(1024):
                    sock.send(data)
                else:
                    epoll.unregister(sock)
                    del socks[fd]
                    sock.close()
            if len(socks) == 1:
                return


def on_kqueue(listener):
    socks = {listener.fileno(): listener}
    with contextlib.closing(select.kqueue()) as kqueue:
        changes = [select.kevent(listener)]
        while True:
            events, changes = kqueue.control(changes, 100), []
            for event in events:
                sock = socks[event.ident]
                if sock is listener:
                    sock = sock.accept()[0]
                    socks[sock.fileno()] = sock
                    changes.append(select.kevent(sock))
                elif data := sock.recv(1024):
                    sock.send(data)
                else:
                    del socks[event.ident]
                    sock.close()
            if len(socks) == 1:
                return


@contextlib.contextmanager
def serving(server: Callable[[socket.socket], None]) -> Iterator[tuple[str, int]]:
    """The address of a listener that `server` serves, in a thread, until its last client has gone."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server, args=[listener], daemon=True)
        thread.start()
        yield listener.getsockname()
        thread.join(10)
