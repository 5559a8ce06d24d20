"""Names in a lesson: a cell never finds another cell's value under a name that it reads.

So cells may be run in any order, twice, or again after a change: whatever is read has one cell that makes it,
or is made by the cell itself.
"""

from __future__ import annotations

import ast
import builtins
import re
import symtable
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from ..helpers import NOTEBOOKS, code_cells

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@every_notebook
def test_what_a_cell_reads_of_others_is_made_by_one_cell_only(path: Path):
    sources = [
        re.sub(r"^[%!].*$", "pass", cell.source, flags=re.M)
        for cell in code_cells(nbformat.read(path, as_version=4))
    ]
    assert not reused(sources)


def test_a_name_that_means_two_things_is_found():
    assert reused(["a = 1", "print(a)", "a = 2"]) == {"a": [0, 2]}
    assert reused(["for a in (1, 2): pass", "def f(): return a", "with open('x') as a: pass"]) == {
        "a": [0, 2]
    }
    assert not reused(["a = 1; print(a)", "a = 2; print(a)"]), "each cell reads its own"
    assert not reused(["a = 1", "print(a)", "def f(a): return a"]), "a parameter is another name"
    assert not reused(["import os", "os.getpid()", "import os"]), "the same import says the same"
    assert reused(["a = 1", "a = a + 1"]) == {"a": [0, 1]}, "twice is not once"
    assert reused(["a = 1", "a += 1"]) == {"a": [0, 1]}
    assert not reused(["a = 1", "a = 2; b = [a for _ in '12']"])


def reused(sources: list[str]) -> dict[str, list[int]]:
    """Names that several cells make and some cell reads without making it first: name → those cells.

    READ and the like are constants: whoever makes one makes the same.
    """
    makers: dict[str, list[int]] = defaultdict(list)
    readers: set[str] = set()
    imported: dict[str, set[str]] = defaultdict(set)
    for number, source in enumerate(sources):
        # An await outside a function is a cell's own; from Python 3.14 on symtable does not take one.
        plain = re.sub(r"\b(?:await|async(?= with| for)) ", "", source)
        table = symtable.symtable(plain, "a cell", "exec")
        made = {each.get_name() for each in table.get_symbols() if each.is_assigned() or each.is_imported()}
        first = _first_stores(ast.parse(source))
        for name in made:
            makers[name].append(number)
            imported[name].add(_imports(source).get(name, f"cell {number}"))
        readers |= _read(table) - made - set(dir(builtins))
        readers |= {name for name in made & first.keys() if first[name] == "read"}
    return {
        name: cells
        for name, cells in makers.items()
        if len(cells) > 1 and name in readers and len(imported[name]) > 1 and not name.isupper()
    }


def _read(table: symtable.SymbolTable) -> set[str]:
    """Global names that a cell, or a function in it, refers to."""
    own = {each.get_name() for each in table.get_symbols() if each.is_referenced() and each.is_global()}
    if table.get_type() == "module":
        own |= {each.get_name() for each in table.get_symbols() if each.is_referenced()}
    return own.union(*map(_read, table.get_children()))


def _first_stores(tree: ast.Module) -> dict[str, str]:
    """Name → "read" or "made": what a cell's own statements do with it first, as they run."""
    found: dict[str, str] = {}
    for node in _as_it_runs(tree):
        if isinstance(node, ast.Name):
            found.setdefault(node.id, "read" if isinstance(node.ctx, ast.Load) else "made")
        elif isinstance(node, ast.alias):
            found.setdefault((node.asname or node.name).split(".")[0], "made")
        elif isinstance(node, (*DEFINITIONS, ast.ExceptHandler)) and node.name:
            found.setdefault(node.name, "made")
    return found


LATER = {  # fields that take effect after the others
    ast.Assign: ("targets",),
    ast.AnnAssign: ("target",),
    ast.NamedExpr: ("target",),
    ast.For: ("target", "body", "orelse"),
    ast.withitem: ("optional_vars",),
}
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def _as_it_runs(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a cell, but for what is inside functions, classes and comprehensions."""
    yield node
    if isinstance(node, (*DEFINITIONS, ast.Lambda)):
        return
    if isinstance(node, COMPREHENSIONS):
        yield from _as_it_runs(node.generators[0].iter)
        return
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        yield ast.Name(node.target.id, ast.Load())
    later = LATER.get(type(node), ())
    fields = [name for name in node._fields if name not in later] + [n for n in later if n in node._fields]
    for name in fields:
        value = getattr(node, name, None)
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, ast.AST):
                yield from _as_it_runs(each)


def _imports(source: str) -> dict[str, str]:
    """Name → where a cell imports it from."""
    return {
        (alias.asname or alias.name).split(".")[0]: ast.unparse(node).split("import")[0] + alias.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
