"""The source that ran: which lines, in which order, with which values; and nobody is traced afterwards."""

from __future__ import annotations

import inspect
import linecache
import socket
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from labkit import Channel, Lab, watch
from labkit.lab.asyncore_host import server
from labkit.trace import Source, call_map, trace, tracing
from labkit.trace.values import shown


class Echo(Channel):
    def handle_read(self) -> None:
        data = self.recv(1024)
        self.write(data)


@pytest.fixture(autouse=True)
def nobody_is_traced() -> Iterator[None]:
    before = sys.gettrace()
    yield
    assert sys.gettrace() is before


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(Echo) as lab:
        yield lab


def functions(lines: Source) -> list[str]:
    return list(dict.fromkeys(line.function for line in lines))


def here(lines: Source, text: str) -> None:
    """Move to the first line that has this text."""
    for at in range(len(lines)):
        lines.seek(at)
        first, rows = lines.text
        if lines.line is not None and text in rows[lines.line.lineno - first]:
            return
    raise AssertionError(f"{text!r} did not run")


def test_a_step_of_our_loop_is_shown_line_by_line(lab):
    alice = lab.connect("alice")
    lab.step()
    alice.send(b"hello")
    lines = trace(lab)
    assert lines.iteration == lab.tape[-1].index == 1
    assert functions(lines)[:3] == ["Loop.run_once", "Echo.handle_read", "Channel.recv"]
    here(lines, "self.write(data)")
    assert lines.line.function == "Echo.handle_read" and lines.line.depth == 1
    assert ("data", "b'hello'") in lines.line.values
    assert lines.line.calls == 1  # recv was made, send not yet
    assert lines.chain == ("Loop.run_once", "Echo.handle_read")
    first, rows = lines.text
    assert (
        rows[0] == "def handle_read(self) -> None:" and first == inspect.getsourcelines(Echo.handle_read)[1]
    )
    assert "→" in str(lines) and "data = b'hello'" in str(lines)


def test_forward_and_back_go_through_the_lines(lab):
    lines = trace(lab)
    assert not lines.back()
    seen = [lines.line]
    while lines.forward():
        seen.append(lines.line)
    assert seen == list(lines) and not lines.forward()
    assert lines.back() and lines.line is seen[-2]
    assert not lines.seek(len(lines)) and lines.at == len(lines) - 2


def test_a_notebook_cell_has_a_source_too():
    text = "class Shout(Channel):\n    def handle_read(self):\n        self.write(self.recv(9).upper())\n"
    name = "/tmp/ipykernel_1/42.py"  # as IPython names a cell, whose text linecache knows
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    scope: dict[str, Any] = {"Channel": Channel, "__name__": "__main__"}
    exec(compile(text, name, "exec"), scope)
    try:
        with Lab(scope["Shout"]) as lab:
            alice = lab.connect()
            lab.step()
            alice.send(b"hello")
            lines = trace(lab)
        here(lines, "self.write")
        assert lines.line.filename == name and lines.line.lineno == 3
    finally:
        del linecache.cache[name]


def test_several_iterations_are_kept_by_their_index(lab):
    lab.step()
    with tracing(lab) as traced:
        lab.step(2)
        lab.run(0.02)
        alice = lab.connect("alice")
        lab.run(0.05)
    alice.send(b"x")
    lab.step()
    assert set(traced) >= {1, 2, 3} and lab.tape[-1].index not in traced
    for index, lines in traced.items():
        assert lines.iteration == index and lines.lines[0].function == "Loop.run_once"
        made = lines.lines[-1].calls
        assert made == len(lab.tape.iteration(index).calls)
    with pytest.raises(KeyError, match="not traced"):
        traced[0]


@pytest.mark.unhurried
def test_only_the_loops_thread_is_traced_and_only_in_the_block(lab):
    def tracer(frame: Any, event: str, arg: Any) -> None:
        return None

    before = sys.gettrace()
    seen = []
    with tracing(lab):
        assert sys.gettrace() is before
        other = threading.Thread(target=lambda: seen.append(sys.gettrace()))
        other.start()
        other.join(5)
    assert seen == [threading.gettrace()]
    assert lab._engine.order(lambda engine: sys.gettrace()).result(5) is None
    sys.settrace(tracer)
    try:
        trace(sorted, [2, 1])
        assert sys.gettrace() is tracer
    finally:
        sys.settrace(before)


def test_what_a_handler_raises_is_shown_where_it_was_raised():
    class Broken(Channel):
        def handle_read(self) -> None:
            data = self.recv(10)
            raise ValueError(data)

    with Lab(Broken) as lab:
        alice = lab.connect()
        lab.step()
        alice.send(b"x")
        lines = trace(lab)
    raised = [line for line in lines if line.returns == "raises ValueError: b'x'"]
    assert [line.function.rpartition(".")[2] for line in raised] == ["handle_read", "run_once"]


