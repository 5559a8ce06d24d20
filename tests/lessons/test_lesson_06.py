"""Lesson 06, reading asyncore while it runs: what its experiments observe, and that the notes are answered.

Counts, sequences of calls, states and errors are asserted exactly; times only against each other.
"""

from __future__ import annotations

import re
from types import SimpleNamespace

import nbformat
import pytest

from ..helpers import ROOT
from .observing import AsItStands, observe, rows, the_lesson

LESSON = ROOT / "notebooks" / "06-reading-asyncore.ipynb"

HELPERS = """
def _ran(walked):  # the source lines that ran, and how it ended
    return [[row.text.strip() for row in walked.rows if row.ran], walked.outcome]
"""
ASK = """
    waits=[call, limit, joined], asked=Counting.asked, chain=chain,
    chain2=[line.function for line in turn2 if line.function in ("readwrite", "read")],
    poll=_ran(Walked(turn, asyncore.poll)), loop=_ran(Walked(turn, asyncore.loop)),
    net=by, reraised=[each.__name__ for each in asyncore._reraised_exceptions],
    knock=_ran(Walked(knock, asyncore.dispatcher.handle_read_event)),
    accept=_ran(Walked(at_the_door, asyncore.dispatcher.accept)), pair=[nobody, len(somebody)],
    birth=[last, blocks, _ran(Walked(born, asyncore.dispatcher.__init__))],
    heard=Greeting.said, met=_ran(Walked(met, asyncore.dispatcher.handle_connect_event)),
    sends=_ran(sends), gets=_ran(gets), lost=_ran(lost_by), was_closed=was_closed,
    disconnected=len(asyncore._DISCONNECTED),
    held=list(held.values()), balance=[full.balance(fd) for fd in full.accounts],
    slice=_ran(Walked(turn, asyncore.dispatcher_with_send.initiate_send)),
    sent=[[size, *each] for size, each in sent.items()], got=[[size, *each] for size, each in got.items()],
    poll2=_ran(Walked(turn2, asyncore.poll2)), write=_ran(Walked(going, asyncore.write)),
    write_event=_ran(Walked(going, asyncore.dispatcher.handle_write_event)), owed=len(owing.out_buffer),
    ignored=_ran(ignored), went_on=went_on,
    states=[listens, before, accepted._fileno],
    listen=_ran(Walked(listening, asyncore.dispatcher.listen)),
    codes=codes, stands=stands, ways=list(ways.values()),
    left=after_it,
    close=_ran(Walked(closing, asyncore.dispatcher.close)), loud=Loud.lines,
    compact=Walked(failing, asyncore.compact_traceback).outcome,
    urgent=[[c.name for c in hurry[0].calls], hurried.byte.decode()],
    binds=list(binds.values()), new=list(new.values()),
    restored=[asyncore.select.__name__, "labkit" in str(asyncore.poll.__module__), dict(asyncore.socket_map)],
"""

# Every attribute, method and function that the notes quote from asyncore's source,
QUOTED = re.findall(
    r"\w+",
    """
    debug connected accepting connecting closing addr ignore_log_types __repr__ __str__ add_channel
    del_channel create_socket set_socket set_reuse_addr readable writable listen bind connect accept send recv
    close __getattr__ log log_info handle_read_event handle_connect_event handle_write_event handle_expt_event
    handle_error handle_expt handle_read handle_write handle_connect handle_accept handle_close initiate_send
    out_buffer readwrite loop poll poll2 socket_map dispatcher dispatcher_with_send select _exception
    _DISCONNECTED _reraised_exceptions compact_traceback setblocking ENOTCONN EINVAL
    ECONNABORTED TypeError EISCONN EALREADY EBADF EWOULDBLOCK
""",
)
# … and what it shows line by line while it runs.
WALKED = """
    loop poll poll2 read write readwrite compact_traceback dispatcher.__init__ dispatcher.accept
    dispatcher.recv dispatcher.send dispatcher.close dispatcher.listen dispatcher.handle_read_event
    dispatcher.handle_write_event dispatcher.handle_connect_event dispatcher.handle_expt_event
    dispatcher.handle_error dispatcher_with_send.initiate_send
"""


@pytest.fixture(scope="module")
def seen() -> SimpleNamespace:
    """What the lesson's cells observed."""
    return observe(LESSON, ASK, HELPERS)


class TestTheLesson(AsItStands):
    lesson = LESSON
    rows = rows(43, 44, range(46, 49), range(50, 53))
    ill = {"peer-never-reads": 1}


def test_everything_that_the_notes_quote_is_visited():
    text = "\n".join(cell.source for cell in nbformat.read(LESSON, as_version=4).cells)
    assert not [name for name in QUOTED if not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)]


