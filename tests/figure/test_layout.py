"""Text that is measured, names that stay apart, columns that stand still."""

from __future__ import annotations

import pytest
from matplotlib.font_manager import FontProperties, findfont
from matplotlib.ft2font import FT2Font
from matplotlib.textpath import text_to_path

from labkit.figure.layout import clean, columns, fitted, room, told_apart, window
from labkit.figure.theme import TEXT, TITLE

WORDS = (
    "iteration 1,234", "where every byte is", "recv(1_024) → 5 bytes", "WWWW", "12 client 7", "no limit",
    "select([3, 7], [], [], 0.5)", "✓ in 5 = 5 + 0",
)  # fmt: skip
FONTS = {
    "plain": FontProperties(family="DejaVu Sans", size=TEXT),
    "bold": FontProperties(family="DejaVu Sans", size=TEXT, weight="bold"),
    "title": FontProperties(family="DejaVu Sans", size=TITLE, weight="bold"),
    "mono": FontProperties(family="DejaVu Sans Mono", size=TEXT),
}


@pytest.mark.parametrize("font", FONTS)
@pytest.mark.parametrize("text", WORDS)
def test_room_is_what_the_font_takes_or_a_little_more(font: str, text: str):
    wide, _, _ = text_to_path.get_text_width_height_descent(text, FONTS[font], ismath=False)
    assert wide * 0.985 - 0.5 <= room(text, font) <= wide * 1.18 + 1


@pytest.mark.parametrize("character", [chr(code) for code in range(32, 127)])
def test_each_character_has_the_width_that_the_font_gives_it(character: str):
    font = FT2Font(findfont(FONTS["plain"]))
    font.set_size(1_000, 72)
    advance = font.load_char(ord(character)).linearHoriAdvance / 65_536  # thousandths of an em
    assert room(character) == pytest.approx(TEXT * round(advance) / 1_000)


def test_what_fits_is_left_alone_and_the_rest_keeps_both_ends():
    assert fitted("hello", room("hello")) == "hello"
    short = fitted("the beginning and the end", 100)
    assert room(short) <= 100
    assert short.startswith("the")
    assert short.endswith("end")
    assert "…" in short
    assert room(fitted("the beginning and the end", 99) + "n") > 90, "as much as there is room for"
    assert fitted("hello", 1) == "…"
    for wide in range(10, 120):  # an escape is one thing, and is not cut
        assert fitted(r"\x00" * 99, wide, "mono").replace(r"\x00", "") == "…"
    assert not any(part.count("\\") % 2 for part in fitted("\\" * 98, 50, "mono").split("…"))


@pytest.mark.parametrize("wide", [50, 70, 90, 120])
def test_names_are_never_cut_where_they_differ(wide: int):
    for names in (
        [f"{n} a very long client of the class {n}" for n in range(100, 140)],
        [f"the client number {n} of this lab" for n in range(40)],
        [f"client-{n}" for n in range(1_000, 1_040)],
        ["5 listener", *(f"{n} the client number {n} of this lab" for n in range(7, 40))],
    ):
        told = told_apart(names, wide)
        assert len(set(told)) == len(names)
        if wide > 50:  # there an fd alone says which is which
            assert len({name.partition(" ")[2] or name for name in told}) == len(names)
        assert all(room(name) <= wide for name in told)


def test_of_names_that_are_too_long_as_much_as_fits_is_kept():
    names = ["5 listener", *(f"{n} client number {n} of the morning class" for n in (7, 8))]
    assert told_apart(names, 400) == names
    assert told_apart(names, 150) == ["5 listener", "7 client number 7…", "8 client number 8…"]
    assert told_apart(names, 90) == ["5 listener", "7 client…7…", "8 client…8…"]
    assert told_apart(names[1:2] * 2, 100) == [fitted(names[1], 100)] * 2, "two calls of one fd"


def test_a_name_is_cut_by_one_ellipsis_at_a_time():
    names = [
        f"{n} a rather long name of a peer that {what}"
        for n, what in ((1204, "wants room"), (1205, "is another"))
    ]
    for wide in range(60, 300, 5):
        told = told_apart(names, wide)
        assert "……" not in "".join(told) and told[0] != told[1], told


def test_names_that_fit_are_left_alone():
    assert told_apart(["alice", "alina"], 80) == ["alice", "alina"]
    assert told_apart([], 80) == []
    assert told_apart(["a name that is far too long for this"], 60)[0].startswith("a")


def test_nothing_that_cannot_be_drawn_is_left():
    assert clean("plain ✓") == "plain ✓"
    assert clean("a\x1b[1m\n\ud800") == "a\\x1b[1m\\n\\ud800"


def test_the_window_moves_by_half_of_itself_and_always_shows_the_position():
    for count in (8, 24, 64):
        firsts = [window(index, count) for index in range(500)]
        assert all(first <= index < first + count for index, first in enumerate(firsts))
        moves = {b - a for a, b in zip(firsts, firsts[1:], strict=False)}
        assert moves == {0, count // 2}
    assert window(-1, 24) == window(0, 24) == 0


@pytest.mark.parametrize("wide, count", [(300, 8), (640, 24), (590, 24), (1140, 48), (1526, 64)])
def test_columns_are_as_many_eights_as_can_be_read(wide: float, count: int):
    assert columns(wide) == count


def test_letters_as_wide_as_high_take_an_em():
    assert room("名前") == room("名前", "mono") == 2 * TEXT
    assert room("→", "mono") == room("a", "mono")
