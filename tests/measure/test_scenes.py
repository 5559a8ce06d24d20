"""The scenes of the lessons leave nothing behind, also where the cell that uses one fails."""

from __future__ import annotations

import socket
import threading

import pytest

from labkit.measure.scenes import reading_late


def test_nobody_reads_on_once_a_scene_has_failed():
    before = threading.enumerate()
    here, there = socket.socketpair()
    with here, there:
        with pytest.raises(ZeroDivisionError), reading_late(there, after=0):
            _ = 1 / 0
        assert threading.enumerate() == before