def test_every_function_that_is_discussed_is_walked_while_it_runs():
    text = "\n".join(cell.source for cell in nbformat.read(LESSON, as_version=4).cells)
    walked = set(re.findall(r"Walked\(\w+, asyncore\.([\w.]+)", text))
    assert set(WALKED.split()) <= walked, sorted(set(WALKED.split()) - walked)


@the_lesson
def test_it_leaves_the_module_as_it_was(seen):
    assert seen.restored == ["select", False, SimpleNamespace()]


@the_lesson
def test_s43_loop_waits_in_select_for_30_seconds_at_most(seen):
    assert seen.waits == ["select", 30.0, True]
    assert "poll_fun = poll" in seen.loop[0] and "poll_fun = poll2" not in seen.loop[0]
    assert seen.asked == 100
    assert "r, w, e = select.select(r, w, e, timeout)" in seen.poll[0] and "read(obj)" in seen.poll[0]
    assert "write(obj)" not in seen.poll[0]


@the_lesson
def test_s44_read_calls_the_event_method_and_readwrite_belongs_to_poll2(seen):
    assert seen.chain[:6] == ["read", "handle_read_event", "handle_read", "recv", "initiate_send", "send"]
    assert set(seen.chain2) == {"readwrite"}
    assert "timeout = int(timeout*1000)" in seen.poll2[0]
    assert seen.urgent == [["_exception", "handle_expt_event", "handle_expt", "recv", "close"], "!"]


@the_lesson
def test_the_net_lets_three_exceptions_through(seen):
    assert seen.net == [False, True]
    assert seen.reraised == ["ExitNow", "KeyboardInterrupt", "SystemExit"]
    assert seen.loud[0].startswith("error: uncaptured python exception, closing channel")
    assert seen.compact.startswith("returns (")


@the_lesson
def test_s50_states_and_handle_connect(seen):
    last, blocks, (lines, _) = seen.birth
    assert last == "False" and blocks is False
    assert "sock.setblocking(False)" in lines and "if err.errno in (ENOTCONN, EINVAL):" in lines
    assert "self.handle_accept()" in seen.knock[0] and "self.handle_read()" not in seen.knock[0]
    assert seen.heard == ["the client's"]
    assert "self.handle_connect()" in seen.met[0]
    listens, accepted, fd = seen.states
    assert "listening 127.0.0.1" in listens and "connected 127.0.0.1" in accepted and fd is None
    assert seen.codes == ["EINPROGRESS", "EALREADY"] and seen.stands == "EISCONN"


@the_lesson
def test_s51_accept_gives_one_object_or_none(seen):
    assert seen.pair == [None, 2] and seen.accept[1] == "returns None"
    assert "if why.errno in (EWOULDBLOCK, ECONNABORTED, EAGAIN):" in seen.accept[0]
    assert seen.ways == ["None", "None"] and seen.left == ""


@the_lesson
def test_send_turns_eagain_into_0_and_recv_lets_it_raise(seen):
    assert seen.sends[1] == "returns 0" and "if why.errno == EWOULDBLOCK:" in seen.sends[0]
    assert seen.gets[1].startswith("raises BlockingIOError") and "raise" in seen.gets[0]
    assert seen.lost[1] == "returns b''" and "self.handle_close()" in seen.lost[0] and seen.was_closed
    assert seen.disconnected == 6
    assert seen.ignored == [["if self.accepting:", "return"], "returns None"] and not seen.went_on
    assert "obj.handle_write_event()" in seen.write[0] and "self.handle_write()" in seen.write_event[0]
    assert seen.owed == 0
    assert "num = 5" not in seen.listen[0] and "self.socket.close()" in seen.close[0]


@the_lesson
def test_s46_each_of_the_four_buffers_holds_something(seen):
    assert all(seen.held) and len(seen.held) == 4
    assert seen.balance == [True]


@the_lesson
def test_s47_the_slice_is_arbitrary_and_the_rest_is_copied(seen):
    assert any("65536" in line for line in seen.slice[0])
    sent = {size: (turns, copied, ms) for size, turns, copied, ms in seen.sent}
    assert sent[512][0] >= 2_000_000 / 512 and sent[512][0] > 50 * sent[65536][0]
    assert sent[512][1] > 3e9 and sent[512][1] > 50 * sent[65536][1]


@the_lesson
def test_s48_the_number_of_recv_is_an_upper_bound(seen):
    calls = {size: calls for size, calls, _, _ in seen.got}
    assert {got for *_, got in seen.got} == {4_000_000}
    assert all(calls[size] >= 4_000_000 / size for size in calls)
    assert calls[1024] > 10 * calls[65536]


@the_lesson
def test_s52_both_must_set_reuse_addr_and_the_old_one_must_be_gone(seen):
    assert seen.binds == ["EADDRINUSE", "EADDRINUSE", "EADDRINUSE", "fine", "EADDRINUSE"]


@the_lesson
def test_what_has_changed(seen):
    assert seen.new == [True, False, True, False, True, False]
