"""What the correspondence with a chat has to remember between two ticks."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from orchestrator.records.event import Event
from orchestrator.records.letter import Letter


class Mark(Struct, frozen=True, kw_only=True):
    """How far a log has been read: which file, and where in it."""

    inode: int = 0
    offset: int = 0


class Action(Struct, frozen=True, kw_only=True):
    """A letter with buttons: of which task and round, since when, and what was pressed.

    `head` is what was pushed last when it was written; "" in one of before it was noted.
    """

    task_id: str
    round: int
    made: datetime
    letter: Letter
    head: str = ""
    message: int = 0
    done: str = ""


class Desk(Struct, frozen=True, kw_only=True):
    """A cache like all state: lost, the trail is read on from its end, and buttons are unknown.

    `pending` is to be told, `missed` counts what had to be dropped from it; `told` says when a
    thing was told last. `heard` is the last update that was dealt with. `failing_since` is the
    first of the failures in a row of sending, nothing is sent before `not_before`.
    """

    mark: Mark | None = None
    pending: tuple[Event, ...] = ()
    missed: int = 0
    told: dict[str, datetime] = {}
    actions: dict[str, Action] = {}
    heard: int = 0
    failures: int = 0
    failing_since: datetime | None = None
    not_before: datetime | None = None
