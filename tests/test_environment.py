"""One set of requirements, told four times: pyproject.toml, environment.yml and the two locks agree."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCKS = {
    "requirements.lock": PROJECT["project"]["dependencies"],
    "requirements-test.lock": [
        *PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"]["test"],
    ],
}
PYTHONS = ("3.11", "3.12", "3.13", "3.14", "3.15")
SYSTEMS = ("linux", "darwin")


def test_conda_makes_the_same_python():
    python = pinned("python")
    assert python, "environment.yml pins no python"
    assert Version(python) in SpecifierSet(PROJECT["project"]["requires-python"])
    assert f"Programming Language :: Python :: {python}" in PROJECT["project"]["classifiers"]


def test_conda_installs_this_checkout_and_nothing_of_its_own():
    environment = (ROOT / "environment.yml").read_text(encoding="utf-8")
    assert re.search(r"^name: event-loop-lab$", environment, re.MULTILINE)
    assert re.findall(r"^channels:\n((?:  - .*\n)+)", environment, re.MULTILINE) == ["  - conda-forge\n"]
    assert re.findall(r"^ +- (.*)$", environment.split("dependencies:\n")[1], re.MULTILINE) == [
        f"python={pinned('python')}",
        "pip",
        "pip:",
        "-e .",
    ]


def test_the_supported_pythons_are_those_that_are_tested():
    allowed = SpecifierSet(PROJECT["project"]["requires-python"])
    said = [each.rsplit(" ", 1)[1] for each in PROJECT["project"]["classifiers"] if "Python :: 3." in each]
    assert tuple(said) == PYTHONS
    assert all(Version(python) in allowed for python in PYTHONS)
    assert Version("3.10") not in allowed


@pytest.mark.parametrize("lock", LOCKS)
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_a_lock_satisfies_every_requirement(lock: str, python: str, system: str):
    here = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": system}
    locked = versions(lock, here)
    wanted = [Requirement(each) for each in (*LOCKS[lock], *PROJECT["build-system"]["requires"])]
    for need in wanted:
        if need.marker is None or need.marker.evaluate(here):
            assert locked.get(canonicalize_name(need.name), Version("0")) in need.specifier, need


def test_the_test_lock_only_adds_to_the_other():
    both = set(entries("requirements.lock"))
    assert both <= set(entries("requirements-test.lock")), "make lock"


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_hashes_and_no_addresses(lock: str):
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*-(-?index|-?extra-index|-?find-links|i |f )", text, re.MULTILINE)
    for entry in entries(lock):
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry


# ---- reading ---------------------------------------------------------------------------------------------


def pinned(name: str) -> str:
    found = re.search(rf"^  - {name}=([\d.]+)$", (ROOT / "environment.yml").read_text(encoding="utf-8"), re.M)
    return found[1] if found else ""


def entries(lock: str) -> list[str]:
    """One string for each pinned version, with its hashes, in one line."""
    lines = (ROOT / lock).read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    return [" ".join(line.split()) for line in lines if line.strip() and not line.lstrip().startswith("#")]


def versions(lock: str, here: dict[str, str]) -> dict[str, Version]:
    """What the lock installs on one Python and system, by name; each at one version only."""
    found: dict[str, Version] = {}
    for entry in entries(lock):
        need = Requirement(entry.split(" --hash")[0])
        if need.marker is None or need.marker.evaluate(here):
            name = canonicalize_name(need.name)
            assert name not in found, f"{name} is pinned twice"
            (pin,) = need.specifier
            assert pin.operator == "=="
            found[name] = Version(pin.version)
    return found
