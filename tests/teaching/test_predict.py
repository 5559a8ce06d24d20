"""Predict, lock, reveal: what a reader may see when, what is kept, and how each kind of answer is judged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from labkit import Channel, Lab, LiveFigure, predict
from labkit.measure.html import prose
from labkit.teaching import card, progress, questions
from labkit.teaching import predict as room
from labkit.teaching.answers import Choices, Number, Order
from labkit.teaching.questions import Told

SLEEPS = ["not at all", "until a byte comes", "until all have come"]


@pytest.fixture(autouse=True)
def own_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LABKIT_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setattr(progress, "_remembered", {})
    monkeypatch.setattr(room, "_guesses", {})
    texts = {
        "99-sleeps": Told("A byte is enough; {observed}.", {"not at all": "It does wait."}),
        "99-many": Told("", {"less": "too few", "more": "too many", "0": "nothing?"}),
        "99-order": Told("", {"c before a": "c is last", "otherwise": "look again"}),
    }
    monkeypatch.setattr(room, "told", lambda id: texts.get(id, Told()))
    yield


def sleeps(**more):
    return predict("99-sleeps", "How long does it sleep?", choices=SLEEPS, **more)


# ---- locked in before the run, told after it ----------------------------------------------------------


def test_nothing_that_answers_is_shown_before_it_is_locked(capsys):
    guess = sleeps()
    guess.reveal("until a byte comes")
    said = capsys.readouterr().out
    assert "A: not at all" in said
    assert "enough" not in said and "This run did" not in said
    assert guess.state()["verdict"] is None and guess.right is None
    guess.lock("A")
    said = capsys.readouterr().out
    assert "You predicted   A: not at all" in said
    assert "This run did    B: until a byte comes" in said
    assert "It does wait.\n\nA byte is enough; B: until a byte comes." in said
    assert guess.right is False


def test_a_right_answer_is_not_told_a_misconception():
    guess = sleeps()
    guess.lock("until a byte comes")
    guess.reveal("until a byte comes", at=7)
    assert guess.right is True
    assert guess.reason == "A byte is enough; B: until a byte comes."
    assert guess.verdict()["at"] == 7


def test_what_is_locked_stays_locked():
    guess = sleeps()
    guess.lock("A")
    guess.lock("B")
    assert guess.answer == "not at all"


def test_what_answers_it_in_another_cell_is_folded_as_long(capsys):
    guess = sleeps()
    guess.also("a byte came")
    guess.reveal("until a byte comes", shows="it slept")
    guess.also(["a second one", "a third one"])
    said = capsys.readouterr().out
    assert said.count(card.FOLDED) == 3 and "came" not in said and "slept" not in said
    guess.lock("A")
    capsys.readouterr()
    guess.also("a fourth one")
    assert capsys.readouterr().out == "a fourth one\n"


def test_an_iteration_that_no_figure_shows_is_told_in_words():
    with Lab(Channel) as lab:
        lab.connect("alice")
        it = lab.step()
    guess = sleeps()
    guess.reveal("until a byte comes", at=it)
    guess.lock("A")
    assert guess.verdict()["words"] == ""
    guess._look(None)
    assert guess.verdict()["words"] == it.explain()
    guess.again()
    guess.reveal("until a byte comes")
    assert guess.verdict()["words"] == ""
    figure = LiveFigure(lab.tape)
    guess.reveal("until a byte comes", at=it)
    guess._look(None)
    assert guess.verdict()["words"] == "" and figure.index == it.index


def test_show_me_shows_it_without_a_verdict(capsys):
    guess = sleeps()
    guess.reveal("until a byte comes")
    guess.show()
    assert "This run did    B: until a byte comes" in capsys.readouterr().out
    assert guess.right is None
    (try_,) = progress.read()["prediction"]["99-sleeps"]
    assert (try_["answer"], try_["right"], "shown" in try_) == (None, None, True)


def test_run_all_never_locks_and_never_waits():
    guess = sleeps()
    guess.reveal("until a byte comes")
    assert guess.answer is None and not guess.told
    assert progress.read() == {}


def test_an_answer_comes_from_the_run_even_if_no_choice_names_it():
    guess = sleeps()
    guess.lock("A")
    guess.reveal("for ever")
    assert guess.right is False
    assert guess.verdict()["seen"] == "for ever"


def test_the_last_run_decides():
    guess = sleeps()
    guess.lock("B")
    guess.reveal("not at all")
    guess.reveal("until a byte comes")
    assert guess.right is True
    assert progress.read()["prediction"]["99-sleeps"][-1]["right"] is True


def test_a_run_may_say_what_is_true_of_which_choice():
    guess = sleeps()
    guess.lock("B")
    slept = 1
    guess.reveal({"A": not slept, "B": slept == 1, "C": slept > 1})
    assert guess.right is True and guess.verdict()["option"] == "until a byte comes"
    guess.reveal({"A": False, "B": False})
    assert guess.right is False and guess.verdict()["seen"] == "none of these"


# ---- kept, restored, asked again -----------------------------------------------------------------------


def test_it_is_kept_and_restored():
    guess = sleeps()
    guess.lock("A")
    guess.reveal("until a byte comes")
    (try_,) = progress.read()["prediction"]["99-sleeps"]
    assert (try_["answer"], try_["right"]) == ("not at all", False)
    assert try_["locked"] and try_["told"]
    again = sleeps()
    assert again.answer == "not at all" and again is not guess
    again.reveal("until a byte comes")
    assert again.told


def test_a_question_that_has_changed_is_asked_anew():
    sleeps().lock("A")
    changed = predict("99-sleeps", "How long?", choices=["short", "long"])
    assert changed.answer is None


@pytest.mark.parametrize("damage", [7, [], ["x"], [{"answer": {}, "seed": 0, "from": 0}], [{"seed": "x"}]])
def test_what_is_damaged_in_the_file_is_passed_over(damage):
    progress.change("prediction", "99-sleeps", lambda _: damage)
    guess = sleeps()
    assert guess.answer is None
    guess.lock("B")
    assert progress.read()["prediction"]["99-sleeps"][-1]["answer"] == "until a byte comes"


def many(seed=None):
    return predict("99-many", "{n} bytes wait; recv({n})?", number="bytes", seed=seed, n=range(100, 900))


def test_the_same_seed_draws_the_same_numbers():
    first, same, other = many(3).draw, many(3).draw, many(4).draw
    assert first == same != other
    assert many(3).question == f"{first.n:,} bytes wait; recv({first.n:,})?"


def test_again_draws_anew_and_waits_for_another_run():
    guess = many()
    before = guess.draw
    guess.lock(before.n)
    guess.reveal(before.n)
    guess.again()
    assert guess.draw != before and guess.draw.n in range(100, 900)
    assert guess.answer is None and not guess.ran and not guess.told
    assert many().draw == guess.draw, "and the notebook goes on with it when it is opened again"
    assert [each.get("right") for each in progress.read()["prediction"]["99-many"]] == [True, None]


def test_braces_are_no_numbers_where_none_are_drawn():
    assert predict("99-x", "What is `{}` in {n}?", choices=["a dict", "a set"]).question.count("{") == 2


# ---- each kind -----------------------------------------------------------------------------------------


def test_choices_may_be_any_values():
    kind = Choices((0, 1, "1 KB", True, b"x"))
    assert kind.right("0", 0) and kind.right("True", True) and not kind.right("1", True)
    assert kind.read("c") == "1 KB" and kind.read(1) == "1" and kind.words(b"x") == "E: b'x'"


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("1,000", 1000),
        ("1_000 bytes", 1000),
        (" 2.5 ", 2.5),
        ("1e3", 1000),
        (0, 0),
        ("-3", -3),
        ("7 000", 7000),
    ],
)
def test_numbers_are_read_as_people_write_them(given, read):
    assert Number("bytes").read(given) == read


@pytest.mark.parametrize("given", ["", "many", "nan", "inf", None, "1.2.3", "<script>"])
def test_what_is_no_number_is_told_so(given):
    with pytest.raises(ValueError, match="is no number; give one such as"):
        Number("bytes").read(given)


def test_numbers_are_right_within_their_factor():
    exact, twice = Number("bytes"), Number("ms", 2)
    assert exact.right(5, 5) and not exact.right(5, 6)
    assert twice.right(100, 199) and twice.right(200, 101) and not twice.right(100, 201)
    assert twice.right(0, 0) and not twice.right(0, 1) and not twice.right(-1, 1)
    assert (exact.words(1), exact.words(2000), twice.words(0.25)) == ("1 byte", "2,000 bytes", "0.25 ms")


def test_a_wrong_number_is_told_which_way():
    wrong = {"less": "too few", "more": "too many", "0": "nothing?"}
    said = [Number("bytes").misconception(answer, 10, wrong) for answer in (0, 5, 20)]
    assert said == ["nothing?", "too few", "too many"]


def test_an_order_is_right_only_as_a_whole_and_is_asked_shuffled():
    kind = Order(("a", "b", "c"))
    assert kind.right(["b", "a", "c"], ["b", "x", "a", "c"]) and not kind.right(["a", "b", "c"], ["a", "b"])
    assert kind.card("7")["options"] == kind.card("7")["options"]
    assert len({tuple(kind.card(str(seed))["options"]) for seed in range(20)}) > 3
    wrong = {"c before a": "c is last", "otherwise": "look again"}
    assert kind.misconception(["c", "a", "b"], ["a", "b", "c"], wrong) == "c is last"
    assert kind.misconception(["b", "a", "c"], ["a", "b", "c"], wrong) == "look again"
    with pytest.raises(ValueError, match="give all of these"):
        kind.read(["a", "b"])


@pytest.mark.parametrize(
    ("how", "answer", "observed", "value", "seen"),
    [
        ({"choices": SLEEPS}, "A", {"A": False, "B": True}, SLEEPS[1], "B: until a byte comes"),
        ({"choices": [True, False]}, "A", False, "False", "B: False"),
        ({"number": "bytes"}, 3, 11, 11.0, "11 bytes"),
        ({"number": "bytes"}, 3, None, None, "no number"),
        ({"order": ["a", "b"]}, ["a", "b"], ["b", "x", "a"], ["b", "a"], "b, then a"),
    ],
)
def test_a_page_without_a_kernel_gets_what_it_judges_by(how, answer, observed, value, seen):
    guess = predict("99-sleeps", "?", **how)
    guess.lock(answer)
    guess.reveal(observed)
    settled = guess.settled()
    assert (settled["value"], settled["seen"]) == (value, seen)
    assert settled["reason"] == f"A byte is enough; {seen}."  # whatever was answered
    assert settled["wrong"] == {"not at all": "It does wait."}


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({}, "needs one of"),
        ({"choices": ["a", "b"], "number": "bytes"}, "needs one of"),
        ({"choices": ["a"]}, "two or more"),
        ({"choices": ["a", "a"]}, "two or more"),
        ({"order": ["a", "a"]}, "two or more"),
        ({"number": "ms", "within": 0.5}, "give a factor"),
        ({"number": "ms", "n": []}, "give what may be drawn"),
        ({"number": "ms", "n": 5}, "give what may be drawn"),
    ],
)
def test_a_question_that_makes_no_sense_says_what_to_do(asked, says):
    with pytest.raises(ValueError, match=says):
        predict("99-bad", "?", **asked)


def test_an_answer_that_is_none_says_what_to_give():
    with pytest.raises(ValueError, match="give A to C"):
        sleeps().lock("D")


# ---- on a page without a kernel ------------------------------------------------------------------------


def test_a_page_without_scripts_shows_code_as_code_and_stress_as_stress():
    guess = predict("no-scripts", "What does `a < b` do to *both*?", choices=["`recv`, 2 * 3 * 4", "nothing"])
    page = card.html("question", guess.state())
    assert "What does <code>a &lt; b</code> do to <em>both</em>?" in page
    assert "<li><code>recv</code>, 2 * 3 * 4</li>" in page
    assert prose("one\ntwo **x**") == "one\ntwo <strong>x</strong>"


def test_texts_never_become_html():
    evil = "<script>alert(1)</script>"
    guess = predict("99-sleeps", evil, choices=[evil, "b"])
    guess.lock("A")
    guess.reveal(evil)
    for part in ("question", "answer"):
        page = card.html(part, guess.state(), guess.verdict())
        assert "<script" not in page and "&lt;script&gt;" in page


def test_what_answers_the_question_is_folded_on_a_page_without_a_kernel():
    guess = sleeps()
    guess.reveal("until a byte comes")
    page = card.html("answer", guess.state(), guess.verdict())
    assert page.startswith("<details>") and page.endswith("</details>")
    assert "enough" in page
    assert "enough" not in card.html("question", guess.state())


# ---- the texts of the lessons --------------------------------------------------------------------------


def test_every_lessons_texts_can_be_read():
    for number in questions.lessons():
        for id, texts in questions.lesson(number).items():
            assert id.startswith(f"{number}-")
            assert texts.reason, f"{id} has no reason"
            assert all(texts.wrong.values()), id
    assert questions.told("no-such") == questions.told("../../x") == Told()
