"""Whether a red check is worth another run before an agent is sent after it.

A check flakes when one head saw it both red and green. From that, and from the heads on which a
second run was red as well, follows how likely a red outcome is to be one of chance: the mean of a
Beta distribution that begins at one in four, for a check of which nothing is known. Each further
red run on the same head makes chance less likely, by as much as the check is usually green.

A run costs minutes of a machine, a repair costs an agent's attempt, one of three repairs, and the
risk that sound work is bent around an accident: about twenty runs. So a run is repeated while
chance has at least one part in twenty. What never flaked is repeated once and what did twice, so
that real trouble which fails only mostly is not asked until it happens to pass.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from msgspec import Struct

from orchestrator.records.sighting import Outcome, Sighting

MEMORY = timedelta(days=30)
PRIOR_FLAKES, PRIOR_REAL = 1.0, 3.0
PRIOR_RED_RUNS, PRIOR_RUNS = 1.0, 20.0
WORTH_A_RUN = 0.05
RUNS_AGAIN_UNKNOWN = 1
RUNS_AGAIN_FLAKY = 2


class History(Struct, frozen=True, kw_only=True):
    """What is known of one check: heads on which it flaked, heads on which it was red for good,
    and of the runs on heads that were sound in the end, how many were red."""

    flaked: int = 0
    confirmed: int = 0
    red_runs: int = 0
    runs: int = 0


class Odds(Struct, frozen=True, kw_only=True):
    """How one red check looks: `chance` from 0 to 1, and whether it is worth another run."""

    chance: float
    again: bool
    reason: str


def since(now: datetime) -> datetime:
    """From when on a sighting counts: a check that was mended long ago is no longer flaky."""
    return now - MEMORY


def history(seen: Iterable[Sighting], check: str, *, but: str) -> History:
    """The history of `check` on all heads `but` the one that is being judged."""
    heads: dict[str, dict[str, Outcome]] = {}
    for one in seen:
        if one.check == check and one.head != but:
            heads.setdefault(one.head, {})[one.run or str(one.at)] = one.outcome
    flaked = confirmed = red_runs = runs = 0
    for outcomes in heads.values():
        red = sum(outcome is Outcome.RED for outcome in outcomes.values())
        if red == len(outcomes):
            confirmed += red > 1
            continue
        flaked += red > 0
        red_runs += red
        runs += len(outcomes)
    return History(flaked=flaked, confirmed=confirmed, red_runs=red_runs, runs=runs)


def judge(known: History, runs_again: int) -> Odds:
    """Of a check that is red, and was run again on this head `runs_again` times before."""
    flaky = known.flaked + PRIOR_FLAKES
    chance = flaky / (flaky + known.confirmed + PRIOR_REAL)
    rate = (known.red_runs + PRIOR_RED_RUNS) / (known.runs + PRIOR_RUNS)
    for _ in range(runs_again):
        chance = chance * rate / (chance * rate + 1 - chance)
    most = RUNS_AGAIN_FLAKY if known.flaked else RUNS_AGAIN_UNKNOWN
    again = runs_again < most and chance >= WORTH_A_RUN
    past = f"it flaked on {known.flaked} of the heads of the last {MEMORY.days} days"
    if not known.flaked:
        past = "it is not known to flake"
    if runs_again:
        past += f", and was run again {runs_again} time{'s' * (runs_again > 1)}"
    return Odds(chance=chance, again=again, reason=f"{past}; {chance:.0%} that it is chance")
