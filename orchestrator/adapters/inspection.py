"""What is out of place in the mailbox: for the reaper to see, before it decides (Q3, Q5)."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from orchestrator.adapters import files
from orchestrator.adapters.clock import Clock
from orchestrator.adapters.events import Events
from orchestrator.adapters.files import NotReadable
from orchestrator.adapters.locks import Locks
from orchestrator.adapters.mailbox_index import Found, Line, line_of
from orchestrator.adapters.shelves import SEARCHED, Shelves
from orchestrator.records.task import State, Task
from orchestrator.rules import rounds
from orchestrator.texts import taskfile
from orchestrator.texts.fitting import LARGEST_FILE

# Between a write and the rename that follows it; a person is slower.
_ONE_WRITE_SECONDS = 10.0


class Misplaced(Struct, frozen=True, kw_only=True):
    """A file whose last mark names another folder than it stands in, held by no live claim.

    `interrupted`: we died between the mark and the rename, so `move` to `marked` finishes it.
    Otherwise a person moved it, the folder counts, and `move` to `state` writes the mark.
    `moved_at` is then when they did.
    """

    task: Task
    state: State
    marked: State
    interrupted: bool
    moved_at: datetime


class Duplicate(Struct, frozen=True, kw_only=True):
    """Two files of one task, as they were seen, by their inodes.

    `task_id` is the one whose lock guards `drop`.
    """

    task_id: str
    keep: Path
    drop: Path
    kept_inode: int
    dropped_inode: int

    @property
    def same_file(self) -> bool:
        """Whether both are names of one file."""
        return self.kept_inode == self.dropped_inode


class Inspection(Shelves):
    """Finds, and changes nothing."""

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
        super().__init__(root, clock, events, cache_folder=cache_folder, read_only=read_only)
        self.locks = locks

    def stale_claims(self) -> list[Task]:
        """The tasks in processing/ on which nobody works: no claim, or one whose slot is free.

        Those that were marked for another folder already are `misplaced`, not stale.
        """
        return [
            found.task
            for line in self.lines(State.PROCESSING)
            if line.marked is State.PROCESSING and not self._is_held(line)
            if (found := self.fit(line.path)) is not None and self.see(found)
        ]

    def misplaced(self) -> list[Misplaced]:
        """Files whose folder and last mark differ, except in done/.

        In inbox/ only an interrupted move away is told: whatever else lies there is waiting, and
        `claim` reads its mark.
        """
        shown = []
        for state in SEARCHED:
            for line in self.lines(state):
                if line.marked in {None, state} or self._is_held(line):
                    continue
                found = self.fit(line.path)
                if found is None or found.task.state in {None, state}:
                    continue
                interrupted = self.interrupted(found)
                if state is State.INBOX and not interrupted:
                    continue
                task, marked = self.see(found), found.task.marks[-1].state
                shown.append(
                    Misplaced(
                        task=task, state=state, marked=marked, interrupted=interrupted,
                        moved_at=self.moved_at(found),
                    )  # fmt: skip
                )
        return shown

    def ignored(self) -> list[Path]:
        """What lies in inbox/ and is never taken up, though somebody may have meant it to be.

        Not what editors leave there, nothing empty, nothing that may be half-way through a save.
        """
        return [path for name in self.no_task_names(State.INBOX)
                if holds_something(path := self.folder(State.INBOX) / name)
                and not self.may_be_half_written(path)]  # fmt: skip

    def duplicates(self) -> list[Duplicate]:
        """Files that hold the same task: the one a live claim holds stays, else the newest (Q3)."""
        by_key: dict[str, list[Line]] = {}
        for state in SEARCHED:
            for line in self.lines(state):
                by_key.setdefault(taskfile.key_of(line.entry.task_id), []).append(line)
        shown = []
        for key, lines in by_key.items():
            if self.has_name(State.DONE, key):
                done = self.fit(self.path(State.DONE, lines[0].entry.task_id))
                lines.extend([line_of(done)] if done else [])
            if len(lines) > 1:
                first, *others = sorted(lines, key=self._standing, reverse=True)
                shown += [_duplicate(first, other) for other in others]
        return shown

    def interrupted(self, found: Found) -> bool:
        """Whether we died between the mark and the rename, and nobody has moved the file since.

        Then it stands where its last mark but one says, it holds what we wrote, and its inode
        changed with that write and not later: a person's move changes the inode, and one who
        saves it and moves it in one breath has changed what it holds. A claim that was cut short
        in inbox/ needs no repair: the task waits there as before.
        """
        marks = found.task.marks
        if len(marks) < 2 or marks[-1].state is found.state or marks[-2].state is not found.state:
            return False
        if found.state is State.INBOX and marks[-1].state is State.PROCESSING:
            return False
        try:
            status = found.path.lstat()
            edited = taskfile.was_edited(files.read_bounded(found.path, LARGEST_FILE))
            if edited and found.state is not State.PROCESSING:  # nobody puts a file there
                return False
        except (FileNotFoundError, NotReadable):
            return False
        return status.st_ctime - status.st_mtime < _ONE_WRITE_SECONDS

    def moved_at(self, found: Found) -> datetime:
        """When a hand moved the file, by its inode: never before its last mark, nor after now.

        Of what was moved and then saved it is the save.
        """
        now = self.clock.now()
        try:
            changed_ns = found.path.lstat().st_ctime_ns
        except FileNotFoundError:
            return now
        changed = datetime.fromtimestamp(changed_ns // 1_000_000 / 1000, UTC)
        return rounds.time_of_word(found.task, changed, now)

    def _is_held(self, line: Line) -> bool:
        return bool(line.uuid) and self.locks.is_live(line.slot, line.uuid)

    def _standing(self, line: Line) -> tuple[bool, bool, int, int, str]:
        """Live first; of two names of one file the one that its mark says; then the newest.

        A copy holds the claim of its original, so that only the place tells which is worked on.
        """
        path = line.path
        try:
            status = path.lstat()
        except FileNotFoundError:
            return False, False, 0, 0, str(path)
        in_place = path.parent.name == line.marked
        held = in_place and self._is_held(line)
        linked = in_place and status.st_nlink > 1
        return held, linked, status.st_mtime_ns, status.st_ctime_ns, str(path)


def holds_something(path: Path) -> bool:
    try:
        seen = path.lstat()
        return any(path.iterdir()) if stat.S_ISDIR(seen.st_mode) else seen.st_size > 0
    except OSError:
        return False


def _duplicate(first: Line, other: Line) -> Duplicate:
    return Duplicate(
        task_id=other.entry.task_id,
        keep=first.path,
        drop=other.path,
        kept_inode=first.inode,
        dropped_inode=other.inode,
    )
