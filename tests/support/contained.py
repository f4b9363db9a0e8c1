"""Orders that run in a real sandbox, and the reason to skip where none can be made."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.adapters import bubblewrap
from orchestrator.executors.local import Local
from orchestrator.records.config import Sandbox
from orchestrator.records.order import AttemptOrder, AttemptReport, Limits

LAYER = bubblewrap.layer(os.environ.get("PATH", ""))
needs_bubblewrap = pytest.mark.skipif(not LAYER.program, reason=LAYER.problem)


def order(folder: Path, script: str, **changes: object) -> AttemptOrder:
    """A shell script in a sandbox: `folder`/tree is its own, `folder`/attempt holds the rest."""
    (folder / "tree").mkdir(parents=True, exist_ok=True)
    given: dict[str, object] = {
        "argv": ("/bin/sh", "-c", script),
        "folder": str(folder / "tree"),
        "home": str(folder / "attempt" / "home"),
        "environment": {"PATH": os.environ["PATH"]},
        "timeout_seconds": 60.0,
        "log_path": str(folder / "attempt" / "agent.log"),
        "sandbox": Sandbox.REQUIRED,
        "limits": Limits(memory_bytes=10**9, disk_bytes=10**9, processes=500),
    }
    return AttemptOrder(**(given | changes))  # type: ignore[arg-type]


def run(folder: Path, script: str, **changes: object) -> AttemptReport:
    return Local(grace_seconds=0.5).run(order(folder, script, **changes))
