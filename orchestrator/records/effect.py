"""A write to the outside, by key: intended, done, or of unknown outcome (E1)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct


class Stage(StrEnum):
    INTENT = "intent"
    DONE = "done"
    UNKNOWN = "unknown"


class Effect(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of an effects log; `key` holds task, round, kind and ordinal."""

    key: str
    stage: Stage
    at: datetime
    result: str = ""
