"""How CI behaves under the skies that a plan may name, and what GitHub does wrong and when."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from random import Random

from orchestrator.forge.workflows import JobOrder
from tests.sim.interface import BASE, ROBOT, CiOutcome, CiWeather, DeedPlan, FaultKind, FaultPlan
from tests.sim.objects import Objects

SECONDS = (5.0, 15.0, 40.0, 90.0)
HOUR = 3600.0


# --- CI --------------------------------------------------------------------------------------


def deserved(order: JobOrder) -> str:
    """Why the commit itself is red, under every sky: `broken` by an agent, `base-broken` by a
    person's push to the base; "" where it is not."""
    paths = {path for path, _ in Objects().files(Path(order.repository), order.sha)}
    return next((name for name in ("broken", "base-broken") if name in paths), "")


def outcome(order: JobOrder, rng: Random, conclusion: str = "success") -> CiOutcome:
    why = deserved(order)
    if why:
        said = f"{why} is there"
        return CiOutcome(seconds=rng.choice(SECONDS), conclusion="failure", summary=said)
    said = "" if conclusion == "success" else f"the sky says {conclusion}"
    return CiOutcome(seconds=rng.choice(SECONDS), conclusion=conclusion, summary=said)


def green(order: JobOrder, rng: Random) -> CiOutcome:
    return outcome(order, rng)


def red_first(order: JobOrder, rng: Random) -> CiOutcome:
    """An agent's work is red until it was repaired once: CI asks for the note of a repair."""
    if order.branch == BASE:
        return outcome(order, rng)
    task = order.branch.removeprefix("agent/")
    paths = {path for path, _ in Objects().files(Path(order.repository), order.sha)}
    mended = f"notes/{task}.txt" in paths
    return outcome(order, rng, "success" if mended else "failure")


def red(order: JobOrder, rng: Random) -> CiOutcome:
    """Red on agents' branches, whatever they do."""
    return outcome(order, rng, "success" if order.branch == BASE else "failure")


def flaky(order: JobOrder, rng: Random) -> CiOutcome:
    """Each run is thrown anew: the same head has both outcomes."""
    mood = rng.random()
    bad = rng.choice(("failure", "failure", "timed_out"))
    return outcome(order, rng, "success" if mood < 0.65 else bad)


def late(order: JobOrder, rng: Random) -> CiOutcome:
    found = outcome(order, rng)
    return CiOutcome(
        seconds=rng.choice((300.0, 900.0, 2400.0)), conclusion=found.conclusion,
        summary=found.summary,
    )  # fmt: skip


def cancelled(order: JobOrder, rng: Random) -> CiOutcome:
    words = ("success", "success", "success", "cancelled", "cancelled", "neutral", "skipped")
    return outcome(order, rng, rng.choice(words))


def stuck(order: JobOrder, rng: Random) -> CiOutcome:
    """Now and then a job never ends."""
    return outcome(order, rng, "success" if rng.random() < 0.7 else "")


ALL: Mapping[str, CiWeather] = {
    each.__name__: each for each in (green, red_first, red, flaky, late, cancelled, stuck)
}


# --- GitHub ----------------------------------------------------------------------------------

# Where a fault may strike: method, path, and how much it costs us to be struck there.
MERGE = ("PUT", r"/merge$")
OPEN = ("POST", r"/pulls$")
COMMENT = ("POST", r"/comments$")
EDIT = ("PATCH", "")
LABEL = ("", r"/labels")
READ = ("GET", "")
QUERY = ("POST", r"^/graphql query$")
MUTATION = ("POST", r"^/graphql mutation$")
TRANSFER = ("GIT", r"^(?:fetch|ls)")
PUSH = ("GIT", r"^(?:push|delete)")
WRITES = (MERGE, OPEN, COMMENT, EDIT, MUTATION)
EVERYWHERE = (*WRITES, LABEL, READ, QUERY, TRANSFER, PUSH, ("", ""))
KINDS: Mapping[FaultKind, tuple[tuple[tuple[str, str], ...], int]] = {
    FaultKind.DROPPED: (EVERYWHERE, 4),
    FaultKind.APPLIED_DROPPED: ((*WRITES, PUSH, LABEL), 6),
    FaultKind.SERVER: (EVERYWHERE, 4),
    FaultKind.APPLIED_SERVER: ((*WRITES, LABEL), 6),
    FaultKind.SECONDARY: ((READ, QUERY, ("", ""), COMMENT), 2),
    FaultKind.SECONDARY_BARE: ((READ, QUERY, ("", ""), COMMENT), 2),
    FaultKind.EXHAUSTED: ((("", ""), READ, QUERY), 1),
    FaultKind.GRAPHQL_ERRORS: ((QUERY, MUTATION), 3),
    FaultKind.STALE: ((("GET", r"/(?:comments|pulls)$"),), 2),
    FaultKind.SLOW: ((("", ""), READ), 1),
    FaultKind.UNAUTHORISED: ((("", ""), TRANSFER), 1),
    FaultKind.PARTIAL: ((QUERY,), 2),
    FaultKind.LATE_CHECKS: ((READ, QUERY), 1),
    FaultKind.NULL_MERGEABLE: ((READ, QUERY), 1),
    FaultKind.STILL_OPEN: ((READ, QUERY), 1),
    FaultKind.SHIFTED: ((READ,), 1),
}
# What only the forge itself can feign: by the name in its catalogue.
VIEWS: Mapping[str, tuple[dict[str, str | float], int]] = {
    "null-mergeable": ({}, 3),
    "still-open": ({}, 3),
    "partial": ({}, 2),
    "shifted": ({"path": r"/(?:comments|pulls|issues)"}, 1),
    "late-checks": ({"seconds": 45.0}, 1),
}


def faults(rng: Random, number: int, until: float) -> tuple[FaultPlan, ...]:
    """So many spells of bad weather before `until`: short and fierce, or long and mild."""
    found = []
    for _ in range(number):
        kinds = tuple(KINDS)
        kind = rng.choices(kinds, weights=[KINDS[one][1] for one in kinds])[0]
        method, path = rng.choice(KINDS[kind][0])
        since = rng.uniform(0, until)
        lasts, chance = rng.choice(((60, 1.0), (300, 0.5), (1800, 0.2), (HOUR * 2, 0.05)))
        if kind is FaultKind.UNAUTHORISED:
            lasts, chance = rng.choice((600, 3600)), 1.0
        if kind is FaultKind.STALE:
            lasts, chance = 20, 1.0  # a lag ends before the second look that E1 asks for
        found.append(
            FaultPlan(
                kind=kind, chance=chance, since=round(since, 1),
                until=round(min(since + lasts, until), 1), method=method, path=path,
            )
        )  # fmt: skip
    return tuple(sorted(found, key=lambda fault: (fault.since, fault.until, fault.kind)))


def views(rng: Random, number: int, until: float) -> tuple[DeedPlan, ...]:
    """So many spells in which the forge shows our token a world that is not so."""
    found = []
    for _ in range(number):
        names = tuple(VIEWS)
        name = rng.choices(names, weights=[VIEWS[one][1] for one in names])[0]
        since, lasts = rng.uniform(0, until), rng.choice((30.0, 120.0, 600.0))
        fields = {"name": name, "lasts": min(lasts, until - since), "login": ROBOT}
        found.append(
            DeedPlan(
                at=round(since, 1), name="github_shows", arguments={**fields, **VIEWS[name][0]}
            )
        )
    return tuple(found)
