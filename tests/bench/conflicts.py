"""Repairs for conflicts: `python -m tests.bench.conflicts`, our order against first in, first out.

The tasks are commits of this repository's own history, each with the files that it changed; where
there is no history, drawn ones with a few hot files. They come one after the other to workers; an
attempt takes its time, then CI, and each merge asks for one more run of CI before the next. Two
that change a common file conflict, if they do so near each other (a coin that is the same in every
run). One that conflicts with what was merged since it began needs a repair: another attempt from
the new base.

`hold` is what tells a worker not to start a task beside an open branch with the files that its
issue names (two of three name their first file), `turns` the order of merges. Both are the rules
themselves. Printed: repairs and the time until all is merged, and their ratios to first in, first
out.
"""

from __future__ import annotations

import statistics
import subprocess
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from random import Random
from zlib import crc32

from msgspec import Struct

from orchestrator.records.task import Priority
from orchestrator.rules import conflicts
from orchestrator.rules.conflicts import Candidate, UnderWay

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
TASKS, WORKERS, RUNS = 60, 6, 20
EVERY, ATTEMPT, CI = 4, 20, 5  # minutes: a task comes, an attempt, a run of CI
NEAR = 0.6  # of two that change one file, how many touch the same lines
NAMES = 2 / 3
PATIENCE = timedelta(minutes=60)


class Work(Struct):
    """A task on its way; `based` counts what had been merged when its branch began."""

    number: int
    files: frozenset[str]
    named: frozenset[str]
    comes: int
    ready_at: int = -1  # its branch is green from this minute on
    based: int = 0
    merged: bool = False


class Outcome(Struct, frozen=True):
    repairs: int
    minutes: int


def main() -> int:
    corpus = from_history() or drawn(Random(1), 300)
    print(f"{len(corpus)} commits, {TASKS} tasks a run, {WORKERS} workers, {RUNS} runs")
    results: dict[str, list[Outcome]] = {}
    for run in range(RUNS):
        dice = Random(run)
        works = [dice.choice(corpus) for _ in range(TASKS)]
        named = [frozenset(sorted(f)[:1]) if dice.random() < NAMES else frozenset() for f in works]
        for name, hold, turns in (
            ("first in, first out", False, False), ("hold", True, False),
            ("turns", False, True), ("both", True, True),
        ):  # fmt: skip
            tasks = [
                Work(number=n, files=works[n], named=named[n], comes=n * EVERY)
                for n in range(TASKS)
            ]
            results.setdefault(name, []).append(replay(tasks, hold=hold, turns=turns))
    first = results["first in, first out"]
    usual = sum(outcome.repairs for outcome in first)
    for name, outcomes in results.items():
        repairs = sum(outcome.repairs for outcome in outcomes)
        slower = statistics.fmean(
            one.minutes / other.minutes for one, other in zip(outcomes, first, strict=True)
        )
        print(f"{name:20} repairs {repairs:4} ({repairs / usual:.2f})  time {slower:.2f}")
    return 0


def replay(tasks: list[Work], *, hold: bool, turns: bool) -> Outcome:
    """One day: minute by minute, workers take what waits and one branch is merged."""
    waiting, busy, open_, done = list(tasks), [], [], []  # type: ignore[var-annotated]
    minute = repairs = next_merge = 0
    while len(done) < len(tasks):
        now = START + timedelta(minutes=minute)
        for work in [w for w in busy if w.ready_at - CI <= minute]:
            busy.remove(work)
            open_.append(work)
        for work in [w for w in waiting if w.comes <= minute]:
            if len(busy) >= WORKERS:
                break
            beside = [UnderWay(name=str(w.number), paths=w.files) for w in open_]
            beside += [UnderWay(name=str(w.number), paths=w.named) for w in busy]
            since = START + timedelta(minutes=work.comes)
            if hold and conflicts.hold(
                Priority.NORMAL, work.named, beside, since=since, now=now, patience=PATIENCE,
                spoken=str,
            ):
                continue
            waiting.remove(work)
            begin(work, minute, len(done))
            busy.append(work)
        green = [w for w in open_ if w.ready_at <= minute and next_merge <= minute]
        if green:
            front = chosen(green, open_, done, now, turns=turns)
            open_.remove(front)
            if spoilt(front, done):
                repairs += 1
                begin(front, minute, len(done))
                busy.append(front)
            else:
                done.append(front)
                next_merge = minute + CI
        minute += 1
    return Outcome(repairs=repairs, minutes=minute)


def begin(work: Work, minute: int, merged: int) -> None:
    work.based, work.ready_at = merged, minute + ATTEMPT + CI


def spoilt(work: Work, done: list[Work]) -> bool:
    return any(clash(work, other) for other in done[work.based :])


def clash(one: Work, other: Work) -> bool:
    """The same two are near each other in every run, whatever else is done."""
    first, second = sorted((one.number, other.number))
    return any(
        crc32(f"{first} {second} {path}".encode()) % 1000 < NEAR * 1000
        for path in one.files & other.files
    )


def chosen(
    green: list[Work], open_: list[Work], done: list[Work], now: datetime, *, turns: bool
) -> Work:
    if not turns:
        return min(green, key=lambda work: work.comes)
    pairs = {
        frozenset({a.number, b.number}) for a, b in combinations(open_, 2) if clash(a, b)
    }
    candidates = [
        Candidate(
            number=work.number, priority=Priority.NORMAL, spoilt=spoilt(work, done),
            created=START + timedelta(minutes=work.comes),
            since=START + timedelta(minutes=work.ready_at - CI),
        )
        for work in open_
    ]  # fmt: skip
    order = conflicts.turns(candidates, pairs, now)
    return min(green, key=lambda work: order[work.number].place)


def from_history() -> list[frozenset[str]]:
    """What the last commits of this repository changed, one set of paths for each."""
    done = subprocess.run(
        ["git", "log", "--no-merges", "--name-only", "--format=%x00", "-n", "400"],
        cwd=Path(__file__).parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = [frozenset(part.split()) for part in done.stdout.split("\0")]
    return [files - conflicts.EVERYBODYS for files in found if 1 <= len(files) <= 12]


def drawn(dice: Random, count: int) -> list[frozenset[str]]:
    """A few hot files, many cold ones."""
    return [
        frozenset(f"f{int(dice.paretovariate(0.6))}.py" for _ in range(dice.randint(1, 4)))
        for _ in range(count)
    ]


if __name__ == "__main__":
    raise SystemExit(main())
