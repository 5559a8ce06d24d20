"""A still: one panel, or a few, as a picture by themselves, for what has no tape or no position."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path
from typing import Any

from labkit.figure.frame import Frame
from labkit.figure.panels.panel import Panel
from labkit.tape.tape import Tape


class Still:
    """`panels` drawn once; a notebook shows it as a picture with alt text. `index` is a tape's position."""

    def __init__(
        self,
        *panels: Panel,
        tape: Tape | None = None,
        index: int = -1,
        theme: str = "screen",
        size: tuple[int, int] = (1000, 300),
    ) -> None:
        self._frame = Frame(panels, look=theme, size=size)
        self._at = (Tape() if tape is None else tape), index
        said = [panel.alt() for panel in panels if hasattr(panel, "alt")]
        self.alt = " ".join(said) or "A figure of an event loop."

    def png(self) -> bytes:
        return self._frame.png(*self._at)

    def save(self, path: str | Path) -> Path:
        """Write the picture as .png or .svg."""
        path = Path(path)
        if path.suffix == ".svg":
            path.write_text(self._frame.svg(*self._at), encoding="utf-8")
        elif path.suffix == ".png":
            path.write_bytes(self.png())
        else:
            raise ValueError(f"{path.name!r}: a still is saved as .png or .svg; name the file so")
        return path

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        data = base64.b64encode(self.png()).decode()
        img = f'<img alt="{escape(self.alt, quote=True)}" src="data:image/png;base64,{data}">'
        return {"text/html": img, "image/png": data, "text/plain": self.alt}
