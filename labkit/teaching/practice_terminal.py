"""`labkit practice`: exercises in a terminal, beside any editor. A saved file is checked; a key is a command.

h hint · l list · n next · x reset · f figure in the browser · q quit
"""

from __future__ import annotations

import contextlib
import itertools
import os
import select
import sys
import termios
import threading
import tty
import webbrowser
from collections.abc import Callable, Iterator
from pathlib import Path

from labkit.teaching import practice, progress
from labkit.teaching.practice_form import Exercise, every, load
from labkit.teaching.practice_steps import beginning, whole
from labkit.teaching.practice_verdict import Verdict, player

KEYS = "h hint · l list · n next · x reset · f figure · q quit"


class Practice:
    """A session: an exercise, its file, and what became of it. Files stay; so does what was passed."""

    def __init__(
        self,
        folder: Path,
        name: str | None = None,
        out: Callable[[str], None] = print,
        from_reference: bool = False,
    ) -> None:
        self.folder, self.out, self.from_reference = folder, out, from_reference
        self.exercises = every()
        self.passed = passed()
        self.exercise: Exercise = load(name) if name else self._first_unsolved()
        self.verdict: Verdict | None = None
        self.hints = 0
        self._asked_reset = False
        self._seen = (0, 0)

    def run(self) -> int:
        """Until the reader quits. Keys come from the terminal, saves from the file system."""
        if not sys.stdin.isatty():
            raise ValueError("practice needs a terminal; `labkit check NAME FILE` judges a file without one")
        saved, stop = os.pipe(), threading.Event()
        watcher = threading.Thread(target=_watch, args=(self.folder, saved[1], stop), daemon=True)
        try:
            self.begin()
            watcher.start()
            with _single_keys():
                while self._turn(saved[0]):
                    pass
        except KeyboardInterrupt:
            self.out("")
        finally:
            stop.set()
            if watcher.ident is not None:
                watcher.join(5)
            for fd in saved:
                os.close(fd)
        return 0

    def _turn(self, saved: int) -> bool:
        ready, _, _ = select.select([sys.stdin, saved], [], [])
        if saved in ready:
            os.read(saved, 65536)
            if self._stamp() != self._seen:
                self.check()
            return True
        key = os.read(sys.stdin.fileno(), 1).decode(errors="replace")
        return bool(key) and self.press(key)

    # ---- what a key does -----------------------------------------------------------------------------

    def press(self, key: str) -> bool:
        """Do what a key says; False at the end."""
        commands = {
            "h": self.hint,
            "l": self.list,
            "n": self.next,
            "x": self.reset,
            "f": self.figure,
            "\r": self.check,
            "\n": self.check,
        }
        if key in ("q", "\x04", "\x03"):
            return False
        if key != "x":
            self._asked_reset = False
        commands.get(key, lambda: self.out(KEYS))()
        return True

    @property
    def file(self) -> Path:
        return self.folder / f"{self.exercise.name.replace('-', '_')}.py"

    def begin(self) -> None:
        """Show the exercise; make its file, if there is none."""
        self.verdict, self.hints = None, 0
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.file.exists():
            self.file.write_text(beginning(self.exercise, self.from_reference), encoding="utf-8")
        self._seen = self._stamp()
        self.out(f"\n{self.exercise.lesson} · {self.exercise.title} ({self.exercise.points} points)\n")
        self.out(self.exercise.statement)
        self.out(f"\nYour file: {self.file}. Save it, and it is checked.\n{KEYS}")

    def _stamp(self) -> tuple[int, int]:
        """What a save changes: (when, which file); as before while an editor puts a new file there."""
        try:
            now = self.file.stat()
        except OSError:
            return self._seen
        return now.st_mtime_ns, now.st_ino

    def check(self) -> None:
        self._seen = self._stamp()
        try:
            answer = whole(self.exercise, self.file, self.from_reference)
            verdict = practice.judge(self.exercise, answer)
        except ValueError as error:
            self.out(f"\n{error}")
            return
        self.verdict = verdict
        practice.keep(verdict, answer)
        self.out(f"\n{verdict}\n")
        if verdict.passed:
            self.passed.add(self.exercise.name)
            self.out("n: the next exercise")

    def hint(self) -> None:
        hints = self.exercise.hints
        if self.hints == len(hints):
            self.out("There are no more hints.")
            return
        self.hints += 1
        self.out(f"Hint {self.hints} of {len(hints)}: {hints[self.hints - 1]}")

    def list(self) -> None:
        for each in self.exercises:
            here = "▸" if each.name == self.exercise.name else " "
            self.out(
                f"{here} {'✓' if each.name in self.passed else '·'} {each.lesson} {each.name}: {each.title}"
            )

    def next(self) -> None:
        """The next exercise that is not solved; after the last, the first one."""
        names = [each.name for each in self.exercises]
        at = names.index(self.exercise.name) if self.exercise.name in names else -1
        later = self.exercises[at + 1 :] + self.exercises[: at + 1]
        left = [each for each in later if each.name not in self.passed]
        if not left:
            self.out("You have solved them all.")
        self.exercise = (left or later)[0]
        self.begin()

    def reset(self) -> None:
        """Put the stub back, keeping what was there; asks once."""
        if not self._asked_reset:
            self._asked_reset = True
            self.out("x again puts the stub back (what you have is kept beside it, as .old, .old1 …)")
            return
        self._asked_reset = False
        names = (self.file.with_suffix(f".old{n or ''}") for n in itertools.count())
        with contextlib.suppress(FileNotFoundError):  # it may be gone
            self.file.replace(next(name for name in names if not name.exists()))
        self.begin()

    def figure(self) -> None:
        """Open the figure of what failed in the browser."""
        failed = self.verdict.failed if self.verdict is not None else None
        if failed is None or failed.tape is None or not len(failed.tape):
            self.out("There is no figure: save your file, and what fails can be looked at.")
            return
        path = player(failed, self.folder / "figure.html")
        self.out(f"figure: {path}")
        webbrowser.open(path.resolve().as_uri())

    def _first_unsolved(self) -> Exercise:
        return next((each for each in self.exercises if each.name not in self.passed), self.exercises[0])


def passed() -> set[str]:
    """The names of the exercises that the reader has passed, from their progress."""
    kept = progress.read()
    tasks = [*kept.get("exercise", {}).items(), *kept.get("step", {}).items()]
    return {name for name, facts in tasks if facts.get("passed")}


@contextlib.contextmanager
def _single_keys() -> Iterator[None]:
    """The terminal gives keys as they are pressed, and shows none of them (termios(3), cbreak)."""
    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    tty.setcbreak(fd)
    try:
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


def _watch(folder: Path, told: int, stop: threading.Event) -> None:
    """Write a byte to the pipe `told` for each save in `folder`, and now and then: a save can be missed."""
    from watchfiles import watch

    saves = watch(
        folder,
        stop_event=stop,
        debounce=100,
        step=20,
        rust_timeout=500,
        yield_on_timeout=True,
        recursive=False,
    )
    for _ in saves:
        with contextlib.suppress(OSError):
            os.write(told, b".")
