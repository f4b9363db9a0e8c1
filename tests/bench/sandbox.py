"""What a sandbox costs, and what is left after it: `python -m tests.bench.sandbox [RUNS]`.

First the start of a program by the executor, bare, contained, and contained with a way to some
hosts: milliseconds until its first word, and of processor time for the whole run.
Then RUNS (1,000) contained runs of a program that leaves daemons behind in every way it knows, and
how many processes of all of them are alive afterwards.
"""

from __future__ import annotations

import os
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

from msgspec import structs

from orchestrator.executors.local import Local
from orchestrator.records.config import Network, Sandbox
from orchestrator.records.order import AttemptOrder
from tests.support.contained import order

STARTS = 60
NAPS = "61803"  # seconds of sleep that nobody else asks for
FORKS = f"""\
sleep {NAPS} & (sleep {NAPS} &) ; setsid sleep {NAPS} &
setsid sh -c 'cd /; (sleep {NAPS} &) ; sleep {NAPS}' </dev/null >/dev/null 2>&1 &
nohup sh -c 'trap "" TERM HUP INT; while :; do sleep {NAPS}; done' >/dev/null 2>&1 &
env -i /usr/bin/setsid /bin/sleep {NAPS} &
(f() {{ [ $1 -gt 0 ] && (f $(($1 - 1)) &); exec sleep {NAPS}; }}; f 5 &)
exit 0
"""


def main() -> int:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        tells = order(here, "date +%s%N")
        kinds = {
            "bare": structs.replace(tells, sandbox=Sandbox.NONE),
            "contained": tells,
            "no network": structs.replace(tells, network=Network.NONE),
            "with hosts": structs.replace(
                tells, network=Network.PROVIDERS, hosts=("example.com",)
            ),
        }
        executor = Local()
        executor.run(tells)
        found = {name: started(executor, one) for name, one in kinds.items()}
        for name, (best, median, cpu) in found.items():
            more, cost = best - found["bare"][0], cpu - found["bare"][2]
            print(
                f"{name:11} first word {best:5.1f} ms ({more:+5.1f}), median {median:5.1f};"
                f" processor {cpu:5.1f} ms ({cost:+5.1f})"
            )
        began = time.monotonic()
        for _ in range(runs):
            executor.run(order(here, FORKS))
        left = napping()
        spent = time.monotonic() - began
        print(f"{runs} runs of a forking agent in {spent:.0f} s: {len(left)} processes left")
        return int(bool(left))


def started(executor: Local, what: AttemptOrder) -> tuple[float, float, float]:
    """In ms until the program's first word: the best and the median; and of processor time.

    The best is what a quiet machine needs: on a shared one the median measures the others.
    """
    firsts, cpus = [], []
    for _ in range(STARTS):
        Path(what.log_path).unlink(missing_ok=True)
        before, began = spent_by_all(), time.time_ns()
        report = executor.run(what)
        cpus.append((spent_by_all() - before) * 1000)
        firsts.append((int(report.output_tail) - began) / 1e6)
    return min(firsts), statistics.median(firsts), statistics.median(cpus)


def spent_by_all() -> float:
    """Processor seconds of this process and of all that it collected."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)


def napping() -> list[int]:
    """The processes of any run that live, wherever they are."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if os.fsencode(NAPS) in words:
                found.append(int(entry.name))
    return found


if __name__ == "__main__":
    raise SystemExit(main())
