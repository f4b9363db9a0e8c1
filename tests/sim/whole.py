"""The content of the real simulation: the world's plans, agents, people, weather, invariants."""

from __future__ import annotations

from tests.sim import commands, invariants, owners, people, personalities, plan, weather
from tests.sim.interface import Content


def content() -> Content:
    """What a seed is played with."""
    return Content(
        draw=plan.draw, personalities=personalities.ALL,
        deeds={**people.ALL, **owners.ALL, **commands.ALL}, weather=weather.ALL,
        invariants=tuple(invariants.ALL),
    )  # fmt: skip
