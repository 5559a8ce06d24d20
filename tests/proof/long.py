"""The tests that take long and seldom break, marked so: lessons in the browser and backwards, a hub, a class.

A file at a time on each of two workers, those with the most tests first. It ends with 1 if one failed, or if
the time was over before all had run. On a machine that only tests (CI=true) docs/proof.md stays as it is.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from ..browser.chromium import find_or_install
from .written import ROOT, keep, kept, minutes, part

RULE = "long"
PYTEST = (sys.executable, "-m", "pytest", "-m", RULE, "-p", "no:cacheprovider")
STOPS_WITHIN = 60  # seconds, with its servers and browsers


def main() -> None:
    left = minutes(__doc__)
    browser = find_or_install()  # once: two files would bring it twice
    if browser.path is not None:
        os.environ["CHROMIUM"] = str(browser.path)
    wanted, passed = files(), kept("long").get("passed", {})
    with ThreadPoolExecutor(2) as workers:
        todo = [file for file in wanted if file not in passed]
        ended = dict(zip(todo, workers.map(lambda file: run(file, left), todo), strict=True))
    passed |= {file: last for file, (code, last) in ended.items() if code == 0}
    failed = [f"{file}: {last}" for file, (code, last) in ended.items() if code]
    keep("long", {"passed": {} if passed.keys() == wanted.keys() else passed})
    said = [f"{sum(wanted[file] for file in passed)} of {sum(wanted.values())} tests passed."]
    said += [f"- {each}" for each in failed]
    print(*said, sep="\n")
    if not os.environ.get("CI"):
        part("long", "\n".join(said), "make proof-long")
    sys.exit(bool(failed))


def files() -> dict[str, int]:
    """How many long tests each file has, the most first."""
    asked = [*PYTEST, "-q", "--collect-only"]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, timeout=300)
    found = Counter(re.findall(r"^(\S+?)::", done.stdout, re.MULTILINE))
    if done.returncode or not found:
        raise SystemExit(done.stdout[-2000:] + done.stderr[-2000:])
    return dict(found.most_common())


def run(file: str, left: Callable[[], float]) -> tuple[int, str]:
    """pytest's exit status on a file, and its own last line; it is stopped when no time is left."""
    if left() <= 0:
        return 1, "not run in the time given"
    pytest = subprocess.Popen(
        [*PYTEST, file], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        told, _ = pytest.communicate(timeout=max(left(), 1))
    except subprocess.TimeoutExpired:
        pytest.send_signal(signal.SIGINT)  # it closes what it has open
        try:
            told, _ = pytest.communicate(timeout=STOPS_WITHIN)
        finally:
            pytest.kill()
    print(told, flush=True)
    return pytest.returncode, told.strip().splitlines()[-1].strip("= ")


if __name__ == "__main__":
    main()
