"""A student's page in a real browser, as wide as a phone: two at once, a lost network, a screen reader."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from labkit import Channel, Lab
from labkit.classroom.room import Room
from tests.helpers import until


class Echo(Channel):
    def handle_read(self):
        self.write(self.recv(1024))


@pytest.fixture
def room() -> Iterator[Room]:
    with Lab(Echo, selector="epoll") as lab, Room(lab) as room:
        yield room


@pytest.fixture
def phones(chromium: Browser) -> Iterator[list[Page]]:
    contexts = [
        chromium.new_context(viewport={"width": 360, "height": 740}, has_touch=True, color_scheme=scheme)
        for scheme in ("light", "dark")
    ]
    yield [context.new_page() for context in contexts]
    for context in contexts:
        context.close()


def join(page: Page, room: Room, name: str) -> None:
    page.goto(room.url)
    page.get_by_label("Code on the wall").fill(room.code.lower())
    page.get_by_label("Your name").fill(name)
    page.get_by_role("button", name="Join").tap()
    expect(page.get_by_role("heading", name=f"You are {name}")).to_be_visible()


def test_two_phones_vote_and_change_their_minds(room, phones, shots: Path):
    ann, bob = phones
    join(ann, room, "Ann")
    join(bob, room, "<b>Bob</b>")
    ballot = room.ask("What does recv return when the peer has closed?", ["b''", "EAGAIN", "it sleeps"])
    for page, choice in ((ann, "EAGAIN"), (bob, "it sleeps"), (ann, "b''")):
        page.get_by_role("button", name=choice).tap()
        expect(page.get_by_role("status")).to_contain_text(f"Your vote: {choice}")
    ann.screenshot(path=shots / "phone-light.png")
    bob.screenshot(path=shots / "phone-dark.png")
    assert ballot.tally() == [1, 0, 1]
    room.close_vote()
    for page in phones:
        expect(page.get_by_role("status")).to_contain_text("The vote is closed")
        expect(page.get_by_role("button", name="it sleeps")).to_be_disabled()
    room.ask_again()
    expect(bob.get_by_role("status")).to_contain_text("Second vote")
    bob.get_by_role("button", name="b''").tap()
    expect(bob.get_by_role("status")).to_contain_text("Your vote")
    assert ballot.tally() == [1, 0, 0]
    room.reveal("b''")
    expect(ann.get_by_role("status")).to_contain_text("It was: b''")


def test_a_wrong_code_and_a_word_and_going_home(room, phones):
    page = phones[0]
    page.goto(room.url)
    page.get_by_label("Code on the wall").fill("WRONG")
    page.get_by_label("Your name").fill("Ann")
    page.get_by_role("button", name="Join").tap()
    expect(page.get_by_role("status")).to_contain_text("not the code")
    join(page, room, "Ann")
    page.get_by_label("A word").fill("hello wall")
    page.get_by_role("button", name="Send it").tap()
    expect(page.get_by_role("status")).to_contain_text("Sent: hello wall")
    assert room.students[0].words == 1
    page.get_by_role("button", name="Close").tap()
    expect(page.get_by_role("button", name="Join")).to_be_visible()
    until(lambda: not room.students, 10)  # the page goes home at once, and does not wait for the room


def test_a_phone_that_stops_reading_fills_the_buffers_of_the_loop(room, phones):
    ann, bob = phones
    join(ann, room, "Ann")
    join(bob, room, "Bob")
    ann.get_by_role("button", name="Stop reading").tap()
    expect(ann.get_by_role("status")).to_contain_text("no longer read")
    room.tell({"kind": "say", "text": "psst"})
    room.fill(24 * 2**20)
    page = ann
    for _ in range(100):
        held = {each.name: len(each.write_buffer) for each in tuple(room.service.connections) if each.streams}
        if held.get("Ann", 0) > 2**20 and held.get("Bob") == 0:
            break
        page.wait_for_timeout(100)
    assert held["Ann"] > 2**20 and held["Bob"] == 0
    expect(ann.get_by_role("status")).to_contain_text("no longer read")  # nor heard what came since
    ann.get_by_role("button", name="Stop reading").tap()
    expect(ann.get_by_role("status")).to_contain_text("psst")
    for _ in range(100):
        if not any(len(each.write_buffer) for each in tuple(room.service.connections)):
            break
        page.wait_for_timeout(100)
    assert not any(len(each.write_buffer) for each in tuple(room.service.connections))


def test_a_phone_without_a_network_for_a_while_comes_back(room, phones):
    page = phones[0]
    join(page, room, "Ann")
    page.context.set_offline(True)
    for phone in tuple(room.service.connections):
        room.do(phone.abort)
    page.wait_for_timeout(700)
    page.context.set_offline(False)
    page.wait_for_function("document.getElementById('who').textContent === 'You are Ann'")
    for _ in range(100):
        if room.listening == 1:
            break
        page.wait_for_timeout(100)
    assert room.listening == 1 and [student.name for student in room.students] == ["Ann"]
    expect(page.get_by_role("status")).to_contain_text("You are back")
    page.reload()
    expect(page.get_by_role("heading", name="You are Ann")).to_be_visible()
    assert len(room.students) == 1


def test_the_page_is_readable_by_everybody(room, phones):
    for page in phones:
        join(page, room, "Ann")
        room.ask("What comes?", ["b''", "EAGAIN"])
        expect(page.get_by_role("button", name="EAGAIN")).to_be_visible()
        found = Axe().run(page).response["violations"]
        assert not found, [(each["id"], each["help"]) for each in found]
