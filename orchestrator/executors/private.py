"""What is an order's own on this machine: its /tmp, its repository, its limits, a lent login."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from orchestrator.adapters import files
from orchestrator.adapters.files import NotReadable
from orchestrator.records.order import AttemptOrder, GitView

PROCESSES_ABOVE = 4  # threads count as processes to the kernel, and not to the watch
INDEX_LIMIT = 500_000_000
CONFIG = b"""\
[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = false
[user]
\tname = Agent
\temail = agent@localhost
[gc]
\tauto = 0
[maintenance]
\tauto = false
"""


class Rooms(Struct, frozen=True, kw_only=True):
    """Folders that live as long as one order."""

    tmp: Path
    git: Path | None = None


@contextlib.contextmanager
def rooms(order: AttemptOrder) -> Iterator[Rooms]:
    """A private /tmp and, where the order has a view of git, a repository for it.

    On the disk and not in memory: a small machine has more of it, and the watch bounds it.
    """
    beside = Path(order.home).parent
    with files.temporary_folder(beside) as folder:
        tmp = folder / "tmp"
        files.make_folder(tmp)
        git = repository(folder / "git", order.git) if order.git else None
        yield Rooms(tmp=tmp, git=git)


def repository(folder: Path, view: GitView) -> Path:
    """A repository that borrows the objects of the store, with refs and settings of its own.

    A program can commit, stash and reset in it as it likes: nothing of ours ever reads it.
    """
    for name in ("objects/info", "refs/heads", "info"):
        files.make_folder(folder / name)
    written = {
        "HEAD": f"ref: {view.head}\n",
        "objects/info/alternates": f"{view.objects}\n",
        "packed-refs": "".join(f"{sha} {name}\n" for name, sha in sorted(view.refs.items())),
    }
    files.write_cache(folder / "config", CONFIG)
    for name, text in written.items():
        files.write_cache(folder / name, text.encode())
    if view.index:
        with contextlib.suppress(FileNotFoundError, NotReadable):
            files.write_cache(folder / "index", files.read_bounded(Path(view.index), INDEX_LIMIT))
    return folder


def lend(order: AttemptOrder) -> None:
    """Where no walls are, a lent path is a link in the private home."""
    for loan in order.walls.lent:
        target = Path(loan.target)
        if os.path.lexists(loan.source) and not os.path.lexists(target):
            files.make_folder(target.parent)
            files.link(target, to=Path(loan.source))


def furnish(order: AttemptOrder) -> None:
    """The order's own files in its home, where nothing lies there and nothing is lent."""
    lent = {loan.target for loan in order.walls.lent if os.path.lexists(loan.source)}
    for name, text in order.home_files.items():
        target = Path(order.home) / name
        if str(target) not in lent and not os.path.lexists(target):
            files.make_folder(target.parent)
            files.write_cache(target, text.encode())


def limited(order: AttemptOrder, *, contained: bool) -> tuple[str, ...]:
    """The program that sets what the kernel itself bounds of each process, where there is one.

    No core file, no single file larger than the share of the disk, no more processor time than
    all processors can give in the order's time. Memory is the watch's: an address space says
    little of programs that reserve far more than they use. Processes are counted by user, so
    only where the program is alone among its own.
    """
    prlimit = files.find_program("prlimit", "/usr/bin:/bin:/usr/local/bin")
    if prlimit is None:
        return ()
    seconds = int(order.timeout_seconds * (os.cpu_count() or 1)) + 60
    words = [prlimit, "--core=0", f"--cpu={seconds}"]
    if order.limits.disk_bytes is not None:
        words.append(f"--fsize={order.limits.disk_bytes}")
    if contained and order.limits.processes is not None:
        words.append(f"--nproc={order.limits.processes * PROCESSES_ABOVE}")
    return (*words, "--")
