"""A room on a real lab: what phones ask over real connections, and what hostile clients get."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import threading
import time

import pytest

from labkit import Channel, Lab
from labkit.classroom.limits import Limits
from labkit.classroom.room import Room
from labkit.classroom.scripts import backpressure, flood, select_against_epoll, slow_handler
from labkit.classroom.wall import Classroom, wall

from .hostile import WITHIN, attack


class Echo(Channel):
    def handle_read(self):
        self.write(self.recv(1024))


@pytest.fixture
def lab():
    with Lab(Echo, selector="epoll") as lab:
        yield lab


@pytest.fixture
def room(lab):
    with Room(lab) as room:
        yield room


class Phone:
    """A phone by hand: one request a connection, and a stream of news."""

    def __init__(self, room: Room, name: str = "ann") -> None:
        self.room = room
        told = self.post("/join", code=room.code, name=name)
        self.token, self.name = told["token"], told["name"]

    def post(self, path: str, **fields):
        status, body = ask(self.room, "POST", path, {"token": getattr(self, "token", ""), **fields})
        assert status == 200, (status, body)
        return json.loads(body) if body else {}

    def listen(self) -> socket.socket:
        stream = socket.create_connection(self.room.address, WITHIN)
        stream.sendall(f"GET /news?token={self.token} HTTP/1.1\r\nhost: room\r\n\r\n".encode())
        received = b""
        while b"\n" not in received.partition(b"\r\n\r\n")[2]:
            received += stream.recv(4096)
        assert received.startswith(b"HTTP/1.1 200")
        return stream


def ask(room: Room, method: str, path: str, fields=None, extra: str = "") -> tuple[int, bytes]:
    body = b"" if fields is None else json.dumps(fields).encode()
    return raw(room, f"{method} {path} HTTP/1.1\r\nhost: room\r\n{extra}content-length: {len(body)}\r\n"
                     "connection: close\r\n\r\n".encode() + body)  # fmt: skip


def raw(room: Room, data: bytes) -> tuple[int, bytes]:
    """(status, body) of what comes back for these bytes; 0 if the room hung up without a word."""
    with socket.create_connection(room.address, WITHIN) as sock:
        answer = b""
        with contextlib.suppress(ConnectionError):
            sock.sendall(data)
        with contextlib.suppress(ConnectionError):
            while part := sock.recv(65_536):
                answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    return (int(head.split()[1]) if head else 0), body


def eventually(holds) -> None:
    until = time.monotonic() + WITHIN
    while not holds():
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.01)


def test_the_page_is_served_whole_and_may_run_nothing_but_itself(room):
    status, body = ask(room, "GET", "/")
    assert status == 200 and body.startswith(b"<!doctype html>") and body.rstrip().endswith(b"</html>")
    with socket.create_connection(room.address, WITHIN) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nhost: room\r\n\r\n")
        head = sock.recv(65_536).partition(b"\r\n\r\n")[0].lower()
    assert b"default-src 'none'" in head and b"set-cookie" not in head and b"no-store" in head


def test_an_answer_is_one_send_however_it_is_made(room, lab):
    """Each send more is a wait for the interpreter more, while the figure is drawn."""
    before = lab.tape[-1].index if len(lab.tape) else -1
    assert ask(room, "GET", "/ping")[0] == 200
    Phone(room).listen().close()
    eventually(lambda: not room.service.connections)
    lab.pause()
    sent = [it for it in lab.tape if it.index > before and any(call.name == "send" for call in it.calls)]
    for it in sent:
        answered = [call.fd for call in it.calls if call.name == "send"]
        assert len(answered) == len(set(answered)), it.explain()
    assert len(sent) == 3


def test_a_student_is_an_fd_in_the_figure_by_name(room, lab):
    ann = Phone(room, "Ann")
    with ann.listen():
        eventually(lambda: room.listening == 1)
        lab.pause()
        it = lab.step()
        assert {it.name(fd) for fd in it.interest} >= {"class", "desk", "Ann"}


def test_votes_are_hidden_from_phones_and_counted_once(room):
    ballot = room.ask("What does recv return?", ["b''", "EAGAIN"], expect="b''")
    ann, bob = Phone(room, "ann"), Phone(room, "bob")
    with ann.listen() as news:
        for phone, choice in ((ann, 0), (bob, 1), (bob, 1), (ann, 0)):
            assert phone.post("/vote", number=1, round=1, choice=choice) == {"counted": True}
        room.close_vote()
        told = b""
        while b'"open": false' not in told:
            told += news.recv(65_536)
        assert b"tally" not in told and b"expect" not in told
    assert ballot.tally() == [1, 1] and "50%" in ballot.advice()
    assert ask(room, "POST", "/vote", {"token": ann.token, "number": 1, "round": 1, "choice": 1})[0] == 409


def test_the_second_vote_and_what_the_experiment_showed(room, tmp_path):
    room.ask("?", ["yes", "no"])
    ann = Phone(room)
    ann.post("/vote", number=1, round=1, choice=1)
    room.close_vote()
    room.ask_again()
    ann.post("/vote", number=1, round=2, choice=0)
    ballot = room.reveal("yes")
    assert ballot.answer == 0 and not ballot.open
    saved = json.loads(room.save(tmp_path / "votes.json").read_text())
    assert saved == [{"question": "?", "choices": ["yes", "no"], "answer": 0, "rounds": [[0, 1], [1, 0]]}]
    with pytest.raises(ValueError, match="none of the choices"):
        room.reveal("maybe")


def test_a_phone_that_lost_the_network_comes_back_as_the_same_student(room):
    ann = Phone(room)
    lost = ann.listen()
    with ann.listen():
        eventually(lambda: room.listening == 1)  # the lost stream is closed from here
        assert [student.name for student in room.students] == ["ann"]
        assert ann.post("/again")["name"] == "ann"
    lost.close()


def test_a_step_of_the_teacher_is_one_iteration_and_the_class_goes_on(room, lab):
    before = room.lab.tape[-1].index if len(lab.tape) else -1
    it = room.step()
    assert it.stepped if hasattr(it, "stepped") else it.index > before
    assert lab.running and ask(room, "GET", "/ping")[0] == 200


def test_leaving_takes_the_fds_along(room):
    ann = Phone(room)
    with ann.listen() as news:
        ann.post("/leave")
        with contextlib.suppress(ConnectionError):
            while news.recv(65_536):
                pass
    eventually(lambda: not room.service.connections)
    assert ask(room, "POST", "/again", {"token": ann.token})[0] == 401


def test_closing_the_room_leaves_the_lab_and_nothing_else(lab):
    with Room(lab) as room:
        ann = Phone(room)
        stream = ann.listen()
        address = room.address
    with stream, contextlib.suppress(ConnectionError):
        while stream.recv(65_536):
            pass
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, 1)
    assert not room.students and not room._sweeper.is_alive()
    lab.pause()
    alice = lab.connect("alice")
    alice.send(b"still here")
    lab.step(3)
    assert alice.recv(100) == b"still here"


def test_threads_take_turns_sooner_until_the_last_room_is_closed(lab):
    before = sys.getswitchinterval()
    first = Room(lab)
    with Room(lab):
        assert sys.getswitchinterval() < before
        first.close()
        first.close()
        assert sys.getswitchinterval() < before
    assert sys.getswitchinterval() == before


def test_only_loopback_is_listened_on_unless_a_host_is_named(room, lab):
    assert room.address[0] == "127.0.0.1" and room.loopback_only and not room.warning
    with Room(lab, host="0.0.0.0") as open_room:
        assert "EVERYBODY" in open_room.warning and str(open_room.address[1]) in open_room.url


def test_an_address_that_cannot_be_had_leaves_nothing_behind(lab):
    with pytest.raises(OSError):
        Room(lab, host="127.0.0.2000")
    with pytest.raises(OSError) as refused:
        Room(lab, host="192.0.2.10")
    assert "name an address of this machine" in refused.value.__notes__[0]
    assert len(lab.channels) == 0


@pytest.mark.slow
def test_many_orders_of_the_teacher_leave_everybody_a_turn(room, lab):
    turns: list[int] = []

    def order():
        turns.append(len(lab.tape))
        time.sleep(0.01)

    for _ in range(600):  # more than the bell's socket holds
        room._desk.orders.append(order if len(room._desk.orders) < 20 else lambda: turns.append(-1))
    done = threading.Event()
    room.do(done.set)
    assert done.wait(WITHIN) and turns.count(-1) == 580
    assert len(set(turns)) > 2, "they were all carried out in one turn"


# ---- experiments -----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_bytes_pile_up_for_those_who_stopped_reading_only(room):
    ann, bob = Phone(room, "ann"), Phone(room, "bob")
    with ann.listen() as stopped, bob.listen() as reading:
        assert "Nobody has stopped" in repr(backpressure(room, 1))
        ann.post("/reads", reads=False)
        reading.settimeout(0.05)

        over = threading.Event()

        def read_on():
            while not over.is_set():
                with contextlib.suppress(TimeoutError):
                    reading.recv(1 << 20)

        reader = threading.Thread(target=read_on)
        reader.start()
        try:
            seen = backpressure(room, 16 * 2**20)
            assert seen.numbers["stopped"] > 2**20
            eventually(lambda: not any(len(each.write_buffer) for each in tuple(room.service.connections)
                                       if each.name == "bob"))  # fmt: skip
        finally:
            over.set()
            reader.join()
        assert stopped.fileno() >= 0


def test_a_phone_that_never_reads_is_let_go_in_the_end(lab):
    with Room(lab, limits=Limits(unsent=2**20)) as room:
        ann = Phone(room)
        with ann.listen():
            room.fill(32 * 2**20)
            eventually(lambda: room.listening == 0)


@pytest.mark.unhurried
def test_a_slow_handler_keeps_everybody_waiting(room):
    Phone(room)
    assert slow_handler(room, 0.3).numbers["answered"] == 0


def test_select_and_epoll_are_compared_on_the_class_itself(room):
    phones = [Phone(room, str(n)) for n in range(3)]
    with contextlib.ExitStack() as stack:
        for phone in phones:
            stack.enter_context(phone.listen())
        assert select_against_epoll(room, 20).numbers["connections"] == 3


@pytest.mark.slow
def test_connections_wait_in_the_backlog_while_the_loop_stands(room):
    with contextlib.ExitStack() as stack:
        pause = room.lab.pause

        def pause_and_rush():  # phones that connect just when the loop has stopped
            pause()
            room.lab.pause = pause
            for _ in range(5):
                stack.enter_context(socket.create_connection(room.address, WITHIN))

        room.lab.pause = pause_and_rush
        assert flood(room).numbers["accepted_in_three"] == 3


# ---- hostile clients -------------------------------------------------------------------------------------


def besieged(room: Room, requests: int, students: int = 5, seed: int = 7) -> float:
    """Seconds that so many malformed requests took while students listened, of whom none was dropped."""
    began = time.monotonic()
    phones = [Phone(room, f"student {n}") for n in range(students)]
    with contextlib.ExitStack() as stack:
        news = [stack.enter_context(phone.listen()) for phone in phones]
        attack(room.address, requests, seed)
        room.tell({"kind": "say", "text": "still here"})
        for stream in news:  # none of these comes back: whoever was dropped hears nothing more
            heard = b""
            while b"still here" not in heard:
                part = stream.recv(65_536)
                assert part, "a student was dropped"
                heard += part
        for phone in phones:
            phone.post("/send", word="hello")
        assert room.listening == students
    eventually(lambda: len(room.service.connections) == 0)
    assert not [it for it in room.lab.tape if it.errors]
    return time.monotonic() - began


@pytest.mark.slow
def test_malformed_requests_drop_no_student(room):
    besieged(room, 1_500)  # a hundred thousand: make proof-class


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET / HTTP/1.1\r\n" + b"x: " + b"y" * 20_000 + b"\r\n\r\n", {431, 400, 0}),
        (b"POST /send HTTP/1.1\r\nhost: r\r\ncontent-length: 100000\r\n\r\n" + b"x" * 100_000, {413, 0}),
        (b"POST /send HTTP/1.1\r\nhost: r\r\ncontent-length: 3\r\n\r\nnot", {400}),
        (b"POST /send HTTP/1.1\r\nhost: r\r\ncontent-length: 2\r\n\r\n[]", {400}),
        (b"POST /send HTTP/1.1\r\nhost: r\r\ncontent-length: 2\r\n\r\n{}", {401}),
        (b"GET /etc/passwd HTTP/1.1\r\nhost: r\r\n\r\n", {404}),
        (b"GET /../../page.html HTTP/1.1\r\nhost: r\r\n\r\n", {404}),
        (b"DELETE / HTTP/1.1\r\nhost: r\r\n\r\n", {404}),
        (b"HEAD / HTTP/1.1\r\nhost: r\r\n\r\n", {404}),
        (b"GET /news?token=nobody HTTP/1.1\r\nhost: r\r\n\r\n", {401}),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", {400}),
    ],
)  # fmt: skip
def test_what_is_wrong_is_answered_by_its_number(room, data, status):
    with socket.create_connection(room.address, WITHIN) as sock:
        answer = b""
        with contextlib.suppress(OSError):  # the room may hang up in the middle
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            while part := sock.recv(65_536):
                answer += part
    assert not [it for it in room.lab.tape if it.errors]
    assert (int(answer.split()[1]) if answer else 0) in status


def test_a_request_in_single_bytes_and_two_in_one_piece_are_both_understood(room):
    data = b"GET /ping HTTP/1.1\r\nhost: r\r\n\r\n"
    with socket.create_connection(room.address, WITHIN) as sock:
        for at in range(len(data)):
            sock.sendall(data[at : at + 1])
        assert sock.recv(65_536).startswith(b"HTTP/1.1 200")
        sock.sendall(data + data)
        heard = b""
        while heard.count(b"HTTP/1.1 200") < 2:
            heard += sock.recv(65_536)


@pytest.mark.slow
def test_slow_and_silent_connections_are_closed(lab):
    with Room(lab, limits=Limits(head_s=0.2, idle_s=0.4)) as room:
        ann = Phone(room)
        with ann.listen(), contextlib.ExitStack() as stack:
            for start in (b"", b"GET / HT", b"POST /vote HTTP/1.1\r\nhost: r\r\ncontent-length: 50\r\n\r\n{"):
                stack.enter_context(socket.create_connection(room.address, WITHIN)).sendall(start)
            eventually(lambda: len(room.service.connections) == 4)
            eventually(lambda: len(room.service.connections) == 1)  # whoever listens to the news is not idle
            assert room.listening == 1


@pytest.mark.parametrize("limit", ["connections", "connections_each"])
def test_more_connections_than_allowed_are_told_so(lab, limit):
    with Room(lab, limits=Limits(**{limit: 5})) as room, contextlib.ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(socket.create_connection(room.address, WITHIN))
        eventually(lambda: len(room.service.connections) == 5)
        with stack.enter_context(socket.create_connection(room.address, WITHIN)) as sixth:
            assert sixth.recv(65_536).startswith(b"HTTP/1.1 503")


def test_too_many_requests_of_one_student_leave_the_others_alone(lab):
    with Room(lab, limits=Limits(requests=10)) as room:
        ann, bob = Phone(room, "ann"), Phone(room, "bob")
        statuses = [ask(room, "POST", "/send", {"token": ann.token, "word": "x"})[0] for _ in range(15)]
        assert statuses[:9] == [200] * 9 and statuses[-1] == 429
        assert bob.post("/again") == {"name": "bob"}


def test_a_vote_that_was_overheard_and_is_sent_again_counts_once_and_not_in_the_next_round(room):
    ballot = room.ask("?", ["yes", "no"])
    ann = Phone(room)
    body = json.dumps({"token": ann.token, "number": 1, "round": 1, "choice": 0}).encode()
    head = b"POST /vote HTTP/1.1\r\nhost: r\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
    overheard = head % len(body) + body
    assert [raw(room, overheard)[0] for _ in range(20)] == [200] * 20 and ballot.tally() == [1, 0]
    room.close_vote()
    room.ask_again()
    assert raw(room, overheard)[0] == 409 and ballot.tally() == [0, 0]


def test_the_wall_says_why_a_button_did_nothing_until_another_is_pressed(lab):
    with Classroom(lab) as room:
        view, buttons = room.wall().children
        close, _, reveal, _ = buttons.children
        room.ask("Whose <question> is this?", ["mine", "yours"])
        close.click()
        reveal.click()
        assert "say what the experiment showed" in view.value
        Phone(room, "ann")  # comes in, and so the wall is drawn anew
        eventually(lambda: "ann" in view.value)
        assert "say what the experiment showed" in view.value
        close.click()
        assert "say what the experiment showed" not in view.value


def test_a_name_with_markup_stays_text_everywhere(room):
    Phone(room, "<script>x</script>")
    room.ask("<img src=x onerror=y>", ["<b>a</b>", "c"])
    shown = wall(room)
    assert "<script>x" not in shown and "<img src=x" not in shown and "<b>a" not in shown
    assert "&lt;script&gt;" in shown
