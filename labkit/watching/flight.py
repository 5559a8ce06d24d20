"""What is told of a recorded program: one screen, the same for programs, and a trace that Perfetto opens.

It reads a Flight's tapes and stalls, and runs nothing.
"""

from __future__ import annotations

import json
import os
import textwrap
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

from labkit.tape.narrate import duration, plural
from labkit.tape.tape import Tape
from labkit.watching.program import Flight
from labkit.watching.stacks import Place
from labkit.watching.stalls import Watched

LONGEST = 5  # stalls, handlers or findings that the screen names
KEPT = 20  # handlers of a loop that are told to programs


def facts(flight: Flight) -> dict[str, Any]:
    """The flight as plain data: loops with their times, stalls by length, who stalled how often."""
    stalls = sorted(flight.stalls, key=lambda stall: -stall.ns)
    by_name = Counter(str(stall.culprit.function) for stall in stalls)
    return {
        "seconds": (time.perf_counter_ns() - flight.began) / 1e9,
        "loops": [_loop(flight, each) for each in flight.loops],
        "stalls": [asdict(stall) for stall in stalls],
        "stalled": flight.sampler.count,
        "stall_ns": flight.sampler.stall_ns,
        "culprits": dict(by_name.most_common()),
        "children": flight.children,
    }


def _loop(flight: Flight, watched: Watched) -> dict[str, Any]:
    tape = watched.tape
    told: dict[str, Any] = {"name": watched.name, "thread": watched.thread.name}
    told["handlers"] = _handlers(watched, flight.sampler.every)
    if watched.beat is not None:
        return told | {"missing": "it waits in C: its iterations and sets are not recorded, only its stalls"}
    return told | {
        "selector": tape.about.get("selector", ""),
        "iterations": tape.dropped + len(tape),
        "on_tape": len(tape),
        "asleep_ns": sum(it.asleep_ns for it in tape),
        "awake_ns": sum(it.awake_ns for it in tape),
        "longest_ns": max((it.awake_ns for it in tape), default=0),
        **(_moved(tape) if flight.calls or watched.name == "asyncore" else {"received": None, "sent": None}),
    }


def _handlers(watched: Watched, every: float) -> list[dict[str, Any]]:
    """The program's own functions that were seen running, the longest first; their times are about that."""
    found = sorted(watched.handlers.values(), key=lambda each: (-each.longest, -each.samples))
    times = [(each, round(each.longest * every * 1e9), round(each.samples * every * 1e9)) for each in found]
    return [asdict(each.place) | {"longest_ns": longest, "ns": ns} for each, longest, ns in times[:KEPT]]


def _moved(tape: Tape) -> dict[str, int]:
    """Bytes received and sent, where calls are recorded."""
    moved = Counter[str]()
    for it in tape:
        for call in it.calls:
            if call.name in ("recv", "send") and call.result:
                moved[call.name] += call.result
    return {"received": moved["recv"], "sent": moved["send"]}


def screen(flight: Flight, findings: dict[str, list[Any]], width: int = 80) -> str:
    """The flight in words: at most a screen. `findings` are those of each loop's tape, by its name."""
    told = facts(flight)
    lines = [f"labkit watched {told['seconds']:.1f} s."]
    if not told["loops"]:
        lines.append("  No asyncio or asyncore loop ran in this process.")
    for each in told["loops"]:
        lines += _lines(each, flight.sampler.every)
    if flight.children:
        lines.append(f"  {plural(flight.children, 'child process')} started; children are not watched.")
    limit = f"longer than {told['stall_ns'] / 1e6:g} ms"
    many = plural(told["stalled"], "stall")
    lines.append(f"  {many} {limit}:" if told["stalled"] else f"  No stall {limit}.")
    lines += [f"    {_short(stall)}" for stall in sorted(flight.stalls, key=lambda each: -each.ns)[:LONGEST]]
    stalled = {stall.loop for stall in flight.stalls}
    for name, found in findings.items():
        # of what blocks, the samples have said more than a tape can
        new = [each for each in found if each.rule != "blocking" or name not in stalled]
        lines += [
            f"  {name}, {each.rule}, iteration {each.first}: {each.what} {each.cure}"
            for each in new[:LONGEST]
        ]
    return "\n".join(_wrapped(line, width) for line in lines)


