"""Programs that really run, for the tests whose point is a process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from orchestrator.executors.local import Local
from tests.support.office import Office


def programs(office: Office, tmp_path: Path, **scripts: str) -> None:
    """Real programs instead of functions, run by the real executor."""
    for name, script in scripts.items():
        path = tmp_path / "bin" / name
        path.write_text(f"#!/bin/bash\nPATH=/usr/bin:/bin\n{script}\n")
        path.chmod(0o755)
    office.world = replace(office.world, executor=Local(grace_seconds=0.2))


def alive(pid: int) -> bool:
    """Whether the process runs; one that is dead and not yet reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"
