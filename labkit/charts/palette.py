"""The colours, by what they stand for: one name has one meaning in every figure and chart, on every ground.

They are Okabe and Ito's, which readers with any colour vision tell apart, darker on white and lighter on
black where text asks for it. Nothing rests on colour alone. This knows no printer: numbers and names only.
"""

from __future__ import annotations

from collections.abc import Iterable

COLOURS = {  # on white, on black, and with high contrast, where that is not as on white
    "ground": ("#ffffff", "#111111"),  # what everything stands on
    "place": ("#f1f4f7", "#22272d"),  # somewhere that could hold something
    "hairline": ("#cbd2d9", "#454d56", "#000000"),
    "ink": ("#1f2933", "#e8ecf0", "#000000"),
    "muted": ("#56616d", "#a9b3bd", "#000000"),
    "pale": ("#8b95a1", "#77818c", "#444444"),  # a call that is yet to come
    "band": ("#fbeec1", "#4a4016", "#ffe45c"),  # the current iteration, call or line
    "band edge": ("#c9a227", "#e0bd4a", "#000000"),
    "read": ("#0072b2", "#56b4e9", "#00477a"),
    "write": ("#d55e00", "#f0803c", "#9a3a00"),
    "exceptional": ("#aa4499", "#d98ad0", "#7a1f6b"),
    "read, pale": ("#d9eaf4", "#1b3546"),
    "write, pale": ("#f9e3d6", "#472818"),
    "exceptional, pale": ("#f2e0ef", "#40273d"),
    "peer": ("#c3cad2", "#5d6670"),
    "kernel": ("#8ccbf0", "#1f6f9f"),
    "program": ("#62c9a6", "#10704f"),
    "asleep": ("#c8b6e2", "#6d5a92"),
    "program text": ("#00694d", "#6fd6b4", "#004a36"),
    "good": ("#00694d", "#6fd6b4", "#004a36"),
    "bad": ("#b3261e", "#ff8a80", "#9c0d06"),
    "value": ("#5b7083", "#8fa5b8", "#222222"),  # a bar that is a number and nothing else
}
PALETTES = {
    palette: {name: (*shades, shades[0])[at] for name, shades in COLOURS.items()}
    for at, palette in enumerate(("light", "dark", "contrast"))
}

# Curves and lanes: what is compared keeps its colour from chart to chart; the rest take what is left.
SERIES = ("#0072b2", "#d55e00", "#00694d", "#aa4499", "#3a3f45", "#8a6d00")
KNOWN = {"select": 0, "poll": 1, "epoll": 2, "kqueue": 3, "busy": 4, "asyncore": 1, "asyncio": 2}


def series(names: Iterable[str]) -> dict[str, str]:
    """A colour for each name: that of the selector or library it names, or the next that is free."""
    names = list(names)
    taken = {name: KNOWN[name] for name in names if name in KNOWN}
    free = [at for at in range(len(SERIES)) if at not in taken.values()] or list(range(len(SERIES)))
    rest = (name for name in names if name not in taken)
    taken |= {name: free[at % len(free)] for at, name in enumerate(rest)}
    return {name: SERIES[taken[name]] for name in names}
