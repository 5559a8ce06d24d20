"""What an answer that was written in a notebook consists of: its own text, and what that needs to run.

A class or function defined in cells is followed to its text, and so are the classes, functions, imports and
plain values of the notebook that it names. Nothing is run.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import linecache
import sys
import threading
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any


class Unusable(ValueError):
    """There is no answer to judge: a file that is none, or something without a text."""


def source_of(answer: Any, name: str) -> tuple[str, str]:
    """(the text of a module that defines the answer, the answer's name in it).

    `answer` is a class or function of a notebook, the path of a file that defines `name`, or its text.
    """
    if isinstance(answer, Path):
        return _of_file(answer, name), name
    if isinstance(answer, str):
        return (_of_file(Path(answer), name) if "\n" not in answer else _defines(answer, name, "it")), name
    if not isinstance(answer, type | FunctionType):
        raise Unusable(
            f"check(…, {answer!r}): give the class or function {name} itself, or the path of a file with it"
        )
    return _Collector(vars(sys.modules[answer.__module__])).module(answer), answer.__name__


def is_stub(answer: Any, stub: str, name: str) -> bool:
    """Whether a class or function of a notebook, and what the stub defines beside it, still is the stub.

    The stub calls it `name`.
    """
    if not isinstance(answer, type | FunctionType):
        return False
    try:
        written, given = _definitions(source_of(answer, name)[0]), _definitions(stub)
    except (Unusable, SyntaxError):
        return False
    own = answer.__name__
    mine = written.pop(own, "").replace(repr(own), repr(name))
    return mine == given.pop(name, "") and all(
        written.get(each, text) == text for each, text in given.items()
    )


def parsed(text: str) -> ast.Module:
    """ast.parse, one thread at a time: before 3.11.8 and 3.12.1 two at once may get a SystemError."""
    with _parsing:
        return ast.parse(text)


_parsing = threading.Lock()


def _definitions(text: str) -> dict[str, str]:
    """{name: what it says} of the classes and functions of a text."""
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return {each.name: ast.dump(each) for each in parsed(text).body if isinstance(each, kinds)}


def _of_file(path: Path, name: str) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Unusable(f"{path} cannot be read: {error}") from None
    return _defines(text, name, str(path))


def _defines(text: str, name: str, what: str) -> str:
    try:
        tree = parsed(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        where = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise Unusable(f"{what} is no Python{where}: {error}") from None
    if name not in bound(tree):
        raise Unusable(f"{what} does not define {name}")
    return text


def bound(tree: ast.Module) -> set[str]:
    """The names that a module's own statements bind."""
    bound: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            bound.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
        elif isinstance(node, ast.alias):
            bound.add((node.asname or node.name).split(".")[0])
    return bound


class _Collector:
    """Follows names through the namespace of a notebook."""

    def __init__(self, space: dict[str, Any]) -> None:
        self.space = space
        self.parts: list[str] = []
        self.seen: set[str] = set()

    def module(self, answer: Any) -> str:
        self._take(answer.__name__, answer)
        return "\n\n".join(["from __future__ import annotations", *self.parts]) + "\n"

    def _take(self, name: str, value: Any) -> None:
        if name in self.seen:
            return
        self.seen.add(name)
        text = self._text(name, value)
        if text is None:
            return
        for needed in sorted(_free(text)):
            if needed in self.space:
                self._take(needed, self.space[needed])
        self.parts.append(text)

    def _text(self, name: str, value: Any) -> str | None:
        if isinstance(value, ModuleType):
            return (
                f"import {value.__name__} as {name}"
                if "." in value.__name__ or value.__name__ != name
                else f"import {name}"
            )
        home = getattr(value, "__module__", None)
        if isinstance(value, type | FunctionType) and home == self.space.get("__name__"):
            return _definition(value)
        own = getattr(value, "__name__", "")
        if home and own and getattr(sys.modules.get(home), own, None) is value:
            return f"from {home} import {own} as {name}"
        return f"{name} = {value!r}" if _plain(value) else None


def _plain(value: Any) -> bool:
    try:
        return bool(ast.literal_eval(repr(value)) == value)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return False


def _free(text: str) -> set[str]:
    """The names that a definition may take from outside."""
    tree = parsed(text)
    read = {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    return {name for name in read if not hasattr(builtins, name)}


def _definition(value: type | FunctionType) -> str:
    """The text of a class or function: from the cell, or file, that its code says it is from."""
    for code in _codes(value):
        text = _found_in("".join(linecache.getlines(code.co_filename)), value.__name__, code.co_firstlineno)
        if text:
            return text
    for cell in reversed(_cells()):  # a class without methods carries no code
        text = _found_in(cell, value.__name__, None)
        if text:
            return text
    try:
        return inspect.cleandoc("\n" + inspect.getsource(value))
    except (OSError, TypeError):
        raise Unusable(
            f"the text of {value.__name__} is not to be found: define it in a cell of this notebook, "
            "run the cell, and check again"
        ) from None


def _codes(value: type | FunctionType) -> list[CodeType]:
    if isinstance(value, FunctionType):
        return [inspect.unwrap(value).__code__]
    inner = [getattr(each, "__func__", getattr(each, "fget", each)) for each in vars(value).values()]
    return [each.__code__ for each in inner if isinstance(each, FunctionType)]


def _found_in(text: str, name: str, line: int | None) -> str | None:
    try:
        tree = parsed(text)
    except SyntaxError:  # a cell with magics in it: what IPython keeps is without them
        return None
    found = None
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            if line is None or first <= line <= (node.end_lineno or line):
                found = "\n".join(text.splitlines()[first - 1 : node.end_lineno])
    return found


def _cells() -> list[str]:
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return []
    shell: Any = get_ipython()
    return list(shell.history_manager.input_hist_parsed) if shell is not None else []
