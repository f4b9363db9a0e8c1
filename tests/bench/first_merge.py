"""From nothing to the first merged pull request: `python -m tests.bench.first_merge`.

A forge of this machine with one repository, its tests and its CI, and a person who gives the
answers of `ANSWERS` as flags: `bin/init.sh` makes the labels, the board and the config and files
the first issue; then the wrappers that cron would start are run in rounds, with the demo's settle
times, until the issue is closed by a merge. The built-in agent does the work, so no model is
waited for. Ends with 1 where it took more than three minutes or six answers, or did not get there.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support import forge

CODE = Path(__file__).resolve().parents[2]
SLUG = "maria/library"
WORKFLOW = """\
name: ci
on: [push, pull_request]
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: python3 -m unittest discover -s tests -t .
"""
SEED: dict[str, Any] = {
    "users": [{"login": "maria", "token": "maria-token", "name": "Maria"}],
    "repos": [{
        "name": SLUG,
        "files": {
            "README.md": "# Library\n\nWe recieve books.\n",
            "tests/__init__.py": "",
            "tests/test_it.py": "import unittest\n\n\nclass It(unittest.TestCase):\n"
            "    def test_adds(self):\n        self.assertEqual(1 + 1, 2)\n",
            ".github/workflows/ci.yml": WORKFLOW,
        },
    }],
}  # fmt: skip
ISSUE = "A typo in the README\nReplace `recieve` with `receive` in `README.md`"
# What a person has to say, each an answer; the rest is found out or as recommended.
ANSWERS = {"--repo": SLUG, "--lane": "full", "--agents": "patch", "--first-issue": ISSUE}
# As in bin/demo/config.yaml: small, so that nobody has to wait.
SETTLES = """\

settle_seconds: 1
min_head_age_seconds: 1
jitter_seconds: 0
retry_wait_minutes: 0.05
min_free_disk_percent: 0
min_free_disk_gb: 0
"""
WRAPPERS = ("run_dispatcher.sh", "run_queue.sh", "run_pr_monitor.sh")
LIMIT_SECONDS, MOST_ANSWERS = 180.0, 6
PAUSE_SECONDS = 0.4


def flags(api_url: str) -> list[str]:
    """How `bin/init.sh` is started; `--yes` answers nothing, and a forge needs its address."""
    said = [word for pair in ANSWERS.items() for word in pair]
    return ["--yes", "--no-cron", "--api-url", api_url, *said]


def environment(folder: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    return kept | {
        "HOME": str(folder), "ORCH_ROOT": str(folder), "GITHUB_TOKEN": "maria-token",
        "NO_COLOR": "1",
    }  # fmt: skip


def run(program: str, *words: str, around: Mapping[str, str]) -> str:
    """What it printed; ends the measurement where it failed."""
    argv = [str(CODE / "bin" / program), *words]
    ended = subprocess.run(argv, env=dict(around), capture_output=True, text=True, check=False)
    if ended.returncode not in {0, 10}:
        sys.exit(f"{program} ended with {ended.returncode}:\n{ended.stdout}{ended.stderr}")
    return ended.stdout


def main() -> int:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="first-merge-") as name:
        folder = Path(name)
        with forge.process(folder / "forge", SEED) as github:
            around = environment(folder)
            ready = time.monotonic()
            print(run("init.sh", *flags(github.url), around=around))
            config = folder / "config.yaml"
            config.write_text(config.read_text() + SETTLES)
            made = time.monotonic()
            api = github.session()
            rounds = 0
            while api.get(f"/repos/{SLUG}/issues/1").json()["state"] != "closed":
                if time.monotonic() - ready > LIMIT_SECONDS:
                    print("the limit is over; what was said last:")
                    print(run("run_pr_monitor.sh", around=around))
                    return 1
                rounds += 1
                for wrapper in WRAPPERS:
                    run(wrapper, around=around)
                time.sleep(PAUSE_SECONDS)
            merged = time.monotonic()
            (pull,) = api.get(f"/repos/{SLUG}/pulls?state=all").json()
    seconds = merged - ready
    print(f"answers                       {len(ANSWERS):>6}   (at most {MOST_ANSWERS})")
    print(f"forge started                 {ready - began:>6.1f} s")
    print(f"bin/init.sh                   {made - ready:>6.1f} s")
    print(f"Ready to merged, {rounds:>2} rounds     {merged - made:>6.1f} s")
    print(f"clone to merged               {seconds:>6.1f} s (at most {LIMIT_SECONDS:.0f})")
    print(f"pull request #{pull['number']}: {pull['title']!r}, merged {bool(pull['merged_at'])}")
    good = pull["merged_at"] and seconds <= LIMIT_SECONDS and len(ANSWERS) <= MOST_ANSWERS
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
