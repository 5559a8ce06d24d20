"""What a question can be answered with: one of several choices, a number, or an order.

Each kind reads what a reader gave, judges it against what a run did, and says both in words. It knows
neither the question's text nor how it is shown. `wrong` are texts by misconception, as questions.py has them.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
Wrong = Mapping[str, str]


class Kind(Protocol):
    """A way to answer."""

    @property
    def name(self) -> str:
        """What the page calls it."""

    def card(self, seed: str) -> dict[str, Any]:
        """What the page needs to ask; `seed` decides what is shuffled."""

    def read(self, answer: Any) -> Any:
        """The answer as it is kept. ValueError says what to give instead."""

    def seen(self, observed: Any) -> Any:
        """What a run did, as it is compared; a lesson may give it in several ways."""

    def right(self, answer: Any, observed: Any) -> bool:
        """Whether the answer is what a run did."""

    def plain(self, observed: Any) -> Any:
        """What a run did, as JSON can hold it and an answer is compared with it."""

    def words(self, value: Any) -> str:
        """An answer, or what a run did, in words."""

    def misconception(self, answer: Any, observed: Any, wrong: Wrong) -> str:
        """The text for what the answer took to be true; "" if there is none."""


@dataclass(frozen=True, slots=True)
class Choices:
    """One of several; `options` may be any values, told apart by ==, and are shown as text."""

    options: tuple[Any, ...]
    name: str = "choices"

    def __post_init__(self) -> None:
        if not 2 <= len(self.options) <= len(LETTERS) or len(set(self._texts())) < len(self.options):
            raise ValueError(f"choices={list(self.options)!r}: give two or more that differ")

    def card(self, seed: str) -> dict[str, Any]:
        return {"options": self._texts()}

    def read(self, answer: Any) -> str:
        texts = self._texts()
        at = self._at(answer)
        if at is None and isinstance(answer, str) and len(answer.strip()) == 1:
            letter = LETTERS.find(answer.strip().upper())
            at = letter if 0 <= letter < len(texts) else None
        if at is None:
            raise ValueError(
                f"{answer!r} is none of the choices; give {LETTERS[0]} to {LETTERS[len(texts) - 1]}"
            )
        return texts[at]

    def seen(self, observed: Any) -> Any:
        """A choice; or what is true of which, {"A": sent == 0, "B": 0 < sent < 5}: the first that is true."""
        if not isinstance(observed, Mapping):
            return observed
        true = [letter for letter, holds in observed.items() if holds]
        return self.read(true[0]) if true else "none of these"

    def right(self, answer: Any, observed: Any) -> bool:
        return self._at(answer) == self._at(observed) is not None

    def plain(self, observed: Any) -> str:
        at = self._at(observed)
        return str(observed) if at is None else self._texts()[at]

    def words(self, value: Any) -> str:
        at = self._at(value)
        return str(value) if at is None else f"{LETTERS[at]}: {self._texts()[at]}"

    def misconception(self, answer: Any, observed: Any, wrong: Wrong) -> str:
        return wrong.get(str(answer), "")

    def _texts(self) -> list[str]:
        return [str(option) for option in self.options]

    def _at(self, value: Any) -> int | None:
        for at, option in enumerate(self.options):
            if type(value) is type(option) and bool(value == option):
                return at
        texts = self._texts()
        return texts.index(str(value)) if str(value) in texts else None


@dataclass(frozen=True, slots=True)
class Number:
    """A number of `unit`; right if at most a factor of `within` away from what a run did (1: exact)."""

    unit: str
    within: float = 1.0
    name: str = "number"

    def __post_init__(self) -> None:
        if not self.within >= 1 or math.isinf(self.within):
            raise ValueError(f"within={self.within}: give a factor of 1 (exact) or more, such as 2")

    def card(self, seed: str) -> dict[str, Any]:
        near = f"Within a factor of {self.within:g} is right." if self.within > 1 else ""
        return {"unit": self.unit, "within": near, "factor": self.within}

    def read(self, answer: Any) -> float | int:
        text = str(answer).strip().removesuffix(self.unit)
        for mark in (",", "_", " ", "\u00a0", "\u202f"):
            text = text.replace(mark, "")
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise ValueError(f"{str(answer)[:40]!r} is no number; give one such as 0, 1500 or 2.5")
        return int(number) if number == int(number) else number

    def seen(self, observed: Any) -> Any:
        return observed

    def right(self, answer: Any, observed: Any) -> bool:
        if observed is None:
            return False
        mine, seen = float(answer), float(observed)
        if mine == seen or mine * seen <= 0:
            return mine == seen
        return max(mine / seen, seen / mine) <= self.within

    def plain(self, observed: Any) -> float | None:
        return None if observed is None else float(observed)

    def words(self, value: Any) -> str:
        if value is None:
            return "no number"
        number = float(value)
        said = (
            f"{number:,.0f}"
            if number == int(number)
            else f"{number:,.3g}"
            if abs(number) < 1e4
            else f"{number:,.0f}"
        )
        one = number == 1 and len(self.unit) > 2 and self.unit.endswith("s")
        return f"{said} {self.unit.removesuffix('s') if one else self.unit}".strip()

    def misconception(self, answer: Any, observed: Any, wrong: Wrong) -> str:
        exact = f"{answer:g}" if isinstance(answer, float) else str(answer)
        if exact in wrong or observed is None:
            return wrong.get(exact, "")
        return wrong.get("less" if float(answer) < float(observed) else "more", "")


@dataclass(frozen=True, slots=True)
class Order:
    """All `items`, in the order in which something happens to them."""

    items: tuple[str, ...]
    name: str = "order"

    def __post_init__(self) -> None:
        if len(self.items) < 2 or len(set(self.items)) < len(self.items):
            raise ValueError(f"order={list(self.items)!r}: give two or more that differ")

    def card(self, seed: str) -> dict[str, Any]:
        return {"options": random.Random(seed).sample(self.items, len(self.items))}

    def read(self, answer: Any) -> list[str]:
        items = [str(each) for each in answer] if isinstance(answer, Iterable) else []
        if sorted(items) != sorted(self.items):
            raise ValueError(f"give all of these, in your order: {', '.join(self.items)}")
        return items

    def seen(self, observed: Any) -> Any:
        return self._seen(observed)

    def right(self, answer: Any, observed: Any) -> bool:
        return list(answer) == self._seen(observed)

    def plain(self, observed: Any) -> list[str]:
        return self._seen(observed)

    def words(self, value: Any) -> str:
        return ", then ".join(self._seen(value)) or "none of them"

    def misconception(self, answer: Any, observed: Any, wrong: Wrong) -> str:
        """A key says which two were swapped: "write buffer before send queue", or "otherwise"."""
        seen = self._seen(observed)
        for key, text in wrong.items():
            first, _, second = key.partition(" before ")
            if second and _before(answer, first, second) and not _before(seen, first, second):
                return text
        return wrong.get("otherwise", "")

    def _seen(self, observed: Any) -> list[str]:
        return [str(each) for each in observed or () if str(each) in self.items]


def _before(items: Sequence[str], first: str, second: str) -> bool:
    return first in items and second in items and items.index(first) < items.index(second)
