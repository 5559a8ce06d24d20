"""Where threads are over time: in which system call each one sleeps, and when it runs.

A strip a thread, from samples of kernel.blocked_in; whoever takes the samples is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from labkit.charts.ink import width
from labkit.figure.panels.panel import Panel, centred
from labkit.tape import narrate
from labkit.tape.tape import Tape

RUNS = "runs"
Stretch = tuple[str, int, int]  # what it did, from and till, in ns


class Threads(Panel):
    """`samples` of each thread: (at_ns, where it slept), in order; None for "it ran".

    What is said of a sample holds from the one before it. The panel does not depend on the tape's position.
    """

    weight = 0.6

    def __init__(self, samples: Mapping[str, Iterable[tuple[int, object]]]) -> None:
        super().__init__()
        taken = {name: list(found) for name, found in samples.items()}
        self.began = min((found[0][0] for found in taken.values() if found), default=0)
        self.rows = {name: stretches(found, self.began) for name, found in taken.items()}
        self.span = max((row[-1][2] for row in self.rows.values() if row), default=0) or 1

    def build(self) -> None:
        theme, box = self.theme, self.box
        words, baseline = self.heading("where each thread is")
        runs = self.boxes(theme.program)
        sleeps = self.boxes(theme.cell, theme.asleep, hatch="///")
        left, right = box.x + theme.label, box.right
        top, foot = baseline + theme.text * 0.8, box.bottom - theme.line
        tall = min((foot - top) / max(1, len(self.rows)), theme.line * 2.6)
        running: list[tuple[float, float, float, float]] = []
        asleep: list[tuple[float, float, float, float]] = []
        under: list[tuple[float, float, float, float]] = []
        for number, (name, row) in enumerate(self.rows.items()):
            y = top + number * tall
            middle, high = y + tall / 2, tall - 6
            words.add(
                left - theme.text * 0.7, centred(middle, theme.text), name, theme.plain, theme.ink, "right",
                theme.label - theme.text * 0.7,
            )  # fmt: skip
            for what, since, till in row:
                x = left + (right - left) * since / self.span
                wide = max(1.0, (right - left) * (till - since) / self.span)
                (running if what == RUNS else asleep).append((x, y + 3, wide, high))
                if what != RUNS and width(what, theme.plain) + theme.text < wide:
                    plate = width(what, theme.plain) + 8
                    under.append((x + 4, middle - theme.text * 0.7, plate, theme.text * 1.4))
                    words.add(x + 8, centred(middle, theme.text), what, theme.plain, theme.ink)
        runs.hold(running)
        sleeps.hold(asleep)
        plates = self.boxes(theme.ground)
        plates.hold(under)
        baseline = foot + theme.text * 1.15
        words.add(left, baseline, "0", theme.plain, theme.muted)
        words.add(right, baseline, narrate.duration(self.span), theme.plain, theme.muted, "right")
        key = "solid: runs    striped: sleeps"
        words.add((left + right) / 2, baseline, key, theme.plain, theme.muted, "center", (right - left) * 0.7)
        self.backdrop = [runs, sleeps, plates, words]
        self.artists = []

    def draw(self, tape: Tape, index: int, call: int | None = None) -> None:
        """Nothing moves."""

    def alt(self) -> str:
        """What each thread did for how long."""
        said = []
        for name, row in self.rows.items():
            spent: dict[str, int] = {}
            for what, since, till in row:
                spent[what] = spent.get(what, 0) + till - since
            parts = [f"{what} {narrate.duration(ns)}" for what, ns in spent.items()]
            said.append(f"{name}: {narrate.listing(parts) or 'was not seen'}.")
        return " ".join(said)


def stretches(samples: Iterable[tuple[int, object]], began: int) -> list[Stretch]:
    """What a thread did, from when to when; equal neighbours are one."""
    row: list[Stretch] = []
    before = began
    for at, where in samples:
        what, till = RUNS if where is None else str(where), at - began
        if row and row[-1][0] == what:
            row[-1] = what, row[-1][1], till
        else:
            row.append((what, before - began, till))
        before = at
    return row
