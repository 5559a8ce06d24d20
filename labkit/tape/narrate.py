"""An iteration in words: for readers, for alt text and screen readers, for terminals and logs.

It reads the fields of an Iteration (labkit.tape.iteration) and nothing else, so that the words and the figure
cannot disagree.
"""

from __future__ import annotations

import errno as errnos
import math
from collections.abc import Iterable

from labkit.tape.turn import RAISED, Account, Call, Event, Poke, Queues, Turn

NAMED_AT_MOST = 8  # fds that a sentence names; the others are counted


def explain(it: Turn) -> str:
    """The iteration as sentences, one a line: before it, asked, told, done, and where bytes stand."""
    lines = [f"Iteration {it.index}"]
    lines += [f"  Before it, {poke(each)}." for each in it.pokes]
    lines.append(f"  The loop asked about {asked(it)}, {patience(it.timeout)}.")
    lines.append(f"  It slept {duration(it.asleep_ns)}. {told(it)}")
    lines += [f"  {it.name(each.fd)}: {call(each)}" for each in it.calls[:40]]
    if len(it.calls) > 40:
        lines.append(f"  … and {len(it.calls) - 40:,} more calls.")
    lines += [f"  {failure(it, fd, text)}" for fd, text in it.errors]
    lines.append(f"  Then it was awake {duration(it.awake_ns)} (CPU {duration(it.cpu_ns)} in all).")
    touched = dict.fromkeys([*it.ready, *(each.fd for each in it.calls)])
    for fd in list(touched)[:NAMED_AT_MOST]:
        if fd in it.queues and any(it.queues[fd]):
            lines.append(f"  {it.name(fd)} holds {queues(it.queues[fd])}.")
    lines += [f"  {ledger(it, fd)}" for fd in list(touched)[:NAMED_AT_MOST] if fd in it.accounts]
    return "\n".join(lines)


def summary(it: Turn) -> str:
    """The iteration in one sentence: the alt text of a figure."""
    return (
        f"Iteration {it.index}: asked about {asked(it)}, slept {duration(it.asleep_ns)}. {told(it)} "
        f"{plural(len(it.calls), 'call')}, awake {duration(it.awake_ns)}."
        + "".join(f" {failure(it, fd, text)}" for fd, text in it.errors)
    )


def asked(it: Turn) -> str:
    """The interest set in words."""
    if not it.interest:
        return "nothing"
    if len(it.interest) <= NAMED_AT_MOST:
        return listing(f"{it.name(fd)} ({event(events)})" for fd, events in it.interest.items())
    writes = sum(1 for events in it.interest.values() if events & 2)
    return f"{len(it.interest):,} fds" + (f", {writes:,} of them for writing too" if writes else "")


def told(it: Turn) -> str:
    """The ready set in words, as a sentence."""
    if not it.ready:
        return "Nothing was ready."
    if len(it.ready) <= NAMED_AT_MOST:
        return f"Ready: {listing(f'{it.name(fd)} ({event(e)})' for fd, e in it.ready.items())}."
    return f"{len(it.ready):,} fds were ready."


def call(each: Call) -> str:
    """One call with its result, as the reader would write it: `recv(1024) → 5 bytes`."""
    argument = "" if each.arg is None else f"{each.arg:,}".replace(",", "_")
    return f"{each.name}({argument}) → {outcome(each)}"


def outcome(each: Call) -> str:
    """What came back from a call."""
    if each.errno:
        return "raised" if each.errno == RAISED else error_name(each.errno)
    if each.name == "accept":
        return f"fd {each.result}"
    if each.name == "recv" and each.result == 0:
        return "0 bytes: the end"
    if each.name in ("peek", "recv", "send"):
        return plural(each.result or 0, "byte")
    return "done"


def poke(each: Poke) -> str:
    """What somebody did to a peer."""
    who = each.peer
    if each.errno and each.action in ("send", "recv"):
        return f"{who} tried to {each.action} {each.arg:,} bytes: {error_name(each.errno)}"
    if each.action == "send":
        short = "" if each.result == each.arg else f" of {each.arg:,}"
        return f"{who} sent {plural(each.result or 0, 'byte')}{short}"
    if each.action == "recv":
        return f"{who} took {plural(each.result or 0, 'byte')}" + (": the end" if not each.result else "")
    past = {"connect": "connected", "shutdown": "said that it will send no more", "close": "closed"}
    return f"{who} {past.get(each.action, 'reset the connection')}"


def queues(each: Queues) -> str:
    """Where the bytes of one connection stand."""
    places = {
        "recv_queue": "in the kernel's receive queue",
        "read_buffer": "in the read buffer",
        "write_buffer": "in the write buffer",
        "send_queue": "in the kernel's send queue",
    }
    held = [f"{n:,} B {places[name]}" for name, n in each._asdict().items() if n]
    return listing(held) or "nothing"


def ledger(it: Turn, fd: int) -> str:
    """The conservation law of one connection on its own numbers, or why it cannot be checked."""
    verdict, account, held = it.balance(fd), it.accounts[fd], it.queues.get(fd)
    if verdict is None or held is None:
        why = "its end is closed" if not account.open else "it was at work meanwhile, or bytes passed unseen"
        return f"{it.name(fd)}: not counted; {why}."
    way = "every byte is accounted for" if verdict else "BYTES ARE MISSING"
    return f"{it.name(fd)}: {way}: {equation(account, held)}."


