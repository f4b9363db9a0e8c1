"""What is known of a provider's quota: which window, how much, until when, and from where."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct


class Window(StrEnum):
    """What a provider counts in; `unknown` where its refusal did not say."""

    FIVE_HOURS = "five_hours"
    WEEK = "week"
    CREDIT = "credit"
    UNKNOWN = "unknown"


class Learnt(StrEnum):
    """Where a number is from: a field of the program, its words, the config, our own metrics.

    `assumed`: nobody said it, and we wait as long as after other refusals.
    """

    FIELD = "field"
    MESSAGE = "message"
    CONFIG = "config"
    METRICS = "metrics"
    ASSUMED = "assumed"


class Line(Struct, frozen=True, kw_only=True):
    """One window of one account as far as it is known; None and "" where it is not.

    `measure` is what `used` and `limit` count: usd, tokens or attempts. `resets_at` (UTC) is when
    it serves again, for one that is used up.
    """

    account: str
    agents: tuple[str, ...]
    window: Window
    measure: str = ""
    used: float | None = None
    used_from: Learnt | None = None
    limit: float | None = None
    limit_from: Learnt | None = None
    resets_at: datetime | None = None
    reset_from: Learnt | None = None
