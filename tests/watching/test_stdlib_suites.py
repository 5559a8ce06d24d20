"""CPython's own tests of asyncio, asynchat and selectors give the same results watched as unwatched."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SUITE = """
import asyncio, contextlib, importlib, io, json, resource, sys, unittest, warnings
resource.setrlimit(resource.RLIMIT_NOFILE, (2048, 2048))  # test_selectors opens as many fds as it may
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
MODULES = ["test.test_asynchat", "test.test_selectors"] + [
    f"test.test_asyncio.test_{name}" for name in ("streams", "sock_lowlevel", "sendfile", "server")
]


LOST = "nothing is compared, since this Python comes without CPython's own tests; here without"


@pytest.mark.slow
@pytest.mark.every_python
@pytest.mark.parametrize("module", MODULES)
def test_a_suite_of_cpython_gives_the_same_results_watched(module):
    pytest.importorskip(module, reason=f"LOST: {LOST} {module}", exc_type=ImportError)
    command = [sys.executable, "-W", "ignore", "-c", SUITE, module]
    runs = [  # side by side: they sleep most of the time
        subprocess.Popen([*command, how], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for how in ("plain", "watched")
    ]
    plain, watched = (json.loads(each.communicate(timeout=100)[0].splitlines()[-1]) for each in runs)
    assert watched[:2] == plain[:2] and plain[0] > 2
    assert watched[2] > 10 or "selectors" not in module  # that many selectors were watched
