"""What the invariants are shown: mailbox, effects and events, read again where they changed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import msgspec

from orchestrator.adapters import files
from orchestrator.paths import Paths
from orchestrator.records.effect import Effect
from orchestrator.records.event import Event
from orchestrator.records.task import State, Task
from orchestrator.texts import taskfile
from orchestrator.texts.taskfile import NotATask
from tests.sim.interface import Filed

Key = tuple[int, int, int]


class Eyes:
    """Reads without any door, and without trust in what lies there."""

    def __init__(self, paths: Paths) -> None:
        self.paths = paths
        self._folders = {state: f"{paths.mailbox}/{state.value}" for state in State}
        self._filed: dict[str, tuple[Key, Filed]] = {}
        self._shown: dict[State, tuple[Filed, ...]] = {}
        # How often what stands in a folder was found changed, and how often its list of names was.
        self.contents = dict.fromkeys(State, 0)
        self.names = dict.fromkeys(State, 0)
        self._held: dict[State, dict[str, Key]] = {state: {} for state in State}
        self._effects: dict[str, tuple[Key, tuple[Effect, ...]]] = {}
        self.events: list[Event] = []
        self._events_inode = 0
        self._events_read = 0

    def mailbox(self) -> dict[State, tuple[Filed, ...]]:
        """Every file of it as it is now; the very same answer as long as that is so."""
        known, self._filed = self._filed, {}
        shown = {}
        moved = not self._shown
        for state in State:
            folder = self._folders[state]
            found = []
            held = {}
            for name, status in listed(folder):
                if not name.endswith(".md") or name.startswith("."):
                    continue
                path = f"{folder}/{name}"
                held[name] = key = (status.st_ino, status.st_mtime_ns, status.st_size)
                before = known.get(path)
                filed = before[1] if before and before[0] == key else read(state, Path(path))
                self._filed[path] = (key, filed)
                found.append(filed)
            if held != self._held[state]:
                self.contents[state] += 1
                self.names[state] += held.keys() != self._held[state].keys()
                self._held[state] = held
                moved = True
            shown[state] = tuple(found)
        if moved:
            self._shown = shown
        return self._shown

    def inodes(self) -> dict[str, tuple[int, int]]:
        """Every plain file of the mailbox with its inode and when that last changed."""
        found = {}
        for state in State:
            folder = self._folders[state]
            for name, status in listed(folder):
                if stat.S_ISREG(status.st_mode):
                    found[f"{folder}/{name}"] = (status.st_ino, status.st_ctime_ns)
        return found

    def effects(self) -> dict[str, tuple[Effect, ...]]:
        """By the name of the log, which is a task's id or a script's name."""
        known, self._effects = self._effects, {}
        for name, status in listed(self.paths.effects):
            if name.endswith(".jsonl"):
                key = (status.st_ino, status.st_mtime_ns, status.st_size)
                before = known.get(name)
                if before is None or before[0] != key:
                    before = (key, lines_of(self.paths.effects / name))
                self._effects[name] = before
        return {name.removesuffix(".jsonl"): told for name, (_, told) in self._effects.items()}

    def look_at_events(self) -> list[Event]:
        """All that was ever written, also where the file was deleted since."""
        try:
            status = os.stat(self.paths.events)
        except FileNotFoundError:
            self._events_inode = 0
            return self.events
        if status.st_ino != self._events_inode or status.st_size < self._events_read:
            self._events_inode, self._events_read = status.st_ino, 0
        if status.st_size > self._events_read:
            with open(self.paths.events, "rb") as stream:
                stream.seek(self._events_read)
                fresh = stream.read()
            self._events_read += len(fresh)
            for line in fresh.splitlines():
                try:
                    self.events.append(msgspec.json.decode(line, type=Event))
                except (msgspec.MsgspecError, UnicodeDecodeError):
                    continue
        return self.events


def listed(folder: Path | str) -> list[tuple[str, os.stat_result]]:
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    found.append((entry.name, entry.stat(follow_symlinks=False)))
                except FileNotFoundError:
                    continue
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(found, key=lambda pair: pair[0])


def read(state: State, path: Path) -> Filed:
    try:
        data, stamp = files.read_stamped(path, 10_000_000)
        task: Task | None = taskfile.parse(data.decode(), stem=path.stem, modified=stamp.modified)
        problem = ""
    except (OSError, files.NotReadable, NotATask, UnicodeDecodeError) as error:
        task, problem = None, str(error) or type(error).__name__
    return Filed(state=state, path=path, task=task, problem=problem)


def lines_of(path: Path) -> tuple[Effect, ...]:
    found = []
    for line in path.read_bytes().splitlines():
        try:
            found.append(msgspec.json.decode(line, type=Effect))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
    return tuple(found)
