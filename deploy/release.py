"""Write what students get: the lessons, a lock and the wheel; no test, and so no answer to an exercise.

    python deploy/release.py DIR [--wheels]        (make release DIR=… WHEELS=1)

The folder is complete: put it on a stick, or make it a branch that nbgitpuller or Binder pulls. With
--wheels it brings every wheel of the lock for this machine's Python, for a room without a network.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LEFT_BY_JUPYTER = shutil.ignore_patterns(".ipynb_checkpoints", "__pycache__")

README = """# The event-loop lab

Lessons that take an event loop apart while it runs. You need Linux or macOS (on Windows: WSL) and Python 3.11
or newer. In this folder, once:

```
python3 -m venv .venv
.venv/bin/pip install {offline}--require-hashes -r requirements.lock
.venv/bin/pip install --no-deps {wheel}
```

Then, each time, `.venv/bin/jupyter lab notebooks/00-start-here.ipynb`. Conda and Binder read
`environment.yml`.
`.venv/bin/labkit doctor` says what is missing.
"""

ENVIRONMENT = """name: event-loop-lab
channels:
  - conda-forge
dependencies:
  - python=3.13
  - pip
  - pip:
      - -r requirements.lock
      - ./{wheel} --hash=sha256:{digest}
"""


def main() -> int:
    parser = argparse.ArgumentParser(description="Write what students get.")
    parser.add_argument("folder", type=Path, help="a new or an empty folder")
    parser.add_argument("--wheels", action="store_true", help="bring the wheels of the lock, too")
    options = parser.parse_args()
    if options.folder.exists() and (not options.folder.is_dir() or any(options.folder.iterdir())):
        print(f"{options.folder} is not empty: name a new folder", file=sys.stderr)
        return 2
    try:
        release(options.folder, options.wheels)
    except subprocess.CalledProcessError as error:
        print(
            f"release: pip ended with {error.returncode}; {options.folder} is not complete", file=sys.stderr
        )
        return 1
    print(f"{options.folder}: {sum(path.is_file() for path in options.folder.rglob('*'))} files")
    return 0


def release(folder: Path, wheels: bool = False) -> None:
    """Fill `folder`. Raises CalledProcessError if pip cannot build or download."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(ROOT / "notebooks", folder / "notebooks", ignore=LEFT_BY_JUPYTER)
    for name in ("LICENSE", "requirements.lock"):
        shutil.copy(ROOT / name, folder)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    built = ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run([*pip, *built], check=True)
    (wheel,) = folder.glob("event_loop_lab-*.whl")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (folder / "environment.yml").write_text(ENVIRONMENT.format(wheel=wheel.name, digest=digest))
    offline = "--no-index --find-links wheels " if wheels else ""
    (folder / "README.md").write_text(README.format(wheel=wheel.name, offline=offline))
    if wheels:
        lock = ["--require-hashes", "--requirement", str(ROOT / "requirements.lock")]
        subprocess.run([*pip, "download", *lock, "--dest", str(folder / "wheels")], check=True)


if __name__ == "__main__":
    sys.exit(main())
