"""What a sandbox costs, and what is left after it: `python -m tests.bench.sandbox [RUNS]`.

First the start of a program by the executor, bare, contained, contained without a network, and with
a way to some hosts, in turn, so that each round meets the same machine: milliseconds until its
first word, and of processor time for the whole run. Of each the least and the median, and the
median of the differences to the bare start of the same round.
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
        told(in_turn(executor, kinds))
        began = time.monotonic()
        for _ in range(runs):
            executor.run(order(here, FORKS))
        left = napping()
        spent = time.monotonic() - began
        print(f"{runs} runs of a forking agent in {spent:.0f} s: {len(left)} processes left")
        return int(bool(left))


def in_turn(
    executor: Local, kinds: dict[str, AttemptOrder]
) -> dict[str, list[tuple[float, float]]]:
    """Of each kind and round, in ms: until its program's first word, and of processor time."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in kinds}
    for _ in range(STARTS):
        for name, what in kinds.items():
            found[name].append(started(executor, what))
    return found


def started(executor: Local, what: AttemptOrder) -> tuple[float, float]:
    Path(what.log_path).unlink(missing_ok=True)
    before, began = spent_by_all(), time.time_ns()
    report = executor.run(what)
    spent = (spent_by_all() - before) * 1000
    if not report.output_tail:
        raise SystemExit(f"a program said nothing: {report}")
    return (int(report.output_tail) - began) / 1e6, spent


def told(found: dict[str, list[tuple[float, float]]]) -> None:
    """A table; on a busy machine the least says more than the median of what is there."""
    said = "first word: least, median, both more than bare"
    print(f"{'ms':11}  {said}  |  processor: the same")
    for name, rounds in found.items():
        cells = []
        for which in (0, 1):
            mine, bare = ([one[which] for one in kind] for kind in (rounds, found["bare"]))
            more = [ours - theirs for ours, theirs in zip(mine, bare, strict=True)]
            least = min(mine) - min(bare)
            cells.append(
                f"{min(mine):6.1f} {statistics.median(mine):6.1f}"
                f"  {least:+6.1f} {statistics.median(more):+6.1f}"
            )
        print(f"{name:11}  {'   |  '.join(cells)}")


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
