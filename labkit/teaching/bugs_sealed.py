"""How a bug's file is sealed: its text is compressed and written in base64: a glance gives nothing away.

This is no secret: whoever decodes the file reads it. But neither its name, nor `inspect`, nor a search of the
folder says which bug it is. It knows nothing of bugs.
"""

from __future__ import annotations

import base64
import importlib.abc
import importlib.machinery
import zlib
from pathlib import Path
from types import ModuleType

SUFFIX = ".bug"


def unseal(sealed: str) -> str:
    """The text of a sealed file; ValueError if it is damaged."""
    try:
        return zlib.decompress(base64.b64decode("".join(sealed.split()), validate=True)).decode()
    except (ValueError, zlib.error) as error:
        raise ValueError(f"this is no sealed file, or a damaged one: {error}") from None


class SealedLoader(importlib.abc.Loader):
    """Imports a sealed file. It has no get_source: tracebacks and `inspect` show none of it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        text = unseal(self.path.read_text(encoding="ascii"))
        exec(compile(text, str(self.path), "exec"), vars(module))


def loader(path: Path) -> SealedLoader | None:
    """The loader of a sealed file; None for any other, which Python reads as it always does."""
    return SealedLoader(path) if path.suffix == SUFFIX else None
