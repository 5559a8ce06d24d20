"""CPython's own tests of asyncio and asynchat give the same results watched as unwatched."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SUITE = """
import asyncio, contextlib, importlib, io, json, sys, unittest, warnings
warnings.simplefilter("ignore")
from labkit import watch
watched = sys.argv[2] == "watched"
module = importlib.import_module(sys.argv[1])
run_forever, run = asyncio.BaseEventLoop.run_forever, unittest.TestCase.run

def run_watched(self):
    selects = isinstance(self, asyncio.SelectorEventLoop) and self._selector is not None
    with watch(self, calls=True) if selects else contextlib.nullcontext():
        return run_forever(self)

def test_watched(self, result=None):
    with watch(sys.modules["asyncore"]):
        return run(self, result)

if watched and "asyncio" in sys.argv[1]:
    asyncio.BaseEventLoop.run_forever = run_watched
elif watched:
    unittest.TestCase.run = test_watched
said = io.StringIO()
with contextlib.redirect_stderr(said):
    result = unittest.TextTestRunner(said).run(unittest.defaultTestLoader.loadTestsFromModule(module))
wrong = sorted(str(test) for test, _ in result.failures + result.errors)
print(json.dumps([result.testsRun, wrong]))
"""
MODULES = ["test.test_asynchat"] + [
    f"test.test_asyncio.test_{name}" for name in ("streams", "sock_lowlevel", "sendfile", "server")
]


@pytest.mark.slow
@pytest.mark.every_python
@pytest.mark.parametrize("module", MODULES)
def test_a_suite_of_cpython_gives_the_same_results_watched(module):
    pytest.importorskip(module, reason="this Python comes without it", exc_type=ImportError)
    plain, watched = (
        json.loads(
            subprocess.run(
                [sys.executable, "-W", "ignore", "-c", SUITE, module, how],
                capture_output=True,
                text=True,
                timeout=60,
                check=True,
            ).stdout.splitlines()[-1]
        )
        for how in ("plain", "watched")
    )
    assert watched == plain and plain[0] > 2
