"""Who holds what on this machine: flock on a fixed set of files that are never unlinked (Q8)."""

from __future__ import annotations

import fcntl
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import IntEnum
from functools import cache
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

import msgspec
from msgspec import Struct

from orchestrator.adapters import files
from orchestrator.adapters.clock import Clock
from orchestrator.records.errors import AgentOSError

TASK_LOCKS = 64
_POLL_SECONDS = 0.05
_LARGEST_NOTE = 4096
_ALONE_SECONDS = 5.0


class Rank(IntEnum):
    """The global order: a process takes a lock only above every lock it holds."""

    SCRIPT = 1
    WORKER_SLOT = 2
    REPOSITORY_SLOT = 3
    TASK = 4
    STORE = 5
    MERGE = 6


class LockOrderError(AgentOSError):
    """Two processes that take locks in different orders may wait for each other for ever."""


class LockBusy(AgentOSError):
    """A store or merge base was busy until the deadline; the next tick tries again."""

    exit_code = 10


class Holder(Struct, frozen=True, kw_only=True):
    """What a lock's file says of the one who took it last."""

    uuid: str
    pid: int
    boot_id: str
    host: str
    started: datetime
    what: str


class Lock:
    """One held lock, until `release` or the end of the process; also a context manager."""

    def __init__(
        self, name: str, rank: Rank, holder: Holder, descriptor: int, let_go: Callable[[Lock], None]
    ) -> None:
        self.name = name
        self.rank = rank
        self.holder = holder
        self._descriptor: int | None = descriptor
        self._let_go = let_go

    @property
    def uuid(self) -> str:
        return self.holder.uuid

    def release(self) -> None:
        """Closing is what lets go of a flock: every descriptor is close-on-exec, none is shared."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
            self._let_go(self)

    def __enter__(self) -> Lock:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


class Locks:
    """The locks under one folder; one value per process, because it checks the order."""

    def __init__(self, folder: Path, *, what: str = "", clock: Clock | None = None) -> None:
        self.folder = folder
        self.what = what
        self.clock = clock or Clock()
        self.boot_id = boot_id()
        self.host = os.uname().nodename
        self._prefix = f"{folder}{os.sep}"
        self._held: list[Lock] = []

    def try_script(self, name: str) -> Lock | None:
        return self._try(f"script-{_safe(name)}", Rank.SCRIPT)

    def script_holder(self, name: str) -> Holder | None:
        """Who runs the script now, and since when."""
        return self.holder(f"script-{_safe(name)}")

    def try_worker_slot(self, n_slots: int) -> Lock | None:
        """The first free slot of 1..n_slots, or None when all work."""
        return self._first(Rank.WORKER_SLOT, [f"slot-{n}" for n in range(1, n_slots + 1)])

    def most_worker_slots(self) -> int:
        """The highest number a slot had here: a worker keeps its own when fewer are allowed."""
        named = (path.stem.removeprefix("slot-") for path in self.folder.glob("slot-*.lock"))
        return max((int(number) for number in named if number.isdecimal()), default=0)

    def free_worker_slots(self, n_slots: int) -> int:
        """How many of the slots 1..n_slots nobody holds now."""
        return sum(self.holder(f"slot-{n}") is None for n in range(1, n_slots + 1))

    def try_repository_slot(self, slug: str, n: int) -> Lock | None:
        """A free slot of 1..n of the repository `slug` ("owner/name"), or None."""
        names = [f"repository-{_safe(slug)}-{i}" for i in range(1, n + 1)]
        return self._first(Rank.REPOSITORY_SLOT, names)

    def free_repository_slots(self, slug: str, n: int) -> int:
        """How many of the slots 1..n of the repository nobody holds now."""
        names = (f"repository-{_safe(slug)}-{i}" for i in range(1, n + 1))
        return sum(self.holder(name) is None for name in names)

    def try_task(self, task_id: str) -> Lock | None:
        """One of 64 by the id's hash, so two tasks may share it: busy means next tick.

        It bears no name on the disk, which would cost each claim a write: the task's claim and
        the worker's slot say who it is.
        """
        return self._try(f"task-{task_lock(task_id):02d}", Rank.TASK)

    def store(self, slug: str, deadline_seconds: float) -> Lock:
        """The git store of `slug`; raises LockBusy after `deadline_seconds`."""
        return self._wait(f"store-{_safe(slug)}", Rank.STORE, deadline_seconds)

    def merge(self, slug: str, base: str, deadline_seconds: float) -> Lock:
        """The branch `base` of `slug`; raises LockBusy after `deadline_seconds`."""
        return self._wait(f"merge-{_safe(slug)}-{_safe(base)}", Rank.MERGE, deadline_seconds)

    @contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """Hold `name` for the moment that a small shared file takes to change.

        It has no rank: inside no other lock is taken and nothing is waited for. Raises LockBusy.
        """
        descriptor = self._open(name)
        try:
            end = self.clock.monotonic() + _ALONE_SECONDS
            while not _flocked(descriptor, fcntl.LOCK_EX):
                if self.clock.monotonic() >= end:
                    raise LockBusy(f"{name} was held for {_ALONE_SECONDS:g} s, which is a defect.")
                self.clock.sleep(_POLL_SECONDS / 10)
            yield
        finally:
            os.close(descriptor)

    def release_all(self) -> None:
        """Let go of everything, the last taken first: what the kernel does for a dead process."""
        for lock in reversed(tuple(self._held)):
            lock.release()

    def holder(self, name: str) -> Holder | None:
        """Who holds the lock `name` now; None when it is free, or taken this very moment.

        A task's lock names nobody, so the answer for it is always None.
        """
        try:
            path = f"{self._prefix}{name}.lock"
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        try:
            if _flocked(descriptor, fcntl.LOCK_SH):
                return None
            return _read_note(descriptor)
        finally:
            os.close(descriptor)

    def is_live(self, slot_name: str, uuid: str) -> bool:
        """Whether the slot is flocked by the holder named `uuid` (Q5); a pid proves nothing.

        The test takes a shared lock for some microseconds, so testers never disturb each other.
        Two tiny windows remain, both harmless: a taker that meets a tester tries once more, and
        a slot whose new holder has not written its name yet still names the last one, so that a
        dead claim may look live until the next tick.
        """
        holder = self.holder(slot_name)
        return holder is not None and holder.uuid == uuid

    def _first(self, rank: Rank, names: list[str]) -> Lock | None:
        for name in names:
            lock = self._try(name, rank)
            if lock is not None:
                return lock
        return None

    def _try(self, name: str, rank: Rank) -> Lock | None:
        self._check_order(name, rank)
        descriptor = self._open(name)
        if not _flocked(descriptor, fcntl.LOCK_EX):
            if rank <= Rank.WORKER_SLOT:  # it may be a tester's, who lets go at once
                self.clock.sleep(0.001)
            if rank > Rank.WORKER_SLOT or not _flocked(descriptor, fcntl.LOCK_EX):
                os.close(descriptor)
                return None
        return self._taken(name, rank, descriptor)

    def _wait(self, name: str, rank: Rank, deadline_seconds: float) -> Lock:
        self._check_order(name, rank)
        descriptor = self._open(name)
        end = self.clock.monotonic() + deadline_seconds
        while not _flocked(descriptor, fcntl.LOCK_EX):
            if self.clock.monotonic() >= end:
                note = _read_note(descriptor)
                os.close(descriptor)
                who = f"process {note.pid} ({note.what})" if note else "another process"
                raise LockBusy(
                    f"{name} was held by {who} for {deadline_seconds:g} s; "
                    "nothing was changed, the next tick tries again."
                )
            self.clock.sleep(_POLL_SECONDS)
        return self._taken(name, rank, descriptor)

    def _open(self, name: str) -> int:
        """The file is there but for the first time, and O_CREAT would lock the folder each time."""
        path, flags = f"{self._prefix}{name}.lock", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            return os.open(path, flags)
        except FileNotFoundError:
            files.make_folder(self.folder)
            return os.open(path, flags | os.O_CREAT, 0o600)

    def _taken(self, name: str, rank: Rank, descriptor: int) -> Lock:
        holder = Holder(
            uuid=os.urandom(16).hex(),
            pid=os.getpid(),
            boot_id=self.boot_id,
            host=self.host,
            started=self.clock.now(),
            what=self.what,
        )
        if rank is not Rank.TASK:
            # One write of a padded note: a reader never sees half an old and half a new one.
            try:
                os.pwrite(descriptor, msgspec.json.encode(holder).ljust(512) + b"\n", 0)
            except OSError:
                os.close(descriptor)  # a lock without its holder's name would be nobody's
                raise
        lock = Lock(name, rank, holder, descriptor, self._held.remove)
        self._held.append(lock)
        return lock

    def _check_order(self, name: str, rank: Rank) -> None:
        for held in self._held:
            if held.rank >= rank:
                raise LockOrderError(
                    f"{name} was asked for while {held.name} is held; the order is script, "
                    "worker slot, repository slot, task, store, merge. This is a defect of ours."
                )


def task_lock(task_id: str) -> int:
    """Which of the task locks is this task's; two tasks may share one."""
    return zlib.crc32(task_id.encode("utf-8", "surrogatepass")) % TASK_LOCKS


@cache
def boot_id() -> str:
    """The kernel's name for this boot, which no process outlives; "" where it has none."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
            return stream.read().strip()
    except OSError:
        return ""


def _safe(word: str) -> str:
    """`owner/name` as `owner__name`, and no other letter that means something in a path."""
    plain = word.replace("/", "__")
    return plain if plain.isascii() and plain.isidentifier() else quote(plain, safe="")


def _flocked(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read_note(descriptor: int) -> Holder | None:
    try:
        return msgspec.json.decode(os.pread(descriptor, _LARGEST_NOTE, 0), type=Holder)
    except (msgspec.MsgspecError, RecursionError):
        return None
