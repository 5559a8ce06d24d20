"""The source of one function, with the lines that ran marked, in order, beside what each of them changed.

    turn = trace(asyncore.loop, count=1)
    Walked(turn, asyncore.poll)

The text is read from the function itself (inspect). It knows what was traced, and nothing of loops.
"""

from __future__ import annotations

import inspect
import textwrap
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from labkit.measure import html
from labkit.trace import Line, Source

TIMES = 3  # runs of one line that are numbered singly
PALE = "opacity: 0.68"
CELL = "padding: 0 12px 0 0; text-align: left; vertical-align: top; font-size: 13px"
LINE = "white-space: pre; background: none; padding: 0"  # a page's own style wraps code, and loses the indent
THEN = "white-space: pre-wrap; background: none; padding: 0; display: inline-block; min-width: 20ch"


class Row(NamedTuple):
    text: str  # the source
    ran: tuple[int, ...]  # its places in the order of what ran, from 1
    then: str  # what it changed, returned or raised


class Walked:
    """One call of `function` in `source`, line by line: call number `call`, counted from 0.

    Raises ValueError if the function did not run in it as often as that.
    """

    def __init__(self, source: Source, function: Callable[..., Any], call: int = 0) -> None:
        plain = inspect.unwrap(function)
        calls = list(_calls(source, plain.__code__.co_filename, plain.__qualname__))
        if not -len(calls) <= call < len(calls):
            raise ValueError(
                f"{plain.__qualname__} ran {len(calls)} times in what was traced, not {call + 1}"
            )
        self.name = plain.__qualname__
        self.calls = len(calls)
        self.lines = calls[call]
        text, first = inspect.getsourcelines(plain)
        self.rows = _rows(textwrap.dedent("".join(text)).splitlines(), first, self.lines)

    @property
    def outcome(self) -> str:
        """What it returned or raised, as text: "returns None"."""
        return next((line.returns for line in reversed(self.lines) if line.returns), "")

    def __repr__(self) -> str:
        wide = max(len(row.text) for row in self.rows)
        return "\n".join(f"{_order(row):>9}  {row.text:<{wide}}  {row.then}".rstrip() for row in self.rows)

    def _repr_html_(self) -> str:
        body = "".join(
            f"<tr{'' if row.ran else f' style={chr(34)}{PALE}{chr(34)}'}>"
            + "".join(f'<td style="{CELL}">{cell}</td>' for cell in _cells(row))
            + "</tr>"
            for row in self.rows
        )
        head = "".join(f'<th style="{CELL}">{each}</th>' for each in ("order", html.text(self.name), "then"))
        table = f'<table style="border-collapse: collapse"><tr>{head}</tr>{body}</table>'
        return f'<div style="overflow-x: auto">{table}</div>'


def _calls(source: Source, filename: str, name: str) -> Iterator[list[Line]]:
    """The lines of each call of a function; what it calls in between is left out."""
    call: list[Line] = []
    for line in source.lines:
        ours = (line.filename, line.function) == (filename, name)
        if call and (line.depth < call[0].depth or (line.depth == call[0].depth and not ours)):
            yield call  # an exception left it
            call = []
        if ours and (not call or line.depth == call[0].depth):
            call.append(line)
            if (line.returns or "").startswith("returns"):
                yield call
                call = []
    if call:
        yield call


def _rows(text: list[str], first: int, lines: list[Line]) -> list[Row]:
    ran: dict[int, list[int]] = defaultdict(list)
    then: dict[int, str] = {first: ", ".join(f"{name} = {value}" for name, value in lines[0].values)}
    at = 0
    for line, after in zip(lines, [*lines[1:], None], strict=True):
        if line.returns is None:
            at += 1
            ran[line.lineno].append(at)
            changed = dict(after.values).items() - dict(line.values).items() if after else ()
            if changed:
                then[line.lineno] = ", ".join(f"{name} = {value}" for name, value in sorted(changed))
        else:
            changed_too = then.get(line.lineno, "") if line.lineno != first else ""
            then[line.lineno] = "; ".join(filter(None, (changed_too, line.returns)))
    return [Row(row, tuple(ran[number]), then.get(number, "")) for number, row in enumerate(text, first)]


def _order(row: Row) -> str:
    more = ", …" if len(row.ran) > TIMES else ""
    return ", ".join(map(str, row.ran[:TIMES])) + more


def _cells(row: Row) -> tuple[str, str, str]:
    code = _code(row.text, LINE)
    return _order(row), f"<b>{code}</b>" if row.ran else code, _code(row.then, THEN) if row.then else ""


def _code(words: str, style: str) -> str:
    return f'<code style="{style}">{html.text(words)}</code>'
