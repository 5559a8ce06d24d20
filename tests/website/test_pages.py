"""From an executed notebook to a page: what is veiled until when, where links go, what goes into files."""

from __future__ import annotations

import base64
import gzip
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from labkit import Lab, LiveFigure
from labkit.figure import player
from labkit.figure.output import PLAYER, WIDGET
from labkit.lab.scenarios import Echo
from website.execute import execute
from website.looks import shows, told
from website.outputs import Figures
from website.pages import linked, only_asks, page, slug
from website.veil import CARD, Open, open_questions, veiled_by

TAPE = base64.b64encode(gzip.compress(b'{"explains": []}')).decode()
PIXEL = base64.b64encode(b"not really a picture").decode()


def asks(id: str) -> Any:
    return new_code_cell(
        f'q = predict("{id}", "?")', outputs=[shown(**{"text/html": "<p>?</p>", CARD: card(id, "question")})]
    )


def reveals(id: str, *more: Any) -> Any:
    told = shown(**{"text/html": "<details>told</details>", CARD: card(id, "answer")})
    return new_code_cell("q.reveal(1)", outputs=[told, *more])


def card(id: str, part: str) -> dict[str, str]:
    return {"id": id, "part": part}


def shown(**data: Any) -> Any:
    return new_output("display_data", data={key.replace("_", "/"): value for key, value in data.items()})


def written(tmp_path: Path, *cells: Any) -> str:
    file = tmp_path / "x.ipynb"
    nbformat.write(new_notebook(cells=list(cells)), file)
    return page(file, Figures(tmp_path / "figures", "x"), ["x", "01-blocking"])


# ---- what would answer a question ----------------------------------------------------------------------


def test_a_question_is_open_to_the_end_of_its_section_and_at_least_until_it_is_revealed():
    cells = [
        asks("a"),
        reveals("a"),
        new_code_cell("after"),
        new_markdown_cell("text\n\n## Next"),
        asks("b"),
        new_markdown_cell("## And next"),
        reveals("b"),
        new_code_cell("after"),
        asks("never revealed"),
    ]
    questions = open_questions(cells)
    assert questions == [Open("a", 0, 2), Open("b", 4, 6)]
    assert [veiled_by(questions, at) for at in (0, 2, 3, 6, 7)] == [["a"], ["a"], [], ["b"], []]


def test_what_answers_is_veiled_and_cards_are_not(tmp_path: Path):
    table = shown(**{"text/html": "<details><summary>first</summary><table>11</table></details>"})
    text = written(tmp_path, asks("a"), reveals("a", table), new_markdown_cell("# On"), new_code_cell("x"))
    veiled = text[text.index('<details class="site-veiled" data-after="a"') :]
    assert "<table>11</table>" in veiled and "<summary>first</summary>" not in text
    assert "table" not in text[: text.index("site-veiled")]
    assert text.count('class="site-card"') == 2


def test_what_no_question_was_asked_about_is_shown(tmp_path: Path):
    text = written(tmp_path, new_code_cell("x", outputs=[new_output("stream", text="a <b>\n")]))
    assert "a &lt;b&gt;" in text and "site-veiled" not in text


def test_buttons_that_nobody_answers_are_left_out(tmp_path: Path):
    hint = shown(**{WIDGET: {"model_id": "1"}, "text/plain": "VBox(children=(Button()))"})
    assert "VBox" not in written(tmp_path, new_code_cell("x", outputs=[hint]))


# ---- files beside the page -----------------------------------------------------------------------------


def test_pictures_and_tapes_are_files(tmp_path: Path):
    picture = f'<img alt="two fds" src="data:image/png;base64,{PIXEL}">'
    text = written(
        tmp_path,
        new_code_cell("x", outputs=[shown(**{"text/html": picture, PLAYER: TAPE})]),
    )
    assert PIXEL not in text and 'alt="two fds"' in text and 'data-tape="figures/x-1.js"' in text
    (script,) = (tmp_path / "figures").glob("*.js")
    assert script.read_text() == f'labkitTapes["figures/x-1.js"] = "{TAPE}";\n'
    (file,) = (tmp_path / "figures").glob("*.png")
    assert file.read_bytes() == b"not really a picture" and f'src="figures/{file.name}"' in text


def test_an_answer_leads_to_the_player_whose_tape_says_the_same():
    with Lab(Echo) as lab, Lab(Echo) as other:
        tapes = [each.tape for each in (other, lab) if each.step(2)]
    packed = [LiveFigure(tape).sheet for tape in tapes]
    cells = [
        new_code_cell("x", outputs=[shown(**{"text/html": "", PLAYER: player.packed(sheet, 800)})])
        for sheet in packed
    ]
    words = tapes[1].iteration(1).explain()
    assert shows(told(cells), {"settled": {"at": 1, "explains": words}}) == 2
    assert shows(told(cells), {"settled": {"at": 1, "explains": words + "!"}}) is None
    assert shows(told(cells), {"settled": {"at": 1, "explains": None}}) is None
    assert shows(told(cells), {"settled": None}) is None


# ---- text and code -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("notebook", "site"),
    [
        ("[next](01-blocking.ipynb)", "[next](01-blocking.md)"),
        ("[`recv`](notebooks/01-blocking.ipynb#The-map,-drawn)", "[`recv`](01-blocking.md#the-map-drawn)"),
        ("[here](#A-Heading)", "[here](#a-heading)"),
        ("see [docs/facts.md](docs/facts.md).", "see docs/facts.md."),
        ("[other](99-none.ipynb)", "other"),
        ("[far](https://example.org/x)", "[far](https://example.org/x)"),
        ("![a picture](figure.png)", "![a picture](figure.png)"),
        ("`a[0](1)` [x][y]", "`a[0](1)` [x][y]"),
    ],
)
def test_links_go_to_pages(notebook: str, site: str):
    assert linked(notebook, ["01-blocking"]) == site


def test_headings_are_named_as_the_site_names_them():
    assert slug("#How-far-you-are?") == "#how-far-you-are"


def test_code_that_only_asks_is_folded():
    assert only_asks('a = predict("x", "?", choices=[\n    "y",\n])\nb = predict("z", "?")')
    assert not only_asks('a = predict("x", "?")\nprint(a)')
    assert not only_asks("%timeit x")


def test_code_may_hold_fences(tmp_path: Path):
    assert '````ipython\nx = "```"\n````' in written(tmp_path, new_code_cell('x = "```"'))


# ---- running -------------------------------------------------------------------------------------------


@pytest.mark.notebook
def test_what_a_reader_presses_is_pressed_and_not_shown(tmp_path: Path):
    cell = new_code_cell("x = 1", metadata={"labkit": {"pressed": "x = 2"}})
    nbformat.write(new_notebook(cells=[cell, new_code_cell("x")]), tmp_path / "a.ipynb")
    execute(tmp_path / "a.ipynb", tmp_path / "b.ipynb")
    first, second = nbformat.read(tmp_path / "b.ipynb", as_version=4).cells
    assert (first.source, second.outputs[0].data["text/plain"]) == ("x = 1", "2")


@pytest.mark.notebook
def test_an_error_of_a_cell_ends_the_build(tmp_path: Path):
    nbformat.write(new_notebook(cells=[new_code_cell("1 / 0")]), tmp_path / "a.ipynb")
    with pytest.raises(Exception, match="ZeroDivisionError"):
        execute(tmp_path / "a.ipynb", tmp_path / "b.ipynb")
    assert not (tmp_path / "b.ipynb").exists()
