"""What one run of an agent used, in its program's own words; what it did not say is None."""

from __future__ import annotations

from msgspec import Struct


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
