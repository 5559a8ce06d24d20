"""Both printers draw the same marks: what matplotlib paints where a mark is, and what the browser is sent."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from labkit.charts import fonts
from labkit.charts.palette import PALETTES
from labkit.figure import agg
from labkit.figure.drawing import Drawing, Sheet
from labkit.figure.layout import room
from labkit.figure.marks import Mark
from labkit.figure.panels import PANELS
from labkit.figure.theme import EVENTS, ROLES, SCALES, role, table

from .reading import of
from .written import Written, connected, events, many, turn

ALL = ("fd sets", "calls", "buffers", "time")


def draw(tape: Written, index: int, *panels: str, **at: int) -> Drawing:
    return Sheet(tape, [PANELS[name]() for name in panels or ALL]).draw(index, **at)


def colour_at(pixels: np.ndarray, x: float, y: float, scale: float = 1.0) -> tuple[float, ...]:
    column, row = round((x + agg.MARGIN) * scale), round((y + agg.MARGIN) * scale)
    return tuple(float(part) / 255 for part in pixels[row, column, :3])


def near(one: tuple[float, ...], name: str, palette: str = "light") -> bool:
    return np.allclose(one, to_rgb(PALETTES[palette][name]), atol=0.03)


def cells(state: str) -> list[Mark]:
    import errno

    from labkit.tape.turn import Call

    again = (Call(5, "recv", 1, None, errno.EAGAIN, 1), Call(5, "send", 1, None, errno.EAGAIN, 1))
    tape = Written([
        turn(0, interest=events({5: 7}), ready=events({5: 7} if state == "ready" else {}),
             calls=again if state == "eagain" else ()),
        turn(1),
    ])  # fmt: skip
    drawing = draw(tape, 1, "fd sets")
    return [drawing, of(drawing.marks(), "cell", state)]  # type: ignore[list-item]


@pytest.mark.parametrize("palette", PALETTES)
@pytest.mark.parametrize("scale", SCALES.values())
def test_asked_is_an_outline_ready_is_solid_and_eagain_is_crossed(palette: str, scale: float):
    for state, fill in (("asked", "{}, pale"), ("ready", "{}"), ("eagain", "{}, pale")):
        drawing, found = cells(state)
        pixels = agg.pixels(drawing, palette, scale)
        assert len(found) >= 2
        for cell in found:
            x, y, w, h = cell.box
            event = EVENTS[cell.event]
            middle = colour_at(pixels, x + w / 2, y + h / 2, scale)
            if state == "eagain":
                assert near(middle, "ink", palette)
            assert near(colour_at(pixels, x + w / 2, y + 3, scale), fill.format(event), palette)
            if state != "eagain":
                assert near(middle, fill.format(event), palette)
            edge = [colour_at(pixels, x + w / 2, y + down, scale) for down in (0, 0.5, 1)]
            line, inner = (to_rgb(PALETTES[palette][name]) for name in (event, fill.format(event)))
            assert any(math.dist(each, line) <= math.dist(each, inner) for each in edge), "the outline"


def test_matplotlib_paints_each_bar_from_its_beginning_to_its_end():
    drawing = draw(connected(3, contents=False), 0, "buffers")
    pixels = agg.pixels(drawing)
    fills = {"unsent": "peer", "recv_queue": "kernel", "read_buffer": "program", "write_buffer": "program",
             "send_queue": "kernel", "unread": "peer"}  # fmt: skip
    for mark in of(drawing.marks(), "bytes"):
        x, y, w, h = mark.box
        assert near(colour_at(pixels, x + 2, y + h - 3), fills[mark.state])
        assert near(colour_at(pixels, x + w - 2, y + h - 3), fills[mark.state])
        if mark.state in ("read_buffer", "write_buffer"):
            assert near(colour_at(pixels, x + w + 2, y + h - 3), "place")


def test_matplotlib_paints_the_times_in_the_colours_of_their_states():
    tape = Written([turn(i, asleep_ns=10**7, awake_ns=10**8, cpu_ns=10**6) for i in range(3)])
    drawing = draw(tape, 0, "time")
    pixels = agg.pixels(drawing)
    for bar in of(drawing.marks(), "bar"):
        x, y, w, h = bar.box
        name = {"asleep": "asleep", "awake": "program", "cpu": "ink"}[bar.state]
        assert near(colour_at(pixels, x + w / 2, y + h - 2), name)
        assert near(colour_at(pixels, x + w / 2, y + 2), name)


def test_matplotlib_writes_every_text_where_its_mark_is():
    drawing = draw(many(8, 30), 20)
    figure = agg.figure(drawing)
    written = {(text.get_text(), round(text.get_position()[1], 1)) for text in figure.axes[0].texts}
    expected = set()
    for mark in drawing.marks():
        look = role(mark.kind, mark.state, mark.event)
        if look.ink and mark.text:
            size = 15 if look.font == "title" else 13
            expected.add((mark.text, round(mark.box[1] + mark.box[3] / 2 + 0.36 * size, 1)))
    assert written == expected
    sides = {"left": 0.0, "center": 0.5, "right": 1.0}
    for mark, text in zip(
        [m for m in drawing.marks() if m.text and role(m.kind, m.state, m.event).ink],
        figure.axes[0].texts,
        strict=True,
    ):
        look = role(mark.kind, mark.state, mark.event)
        assert text.get_position()[0] == pytest.approx(mark.box[0] + sides[look.align] * mark.box[2])
        assert text.get_horizontalalignment() == look.align
        assert text.get_color() == PALETTES["light"][look.ink]
        assert (text.get_fontweight() == "bold") == ("bold" in look.font or look.font == "title")


def test_the_browser_is_sent_the_marks_that_matplotlib_draws():
    drawing = draw(many(30, 30), 20)
    sent = json.loads(drawing.json())
    marks = []
    for key, dx, dy in sent["layers"]:
        panel = sent["panels"][int(key.split()[0])]["name"]
        for row in sent["marks"][key]:
            kind, state, x, y, w, h, text, fd, iteration, event, value = [*row, *[None] * (11 - len(row))]
            marks.append(Mark(panel, kind, fd, iteration, event, state, value, (x + dx, y + dy, w, h), text))
    assert marks == drawing.drawn()
    assert {mark.kind for mark in marks} >= {"cell", "band", "bar", "label", "number", "title"}
    head = {name: sent[name] for name in ("v", "i", "call", "line", "first", "last", "w", "h")}
    assert head == {
        "v": 1, "i": 20, "call": None, "line": None, "first": 0, "last": 29, "w": 1000, "h": drawing.height,
    }  # fmt: skip
    assert sent["says"].startswith("Iteration 20: asked about ")
    for panel in sent["panels"]:
        x, y, w, h = panel["box"]
        for mark in (m for m in marks if m.panel == panel["name"]):
            left, top, wide, high = mark.box
            assert x - 0.5 <= left and left + wide <= x + w + 0.5
            assert y - 0.5 <= top and top + high <= y + h + 0.5


def test_a_part_that_did_not_change_is_not_made_again():
    tape = many(8, 40)
    sheet = Sheet(tape, [PANELS[name]() for name in ALL])
    before = {layer.key: layer.json for layer in sheet.draw(30).layers}
    after = {layer.key: layer.json for layer in sheet.draw(31).layers}
    same = {key for key in after if after[key] is before.get(key)}
    assert {f"0 column {i}" for i in range(24, 36)} <= same
    assert "0 band" not in same
    fresh = Sheet(tape, [PANELS[name]() for name in ALL]).draw(31)
    assert fresh.json() == sheet.draw(31).json()


def test_every_mark_has_a_role_and_every_role_has_its_colours():
    sheet = Sheet(many(8, 40), [PANELS[name]() for name in PANELS], findings=[("slug", None, 1, 2, "what")])
    drawings = [sheet.draw(20), Sheet(connected(2), [PANELS[name]() for name in ALL]).draw(1, call=1)]
    for mark in (mark for drawing in drawings for mark in drawing.marks()):
        look = role(mark.kind, mark.state, mark.event)
        assert look != role("nothing", "", None), mark
    for name, look in ROLES.items():
        for palette in PALETTES.values():
            assert {look.fill, look.stroke, look.ink} - {""} <= palette.keys(), name
    assert json.loads(json.dumps(table()))["roles"]["cell ready read"]["fill"] == "read"


def test_no_two_states_look_alike():
    for states in (
        [f"cell {state} {event}" for state in ("asked", "ready", "eagain") for event in EVENTS.values()],
        ["bar asleep", "bar awake", "bar cpu"],
        ["check good", "check bad", "check unsure"],
        ["bytes recv_queue", "bytes read_buffer", "bytes unread"],
    ):
        assert len({ROLES[state] for state in states}) == len(states)


@pytest.mark.parametrize("palette", PALETTES)
def test_words_are_read_on_their_ground(palette: str):
    """WCAG 2.2, contrast: 4.5 to 1 for text, 3 to 1 for what is coming later."""
    colours = PALETTES[palette]

    def light(name: str) -> float:
        parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colours[name])]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    def contrast(one: str, other: str) -> float:
        bright, dark = sorted((light(one), light(other)), reverse=True)
        return (bright + 0.05) / (dark + 0.05)

    for look in ROLES.values():
        if look.ink:
            least = 3.0 if look.ink in ("pale", "muted") else 4.5
            assert contrast(look.ink, look.fill or "ground") >= least, look
    for fill in ("peer", "kernel", "program", "place", "band"):
        assert contrast("ink", fill) >= 4.5, fill
    for event in EVENTS.values():
        assert contrast(event, "ground") >= 3


@pytest.mark.slow
def test_png_and_svg_hold_the_figure_and_its_words(tmp_path: Path):
    drawing = draw(connected(1), 1)
    png = agg.png(drawing, scale=1.5)
    assert b"Title" in png and b"Software" not in png, "the same picture, whichever matplotlib made it"
    picture = imread(io.BytesIO(png))
    high, wide, _ = picture.shape
    assert wide == 1530
    assert abs(high - (drawing.height + 20) * 1.5) < 1
    root = ElementTree.fromstring(agg.svg(drawing))
    space = "{http://www.w3.org/2000/svg}"
    assert root.find(f"{space}title").text == drawing.says  # type: ignore[union-attr]
    words = {"".join(text.itertext()).strip() for text in root.iter(f"{space}text")}
    assert {"where every byte is", "7 client 0", "recv(8)"} <= words


@pytest.mark.parametrize("name", ["\ud800 alone", "a\x1b[31mb", "<script>&", "$x^2$", "名前", "\x00"])
def test_any_name_can_be_drawn_and_sent(name: str):
    tape = Written([turn(0, interest=events({5: 1}), names={5: name}, errors=((5, name),))])
    drawing = draw(tape, 0)
    assert json.loads(drawing.json())
    ElementTree.fromstring(agg.svg(drawing))
    assert agg.pixels(drawing).shape[1] == 1020
    label = of(drawing.marks(), "label")[0].text
    assert label.isprintable()


def test_letters_that_no_font_here_has_are_written_as_escapes_and_others_as_they_are(
    monkeypatch: pytest.MonkeyPatch,
):
    deja = ("DejaVu Sans",)
    assert fonts.spelled("Zoë → 7 ✓", deja) == "Zoë → 7 ✓"
    assert fonts.spelled("前\na", deja) == "\\u524d\na"
    monkeypatch.setattr(fonts, "letters", lambda _: frozenset(map(ord, "前 a")))
    assert fonts.spelled("前 a", deja) == "前 a", "where a font has it"
    monkeypatch.setattr(agg, "spelled", lambda text, _: text.encode("unicode_escape").decode())
    tape = Written([turn(0, interest=events({5: 1}), names={5: "名前" * 20})])
    axes = agg.figure(draw(tape, 0)).axes[0]
    (label,) = (
        each.get_text() for each in axes.texts if each.get_gid() == "label" and "u540d" in each.get_text()
    )
    assert room(label) <= of(draw(tape, 0).marks(), "label")[0].box[2]
