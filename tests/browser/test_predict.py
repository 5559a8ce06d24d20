"""A prediction in a real JupyterLab: locked by keyboard before the run, told after it, there again later."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Locator

from .conftest import Open
from .reader import Notebook
from .server import JupyterLab

NAME = "predictions.ipynb"
EVIL = "<img src=x onerror=document.title=1>"
CELLS = [
    "%env LABKIT_PROGRESS=mine.json\nfrom labkit import Channel, Lab, LiveFigure, predict",
    f"""how = predict("99-how", "How many calls? `recv` {EVIL}", choices=["none", "one", {EVIL!r}])""",
    'how.reveal("one", shows=[])',
    'many = predict("99-many", "{n} bytes?", number="bytes", n=range(100, 900))',
    "many.reveal(many.draw.n)",
    'turns = predict("99-order", "In which order?", order=["first", "second", "third"])',
    """
class Echo(Channel):
    def handle_read(self): self.write(self.recv(10))
with Lab(Echo) as lab:
    lab.connect("alice"); lab.step(3)
LiveFigure(lab.tape)""",
    'turns.reveal(["first", "second", "third"], at=lab.tape[1])',
    """
whose = predict("99-whose", "Whose bytes?", choices=["alice's", "bob's"])
with Lab(Echo) as another:
    alice = another.connect("alice"); another.step(); alice.send(b"hi"); it = another.step()
whose.reveal("alice's", at=it)
display(LiveFigure(another.tape))""",
]
ASKS, ANSWERS = (
    '.labkit-predict section[aria-label="A prediction"]',
    '.labkit-predict section[aria-label^="What"]',
)


@pytest.fixture(scope="module")
def asked(lab: JupyterLab, open_notebook: Open) -> Iterator[Notebook]:
    written = new_notebook(cells=[new_code_cell(each) for each in CELLS])
    written.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(written, lab.folder / NAME)
    notebook = open_notebook(NAME).run_all()
    assert notebook.errors() == []
    yield notebook
    (lab.folder / NAME).unlink()


def card(notebook: Notebook, kind: str, number: int) -> Locator:
    found = notebook.page.locator(kind).nth(number)
    found.evaluate("each => each.scrollIntoView({ block: 'center' })")
    return found


def waits(notebook: Notebook, card: Locator, text: str) -> None:
    notebook._until(lambda: text in card.inner_text(), 10, f"a card to say {text!r}", card.inner_text)


def test_run_all_locks_nothing_and_tells_nothing(asked: Notebook):
    assert card(asked, ANSWERS, 0).inner_text().startswith("This run has the answer. Predict first")
    assert "This run did" not in asked.page.locator(".jp-Notebook").inner_text()
    assert asked.ask("how.answer") == "None"


def test_a_choice_is_locked_by_keyboard_alone(asked: Notebook):
    page = asked.page
    question = card(asked, ASKS, 0)
    assert question.locator("img").count() == 0, "a text is no HTML"
    question.locator("input").first.focus()
    cells = page.locator(".jp-Cell").count()
    page.keyboard.press("b")  # a letter chooses, and is no command of JupyterLab
    page.keyboard.press("ArrowUp")
    assert question.locator("input").first.is_checked()
    page.keyboard.press("Enter")
    waits(asked, question, "✗ The run did something else")
    assert page.locator(".jp-Cell").count() == cells
    answer = card(asked, ANSWERS, 0)
    waits(asked, answer, "You predicted")
    assert "A: none" in answer.inner_text() and "B: one" in answer.inner_text()
    assert answer.get_by_role("status").count() == 1
    assert asked.ask("how.right") == "False"


def test_a_number_that_is_none_is_told_so_and_again_draws_anew(asked: Notebook):
    question = card(asked, ASKS, 1)
    box = question.locator("input")
    box.fill("many")
    box.press("Enter")
    waits(asked, question, "is no number")
    box = question.locator("input")
    box.fill(asked.ask("many.draw.n"))
    question.get_by_role("button", name="Lock in").click()
    waits(asked, card(asked, ANSWERS, 1), "✓ As you said")
    before = asked.ask("many.draw")
    question.get_by_role("button", name="Ask again").click()
    waits(asked, question, "Lock in")
    waits(asked, card(asked, ANSWERS, 1), "Run this cell again")
    assert asked.ask("many.draw") != before


def test_an_order_is_made_by_keyboard_and_leads_to_its_iteration(asked: Notebook):
    question = card(asked, ASKS, 2)
    for wanted, name in enumerate(["first", "second", "third"]):
        texts = question.locator("li span").all_inner_texts()
        for _ in range(texts.index(name) - wanted):
            question.get_by_role("button", name=f"{name}: earlier").press("ArrowUp")
    assert question.locator("li span").all_inner_texts() == ["first", "second", "third"]
    question.get_by_role("button", name="Lock in").press("Enter")
    answer = card(asked, ANSWERS, 2)
    waits(asked, answer, "✓ As you said")
    answer.get_by_role("button", name="Show iteration 1").click()
    ask = "[f.index for f in __import__('labkit.lab.cells').lab.cells.made(LiveFigure)][0]"
    asked._until(lambda: asked.ask(ask) == "1", 10, "the figure to turn to iteration 1")


def test_a_figure_that_would_answer_is_covered_until_then(asked: Notebook):
    figure = asked.figures(at_least=2)[1]
    figure.wait_until(lambda: figure.covered, "the figure to be covered")
    assert not figure.button("Back").is_visible() and not figure.box.locator("canvas").is_visible()
    assert figure.box.bounding_box()["height"] < 60, "a cover is low"
    figure.button("To the question").focus()
    asked.page.keyboard.press("Enter")
    question = asked.page.locator("form[data-question='99-whose'] input").first
    figure.wait_until(lambda: question.evaluate("e => e === document.activeElement"), "the question")
    asked.page.keyboard.press("a")
    asked.page.keyboard.press("Enter")
    figure.wait_until(lambda: not figure.covered, "the figure to be shown")
    assert figure.button("Back").is_visible() and figure.box.locator("canvas").is_visible()
    assert figure.marks(kind="cell"), "it is painted"


def test_running_a_cell_again_leaves_no_widget_behind(asked: Notebook):
    widgets = (
        "len(__import__('ipywidgets').Widget.widgets)"
        + " if hasattr(__import__('ipywidgets').Widget, 'widgets')"
    )
    widgets += " else len(__import__('ipywidgets').widgets.widget._instances)"
    asked.run_cell('how = predict("99-how"').run_cell("how.reveal(")
    before = asked.ask(widgets)
    for _ in range(3):
        asked.run_cell('how = predict("99-how"').run_cell("how.reveal(")
    assert asked.ask(widgets) == before
    assert asked.errors() == []


def test_it_is_legible_in_both_themes(asked: Notebook, shots: Path):
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        asked.theme(theme)
        asked.screenshot(shots / f"predict-{theme.split()[-1].lower()}.png", whole=True)


def test_what_was_locked_is_there_when_the_notebook_is_opened_again(asked: Notebook, open_notebook: Open):
    asked.save()
    asked.page.close()
    asked.lab.shut_down_kernels()
    kept = json.loads((asked.lab.folder / "mine.json").read_text())
    assert kept["prediction"]["99-how"][0]["answer"] == "none"
    again = open_notebook(NAME).run_all()
    assert again.progress()["errors"] == []  # the page complains of the widgets of the kernel that ended
    waits(again, card(again, ASKS, 0), "✗ The run did something else")
    waits(again, card(again, ANSWERS, 0), "A: none")
    assert again.page.title() != "1"
