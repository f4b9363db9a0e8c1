"""What is remembered of the mailbox, so that a look at thousands of files opens none of them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec
from msgspec import Struct

from orchestrator.adapters import files
from orchestrator.adapters.files import Stamp
from orchestrator.records.task import QueueEntry, State, Task
from orchestrator.texts import taskfile

# In this time no second dispatcher finds one Ready under two titles; if it did, Q3 would see it.
_INSTANT_SECONDS = 0.05


class Found(Struct, frozen=True, kw_only=True):
    """A task, the file it was read from, and the folder that file stands in."""

    state: State
    path: Path
    task: Task
    stamp: Stamp


class Line(Struct, frozen=True, array_like=True):
    """What is remembered of a file; it need not be read again while these three stay the same."""

    inode: int
    modified_ns: int
    size: int
    entry: QueueEntry
    marked: State | None
    slot: str
    uuid: str

    @property
    def path(self) -> Path:
        return Path(self.entry.path)


class Names:
    """The names in one folder, listed again only when the folder's own time has changed."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._changed = -1
        self._listed = -1.0
        self._joined = ""

    def all(self) -> list[str]:
        """Raises FileNotFoundError or NotADirectoryError when the folder is not there."""
        return [name for name in self._now().split("/") if name]

    def has(self, key: str, *, lately: bool = False) -> bool:
        """Whether a file is named for the task `key`, as quick among 100,000 as can be.

        With `lately` a list of the last instant will do: many processes that enqueue at once
        would else list the folder for each other's files.
        """
        recent = lately and time.monotonic() - self._listed < _INSTANT_SECONDS
        names = self._joined if recent else self._now()
        place = names.find(f"/{key}")
        while place >= 0:
            end = names.find("/", place + 1)
            if taskfile.key_of(names[place + 1 : end].removesuffix(".md")) == key:
                return True
            place = names.find(f"/{key}", end)
        return False

    def add(self, name: str) -> None:
        """A file that this process has just made."""
        self._joined += f"{name}/"

    def _now(self) -> str:
        changed = os.stat(self.folder).st_mtime_ns
        if changed != self._changed:
            self._joined = "/".join(["", *os.listdir(self.folder), ""])
            self._changed, self._listed = changed, time.monotonic()
        return self._joined


def line_of(found: Found) -> Line:
    task = found.task
    entry = QueueEntry(
        task_id=task.task_id,
        repo=task.repo,
        issue=task.issue,
        priority=task.priority,
        began=task.began,
        not_before=task.not_before,
        next_at=task.next_at,
        path=str(found.path),
    )
    return Line(
        found.stamp.inode,
        found.stamp.modified_ns,
        found.stamp.size,
        entry,
        task.state,
        task.claim.slot if task.claim else "",
        task.claim.uuid if task.claim else "",
    )


def load(path: Path) -> dict[str, Line]:
    """The lines that were saved, by file name; none where the file is missing or spoilt."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Line])
    except (OSError, msgspec.MsgspecError, RecursionError):
        return {}


def save(path: Path, lines: dict[str, Line]) -> None:
    files.make_folder(path.parent)
    files.write_cache(path, msgspec.json.encode(lines))
