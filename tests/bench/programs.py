"""Installs the real agent programs from npm and takes each from Ready to merged against a stub.

    python -m tests.bench.programs [--folder DIR]

What is in DIR already is not installed again; it takes about a gigabyte. They are seen in the
sandbox, so DIR lies outside /tmp. Prints version, verdict, usage and seconds of each.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests.stories import test_real_agents
from tests.stories.test_real_agents import PROGRAMS

ROOT = Path(__file__).parents[2]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.programs", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path.home() / ".cache/agent-programs")
    folder = parser.parse_args().folder.resolve()
    if shutil.which("npm") is None:
        print("npm is missing: apt-get install npm", file=sys.stderr)
        return 2
    failed = [name for name in PROGRAMS if not shown(name, installed(name, folder))]
    return 1 if failed else 0


def installed(name: str, folder: Path) -> str:
    """The folder of its program, for a PATH."""
    place, wanted = folder / name, PROGRAMS[name]
    found = place / "node_modules/.bin"
    if not (found / wanted.program).exists():
        print(f"{name}: installing {wanted.package}", flush=True)
        place.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--silent", "--prefix", str(place), wanted.package]
        subprocess.run(command, check=True)
    return str(found)


def shown(name: str, found: str) -> bool:
    environment = {**os.environ, "PATH": f"{found}:{os.environ['PATH']}"}
    version = subprocess.run(
        [PROGRAMS[name].program, "--version"], check=False, env=environment, capture_output=True,
        text=True,
    )  # fmt: skip
    began = time.monotonic()
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rA", test_real_agents.__file__, "-k", f"[{name}]"],
        check=False, env=environment, cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    passed = ran.returncode == 0
    heads = ("PASSED", "USED", "FAILED")
    what = [line for line in ran.stdout.splitlines() if line.startswith(heads)]
    print(
        f"{name} {version.stdout.strip()}: {'ok' if passed else 'FAILED'}, "
        f"{time.monotonic() - began:.0f} s"
    )
    print("\n".join(f"  {line}" for line in what) if passed else ran.stdout[-3000:], flush=True)
    return passed


if __name__ == "__main__":
    sys.exit(main())
