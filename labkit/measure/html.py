"""How measurements look in a notebook: tables, bars, a thread's states, a connection's states.

Plain HTML in the page's own colours, so that it is right in a light and in a dark theme. Whatever is put in
as text is made printable and escaped here. It knows nothing of what was measured.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

from labkit.tape.text import printable

SLEEPS = "repeating-linear-gradient(45deg, #9aa5b1 0 4px, #c9d0d8 4px 8px)"
RUNS = "#008060"
STATES = {  # what a state means → the colour of its edge; the words say the same
    "open": "#2e9e5b",
    "sends no more": "#c99700",
    "gets no more": "#2f7fc1",
    "neither way": "#7b8794",
    "dead": "#c0392b",
}
MARKED = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*|\*([^*\s][^*]*)\*")
TAGS = "", "code", "strong", "em"  # by the groups of MARKED
_TABLE = 'style="border-collapse: collapse; font-size: 14px"'
_CELL = 'style="text-align: left; padding: 4px 8px; vertical-align: top; white-space: nowrap"'


def table(head: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> str:
    """A table of cells that are HTML already, with a row of headings unless `head` is empty."""
    above = f"<caption>{text(caption)}</caption>" if caption else ""
    body = "".join(_row(row, "td") for row in rows)
    return f"<table {_TABLE}>{above}{_row(head, 'th') if head else ''}{body}</table>"


def _row(cells: Sequence[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag} {_CELL}>{cell}</{tag}>" for cell in cells) + "</tr>"


def text(words: str) -> str:
    """Any text, so that a page shows it and runs none of it."""
    return escape(printable(words))


def code(words: str) -> str:
    """Any text, as code."""
    return f"<code>{text(words)}</code>"


def prose(words: str) -> str:
    """Markdown's `code`, **strong** and *stress*, and nothing else of it; predict.js knows the same."""

    def tagged(found: re.Match[str]) -> str:
        tag = TAGS[found.lastindex or 0]
        return f"<{tag}>{found[found.lastindex or 0]}</{tag}>"

    return MARKED.sub(tagged, "\n".join(map(text, words.split("\n"))))


def strong(words: str) -> str:
    """Any text, in bold."""
    return f"<b>{text(words)}</b>"


def broken_at_the_dot(call: str) -> str:
    """`here.recv(10)` on two lines, so that its column is narrow."""
    return text(call).replace(".", "<br>.", 1)


def bar(whole: float, dark: float) -> str:
    """A bar of `whole` (0 to 1) of the width there is, `dark` of it dark."""
    wide = max(2, round(200 * whole))
    inner = min(wide, round(200 * dark))
    return (
        f'<div style="width: {wide}px; height: 14px; background: #b4bcc6">'
        f'<div style="width: {inner}px; height: 14px; background: {RUNS}"></div></div>'
    )


def thread_states(stretches: Iterable[tuple[str, int, int]], end: int, wide: int = 360) -> str:
    """A strip of (what a thread did, from, till) up to `end`: solid where it runs, striped in a sleep."""
    return "".join(
        f'<span title="{text(what)}" style="display: inline-block; height: 16px; '
        f"width: {wide * (till - since) / end:.1f}px; "
        f'background: {RUNS if what == "runs" else SLEEPS}"></span>'
        for what, since, till in stretches
    )


def connection_state(meaning: str, state: str, more: Iterable[str]) -> str:
    """A box with what one end's state means, its name in netstat(8), and what else there is to say."""
    if not state:
        return text(meaning)
    edge = f"border: 1px solid currentColor; border-left: 6px solid {STATES.get(meaning, 'currentColor')}"
    rest = "<br>".join(map(text, more))
    inside = f"<b>{text(meaning)}</b><br><small>{text(state)}</small>"
    return f'<div style="{edge}; padding: 2px 6px">{inside}</div>{rest}'
