"""Connect without waiting: EINPROGRESS, then writable, then SO_ERROR tells what became of it."""

import errno
import socket
from typing import Any

from labkit.lab.lab import Lab
from labkit.loop import WRITE, Channel
from labkit.tape.narrate import error_name
from labkit.teaching.practice_form import Check, Failed, expect

TITLE, LESSON, ANSWER, ORDER = "Connect in progress, and refused", "01", "Dial", 3

STATEMENT = """
Write a class `Dial` with two methods.

- `begin(self, sock, address)` starts to connect the non-blocking `sock` to `address`, and returns at
  once. A connection that is under way is no error.
- `finish(self, sock)` is called once, when the kernel says that `sock` is writable: the attempt is over.
  Return 0 if it is connected, and otherwise the number of the error, such as `errno.ECONNREFUSED`.

**Judged:** a server that accepts; a port where nobody listens; and a server that does not answer yet,
for which your program must not wait.
"""

STUB = """
class Dial:
    def begin(self, sock, address):
        sock.connect(address)

    def finish(self, sock):
        return 0
"""

HINTS = (
    "connect() of a non-blocking socket cannot know how it ends. What does it do instead of returning?",
    "It raises BlockingIOError (EINPROGRESS); sock.connect_ex(address) returns that number and "
    "raises nothing. How it ended is kept with the socket, as an option.",
    "begin: sock.connect_ex(address). finish: return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)",
)

EXPLANATION = """
A non-blocking connect has three parts: `EINPROGRESS` (I have begun), *writable* (it is over), `SO_ERROR`
(this is how). Writable alone says nothing: a refused connection is writable too, and readable. The error
can be asked for once; the second time it reads 0.
"""


def host(answer: Any, **options: Any) -> Lab:
    class Outgoing(Channel):
        name = "outgoing"

        def handle_write(self) -> None:
            askers[-1].write(b"finished %d." % dial.finish(self.socket))
            self.abort()

    class Asker(Channel):
        def handle_read(self) -> None:
            askers.append(self)
            data = self.recv(64)
            if data:
                sock = self.loop.selector.recorder.socket()  # type: ignore[attr-defined]
                sock.setblocking(False)
                dial.begin(sock, ("127.0.0.1", int(data)))
                self.write(b"begun.")
                Outgoing(self.loop, sock).declare(WRITE)

    dial: Any = answer()
    askers: list[Channel] = []
    return Lab(Asker, **options)


def _dialled(bench: Any, port: int) -> tuple[Any, Any, bytes]:
    stage = bench.open()
    alice = stage.connect("alice")
    stage.step()
    alice.send(b"%d" % port)
    stage.step()
    return stage, alice, stage.take(alice, 6)


def a_server_that_accepts(bench: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        stage, alice, begun = _dialled(bench, server.getsockname()[1])
        expect(begun == b"begun.", "begin() returns at once, and raises nothing.", "It did not.", stage.last)
        stage.quiet()
        _judge(stage, stage.take(alice, 11), 0)


def nobody_listens(bench: Any) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        stage, alice, _ = _dialled(bench, nobody.getsockname()[1])
        stage.quiet()
        _judge(stage, stage.take(alice, 13), errno.ECONNREFUSED)


def a_server_that_does_not_answer_yet(bench: Any) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        first = socket.create_connection(server.getsockname())  # the only one that its backlog has room for
        with first:
            stage, alice, begun = _dialled(bench, server.getsockname()[1])
            expect(
                begun == b"begun.", "begin() returns at once, and raises nothing.", "It did not.", stage.last
            )
            stage.step(2)
            early = stage.take(alice, 1, within=0.05)
            expect(
                not early, "While it is under way, nothing is finished.", "finish() was called.", stage.last
            )


def _judge(stage: Any, got: bytes, right: int) -> None:
    said = got.removeprefix(b"finished ").rstrip(b".")
    if said != b"%d" % right:
        number = int(said) if said.isdigit() else -1
        what = "nothing" if number < 0 else f"{number}" + (f", {error_name(number)}" if number else "")
        wanted = "0" if not right else f"{right}, {error_name(right)}"
        raise Failed(f"finish() returns {wanted}.", f"It returned {what}.", stage.last)


CHECKS = (
    Check("a server that accepts", 1, a_server_that_accepts),
    Check("nobody listens", 2, nobody_listens),
    Check("a server that does not answer yet", 1, a_server_that_does_not_answer_yet),
)
