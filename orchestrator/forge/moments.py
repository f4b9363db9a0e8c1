"""Times as GitHub writes them, to the second and in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from wsgiref.handlers import format_date_time


def text(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def header(moment: datetime) -> str:
    """As a header of HTTP tells it."""
    return format_date_time(moment.timestamp())


def parse(words: str) -> datetime:
    moment = datetime.fromisoformat(words.replace("Z", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def utc_now() -> datetime:
    return datetime.now(UTC)
