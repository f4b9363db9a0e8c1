"""Which finished cards leave the board, so that reading it stays cheap."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from orchestrator.records.tracker import BoardItem

# As many writes as may leave at once; the next tick goes on.
MOST = 5


def due(
    closed: Iterable[BoardItem], *, done: str, days: float, now: datetime, most: int = MOST
) -> tuple[BoardItem, ...]:
    """Of cards whose issue is closed: those that show `done` for so long, the oldest first.

    With 0 days none ever. A card of which nobody knows since when it is done stays.
    """
    if not days:
        return ()
    before = now - timedelta(days=days)
    old = [
        (item.status_at, item.id, item)
        for item in closed
        if item.status == done and item.status_at is not None and item.status_at <= before
    ]
    return tuple(item for _, _, item in sorted(old, key=lambda each: each[:2])[:most])
