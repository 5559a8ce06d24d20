"""The panels: one position of a tape gives one picture, whose text is whole and stands apart."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from labkit import Channel, Lab, Tape
from labkit.charts.theme import SCREEN, THEMES
from labkit.figure import png as palette
from labkit.figure.frame import Frame
from labkit.figure.panels import PANELS
from labkit.figure.panels.buffers import fitted, verdict
from labkit.figure.panels.calls import around, asks, numbers
from labkit.figure.panels.panel import amount, window
from labkit.figure.panels.time import height, percent
from labkit.figure.states import States
from labkit.figure.still import Still
from labkit.figure.threads import Threads
from labkit.tape.iteration import Iteration
from labkit.tape.turn import Event

SIZES = [(800, 480), (1000, 600), (1280, 720), (1600, 900)]


class Echo(Channel):
    def handle_read(self) -> None:
        self.write(self.recv(65_536))


class Raises(Channel):
    def handle_read(self) -> None:
        raise ValueError(f"cannot parse {self.recv(64)!r}, which is not what anybody expected here at all")


class Huge(Channel):
    def handle_read(self) -> None:
        self.recv(1)
        self.write(b"z" * 123_456_789)


@pytest.fixture(scope="module")
def busy() -> Iterator[Tape]:
    """Eight connections with backpressure, EAGAIN, paused readers and a long name."""
    with Lab(Echo, selector="epoll", buffers=4096) as lab:
        names = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "a name that is far too long"]
        peers = [lab.connect(name) for name in names]
        lab.step(8)
        for turn in range(30):
            for number, peer in enumerate(peers):
                if (turn + number) % 3 == 0:
                    peer.send(b"x" * (400 * (number + 1)))
                if number % 2 and turn % 4 == 0:
                    peer.recv(5_000)
            lab.step()
        yield lab.tape


@pytest.fixture(scope="module")
def tapes(busy: Tape) -> Iterator[dict[str, Tape]]:
    """Tapes of every kind that a figure has to draw."""
    found = {"busy": busy, "empty": Tape()}
    with Lab(Echo) as lab:
        lab.step(3)
        found["idle"] = lab.tape
    with Lab(Raises, selector="poll", buffers=4096) as lab:
        alice, bob = lab.connect("alice"), lab.connect("bob")
        lab.step(2)
        alice.send("boom")
        bob.send("boom")
        lab.step()
        found["errors"] = lab.tape
    with Lab(Huge) as lab:
        alice = lab.connect("alice")
        lab.step()
        alice.send("x")
        lab.step()
        found["huge"] = lab.tape
    for size in (64, 1000):
        with Lab(Echo, selector="epoll", buffers=4096) as lab:
            crowd = lab.crowd(size)
            lab.run()
            crowd.echo(20, seconds=0.05)
            lab.pause()
            crowd.close()
            found[str(size)] = lab.tape
    yield found


def default() -> list:
    return [PANELS[name]() for name in ("fd sets", "calls", "buffers", "time")]


def newest(tape: Tape) -> int:
    return tape.dropped + len(tape) - 1


# ---- a picture is a function of (tape, index) ------------------------------------------------------------


def test_the_same_position_gives_the_same_bytes_whatever_was_drawn_before(busy: Tape):
    frame = Frame(default())
    first = frame.png(busy, 12)
    for index in range(len(busy)):
        frame.png(busy, index)
    assert frame.png(busy, 12) == first
    assert Frame(default()).png(busy, 12) == first


def test_a_tape_that_was_saved_and_loaded_gives_the_same_picture(busy: Tape, tmp_path: Path):
    loaded = Tape.load(busy.save(tmp_path / "busy.jsonl"))
    frame = Frame(default())
    for index in (0, 9, newest(busy)):
        assert frame.png(busy, index) == frame.png(loaded, index)


def test_going_to_another_theme_and_back_gives_the_same_picture(busy: Tape):
    frame = Frame(default())
    before = frame.png(busy, 20)
    frame.use("projector")
    assert frame.png(busy, 20) != before
    frame.use("screen")
    assert frame.png(busy, 20) == before


def test_the_columns_stand_still_while_the_position_moves_through_them(busy: Tape):
    firsts = [window(busy, index, 24)[0] for index in range(48)]
    assert firsts == sorted(firsts)
    assert set(firsts) == {0, 12, 24}


def test_the_calls_of_an_iteration_can_be_seen_one_by_one(busy: Tape):
    it = next(it for it in busy if len(it.calls) >= 4 and it.moments)
    frame = Frame(default())
    pictures = {frame.png(busy, it.index, call) for call in range(len(it.calls) + 1)}
    assert len(pictures) == len(it.calls) + 1


def test_a_position_that_the_ring_let_go_shows_the_oldest_that_is_left():
    tape = Tape(limit=1)
    with Lab(Echo, limit=1) as lab:
        alice = lab.connect("alice")
        for _ in range(1200):
            alice.send(b"x")
            alice.recv()
            lab.step()
        tape = lab.tape
    assert tape.dropped
    frame = Frame(default())
    assert frame.png(tape, 0) == frame.png(tape, tape.dropped)


# ---- text ------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("look", THEMES)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_text_is_large_whole_and_apart(tapes: dict[str, Tape], size: tuple[int, int], look: str):
    frame = Frame(default(), look=look, size=size)
    for name, tape in tapes.items():
        for index in {0, len(tape) // 2, newest(tape)}:
            frame.pixels(tape, index)
            where = f"{name}, iteration {index}, {size}, {look}"
            texts = frame.texts()
            for text, box in texts:
                inside = box.x >= 0 and box.y >= 0 and box.right <= size[0] and box.bottom <= size[1]
                assert inside, f"{text!r} is clipped: {where}"
            for (one, a), (other, b) in combinations(texts, 2):
                apart = a.right <= b.x or b.right <= a.x or a.bottom <= b.y or b.bottom <= a.y
                assert apart, f"{one!r} lies on {other!r}: {where}"
            least = {"screen": 14, "projector": 20}[look]
            assert min(word.font.size for word in frame.words()) >= least


def test_numbers_are_exact_where_they_fit_and_unknown_is_never_zero():
    assert amount(None) == "–"
    assert amount(0) == "0"
    assert fitted(134_560, 200, SCREEN.plain) == "134,560"
    assert fitted(134_560, 50, SCREEN.plain) == "135 K"
    assert fitted(8_192, 36, SCREEN.plain) in ("8.2 K", "8K")
    assert amount(1_234_567_890, room=4) == "1.2 G"


def test_what_the_kernel_does_not_say_is_drawn_as_unknown(tapes: dict[str, Tape]):
    frame = Frame([PANELS["buffers"]()])
    frame.pixels(tapes["64"], newest(tapes["64"]))
    assert "–" in [text for text, _ in frame.texts()]
    it = next(it for it in tapes["64"] if it.calls and it.calls[-1].name == "send")
    assert verdict(it, it.calls[-1].fd, "g", "b", "?")[0] == "–"


def test_the_conservation_law_is_on_the_picture_with_its_numbers(busy: Tape):
    frame = Frame(default())
    frame.pixels(busy, newest(busy))
    texts = [text for text, _ in frame.texts()]
    assert texts.count("✓") == 8
    assert any(text.count("=") == 2 and "✓" in text for text in texts)


def test_a_handlers_error_is_on_the_picture(tapes: dict[str, Tape]):
    frame = Frame(default())
    tape = tapes["errors"]
    frame.pixels(tape, newest(tape))
    assert any(text.startswith("✗") and "ValueError" in text for text, _ in frame.texts())


# ---- the wait as the reader writes it --------------------------------------------------------------------


def an_iteration(asked: dict[int, Event], timeout: float | None) -> Iteration:
    return Iteration(0, 0, timeout, asked, {}, 0, 0, 0, 0, (), {}, {}, {}, {})


def test_the_wait_is_written_as_its_selector_is_called():
    it = an_iteration({5: Event.READ, 7: Event.READ | Event.WRITE}, 30)
    assert asks(it, "select", 60) == ["select([5, 7], [7], [], 30)"]
    assert asks(it, "epoll", 60) == ["epoll.poll(30)", "asked R [5, 7]  W [7]"]
    assert asks(it, "poll", 60)[0] == "poll.poll(30000)"
    assert asks(an_iteration({5: Event.READ}, None), "select", 60) == ["select([5], [], [])"]


def test_a_thousand_fds_are_counted_not_listed():
    assert numbers(range(1000), 3) == "[0, 1, 2, … 1,000 fds]"
    it = an_iteration(dict.fromkeys(range(1000), Event.READ), 0)
    assert all(len(line) <= 44 for line in asks(it, "select", 44))


def test_the_call_that_is_shown_is_among_the_lines_that_fit():
    for count in range(1, 40):
        for fits in range(3, 12):
            for focus in range(count):
                first, last = around(count, fits, focus)
                lines = last - first + (first > 0) + (last < count)
                assert first <= focus < last and lines <= fits


def test_shares_and_heights_say_zero_only_for_zero():
    assert percent(0, 10) == "0 %" and percent(10, 10) == "100 %"
    assert percent(1, 10**6) == "< 0.1 %" and percent(10**6 - 1, 10**6) == "> 99.9 %"
    assert height(0) == 0 and height(10**12) == 1 and 0 < height(10_000) < height(10**6) < 1


# ---- files -----------------------------------------------------------------------------------------------


def test_the_png_holds_the_colours_that_were_drawn(busy: Tape):
    frame = Frame(default())
    pixels = frame.pixels(busy, 20).copy()
    decoded = decode(palette.encode(pixels, frame.theme))
    difference = np.abs(decoded.astype(int) - pixels[..., :3])
    assert difference.mean() < 0.5
    solid = (pixels[..., :3] == (0, 0x72, 0xB2)).all(axis=2)
    assert solid.any() and (decoded[solid] == (0, 0x72, 0xB2)).all()


def decode(data: bytes) -> np.ndarray:
    """A palette PNG whose rows are not filtered, as (height, width, 3)."""
    at, chunks = 8, {}
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        chunks[kind] = data[at + 8 : at + 8 + length]
        at += 12 + length
    wide, tall = struct.unpack(">II", chunks[b"IHDR"][:8])
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(tall, wide + 1)
    assert not rows[:, 0].any()
    return np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)[rows[:, 1:]]


def test_the_svg_says_what_it_shows(busy: Tape):
    text = Frame(default()).svg(busy, 20)
    assert text.count("<svg") == 1 and "<title>Iteration 20:" in text


# ---- panels without a position ---------------------------------------------------------------------------


def test_threads_are_strips_of_what_they_slept_in():
    panel = Threads({"loop": [(0, "epoll_wait on fd 3"), (80, "epoll_wait on fd 3"), (100, None)]})
    assert panel.rows["loop"] == [("epoll_wait on fd 3", 0, 80), ("runs", 80, 100)]
    still = Still(panel, size=(900, 160))
    assert still.alt == "loop: epoll_wait on fd 3 80 ns and runs 20 ns."
    assert still.png().startswith(b"\x89PNG")


def test_a_state_strip_says_every_step_and_end(tmp_path: Path):
    steps = [
        ("", {"client": "ESTABLISHED", "server": "ESTABLISHED"}),
        ("client.close()", {"client": "closed", "server": "CLOSE_WAIT, EOF"}),
        ("server.send(1)", {"client": "closed", "server": "RST"}),
    ]
    still = Still(States(steps), size=(900, 200))
    assert "2, client.close(): client closed, server CLOSE_WAIT, EOF." in still.alt
    assert "<svg" in still.save(tmp_path / "strip.svg").read_text()
    with pytest.raises(ValueError, match="png"):
        still.save(tmp_path / "strip.gif")
