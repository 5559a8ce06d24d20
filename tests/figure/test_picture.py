"""The controls where no scripts run: they show the state that the figure tells, and order what is pressed.

Widgets are set as a front end sets them, and asked what they would show; a real one is in tests/browser.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ipywidgets as w
import pytest

from labkit import Channel, Lab, LiveFigure, Tape
from labkit.figure.controls import Controls
from labkit.figure.picture import Picture
from labkit.figure.view import View

from .test_live import soon

ABOUT_PEERS = ["Send 1 B", "Send 1 KB", "Reads", "Shut down", "Close", "Reset"]


class Echo(Channel):
    def handle_read(self) -> None:
        self.write(self.recv(1024))


@pytest.fixture
def heard() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def picture(heard: list[dict[str, Any]]) -> Iterator[Picture]:
    picture = Picture(heard.append)
    yield picture
    picture.close()


@pytest.fixture
def told() -> dict[str, Any]:
    """The whole state of a figure's controls, of a lab that nobody has connected to."""
    with Lab(Echo) as lab:
        return Controls(View(lab, ["time"], "screen", None)).state()


def peers(*names: str, closed: tuple[str, ...] = ()) -> dict[str, Any]:
    rows = [{"name": name, "open": name not in closed, "reads": False, "took": ""} for name in names]
    return {"peers": {"rows": rows, "more": 0}}


def button(picture: Picture, text: str) -> w.Button:
    """The one button that says so."""
    (found,) = [
        each
        for box in picture.root.children
        for each in getattr(box, "children", ())
        if isinstance(each, w.Button) and each.description == text
    ]
    return found


def test_one_of_the_peers_is_chosen_and_stays_so_while_it_is_open(picture: Picture, told: dict[str, Any]):
    for state, chosen in (
        (peers("alice", "bob"), "alice"),
        (peers("alice", "bob", "carl"), "alice"),
        (peers("alice", "bob", "carl", closed=("alice",)), "bob"),
        (peers("dora", "bob", "carl"), "bob"),
        (peers("dora"), "dora"),
        (peers("dora", closed=("dora",)), None),
        (peers("emil"), "emil"),
    ):
        picture.tell(told | state)
        assert picture.peer.value == chosen
        assert picture.peer.options == tuple(r["name"] for r in state["peers"]["rows"] if r["open"])
    picture.tell(told | peers("emil", "fred"))
    picture.peer.value = "fred"  # as the reader chooses
    picture.tell(told | peers("dora", "emil", "fred"))
    assert picture.peer.value == "fred"


def test_a_peers_buttons_are_of_the_peer_that_is_chosen(
    picture: Picture, told: dict[str, Any], heard: list[dict[str, Any]]
):
    picture.tell(told)
    assert all(button(picture, text).disabled for text in ABOUT_PEERS) and picture.typed.disabled
    picture.tell(told | peers("alice", "bob"))
    assert not any(button(picture, text).disabled for text in ABOUT_PEERS) and not picture.typed.disabled
    for text in ABOUT_PEERS:
        button(picture, text).click()
    picture.peer.value = "bob"
    button(picture, "Send 1 B").click()
    picture.typed.value = r"hi\n"
    button(picture, "Connect a peer").click()
    acts = ("1 B", "1 KB", "reads", "shutdown", "close", "reset")
    assert heard == [
        *({"do": "peer", "act": act, "peer": "alice"} for act in acts),
        {"do": "peer", "act": "1 B", "peer": "bob"},
        {"do": "peer", "act": "type", "text": r"hi\n", "peer": "bob"},
        {"do": "connect"},
    ]
    assert picture.typed.value == "" and picture.seen


def test_a_peer_of_a_lab_is_driven_by_the_buttons():
    with Lab(Echo) as lab:
        alice = lab.connect("alice")
        figure = LiveFigure(lab, "time", printer="matplotlib")
        figure._ipython_display_()
        button(figure._screen, "Send 1 KB").click()
        soon(lambda: alice.sent == 1000)
        button(figure._screen, "Close").click()
        soon(lambda: not alice.open)
        soon(lambda: button(figure._screen, "Close").disabled)
        assert not figure.trouble


@pytest.mark.parametrize(
    "tapes",
    [
        pytest.param([(0, -1, -1), (0, 0, 0), (0, 20, 20), (0, 20, 3)], id="grows"),
        pytest.param([(0, 20, 10), (15, 40, 40), (900, 1000, 950)], id="drops"),
        pytest.param([(0, 20, 10), (15, 40, 15)], id="drops what was shown"),
        pytest.param([(900, 1000, 950), (0, -1, -1), (0, 2, 2)], id="is empty after a reset"),
        pytest.param([(900, 1000, 950), (0, 2, 2), (0, 3, 1)], id="is short after a reset"),
    ],
)
def test_the_scrubber_goes_from_the_tapes_first_iteration_to_its_last(
    picture: Picture, told: dict[str, Any], heard: list[dict[str, Any]], tapes: list[tuple[int, int, int]]
):
    slider = picture.scrubber
    for first, last, i in tapes:
        picture.tell(told | {"first": first, "last": last, "i": i})
        if last < first:
            first = last = i = 0  # a slider has one place at least
        assert (slider.min, slider.value, slider.max) == (first, i, last)
    assert not heard, "what the figure sets is no order to it"
    slider.value = first  # as the reader drags it
    assert heard == ([{"do": "go", "i": first}] if first != i else [])


def test_while_it_runs_it_is_told_no_more_than_where_it_is(picture: Picture, told: dict[str, Any]):
    drawing = LiveFigure(Tape(), "time").draw()
    picture.show(drawing, told | peers("alice") | {"running": True})
    picture.show(drawing, {"first": 2, "last": 9, "i": 8})
    assert (picture.scrubber.min, picture.scrubber.value, picture.scrubber.max) == (2, 8, 9)
    assert (picture.run.description, picture.peer.value) == ("Pause", "alice")
