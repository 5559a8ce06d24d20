"""What an answer may not do in its process, and how it is noticed if it changes the instruments there.

A guard against boredom and accidents, not against an attacker who knows CPython: see ATTACKS in the tests.
"""

from __future__ import annotations

import _thread
import sys
import threading
from types import FunctionType
from typing import Any

FORBIDDEN = {
    "os.fork": "start processes",
    "os.forkpty": "start processes",
    "os.posix_spawn": "start processes",
    "os.exec": "start processes",
    "os.system": "start processes",
    "subprocess.Popen": "start processes",
    "os.kill": "send signals",
    "os.killpg": "send signals",
    "signal.pthread_kill": "send signals",
    "ctypes.dlopen": "load C libraries",
    "gc.get_objects": "search the memory of its process",
    "gc.get_referrers": "search the memory of its process",
    "_thread.start_new_thread": "start threads: one thread serves everybody",
}
STARTERS = (
    "_start_new_thread",
    "start_new_thread",
    "start_new",
    "_start_joinable_thread",
    "start_joinable_thread",
)
INSTRUMENTS = ("selectors", "select", "socket", "time", "asyncio.base_events", "asyncio.selector_events")


def guard(file: str) -> None:
    """From now on what code in `file` starts is refused with PermissionError, if it is forbidden."""
    forbidden = dict(FORBIDDEN)
    frames = sys._getframe

    def hook(event: str, *args: Any) -> None:
        if event not in forbidden:
            return
        frame: Any = frames(0)
        while frame is not None:
            if frame.f_code.co_filename == file:
                raise PermissionError(f"an answer may not {forbidden[event]}")
            frame = frame.f_back

    def asking_first(plain: Any) -> Any:
        def start(*args: Any, **kwargs: Any) -> Any:
            hook("_thread.start_new_thread")
            return plain(*args, **kwargs)

        return start

    # Before 3.12 there is no event for this, and from 3.13 on Thread.start() goes another way.
    for module in (threading, _thread):
        for name in STARTERS:
            if hasattr(module, name):
                setattr(module, name, asking_first(getattr(module, name)))
    sys.addaudithook(hook)


_known: dict[tuple[str, str], tuple[Any, Any]] = {}  # a function, and its code


def fingerprint() -> None:
    """Note what the instruments' functions are now."""
    _known.clear()
    _known.update(_functions())


def patched() -> list[str]:
    """The names of functions of the instruments that are not what they were."""
    now = _functions()
    return sorted(".".join(place) for place, was in _known.items() if not _same(now.get(place), was))


def _same(now: tuple[Any, Any] | None, was: tuple[Any, Any]) -> bool:
    return now is not None and now[0] is was[0] and now[1] is was[1]


def _functions() -> dict[tuple[str, str], tuple[Any, Any]]:
    found: dict[tuple[str, str], tuple[Any, Any]] = {}
    for module in list(sys.modules):
        if module in INSTRUMENTS or module.split(".")[0] == "labkit":
            for name, value in list(vars(sys.modules[module]).items()):
                if isinstance(value, type) and value.__module__ == module:
                    for inner, method in list(vars(value).items()):
                        if isinstance(method, FunctionType | property | staticmethod):
                            found[module, f"{name}.{inner}"] = method, getattr(method, "__code__", None)
                if isinstance(value, FunctionType | type) or callable(value):
                    found[module, name] = value, getattr(value, "__code__", None)
    return found
