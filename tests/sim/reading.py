"""What a tick of each script would read now, as versions; what lies idle counts for nothing.

A version is 0 where the script would find nothing to act upon: what it would read there cannot
make it do anything, however often that changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from orchestrator import questions
from orchestrator.adapters.locks import Locks
from orchestrator.forge import server
from orchestrator.intake import READY_LABEL
from orchestrator.records.config import Config
from orchestrator.records.task import State
from orchestrator.texts import taskfile
from tests.sim.interface import Filed

Mailbox = Mapping[State, tuple[Filed, ...]]

READY = """
select exists (
  select 1 from issue_labels join labels on labels.id = issue_labels.label_id
  where labels.name = ? collate nocase
) or exists (
  select 1 from item_values join choices
    on choices.field_id = item_values.field_id and choices.key = item_values.choice
  where choices.name in ({marks})
)"""


class Readings(NamedTuple):
    """What a mailbox as it was found holds for somebody to do."""

    mailbox: Mailbox
    odd: bool
    asks: bool
    follows: bool


def readings(mailbox: Mailbox) -> Readings:
    return Readings(mailbox, odd(mailbox), asks(mailbox), follows(mailbox))


# --- the supervisor --------------------------------------------------------------------------


def odd(mailbox: Mailbox) -> bool:
    """Whether the reaper would put something right: a file that is none, in a folder that its last
    mark does not name, or beside another of the same task.

    It asks for no more (Inspection.misplaced, duplicates), and leaves quarantine/ alone.
    """
    seen: Counter[str] = Counter()
    for state, files in mailbox.items():
        if state is State.QUARANTINE:
            continue
        for one in files:
            names = {taskfile.key_of(one.path.stem)}
            if state is not State.DONE:
                if one.task is None or one.task.state not in {None, state}:
                    return True
                names.add(taskfile.key_of(one.task.task_id))
            seen.update(names)
    return any(count > 1 for count in seen.values())


def overdue(mailbox: Mailbox, now: datetime) -> bool:
    """Whether a blocked task may go back to the inbox; one without a time waits for a person."""
    return any(
        one.task is None or (one.task.not_before is not None and one.task.not_before <= now)
        for one in mailbox[State.BLOCKED]
    )


def abandoned(mailbox: Mailbox, locks: Locks) -> bool:
    """Whether a claim in processing/ is held by nobody who lives (Mailroom.stale_claims)."""
    return any(
        one.task is None
        or one.task.claim is None
        or not locks.is_live(one.task.claim.slot, one.task.claim.uuid)
        for one in mailbox[State.PROCESSING]
    )


def startable(mailbox: Mailbox, config: Config, locks: Locks, now: datetime) -> bool:
    """Whether a worker and a repository have a slot for a task that waits and is due.

    Without one nothing else is looked at: what lies beside decides only who may have the slot.
    """
    waiting = {
        one.task.repo
        for one in mailbox[State.INBOX]
        if one.task and (one.task.not_before is None or one.task.not_before <= now)
    }
    slots = range(1, config.max_parallel_workers + 1)
    if not waiting or all(locks.holder(f"slot-{n}") for n in slots):
        return False
    found = (config.repository(repo) for repo in sorted(waiting))
    return any(
        locks.free_repository_slots(one.slug, one.max_parallel_per_repo) for one in found if one
    )


# --- the dispatcher --------------------------------------------------------------------------


def says_ready(forge: server.Forge, columns: Iterable[str]) -> bool:
    """Whether any issue bears the label or stands in such a column, be it open or not.

    Without one, and without a question, the dispatcher looks at boards and labels, and ends.
    """
    names = sorted(set(columns))
    sql = READY.format(marks=", ".join("?" * len(names)))
    return bool(forge.state.store.connection.execute(sql, [READY_LABEL, *names]).fetchone()[0])


def ready_columns(config: Config) -> tuple[str, ...]:
    return tuple({repo.board.ready for repo in config.repositories if repo.board})


def asks(mailbox: Mailbox) -> bool:
    """Whether a task may wait for somebody's answer or the end of its issue, for which GitHub is
    asked (questions.Waits)."""
    return bool(mailbox[State.FAILED]) or any(
        one.task is None or questions.asks(one.task) or one.task.pull_request is None
        for one in mailbox[State.ESCALATED]
    )


# --- the monitor -----------------------------------------------------------------------------


def follows(mailbox: Mailbox) -> bool:
    """Whether a pull request is watched; what is watched after its merge stands in a list."""
    return bool(mailbox[State.REVIEW]) or any(
        one.task is None or one.task.pull_request is not None
        for one in mailbox[State.ESCALATED]
    )
