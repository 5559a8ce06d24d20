"""What a notebook is given of a figure, when it is given anew, and what widgets say and are told."""

from __future__ import annotations

import base64
import json
import sys
import threading
import weakref
from types import SimpleNamespace
from typing import Any

import pytest

from labkit import LiveFigure, LiveSweep
from labkit.figure.browser import Browser, Canvas
from labkit.figure.output import PLAYER, WIDGET, after_each_cell, bundle
from labkit.figure.player import packed
from labkit.figure.wire import IN_FLIGHT
from labkit.lab import cells

from .test_live import soon, widgets
from .test_live_sweep import slowly
from .test_live_turns import Screen
from .written import Player, many


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Everything that was displayed or replaced in its place: (bundle, options)."""
    found: list[Any] = []

    def display(data: Any, **options: Any) -> Any:
        found.append((data, options))
        return SimpleNamespace(update=lambda data, **options: found.append((data, options)))

    monkeypatch.setattr("IPython.display.display", display)
    monkeypatch.setattr("labkit.figure.live_sweep.display", display)
    return found


def test_a_bundle_is_a_picture_its_words_a_widget_and_a_player(monkeypatch: pytest.MonkeyPatch):
    sheet, widget = LiveFigure(many(1, 3)).sheet, SimpleNamespace(model_id="1234")
    for asked, wide in (("", None), ("wide", None), ("800", 800), ("639", 640), ("640", 640)):
        monkeypatch.setenv("LABKIT_PLAYERS", asked)
        made = bundle(sheet, 2, 'a <b> "c" \ud800', b"png")
        data = base64.b64encode(b"png").decode()
        assert made.pop(PLAYER, None) == (wide and packed(sheet, wide, 2))
        assert made == {
            "text/plain": 'a <b> "c" \\ud800', "image/png": data,
            "text/html": '<img alt="a &lt;b&gt; &quot;c&quot; \\ud800" style="max-width: 100%" '
                         f'src="data:image/png;base64,{data}">',
        }  # fmt: skip
    made = bundle(sheet, 2, "", b"png", widget)
    assert made[WIDGET] == {"version_major": 2, "version_minor": 0, "model_id": "1234"}


class Events:
    def __init__(self) -> None:
        self.calls = list[Any]()

    def register(self, name: str, call: Any) -> None:
        assert name == "post_run_cell"
        self.calls.append(call)

    def unregister(self, name: str, call: Any) -> None:
        assert name == "post_run_cell"
        if call not in self.calls:
            raise ValueError
        self.calls.remove(call)


def test_after_each_cell_something_is_called_while_it_lives(monkeypatch: pytest.MonkeyPatch):
    class Thing:
        seen = 0

        def see(self) -> None:
            Thing.seen += 1

    events, thing = Events(), Thing()
    shell = SimpleNamespace(get_ipython=lambda: SimpleNamespace(events=events))
    monkeypatch.setitem(sys.modules, "IPython", shell)
    end = after_each_cell(weakref.WeakMethod(thing.see))
    events.calls[0]("result")
    events.calls[0]()
    assert Thing.seen == 2
    end()
    end()
    assert not events.calls
    after_each_cell(weakref.WeakMethod(thing.see))
    del thing
    events.calls[0]()
    assert Thing.seen == 2 and not events.calls
    for nobody in (SimpleNamespace(get_ipython=lambda: None), None):
        monkeypatch.setitem(sys.modules, "IPython", nobody)
        assert after_each_cell(weakref.WeakMethod(Thing().see))() is None


def test_the_output_is_given_anew_only_when_something_else_is_shown(shown: list[Any]):
    player = Player()
    figure = LiveFigure(player, "time", findings=False)
    figure._ipython_display_()
    thread = figure._thread
    assert thread is not None and thread.daemon and thread.name == "labkit figure"
    ((data, options),) = shown
    assert options == {"raw": True, "display_id": True}
    assert (
        data[WIDGET]["model_id"]
        == figure._screen.root.model_id
        == figure._repr_mimebundle_()[WIDGET]["model_id"]
    )
    assert data["text/plain"].startswith("Iteration 2:")
    figure._publish()
    assert len(shown) == 1
    player.step()
    figure._publish()
    assert shown[-1][0]["text/plain"].startswith("Iteration 3:") and shown[-1][1] == {"raw": True}
    assert WIDGET in shown[-1][0]
    figure.use_theme("projector")
    figure._publish()
    assert len(shown) == 3
    figure._ipython_display_()
    assert figure._thread is thread and len(shown) == 4
    figure.close()
    assert not thread.is_alive() and figure.player is None and figure._screen is None
    assert WIDGET not in shown[-1][0] and len(shown) == 5
    figure.close()
    assert len(shown) == 5
    figure._ipython_display_()
    assert WIDGET not in shown[-1][0] and shown[-1][1] == {"raw": True}


@pytest.mark.parametrize("running, seen, published", [
    (False, False, True), (False, True, True), (True, False, True), (True, True, False),
])  # fmt: skip
def test_after_a_cell_it_is_published_unless_a_front_end_follows_it(
    running: bool, seen: bool, published: bool
):
    player = Player()
    figure = LiveFigure(player)
    figure._screen, figure._publish = Screen(), lambda: told.append(1)  # type: ignore[method-assign]
    told: list[int] = []
    player.running, figure._screen.seen = running, seen
    figure._after_a_cell()
    assert bool(told) == published


def test_a_figure_of_a_tape_is_kept_and_one_of_a_player_is_not(
    shown: list[Any], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("labkit.lab.cells.current", lambda: ("cell", 1))
    before = len(cells._kept)
    for player, kept in ((many(1, 2), 1), (Player(), 0)):
        figure = LiveFigure(player, "time")
        figure._ipython_display_()
        assert len(cells._kept) - before == kept
        figure.close()
        assert len(cells._kept) == before


def test_a_figure_whose_player_is_closed_closes_with_its_last_drawing(shown: list[Any]):
    player = Player()
    figure = LiveFigure(player, "time", findings=False)
    figure._ipython_display_()
    player.closed = True
    soon(lambda: figure.closed and WIDGET not in shown[-1][0])


def test_a_browser_is_sent_messages_and_hears_orders(monkeypatch: pytest.MonkeyPatch):
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(Canvas, "send", lambda _, text, *__: sent.append(json.loads(text)))
    heard: list[Any] = []
    before = widgets()
    browser = Browser(heard.append)
    drawing = LiveFigure(many(1, 3), "time").draw()
    assert browser.ready(0.0) and not browser.seen and len(browser.root.key) == 32
    browser.show(drawing, {"a": 1, "b": 2})
    assert sent[-1]["state"] == {"a": 1, "b": 2} and not sent[-1]["glide"] and sent[-1]["n"] == 1
    browser.show(drawing, {"a": 1, "b": 3}, glide=True)
    assert (
        sent[-1]["state"] == {"b": 3} and sent[-1]["glide"] and sent[-1]["n"] == 2 and not sent[-1]["marks"]
    )
    browser.tell({"a": 1, "b": 3})
    assert len(sent) == 2, "nothing differs"
    browser.tell({"a": 2, "b": 3})
    assert sent[-1] == {"state": {"a": 2}}
    browser.answer("it", "because")
    assert sent[-1] == {"of": "it", "why": "because"}
    for _ in range(IN_FLIGHT - 2):
        browser.show(drawing, {})
    assert not browser.ready(0.0)
    browser._message(None, {"ack": "1"}, [])
    assert browser.ready(0.0) and not browser.seen and not heard
    browser._message(None, {"do": "step"}, [])
    browser._message(None, {"do": "hello"}, [])
    assert browser.seen and heard == [{"do": "step"}, {"do": "hello"}]
    browser.show(drawing, {"a": 2})
    assert "table" in sent[-1] and sent[-1]["state"] == {"a": 2} and sent[-1]["marks"], "all of it again"
    browser.close()
    assert widgets() <= before


def test_a_sweep_is_shown_while_it_is_measured_and_as_a_chart_at_its_end(shown: list[Any]):
    go = threading.Event()

    def waits(n: int) -> Any:
        go.wait(20)
        yield from slowly(n)

    before = widgets()
    live = LiveSweep(waits, [1, 2], unit="calls", of="fds", title="A wait", within=60)
    live._ipython_display_()
    ((data, options),) = shown
    assert options == {"raw": True, "display_id": True} and any("widget" in key for key in data)
    picture, row = live._box.children
    bar, cancel = row.children
    assert (bar.min, bar.max, bar.description, bar.layout.width) == (0, 1, "measuring", "24em")
    assert (cancel.description, cancel.tooltip) == ("Cancel", "Keep what is measured and stop")
    assert picture.value.startswith("<img") and live._thread.daemon and live._thread.name == "labkit sweep"
    assert (live.sweep.of, live.sweep.title) == ("fds", "A wait")
    go.set()
    made = live.result()
    assert made.sizes == [1, 2] and made.ended == "" and bar.value == 1
    last, options = shown[-1]
    assert options == {"raw": True} and not any("widget" in key for key in last)
    assert "A wait" in last["text/plain"] and "Ended early" not in last["text/html"]
    assert widgets() <= before and not live.running
    live._ipython_display_()
    assert not any("widget" in key for key in shown[-1][0])


def test_a_sweep_that_is_cancelled_or_fails_says_why_under_its_chart(shown: list[Any]):
    cancelled = LiveSweep(slowly, range(1, 1000), unit="calls", within=60)
    cancelled._button.click()
    cancelled.result()
    assert cancelled._final()["text/html"].endswith("<p role='status'>Ended early: it was cancelled.</p>")

    def broken(n: int) -> Any:
        raise ValueError("<no>")
        yield {}

    failed = LiveSweep(broken, [1])
    with pytest.raises(ValueError, match="<no>"):
        failed.result()
    html = failed._final()["text/html"]
    assert html.endswith("<p role='status'>Ended early: ValueError: &lt;no&gt;.</p>")
