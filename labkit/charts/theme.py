"""How a figure looks: sizes and colours, one set for a screen and one for a projector.

The colours are Okabe and Ito's, which readers with any colour vision tell apart; text takes a darker shade of
the same hue where white ground asks for it. No panel rests on colour alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from labkit.charts.ink import Font


@dataclass(frozen=True, slots=True)
class Theme:
    """Sizes are in pixels of the figure; `text` is the smallest that is ever drawn."""

    name: str
    text: int
    title: int
    line: int  # from one line of text to the next
    gap: int  # between panels, and around them
    label: int  # the column of names to the left of a panel
    left: float  # the left column's share of the width
    ground: str = "#ffffff"
    cell: str = "#f3f5f7"  # an empty place
    hairline: str = "#d3d9df"
    ink: str = "#1f2933"
    muted: str = "#5f6b77"
    pending: str = "#97a1ac"  # a call that is yet to come
    band: str = "#fbeec1"  # the current iteration
    band_edge: str = "#e3c565"
    read: str = "#0072b2"
    write: str = "#d55e00"
    special: str = "#aa4499"  # exceptional conditions
    kernel: str = "#56b4e9"
    program: str = "#009e73"
    program_text: str = "#00694d"
    taken: str = "#5cc4a2"  # the read buffer
    given: str = "#eba03c"  # the write buffer
    asleep: str = "#b4bcc6"
    far: str = "#b4bcc6"  # what lies at the peer
    good: str = "#00694d"
    bad: str = "#b3261e"
    plain: Font = field(init=False)
    bold: Font = field(init=False)
    mono: Font = field(init=False)
    mono_bold: Font = field(init=False)
    heading: Font = field(init=False)

    def __post_init__(self) -> None:
        for name, font in {
            "plain": Font(self.text),
            "bold": Font(self.text, bold=True),
            "mono": Font(self.text, mono=True),
            "mono_bold": Font(self.text, bold=True, mono=True),
            "heading": Font(self.title, bold=True),
        }.items():
            object.__setattr__(self, name, font)


SCREEN = Theme("screen", text=14, title=16, line=21, gap=18, label=98, left=0.6)
PROJECTOR = Theme("projector", text=20, title=22, line=27, gap=16, label=114, left=0.62)
THEMES = {theme.name: theme for theme in (SCREEN, PROJECTOR)}


def theme(name: str | Theme) -> Theme:
    """The theme of that name; ValueError lists the names there are."""
    if isinstance(name, Theme):
        return name
    if name not in THEMES:
        raise ValueError(f"theme={name!r}: there are {' and '.join(map(repr, THEMES))}")
    return THEMES[name]
