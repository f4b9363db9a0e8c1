"""What a program costs: the CPU of it and all its descendants, its peak memory, wall time.

A small launcher starts the program and collects every process that comes of it, also those that
were left behind on purpose. Counting from this process would be wrong twice: a detached worker is
nobody's child, and a child's peak memory begins with that of whoever started it.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

LAUNCHER = """
import ctypes, json, os, sys, time
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # orphans become children of this process
report = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
os.set_inheritable(report, False)
before = time.monotonic()
first = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
code, cpu, peak = 0, 0.0, 0
while True:
    try:
        pid, status, used = os.wait4(-1, 0)
    except ChildProcessError:
        break
    cpu += used.ru_utime + used.ru_stime
    if pid == first:
        code, peak = os.waitstatus_to_exitcode(status), used.ru_maxrss
seconds = time.monotonic() - before
started = int(open("/proc/sys/kernel/ns_last_pid").read()) if os.getpid() == 1 else 0
os.write(report, json.dumps([code, cpu, seconds, peak, started]).encode())
"""
NAMESPACE = ("unshare", "--pid", "--fork", "--mount-proc")


class Cost(NamedTuple):
    """CPU and wall in seconds, peak in MB; `processes` is 0 where they could not be counted."""

    cpu: float
    wall: float
    peak: float
    processes: int

    def __add__(self, other: object) -> Cost:
        assert isinstance(other, Cost)
        return Cost(
            self.cpu + other.cpu, self.wall + other.wall, max(self.peak, other.peak),
            self.processes + other.processes,
        )  # fmt: skip


NOTHING = Cost(0.0, 0.0, 0.0, 0)


class Failed(Exception):
    """What was to be measured did not work."""


def measure(
    argv: Sequence[str], *, environment: Mapping[str, str], scratch: Path, cwd: Path | None = None
) -> Cost:
    """Run to the end of the last process that came of it; raises Failed where the first failed."""
    report, log = scratch / "cost.json", scratch / "cost.log"
    launcher = [sys.executable, "-I", "-S", "-c", LAUNCHER, str(report), *argv]
    with open(log, "wb") as said:
        subprocess.run(
            [*namespace(), *launcher], env=dict(environment), cwd=cwd, check=True,
            stdin=subprocess.DEVNULL, stdout=said, stderr=said,
        )  # fmt: skip
    code, cpu, wall, peak, started = json.loads(report.read_text())
    if code != 0:
        raise Failed(f"{' '.join(argv)} ended with {code}:\n{log.read_text()}")
    return Cost(cpu, wall, peak / 1024, max(started - 1, 0))


@cache
def namespace() -> tuple[str, ...]:
    """A pid namespace of its own numbers the processes; without the right to one, none."""
    try:
        tried = subprocess.run([*NAMESPACE, "true"], check=False, capture_output=True)
    except FileNotFoundError:
        return ()
    return NAMESPACE if tried.returncode == 0 else ()


def environment(root: Path, **more: str) -> dict[str, str]:
    """What the wrappers of bin/ give to a script: no bytecode is compiled twice."""
    code = Path(__file__).resolve().parents[2]
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(root),
        "LANG": "C.UTF-8",
        "PYTHONSAFEPATH": "1",
        "PYTHONPATH": str(code),
        "PYTHONPYCACHEPREFIX": str(root / "pycache"),
        "ORCH_ROOT": str(root),
        **more,
    }


def together(times: int, *runs: Callable[[], Cost]) -> list[list[Cost]]:
    """Each run in turn, so many times, so that a busy moment of the machine hits all of them."""
    taken: list[list[Cost]] = [[] for _ in runs]
    for _ in range(times):
        for kept, run in zip(taken, runs, strict=True):
            kept.append(run())
    return taken


def cpu(costs: Sequence[Cost]) -> float:
    return statistics.median(cost.cpu for cost in costs)


def ratio(ours: Sequence[Cost], theirs: Sequence[Cost]) -> float:
    """The median of the ratios of runs that were made side by side."""
    pairs = zip(ours, theirs, strict=True)
    return statistics.median(mine.cpu / other.cpu for mine, other in pairs)
