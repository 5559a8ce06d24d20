"""poll2's lost tail: a hang-up comes with the last bytes, and one read is made."""

from typing import Any

from labkit.lab.asyncore_lab import AsyncoreLab
from labkit.teaching.bugs_scene import company
from labkit.teaching.practice_form import Check, expect
from labkit.teaching.practice_reading import calls

TITLE, LESSON, ANSWER = "The last page", "10", "Server"
NAME, RULE = "lost tail", "lost-tail"
DISTRACTORS = ("half-close taken for good-bye", "lost partial write", "edge stall")
LINES = ("self.recv(1024)",)
STATEMENT = """
asyncore on poll closes after a hang-up, when your handler has returned. Mend the class: it takes all
that has arrived, at most 1,024 bytes a recv.
"""

STUB = r"""
import asyncore


class Server(asyncore.dispatcher_with_send):
    def handle_read(self):
        self.recv(1024)
"""

HINTS = (
    "After the hang-up nobody will call this again. How much does it take?",
    ("Read until there is no more: asyncore's recv raises BlockingIOError then, or returns b'' at the end."),
    ("while True: try: data = self.recv(1024), except BlockingIOError: return; if not data: return."),
)

EXPLANATION = """
poll reports POLLIN and POLLHUP together. asyncore's readwrite calls handle_read once, and then closes:
what one recv did not take is thrown away, though it had arrived. With select the same server loses
nothing.
"""


def host(answer: Any, **options: Any) -> AsyncoreLab:
    from labkit.lab.asyncore_host import hosted

    return hosted(answer, selector="poll", **options)


def _gone(bench: Any) -> tuple[Any, Any, int, int]:
    stage, one, _ = company(bench)
    size = bench.rng.randrange(2500, 9000)
    fd = stage.fd(one.name)
    stage.send(one, bench.text(size))
    one.reset()
    stage.step(6)
    return stage, one, size, sum(result or 0 for _, result, _ in calls(stage.tape, fd, "recv"))


def scene(bench: Any) -> str:
    _, one, size, taken = _gone(bench)
    return f"{one.name} uploaded {size:,} bytes and hung up. The server has stored {taken:,}."


def everything(bench: Any) -> None:
    stage, _, size, taken = _gone(bench)
    expect(taken == size, f"The server takes all {size:,} bytes.", f"It took {taken:,}.", stage.last)


def who_stays(bench: Any) -> None:
    stage, one, _ = company(bench)
    for size in (100, 2048, 3000):
        stage.send(one, bench.text(size))
        stage.step(5)
    taken = sum(result or 0 for _, result, _ in calls(stage.tape, stage.fd(one.name), "recv"))
    expect(taken == 5148, "Of who stays, everything is taken too.", f"{taken:,} bytes were.", stage.last)
    one.shutdown()
    stage.step(3)
    stage.take(one, 1)
    expect(one.eof, "Who ends is closed.", "The connection stays open.", stage.last)


CHECKS = (Check("everything", 3, everything), Check("who stays", 1, who_stays))
