"""What the requests to GitHub were for, and what is left of its allowances."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct


class Left(Struct, frozen=True, kw_only=True):
    """What an answer said of one allowance, `reset` in seconds since 1970 by our clock."""

    remaining: int
    limit: int
    reset: float


class RequestStat(Struct, frozen=True, kw_only=True):
    """The requests of one run of a script: of each kind how many, and the points they cost."""

    at: datetime
    script: str
    kinds: dict[str, tuple[int, int]]
    left: dict[str, Left] = {}


class Use(Struct, frozen=True, kw_only=True):
    """One kind of request of one script, in the last hour and in the last day."""

    script: str
    kind: str
    hour: int
    hour_points: int
    day: int
    day_points: int


class Allowance(Struct, frozen=True, kw_only=True):
    """One of GitHub's hourly allowances as it was last told; `resets` is past where it is full."""

    resource: str
    remaining: int
    limit: int
    resets: datetime
    told: datetime


class ApiUse(Struct, frozen=True, kw_only=True):
    """Where the requests of the last day went, the costliest of the last hour first."""

    at: datetime
    uses: tuple[Use, ...]
    allowances: tuple[Allowance, ...]
    closed: str
