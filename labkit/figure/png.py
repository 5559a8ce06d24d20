"""A frame as PNG, fast: its few hues and their mixtures are a palette, looked up, not searched for.

Encoding true colours costs more than drawing them; a palette picture is a third of the bytes and stays sharp
where JPEG would smear text.
"""

from __future__ import annotations

import struct
import zlib
from functools import lru_cache

import numpy as np

from labkit.charts.ink import rgba
from labkit.charts.theme import Theme

BITS = 5  # of each colour channel, in the key of the lookup
LEVEL = 1


def encode(pixels: np.ndarray, look: Theme, level: int = LEVEL, only: np.ndarray | None = None) -> bytes:
    """(height, width, 4) uint8 → PNG with a palette; where `only` is False it is transparent."""
    palette, table = lookup(look)
    tall, wide = pixels.shape[:2]
    whole = np.ascontiguousarray(pixels).view("<u4").reshape(tall, wide)
    mask = (1 << BITS) - 1
    key = (whole >> (8 - BITS)) & mask
    key |= (whole >> (16 - 2 * BITS)) & (mask << BITS)
    key |= (whole >> (24 - 3 * BITS)) & (mask << 2 * BITS)
    rows = np.zeros((tall, wide + 1), np.uint8)  # each row begins with its filter: none
    np.take(table, key, out=rows[:, 1:], mode="clip")
    clear = len(palette) // 3
    if only is not None:
        palette += b"\0\0\0"
        rows[:, 1:][~only] = clear
    head = struct.pack(">IIBBBBB", wide, tall, 8, 3, 0, 0, 0)
    packed = zlib.compressobj(level, zlib.DEFLATED, 15, 9, zlib.Z_DEFAULT_STRATEGY)
    data = packed.compress(rows.data) + packed.flush()
    chunks = [(b"IHDR", head), (b"PLTE", palette), (b"IDAT", data), (b"IEND", b"")]
    if only is not None:
        chunks.insert(2, (b"tRNS", b"\xff" * clear + b"\0"))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in chunks)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


@lru_cache(maxsize=4)
def lookup(look: Theme) -> tuple[bytes, np.ndarray]:
    """(palette, the palette's entry for every colour of 3 × BITS bits)."""
    solid = _solids(look)
    ramps = [solid]
    grounds = np.array([rgba(colour)[:3] for colour in (look.ground, look.cell, look.band)])
    ink = np.array(rgba(look.ink)[:3])
    share = (256 - len(solid)) // (len(solid) + 2)
    steps = np.linspace(0, 1, share + 2)[1:-1, None]
    for colour in solid:
        ramps.append(grounds[0] + steps * (colour - grounds[0]))
    for ground in grounds[1:]:
        ramps.append(ground + steps * (ink - ground))
    colours = np.unique(np.round(np.concatenate(ramps) * 255).astype(np.uint8), axis=0)[:255]
    levels = np.arange(1 << BITS)
    levels = (levels * 255 / levels[-1]).astype(np.float32)
    blue, green, red = (each.ravel() for each in np.meshgrid(levels, levels, levels, indexing="ij"))
    wanted = np.stack([red, green, blue], 1)
    known = colours.astype(np.float32)
    distance = (known**2).sum(1) - 2 * wanted @ known.T
    table = distance.argmin(1).astype(np.uint8)
    exact = np.round(solid * 255).astype(int)
    for colour in exact:  # a plain colour stays what it is
        key = (colour[0] >> 8 - BITS) | (colour[1] >> 8 - BITS) << BITS | (colour[2] >> 8 - BITS) << 2 * BITS
        table[key] = np.flatnonzero((colours == colour).all(1))[0]
    return colours.tobytes(), table


def _solids(look: Theme) -> np.ndarray:
    colours = {
        value
        for name in look.__slots__
        if isinstance(value := getattr(look, name), str) and value.startswith("#")
    }
    return np.array([rgba(colour)[:3] for colour in sorted(colours)])
