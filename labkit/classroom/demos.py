"""The demonstrations of notebooks/demos without Jupyter: each as one page that a browser shows.

A demonstration is a notebook of two cells: what to say and to ask, and code whose last line is the figure.
The code is run here, on real sockets, and the page holds what it made; nothing is loaded from elsewhere.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

SIZE = 850, 300  # CSS pixels of a figure for a projector: there its text is half as large again
SAYS = ("**Say:**", "**Ask:**")


class Demo(NamedTuple):
    """What a demonstration's notebook holds."""

    title: str
    say: str
    ask: str
    code: str


def names(folder: Path) -> list[str]:
    """The demonstrations in a folder of notebooks; none if it has none."""
    return sorted(path.stem for path in (folder / "demos").glob("*.ipynb"))


def read(path: Path) -> Demo:
    """A demonstration as its notebook has it."""
    told, shown = json.loads(path.read_text(encoding="utf-8"))["cells"]
    title, *parts = [part.strip() for part in "".join(told["source"]).split("\n\n")]
    say, ask = (part.removeprefix(word).strip() for part, word in zip(parts, SAYS, strict=True))
    return Demo(title.removeprefix("# "), say, ask, "".join(shown["source"]))


def run(code: str) -> Any:
    """What the last line of a cell is worth, after all of it has run."""
    tree = ast.parse(code)
    last = tree.body.pop()
    assert isinstance(last, ast.Expr), "a demonstration ends with its figure"
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(tree, "<demonstration>", "exec"), names)
    return eval(compile(ast.Expression(last.value), "<demonstration>", "eval"), names)


def page(demo: Demo) -> str:
    """Run a demonstration, and return its page."""
    shown = run(demo.code)
    try:
        piece = _piece(shown)
    finally:
        getattr(shown, "close", lambda: None)()
    whole = PAGE
    for word, text in (("TITLE", demo.title), ("SAY", demo.say), ("ASK", demo.ask)):
        whole = whole.replace(f"@{word}@", _text(text))
    return whole.replace("@FIGURE@", piece)


def kept(name: str) -> Path:
    """Where the page of a demonstration is kept for the browser: one file each, in the user's cache."""
    from platformdirs import user_cache_path

    folder = user_cache_path("labkit", appauthor=False) / "demos"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}.html"


def _piece(shown: Any) -> str:
    """A figure, a chart, a sweep or a table, as HTML."""
    makers: dict[str, Callable[[], str]] = {
        "piece": lambda: str(shown.piece(*SIZE)),  # a figure: it is played
        "result": lambda: (shown.result(), str(shown.chart().img()))[1],  # a sweep: to its end
        "img": lambda: str(shown.img()),
        "_repr_html_": lambda: str(shown._repr_html_()),
    }
    for name, make in makers.items():
        if hasattr(shown, name):
            return make()
    raise TypeError(f"{type(shown).__name__}: a demonstration ends with a figure, a chart or a table")


def _text(text: str) -> str:
    """Words of a notebook as HTML: what stands between backticks is code, what between stars is stressed."""
    parts = [f"<code>{part}</code>" if at % 2 else part for at, part in enumerate(escape(text).split("`"))]
    stressed = "".join(parts).split("*")
    return "".join(f"<em>{part}</em>" if at % 2 else part for at, part in enumerate(stressed))


PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>@TITLE@</title>
<style>
:root { color-scheme: light dark }
body { font: clamp(18px, 1.55vw, 30px)/1.35 system-ui, sans-serif; margin: 0; padding: .6em 1.2em;
  color: CanvasText; background: Canvas; box-sizing: border-box; min-height: 100vh }
h1 { font-size: 1.5em; margin: 0 } p { margin: .25em 0 } #ask { font-weight: bold }
#shown { margin-top: .6em } #shown > img { width: 100%; max-width: 1800px; display: block; background: #fff }
#shown > table { zoom: 1.4 }
@media (min-width: 1600px) { #shown > table { zoom: 1.9 } }
header { display: flex; justify-content: space-between; gap: 1em; align-items: start }
button#full { font: inherit; font-size: .8em; padding: .2em .8em; white-space: nowrap }
</style></head>
<body><main>
<header><h1>@TITLE@</h1>
<button id="full" type="button" aria-keyshortcuts="F">All of it, full screen (F)</button></header>
<p id="say">@SAY@</p>
<p id="ask">@ASK@</p>
<div id="shown">@FIGURE@</div>
</main>
<script>
"use strict";
const full = () => {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen();
};
document.getElementById("full").addEventListener("click", full);
addEventListener("keydown", event => {
  const typing = event.target.matches?.("input:not([type=range]), textarea, select");
  if (event.key.toLowerCase() === "f" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) full();
}, true);
addEventListener("played", () => player.figure.sheet.focus({ preventScroll: true }));
</script>
</body></html>
"""
