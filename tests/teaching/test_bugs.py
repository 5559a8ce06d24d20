"""The bug hunt: each case shows its symptom, is named, found and mended; nothing tells before."""

from __future__ import annotations

import inspect
from dataclasses import replace
from pathlib import Path

import pytest

from labkit import Tape
from labkit.teaching import progress
from labkit.teaching.bugs_hunt import HERE, Bug, Case, cases, hunt, load
from labkit.teaching.bugs_sealed import unseal
from labkit.teaching.bugs_signs import SIGNS
from labkit.teaching.practice import judge
from tests.bugs.seal import NUMBERS, PLAIN, text_of
from tests.diagnosis.patients import judged
from tests.teaching.answers import Answer, hold, mends, wrong

TIMED = {"greedy_peer", "quadratic_buffer"}
every = pytest.mark.parametrize("name", NUMBERS)
quick_first = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in TIMED else name for name in NUMBERS]
)


@pytest.fixture(autouse=True)
def own_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_PROGRESS", str(tmp_path / "progress.json"))


def bug_of(name: str) -> Bug:
    return load(NUMBERS[name])


def right_line(case: Case) -> int:
    lines = [line.strip() for line in case.source.splitlines()]
    return next(n for n, line in enumerate(lines, 1) if line in load(case.number).lines)


def solved_but_for_the_mend(number: int) -> Case:
    case = hunt(number, seed=7)
    case.name(load(number).name)
    case.line(right_line(case))
    return case


def test_there_are_fourteen_with_signs_of_their_own():
    assert cases() == list(range(1, 15)) == sorted(NUMBERS.values())
    assert sorted(SIGNS) == sorted(load(number).name for number in cases())


@every
def test_a_sealed_file_is_the_plain_one(name: str):
    sealed = (HERE / f"{NUMBERS[name]:02}.bug").read_text()
    assert unseal(sealed) == text_of(name), "python -m tests.bugs.seal"


@every
def test_a_case_is_whole(name: str):
    bug = bug_of(name)
    assert len(bug.distractors) == 3
    assert {bug.name, *bug.distractors} <= set(SIGNS) and bug.name not in bug.distractors
    assert bug.rule or bug.why_not
    assert len(bug.exercise.hints) == 3
    lines = [line.strip() for line in bug.exercise.stub.splitlines()]
    assert set(bug.lines) <= set(lines)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
@every
def test_its_scenario_shows_it_and_diagnose_agrees(name: str, seed: int):
    bug, made = bug_of(name), []

    def make() -> Tape:
        made.append(hunt(NUMBERS[name], seed))
        return made[0].tape

    found = {each.rule for each in judged(make, blocks=bug.rule == "blocking")}
    case = made[0]
    if name in TIMED:  # what these rules know are times, and another process may have had the processor
        assert found <= {bug.rule}
    else:
        assert found == ({bug.rule} if bug.rule else set())
    assert str(seed) in str(case) and case.symptom in str(case)


@every
def test_each_has_wrong_mends(name: str):
    assert len(wrong(name)) >= 2


@pytest.mark.slow
@pytest.mark.parametrize("mend", mends(), ids=str)
def test_a_mend_is_judged_with_words_of_its_own(mend: Answer):
    hold(mend, mend.judged(mend.seed))


@pytest.mark.slow
@every
def test_the_right_name_is_right_and_distractors_are_not(name: str):
    bug, case = bug_of(name), hunt(NUMBERS[name], seed=7)
    for other in bug.distractors:
        assert repr(case.name(other)).startswith(f"Not “{other}”. {SIGNS[other]}")
        assert repr(case.line(right_line(case))).startswith("Name it first")
    told = repr(case.name(bug.name))
    assert told.startswith(f"Yes: {bug.name}.")
    if name not in TIMED:
        assert ("diagnose() says so too" in told) == bool(bug.rule)
        assert ("diagnose() cannot tell" in told) == bool(bug.why_not)
    wrong_line = repr(case.line(1))
    assert "is not it" in wrong_line and "is not it" not in repr(case.line(right_line(case)))


@pytest.mark.slow
def test_the_letters_choose_and_are_shuffled_by_the_seed():
    orders = set()
    for seed in range(4):
        case = hunt(2, seed)
        code = case.name().code
        orders.add(code)
        letter = next(line[0] for line in code.splitlines() if line[3:] == "ignored EOF")
        assert repr(case.name(letter)).startswith("Yes: ignored EOF")
    assert len(orders) > 1


@pytest.mark.slow
def test_one_step_after_the_other_and_progress_is_noted():
    case = hunt(2, seed=7)
    assert "Which of these is it?" in repr(case.name(2)) and "Which of these" in repr(case.name(None))
    assert "first" in repr(case.line(5)) and "first" in repr(case.mend())
    case = solved_but_for_the_mend(2)
    assert "Which line is at fault?" in repr(case.line("7"))
    assert "Write the class again" in repr(case.mend())
    answer = (PLAIN / "mended" / "ignored_eof.py").read_text().replace("Server", case.server)
    assert case.mend(answer).passed
    kept = progress.read()["bug"]["2"]
    assert kept["named"] and kept["found"] and kept["passed"] and kept["seed"] == 7
    assert not case.mend(case.source).passed


@pytest.mark.slow
def test_names_and_sizes_are_others_each_time_and_the_same_with_a_seed():
    symptoms = {hunt(4, seed).symptom for seed in range(5)}
    assert len(symptoms) == 5
    assert hunt(4, 3).symptom == hunt(4, 3).symptom
    assert len({hunt(4, seed).server for seed in range(6)}) > 1


@quick_first
def test_nothing_tells_which_it_is_before_it_is_named(name: str):
    bug, case = bug_of(name), hunt(NUMBERS[name], seed=7)
    words = [bug.name, bug.rule or "\0", bug.exercise.title, name]
    shown = f"{case!r} {case} {vars(case)} {case.line()!r} {case.mend()!r}"
    chosen = repr(case._choices)
    assert not [word for word in words if word in shown.replace(chosen, "")]
    sealed = (HERE / f"{NUMBERS[name]:02}.bug").read_text()
    assert not [word for word in words if word in sealed]
    for each in (Case, hunt):
        assert not [word for word in words if word in inspect.getsource(each)]
    with pytest.raises((OSError, TypeError)):
        inspect.getsource(bug.scene)


def test_what_is_no_case_and_what_is_damaged():
    with pytest.raises(LookupError, match="there are 1 to 14"):
        hunt(15)
    with pytest.raises(ValueError, match="no sealed file"):
        unseal("bm8=")


def test_an_answer_by_another_name_is_judged_by_the_name_of_this_case():
    bug = load(2)
    with pytest.raises(ValueError, match="does not define Worker"):
        judge(replace(bug.exercise, answer="Worker"), bug.exercise.stub)
