"""What a person should hear of: one line and one event, once a day for each cause (C8)."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from msgspec import Struct

from orchestrator.adapters import files, slips
from orchestrator.adapters.reading import NotReadable
from orchestrator.records.errors import AgentOSError
from orchestrator.records.task import Task
from orchestrator.texts import quoting
from orchestrator.world import World

COOL_DOWN = timedelta(hours=24)
_LARGEST = 20_000


class Raised(Struct, frozen=True, kw_only=True):
    """What is remembered of an alert; lost, it is repeated once."""

    key: str
    at: datetime
    text: str


def alert(world: World, key: str, text: str, *, task: Task | None = None) -> bool:
    """Say `text` as one ALERT line and one event `alert`; the same `key` again after 24 h only.

    Whether it was said now.

    Of processes that raise one key in the same moment one is heard. It never raises, whatever
    the disk does: then the line alone is said. `text` is one sentence, and what to do about it.
    """
    said = _one_line(world, text)
    if world.dry_run:
        world.say(f"ALERT {said} [dry run]")
        return True
    if not _first_to_tell(world, Raised(key=key, at=world.clock.now(), text=said)):
        return False
    world.say(f"ALERT {said}")
    _recorded(world, "alert", key, said, task)
    return True


def recovered(world: World, key: str, text: str) -> None:
    """Say once that the trouble behind an alert is over; without an alert nothing is said."""
    if world.dry_run:
        return
    try:
        if not files.remove_file(place(world, key)):
            return
    except OSError:
        return  # said at the next tick, when the disk lets it be said once
    said = _one_line(world, text)
    world.say(f"recovered: {said}")
    _recorded(world, "recovered", key, said, None)


def raised(world: World, prefix: str = "") -> list[Raised]:
    """The alerts that have not recovered whose key begins so, of the days they are remembered."""
    start = place(world, prefix)
    found = []
    with suppress(OSError):
        for path in sorted(start.parent.glob(f"{start.name.rpartition('-')[0]}*.json")):
            with suppress(OSError, NotReadable, msgspec.MsgspecError, UnicodeError, RecursionError):
                found.append(msgspec.json.decode(files.read_bounded(path, _LARGEST), type=Raised))
    return [one for one in found if one.key.startswith(prefix)]


def place(world: World, key: str) -> Path:
    """The file of one key: processes that raise other keys never meet in it."""
    return slips.path(world.paths.state / "alerts", key)


def _one_line(world: World, text: str) -> str:
    return quoting.writable(" ".join(world.redact(text).split()))


def _first_to_tell(world: World, raised: Raised) -> bool:
    """Whether this process has won the right to tell it now; True where the disk fails."""
    path = place(world, raised.key)
    try:
        known, version = files.read_stamped(path, _LARGEST)
    except FileNotFoundError:
        known, version = b"", None
    except (OSError, NotReadable):
        return True
    if _hushed(known, raised.at):
        return False
    return slips.first(path, msgspec.json.encode(raised), version)


def _hushed(known: bytes, now: datetime) -> bool:
    """A time in the future is a clock that was put back since; it hushes nothing."""
    try:
        before = msgspec.json.decode(known, type=Raised)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return False
    return timedelta(0) <= now - before.at < COOL_DOWN


def _recorded(world: World, kind: str, key: str, text: str, task: Task | None) -> None:
    try:
        world.events.add(kind, task=task, reason=text, key=key)
    except (OSError, AgentOSError) as failing:
        world.say(f"the alert could not be written to the events log: {world.redact(str(failing))}")
