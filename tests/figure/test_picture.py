"""The controls where no scripts run: they show the state that the figure tells, and order what is pressed.

Widgets are set as a front end sets them, and asked what they would show; a real one is in tests/browser.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import ipywidgets as w
import pytest

from labkit import Channel, Lab, LiveFigure, Tape
from labkit.figure import agg
from labkit.figure.controls import Controls
from labkit.figure.picture import Named, Picture
from labkit.figure.view import View

from .test_live import soon, widgets

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


@pytest.mark.unhurried
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
    field = picture.scrubber
    for first, last, i in tapes:
        picture.tell(told | {"first": first, "last": last, "i": i})
        if last < first:
            first = last = i = 0  # the field has one number at least
        assert (field.min, field.value, field.max) == (first, i, last)
    assert not heard, "what the figure sets is no order to it"
    field.value = first  # as the reader chooses it
    assert heard == ([{"do": "go", "i": first}] if first != i else [])


def test_while_it_runs_it_is_told_no_more_than_where_it_is(picture: Picture, told: dict[str, Any]):
    drawing = LiveFigure(Tape(), "time").draw()
    picture.show(drawing, told | peers("alice") | {"running": True})
    picture.show(drawing, {"first": 2, "last": 9, "i": 8})
    assert (picture.scrubber.min, picture.scrubber.value, picture.scrubber.max) == (2, 8, 9)
    assert (picture.run.description, picture.peer.value) == ("Pause", "alice")


def laid_out(widget: w.Widget) -> dict[str, Any]:
    """What of a widget's layout and style is not as every widget has it."""
    names = ("width", "max_width", "height", "overflow", "flex", "flex_flow", "display")
    found = {name: value for name in names if (value := getattr(widget.layout, name)) is not None}
    style = getattr(widget, "style", None)
    initial = style is not None and getattr(style, "description_width", "") == "initial"
    return found | ({"label": "whole"} if initial else {})


def test_the_controls_stand_in_four_rows_above_the_picture_and_its_words(picture: Picture):
    """Rows wrap where a cell is narrow, and no label is cut."""
    wide, wraps = {"width": "auto"}, {"flex_flow": "row wrap"}
    rows = [
        [(type(each), getattr(each, "description", None), laid_out(each)) for each in row.children]
        for row in picture.root.children[:3]
    ]
    assert rows == [
        [
            (w.Button, "◀ Back", wide), (w.Button, "Forward ▶", wide), (w.Button, "Step", wide),
            (w.Button, "Run", {"width": "90px"}), (w.BoundedIntText, "iteration", {}),
        ],
        [(w.Dropdown, text, {"label": "whole"}) for text in ("speed", "Back and Forward by")],
        [
            (w.Dropdown, "peer", {"width": "200px"}), (w.Text, "", {"width": "170px"}),
            *((w.Button, text, wide) for text in [*ABOUT_PEERS, "Connect a peer"]),
        ],
    ]  # fmt: skip
    moves, options, peers, status, image, words = picture.root.children
    assert [type(row) for row in (picture.root, moves, options, peers)] == [w.VBox, w.HBox, w.HBox, w.HBox]
    assert [laid_out(row) for row in (moves, options, peers)] == [{}, wraps, wraps]
    assert (type(status), laid_out(status)) == (w.HTML, {"height": "24px", "overflow": "hidden"})
    assert (type(image), image.format, laid_out(image)) == (Named, "png", {"max_width": "100%"})
    assert (type(words), laid_out(words)) == (w.HTML, {})
    assert picture.typed.placeholder == "bytes, Enter"
    assert not picture.scrubber.continuous_update and not picture.typed.continuous_update
    assert (picture.scrubber.min, picture.scrubber.max) == (0, 0)
    for row in (moves, options, peers):
        for each in row.children:
            assert not isinstance(each, w.Button) or each.tooltip in (each.description, None)
    assert button(picture, "Send 1 B").tooltip == "Send 1 B"


