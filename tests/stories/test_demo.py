"""The demo through its wrapper: stopped by hand, killed, started again, and all is merged once."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from orchestrator.adapters import process

CODE = Path(__file__).resolve().parents[2]
# What was killed in the midst of a write to GitHub is looked for again after a minute and a half,
# and gone on with a minute later: with the demo itself that is near three minutes.
PATIENCE = 400.0


@pytest.fixture
def checkout(tmp_path: Path, bytecode: Path) -> Path:
    """The code of this checkout with a runtime/ of its own, and the same .venv."""
    root = tmp_path / "agent-os"
    root.mkdir()
    for name in ("orchestrator", "bin"):
        shutil.copytree(CODE / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CODE / "requirements.txt", root)
    (root / ".venv").symlink_to(CODE / ".venv")
    (root / "runtime").mkdir(0o700)
    (root / "runtime" / "pycache").symlink_to(bytecode)
    return root


class Play:
    """One start of the demo in a session of its own, its output in a file.

    SIGINT is ignored when it starts, as a shell does for `cmd &`: it must listen all the same.
    """

    def __init__(self, checkout: Path, number: int) -> None:
        self.log = checkout.parent / f"demo-{number}.log"
        self.folder = checkout / "runtime" / "demo"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    "/bin/sh", "-c", "trap '' INT; exec \"$0\" -m orchestrator.commands.demo",
                    str(checkout / ".venv" / "bin" / "python"),
                ],
                cwd="/",
                env={**os.environ, "PYTHONPATH": str(checkout), "NO_COLOR": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def said(self) -> str:
        return self.log.read_text()

    def until(self, words: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not re.search(words, self.said()):
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.05)

    def end(self) -> int:
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        """kill -9 of everything: the demo, its forge, scripts, workers, agents and CI jobs."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        while process.processes_in(self.folder):
            process.kill_processes_in(self.folder)


def test_six_issues_are_merged_once_though_the_demo_is_stopped_and_killed(checkout: Path) -> None:
    first = Play(checkout, 1)
    first.until(r"attempt 1 by patch")
    first.process.send_signal(signal.SIGINT)
    assert first.end() == 130, first.said()
    assert "It begins anew" in first.said()
    assert process.processes_in(first.folder) == ()

    second = Play(checkout, 2)
    second.until(r"pull request #\d+")
    second.kill()

    third = Play(checkout, 3)
    assert third.end() == 0, third.said()
    assert "goes on where it stopped" in third.said()
    assert "All 6 issues are merged and verified." in third.said()
    assert "Traceback" not in third.said()
    assert process.processes_in(third.folder) == ()
    assert sorted((checkout / "runtime").iterdir()) == [
        checkout / "runtime" / name for name in ("demo", "locks", "pycache")
    ]
