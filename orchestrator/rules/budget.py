"""Budgets: what was used of each, and whether anything more may start."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from orchestrator.records.config import Budget, Period
from orchestrator.records.event import AttemptStat
from orchestrator.records.verdicts import AttemptVerdict
from orchestrator.rules import routing


class Spent(Struct, frozen=True, kw_only=True):
    """What attempts used together; of `unknown_costs` and `unknown_tokens` nobody told.

    `attempts` counts those under way as well, which have told nothing yet.
    """

    attempts: int = 0
    tokens: int = 0
    unknown_tokens: int = 0
    usd: float = 0.0
    unknown_costs: int = 0


class Account(Struct, frozen=True, kw_only=True):
    """One budget with what was used of it; `name` says whose and when, as in "claude, in May".

    `until` is when its period ends (UTC); None for a task's, which waiting does not end.
    """

    name: str
    budget: Budget
    spent: Spent
    until: datetime | None = None


def spent(stats: Iterable[AttemptStat], under_way: int = 0) -> Spent:
    """What these attempts used; an unknown cost is counted as unknown, and never as 0."""
    attempts, tokens, usd, untold, unpriced = under_way, 0, 0.0, 0, 0
    for stat in stats:
        served = counts(stat)
        attempts += served
        told = (stat.input_tokens, stat.output_tokens)
        tokens += sum(number for number in told if number is not None)
        untold += served and None in told
        usd += stat.cost_usd or 0.0
        unpriced += served and stat.cost_usd is None
    return Spent(
        attempts=attempts, tokens=tokens, unknown_tokens=untold, usd=usd, unknown_costs=unpriced
    )


def counts(stat: AttemptStat) -> bool:
    """Whether the run was one: a refused or interrupted one that told of no use was none."""
    if stat.cost_usd or stat.output_tokens:
        return True
    refused = stat.blocker_code in routing.REFUSALS and not stat.head_sha
    return not refused and stat.verdict != AttemptVerdict.INTERRUPTED


def over(account: Account) -> str:
    """By which hard limit nothing more may start, in a sentence; "" while something may."""
    return next(_reached(account, "hard_stop"), "")


def warned(account: Account) -> tuple[str, ...]:
    """The soft limits that are reached, a sentence each."""
    return tuple(_reached(account, "soft_warn"))


def blind(account: Account) -> str:
    """Why a limit in money may not hold: no attempt's cost is known; "" where one is."""
    used, budget = account.spent, account.budget
    if budget.hard_stop_usd is None or not used.unknown_costs or used.usd:
        return ""
    return (
        f"the limit of {_money(budget.hard_stop_usd)} for {account.name} cannot hold: of "
        f"{_runs(used.unknown_costs)} the cost is not known; give prices "
        "(cost_tracking.model_overrides), or a limit in tokens or attempts"
    )


def frees_at(
    stats: Sequence[AttemptStat], budget: Budget, length: timedelta
) -> datetime | None:
    """When so much has left a window of this length that something may start again.

    `stats` are those in it, the oldest first; None for a limit that allows nothing at all.
    """
    for i, stat in enumerate(stats, start=1):
        left = Account(name="", budget=budget, spent=spent(stats[i:]))
        if not over(left):
            return stat.timestamp + length
    return None


def bounds(now: datetime, period: Period) -> tuple[datetime, datetime]:
    """Begin and end (UTC) of the day or month in which `now` lies, in the zone of `now`."""
    begin = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if period is Period.DAY:
        end = begin + timedelta(days=1)
    else:
        begin = begin.replace(day=1)
        end = (begin + timedelta(days=32)).replace(day=1)
    return begin.astimezone(UTC), end.astimezone(UTC)


def _reached(account: Account, kind: str) -> Iterator[str]:
    used, budget = account.spent, account.budget
    usd = getattr(budget, f"{kind}_usd")
    if usd is not None and used.usd >= usd:
        unknown = f", and {_runs(used.unknown_costs)} without a known cost"
        rest = unknown if used.unknown_costs else ""
        yield f"{used.usd:.2f} of {_money(usd)} are spent for {account.name}{rest}"
    tokens = getattr(budget, f"{kind}_tokens")
    if tokens is not None and used.tokens >= tokens:
        unknown = f", and {_runs(used.unknown_tokens)} of unknown size"
        rest = unknown if used.unknown_tokens else ""
        yield f"{used.tokens:,} of {tokens:,} tokens are used for {account.name}{rest}"
    attempts = getattr(budget, f"{kind}_attempts")
    if attempts is not None and used.attempts >= attempts:
        yield f"{used.attempts} of {attempts} attempts are made for {account.name}"


def _money(usd: float) -> str:
    return f"{usd:.2f} USD"


def _runs(count: int) -> str:
    return f"{count} attempt" if count == 1 else f"{count} attempts"
