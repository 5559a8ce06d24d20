"""Which player of a notebook shows the iteration that answers a question: its tape says it in the same words.

Words hold what was measured, to the nanosecond: two iterations do not share them. It knows players and cards.
"""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import nbformat

from labkit.figure.output import PLAYER


def told(cells: list[nbformat.NotebookNode]) -> list[dict[int, str]]:
    """For each player of a notebook, in order, its iterations in words, by index."""
    packed = [
        output.data[PLAYER]
        for cell in cells
        for output in cell.get("outputs", [])
        if PLAYER in output.get("data", {})
    ]
    return [dict(json.loads(gzip.decompress(base64.b64decode(each)))["explains"]) for each in packed]


def shows(players: list[dict[int, str]], card: dict[str, Any]) -> int | None:
    """The number of the first player, from 1, that shows what answers a card; None if there is none."""
    settled = card.get("settled") or {}
    words = settled.get("explains")
    numbers = (number for number, each in enumerate(players, 1) if words and each.get(settled["at"]) == words)
    return next(numbers, None)