def _wrapped(line: str, width: int) -> str:
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    return textwrap.fill(
        line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _lines(told: dict[str, Any], every: float) -> Iterator[str]:
    name = f"  {told['name']} in {told['thread']}"
    if "missing" in told:
        yield f"{name}: {told['missing']}."
    else:
        yield (
            f"{name}, on {told['selector']}: {plural(told['iterations'], 'iteration')}, asleep "
            f"{duration(told['asleep_ns'])}, awake {duration(told['awake_ns'])}, the longest time "
            f"{duration(told['longest_ns'])}; {_bytes(told)}."
        )
    if told["handlers"]:
        yield f"    Longest handlers (about: looked every {every * 1e3:g} ms):"
    for each in told["handlers"][:LONGEST]:
        place = Place(each["function"], each["file"], each["line"])
        yield (f"      {duration(each['longest_ns'])}, {duration(each['ns'])} in all: {_short(place)}")


def _bytes(told: dict[str, Any]) -> str:
    if told["received"] is None:
        return "bytes not counted (--calls counts them)"
    return f"{told['received']:,} B in, {told['sent']:,} B out"


def _short(said: Any) -> str:
    """In words, with paths below the folder we are in as they are called from there."""
    return str(said).replace(f"({os.getcwd()}{os.sep}", "(")


def write_json(flight: Flight, findings: dict[str, list[Any]], path: Path) -> None:
    """The facts, with the findings, as one JSON object; a file that is there is replaced whole."""
    found = {name: [asdict(each) for each in each_found] for name, each_found in findings.items()}
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(facts(flight) | {"findings": found}, indent=1) + "\n")
    os.replace(partial, path)


def write_perfetto(flight: Flight, path: Path) -> None:
    """Everything on the tapes as trace events (JSON) that ui.perfetto.dev and chrome://tracing open."""
    events = [event for number, each in enumerate(flight.loops, 1) for event in _events(flight, number, each)]
    path.write_text(json.dumps({"traceEvents": events, "displayTimeUnit": "ms"}) + "\n")


def _events(flight: Flight, process: int, watched: Watched) -> Iterator[dict[str, Any]]:
    """One loop is a process there: a track for iterations, one a connection, one a task that was seen."""
    yield _named("process_name", process, 0, f"{watched.name} in {watched.thread.name}")
    yield _named("thread_name", process, 0, "iterations")
    tracks: dict[str, int] = {}
    for it in watched.tape:
        woke = it.at_ns + it.asleep_ns
        yield _slice(process, 0, "asleep", it.at_ns, it.asleep_ns, {"timeout": it.timeout})
        yield _slice(process, 0, "awake", woke, it.awake_ns, {"iteration": it.index, "ready": len(it.ready)})
        for fd in it.ready:
            track = tracks.setdefault(f"{it.name(fd)} (fd {fd})", len(tracks) + 1)  # two may have one name
            yield _slice(process, track, "ready", woke, it.awake_ns, {"iteration": it.index, "fd": fd})
    for task, function, began, ns in _spells(watched):
        track = tracks.setdefault(f"task {task or '?'}", len(tracks) + 1)
        yield _slice(process, track, function, began, ns, {})
    for stall in (each for each in flight.stalls if each.loop == watched.name):
        track = tracks.setdefault("stalls", len(tracks) + 1)
        where = {"task": stall.task, "waited": stall.waited, "iteration": stall.iteration}
        yield _slice(process, track, str(stall.culprit), stall.began_ns, stall.ns, where)
    for name, track in tracks.items():
        yield _named("thread_name", process, track, name)


def _spells(watched: Watched) -> Iterator[tuple[str, str, int, int]]:
    """(task, function, from when, ns) of looks in a row that saw the same: as long as is known for sure."""
    for (_, task, function), found in groupby(list(watched.looks), key=lambda look: look[1:]):
        times = [look.at_ns for look in found]
        yield task, function, times[0], times[-1] - times[0]


def _named(what: str, process: int, track: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "name": what, "pid": process, "tid": track, "args": {"name": name}}


def _slice(process: int, track: int, name: str, at_ns: int, ns: int, args: dict[str, Any]) -> dict[str, Any]:
    """A complete event, in microseconds."""
    where = {"pid": process, "tid": track, "ts": at_ns / 1e3, "dur": ns / 1e3}
    return {"ph": "X", "name": name, "args": args} | where
