"""What GitHub's answers said by the way, for a person: the token, the points left, the time."""

from __future__ import annotations

from orchestrator import alerts
from orchestrator.adapters.clock import FixedClock
from orchestrator.rules import pacing
from orchestrator.world import World

# GitHub's times are to the second, and an answer takes its time.
SKEW_SECONDS = 30.0


def tell(world: World) -> None:
    """One alert for each condition and day, whichever script meets it; and when it is over (A11).

    Asks GitHub nothing.
    """
    limits = world.limits
    if limits.was_refused:
        alerts.alert(
            world,
            f"token {limits.name}",
            "GitHub refuses the token (401), so every script stops with exit 30. Nothing is lost: "
            "all tasks stay where they are. Renew github_token in the config or the environment.",
        )
    for name in limits.recovered:
        alerts.recovered(world, f"token {name}", "GitHub takes the token again; work goes on.")
    limits.recovered.clear()
    if limits.share() < pacing.ALARM:
        alerts.alert(
            world,
            "requests left",
            f"{limits.share():.0%} of this hour's requests to GitHub are left; nothing new is "
            "begun before the hour is over. Does something else use the same token?",
        )
    if limits.skew is not None and not isinstance(world.clock, FixedClock):
        tell_the_time(world, limits.skew)


def tell_the_time(world: World, skew: float) -> None:
    if abs(skew) <= SKEW_SECONDS:
        alerts.recovered(world, "clock", "this machine's clock agrees with GitHub's again.")
        return
    which = "ahead of" if skew > 0 else "behind"
    alerts.alert(
        world,
        "clock",
        f"this machine's clock is {abs(skew):.0f} s {which} GitHub's. Set it by NTP: cadences, "
        "waits and ages are judged by it.",
    )
