"""The colours, by what they stand for: one name has one meaning in every figure and chart, on every ground.

They are Okabe and Ito's, which readers with any colour vision tell apart, darker on white and lighter on
black where text asks for it. Nothing rests on colour alone. This knows no printer: numbers and names only.
"""

from __future__ import annotations

from collections.abc import Iterable

LIGHT = {
    "ground": "#ffffff",  # what everything stands on
    "place": "#f1f4f7",  # somewhere that could hold something
    "hairline": "#cbd2d9",
    "ink": "#1f2933",
    "muted": "#56616d",
    "pale": "#8b95a1",  # a call that is yet to come
    "band": "#fbeec1",  # the current iteration, call or line
    "band edge": "#c9a227",
    "read": "#0072b2",
    "write": "#d55e00",
    "exceptional": "#aa4499",
    "read, pale": "#d9eaf4",
    "write, pale": "#f9e3d6",
    "exceptional, pale": "#f2e0ef",
    "peer": "#c3cad2",
    "kernel": "#8ccbf0",
    "program": "#62c9a6",
    "asleep": "#c8b6e2",
    "program text": "#00694d",
    "good": "#00694d",
    "bad": "#b3261e",
    "value": "#5b7083",  # a bar that is a number and nothing else
}
DARK = {
    "ground": "#111111",
    "place": "#22272d",
    "hairline": "#454d56",
    "ink": "#e8ecf0",
    "muted": "#a9b3bd",
    "pale": "#77818c",
    "band": "#4a4016",
    "band edge": "#e0bd4a",
    "read": "#56b4e9",
    "write": "#f0803c",
    "exceptional": "#d98ad0",
    "read, pale": "#1b3546",
    "write, pale": "#472818",
    "exceptional, pale": "#40273d",
    "peer": "#5d6670",
    "kernel": "#1f6f9f",
    "program": "#10704f",
    "asleep": "#6d5a92",
    "program text": "#6fd6b4",
    "good": "#6fd6b4",
    "bad": "#ff8a80",
    "value": "#8fa5b8",
}
CONTRAST = LIGHT | {
    "hairline": "#000000",
    "ink": "#000000",
    "muted": "#000000",
    "pale": "#444444",
    "band": "#ffe45c",
    "band edge": "#000000",
    "read": "#00477a",
    "write": "#9a3a00",
    "exceptional": "#7a1f6b",
    "program text": "#004a36",
    "good": "#004a36",
    "bad": "#9c0d06",
    "value": "#222222",
}
PALETTES = {"light": LIGHT, "dark": DARK, "contrast": CONTRAST}

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
