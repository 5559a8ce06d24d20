"""A safe readwrite: what poll says of an fd becomes calls on its dispatcher, and no byte is lost."""

import select
from typing import Any

from labkit.lab.asyncore_host import hosted
from labkit.lab.asyncore_lab import AsyncoreLab
from labkit.teaching.practice_form import Check, expect

TITLE, LESSON, ANSWER, ORDER = "A safe readwrite", "06", "readwrite", 2

STATEMENT = """
`asyncore.poll2` calls `readwrite(obj, flags)` for each fd that `poll` reports. asyncore's own reads
**once** and then closes if the peer has hung up: what else lay in the receive queue is lost. Write a
`readwrite(obj, flags)` that is safe.

- `POLLIN`: `obj.handle_read_event()` · `POLLPRI`: `obj.handle_expt_event()` · `POLLOUT`:
  `obj.handle_write_event()`, in this order. (They are flags of the module `select`.)
- `POLLHUP`, `POLLERR`, `POLLNVAL`: `obj.handle_close()`; but not as long as there is something to read:
  then `poll` will report it again.
- An `OSError` from one of these: `obj.handle_close()`. Any other `Exception`: `obj.handle_error()`.
  `KeyboardInterrupt`, `SystemExit` and `asyncore.ExitNow` (an `Exception`!) pass.

**Judged:** what each flag calls; what each error does; and a peer that sends 20,000 bytes and hangs up.
"""

STUB = """
import select

def readwrite(obj, flags):
    if flags & select.POLLIN:
        obj.handle_read_event()
    if flags & select.POLLOUT:
        obj.handle_write_event()
    if flags & (select.POLLHUP | select.POLLERR | select.POLLNVAL):
        obj.handle_close()
"""

HINTS = (
    "POLLIN and POLLHUP come together. What do you know after one recv(1024)?",
    "Close only `if flags & (POLLHUP | POLLERR | POLLNVAL) and not flags & POLLIN`. All of it in one try.",
    "except (asyncore.ExitNow, KeyboardInterrupt, SystemExit): raise, first; then except OSError:"
    " obj.handle_close(); then except Exception: obj.handle_error().",
)

EXPLANATION = """
`POLLHUP` says that the peer is gone; it does not say that its bytes are. Under asyncore's `poll2`, 1,024
of 50,000 bytes arrive. Under `poll`, which knows no hang-up, all of them. As long as there is something
to read, you read; the end comes as `b""`, or as an error, of its own accord.
"""

PROBES = {
    "IN": select.POLLIN,
    "PRI": select.POLLPRI,
    "OUT": select.POLLOUT,
    "HUP": select.POLLHUP,
    "ERR": select.POLLERR,
    "NVAL": select.POLLNVAL,
}
NAMES = {"os": "ConnectionResetError", "value": "ValueError", "exit": "SystemExit", "now": "ExitNow"}
ERRORS = {"os": ConnectionResetError, "value": ValueError, "exit": SystemExit}


class Probe:
    """A dispatcher that only notes what is called."""

    def __init__(self, error: str) -> None:
        self.calls: list[str] = []
        import asyncore

        self.error: Any = asyncore.ExitNow if error == "now" else ERRORS.get(error)

    def handle_read_event(self) -> None:
        self.calls.append("read")
        if self.error is not None:
            raise self.error(104)

    def __getattr__(self, name: str) -> Any:
        return lambda: self.calls.append(name.removeprefix("handle_").removesuffix("_event"))


def host(answer: Any, **options: Any) -> AsyncoreLab:
    import asyncore

    kept = bytearray()

    class Collecting(asyncore.dispatcher):
        def __init__(self, sock: Any) -> None:
            super().__init__(sock)
            self.send(b"hello")

        def handle_read(self) -> None:
            data = self.recv(1024)
            if data.startswith(b"?"):
                flags, _, error = data[1:].decode().partition(" ")
                self.send(_probed(answer, flags, error).encode() + b".")
            elif data == b"how many":
                self.send(b"%d." % len(kept))
            else:
                kept.extend(data)

        def writable(self) -> bool:
            return False

        def handle_error(self) -> None:
            self.close()

    asyncore.readwrite = answer  # in this process of the answer's own
    return hosted(Collecting, selector="poll", **options)


def _probed(answer: Any, flags: str, error: str) -> str:
    probe = Probe(error)
    try:
        answer(probe, sum(PROBES[name] for name in flags.split("+")))
    except BaseException as raised:
        return " ".join([*probe.calls, f"{type(raised).__name__}!"])
    return " ".join(probe.calls) or "nothing"


def _probe(bench: Any, rows: list[tuple[str, str, str]]) -> None:
    stage = bench.open()
    alice = stage.connect("alice")
    stage.quiet()
    stage.take(alice, 5)
    for flags, error, wanted in rows:
        alice.send(f"?{flags} {error}".encode())
        stage.quiet()
        got = stage.take(alice, len(wanted) + 1).decode()
        got += "" if got.endswith(".") else stage.take(alice, 60, within=0.1).decode()
        what = (
            f"{flags} calls {wanted}."
            if not error
            else f"{flags}, and reading raises {NAMES[error]}: {wanted}."
        )
        expect(got == wanted + ".", what, f"It made {got}" if got else "It answered nothing.", stage.last)


def flags(bench: Any) -> None:
    rows = [
        ("IN", "read"),
        ("OUT", "write"),
        ("PRI", "expt"),
        ("IN+OUT", "read write"),
        ("IN+PRI+OUT", "read expt write"),
    ]
    _probe(bench, [(asked, "", wanted) for asked, wanted in rows])


def hang_ups(bench: Any) -> None:
    rows = [
        ("HUP", "close"),
        ("ERR", "close"),
        ("NVAL", "close"),
        ("IN+HUP", "read"),
        ("IN+OUT+ERR+HUP", "read write"),
    ]
    _probe(bench, [(asked, "", wanted) for asked, wanted in rows])


def errors(bench: Any) -> None:
    rows = [
        ("os", "read close"),
        ("value", "read error"),
        ("exit", "read SystemExit!"),
        ("now", "read ExitNow!"),
    ]
    _probe(bench, [("IN", error, wanted) for error, wanted in rows])


def the_last_bytes(bench: Any) -> None:
    stage = bench.open()
    alice, bob = stage.connect("alice"), stage.connect("bob")
    stage.quiet()
    stage.take(bob, 5)
    alice.send(bench.text(20_000))
    alice.close()  # with "hello" unread: the kernel resets the connection, and poll says IN, ERR and HUP
    stage.quiet()
    bob.send(b"how many")
    stage.quiet()
    got = stage.take(bob, 6)
    expect(
        got == b"20000.",
        "alice sends 20,000 bytes and hangs up, and all are read.",
        f"{got.decode()[:-1]} were.",
        stage.last,
    )


CHECKS = (
    Check("flags", 1, flags),
    Check("hang-ups", 2, hang_ups),
    Check("errors", 1, errors),
    Check("the last bytes", 1, the_last_bytes),
)
