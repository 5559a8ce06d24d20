"""`labkit diagnose` and `labkit diff` on saved tapes, as a reader calls them."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from labkit import Tape
from labkit.cli import main
from labkit.diagnosis import commands
from labkit.lab.scenarios import SCENARIOS
from tests.diagnosis.ill_spins import asks_to_write_in_asyncore, does_not_read_in_a_lab


@pytest.fixture
def ill(tmp_path):
    return str(does_not_read_in_a_lab(False).save(tmp_path / "ill.jsonl"))


@pytest.fixture
def well(tmp_path):
    return str(SCENARIOS["echo"]("select").save(tmp_path / "well.jsonl"))


def test_diagnose_tells_what_is_wrong(ill: str, capsys):
    assert main(["diagnose", ill]) == 0
    said = capsys.readouterr().out
    assert said.startswith("unread, iterations 1 to 7: The loop was told 7 times in a row that alice")
    assert "\n  Why: " in said and "(S29)." in said and "\n  Cure: " in said


def test_diagnose_tells_programs_in_json(ill: str, capsys):
    assert main(["diagnose", ill, "--json"]) == 0
    (finding,) = json.loads(capsys.readouterr().out)
    assert finding.keys() == {"rule", "fd", "first", "last", "what", "why", "cure"}
    assert (finding["rule"], finding["first"], finding["last"]) == ("unread", 1, 7)


def test_diagnose_says_so_if_nothing_is_wrong(well: str, capsys):
    assert main(["diagnose", well]) == 0
    assert capsys.readouterr().out.startswith("Nothing is wrong in these ")
    assert main(["diagnose", well, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_diff_tells_where_two_tapes_part(ill: str, well: str, capsys):
    assert main(["diff", ill, ill]) == 0
    assert capsys.readouterr().out.startswith("The tapes do not differ")
    assert main(["diff", ill, well]) == 0
    assert capsys.readouterr().out.startswith("iteration 0: ")


@pytest.mark.unhurried
def test_diff_draws_both_tapes_where_they_part(tmp_path, capsys):
    mine, yours = (
        asks_to_write_in_asyncore(healthy).save(tmp_path / f"{healthy}") for healthy in (False, True)
    )
    for name in ("both.html", "both.png"):
        assert main(["diff", str(mine), str(yours), "--save", str(tmp_path / name)]) == 0
    said = "iteration 1: mine asked to write to alice, yours did not\n"
    assert capsys.readouterr().out.startswith(said)
    assert (tmp_path / "both.html").read_text("utf-8").startswith("<!DOCTYPE html>")
    assert (tmp_path / "both.png").read_bytes().startswith(b"\x89PNG")
    assert main(["diff", str(mine), str(yours), "--save", str(tmp_path / "both.doc")]) == 2


@pytest.mark.parametrize("command", [["diagnose"], ["diff"]])
def test_unusable_input_exits_2_with_a_sentence(command: list[str], tmp_path, capsys):
    bad = tmp_path / "bad.jsonl"
    bad.write_text("this is no tape\n")
    for path in (bad, tmp_path / "missing.jsonl"):
        assert main([*command, str(path), *([str(path)] if command == ["diff"] else [])]) == 2
        said = capsys.readouterr().err
        assert said.startswith("labkit: ") and path.name in said


HELP = {
    "": {
        "diagnose": "what is wrong with the loop on a saved tape",
        "diff": "the first iteration in which two saved tapes differ",
    },
    "diagnose": {"file": "what tape.save() wrote", "--json": "the findings as a JSON list"},
    "diff": {
        "A": "what tape.save() wrote: “mine”",
        "B": "the same: “yours”",
        "--save FILE": "both, aligned there: .html, .png or .svg",
    },
}


@pytest.mark.parametrize("command", HELP)
def test_help_says_what_each_command_and_argument_is(command: str, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit) as ended:
        main([*([command] if command else []), "--help"])
    assert ended.value.code == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    for argument, said in HELP[command].items():
        assert f"{argument} {said}" in lines


def test_diff_hands_the_tapes_and_where_they_part_to_whoever_draws(ill: str, well: str, capsys):
    drawn: list[Any] = []
    parser = argparse.ArgumentParser()
    commands.add(parser.add_subparsers(), lambda *told: drawn.append(told))

    def diff(*arguments: str) -> str:
        options = parser.parse_args(["diff", *arguments])
        assert options.run(options) == 0
        return capsys.readouterr().out

    parts = str(Tape.load(Path(ill)).diff(Tape.load(Path(well))))
    assert diff(ill, well) == f"{parts}\n" and drawn == []
    assert diff(ill, well, "--save", "both.svg") == f"{parts}\nfigure: both.svg\n"
    same = "The tapes do not differ: they ask, are told and do the same.\n"
    assert diff(ill, ill, "--save", "same.png") == f"{same}figure: same.png\n"
    (mine, yours, where, file), (_, _, nowhere, other) = drawn
    assert list(mine) == list(Tape.load(Path(ill))) and list(yours) == list(Tape.load(Path(well)))
    assert (str(where), nowhere, file, other) == (parts, None, Path("both.svg"), Path("same.png"))


def test_findings_are_told_one_after_the_other_in_words_and_in_json(tmp_path, capsys):
    lab = does_not_read_in_a_lab(False).save(tmp_path / "one.jsonl")
    assert main(["diagnose", str(lab), "--json"]) == 0
    said = capsys.readouterr().out
    assert said.startswith('[\n  {\n    "rule": "unread",\n') and "\\u" not in said
