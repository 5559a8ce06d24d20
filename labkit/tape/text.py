"""Text that anything can show: what a terminal, a page or a screen reader cannot, or should not, is escaped.

It knows nothing of where the text goes; a printer escapes its own markup as well.
"""

from __future__ import annotations


def printable(text: str) -> str:
    """`text` with every character that is not printable written as Python would: `\\x1b`, `\\n`, `\\ud800`.

    Those are controls (with ESC, which steers terminals), lone surrogates (which no encoding takes), line
    ends and the invisible marks that turn the direction of writing around (str.isprintable).
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escaped(each) for each in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
