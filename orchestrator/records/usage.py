"""What one run of an agent used, in its program's own words; what it did not say is None."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from msgspec import Struct, structs

Number = TypeVar("Number", int, float)


class Usage(Struct, frozen=True, kw_only=True):
    """`input_tokens` are all that went in, `cached_tokens` those of them that came from a cache.

    `cost_usd` is what the program itself reckons, never a price of ours. `session_id` is the
    conversation that a later run can take up again.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    cost_usd: float | None = None
    model: str | None = None
    session_id: str | None = None


def together(parts: Iterable[Usage | None]) -> Usage | None:
    """What several runs used, the newest last; what none of them said stays None."""
    said = [one for one in parts if one is not None]
    if not said:
        return None
    return structs.replace(
        said[-1],
        input_tokens=added([one.input_tokens for one in said]),
        output_tokens=added([one.output_tokens for one in said]),
        cached_tokens=added([one.cached_tokens for one in said]),
        cost_usd=added([one.cost_usd for one in said]),
    )


def added(numbers: Sequence[Number | None]) -> Number | None:
    known = [one for one in numbers if one is not None]
    return sum(known[1:], known[0]) if known else None
