"""What matplotlib is given for each role: fills, outlines, crosses, lines and text as the role says."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from matplotlib import rc_context
from matplotlib.colors import to_rgba
from matplotlib.image import imread

from labkit.charts.palette import PALETTES
from labkit.figure import agg
from labkit.figure.drawing import Drawing, Layer
from labkit.figure.marks import Mark
from labkit.figure.theme import EVENTS, ROLES, role

BITS = {name: bit for bit, name in EVENTS.items()}
POINTS = 0.72  # of a pixel, at 100 dots an inch


def mark(name: str, box: tuple[float, float, float, float], text: str = "word") -> Mark:
    kind, *rest = name.split()
    event = BITS.get(rest[-1]) if kind == "cell" or name.startswith("now ready") else None
    state = " ".join(rest[:-1] if event else rest)
    made = Mark("panel", kind, None, None, event, state, None, box, text)
    assert role(kind, state, event) == ROLES[name]
    return made


def drawing(*marks: Mark, wide: float = 200, high: float = 100) -> Drawing:
    layer = Layer("0 a", 0.0, 0.0, list(marks), list(marks), "")
    return Drawing(0, None, None, 0, 0, wide, high, "says", (), (layer,))


def artists(*marks: Mark, palette: str = "light", scale: float = 1.0) -> list[Any]:
    axes = agg.figure(drawing(*marks), palette, scale).axes[0]
    return sorted([*axes.collections, *axes.texts], key=lambda each: each.get_zorder())


def corners(artist: Any) -> list[list[tuple[float, float]]]:
    return [[tuple(map(float, point)) for point in path.vertices[:4]] for path in artist.get_paths()]


def around(x: float, y: float, w: float, h: float, by: float = 0.0) -> list[tuple[float, float]]:
    left, top, right, bottom = x + by, y + by, x + w - by, y + h - by
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


@pytest.mark.parametrize("scale, palette", [(1.0, "light"), (1.5, "dark")])
@pytest.mark.parametrize("name", ROLES)
def test_a_role_is_painted_as_it_says(name: str, scale: float, palette: str):
    look, colours = ROLES[name], PALETTES[palette]
    boxes = (10.0, 20.0, 30.0, 12.0), (50.0, 60.0, 16.0, 6.0)
    found = artists(*(mark(name, box) for box in boxes), palette=palette, scale=scale)
    outline = look.width * POINTS * scale
    if look.shape == "line":
        lines = found.pop(0)
        assert [[tuple(point) for point in line] for line in lines.get_segments()] == [
            [(x, y), (x + w, y + h)] for x, y, w, h in boxes
        ]
        assert tuple(lines.get_color()[0]) == to_rgba(colours[look.stroke])
        assert lines.get_linewidth() == pytest.approx([outline])
    elif look.fill or look.stroke:
        filled = found.pop(0)
        inside = [around(*box, by=look.width / 2) for box in boxes]
        assert np.allclose(corners(filled), inside), "outlines are inside the box"
        assert filled.get_linewidth() == pytest.approx([outline])
        assert filled.get_hatch() == ("////" if look.hatch else None)
        faces, edges = filled.get_facecolor(), filled.get_edgecolor()
        assert [tuple(each) for each in faces] == ([to_rgba(colours[look.fill])] if look.fill else [])
        edge = look.stroke or ("hairline" if look.hatch else "")
        assert [tuple(each) for each in edges] == ([to_rgba(colours[edge])] if edge else [])
    if look.cross:
        cross = found.pop(0)
        assert tuple(cross.get_color()[0]) == to_rgba(colours["ink"])
        assert cross.get_linewidth() == pytest.approx([1.8 * POINTS * scale])
        for (x, y, w, h), first, second in zip(
            boxes, cross.get_segments()[::2], cross.get_segments()[1::2], strict=True
        ):
            arm = max(1.5, 0.32 * min(w, h))
            (a, b), (c, d) = (x + w / 2 - arm, y + h / 2 - arm), (x + w / 2 + arm, y + h / 2 + arm)
            assert np.allclose([first, second], [[(a, b), (c, d)], [(a, d), (c, b)]])
    if look.ink:
        size = 15 if look.font == "title" else 13
        for (x, y, w, h), text in zip(boxes, found, strict=True):
            at = {"left": x, "center": x + w / 2, "right": x + w}[look.align]
            assert text.get_position() == pytest.approx((at, y + h / 2 + 0.36 * size))
            assert (text.get_text(), text.get_color()) == ("word", colours[look.ink])
            assert text.get_fontsize() == pytest.approx(size * POINTS * scale)
            mono = look.font.startswith("mono")
            assert text.get_fontfamily()[0] == ("DejaVu Sans Mono" if mono else "DejaVu Sans")
            assert text.get_fontweight() == (
                "bold" if look.font in ("title", "bold", "mono bold") else "normal"
            )
            assert (text.get_ha(), text.get_va()) == (look.align, "baseline")
            assert not text.get_parse_math()
    else:
        assert not found


@pytest.mark.parametrize("name", ["cell asked read", "cell ready write", "cell eagain read", "place unknown"])
def test_a_low_box_has_no_outline_and_for_a_cross_it_is_ink(name: str):
    look = ROLES[name]
    low, high = (10.0, 20.0, 30.0, 5.9), (10.0, 40.0, 30.0, 12.0)
    filled, *rest = artists(mark(name, low), mark(name, high))
    assert corners(filled) == [around(*low)] and filled.get_linewidth() == [0]
    assert tuple(filled.get_facecolor()[0]) == to_rgba(PALETTES["light"]["ink" if look.cross else look.fill])
    assert np.allclose(corners(rest[0]), [around(*high, by=look.width / 2)])
    assert len(rest) == (2 if look.cross else 1)
    if look.cross or name.startswith("cell"):
        (three,) = artists(mark(name, high)._replace(value=3))
        assert three.get_linewidth() == [0], "three cells of four pixels that are drawn in one"


def test_what_has_no_width_or_height_is_not_painted_and_the_rest_in_its_order():
    flat = [mark("bytes unread", box) for box in ((1.0, 1.0, 0.0, 9.0), (1.0, 1.0, 9.0, 0.0))]
    assert not artists(*flat)
    thin = artists(
        *flat, mark("bytes unread", (1.0, 1.0, 0.5, 0.5)), mark("bytes unread", (1.0, 1.0, 0.5, 9.0))
    )
    assert sum(len(each.get_paths()) for each in thin) == 2
    over = artists(
        mark("place", (0.0, 0.0, 9.0, 9.0)), mark("bytes unread", (0.0, 0.0, 9.0, 9.0)),
        mark("place", (0.0, 0.0, 8.0, 9.0)), mark("amount", (0.0, 0.0, 9.0, 9.0)),
        mark("amount", (0.0, 0.0, 9.0, 9.0), ""),
    )  # fmt: skip
    assert [type(each).__name__ for each in over] == [*["PolyCollection"] * 3, "Text"]
    tiny = mark("place", (0.0, 0.0, 0.4, 9.0))  # narrower than its outline
    assert (
        corners(artists(tiny)[0]) == [around(0.2, 0.2, 0.0, 8.6)] or corners(artists(tiny)[0])[0][0][0] == 0.2
    )


@pytest.mark.unhurried
@pytest.mark.parametrize("scale, palette", [(1.0, "light"), (1.5, "dark")])
def test_a_picture_has_a_margin_of_its_ground_and_stands_upright(scale: float, palette: str):
    box = mark("bar cpu", (0.0, 0.0, 200.0, 50.0))
    pixels = agg.pixels(drawing(box), palette, scale)
    assert pixels.shape == (120 * scale, 220 * scale, 4) and (pixels[..., 3] == 255).all()
    ink, ground = (
        [round(part * 255) for part in to_rgba(PALETTES[palette][name])] for name in ("ink", "ground")
    )
    middle, edge = int(35 * scale), int(9 * scale)
    for row, column, colour in (
        (middle, middle, ink), (edge, middle, ground), (middle, edge, ground),
        (int(11 * scale) + 1, int(11 * scale) + 1, ink), (int(59 * scale) - 1, int(208 * scale), ink),
        (int(61 * scale) + 1, middle, ground), (middle, int(211 * scale), ground),
    ):  # fmt: skip
        assert list(pixels[row, column]) == colour, (row, column)
    with rc_context({"savefig.dpi": 50}):  # whatever the reader has set for pictures of their own
        png = agg.png(drawing(box), palette, scale)
    assert (imread(io.BytesIO(png))[..., :3] * 255 == pixels[..., :3]).all()
    assert b"Title\0says" in png


def test_svg_has_text_as_text_and_no_date():
    said = agg.svg(drawing(mark("amount", (1.0, 2.0, 90.0, 18.0), "a <b>")))
    assert "a &lt;b&gt;</text>" in said and "<dc:date>" not in said and "Matplotlib" not in said
    assert 'width="158.4pt"' in said  # 220 pixels at 100 dots an inch
    head, _, body = said.partition("\n <title>says</title>")
    assert head.endswith(">") and "<svg" in head and body.strip().startswith("<")
