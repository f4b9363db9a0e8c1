"""The only way a task's file changes: enqueue, claim, update, move; durable at every step."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

from msgspec import Struct, structs

from orchestrator.adapters import files
from orchestrator.adapters.clock import Clock
from orchestrator.adapters.custody import Claimed, Gone, MovedAway, new_round
from orchestrator.adapters.events import Events
from orchestrator.adapters.files import Changed, NotReadable
from orchestrator.adapters.inspection import Duplicate, Inspection, Misplaced
from orchestrator.adapters.locks import Lock, Locks
from orchestrator.adapters.mailbox_index import Found
from orchestrator.adapters.shelves import (
    HALF_WRITTEN_SECONDS,
    SEARCHED,
    MailboxBroken,
)
from orchestrator.records.errors import AgentOSError
from orchestrator.records.task import ENDED, PERSON, Claim, QueueEntry, State, Task, marked
from orchestrator.texts import fitting, taskfile
from orchestrator.texts.taskfile import NotATask

__all__ = [
    "Claimed",
    "Duplicate",
    "Found",
    "Gone",
    "MailboxBroken",
    "Mailroom",
    "Misplaced",
    "MovedAway",
    "new_round",
]

# A person's save between our look and our write makes us look again, so many times.
_LOOKS = 8
_PATIENCE = 20


class _Sighting(Struct, frozen=True):
    """How this process last saw a task: what differs now was done by somebody else."""

    state: State
    task: Task


class Mailroom(Inspection):
    """Changes the mailbox; `update`, `move` and `resolve` are for the holder of the task's lock."""

    def __init__(
        self,
        root: Path,
        locks: Locks,
        clock: Clock,
        events: Events | None = None,
        *,
        cache_folder: Path | None = None,
        read_only: bool = False,
    ) -> None:
        super().__init__(root, locks, clock, events, cache_folder=cache_folder, read_only=read_only)
        self._seen: dict[str, _Sighting] = {}

    def enqueue(self, task: Task, *, by: str) -> bool:
        """Put a new task into inbox/, durably; False when its identity exists in any state.

        Identity is the id without its slug: the same Ready is never queued twice (Q3).
        """
        if self.named(taskfile.key_of(task.task_id), lately=True) is not None:
            return False
        new = marked(task, State.INBOX, self.clock.now(), by)
        path = self.path(State.INBOX, task.task_id)
        try:
            files.write_durably(path, _as_file(new)[1], replace=False)
        except FileExistsError:
            return False
        except FileNotFoundError as reason:
            raise self.missing(State.INBOX) from reason
        self.remember_name(State.INBOX, path.name)
        return True

    def claim(
        self,
        entries: Iterable[QueueEntry],
        slot: Lock,
        *,
        accept: Callable[[QueueEntry], Lock | None],
        by: str,
        wanted: Callable[[QueueEntry], bool] = lambda entry: True,
    ) -> Claimed | None:
        """The first of `entries` that can be had, now in processing/ and ours (Q4); else None.

        `accept` tries the repository's slot; None means that the repository is busy, and its
        other entries are passed over. One that is not `wanted` now is passed over alone. The claim
        is on the disk before the file moves.

        A slot is kept while entries of its repository follow: given back and taken anew, it would
        be gone for a moment, in which another worker finds none free and goes home.
        """
        busy: set[str] = set()
        repository: Lock | None = None
        of = ""
        try:
            for entry in entries:
                if entry.repo in busy or not os.path.lexists(entry.path):
                    continue
                if repository is not None and of != entry.repo:
                    repository.release()
                    repository = None
                if repository is None:
                    repository, of = accept(entry), entry.repo
                if repository is None:
                    busy.add(entry.repo)
                elif wanted(entry) and (claimed := self._had(entry, slot, repository, by)):
                    repository = None
                    return claimed
        finally:
            if repository is not None:
                repository.release()
        return None

    def _had(self, entry: QueueEntry, slot: Lock, repository: Lock, by: str) -> Claimed | None:
        lock = self.locks.try_task(entry.task_id)
        if lock is None:
            return None
        task = self._claimed(entry, slot, by)
        if task is None:
            lock.release()
            return None
        return Claimed(task, slot, repository, lock)

    def update(self, task: Task) -> Task:
        """Store the task's data where its file stands now, and return it as stored.

        What a person wrote meanwhile is kept: their prose and keys always, other fields where
        the caller did not change them. Raises Gone when there is no such file any more.
        """
        return self._stored(task, lambda current: current, frozenset(State)).task

    def move(self, task: Task, to: State, *, by: str, at: datetime | None = None) -> Task:
        """Store the task's data with the mark `to`, then rename its file into `to` (Q2).

        The mark is of now, or of `at`, when a person's hand moved the file.
        Silent where the file is there already. Leaving processing/ drops the claim. Raises Gone
        when a person removed the file; MovedAway, with the data stored, when they moved it.
        """
        seen = self._seen.get(task.task_id)
        allowed = frozenset({seen.state, to} if seen else State)
        for _ in range(_LOOKS):
            stored = self._stored(task, lambda current: self._marked(current, to, by, at), allowed)
            try:
                return self._renamed(stored, to)
            except (FileNotFoundError, FileExistsError) as reason:
                if not self.folder(to).is_dir():
                    raise self.missing(to) from reason
        raise _contended(task.task_id)

    def resolve(self, duplicate: Duplicate) -> None:
        """Make one file of two: a second name is dropped, a second file is set aside (Q3).

        Does nothing where either is another file by now: what was seen as a copy may since have
        been set aside, and the task itself have come to its name.
        """
        if not _stands(duplicate.keep, duplicate.kept_inode):
            return
        if not _stands(duplicate.drop, duplicate.dropped_inode):
            return
        if duplicate.same_file:
            files.remove_file(duplicate.drop)
            files.sync_folder(duplicate.drop.parent)
        else:
            keep = duplicate.keep
            self.quarantine(
                duplicate.drop,
                f"{keep.parent.name}/{keep.name} holds the same task and is the one that counts.",
            )

    def see(self, found: Found) -> Task:
        """Remember how a task was read, so that a person's later change can be told from ours."""
        self._seen[found.task.task_id] = _Sighting(found.state, found.task)
        return found.task

    def in_place(self, task_id: str) -> Task | None:
        """What its file says now, if it stands in the folder where this process saw it last."""
        seen, found = self._seen.get(task_id), self.locate(task_id)
        return found.task if found and seen and found.state is seen.state else None

    def _claimed(self, entry: QueueEntry, slot: Lock, by: str) -> Task | None:
        now = self.clock.now()
        found = self.fit(Path(entry.path))
        if found is None or not self._claimable(found, entry, slot, now):
            return None
        claim = Claim(
            slot=slot.name,
            uuid=slot.uuid,
            pid=slot.holder.pid,
            boot_id=slot.holder.boot_id,
            host=slot.holder.host,
            started=now,
        )
        task = found.task
        if task.state in ENDED:  # in inbox/ only a person can have put it back
            # What happened on GitHub while it waited here came after their word, not before it.
            task = marked(new_round(task), State.INBOX, self.moved_at(found), PERSON)
        task = marked(structs.replace(task, claim=claim, next_at=None), State.PROCESSING, now, by)
        task, data = _as_file(task)
        target = self.path(State.PROCESSING, task.task_id)
        try:
            files.swap_durably(found.path, data, expected=found.stamp)
            files.move_durably(found.path, target)
        except (FileNotFoundError, FileExistsError, Changed):
            return None  # a person was quicker, and the next tick sees what they did
        return self._remember(State.PROCESSING, task)

    def _claimable(self, found: Found, entry: QueueEntry, slot: Lock, now: datetime) -> bool:
        task = found.task
        if task.task_id != entry.task_id or self.interrupted(found):
            return False
        if task.not_before is not None and task.not_before > now:
            return False
        claim = task.claim
        if claim and claim.uuid != slot.uuid and self.locks.is_live(claim.slot, claim.uuid):
            return False
        # A copy beside the original is the reaper's to resolve, never to be worked on twice.
        return not any(
            os.path.lexists(self.file_name(state, task.task_id))
            for state in State
            if state not in {State.INBOX, State.QUARANTINE}
        )

    def _marked(self, task: Task, to: State, by: str, at: datetime | None) -> Task:
        claim = task.claim if to is State.PROCESSING else None
        return marked(structs.replace(task, claim=claim), to, at or self.clock.now(), by)

    def _stored(
        self, task: Task, change: Callable[[Task], Task], allowed: frozenset[State]
    ) -> Found:
        for _ in range(_LOOKS):
            found = self._located(task.task_id)
            if found.state not in allowed:
                homeless = self.update(structs.replace(task, claim=None))
                raise MovedAway(homeless, found.state)
            current = change(self._merged(task, found))
            try:
                if current != found.task:
                    current, data = _as_file(current)
                    files.swap_durably(found.path, data, expected=found.stamp)
            except (FileNotFoundError, Changed):
                continue
            # Where it stands by a person's hand is not where we put it: `move` must tell the two.
            seen = self._seen.get(task.task_id)
            state = seen.state if seen else found.state
            return structs.replace(found, task=self._remember(state, current))
        raise _contended(task.task_id)

    def _merged(self, task: Task, found: Found) -> Task:
        seen, theirs = self._seen.get(task.task_id), found.task
        if seen is not None and seen.task == theirs:
            return task
        kept = {"body": theirs.body, "extra": theirs.extra}
        if seen is not None:
            for name in Task.__struct_fields__:
                value, base = getattr(theirs, name), getattr(seen.task, name)
                if value != base and getattr(task, name) == base:
                    kept[name] = value
        return structs.replace(task, **kept)

    def _located(self, task_id: str) -> Found:
        """The file that holds `task_id` now, wherever it is and whatever its name."""
        seen = self._seen.get(task_id)
        for state in (*((seen.state,) if seen else ()), *SEARCHED, State.DONE):
            path = self.path(state, task_id)
            try:
                found = self._whole(path)
            except FileNotFoundError:
                continue
            except (NotReadable, NotATask, UnicodeDecodeError) as reason:
                if seen is None:
                    continue
                self._mend(path, seen.task, str(reason))
                return self.read(path)
            if found.task.task_id == task_id:
                return found
        for state in SEARCHED:
            for line in self.lines(state):
                if line.entry.task_id == task_id:
                    return self.read(line.path)
        raise Gone(task_id)

    def _whole(self, path: Path) -> Found:
        """As `read`, with some patience for an editor that is half-way through a save."""
        for _ in range(_PATIENCE):
            try:
                return self.read(path)
            except (NotATask, UnicodeDecodeError):
                if not self.may_be_half_written(path):
                    break
                self.clock.sleep(HALF_WRITTEN_SECONDS / _PATIENCE)
        return self.read(path)

    def _mend(self, path: Path, task: Task, reason: str) -> None:
        """A broken file of a task whose data we still hold: theirs is set aside, ours goes on."""
        self.quarantine(path, f"{reason} The task goes on with the data it had before.")
        files.write_durably(path, _as_file(task)[1], replace=False)

    def _renamed(self, found: Found, to: State) -> Task:
        target = self.path(to, found.task.task_id)
        if target == found.path:
            return self._remember(to, found.task)
        try:
            files.move_durably(found.path, target)
        except FileExistsError:
            if target.samefile(found.path):  # one file with two names: drop the old one
                files.remove_file(found.path)
                files.sync_folder(found.path.parent)
            else:
                self.quarantine(target, f"{found.path.parent.name}/ holds the task of this id.")
                files.move_durably(found.path, target)
        return self._remember(to, found.task)

    def _remember(self, state: State, task: Task) -> Task:
        self._seen[task.task_id] = _Sighting(state, task)
        return task


def _as_file(task: Task) -> tuple[Task, bytes]:
    stored, data = fitting.stored(task)
    return stored, taskfile.seal(data)


def _stands(path: Path, inode: int) -> bool:
    try:
        return path.lstat().st_ino == inode
    except FileNotFoundError:
        return False


def _contended(task_id: str) -> AgentOSError:
    return AgentOSError(
        f"{task_id} was changed by somebody else {_LOOKS} times while it was written; "
        "the file is theirs, our change was not stored, the next tick tries again."
    )
