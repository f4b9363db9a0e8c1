"""How much a running program and all it started use together, and whether that is too much (S3)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from orchestrator.adapters import files, survivors
from orchestrator.adapters.clock import Clock
from orchestrator.records.order import Limits

EVERY_SECONDS = 0.5
PAGE, TICKS = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")
# Where memory runs out, the kernel ends these first, and neither us nor the person's shell.
FIRST_TO_GO = b"800"
BIG = 1_000_000_000


class Watch:
    """Looks at the processes below `pid`, and at the disk under `places`, twice a second.

    The disk is asked for its free space, which costs nothing; only where that fell by as much
    as is allowed are the places measured, since others write too. So it is with the memory that
    this machine shares. Of the files that the disk has room for it may make half. `exceeded` says
    by which limit it is to be stopped, "" while there is none; `peak` is the most memory that was
    seen, `cpu_seconds` the most processor time.
    """

    def __init__(
        self, pid: int, limits: Limits, places: Sequence[str], clock: Clock | None = None
    ) -> None:
        self.pid = pid
        self.limits = limits
        self.places = tuple(map(Path, places))
        self.clock = clock or Clock()
        self.exceeded = ""
        self.peak = 0
        self.cpu_seconds = 0.0
        self._looked = self.clock.monotonic()
        self._offered = set[int]()
        self._free = self._room()
        self._nodes = self._room_of_files()

    def over(self) -> bool:
        """Whether a limit is exceeded; asked often, it looks no oftener than it must."""
        now = self.clock.monotonic()
        if now - self._looked >= EVERY_SECONDS and not self.exceeded:
            self._looked = now
            self.exceeded = self._processes() or self._disk() or self._files()
        return bool(self.exceeded)

    def _processes(self) -> str:
        tree = survivors.descendants(self.pid)
        pids = {process.pid for process in tree}
        self.cpu_seconds = max(self.cpu_seconds, sum(p.ticks for p in tree) / TICKS)
        for pid in pids - self._offered:
            files.tell_kernel(Path(f"/proc/{pid}/oom_score_adj"), FIRST_TO_GO)
        self._offered = pids
        most, many = self.limits.memory_bytes, self.limits.processes
        memory = sum(map(_resident, pids))
        if most is not None and memory + _shared_by_all() > most:
            memory += sum(map(_shared, pids))
        self.peak = max(self.peak, memory)
        if many is not None and len(pids) > many:
            return f"it had {len(pids)} processes, and may have {many} (max_processes)"
        if most is not None and memory > most:
            return f"it used {_gb(memory)} of memory, and may use {_gb(most)} (max_memory_gb)"
        return ""

    def _disk(self) -> str:
        most = self.limits.disk_bytes
        if most is None or self._free - self._room() < most:
            return ""
        wrote = sum(map(files.size_of, self.places))
        if wrote > most:
            return f"it filled {_gb(wrote)} of the disk, and may fill {_gb(most)} (max_disk_gb)"
        self._free = self._room()  # it was not this program; count from here
        return ""

    def _files(self) -> str:
        """Empty files fill a disk as well, which holds only so many (some hold any number)."""
        if not self._nodes or self._room_of_files() > self._nodes / 2:
            return ""
        made = sum(map(files.count, self.places))
        if made >= self._nodes / 2:
            return f"it made {made} files, half of all that the disk has room for"
        self._nodes = self._room_of_files()
        return ""

    def _room_of_files(self) -> int:
        return min((files.space_for_files(place) for place in self.places), default=0)

    def _room(self) -> int:
        return min((files.space(place)[0] for place in self.places), default=0)


def machine_memory() -> int:
    """Bytes of memory that this machine has."""
    return os.sysconf("SC_PHYS_PAGES") * PAGE


def _resident(pid: int) -> int:
    """Memory of a process that is not shared with any file, in bytes."""
    try:
        words = Path(f"/proc/{pid}/statm").read_bytes().split()
    except OSError:
        return 0
    return (int(words[1]) - int(words[2])) * PAGE if len(words) > 2 else 0


def _shared(pid: int) -> int:
    """Its part of the memory that it shares with no file of a disk, and what it keeps in memory
    files without looking at them; costs more than a look at its size."""
    try:
        told = Path(f"/proc/{pid}/smaps_rollup").read_bytes()
        mapped = _field(told, b"Pss_Shmem:")
        opened = {(one.st_ino, one.st_blocks * 512) for one in map(os.stat, _memory_files(pid))}
    except OSError:
        return 0
    return max(mapped, sum(size for _, size in opened))


def _memory_files(pid: int) -> list[str]:
    folder = f"/proc/{pid}/fd"
    opened = (f"{folder}/{name}" for name in os.listdir(folder))
    return [one for one in opened if os.readlink(one).startswith("/memfd:")]


def _shared_by_all() -> int:
    return _field(Path("/proc/meminfo").read_bytes(), b"Shmem:")


def _field(text: bytes, name: bytes) -> int:
    """A line of the kernel's, in bytes; 0 where there is none."""
    rest = text.partition(name)[2].split(maxsplit=1)
    return int(rest[0]) * 1024 if rest else 0


def _gb(size: int) -> str:
    return f"{size / BIG:.1f} GB"
