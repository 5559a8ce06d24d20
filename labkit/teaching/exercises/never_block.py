"""A handler that never blocks: half a line must not hold up the others."""

from typing import Any

from labkit.lab.lab import Lab
from labkit.teaching.practice_form import Check, expect

TITLE, LESSON, ANSWER, ORDER = "A handler that never blocks", "02", "Lines", 2

STATEMENT = """
Write a class `Lines(Channel)`. Each line that a peer sends, up to and with its `\\n`, is answered with
the same line in capitals, as soon as it is whole. The beginning of a line waits in `self.read_buffer`
for the rest, and meanwhile others are served.

`self.recv(n)` gives you up to `n` bytes of what is there; `self.write(data)` sends. The loop calls
`handle_read` again whenever there is more.

**Judged:** half a line, and somebody else's line meanwhile; two lines in one piece; a line longer than
one `recv`. Your handler must always return.
"""

STUB = """
from labkit import Channel

class Lines(Channel):
    def handle_read(self):
        line = b""
        while not line.endswith(b"\\n"):
            line += self.recv(100)
        self.write(line.upper())
"""

HINTS = (
    "Who comes back with the rest of the line: your handler, or the loop?",
    "One recv for each call of handle_read. What you have got goes to the end of "
    "self.read_buffer, which stays from call to call.",
    'self.read_buffer += self.recv(100); while b"\\n" in self.read_buffer: line, _, '
    'self.read_buffer = self.read_buffer.partition(b"\\n"); self.write(line.upper() + b"\\n")',
)

EXPLANATION = """
A handler that waits for one peer makes all the others wait. So it takes what is there, remembers where
it was, and returns. What a thread keeps on its stack, an event loop keeps in an object: here it is the
read buffer. `await` in asyncio does the same for you: it remembers, and returns to the loop.
"""


def host(answer: Any, **options: Any) -> Lab:
    return Lab(answer, **options)


def half_a_line(bench: Any) -> None:
    stage = bench.open()
    alice, bob = stage.connect("alice"), stage.connect("bob")
    stage.quiet()
    first, rest, other = bench.text(5), bench.text(6), bench.text(7)
    alice.send(first)
    stage.quiet()
    bob.send(other + b"\n")
    stage.quiet()
    early = stage.take(alice, 1, within=0.05)
    expect(
        not early,
        "Half a line is not answered.",
        f"alice got {early!r} before her line was whole.",
        stage.last,
    )
    got = stage.take(bob, 8)
    expect(
        got == other.upper() + b"\n",
        "bob's line is answered while alice's is half.",
        f"He got {got!r}.",
        stage.last,
    )
    alice.send(rest + b"\n")
    stage.quiet()
    got, whole = stage.take(alice, 12), (first + rest).upper() + b"\n"
    expect(got == whole, f"The rest comes, and alice gets {whole!r}.", f"She got {got!r}.", stage.last)


def two_lines_in_one_piece(bench: Any) -> None:
    stage = bench.open()
    alice = stage.connect("alice")
    stage.quiet()
    lines = bench.text(4) + b"\n" + bench.text(5) + b"\n"
    alice.send(lines)
    stage.quiet()
    got = stage.take(alice, len(lines))
    expect(
        got == lines.upper(),
        f"Two lines arrive together, and both are answered: {lines.upper()!r}.",
        f"alice got {got!r}.",
        stage.last,
    )


def a_long_line(bench: Any) -> None:
    stage = bench.open()
    alice = stage.connect("alice")
    stage.quiet()
    line = bench.text(3000 + bench.rng.randrange(100)) + b"\n"
    alice.send(line)
    stage.quiet(4000)
    got = stage.take(alice, len(line))
    expect(
        got == line.upper(),
        f"A line of {len(line):,} bytes is answered with as many.",
        f"{len(got):,} came.",
        stage.last,
    )


CHECKS = (
    Check("half a line", 2, half_a_line),
    Check("two lines in one piece", 1, two_lines_in_one_piece),
    Check("a long line", 1, a_long_line),
)
