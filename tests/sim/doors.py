"""Every boundary of a simulated process, seen by Python's own audit events (PEP 578).

The real code needs no seam for files, git and locks: before each of them the interpreter tells
us, and what we raise there stops the operation before it happens.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any

from tests.sim.processes import Process


class Kind(StrEnum):
    FILE = "file"
    GIT = "git"
    LOCK = "lock"
    HTTP = "http"
    WIRE = "wire"
    EXECUTOR = "executor"
    SPAWN = "spawn"


# A door, told to the engine before what it stands for happens: kind, what is done, where.
Told = Callable[[Process, Kind, str, str], None]

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
PATHS = {
    "os.rename": 2, "os.link": 2, "os.symlink": 2, "os.remove": 1, "os.mkdir": 1, "os.rmdir": 1,
    "os.truncate": 1, "os.chmod": 1, "os.utime": 1,
}  # fmt: skip
WATCHED = frozenset({"open", "subprocess.Popen", "fcntl.flock", *PATHS})
LOCK_EX = 2
# Of git's words the first that is none of these is what it does.
OPTIONS_WITH_VALUE = {"-c", "-C"}
# What git does without changing a ref, an index or a folder.
LOOKING = frozenset({
    "cat-file", "rev-parse", "merge-base", "diff", "diff-tree", "diff-index", "log", "rev-list",
    "ls-tree", "ls-files", "merge-tree", "for-each-ref", "status", "show", "write-tree", "grep",
    "check-ref-format", "version", "hash-object", "blame",
})  # fmt: skip


class Watch:
    """The one audit hook of this interpreter; it hears the process that holds the baton."""

    def __init__(self) -> None:
        self.process: Process | None = None
        self.root = ""
        self.tell: Told | None = None
        self.lock_taken: Callable[[int, Process], None] | None = None
        self.installed = False
        # With which the file is to be opened at whose door somebody stands.
        self.flags = 0
        self._touched: list[str] | None = None

    def install(self) -> None:
        if not self.installed:
            self.installed = True
            sys.addaudithook(self.hear)

    def hear(self, event: str, told: tuple[Any, ...]) -> None:
        if event not in WATCHED:
            return
        process = self.process
        if process is None and self._touched is not None:
            self._by_a_person(event, told, self._touched)
        if process is None or process.outside or process.ident != threading.get_ident():
            return
        if event == "open":
            self._opened(process, told)
        elif event == "subprocess.Popen":
            self._started(process, told)
        elif event == "fcntl.flock":
            self._locked(process, told)
        else:
            self._changed(process, event, told)

    @contextlib.contextmanager
    def noted(self) -> Iterator[list[str]]:
        """While a person acts: what they write under the root, and which programs they start."""
        self._touched = touched = []
        try:
            yield touched
        finally:
            self._touched = None

    def _by_a_person(self, event: str, told: tuple[Any, ...], touched: list[str]) -> None:
        if event == "subprocess.Popen":
            touched += [word for word in map(os.fsdecode, told[1] or ()) if self.root in word]
        elif event == "open":
            path, _, flags = told
            if isinstance(flags, int) and flags & WRITING and isinstance(path, str | bytes):
                name = os.fsdecode(path)
                touched += [name] if name.startswith(self.root) else []
        elif event in PATHS:
            named = (one for one in told[: PATHS[event]] if not isinstance(one, int))
            names = [os.fsdecode(one) for one in named if one is not None]
            touched += [n for n in names if n.startswith(self.root) or not n.startswith("/")]

    def _opened(self, process: Process, told: tuple[Any, ...]) -> None:
        path, _, flags = told
        if isinstance(flags, int) and flags & WRITING and isinstance(path, str | bytes):
            name = os.fsdecode(path)
            if name.startswith(self.root) and not name.endswith(".lock"):
                self.flags = flags
                self._door(process, Kind.FILE, "write", name)

    def _changed(self, process: Process, event: str, told: tuple[Any, ...]) -> None:
        named = (one for one in told[: PATHS[event]] if isinstance(one, str | bytes | os.PathLike))
        names = [os.fsdecode(one) for one in named]
        # A bare name is one in a folder that is open: a tree that is being removed.
        if names and any(n.startswith(self.root) or not n.startswith("/") for n in names):
            self._door(process, Kind.FILE, event.removeprefix("os."), names[-1])

    def _started(self, process: Process, told: tuple[Any, ...]) -> None:
        words = [os.fsdecode(word) for word in told[1]] if told[1] else [str(told[0])]
        self._door(process, Kind.GIT, verb(words), " ".join(words))

    def _locked(self, process: Process, told: tuple[Any, ...]) -> None:
        descriptor, operation = told
        if operation & LOCK_EX and self.lock_taken is not None:
            self.lock_taken(descriptor, process)
            self._door(process, Kind.LOCK, "flock", "")

    def _door(self, process: Process, kind: Kind, what: str, where: str) -> None:
        if self.tell is not None:
            process.outside += 1
            try:
                self.tell(process, kind, what, where)
            finally:
                process.outside -= 1


def verb(words: list[str]) -> str:
    """`worktree add` of a whole git command line; of any other program its name."""
    if os.path.basename(words[0]) != "git":
        return os.path.basename(words[0])
    skip = False
    for number, word in enumerate(words[1:], 1):
        if skip or word.startswith("-"):
            skip = not skip and word in OPTIONS_WITH_VALUE
            continue
        return f"worktree {words[number + 1]}" if word == "worktree" else word
    return "git"


# An audit hook can never be taken away again: one for the interpreter, silent between seeds.
WATCH = Watch()
