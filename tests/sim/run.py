"""Many seeds, in this process or in several, with their sum and the seeds that failed."""

from __future__ import annotations

import gc
import multiprocessing
import os
import shutil
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.queues import SimpleQueue
from typing import Any

import msgspec
from msgspec import Struct

from tests.sim import engine, forges, whole
from tests.sim.interface import Content, Plan

HISTORY_SHOWN = 400
COLLECTED_AFTER = 20  # seeds


class Played(Struct, frozen=True, kw_only=True):
    """What is kept of a seed: its numbers, and its history only where something was violated."""

    seed: int
    counts: dict[str, int]
    violations: tuple[tuple[str, str], ...] = ()
    history: tuple[str, ...] = ()
    seconds: float = 0.0


class Player:
    """Plays seeds one after the other, from one template."""

    def __init__(self, content: Content | None = None) -> None:
        self.content = content or whole.content()
        self.place = forges.place()
        self.template = forges.template(self.place / "template")
        gc.disable()
        self._played = 0

    def result(self, plan: Plan, **more: Any) -> engine.Result:
        try:
            return engine.simulate(plan, self.content, self.place, self.template, **more)
        finally:
            self._tidy()

    def play(self, seed: int, *, history: bool = False) -> Played:
        began = time.monotonic()
        try:
            result = self.result(self.content.draw(seed))
        except Exception:  # noqa: BLE001 - a fault of ours is told with its seed, like any other
            broken = (("the simulator itself", traceback.format_exc()[-3000:]),)
            return Played(seed=seed, counts={}, violations=broken)
        kept = result.history if history or result.violations else ()
        return Played(
            seed=seed, counts=dict(result.counts), violations=tuple(result.violations),
            history=tuple(kept), seconds=time.monotonic() - began,
        )  # fmt: skip

    def _tidy(self) -> None:
        """What the first seed loaded stays, and a seed makes few cycles: they are looked for now
        and then, among all that came since."""
        self._played += 1
        if self._played == 1:
            gc.freeze()
        elif self._played % COLLECTED_AFTER == 0:
            gc.collect()

    def close(self) -> None:
        gc.enable()
        shutil.rmtree(self.place, ignore_errors=True)


@contextmanager
def player(content: Content | None = None) -> Iterator[Player]:
    made = Player(content)
    try:
        yield made
    finally:
        made.close()


def told(played: Played, more: str = "") -> str:
    """A failed seed for a person: what was violated, the end of its history, how to see it."""
    lines = [f"seed {played.seed}:"]
    lines += [f"  VIOLATED {name}: {words}" for name, words in played.violations]
    lines += [f"  {line}" for line in played.history[-HISTORY_SHOWN:]]
    return "\n".join([*lines, f"  again: python -m tests.sim --history {played.seed}{more}"])


class Sum:
    """What many seeds came to."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.seeds = 0
        self.counts: Counter[str] = Counter()
        self.failed: list[Played] = []

    def add(self, played: Played) -> None:
        self.seeds += 1
        self.counts.update(played.counts)
        if played.violations:
            self.failed.append(played)

    def line(self) -> str:
        passed, counts = time.monotonic() - self.began, self.counts
        return (
            f"{self.seeds} seeds, {counts['lifetimes']} lifetimes, "
            f"{counts['lifetimes'] / passed:.1f} lifetimes/s, ticks {counts['ticks']} run and "
            f"{counts['skipped']} skipped ({counts['proven']} proven), {counts['doors']} doors, "
            f"{counts['crashes']} crashes, {counts['faults']} faults, "
            f"{len(self.failed)} seeds with violations, {passed:.0f} s"
        )


_OWN: list[Player] = []


def _begin(content: Content | None, processors: SimpleQueue[int]) -> None:
    """In a process of a pool: the template is made once.

    Of its threads and programs one runs at a time: on one processor each hands over to the next
    without waking another up.
    """
    if not processors.empty():
        os.sched_setaffinity(0, {processors.get()})
    _OWN.append(Player(content))


def _one(seed: int) -> bytes:
    return msgspec.msgpack.encode(_OWN[0].play(seed))


def _tidy(_: int) -> None:
    while _OWN:
        _OWN.pop().close()
    time.sleep(0.2)


def many(
    seeds: Sequence[int],
    processes: int,
    each: Callable[[Played, Sum], None],
    content: Content | None = None,
) -> Sum:
    """Play seeds in so many processes; `each` hears of every one, in order of their numbers."""
    total = Sum()
    answers: Iterable[Played]
    if processes <= 1:
        with player(content) as alone:
            for seed in seeds:
                _count(alone.play(seed), total, each)
        return total
    forked = multiprocessing.get_context("fork")
    processors: SimpleQueue[int] = forked.SimpleQueue()
    free = os.sched_getaffinity(0)
    for processor in free if len(free) >= processes else ():
        processors.put(processor)
    with forked.Pool(processes, _begin, (content, processors)) as pool:
        answers = (msgspec.msgpack.decode(raw, type=Played) for raw in pool.imap(_one, seeds))
        for played in answers:
            _count(played, total, each)
        pool.map(_tidy, range(processes), chunksize=1)
    return total


def _count(played: Played, total: Sum, each: Callable[[Played, Sum], None]) -> None:
    total.add(played)
    each(played, total)
