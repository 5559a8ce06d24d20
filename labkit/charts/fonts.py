r"""Fonts for any text: DejaVu, and for letters that it has not the first other font that is installed.

What no font has is written as \u524d: matplotlib would draw a box, and warn on stderr.
"""

from __future__ import annotations

from functools import cache

from matplotlib import font_manager, ft2font

FURTHER = (  # fonts for letters that DejaVu has not
    "Noto Sans CJK JP", "Noto Sans CJK SC", "Source Han Sans", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei",
    "Hiragino Sans", "PingFang SC", "Yu Gothic", "Microsoft YaHei", "Malgun Gothic", "Arial Unicode MS",
)  # fmt: skip


@cache
def fonts(first: str = "DejaVu Sans") -> tuple[str, ...]:
    """`first`, and one for the letters that it has not, where one is installed."""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    return first, *[name for name in FURTHER if name in installed][:1]


@cache
def letters(families: tuple[str, ...]) -> frozenset[int]:
    """All characters that one of the fonts has."""
    files = [font_manager.findfont(name) for name in families]
    return frozenset(code for file in files for code in ft2font.FT2Font(file).get_charmap())


def spelled(text: str, families: tuple[str, ...]) -> str:
    r"""`text` with what none of the fonts has as \u524d; a line's end stays."""
    if text.isascii():
        return text
    known = letters(families) | {10}
    return "".join(each if ord(each) in known else each.encode("unicode_escape").decode() for each in text)
