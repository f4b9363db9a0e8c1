"""Where the requests to GitHub went, from the lines that each run of a script leaves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from orchestrator.adapters import files, reading
from orchestrator.records.requests import Allowance, ApiUse, RequestStat, Use
from orchestrator.world import World

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def look(world: World) -> ApiUse:
    """Of the last day; asks GitHub nothing, and knows nothing of what people's commands asked."""
    now = world.clock.now()
    counted: dict[tuple[str, str], list[int]] = {}
    allowances: dict[str, Allowance] = {}
    for stat in stats(world, now - DAY):
        for kind, (requests, points) in stat.kinds.items():
            row = counted.setdefault((stat.script, kind), [0, 0, 0, 0])
            lately = now - stat.at <= HOUR
            for i, number in enumerate((lately * requests, lately * points, requests, points)):
                row[i] += number
        for resource, left in stat.left.items():
            allowances.setdefault(
                resource,
                Allowance(
                    resource=resource, remaining=left.remaining, limit=left.limit,
                    resets=datetime.fromtimestamp(left.reset, UTC), told=stat.at,
                ),
            )  # fmt: skip
    uses = [
        Use(script=who, kind=kind, hour=row[0], hour_points=row[1], day=row[2], day_points=row[3])
        for (who, kind), row in counted.items()
    ]
    closed = world.limits.closed()
    return ApiUse(
        at=now,
        uses=tuple(sorted(uses, key=lambda one: (-one.hour_points, -one.day_points, one.kind))),
        allowances=tuple(allowances[name] for name in sorted(allowances)),
        closed=str(closed) if closed else "",
    )


def stats(world: World, since: datetime) -> Iterator[RequestStat]:
    """The newest first; lines that are none are passed over, and what is older ends the search."""
    decoder = msgspec.json.Decoder(RequestStat)
    path = world.paths.requests
    for part in (path, *reversed(files.rotated(path))):
        for line in reading.read_lines_backwards(part):
            try:
                stat = decoder.decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                continue
            if stat.at < since:
                return
            if stat.at <= world.clock.now():
                yield stat
