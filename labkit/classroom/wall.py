"""What hangs on the wall of a live class: address, code, who is here, the question, its votes once closed.

Everything that a student has typed is shown as text, never as markup.
"""

from __future__ import annotations

import threading
from functools import cache
from html import escape
from typing import Any

import ipywidgets
import segno

from labkit.classroom import voting
from labkit.classroom.room import Room
from labkit.classroom.votes import Ballot

DRAWN_EVERY = 0.1  # seconds, at most
NAMES_AT_MOST, WHILE_ASKED = 60, 8  # names on the wall, and once a question needs the place
LARGE = "font-size: clamp(15px, 1.4vw, 34px); line-height: 1.3"  # a projector shows few pixels, and large
RIGHT, OTHER = "#008060", "#7a8794"  # 3:1 and more on JupyterLab's white and on its black


class Classroom(Room):
    """A Room with its wall: the last line of a cell shows it, and buttons for what a teacher does.

    It takes what Room takes. The chart of a vote stays hidden until the vote is closed.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._views: list[ipywidgets.HTML] = []
        self._said = ""  # why the last button did nothing; it stays until another is pressed
        self._drawn = threading.Thread(target=self._draw_on, name="labkit wall", daemon=True)
        self._drawn.start()

    def wall(self) -> Any:
        """The wall as a widget."""
        view = ipywidgets.HTML(self._shown())
        self._views.append(view)
        buttons = [
            self._button("Close the vote", "end the vote and show it", self.close_vote),
            self._button("Vote again", "a second vote on the same question", self.ask_again),
            self._button("What the run did", "of a lesson's prediction: mark the right choice", self.reveal),
            self._button("Step", "one iteration by hand: pause, step, go on", self.step),
        ]
        return ipywidgets.VBox([view, ipywidgets.HBox(buttons)])

    def close(self) -> None:
        super().close()
        if threading.current_thread() is not self._drawn:
            self._drawn.join(5)
        self._said = ""
        self._draw()

    def _button(self, text: str, tip: str, order: Any) -> Any:
        button = ipywidgets.Button(description=text, tooltip=tip)

        def pressed(_: Any) -> None:
            try:
                order()
                self._said = ""
            except (RuntimeError, TimeoutError, ValueError) as error:
                self._said = f'<p role="status">{escape(str(error))}</p>'
            self._draw()

        button.on_click(pressed)
        return button

    def _shown(self) -> str:
        return wall(self) + self._said

    def _draw(self) -> None:
        shown = self._shown()
        for view in self._views:
            view.value = shown

    def _draw_on(self) -> None:
        while not self._closed.is_set():
            self.changed.wait(1)
            self.changed.clear()
            self._draw()
            self._closed.wait(DRAWN_EVERY)

    def _ipython_display_(self) -> None:
        from IPython.display import display  # a notebook has it; a terminal needs none

        display(self.wall())


def wall(room: Room) -> str:
    """The wall as HTML: large enough for the last row."""
    if room.closed:
        return "<p>The class is over.</p>"
    warning = f'<p role="alert"><strong>{escape(room.warning)}</strong></p>' if room.warning else ""
    left = (
        f'<div role="img" aria-label="QR code of the address {escape(room.url)}" style="width: 11em">'
        f"{_code(room.url)}</div>"
        f'<p style="font-size: 1.3em; margin: .2em 0">{escape(room.url)}<br>code '
        f'<strong style="letter-spacing: .15em">{escape(room.code)}</strong></p>'
    )
    right = _people(room) + (_ballot(room, room.ballots[-1]) if room.ballots else "")
    return (
        f'<div style="{LARGE}">{warning}<div style="display: flex; gap: 1.5em; flex-wrap: wrap">'
        f'<div>{left}</div><div style="flex: 1; min-width: 20em">{right}</div></div></div>'
    )


@cache
def _code(url: str) -> str:
    """The QR code of the address as SVG, made once: the wall is drawn ten times a second."""
    return str(segno.make(url, error="m").svg_inline(border=2, dark="#000", light="#fff", omitsize=True))


def _words(text: str) -> str:
    """What a teacher or a lesson wrote, as text; only what stands between backticks is set as code."""
    parts = escape(text).split("`")
    if len(parts) % 2 == 0:  # one of them has no partner
        return escape(text)
    code = (
        '<code style="font-size: .95em; background: none">'  # JupyterLab's own is small whatever is around it
    )
    return "".join(f"{code}{part}</code>" if at % 2 else part for at, part in enumerate(parts))


def _people(room: Room) -> str:
    students = room.students
    most = WHILE_ASKED if room.ballots else NAMES_AT_MOST
    names = ", ".join(f"<bdi>{escape(each.name)}</bdi>" for each in students[-most:])
    more = f", and {len(students) - most} more" if len(students) > most else ""
    stopped = len(room.service.not_reading)
    return (
        f'<p style="font-size: 1.3em; margin: 0">{len(students)} here, {room.listening} listening'
        + (f", {stopped} not reading" if stopped else "")
        + f'</p><p style="margin: .2em 0 .8em; font-size: .9em; overflow-wrap: anywhere">{names}{more}</p>'
    )


def _ballot(room: Room, ballot: Ballot) -> str:
    voted = len(ballot.rounds[-1])
    head = f'<p style="font-size: 1.5em; margin: .4em 0">{_words(ballot.question)}</p>'
    if ballot.open:
        which = "" if len(ballot.rounds) == 1 else " again"
        choices = "".join(f"<li>{_words(each)}</li>" for each in ballot.choices)
        said = f"{voted} of {len(room.students)} have voted{which}."
        choices = f'<ol style="font-size: 1.3em; margin: .4em 0">{choices}</ol>'
        return f'{head}{choices}<p style="font-size: 1.2em">{said}</p>'
    said = escape(ballot.advice()) if ballot.answer is None else _words(voting.why(ballot))
    bars = "".join(_bars(ballot, at) for at in range(len(ballot.rounds)))
    return f'{head}{bars}<p style="font-size: 1.2em; margin: .4em 0">{said}</p>'


def _bars(ballot: Ballot, at: int) -> str:
    """One round of votes: a bar a choice, with its number; the right one is marked once it was shown."""
    votes = ballot.tally(at)
    most = max([*votes, 1])
    rows = "".join(
        f'<tr><td style="text-align: right; padding: .15em .6em; width: 35%">{_words(choice)}'
        f"{' ✓' if index == ballot.answer else ''}</td>"
        f'<td><div style="height: 1.3em; width: {100 * votes[index] / most:.1f}%; '
        f'min-width: 1px; background: {RIGHT if index == ballot.answer else OTHER}"></div></td>'
        f'<td style="padding: .15em .6em; width: 3em">{votes[index]}</td></tr>'
        for index, choice in enumerate(ballot.choices)
    )
    title = "" if len(ballot.rounds) == 1 else f"<caption>vote {at + 1}</caption>"
    return (
        '<table style="width: 100%; font-size: 1.2em; border-collapse: collapse; table-layout: fixed; '
        f'margin: .3em 0">{title}{rows}</table>'
    )
