"""The iterations as columns: where each stands, their numbers, and the band over the one that is shown."""

from __future__ import annotations

from labkit.charts.ink import Font, width
from labkit.figure.panels.panel import Panel

NUMBER_EVERY = 8


class Columns:
    """`count` columns of whole pixels between `left` and `right`, with their numbers under `bottom`."""

    def __init__(self, panel: Panel, left: float, top: float, right: float, bottom: float) -> None:
        self.theme = panel.theme
        self.count = panel.columns
        self.step = max(4, int((right - left) // self.count))
        self.left, self.top, self.bottom = round(left), round(top), round(bottom)
        self.right = self.left + self.step * self.count
        self.edge = panel.box.right
        self.band = panel.boxes(face=self.theme.band)
        self.edges = panel.boxes(edge=self.theme.band_edge)
        self.numbers = panel.words()

    def x(self, column: int) -> int:
        """The left end of a column."""
        return self.left + column * self.step

    def mark(self, first: int, index: int) -> None:
        """Number the columns from `first` on, and lay the band over `index`."""
        self.numbers.clear()
        self.band.hold(())
        self.edges.hold(())
        theme, baseline = self.theme, self.bottom + self.theme.text * 1.15
        taken = (0.0, 0.0)
        if first <= index < first + self.count:
            x = self.x(index - first)
            band = [(x, self.top - 3, self.step, self.bottom - self.top + 6)]
            self.band.hold(band)
            self.edges.hold(band)
            taken = self._number(x, baseline, index, theme.bold, theme.ink)
        for number in range(first + -first % NUMBER_EVERY, first + self.count, NUMBER_EVERY):
            middle = self.x(number - first) + self.step / 2
            near = len(f"{number:,}") * theme.text * 0.4
            free = not taken[0] - near - 4 < middle < taken[1] + near + 4 and middle + near < self.edge
            if index >= 0 and free:
                self.numbers.add(middle, baseline, f"{number:,}", theme.plain, theme.muted, "center")

    def _number(self, x: float, y: float, index: int, font: Font, colour: str) -> tuple[float, float]:
        half = width(f"{index:,}", font) / 2
        middle = min(x + self.step / 2, self.edge - half - 1)
        self.numbers.add(middle, y, f"{index:,}", font, colour, "center")
        return middle - half, middle + half
