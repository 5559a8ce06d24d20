"""A handler of asyncore's in a lab, without the server that every such program writes anew.

The module is imported when it is first needed: it left Python in 3.12, and its package warns when it is.
"""

from __future__ import annotations

import socket
import warnings
from typing import Any

from labkit.lab.asyncore_lab import AsyncoreLab

LOOPBACK = "127.0.0.1"


def the_module() -> Any:
    """asyncore, without its warning that it is deprecated. ImportError if it is nowhere to be had."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The asyncore module", DeprecationWarning)
        import asyncore
    return asyncore


def server(handler: Any) -> Any:
    """A class of servers, each on a port of its own, that make a `handler` of each connection."""
    asyncore = the_module()

    class Server(asyncore.dispatcher):  # type: ignore[misc, name-defined]  # known when it is imported
        def __init__(self) -> None:
            super().__init__()
            self.create_socket(socket.AF_INET, socket.SOCK_STREAM)
            self.bind((LOOPBACK, 0))
            self.listen(64)

        def handle_accepted(self, sock: Any, addr: Any) -> None:
            handler(sock)

    return Server


def hosted(handler: Any, **options: Any) -> AsyncoreLab:
    """A lab whose server makes a `handler` of each connection; `options` are AsyncoreLab's."""
    return AsyncoreLab(the_module(), server(handler), **options)


def answer(handler: Any, request: bytes, iterations: int = 3) -> bytes:
    """What one client is answered that sends `request`, within so many iterations of a lab of its own."""
    with hosted(handler) as lab:
        client = lab.connect("client")
        lab.step()
        client.send(request)
        lab.step(iterations)
        return bytes(client.recv())
