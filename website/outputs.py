"""One output of a cell as HTML for a page without a kernel: a card, a player, a table, a chart, text.

What is large goes into files beside the pages. Every output shows something where no script runs; only
buttons that a kernel would answer are left out.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html import escape
from pathlib import Path
from typing import Any

import nbformat

from labkit.figure.output import PLAYER, WIDGET
from website.veil import CARD

INLINE = re.compile(r'src="data:image/(png|jpeg|svg\+xml);base64,([^"]+)"')
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
FOLD = re.compile(r"\A<details><summary>[^<]*</summary>(.*)</details>\Z", re.DOTALL)


class Figures:
    """The files of a page: its pictures, and its tapes as scripts, loaded when they come into view."""

    def __init__(self, folder: Path, page: str) -> None:
        self.folder, self.page, self._tapes = folder, page, 0
        folder.mkdir(parents=True, exist_ok=True)

    def picture(self, kind: str, data: bytes) -> str:
        """The address of a picture, from its page."""
        suffix = kind.partition("+")[0]
        return self._write(f"{hashlib.sha256(data).hexdigest()[:16]}.{suffix}", data)

    def tape(self, packed: str) -> str:
        """The address of a script that hands a packed tape to the page's players."""
        self._tapes += 1
        address = self.name(self._tapes)
        script = f"labkitTapes[{json.dumps(address)}] = {json.dumps(packed)};\n"
        return self._write(address.partition("/")[2], script.encode())

    def name(self, number: int) -> str:
        """The address of the page's tape of that number, from 1."""
        return f"{self.folder.name}/{self.page}-{number}.js"

    def _write(self, name: str, data: bytes) -> str:
        (self.folder / name).write_bytes(data)
        return f"{self.folder.name}/{name}"


def html(output: nbformat.NotebookNode, figures: Figures) -> str:
    """An output that is no card."""
    if output.output_type == "stream":
        return text(output.text)
    if output.output_type == "error":
        return text("\n".join(output.traceback))
    data = output.data
    if PLAYER in data:
        return player(data, figures)
    if "text/html" in data:
        return filed(FOLD.sub(r"\1", data["text/html"]), figures)
    if WIDGET in data:
        return ""  # buttons, which nobody answers here
    return text(data.get("text/plain", ""))


def player(data: Any, figures: Figures) -> str:
    """A figure: its picture with its words, until players.js plays the tape in its place."""
    address, picture = figures.tape(data[PLAYER]), filed(data["text/html"], figures)
    return f'<div class="site-player" data-tape="{escape(address)}">{picture}</div>'


def card(state: dict[str, Any], fallback: str) -> str:
    """A card of a question: HTML that folds its answer, until predictions.js takes its place."""
    sealed = base64.b64encode(json.dumps(state).encode()).decode()
    return f'<div class="site-card" data-card="{sealed}">{fallback}</div>'


def veil(ids: list[str], content: str, *, says: bool) -> str:
    """What would answer these questions, folded; `says` whether something must say so, since no card does."""
    fold = "What this run did. Predict first, then open."
    return (
        f'<details class="site-veiled" data-after="{escape(" ".join(ids))}" data-says="{int(says)}">'
        f"<summary>{fold}</summary>{content}</details>"
    )


def text(said: str) -> str:
    """Plain text that may be wider than the page."""
    return f'<pre class="site-said" tabindex="0">{escape(COLOUR.sub("", said))}</pre>'


def filed(page: str, figures: Figures) -> str:
    """HTML with its pictures in files."""

    def file(found: re.Match[str]) -> str:
        address = figures.picture(found[1], base64.b64decode(found[2]))
        return f'loading="lazy" src="{address}"'

    return INLINE.sub(file, page)


def cards_of(output: nbformat.NotebookNode) -> dict[str, Any] | None:
    """The state of a card, if the output is one."""
    found: dict[str, Any] | None = output.get("data", {}).get(CARD)
    return found
