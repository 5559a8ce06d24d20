"""Moving through a tape: Back and Forward at every granularity, and they never run anything."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from labkit import Channel, Lab, LiveFigure, Tape
from labkit.figure.view import Position


class Echo(Channel):
    def handle_read(self) -> None:
        data = self.recv(1024)
        self.write(data)


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(Echo, selector="epoll", buffers=4096) as lab:
        lab.connect("alice").send(b"hello")
        yield lab


def walk(figure: LiveFigure, way: str) -> list[Position]:
    """The positions that Back or Forward goes through to the end."""
    seen = [figure.position]
    while getattr(figure, way)():
        seen.append(figure.position)
    return seen


def test_by_iteration(lab: Lab):
    lab.step(3)
    figure = LiveFigure(lab)
    assert walk(figure, "back") == [Position(2), Position(1), Position(0)]
    assert walk(figure, "forward") == [Position(0), Position(1), Position(2)]
    assert len(lab.tape) == 3 and figure.following


def test_by_call_each_iteration_begins_when_it_woke_and_ends_whole(lab: Lab):
    lab.step(2)
    assert [len(it.calls) for it in lab.tape] == [1, 2], "accept; recv and send"
    figure = LiveFigure(lab)
    figure.set_granularity("call")
    there = [Position(1), Position(1, 1), Position(1, 0), Position(0), Position(0, 0)]
    assert walk(figure, "back") == there
    assert walk(figure, "forward") == there[::-1]
    assert len(lab.tape) == 2


def test_a_tape_of_one_iteration_can_be_walked_through_by_call(lab: Lab):
    lab.step()
    figure = LiveFigure(lab.tape)
    figure.set_granularity("call")
    assert figure.beside(-1) == Position(0, 0) and figure.beside(1) is None
    assert figure.back() and not figure.back()
    assert figure.forward() and not figure.forward()


def test_step_by_call_shows_the_whole_iteration(lab: Lab):
    lab.step()
    figure = LiveFigure(lab)
    figure.set_granularity("call")
    figure.step()
    assert figure.position == Position(1) and len(lab.tape) == 2
    bytes_ = {m.state: m.value for m in figure.marks() if m.kind == "bytes" and m.value}
    assert bytes_ == {"unread": 5}
    figure.back()
    assert figure.position == Position(1, 1), "what was received, and not yet sent"


def test_by_source_line_step_runs_and_forward_does_not(lab: Lab):
    lab.step()
    figure = LiveFigure(lab, "calls", "buffers", "source")
    assert figure.granularity == "source line"
    figure.step()
    assert len(lab.tape) == 2 and figure.position == Position(1, None, 0)
    lines = figure.lines[1].lines
    seen = walk(figure, "forward")
    assert seen == [*(Position(1, None, n) for n in range(len(lines))), Position(1)]
    assert len(lab.tape) == 2, "the last line runs nothing"
    functions = list(dict.fromkeys(line.function for line in lines))
    assert functions[:4] == ["Loop.run_once", "Echo.handle_read", "Channel.recv", "Channel.write"]
    assert walk(figure, "back")[:-1] == seen[::-1], "Back goes the same way, and then to the iteration before"
    figure.step()
    assert len(lab.tape) == 3


def test_over_a_call_and_to_my_code(lab: Lab):
    lab.step()
    figure = LiveFigure(lab, "source")
    figure.step()
    lines = figure.lines[1].lines
    figure.to_my_code()
    at = figure.position.line
    assert at is not None and lines[at].function == "Echo.handle_read"
    while "self.write" not in _text(figure):
        figure.over()
    assert figure.position.line is not None
    depths = {
        line.depth for line in lines[at : figure.position.line + 1] if line.function == "Echo.handle_read"
    }
    assert depths == {lines[at].depth}
    assert "data = b'hello'" in [f"{name} = {value}" for name, value in lines[figure.position.line].values]
    assert len(lab.tape) == 2


def _text(figure: LiveFigure) -> str:
    line = figure.lines[1].lines[figure.position.line]
    first, rows = figure.lines[1]._texts[line.filename, line.function]
    return str(rows[line.lineno - first])


def test_an_iteration_that_ran_untraced_is_one_position(lab: Lab):
    lab.step(2)
    figure = LiveFigure(lab, "source")
    assert walk(figure, "back") == [Position(1), Position(0)]


def test_an_empty_tape_goes_nowhere():
    figure = LiveFigure(Tape())
    for name in figure.granularities():
        figure.set_granularity(name)
        assert not figure.back() and not figure.forward() and figure.position == Position(-1)


def test_it_follows_the_head_until_the_reader_goes_back(lab: Lab):
    figure = LiveFigure(lab)
    lab.step(5)
    assert figure.index == 4
    figure.back()
    lab.step(3)
    assert (figure.index, figure.following) == (3, False)
    walk(figure, "forward")
    assert (figure.index, figure.following) == (7, True)


def test_a_ring_that_drops_the_position_never_throws():
    with Lab(Echo, limit=1) as lab:
        alice = lab.connect("alice")
        lab.step(3)
        figure = LiveFigure(lab).show(1)
        for _ in range(1200):
            alice.send(b"x")
            alice.recv()
            lab.step()
        assert lab.tape.dropped > 1
        assert figure.index == lab.tape.dropped
        figure.marks()
        assert not figure.back() and figure.forward()


def test_finding_errors_eagain_the_longest_and_words():
    class Moody(Channel):
        def handle_read(self) -> None:
            data = self.recv(5)
            while b"again" in data:
                data = self.recv(5)
            if b"?" in data:
                raise ValueError("a question")

    with Lab(Moody) as lab:
        alice, bob = lab.connect("alice"), lab.connect("bob")
        lab.step(2)
        alice.send(b"again")
        lab.step(2)
        bob.send(b"why ?")
        lab.step(2)
        figure = LiveFigure(lab.tape).show(0)
        assert figure.find("EAGAIN") and any(call.errno for call in lab.tape[figure.index].calls)
        assert figure.find("error") and lab.tape[figure.index].errors
        assert not figure.find("error"), "there is one"
        assert figure.show(0).find("BOB sent 5")
        assert "bob sent 5 bytes" in lab.tape[figure.index].explain()
        assert figure.find("longest awake")
        assert lab.tape[figure.index].awake_ns == max(it.awake_ns for it in lab.tape)
        assert not figure.find("no such words")


def test_findings_are_gone_to_in_order(lab: Lab):
    lab.step(6)
    found = [("eof-spin", 7, 4, 5, "it spins"), ("stall", None, 1, 1, "it stalls")]
    figure = LiveFigure(lab.tape, findings=found).show(0)
    assert figure.find("finding") and figure.index == 1
    assert figure.find("finding") and figure.index == 4
    assert not figure.find("finding")
    assert figure.find("finding", -1) and figure.index == 1