def equation(account: Account, held: Queues) -> str:
    """Both halves of the law: what was sent = what was received + what lies in the kernels' queues."""
    a, q = account, held
    return (
        f"in {a.peer_sent:,} = {a.received:,} + {q.recv_queue or 0:,} + {a.peer_unsent:,}, "
        f"out {a.sent:,} = {a.peer_received:,} + {a.peer_unread:,} + {q.send_queue or 0:,}"
    )


def failure(it: Turn, fd: int, text: str) -> str:
    """An error of a handler, or of the wait itself (fd −1)."""
    if fd < 0:
        return f"The wait itself failed: {text}."
    return f"{it.name(fd)}: its handler raised {text}."


def patience(timeout: float | None) -> str:
    """The timeout of a wait in words."""
    if timeout is None or timeout == math.inf:
        return "and would wait without end"
    return "without waiting" if timeout <= 0 else f"for at most {timeout:g} s"


def event(events: Event | int) -> str:
    """An event mask in words."""
    words = ("read", "write", "exceptional")
    return " and ".join(word for bit, word in enumerate(words) if events & 1 << bit) or "nothing"


def error_name(number: int) -> str:
    """The symbol of an errno: EAGAIN."""
    return errnos.errorcode.get(number, f"errno {number}")


def duration(ns: int) -> str:
    """Nanoseconds in the unit a reader would use: `3.1 ms`."""
    for size, unit in ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs")):
        if ns >= size:
            value = ns / size
            return f"{value:.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"
    return f"{ns} ns"


def plural(count: int, word: str) -> str:
    """`1 byte`, `5 bytes`."""
    return f"{count:,} {word}" + ("" if count == 1 else "s")


def listing(items: Iterable[str]) -> str:
    """`a, b and c`."""
    parts = list(items)
    return " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))


# ---- why an fd is, or is not, ready ----------------------------------------------------------------------


def why(it: Turn, fd: int) -> str:
    """Why `fd` was, or was not, ready: `not readable: the receive queue is empty; not asked about writing`.

    What stood in the queues during the wait is known from the moment the loop woke (in stepped labs), or from
    the end of the iteration where nothing has touched the fd since. Where neither is known, less is said.
    """
    interest, ready = it.interest.get(fd, Event(0)), it.ready.get(fd, Event(0))
    if not interest and not ready:
        return "not asked about"
    calls = [each for each in it.calls if each.fd == fd]
    held = _while_it_waited(it, fd, calls)
    reasons = []
    if not (interest | ready) & Event.READ:
        reasons.append("not asked about reading")
    elif ready & Event.READ:
        reasons.append(_readable(it, fd, calls, held))
    else:
        reasons.append(_not_readable(calls, held))
    if not (interest | ready) & Event.WRITE:
        reasons.append("not asked about writing")
    else:
        reasons.append(_writing(it, fd, calls, held, bool(ready & Event.WRITE)))
    if ready & Event.EXCEPT:
        reasons.append("exceptional: urgent data, an error or a hang-up")
    return "; ".join(reasons)


def _while_it_waited(it: Turn, fd: int, calls: list[Call]) -> Queues | None:
    for moment in it.moments:
        if moment.fd == fd and moment.after == 0:
            return moment.queues
    return None if calls else it.queues.get(fd)


def _readable(it: Turn, fd: int, calls: list[Call], held: Queues | None) -> str:
    if held is not None and held.recv_queue:
        return f"readable: {plural(held.recv_queue, 'byte')} in the receive queue"
    for each in calls:
        if each.name == "accept" and not each.errno:
            return "readable: a connection waits to be accepted"
        if each.name == "accept":
            return f"ready, though nobody waits: accept gave {error_name(each.errno)}"
        if each.name == "recv" and each.errno in (errnos.EAGAIN, errnos.EWOULDBLOCK):
            return "ready, though nothing came: recv gave EAGAIN"
        if each.name == "recv" and each.errno:
            return f"ready, though nothing came: the connection failed with {error_name(each.errno)}"
        if each.name == "recv" and each.result:
            return f"readable: {plural(each.result, 'byte')} or more in the receive queue"
        if each.name == "recv":
            return "ready, though nothing came: the peer has closed"
    account = it.accounts.get(fd)
    if held is not None and held.recv_queue == 0 and account is not None and not account.open:
        return "ready, though nothing came: the peer has closed"
    return "readable: the kernel says so, and nobody has read"


def _not_readable(calls: list[Call], held: Queues | None) -> str:
    if held is not None and held.recv_queue:
        return (
            f"not readable: its {plural(held.recv_queue, 'byte')} came after the wait, "
            "or were reported before (edge-triggered)"
        )
    if held is not None and held.recv_queue == 0:
        return "not readable: the receive queue is empty"
    return "not readable: nothing has come"


def _writing(it: Turn, fd: int, calls: list[Call], held: Queues | None, ready: bool) -> str:
    limit = it.capacity[fd].send_queue if fd in it.capacity else None
    queued = held.send_queue if held is not None else None
    stands = f"{queued:,} of {limit:,} in the send queue" if queued is not None and limit else None
    if not ready:
        return f"not writable: {stands or 'the kernel takes no more now'}"
    failed = next((each for each in calls if each.name == "send" and each.errno), None)
    if failed is not None and failed is next(each for each in calls if each.name == "send"):
        if failed.errno in (errnos.EAGAIN, errnos.EWOULDBLOCK):
            return "said to be writable, though the kernel took nothing: send gave EAGAIN"
        return f"ready, though nothing can be sent: send gave {error_name(failed.errno)}"
    return f"writable: {stands or 'the send queue has room'}"
