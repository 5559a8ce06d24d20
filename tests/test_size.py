"""Small is a feature: how long files may be, and rooms together; what grows past it shows what should go.

Lines of code are counted: docstrings, comments and empty lines are not what has to be small.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

LABKIT = Path(__file__).resolve().parents[1] / "labkit"
LONGEST = 400  # lines of a file, with all that stands in it
CODE = (".py", ".js", ".html", ".css")

# (what is counted, what of it is not, lines of code at most): docs/design.md says why.
RECORDER = ("kernel.py", "loop.py", "tape/", "record/")
WORDS = ("tape/narrate.py", "tape/diff.py")  # what is said of a tape, beside what makes and keeps it
EXERCISES = ("teaching/exercises/", "teaching/bugs/")  # one more is no growth
BOUNDS = {
    "recorder": (RECORDER, WORDS, 2_000),
    "words": (WORDS, (), 300),
    "labkit": (("",), EXERCISES, 18_000),
}

LAYOUT = "COMMENT", "NL", "NEWLINE", "INDENT", "DEDENT", "ENDMARKER"  # kinds of token


def test_no_file_is_too_long_to_read():
    lengths = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in files().items()}
    long = {name: count for name, count in lengths.items() if count > LONGEST}
    assert not long, f"longer than {LONGEST} lines: {long}"


@pytest.mark.parametrize(
    "name",
    ["recorder", "words", pytest.param("labkit", marks=pytest.mark.slow)],  # which takes a second
)
def test_rooms_stay_small(name: str):
    counted, left_out, most = BOUNDS[name]
    lines = sum(
        code_lines(path)
        for file, path in files().items()
        if file.startswith(counted) and not (left_out and file.startswith(left_out))
    )
    assert most / 2 < lines < most, f"{name}: {lines:,} lines of code, of {most:,} at most"


def test_what_is_a_line_of_code(tmp_path: Path):
    source = '"""A docstring."""\n\n# a comment\nx = (\n    1,  # one\n)\n\ndef f():\n    """Of f."""\n'
    source += "    return x\n"
    (tmp_path / "some.py").write_text(source)
    assert code_lines(tmp_path / "some.py") == 5
    (tmp_path / "some.js").write_text("// a comment\n\n/* one\n more */\nlet x = 1; // one\n")
    assert code_lines(tmp_path / "some.js") == 1


def files() -> dict[str, Path]:
    """The files of labkit with code in them, by their path there."""
    found = (path for path in sorted(LABKIT.rglob("*")) if path.suffix in CODE)
    return {path.relative_to(LABKIT).as_posix(): path for path in found if "__pycache__" not in path.parts}


def code_lines(path: Path) -> int:
    """How many lines of a file hold code."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        text = re.sub(r"/\*.*?\*/|<!--.*?-->", "", text, flags=re.DOTALL)
        return sum(bool(line.strip()) and not line.strip().startswith("//") for line in text.splitlines())
    held = {
        line
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if tokenize.tok_name[token.type] not in LAYOUT
        for line in range(token.start[0], token.end[0] + 1)
    }
    return len(held - set(docstrings(ast.parse(text))))


def docstrings(tree: ast.AST) -> list[int]:
    """The lines that docstrings take."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    first = [node.body[0] for node in ast.walk(tree) if isinstance(node, documented) and node.body]
    return [
        line
        for each in first
        if isinstance(each, ast.Expr)
        and isinstance(each.value, ast.Constant)
        and isinstance(each.value.value, str)
        for line in range(each.lineno, (each.end_lineno or each.lineno) + 1)
    ]
