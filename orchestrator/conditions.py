"""What GitHub's answers said by the way, for a person: the token, the points left, the time."""

from __future__ import annotations

from collections import Counter

from orchestrator import alerts
from orchestrator.adapters.clock import FixedClock
from orchestrator.records.task import UNDER_WAY
from orchestrator.records.tracker import Sight
from orchestrator.rules import access, pacing
from orchestrator.rules.pacing import Purpose
from orchestrator.world import World

# GitHub's times are to the second, and an answer takes its time.
SKEW_SECONDS = 30.0
# A constant offset near that must not be told wrong and right again by turns.
AGREES_BELOW = 25.0
UNLISTED = "not in the config: "
# One key for whichever token: a new one ends the alert of the old.
TOKEN, SCOPES = "token of GitHub", "scopes of the token"
REQUESTS = "requests left"


def tell(world: World) -> None:
    """One alert for each condition and day, whichever script meets it; and when it is over (A11).

    Asks GitHub nothing.
    """
    limits = world.limits
    if limits.was_refused:
        what = "gives the app no token" if limits.refusal else "refuses the token (401)"
        mend = limits.refusal or f"{limits.remedy}."
        alerts.alert(
            world,
            TOKEN,
            f"GitHub {what}, so every script stops with exit 30. Nothing is lost: "
            f"all tasks stay where they are. {mend}",
        )
    elif limits.skew is not None or limits.recovered:  # GitHub has answered, perhaps another token
        alerts.recovered(world, TOKEN, "GitHub takes the token again; work goes on.")
    limits.recovered.clear()
    if limits.share() < pacing.ALARM:
        alerts.alert(
            world,
            REQUESTS,
            f"{limits.share():.0%} of this hour's requests to GitHub are left; nothing new is "
            "begun before the hour is over. Does something else use the same token?",
        )
    elif limits.share() >= pacing.RESERVE[Purpose.NEW_WORK] and was_told_before(world, REQUESTS):
        alerts.recovered(world, REQUESTS, "enough of this hour's requests to GitHub are left.")
    tell_the_scopes(world)
    if limits.skew is not None and not isinstance(world.clock, FixedClock):
        tell_the_time(world, limits.skew)


def was_told_before(world: World, key: str) -> bool:
    """Whether the alert is a day old: what ends with each hour would be told anew with each."""
    start = world.clock.now() - alerts.COOL_DOWN
    return all(one.at <= start for one in alerts.raised(world, key))


def tell_the_scopes(world: World) -> None:
    """Only a classic token's answers name its scopes; of another there is nothing to tell."""
    limits = world.limits
    if limits.scopes is None:
        answered = limits.skew is not None
        if answered and limits.kind in {access.TokenKind.FINE_GRAINED, access.TokenKind.APP}:
            alerts.recovered(world, SCOPES, "another token is in use, which has no scopes.")
        return
    board = any(repository.boards for repository in world.config.repositories)
    lacking = access.missing_scopes(limits.scopes, limits.kind, board=board)
    if lacking:
        alerts.alert(world, SCOPES, access.scopes_sentence(lacking, world.config.github_web_url))
    else:
        alerts.recovered(world, SCOPES, "the token has the scopes that it needs.")


def tell_the_sight(world: World, slug: str, sight: Sight | None) -> str:
    """One alert a day for a repository in which the token cannot work; why, or "".

    Every tick says it: its exit code needs a reason in the log.
    """
    why = access.objection(slug, sight, world.limits.kind)
    if why:
        if not alerts.alert(world, no_access(slug), why):
            world.say(why)
    else:
        alerts.recovered(world, no_access(slug), f"{slug} is open to the token again.")
    return why


def no_access(slug: str) -> str:
    """The alert of a repository in which nothing can be done, whoever finds it so."""
    return f"no access to {slug}"


def tell_the_unlisted(world: World) -> None:
    """One alert a day for a repository that went off the config while tasks of it are under way."""
    if world.only is not None:
        return
    tasks = (task for state in UNDER_WAY for task in world.mailroom.list_state(state))
    waiting = Counter(task.repo for task in tasks if world.repository_of(task) is None)
    for slug, count in waiting.items():
        alerts.alert(
            world,
            UNLISTED + slug,
            f"{count} task(s) of {slug} are under way, and it is not in the config: nothing is "
            "done for them. List it again; or, if it has another name now, move their files to "
            "cancelled/, close their pull requests and set their issues Ready once more.",
        )
    for raised in alerts.raised(world, UNLISTED):
        slug = raised.key.removeprefix(UNLISTED)
        if slug not in waiting:
            alerts.recovered(world, raised.key, f"no task of {slug} waits for the config any more.")


def tell_the_time(world: World, skew: float) -> None:
    if abs(skew) < AGREES_BELOW:
        alerts.recovered(world, "clock", "this machine's clock agrees with GitHub's again.")
    if abs(skew) <= SKEW_SECONDS:
        return
    which = "ahead of" if skew > 0 else "behind"
    alerts.alert(
        world,
        "clock",
        f"this machine's clock is {abs(skew):.0f} s {which} GitHub's. Set it by NTP: cadences, "
        "waits and ages are judged by it.",
    )
