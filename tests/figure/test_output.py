"""What a notebook keeps of a figure: a picture and its words; the tape as a player where a site is built."""

from __future__ import annotations

import base64
import gzip
import json

import pytest

from labkit import LiveFigure, Tape
from labkit.figure.output import PLAYER
from labkit.lab.scenarios import echo


def test_a_player_is_kept_only_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch):
    figure = LiveFigure(echo())
    monkeypatch.delenv("LABKIT_PLAYERS", raising=False)
    assert PLAYER not in figure._repr_mimebundle_()
    monkeypatch.setenv("LABKIT_PLAYERS", "800")
    assert PLAYER in figure._repr_mimebundle_()


def test_the_player_holds_the_tape_as_wide_as_asked_at_the_iteration_shown(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LABKIT_PLAYERS", "800")
    tape = echo()
    figure = LiveFigure(tape)
    figure.show(2)
    kept = figure._repr_mimebundle_()[PLAYER]
    played = json.loads(gzip.decompress(base64.b64decode(kept)))
    assert (played["w"], played["begin"]) == (800, 2)
    assert [frame["i"] for frame in played["frames"] if frame["call"] is None] == [it.index for it in tape]


def test_of_an_empty_tape_there_is_only_the_picture(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LABKIT_PLAYERS", "800")
    kept = LiveFigure(Tape())._repr_mimebundle_()
    assert PLAYER not in kept and kept["image/png"]
