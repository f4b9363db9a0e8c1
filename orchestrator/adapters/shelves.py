"""The mailbox as it stands: nine folders of task files, read quickly and without trust (Q9)."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from orchestrator.adapters import files, mailbox_index
from orchestrator.adapters.clock import Clock
from orchestrator.adapters.events import QUARANTINED, Events
from orchestrator.adapters.files import NotReadable
from orchestrator.adapters.mailbox_index import Found, Line, Names, line_of
from orchestrator.records.errors import AgentOSError
from orchestrator.records.task import QueueEntry, State, Task
from orchestrator.texts import taskfile, taskname
from orchestrator.texts.fitting import LARGEST_FILE
from orchestrator.texts.taskfile import NotATask

# An editor may be half-way through a save: a young file that cannot be read is left alone.
HALF_WRITTEN_SECONDS = 2.0
# So many files read anew are worth a new cache file; fewer are read again sooner than written.
WORTH_SAVING = 32
# Names in quarantine/ that are tried for one file, before a person must make room there.
_NAMES = 20
# What these folders hold is never parsed in search of something: done/ grows for ever.
SEARCHED = tuple(s for s in State if s not in {State.DONE, State.QUARANTINE})


class MailboxBroken(AgentOSError):
    """The mailbox folders are not as they must be; the text says which and what to do."""


class Shelves:
    """Reads the mailbox under `root`; what is not a readable task goes to quarantine/.

    With `read_only` (a dry run) such a file is passed over, a folder that is missing is empty, and
    nothing at all is written.
    """

    def __init__(
        self,
        root: Path,
        clock: Clock,
        events: Events | None = None,
        *,
        cache_folder: Path | None = None,
        read_only: bool = False,
    ) -> None:
        self.root = root
        self.clock = clock
        self.events = events
        self.cache_folder = cache_folder or root / ".index"
        self.read_only = read_only
        self._folders = {state: os.fspath(root / state.value) for state in State}
        self._lines: dict[State, dict[str, Line]] = {}
        self._names = {state: Names(folder) for state, folder in self._folders.items()}

    def folder(self, state: State) -> Path:
        return Path(self._folders[state])

    def path(self, state: State, task_id: str) -> Path:
        return Path(self.file_name(state, task_id))

    def file_name(self, state: State, task_id: str) -> str:
        return f"{self._folders[state]}/{task_id}.md"

    def prepare(self) -> None:
        """Make the folders that are missing, and check that a rename between any two can work.

        Raises MailboxBroken for a link or a folder on another file system (Q2).
        """
        home: int | None = None
        for place in (os.fspath(self.root), *self._folders.values()):
            device = self._prepared(place)
            if home is not None and device != home:
                raise MailboxBroken(
                    f"{place} lies on another file system than {self.root}; "
                    "all mailbox folders must share one, so that a task moves by one rename."
                )
            home = device

    def _prepared(self, place: str) -> int:
        """The device of a folder that is there now, made if it was missing."""
        try:
            status = os.lstat(place)
        except FileNotFoundError:
            files.make_folder(Path(place))
            return os.stat(place).st_dev
        if stat.S_ISLNK(status.st_mode):
            raise MailboxBroken(
                f"{place} is a symbolic link. A mailbox folder must be a real one, so that a "
                "task moves by one rename: name the real place as mailbox_dir instead."
            )
        if not stat.S_ISDIR(status.st_mode):
            files.make_folder(Path(place))  # it says what is in the way
        return status.st_dev

    def counts(self) -> dict[State, int]:
        """How many task files stand in each folder."""
        return {state: len(self._task_names(state)) for state in State}

    def list_state(self, state: State) -> list[Task]:
        """The readable tasks of one folder, by name."""
        return [found.task for found in self.read_state(state)]

    def read_state(self, state: State) -> list[Found]:
        """As `list_state`, with the place of each."""
        found = (self.fit(self.folder(state) / name) for name in self._task_names(state))
        return [each for each in found if each is not None and self.see(each)]

    def waiting(self, now: datetime) -> tuple[QueueEntry, ...]:
        """What stands in inbox/ and is due at `now`, in no order; cheap however much waits."""
        return tuple(
            line.entry
            for line in self.lines(State.INBOX)
            if line.entry.not_before is None or line.entry.not_before <= now
        )

    def find(self, repo: str, issue: int) -> list[Found]:
        """The tasks of an issue in every state but done, those under way first."""
        return [
            found
            for state in SEARCHED
            for line in self.lines(state)
            if line.entry.issue == issue and line.entry.repo.lower() == repo.lower()
            if (found := self.fit(line.path)) is not None and self.see(found)
        ]

    def done_of(self, repo: str, issue: int) -> list[Found]:
        """The tasks of an issue that are done, found by their names: done/ is not parsed."""
        named = self.named_for(State.DONE, repo, issue)
        found = (self._peek(self.path(State.DONE, task_id)) for task_id in named)
        return [
            one for one in found
            if one and one.task.issue == issue and one.task.repo.lower() == repo.lower()
            and self.see(one)
        ]  # fmt: skip

    def named_for(self, state: State, repo: str, issue: int) -> list[str]:
        """The ids of an issue's tasks in a folder, by the names of files that nobody opens."""
        end = taskname.place_of(repo, issue)
        names = (name.removesuffix(".md") for name in self._task_names(state) if end in name)
        return [name for name in names if taskfile.key_of(name).endswith(end)]

    def locate(self, task_id: str) -> Found | None:
        """The task's file wherever it stands, by its name, else by what it holds (not in done/).

        Nothing is set aside, and nothing of it is remembered: who goes on to change it calls `see`.
        """
        for state in (State.PROCESSING, *State):  # beside a copy, where it is worked on
            found = self._peek(self.path(state, task_id))
            if found is not None and found.task.task_id == task_id:
                return found
        lines = (line for state in SEARCHED for line in self.lines(state))
        hit = next((line for line in lines if line.entry.task_id == task_id), None)
        return self._peek(hit.path) if hit else None

    def holds(self, task_id: str) -> State | None:
        """Where the task is, by the names of files, else by what they hold (not in done/)."""
        key = taskfile.key_of(task_id)
        return self.named(key) or next(
            (
                state
                for state in SEARCHED
                for line in self.lines(state)
                if taskfile.key_of(line.entry.task_id) == key
            ),
            None,
        )

    def named(self, key: str, *, lately: bool = False) -> State | None:
        """The folder with a file of that name, with any slug; no file is opened.

        The way of a task is walked once more, so that one that moves on meanwhile is not missed.
        With `lately` a list of inbox/ from the last instant will do.
        """
        again = (State.PROCESSING, State.BLOCKED, State.REVIEW)
        return next((s for s in (*State, *again) if self.has_name(s, key, lately=lately)), None)

    def lines(self, state: State) -> list[Line]:
        """What is known of every readable file of a folder, from memory where it can be."""
        known = self._lines.get(state)
        if known is None:
            known = mailbox_index.load(self._cache(state))
        current: dict[str, Line] = {}
        fresh = 0
        for name, status in self._listing(state):
            line = known.get(name)
            if (
                line is None
                or line.modified_ns != status.st_mtime_ns
                or line.inode != status.st_ino
                or line.size != status.st_size
            ):
                found = self.fit(Path(self._folders[state], name))
                if found is None:
                    continue
                line, fresh = line_of(found), fresh + 1
            current[name] = line
        self._lines[state] = current
        if fresh >= WORTH_SAVING and not self.read_only:
            mailbox_index.save(self._cache(state), current)
        return list(current.values())

    def read(self, path: Path) -> Found:
        """The task in `path`; raises NotReadable, NotATask, UnicodeDecodeError, or OSError."""
        data, stamp = files.read_stamped(path, LARGEST_FILE)
        folder, name = os.path.split(path)
        task = taskfile.parse(
            data.decode(), stem=name.removesuffix(".md"), modified=stamp.modified
        )
        return Found(state=State(os.path.basename(folder)), path=path, task=task, stamp=stamp)

    def see(self, found: Found) -> Task:
        """Called for every task that is handed out; a reader has nothing to remember."""
        return found.task

    def quarantine(self, path: Path, reason: str) -> None:
        """Set a file aside that we cannot or must not work with, and say so once."""
        moment = self.clock.now().strftime("%Y%m%dT%H%M%S%fZ")
        stems = [path.stem, f"{path.stem}.{moment}"]
        stems += [f"{stems[-1]}-{number}" for number in range(2, _NAMES)]
        for stem in stems:
            target = self.folder(State.QUARANTINE) / f"{stem}{path.suffix}"
            try:
                files.move_durably(path, target)
                break
            except FileExistsError:
                continue  # taken, perhaps this very moment
            except FileNotFoundError:
                return  # a person was quicker
        else:
            raise AgentOSError(
                f"{path} is to be set aside, but {_NAMES} names of it are taken in quarantine/. "
                "It was left where it is; empty quarantine/ of what is not needed any more."
            )
        if self.events:
            self.events.add(
                QUARANTINED,
                reason=f"{path.parent.name}/{path.name}: {reason} "
                f"It was kept as quarantine/{target.name}; mend it and move it to inbox/.",
                file=target.name,
            )

    def fit(self, path: Path) -> Found | None:
        """The task in `path`, or None when there is none; what is no task is set aside."""
        try:
            return self.read(path)
        except FileNotFoundError:
            return None
        except UnicodeDecodeError:
            self._set_aside(path, "It is not UTF-8 text.", young_may_stay=True)
        except NotATask as reason:
            self._set_aside(path, str(reason), young_may_stay=True)
        except NotReadable as reason:
            self._set_aside(path, str(reason), young_may_stay=False)
        return None

    def _peek(self, path: Path) -> Found | None:
        try:
            return self.read(path)
        except (OSError, NotReadable, NotATask, UnicodeDecodeError):
            return None

    def may_be_half_written(self, path: Path) -> bool:
        """Whether an editor may still be at it, by the machine's clock, whatever --now says."""
        try:
            return abs(time.time() - path.lstat().st_mtime) < HALF_WRITTEN_SECONDS
        except FileNotFoundError:
            return True

    def _set_aside(self, path: Path, reason: str, *, young_may_stay: bool) -> None:
        if self.read_only or path.parent.name == State.QUARANTINE:
            return
        if not (young_may_stay and self.may_be_half_written(path)):
            self.quarantine(path, reason)

    def _listing(self, state: State) -> Iterator[tuple[str, os.stat_result]]:
        try:
            entries = os.scandir(self._folders[state])
        except (FileNotFoundError, NotADirectoryError) as reason:
            if self.read_only:
                return
            raise self.missing(state) from reason
        with entries:
            for entry in entries:
                if _is_task_name(entry.name):
                    try:
                        yield entry.name, entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue

    def has_name(self, state: State, key: str, *, lately: bool = False) -> bool:
        """Whether a file in the folder is named for the task `key`."""
        try:
            return self._names[state].has(key, lately=lately and state is State.INBOX)
        except (FileNotFoundError, NotADirectoryError) as reason:
            if self.read_only:
                return False
            raise self.missing(state) from reason

    def remember_name(self, state: State, name: str) -> None:
        self._names[state].add(name)

    def _task_names(self, state: State) -> list[str]:
        try:
            return sorted(name for name in self._names[state].all() if _is_task_name(name))
        except (FileNotFoundError, NotADirectoryError) as reason:
            if self.read_only:
                return []
            raise self.missing(state) from reason

    def no_task_names(self, state: State) -> list[str]:
        """Names in a folder that are neither a task's nor an editor's; sorted."""
        try:
            return sorted(name for name in self._names[state].all() if _is_strange(name))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def missing(self, state: State) -> MailboxBroken:
        return MailboxBroken(
            f"{self.folder(state)} is not there. No task was touched; "
            "the next tick makes the folder anew, unless you put it back first."
        )

    def _cache(self, state: State) -> Path:
        return self.cache_folder / f"{state.value}.json"


def _is_task_name(name: str) -> bool:
    """Not what editors drop: dot-files, `~`, `.swp`, `4913`."""
    return name.endswith(".md") and not name.startswith(".")


def _is_strange(name: str) -> bool:
    editors = name.startswith(".") or name.endswith(("~", ".swp", ".tmp"))
    return not (editors or _is_task_name(name))
