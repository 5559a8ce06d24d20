"""What the sweeps of the lessons gave on one machine, to compare with: Linux 6.18, 2 cores, CPython 3.11.

{name: {size: value}}, times in ns.
"""

from __future__ import annotations

from collections.abc import Sequence


def _µs(*values: float | None, at: Sequence[int]) -> dict[int, float]:
    return {size: value * 1000 for size, value in zip(at, values, strict=True) if value is not None}


_FDS = (10, 100, 500, 1000, 5000, 19000)
ONE_READY = {
    "select": _µs(1.4, 6.5, 29, 60, None, None, at=_FDS),
    "poll": _µs(0.9, 5.2, 26, 49, 333, 5189, at=_FDS),
    "poll rebuilt": _µs(1.8, 13, 57, 124, 798, 6864, at=_FDS),
    "epoll": _µs(0.67, 0.67, 0.68, 0.68, 0.67, 0.68, at=_FDS),
}
ALL_READY = {
    "select": _µs(1.4, 6.7, 30, 66, at=_FDS[:4]),
    "poll": _µs(1.1, 7.6, 37, 82, 626, at=_FDS[:5]),
    "epoll": _µs(2.1, 15, 93, 171, 1312, at=_FDS[:5]),
}
TEN_MB = {  # 10 MB over TCP loopback, by recv size
    "calls": {64: 163_841, 512: 20_481, 1024: 10_242, 4096: 2570, 65536: 162},
    "time": _µs(170e3, 33e3, 18.5e3, 16e3, 6e3, at=(64, 512, 1024, 4096, 65536)),
}
