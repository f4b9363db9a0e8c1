"""What a run cost: its program's own word, else by the config's prices, else nobody knows."""

from __future__ import annotations

from msgspec import Struct

from orchestrator.records import regex
from orchestrator.records.config import Price, Pricing
from orchestrator.records.usage import Usage

MILLION = 1_000_000
# The day of a model's release; its undated name is its family's, and costs the same.
DATED = regex.late(r"(?:-\d{8}|-\d{4}-\d\d-\d\d|@\d{8})$")
PROGRAM, TABLE = "program", "table"


class Cost(Struct, frozen=True):
    """USD, and where the number is from; None where there is none."""

    usd: float | None
    known_from: str = ""


UNKNOWN = Cost(None)


def cost(usage: Usage | None, pricing: Pricing, agent: str) -> Cost:
    """Never a guess: without a price, or without both counts of tokens, it is unknown."""
    if usage is None:
        return UNKNOWN
    if usage.cost_usd is not None:
        return Cost(usage.cost_usd, PROGRAM)
    price = price_of(usage.model or pricing.agent_models.get(agent) or "", pricing)
    if price is None or usage.input_tokens is None or usage.output_tokens is None:
        return UNKNOWN
    cached = min(usage.cached_tokens or 0, usage.input_tokens)
    of_cached = price.input if price.cached is None else price.cached
    whole = (
        (usage.input_tokens - cached) * price.input
        + cached * of_cached
        + usage.output_tokens * price.output
    )
    times = pricing.multipliers.get(agent, pricing.multiplier)
    return Cost(round(whole * times / MILLION, 6), TABLE)


def price_of(model: str, pricing: Pricing) -> Price | None:
    """By the model's name, with or without its provider before it and its date behind it."""
    plain = model.rpartition("/")[2]
    names = (model, plain, DATED.sub("", model), DATED.sub("", plain))
    return next((pricing.models[name] for name in names if name in pricing.models), None)
