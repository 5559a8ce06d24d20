"""Drawings that somebody looked at and found right, mark by mark, so that none changes unnoticed.

The other tests say what is true of any drawing; these hold what is a matter of taste, such as a margin. After
a change that was meant, look at the pictures and write the drawings again:

    python -m tests.figure.test_as_looked_at FOLDER    # writes pictures to FOLDER, and the drawings
"""

from __future__ import annotations

import errno
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from labkit.figure import agg
from labkit.figure.drawing import Drawing, Sheet
from labkit.figure.panels import PANELS
from labkit.tape.turn import Call, Now, Queues
from labkit.trace import Line, Source

from .test_source_and_map import HANDLED, LINES, TEXT
from .written import Written, connected, events, many, turn

LOOKED_AT = Path(__file__).parent / "looked_at"


def calls_of(count: int) -> tuple[Call, ...]:
    again = Call(7, "send", 9_999_999, None, errno.EAGAIN, 5)
    return (*(Call(7, "recv", 1_024, n, 0, n) for n in range(count)), again)


@cache
def scenes() -> dict[str, Drawing]:
    def draw(tape: Written, index: int, names: str, lines: Any = None, **at: Any) -> Drawing:
        options = {name: at.pop(name) for name in ("height", "findings") if name in at}
        panels = [PANELS[name]() for name in names.split(", ")]
        return Sheet(tape, panels, lines=lines, **options).draw(index, **at)

    now = Now({}, events({7: 1}), {7: Queues(140, 202, 303, 404)}, {})
    newest = Written(connected(1, contents=False)._its[:1], now=now)
    busy = Written([
        turn(0, calls=calls_of(40), names={7: "alice"}, interest=events(dict.fromkeys(range(3, 90, 2), 3)),
             ready=events(dict.fromkeys(range(3, 90, 2), 2)), timeout=0.25,
             errors=tuple((n, "ValueError: a rather long word") for n in (7, 9, 11, 13))),
    ])  # fmt: skip
    long = {fd: f"a client of the class with the number {fd} in it" for fd in range(7, 13)}
    named = [
        turn(n, interest=events(dict.fromkeys(long, 3)), names=long, queues=connected(6).iteration(0).queues,
             accounts=connected(6).iteration(0).accounts,
             calls=tuple(Call(fd, "recv", 10**9, 10**8, 0, 1) for fd in long))
        for n in range(3)
    ]  # fmt: skip
    mapped = Written([turn(0, calls=HANDLED), turn(1, calls=HANDLED[:3])])
    reading = Written([turn(0, calls=HANDLED[2:4])])
    values = tuple((f"name{n}", f"{n} of a value that is long") for n in range(40))
    text = {("f.py", "long"): (100, tuple(f"    line {n} # {'-' * 3 * n}" for n in range(40)))}
    valued = {0: Source([Line("long", "f.py", 130, 0, values, "returns 1", 0)], text, 0)}
    deep = tuple(Call(7, f"method_{n}", None, 29 - n, 0, n) for n in range(30))
    traced = {0: Source(LINES, TEXT, 0)}
    return {
        "four panels": draw(many(3, 10, beyond=False), 6, "fd sets, calls, buffers, time", width=900),
        "low rows": draw(many(40, 9), 8, "fd sets", width=420, findings=[("slug", 5, 2, 4, "it spins")]),
        "rows in between": draw(many(14, 18), 12, "fd sets", width=640, height=240),
        "bytes": draw(connected(2), 1, "buffers, calls", call=1),
        "now": draw(newest, 0, "fd sets, buffers", width=620),
        "many connections": draw(connected(30, contents=False), 0, "buffers, time", width=640, height=640),
        "five connections": draw(connected(5), 0, "buffers", width=1400),
        "many calls": draw(busy, 0, "calls, time", call=20, width=520),
        "all calls": draw(busy, 0, "calls", width=900),
        "lines beside": draw(
            Written([turn(0, calls=HANDLED[2:4])]), 0, "source, calls", traced, line=3, width=1300
        ),
        "lines above": draw(Written([turn(0, calls=HANDLED[2:4])]), 0, "source", traced, line=4, width=500),
        "a map": draw(mapped, 1, "call map", width=700),
        "long names": draw(Written(named), 2, "fd sets, calls, buffers", width=640),
        "long names beside": draw(Written(named), 2, "calls, buffers", width=940, call=3),
        "many values": draw(reading, 0, "source", valued, line=0, width=900),
        "many values under": draw(reading, 0, "source", valued, line=0, width=420),
        "before any call": draw(connected(4), 1, "fd sets, calls, buffers, time", call=0, height=420),
        "a long map": draw(Written([turn(0, calls=deep)]), 0, "call map", width=460),
        "nothing": draw(Written([]), -1, ", ".join(PANELS)),
    }


def written(drawing: Drawing) -> str:
    """A drawing as text: a line for its size, each panel, and each mark under its layer."""
    lines = [f"{drawing.width:g} × {drawing.height:g}  {drawing.says}"]
    lines += [f"panel {p.name}: {p.x:g} {p.y:g} {p.w:g} {p.h:g}, {p.count} columns" for p in drawing.panels]
    for layer in drawing.layers:
        lines.append(f"[{layer.key}] {layer.x:g} {layer.y:g}")
        for mark in layer.drawn:
            box = " ".join(f"{side:.2f}".rstrip("0").rstrip(".") for side in mark.box)
            of = " ".join(
                "–" if each is None else f"{each}" for each in (mark.fd, mark.iteration, mark.value)
            )
            event = "" if mark.event is None else f" {int(mark.event)}"
            lines.append(f"  {mark.kind}/{mark.state}{event} {of} ({box}) {mark.text}")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", sorted(path.stem for path in LOOKED_AT.glob("*.txt")))
def test_a_drawing_is_as_it_was_when_it_was_looked_at(name: str):
    assert written(scenes()[name]) == (LOOKED_AT / f"{name}.txt").read_text(encoding="utf-8")


def test_each_drawing_was_looked_at():
    assert {path.stem for path in LOOKED_AT.iterdir()} == scenes().keys()


if __name__ == "__main__":
    LOOKED_AT.mkdir(exist_ok=True)
    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    for title, seen in scenes().items():
        (LOOKED_AT / f"{title}.txt").write_text(written(seen), encoding="utf-8")
        (Path(sys.argv[1]) / f"{title}.png").write_bytes(agg.png(seen))
