"""Every test is run by some target: `make test` and `make proof-long` together leave out nothing."""

from __future__ import annotations

import itertools
import re
import subprocess
from pathlib import Path

from .conftest import HERE, UNHURRIED
from .helpers import ROOT
from .proof import long

MARKERS = ("browser", "notebook", "long", "slow", "unhurried", "every_python")
MAKEFILE, CI = ((ROOT / name).read_text("utf-8") for name in ("Makefile", ".ci/run"))
RULES = dict(re.findall(r'^(\w+):.*\n(?:\t.*\n)*?\t.*-m "([^"]+)"', MAKEFILE, re.MULTILINE))
RULES["long"] = long.RULE
(RULES["other Pythons"],) = re.findall(r'-m "([^"]+)"', CI)


def test_a_test_of_any_kind_is_run_by_one_target():
    for marked in itertools.product((False, True), repeat=len(MARKERS)):
        kind = dict(zip(MARKERS, marked, strict=True))
        taken = {name: bool(eval(rule, {}, kind)) for name, rule in RULES.items()}
        run = [name for name in ("unit", "notebooks", "browser", "long") if taken[name]]
        assert len(run) == 1, kind
        assert run == ["unit"] or not (taken["fast"] or taken["other Pythons"]), kind
        if run == ["unit"]:
            assert taken["other Pythons"] == (not kind["slow"] or kind["every_python"])
            assert taken["fast"] == (not kind["slow"] and not kind["unhurried"])


def test_all_of_them_are_run_by_the_machine_that_tests():
    (test,) = re.findall(r"^test: (.*?) *##", MAKEFILE, re.MULTILINE)
    assert {"unit", "notebooks", "browser"} <= set(test.split())
    for command in ("make --keep-going test", "make proof-long"):
        assert re.search(rf"^{command}\b", CI, re.MULTILINE), command


def test_what_is_named_unhurried_is_there():
    assert not [name for name in UNHURRIED if not (HERE / name).is_file()]


def test_an_environment_that_is_only_linked_to_is_not_set_up_anew(tmp_path: Path):
    """`venv --clear` follows a link: it would empty what belongs to another checkout."""
    others = tmp_path / "others"
    others.mkdir()
    (others / "kept").touch()
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        (tmp_path / name).write_text((ROOT / name).read_text("utf-8"))
    (tmp_path / ".venv").symlink_to(others)
    made = subprocess.run(
        ["make", ".venv/.lab", "PYTHON=/bin/false"], cwd=tmp_path, capture_output=True, text=True
    )
    assert made.returncode and "is a link" in made.stdout
    assert (others / "kept").exists()