@pytest.mark.parametrize("state, expected", [
    ({"running": False, "replay": False}, {"run": "Run", "step": ""}),
    ({"running": True, "replay": False}, {"run": "Pause", "step": ""}),
    ({"running": False, "replay": True}, {"run": "Play", "step": "none"}),
    ({"running": True, "replay": True}, {"run": "Pause", "step": "none"}),
    ({"back": True, "forward": False}, {"back": False, "forward": True}),
    ({"back": False, "forward": True}, {"back": True, "forward": False}),
    ({"connects": True}, {"peers": ""}), ({"connects": False}, {"peers": "none"}),
    ({"speed": "4 a second", "granularity": "call"}, {"speed": "4 a second", "granularity": "call"}),
    ({"note": "a <note>"}, {"status": "<div>a &lt;note&gt;</div>"}),
    ({"asleep": ["select", 3.25], "note": "no"}, {"status": "<div>asleep in select, 3.2 s</div>"}),
    ({}, {"status": "<div></div>"}),
    ({"trouble": "<b>", "asleep": ["select", 1]}, {
        "status": '<div role="alert" style="color: #b3261e; background: #ffffff; font-weight: bold">'
                  "✗ &lt;b&gt;</div>",
    }),
])  # fmt: skip
def test_they_show_the_state_and_what_is_shown_is_no_order(
    picture: Picture, told: dict[str, Any], heard: list[dict[str, Any]], state: dict[str, Any],
    expected: dict[str, Any],
):  # fmt: skip
    picture.tell(told | state)
    shown = {
        "run": picture.run.description, "step": picture.step.layout.display,
        "back": picture.back.disabled, "forward": picture.forward.disabled,
        "peers": picture.peers.layout.display, "speed": picture.chosen["speed"].value,
        "granularity": picture.chosen["granularity"].value, "status": picture.status.value,
    }  # fmt: skip
    assert {name: shown[name] for name in expected} == expected
    assert picture.chosen["speed"].options == ("1 a second", "4 a second", "16 a second", "as it comes")
    assert picture.chosen["granularity"].options == ("iteration", "call")
    assert not heard and not picture.seen


def test_what_is_pressed_or_chosen_is_ordered(
    picture: Picture, told: dict[str, Any], heard: list[dict[str, Any]]
):
    picture.tell(told)
    for text in ("◀ Back", "Forward ▶", "Step", "Run"):
        button(picture, text).click()
    picture.tell(told | {"running": True})
    picture.run.click()
    picture.chosen["speed"].value = "1 a second"
    picture.chosen["granularity"].value = "call"
    assert heard == [
        {"do": "back"}, {"do": "forward"}, {"do": "step"}, {"do": "run"}, {"do": "pause"},
        {"do": "speed", "value": "1 a second"}, {"do": "granularity", "value": "call"},
    ]  # fmt: skip
    assert picture.seen


@pytest.mark.unhurried
def test_a_picture_is_the_drawing_and_its_words_twenty_times_a_second_at_most(
    picture: Picture, told: dict[str, Any], monkeypatch: pytest.MonkeyPatch
):
    assert picture.ready(100.0)
    monkeypatch.setattr("labkit.figure.picture.time.monotonic", lambda: 100.0)
    drawing = replace(LiveFigure(Tape(), "time").draw(), says="a <word>")
    for theme, scale in (("screen", 1.0), ("projector", 1.5)):
        picture.show(drawing, told | {"theme": theme})
        assert picture.image.value == agg.png(drawing, scale=scale)
        assert picture.words.value == "<div>a &lt;word&gt;</div>"
        assert picture.image.tooltip == "a <word>"
    assert not picture.ready(100.049) and picture.ready(100.051)


def test_closed_it_leaves_no_widget_of_its_own():
    before = widgets()
    picture = Picture(lambda _: None)
    assert widgets() - before
    picture.close()
    assert widgets() <= before
