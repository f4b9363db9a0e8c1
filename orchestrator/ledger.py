"""The quota ledger: every account's windows with what is used, allowed, and until when it rests.

It holds nothing itself: rests are kept by `cooling`, use by the metrics, limits by the config.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator import cooling, metering
from orchestrator.records.config import Allowed
from orchestrator.records.quota import Learnt, Line, Window
from orchestrator.rules.budget import Account
from orchestrator.world import World

MEASURES = ("usd", "tokens", "attempts")


def lines(world: World) -> tuple[Line, ...]:
    """What is known of each account, by name; an account of which nothing is known has none."""
    owners: dict[str, list[str]] = {}
    for agent in sorted(world.agents):
        for login in logins(world, agent):
            owners.setdefault(cooling.account(world, agent, login), []).append(agent)
    found: list[Line] = []
    for account, agents in sorted(owners.items()):
        found += resting(world, account, tuple(agents))
        found += planned(world, account, tuple(agents))
    return tuple(found)


def told(world: World, line: Line) -> str:
    """`claude, five_hours: 12 of 40 attempts (metrics, config), until 14:05 UTC (field)`."""
    said = f"{line.account}, {line.window}"
    if line.used is not None and line.limit is not None:
        said += f": {line.used:g} of {line.limit:g} {line.measure}"
        said += f" ({line.used_from}, {line.limit_from})"
    if line.resets_at is not None:
        said += f", used up until {world.spoken(line.resets_at)} ({line.reset_from})"
    return said


def logins(world: World, agent: str) -> tuple[str, ...]:
    """The accounts that the agent's program can ask; "" for its one."""
    named = (one.account for one in world.agents[agent].requirements().credentials)
    return tuple(dict.fromkeys(("", *named)))


def resting(world: World, account: str, agents: tuple[str, ...]) -> Iterator[Line]:
    rest = cooling.of(world).rest(account)
    if rest is not None and rest.until > world.clock.now():
        yield Line(
            account=account, agents=agents, window=rest.window,
            resets_at=rest.until, reset_from=rest.learnt,
        )  # fmt: skip


def planned(world: World, account: str, agents: tuple[str, ...]) -> Iterator[Line]:
    """The windows of its plan, by the first of its agents of which the config tells one."""
    for agent in agents:
        config = world.config.agent(agent)
        if config is None or not config.quota or cooling.account(world, agent) != account:
            continue
        plan = metering.plan(world, agent, metering.read(world))
        for window, one in plan.items():
            yield from measured(account, agents, Window(window), config.quota[window], one)
        return


def measured(
    account: str, agents: tuple[str, ...], window: Window, allowed: Allowed, one: Account
) -> Iterator[Line]:
    for measure in MEASURES:
        limit = getattr(allowed, measure)
        if limit is not None:
            yield Line(
                account=account, agents=agents, window=window, measure=measure,
                used=getattr(one.spent, measure), used_from=Learnt.METRICS,
                limit=limit, limit_from=Learnt.CONFIG,
                resets_at=one.until, reset_from=Learnt.METRICS if one.until else None,
            )  # fmt: skip
