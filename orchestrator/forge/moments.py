"""Times as GitHub writes them, to the second and in UTC."""

from __future__ import annotations

from datetime import UTC, datetime


def text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse(words: str) -> datetime:
    moment = datetime.fromisoformat(words.replace("Z", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def utc_now() -> datetime:
    return datetime.now(UTC)
