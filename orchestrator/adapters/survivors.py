"""Which processes still belong to a folder after their program ended, and the end of them."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from msgspec import Struct

# Stands in the environment of everything an attempt starts, so that a child that left its
# process group and its folder is still found; a setsid alone escapes killpg (finding 0.9).
MARKER = "AGENT_OS_ATTEMPT"
PROC = Path("/proc")
PR_SET_CHILD_SUBREAPER = 36
PATIENCE_SECONDS = 5.0
_libc = ctypes.CDLL(None, use_errno=True)


class Process(Struct, frozen=True, kw_only=True):
    """A line of /proc; `born` in clock ticks since boot, `terminal` 0 where there is none.

    `ticks` is the processor time of it and of all its children that were collected.
    """

    pid: int
    state: str
    parent: int
    terminal: int
    born: int
    ticks: int


def adopt_orphans() -> None:
    """Make this process the parent of all its orphaned descendants, instead of pid 1."""
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def alive() -> Iterator[Process]:
    """Every process that has not ended, this one excepted; none twice."""
    ours = str(os.getpid())
    for name in os.listdir(PROC):
        if name.isdecimal() and name != ours:
            found = process(int(name))
            if found is not None and found.state not in "ZX":
                yield found


def process(pid: int) -> Process | None:
    """What the kernel says of a pid, or None where it is gone."""
    try:
        with open(f"{PROC}/{pid}/stat", "rb", buffering=0) as stat:
            words = stat.read(4096).rpartition(b")")[2].split()
    except OSError:
        return None
    return Process(
        pid=pid,
        state=words[0].decode(),
        parent=int(words[1]),
        terminal=int(words[4]),
        born=int(words[19]),
        ticks=sum(map(int, words[11:15])),
    )


@cache
def ancestors() -> tuple[str, ...]:
    """The names of the processes that this one came of when it was first asked, the nearest first,
    as far as one sees."""
    pid, names = os.getppid(), list[str]()
    while pid and (found := process(pid)) is not None:
        try:
            names.append((PROC / str(pid) / "comm").read_text(errors="replace").strip())
        except OSError:
            break
        pid = found.parent
    return tuple(names)


def belongs(pid: int, folder: str) -> bool:
    """Whether a process carries the folder's marker, or works inside the folder (Q7).

    `folder` is a real path. A process that may not be looked at belongs to somebody else.
    """
    try:
        where = os.readlink(PROC / str(pid) / "cwd").removesuffix(" (deleted)")
        if where == folder or where.startswith(folder + "/"):
            return True
        return b"\0" + mark(folder) in b"\0" + (PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return False


def mark(folder: str) -> bytes:
    return os.fsencode(f"{MARKER}={folder}") + b"\0"


def in_folder(folder: str) -> tuple[int, ...]:
    """The pids of all living processes of a folder, people's own shells among them."""
    real = os.path.realpath(folder)
    return tuple(found.pid for found in alive() if belongs(found.pid, real))


def without_terminal(folder: str) -> tuple[int, ...]:
    """Those of `in_folder` that no person sits at: agents never have a terminal, shells do."""
    real = os.path.realpath(folder)
    return tuple(p.pid for p in alive() if p.terminal == 0 and belongs(p.pid, real))


def of_attempt(folder: str, *, born: int, children_before: frozenset[int] | None) -> set[int]:
    """What an attempt left behind: its folder's younger processes, orphans, and their children.

    `children_before` are the pids that were our children before; any other child of ours now is
    an orphan of the attempt. It is None where another thread may have started one.
    """
    everybody = [p for p in alive() if p.born >= born]
    found = {p.pid for p in everybody if belongs(p.pid, folder)}
    if children_before is not None:
        found |= {p.pid for p in everybody if p.parent == os.getpid()} - children_before
    while more := {p.pid for p in everybody if p.parent in found} - found:
        found |= more
    return found


def descendants(pid: int) -> tuple[Process, ...]:
    """A process and all that came of it, as far as their parents still live."""
    everybody = tuple(alive())
    found = {pid}
    while more := {p.pid for p in everybody if p.parent in found} - found:
        found |= more
    return tuple(p for p in everybody if p.pid in found)


def below(pid: int, layers: int) -> set[int]:
    """What came of a process, without itself and the first `layers` - 1 that stand in it."""
    everybody = tuple(alive())
    inner, outer = {pid}, {pid}
    for _ in range(layers):
        outer = inner
        inner = {p.pid for p in everybody if p.parent in outer}
    while more := {p.pid for p in everybody if p.parent in inner} - inner:
        inner |= more
    return inner


def ask_to_end(pids: set[int]) -> None:
    """SIGTERM for each of them that still lives."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGTERM)
        except (ProcessLookupError, PermissionError):
            continue


def agents_of_ours() -> tuple[int, ...]:
    """The children of this process that carry a folder's marker: agents and test runs."""
    ours = (p.pid for p in alive() if p.parent == os.getpid())
    return tuple(pid for pid in ours if _is_marked(pid))


def _is_marked(pid: int) -> bool:
    try:
        said = (PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return False
    return b"\0" + os.fsencode(f"{MARKER}=") in b"\0" + said


def children() -> frozenset[int]:
    return frozenset(p.pid for p in alive() if p.parent == os.getpid())


def end(find: Callable[[], set[int]]) -> tuple[int, ...]:
    """SIGKILL whatever `find` names until it names nothing; returns the pids that were killed.

    A forking process is met again in the next round. Gives up after five seconds, which only
    a process stuck in the kernel survives.
    """
    killed: set[int] = set()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (found := find()) and time.monotonic() < deadline:
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue
        killed |= found
        time.sleep(0.005)
    for pid in killed:
        _reap(pid)
    return tuple(sorted(killed))


def reap_orphans() -> None:
    """Collect every ended child; only for a process in which nobody else waits for one."""
    while _reap(-1):
        pass


def _reap(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return False


def is_abandoned(path: Path, older_than_seconds: float) -> bool:
    """Whether a file is that old and no living process has it open: the rule for locks (G5)."""
    try:
        age = time.time() - path.lstat().st_mtime
    except FileNotFoundError:
        return False
    return age > older_than_seconds and not any(_has_open(p.pid, str(path)) for p in alive())


def _has_open(pid: int, path: str) -> bool:
    try:
        return any(os.readlink(entry) == path for entry in (PROC / str(pid) / "fd").iterdir())
    except OSError:
        return False
