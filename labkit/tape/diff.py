"""Where two tapes part: the first iteration in which they ask, are told or do something else, in words.

Connections are known by their names, since one that is the same may have another fd. Times do not count, nor
iterations in which nothing happened. It knows iterations, and not how a tape keeps them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest

from labkit.tape import narrate
from labkit.tape.iteration import Iteration
from labkit.tape.turn import SYSTEM_CALLS, Call, Event

WORDS = {Event.READ: "read from", Event.WRITE: "write to", Event.EXCEPT: "hear of what is exceptional at"}


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first iteration in which two tapes differ: `index` on the one, `other_index` on the other.

    None: that tape had ended. `kind` is what differs: "poked" (what was done from outside), "asked", "ready",
    "called", "raised", or "ended". `what` says it in words, "mine" being the first tape, "yours" the other.
    """

    index: int | None
    other_index: int | None
    kind: str
    what: str

    def __str__(self) -> str:
        if self.index is None or self.other_index in (None, self.index):
            return f"iteration {self.other_index if self.index is None else self.index}: {self.what}"
        return f"iteration {self.index} ({self.other_index} in yours): {self.what}"


def diff(mine: Iterable[Iteration], yours: Iterable[Iteration]) -> Divergence | None:
    """The first iteration in which two tapes differ, and how; None if they do not."""
    ours, theirs = _told(mine), _told(yours)
    a, b = next(ours, None), next(theirs, None)
    while a is not None or b is not None:
        if a == b:
            a, b = next(ours, None), next(theirs, None)
        elif a is not None and a.idle and (b is None or a.asked == b.asked):
            a = next(ours, None)
        elif b is not None and b.idle and (a is None or a.asked == b.asked):
            b = next(theirs, None)
        elif a is None or b is None:
            return _ended(a, b)
        else:
            kind = next(kind for kind in DIFFERS if getattr(a, kind) != getattr(b, kind))
            return Divergence(a.index, b.index, kind, DIFFERS[kind](a, b))
    return None


class _Told:
    """An iteration by names: what is compared."""

    def __init__(self, it: Iteration, names: _Names) -> None:
        self.index = it.index
        self.poked = tuple(it.pokes)
        self.asked = {names.of(it, fd): events for fd, events in it.interest.items()}
        self.ready = {names.of(it, fd): events for fd, events in it.ready.items()}
        self.called = tuple((names.of(it, call.fd), _done(it, call, names)) for call in it.calls)
        self.raised = tuple((names.of(it, fd), text) for fd, text in it.errors)
        self.idle = not (self.poked or self.ready or self.called or self.raised)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Told) and all(
            getattr(self, kind) == getattr(other, kind) for kind in DIFFERS
        )


def _told(tape: Iterable[Iteration]) -> Iterator[_Told]:
    names = _Names()
    return (_Told(it, names) for it in tape)


class _Names:
    """Names that two tapes share: a number that the kernel has chosen becomes the order of appearance."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, str], str] = {}
        self._count: dict[str, int] = {}

    def of(self, it: Iteration, fd: int) -> str:
        name = it.name(fd)
        if (fd, name) not in self._known:
            stem = re.sub(rf" (:\d+|{fd})$", "", name)
            if stem != name:
                self._count[stem] = self._count.get(stem, 0) + 1
                stem = f"{stem} {self._count[stem]}"
            self._known[fd, name] = stem
        return self._known[fd, name]


def _done(it: Iteration, call: Call, names: _Names) -> str:
    """A call and its result in words; of a method, its name."""
    if call.name not in SYSTEM_CALLS:
        return call.name
    if call.name == "accept" and not call.errno and call.result is not None:
        return f"accept() → {names.of(it, call.result)}"
    return narrate.call(call)


# ---- in words --------------------------------------------------------------------------------------------


def _ended(a: _Told | None, b: _Told | None) -> Divergence:
    if b is None:
        assert a is not None
        return Divergence(a.index, None, "ended", f"yours had ended; mine {_first(a)}")
    return Divergence(None, b.index, "ended", f"mine had ended; yours {_first(b)}")


def _first(told: _Told) -> str:
    if told.called:
        return f"went on with {told.called[0][1]} on {told.called[0][0]}"
    return f"was told of {narrate.listing(told.ready)}" if told.ready else "went on"


def _events(a: Mapping[str, Event], b: Mapping[str, Event], verb: str) -> str:
    """The first event that one has and the other has not."""
    for name in dict.fromkeys([*a, *b]):
        for event, words in WORDS.items():
            here, there = a.get(name, Event(0)) & event, b.get(name, Event(0)) & event
            if here != there:
                who, other = ("mine", "yours") if here else ("yours", "mine")
                return f"{who} {verb.format(words=f'{words} {name}')}, {other} {_not(verb)}"
    return "they name the same fds in another order"


def _not(verb: str) -> str:
    return "did not" if verb.startswith("asked") else "was not"


def _items(a: tuple[tuple[str, str], ...], b: tuple[tuple[str, str], ...], verb: str) -> str:
    """The first place in which two lists differ."""
    for one, other in zip_longest(a, b):
        if one != other:
            return f"mine {_item(one, verb)}, yours {_item(other, verb)}"
    raise AssertionError("they are the same")


def _item(item: tuple[str, str] | None, verb: str) -> str:
    return f"{verb} {item[1]} on {item[0]}" if item else f"{verb} nothing more"


def _pokes(a: _Told, b: _Told) -> str:
    for one, other in zip_longest(a.poked, b.poked):
        if one != other:
            here = narrate.poke(one) if one else "nothing more was done"
            there = narrate.poke(other) if other else "nothing more was done"
            return f"before mine, {here}; before yours, {there}"
    raise AssertionError("they are the same")


DIFFERS: dict[str, Callable[[_Told, _Told], str]] = {
    "poked": _pokes,
    "asked": lambda a, b: _events(a.asked, b.asked, "asked to {words}"),
    "ready": lambda a, b: _events(a.ready, b.ready, "was told that it can {words}"),
    "called": lambda a, b: _items(a.called, b.called, "made"),
    "raised": lambda a, b: _items(a.raised, b.raised, "raised"),
}
