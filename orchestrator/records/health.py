"""How a script last fared, as the watchdog reads it from `runtime/health/` (C7)."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct


class Health(Struct, frozen=True, kw_only=True):
    """One run of a script; `last_success` and `failing_since` reach back over earlier ones.

    `verdicts` counts what was decided by the word it began with; `troubles` are the exit codes of
    what went wrong within the run, and `said` the first sentence of it; `version` is the commit of
    the code, "" where unknown. `scheduled` is when `scheduler` last started it, and no person's
    hand: `cron` or `systemd`.
    """

    script: str
    pid: int
    started: datetime
    ended: datetime
    exit_code: int
    seconds: float
    version: str = ""
    requests: int = 0
    verdicts: dict[str, int] = {}
    troubles: tuple[int, ...] = ()
    last_success: datetime | None = None
    failing_since: datetime | None = None
    said: str = ""
    scheduler: str = ""
    scheduled: datetime | None = None


class Overlap(Struct, frozen=True, kw_only=True):
    """How often in a row a script found the one before still at work (C2)."""

    holder: str
    skipped: int
    since: datetime
