"""CPython's own tests of asyncio, asyncore, asynchat and selectors see the same watched as unwatched.

Python 3.11 is the last that has those of asyncore and asynchat: newer ones run its files, where it is found,
against pyasyncore and pyasynchat.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SUITE = """
import asyncio, contextlib, importlib.util, io, json, resource, sys, unittest, warnings
resource.setrlimit(resource.RLIMIT_NOFILE, (2048, 2048))  # test_selectors opens as many fds as it may
warnings.simplefilter("ignore")
from labkit import watch
watched = sys.argv[2] == "watched"
spec = importlib.util.spec_from_file_location(sys.argv[1], sys.argv[3])
module = sys.modules[sys.argv[1]] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
run_forever, run = asyncio.BaseEventLoop.run_forever, unittest.TestCase.run

def run_watched(self):
    selects = isinstance(self, asyncio.SelectorEventLoop) and self._selector is not None
    with watch(self, calls=True) if selects else contextlib.nullcontext():
        return run_forever(self)

def test_watched(self, result=None):
    with watch(sys.modules["asyncore"]):
        return run(self, result)

def always_watched(kind):
    def make():
        selector = kind()
        entered.append(watch(selector))
        entered[-1].__enter__()
        return selector
    return staticmethod(make)

entered = []
if watched and "selectors" in sys.argv[1]:
    for case in vars(module).values():
        if isinstance(case, type) and isinstance(vars(case).get("SELECTOR"), type):
            case.SELECTOR = always_watched(case.SELECTOR)
elif watched and "asyncio" in sys.argv[1]:
    asyncio.BaseEventLoop.run_forever = run_watched
elif watched:
    unittest.TestCase.run = test_watched
said = io.StringIO()
with contextlib.redirect_stderr(said):
    result = unittest.TextTestRunner(said).run(unittest.defaultTestLoader.loadTestsFromModule(module))
wrong = sorted(str(test) for test, _ in result.failures + result.errors)
print(json.dumps([result.testsRun, wrong, len(entered)]))
"""
GONE = ["test.test_asyncore", "test.test_asynchat"]  # since 3.12
MODULES = [*GONE, "test.test_selectors"] + [
    f"test.test_asyncio.test_{name}" for name in ("streams", "sock_lowlevel", "sendfile", "server")
]


LOST = "nothing is compared, since this Python comes without CPython's own tests; here without"


def file_of(module: str) -> str | None:
    """Where a module of CPython's own tests is; of those that are gone, also where a Python 3.11 has it."""
    olds = [shutil.which("python3.11"), *Path(sys.base_prefix).parent.glob("3.11*/bin/python3.11")]
    for python in [sys.executable, *filter(None, olds)] if module in GONE else [sys.executable]:
        ask = f"import importlib.util; print(importlib.util.find_spec({module!r}).origin)"
        told = subprocess.run([python, "-c", ask], capture_output=True, text=True, timeout=60)
        if not told.returncode:
            return told.stdout.strip()
    return None


@pytest.mark.slow
@pytest.mark.every_python
@pytest.mark.parametrize("module", MODULES)
def test_a_suite_of_cpython_gives_the_same_results_watched(module):
    pytest.importorskip("test.support", reason=f"LOST: {LOST} {module}", exc_type=ImportError)
    if (file := file_of(module)) is None:
        pytest.skip(f"LOST: {LOST} {module}")
    command = [sys.executable, "-W", "ignore", "-c", SUITE, module]
    runs = [  # side by side: they sleep most of the time
        subprocess.Popen([*command, how, file], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for how in ("plain", "watched")
    ]
    plain, watched = (json.loads(each.communicate(timeout=100)[0].splitlines()[-1]) for each in runs)
    assert watched[:2] == plain[:2] and plain[0] > 2
    assert not plain[1] or module not in GONE
    assert watched[2] > 10 or "selectors" not in module  # that many selectors were watched
