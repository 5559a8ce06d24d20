"""Every public name says what it is, what its numbers count and what it raises: `labkit.__all__`, methods."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest

import labkit


def surface() -> Iterator[tuple[str, Any]]:
    """(dotted name, object) of every class, function and public method that a notebook can name."""
    for name in labkit.__all__:
        thing = getattr(labkit, name)
        if inspect.ismodule(thing):
            for inner, value in vars(thing).items():
                if inspect.isfunction(value) and value.__module__ == thing.__name__ and inner[0] != "_":
                    yield f"{name}.{inner}", value
            continue
        yield name, thing
        if inspect.isclass(thing):
            for inner, value in inspect.getmembers(thing):
                made_here = str(getattr(value, "__module__", "")).startswith("labkit")
                if inner[0] != "_" and callable(value) and made_here:
                    yield f"{name}.{inner}", value


PUBLIC = dict(surface())
KNOWN = "fd", "epoll_fd", "thread", "i", "index"  # what they are is their name


@pytest.mark.parametrize("name", PUBLIC)
def test_it_says_what_it_is(name: str):
    """By a docstring of its own; the loop's, which must stay short, by that of its class."""
    told = inspect.getdoc(PUBLIC[name]) or ""
    owner, _, method = name.rpartition(".")
    assert told or f"`{method}`" in said(owner), f"{name} has no docstring"


@pytest.mark.parametrize("name", PUBLIC)
def test_every_number_that_it_takes_has_a_unit_or_a_word_of_its_own(name: str):
    """A parameter that is a number is named in the docstring, or its name says the unit."""
    try:
        parameters = inspect.signature(PUBLIC[name]).parameters.values()
    except (TypeError, ValueError):
        return
    told = said(name)
    numbers = [each.name for each in parameters if str(each.annotation).split(" |")[0] in ("int", "float")]
    silent = [
        each
        for each in numbers
        if each not in told and each not in ("fd", "epoll_fd", "i", "index", "thread")
    ]
    assert not silent, f"{name} does not say what {silent} is"


@pytest.mark.parametrize("name", [name for name, each in PUBLIC.items() if inspect.isfunction(each)])
def test_an_error_that_it_raises_itself_is_named(name: str):
    raised = {
        node.exc.func.id
        for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(PUBLIC[name]))))
        if isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Call)
        and isinstance(node.exc.func, ast.Name)
    }
    raised.discard("NotImplementedError")  # it is what a class says that wants a method of its reader
    silent = sorted(error for error in raised if error[0].isupper() and error not in said(name))
    assert not silent, f"{name} raises {silent}, and does not say when"


def said(name: str) -> str:
    """The docstring of a name, and of the class that it is a method of."""
    thing, owner = PUBLIC.get(name), PUBLIC.get(name.rpartition(".")[0])
    kinds = [kind for each in (thing, owner) if inspect.isclass(each) for kind in each.__mro__[:-1]]
    return " ".join(" ".join(filter(None, map(inspect.getdoc, [thing, *kinds]))).split())


def test_the_surface_is_what_the_design_names():
    assert PUBLIC.keys() >= {"Lab", "AsyncoreLab", "Channel", "Loop", "Peer", "Tape", "Event", "LiveFigure"}
    assert PUBLIC.keys() >= {"watch", "diagnose", "sweep", "predict", "check", "Lab.step", "Tape.diff"}
    assert "kernel.recv_queue" in PUBLIC
