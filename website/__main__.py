"""`python -m website [OUT] [--only NAME …] [--executed]`: run the notebooks, write the pages, build the site.

An error of a cell ends the build. OUT/html is the site; OUT/executed keeps the notebooks with their outputs.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path

from website.execute import execute
from website.front import front
from website.outputs import Figures
from website.pages import page
from website.render import render

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"


def build(out: Path, names: list[str] | None = None, *, executed: bool = False) -> Path:
    """The site of the notebooks called `names` (all there are), in OUT/html, which is returned.

    `executed`: take the notebooks that OUT/executed holds already. Raises CellExecutionError for a cell that
    raises, CellTimeoutError for one that does not end, ValueError for a page that Sphinx complains about.
    """
    out = out.resolve()  # Sphinx takes a relative path from another folder
    chosen = sorted(names or (path.stem for path in NOTEBOOKS.glob("*.ipynb")))
    kept, pages = out / "executed", out / "pages"
    kept.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(pages, ignore_errors=True)
    for name in chosen:
        began, run = time.monotonic(), kept / f"{name}.ipynb"
        if not (executed and run.exists()):
            execute(NOTEBOOKS / f"{name}.ipynb", run)
            print(f"{name}: ran in {time.monotonic() - began:.1f} s", flush=True)
        figures = Figures(pages / "_extra" / "figures", name)
        (pages / f"{name}.md").write_text(page(run, figures, chosen), encoding="utf-8")
    shutil.copy(NOTEBOOKS / "figure.png", pages / "figure.png")
    (pages / "index.md").write_text(front(ROOT / "README.md", chosen), encoding="utf-8")
    return render(pages, out / "html")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m website", description=__doc__.split("\n\n")[0])
    parser.add_argument("out", nargs="?", type=Path, default=ROOT / "build" / "site", metavar="OUT")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these notebooks, such as 00-start-here")
    parser.add_argument("--executed", action="store_true", help="do not run again what OUT/executed holds")
    asked = parser.parse_args()
    html = build(asked.out, asked.only, executed=asked.executed)
    size = sum(file.stat().st_size for file in html.rglob("*") if file.is_file())
    print(f"{html / 'index.html'}: {size / 1e6:.1f} MB in all")
    return 0


if __name__ == "__main__":
    sys.exit(main())
