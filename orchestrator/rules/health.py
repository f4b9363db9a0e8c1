"""How well agents do, by type of task: what they achieved, apart from what they were refused."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from zlib import crc32

from msgspec import Struct, structs

from orchestrator.records.event import AttemptStat
from orchestrator.records.result import BlockerCode
from orchestrator.records.verdicts import AttemptVerdict
from orchestrator.rules import routing

Z = 1.96  # of an interval that holds the true rate in 95 of 100 cases
LEAST_TOLD = 5  # judged attempts below which a share says nothing
LEAST = 8  # judged attempts below which nothing is concluded of an agent
EXPLORED = 10  # one task in so many follows the fixed order, so that nobody is judged for ever

# What the machine, the program or a person did: it says nothing of the agent's work.
INFRASTRUCTURE = frozenset({
    BlockerCode.ENVIRONMENT_FAILURE, BlockerCode.RUNNER_FAILURE, BlockerCode.WORKER_CRASH,
    BlockerCode.PROMPT_TOO_LARGE,
})  # fmt: skip
NOBODYS = frozenset({
    BlockerCode.FALLBACK_EXHAUSTED, BlockerCode.BUDGET_SPENT, BlockerCode.MISSING_CONTEXT,
    BlockerCode.MANUAL_INTERVENTION_REQUIRED, BlockerCode.DEPENDENCY_BLOCKED,
    BlockerCode.UNEXPLAINED_CHANGE, BlockerCode.PUSH_NOT_READY,
})  # fmt: skip
NO_AGENT = frozenset({"", "none", "auto"})  # words of the earlier system's lines


class Outcome(StrEnum):
    """What one attempt says of the agent that made it."""

    SUCCESS = "success"
    FAILURE = "failure"
    QUOTA = "quota"
    INFRASTRUCTURE = "infrastructure"
    NOTHING = "nothing"


class Tally(Struct, frozen=True, kw_only=True):
    """One agent at one type of task; `quota` and `infrastructure` are not among the failures."""

    agent: str
    task_type: str
    successes: int = 0
    failures: int = 0
    quota: int = 0
    infrastructure: int = 0

    @property
    def judged(self) -> int:
        return self.successes + self.failures

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.successes, self.judged)


def outcome(stat: AttemptStat) -> Outcome:
    """By the attempt's own code; a chain that is exhausted lowers nobody."""
    if stat.agent in NO_AGENT or stat.verdict == AttemptVerdict.CANCELLED:
        return Outcome.NOTHING
    if stat.verdict == AttemptVerdict.DELIVER or (not stat.verdict and stat.status == "complete"):
        return Outcome.SUCCESS
    if stat.blocker_code in routing.REFUSALS:
        return Outcome.QUOTA
    if stat.verdict in {AttemptVerdict.CRASHED, AttemptVerdict.INTERRUPTED}:
        return Outcome.INFRASTRUCTURE
    if stat.blocker_code in INFRASTRUCTURE:
        return Outcome.INFRASTRUCTURE
    return Outcome.NOTHING if stat.blocker_code in NOBODYS else Outcome.FAILURE


def tallied(stats: Iterable[AttemptStat]) -> tuple[Tally, ...]:
    """One line for each agent and type of task, in alphabetical order."""
    found: dict[tuple[str, str], Tally] = {}
    counted = {
        Outcome.SUCCESS: "successes", Outcome.FAILURE: "failures",
        Outcome.QUOTA: "quota", Outcome.INFRASTRUCTURE: "infrastructure",
    }  # fmt: skip
    for stat in stats:
        field = counted.get(outcome(stat))
        if field is None:
            continue
        key = (stat.agent, stat.task_type)
        before = found.get(key) or Tally(agent=stat.agent, task_type=stat.task_type)
        found[key] = structs.replace(before, **{field: getattr(before, field) + 1})
    return tuple(found[key] for key in sorted(found))


def wilson(successes: int, judged: int) -> tuple[float, float]:
    """Between which rates the true one lies; of nothing everything is possible."""
    if not judged:
        return 0.0, 1.0
    rate, square = successes / judged, Z * Z
    middle = rate + square / (2 * judged)
    spread = Z * math.sqrt(rate * (1 - rate) / judged + square / (4 * judged * judged))
    whole = 1 + square / judged
    return max(0.0, (middle - spread) / whole), min(1.0, (middle + spread) / whole)


def ordered(
    chain: Sequence[str], tallies: Mapping[str, Tally], *, first: str = "", task_id: str = ""
) -> tuple[str, ...]:
    """The same agents, those first of whom it is certain that they do better; never fewer.

    `tallies` are of this type of task. Who is known too little keeps its place. `first` was asked
    for and stays first. One task in ten, by its name, follows the chain as it is written.
    """
    if crc32(task_id.encode()) % EXPLORED == 0:
        return tuple(chain)
    left = [name for name in chain if name != first]
    order = [name for name in chain if name == first]
    while left:
        # In a ring of comparisons nobody would be unbeaten: intervals have no such ring.
        chosen = next(
            name for name in left if not any(better(tallies, one, name) for one in left)
        )
        left.remove(chosen)
        order.append(chosen)
    return tuple(order)


def better(tallies: Mapping[str, Tally], one: str, other: str) -> bool:
    """Whether one's whole interval lies above the other's, and both are known well enough."""
    a, b = tallies.get(one), tallies.get(other)
    if a is None or b is None or min(a.judged, b.judged) < LEAST:
        return False
    return a.interval[0] > b.interval[1]


def told(tally: Tally) -> str:
    """`codex, implementation: 7 of 9 (78 %, likely 45 to 94 %), 2 refused, 1 machine's fault`."""
    said = f"{tally.agent}, {tally.task_type}: "
    if tally.judged:
        low, high = tally.interval
        said += f"{tally.successes} of {tally.judged}"
        if tally.judged >= LEAST_TOLD:
            share = f"{tally.successes / tally.judged:.0%}"
            said += f" ({share}, likely {low:.0%} to {high:.0%})"
    else:
        said += "not judged yet"
    said += f", {tally.quota} refused" if tally.quota else ""
    return said + (f", {tally.infrastructure} machine's fault" if tally.infrastructure else "")
