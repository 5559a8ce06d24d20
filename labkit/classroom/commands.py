"""`labkit class`: a live class from a terminal, or a simulated one that says what this machine bears."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labkit.classroom.room import Room
    from labkit.lab.lab import Lab

HELP = """\
  ? question / choice / choice …   ask (put * before the choice that you expect)
  .   close the vote and show it       !   vote again
  = choice   what the experiment showed    s   one step    q   send everybody home"""


def add(commands: Any) -> None:
    """Add the command to a parser's subcommands. What it needs is loaded when it runs."""
    parser = commands.add_parser("class", help="serve a class on the loop: every phone is an fd")
    parser.add_argument(
        "--host", default="127.0.0.1", help="where to listen (%(default)s: this machine only)"
    )
    parser.add_argument("--port", type=int, default=0, help="the port (any that is free)")
    parser.add_argument(
        "--simulate", type=int, metavar="N", help="N simulated students vote twice; then it ends"
    )
    parser.add_argument(
        "--json", action="store_true", help="with --simulate: the numbers, as one JSON object"
    )
    parser.set_defaults(
        run=lambda options: serve(options) if options.simulate is None else simulated(options)
    )


def simulated(options: argparse.Namespace) -> int:
    """A simulated class, with the figure drawn meanwhile: 1 if a vote was lost or doubled."""
    from labkit.classroom.simulate import simulate

    hour = simulate(options.simulate, draw=drawing)
    print(hour.as_json() if options.json else hour)
    return int(bool(hour.lost or hour.doubled))


def drawing(lab: Lab) -> Callable[[], object]:
    """What makes the next message of a live figure of `lab`, for a browser that keeps up."""
    from labkit.figure.live import LiveFigure
    from labkit.figure.wire import Wire

    figure, wire = LiveFigure(lab), Wire()
    return lambda: wire.message(figure.draw(), {}, time.monotonic(), glide=False)


def serve(options: argparse.Namespace) -> int:
    """A live class until q, Ctrl-D or Ctrl-C."""
    import segno

    from labkit.classroom.room import Room
    from labkit.classroom.simulate import Echo
    from labkit.lab.lab import Lab

    with Lab(Echo, selector="epoll") as lab, Room(lab, host=options.host, port=options.port) as room:
        if room.warning:
            print(room.warning, file=sys.stderr)
        segno.make(room.url).terminal(out=sys.stdout, compact=True)
        print(f"{room.url}   code {room.code}\n{HELP}")
        try:
            _teach(room)
        except (EOFError, KeyboardInterrupt):
            print()
    return 0


def _teach(room: Room) -> None:
    while True:
        line = input(f"{len(room.students)} here> ").strip()
        if line == "q":
            return
        try:
            print(_order(room, line[:1], line[1:].strip()))
        except (RuntimeError, TimeoutError, ValueError) as error:
            print(error)


def _order(room: Room, key: str, rest: str) -> str:
    if key == "?":
        question, *choices = [part.strip() for part in rest.split("/")]
        expect = next((at for at, choice in enumerate(choices) if choice.startswith("*")), None)
        room.ask(question, [choice.removeprefix("*").strip() for choice in choices], expect=expect)
        return "asked"
    if key == ".":
        ballot = room.close_vote()
        votes = [
            f"{count:>4}  {choice}" for count, choice in zip(ballot.tally(), ballot.choices, strict=True)
        ]
        return "\n".join([*votes, ballot.advice()])
    if key == "!":
        room.ask_again()
        return "asked again"
    if key == "=":
        return f"shown: {room.reveal(rest).question}"
    if key == "s":
        return room.step().explain()
    return HELP
