"""Everything but the browser on the Pythons that are newer than this machine's: in a Debian unstable root.

debootstrap makes the root once, in .proof/unstable (root only, about 1 GB). It has python3.14 and python3.15;
each gets a venv from the lock, and runs the unit tests and every notebook.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from .written import KEPT, ROOT, keep, kept, minutes, part

UNSTABLE = KEPT / "unstable"
MIRROR = os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian")
# How this machine reaches the network, for the root as well.
NETWORK = (
    "etc/resolv.conf",
    "etc/ssl/certs/ca-certificates.crt",
    *map(str, Path("/").glob("etc/apt/apt.conf.d/99*")),
)
HANDED_ON = ("PIP_", "SSL_CERT", "http_proxy", "https_proxy", "no_proxy")
VERSIONS = ("3.14", "3.15")
TESTS = (
    "-q",
    "-n",
    "2",
    "--dist",
    "loadfile",
    "-p",
    "no:cacheprovider",
    "--ignore=tests/browser",
    "-m",
    "not browser",
)


def main() -> None:
    left = minutes(__doc__, 45)
    if os.geteuid() or sys.platform != "linux":
        raise SystemExit("make proof-pythons makes a Debian root, which only root on Linux can")
    make_root()
    copy_checkout()
    found = kept("pythons").get("found", {})
    for version in VERSIONS:
        if version not in found and left() > 0:
            found[version] = tested(version, left())
            keep("pythons", {"found": found})
    lines = [f"- {version}: {found.get(version, 'not run in the time given')}" for version in VERSIONS]
    part("pythons", "Debian unstable, unit tests and notebooks.\n\n" + "\n".join(lines), "make proof-pythons")


def make_root() -> None:
    """The Debian root, if it is not there yet."""
    if (UNSTABLE / ".made").exists():
        return
    if not shutil.which("debootstrap"):
        run(["apt-get", "install", "-qq", "-y", "--no-install-recommends", "debootstrap"])
    shutil.rmtree(UNSTABLE, ignore_errors=True)
    KEPT.mkdir(exist_ok=True)
    run(["debootstrap", "--variant=minbase", "--include=ca-certificates", "unstable", str(UNSTABLE), MIRROR])
    for name in NETWORK:
        if Path("/", name).exists():
            shutil.copy2(Path("/", name), UNSTABLE / name.lstrip("/"))
    packages = [
        f"{name}{tail}" for name in map("python{}".format, VERSIONS) for tail in ("", "-venv", "-dev")
    ]
    inside(
        [
            "apt-get",
            "install",
            "-qq",
            "-y",
            "--no-install-recommends",
            *packages,
            "build-essential",
            "procps",
            "git",
        ]
    )
    (UNSTABLE / ".made").touch()


def copy_checkout() -> None:
    """The committed and changed files of this checkout, to /lab in the root."""
    lab = UNSTABLE / "lab"
    shutil.rmtree(lab, ignore_errors=True)
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for name in filter(None, names.split("\0")):
        (lab / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, lab / name)


def tested(version: str, seconds: float) -> str:
    """pytest's own last line on one Python, and the names of what failed."""
    venv = f"/venv-{version}"
    script = f"""
        set -e; cd /lab
        [ -x {venv}/bin/pytest ] || {{ python{version} -m venv --clear {venv}
        {venv}/bin/pip install --quiet --require-hashes -r requirements-test.lock; }}
        {venv}/bin/pip install --quiet --no-deps --no-build-isolation -e .
        {venv}/bin/python -m pytest {" ".join(TESTS[:-1])} "{TESTS[-1]}"
    """
    try:
        done = inside(["bash", "-c", script], check=False, timeout=seconds)
    except subprocess.TimeoutExpired:
        return f"not finished in {seconds / 60:.0f} minutes"
    last = re.findall(r"^.*\d+ (?:passed|failed).*$", done.stdout, re.MULTILINE)
    if not last:
        return "could not be set up: " + (done.stderr.strip().splitlines() or ["no word"])[-1]
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    return last[-1].strip("= ") + "".join(f"\n  - {name}" for name in failed)


def inside(
    command: list[str], *, check: bool = True, timeout: float | None = None
) -> subprocess.CompletedProcess[str]:
    """A command in the root, with its own /proc and /dev, which go when it ends."""
    mounts = "mount -t proc proc proc; mount --rbind /dev dev; "
    line = f'cd "{UNSTABLE}"; {mounts} exec chroot . "$@"'
    environment = {name: value for name, value in os.environ.items() if name.startswith(HANDED_ON)}
    environment |= {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "DEBIAN_FRONTEND": "noninteractive",
    }
    return run(
        ["unshare", "--mount", "bash", "-ec", line, "bash", *command],
        check=check,
        timeout=timeout,
        env=environment,
    )


def run(
    command: list[str], *, check: bool = True, timeout: float | None = None, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    print("$", *command[-8:], flush=True)
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=env)
    if check and done.returncode:
        raise SystemExit(f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return done


if __name__ == "__main__":
    main()
