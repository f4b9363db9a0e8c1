"""The content of the real simulation: the world's plans, agents, people, weather, invariants."""

from __future__ import annotations

import importlib
from importlib.util import find_spec

from tests.sim import plain as tiny
from tests.sim.interface import Content


def content() -> Content:
    """What a seed is played with."""
    if find_spec("tests.sim.invariants") is None:
        return tiny.content()
    plan, personalities, people, weather, invariants = (
        importlib.import_module(f"tests.sim.{name}")
        for name in ("plan", "personalities", "people", "weather", "invariants")
    )
    return Content(
        draw=plan.draw, personalities=personalities.ALL, deeds=people.ALL, weather=weather.ALL,
        invariants=tuple(invariants.ALL),
    )  # fmt: skip