def test_any_function_can_be_traced():
    def double(number: int) -> int:
        twice = 2 * number
        return twice

    lines = trace(double, 21)
    assert [line.returns for line in lines] == [None, None, "returns 42"]
    assert lines.line.values == (("number", "21"),) and lines.iteration is None
    with pytest.raises(ZeroDivisionError):
        trace(lambda: 1 // 0)
    assert trace(len, "").line is None and "no line" in str(trace(len, ""))


def test_a_value_is_short_text_and_no_object_is_asked():
    class Rude:
        def __repr__(self) -> str:
            raise AssertionError("asked")

    assert shown(Rude()) == "<Rude>"
    assert shown([Rude(), 1, None]) == "[<Rude>, 1, None]"
    assert shown(b"x" * 10_000).endswith("10,000 bytes")
    assert shown({7: Rude()}) == "{7: <Rude>}"
    assert len(shown(list(range(1000)))) < 90
    assert shown(()) == "()" and shown("a" * 99).endswith("99 characters")


def test_tracing_something_else_is_refused():
    with pytest.raises(TypeError, match="Lab"), tracing(3):
        pass
    with pytest.raises(TypeError, match="function"):
        trace(3)


# ---- asyncore --------------------------------------------------------------------------------------------


@pytest.fixture(params=[False, True], ids=["poll", "poll2"])
def traced_asyncore(request: Any) -> Iterator[tuple[Any, Any, str]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        asyncore = pytest.importorskip("asyncore")

    class Handler(asyncore.dispatcher_with_send):
        def handle_read(self) -> None:
            self.send(self.recv(1024))

    with socket.create_connection(server(Handler)().socket.getsockname(), timeout=5) as peer:
        with watch(asyncore) as tape, tracing(tape) as traced:
            peer.send(b"hello")
            asyncore.loop(timeout=1, use_poll=request.param, count=2)
        assert peer.recv(5) == b"hello"
        asyncore.close_all()
    yield tape, traced, "poll2" if request.param else "poll"


def test_asyncores_own_lines_are_shown_as_they_run(traced_asyncore):  # S44, S45
    tape, traced, poll = traced_asyncore
    assert list(traced) == [0, 1]
    lines = traced[1]
    assert lines.lines[0].function == poll and lines.lines[0].depth == 0
    shown = functions(lines)
    assert ("readwrite" in shown) == (poll == "poll2")
    order = [
        each for each in shown if each.rpartition(".")[2] in ("handle_read_event", "handle_read", "send")
    ]
    assert [each.rpartition(".")[2] for each in order] == ["handle_read_event", "handle_read", "send", "send"]
    here(lines, "obj.handle_read_event()")
    values = dict(lines.line.values)
    assert values["obj"] == "<Handler>" and values["obj.out_buffer"] == "b''"
    if poll == "poll2":
        assert values["flags"] == "1 = POLLIN"
    else:
        here(lines, "for fd in r:")
        (fd,) = tape[1].ready
        assert dict(lines.line.values)["r"] == f"[{fd}]" and dict(lines.line.values)["w"] == "[]"


def test_the_map_of_the_module_is_counted_on_the_tape(traced_asyncore):
    tape, _, poll = traced_asyncore
    event = "readwrite" if poll == "poll2" else "read"
    found = call_map(tape)
    assert found[poll, event] == 2
    assert found[event, "handle_read_event"] == 2
    assert found["handle_read_event", "handle_accept"] == 1
    assert found["handle_read", "recv"] == found["initiate_send", "send"] == 1


# ---- the panels ------------------------------------------------------------------------------------------


def test_the_source_panel_shows_each_line_that_ran(lab):
    from labkit.figure.drawing import Sheet
    from labkit.figure.panels.source import SourceLines

    alice = lab.connect("alice")
    lab.step()
    alice.send(b"hello")
    with tracing(lab) as traced:
        lab.step()
    for width in (1100, 520):
        sheet = Sheet(lab.tape, [SourceLines()], lines=traced)
        first = {mark.text for mark in sheet.draw(1, line=0, width=width).marks()}
        assert "Loop.run_once" in first
        functions = [line.function for line in traced[1].lines]
        reading = functions.index("Echo.handle_read")
        shown = {mark.text for mark in sheet.draw(1, line=reading, width=width).marks()}
        assert {"Echo.handle_read", "▶"} <= shown
        assert any(text.startswith("self = ") for text in shown)
        assert any("self.write(data)" in text for text in shown)
        assert any("untraced" in mark.text for mark in sheet.draw(0, width=width).marks())


def test_the_call_map_panel_draws_who_calls_whom(traced_asyncore):
    from labkit.figure.drawing import Sheet
    from labkit.figure.panels.call_map import CallMap, tree

    tape, _, poll = traced_asyncore
    sheet = Sheet(tape, [CallMap()])
    texts = [mark.text for mark in sheet.draw(1).marks()]
    assert poll in texts and "handle_read" in texts and "2, 1 now" in texts
    first = sheet.draw(0).json()
    sheet.draw(1)
    assert sheet.draw(0).json() == first  # a function of the position alone
    edges = {mark.text for mark in sheet.draw(1).marks() if mark.kind == "edge"}
    assert edges == {f"{caller} → {callee}" for caller, callee in call_map(tape)}
    rows = tree(call_map(tape), call_map([tape[1]]))
    assert [row.depth for row in rows][:3] == [0, 1, 2]


def test_an_exception_that_is_raised_on_is_no_return():
    """`raise` alone tells sys.settrace nothing but a return of None (Python 3.11)."""

    def passes_on():
        try:
            int("x")
        except ValueError:
            raise

    def caught():
        try:
            passes_on()
        except ValueError:
            return 1

    left = [line.returns for line in trace(caught) if line.returns and line.function.endswith("passes_on")]
    assert len(left) == 2 and all(each.startswith("raises ValueError") for each in left)
