"""An executed notebook as a page of Markdown: its text with links to pages, its code, its outputs as HTML."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat

from website.looks import shows, told
from website.outputs import Figures, card, cards_of, html, veil
from website.veil import open_questions, veiled_by

WAY = re.compile(r"\A\[Index\]\([^)]*\)[^\n]*\Z")  # the site has a way back and on of its own
LINK = re.compile(r"\[((?:[^\[\]]|\[[^\]]*\])*)\]\(((?:\.\./)*[\w./-]*?)(\.ipynb|\.md)?(#[^)\s]*)?\)")


def page(notebook: Path, figures: Figures, pages: list[str]) -> str:
    """The page of an executed notebook. A link to what is none of `pages` becomes its text."""
    cells = nbformat.read(notebook, as_version=4).cells
    questions, players = open_questions(cells), told(cells)
    parts = []
    for at, cell in enumerate(cells):
        if cell.cell_type == "markdown":
            parts.append("" if WAY.match(cell.source) else linked(cell.source, pages))
        elif cell.source.strip():
            parts.append(code(cell.source))
            parts += outputs(cell, veiled_by(questions, at), players, figures, pages)
    return "\n\n".join(parts) + "\n"


def outputs(
    cell: nbformat.NotebookNode,
    ids: list[str],
    players: list[dict[int, str]],
    figures: Figures,
    pages: list[str],
) -> list[str]:
    """The outputs of a cell: cards as they are, all else under the veil of the questions `ids`."""
    parts: list[str] = []
    plain: list[str] = []
    for output in cell.outputs:
        state = cards_of(output)
        if state is not None:
            number = shows(players, state)
            look = figures.name(number) if number else None
            parts.append(raw(card(state | {"look": look}, output.data["text/html"])))
        elif "text/markdown" in output.get("data", {}):
            parts.append(linked(output.data["text/markdown"], pages))
        else:
            plain.append(html(output, figures))
    if plain:
        content = "\n".join(plain)
        parts.append(raw(veil(ids, content, says=not parts) if ids else content))
    return parts


def code(source: str) -> str:
    """A cell's code; folded where it only asks what the card under it asks."""
    if not only_asks(source):
        return fenced("ipython", source)
    fold = '<details class="site-asks"><summary>the code that asks</summary>'
    return "\n\n".join(
        [fenced("{raw} html", fold), fenced("ipython", source), fenced("{raw} html", "</details>")]
    )


def only_asks(source: str) -> bool:
    """Whether every statement is `name = predict(…)`."""
    try:
        statements = ast.parse(source).body
    except SyntaxError:  # IPython's own, such as %timeit
        return False
    return all(
        isinstance(each, ast.Assign)
        and isinstance(each.value, ast.Call)
        and getattr(each.value.func, "id", "") == "predict"
        for each in statements
    )


def linked(text: str, pages: list[str]) -> str:
    """Markdown whose links go to pages of the site."""

    def link(found: re.Match[str]) -> str:
        words, path, kind, heading = found.groups()
        name = path.rpartition("/")[2]
        if kind is None and path:
            return found[0]
        if kind is not None and name not in pages:
            return words
        return f"[{words}]({name + '.md' if kind else ''}{slug(heading or '')})"

    return LINK.sub(link, text)


def slug(heading: str) -> str:
    """JupyterLab's name of a heading as the site's: #The-map,-drawn becomes #the-map-drawn."""
    return heading[:1] + re.sub(r"[^\w-]", "", heading[1:].lower())


def fenced(language: str, text: str) -> str:
    """Text between fences that it does not contain itself."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    return f"{fence}{language}\n{text}\n{fence}"


def raw(content: str) -> str:
    """HTML that Markdown leaves alone."""
    return fenced("{raw} html", f'<div class="site-output">\n{content}\n</div>')
