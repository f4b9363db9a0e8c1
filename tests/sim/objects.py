"""Commits, trees and blobs read from the files that git keeps them in, without starting git."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

TREE = "40000"


class Entry(NamedTuple):
    """One name in a tree; `mode` as git stores it, without leading zeros."""

    mode: str
    name: str
    sha: str


class Objects:
    """The loose objects of some repositories, and of those that they borrow from.

    What lies in a pack is not seen and counted in `unread`: a check that rests on it is blind
    there, and must say so. Objects never change, so what was read once is remembered.
    """

    def __init__(self) -> None:
        self.unread = 0
        self._trees: dict[str, tuple[Entry, ...]] = {}
        self._commits: dict[str, tuple[str, tuple[str, ...]]] = {}
        self._folders: dict[Path, tuple[Path, ...]] = {}

    def folders(self, bare: Path) -> tuple[Path, ...]:
        """Where the objects of a repository lie: its own folder, then those it borrows from."""
        if bare not in self._folders:
            own = bare / "objects"
            found = [own]
            borrowed = own / "info" / "alternates"
            if borrowed.is_file():
                found += [Path(line) for line in borrowed.read_text().split("\n") if line]
            self._folders[bare] = tuple(found)
        return self._folders[bare]

    def read(self, bare: Path, sha: str) -> bytes | None:
        """What an object holds, without its header; None where no loose file has it."""
        for folder in self.folders(bare):
            try:
                raw = zlib.decompress((folder / sha[:2] / sha[2:]).read_bytes())
            except FileNotFoundError:
                continue
            return raw[raw.index(0) + 1 :]
        self.unread += 1
        return None

    def commit(self, bare: Path, sha: str) -> tuple[str, tuple[str, ...]] | None:
        """The tree and the parents of a commit."""
        if sha not in self._commits:
            raw = self.read(bare, sha)
            if raw is None:
                return None
            head = raw.partition(b"\n\n")[0].decode().split("\n")
            named = [line.split(" ") for line in head if line.startswith(("tree ", "parent "))]
            parents = tuple(words[1] for words in named if words[0] == "parent")
            self._commits[sha] = named[0][1], parents
        return self._commits[sha]

    def tree(self, bare: Path, sha: str) -> tuple[Entry, ...]:
        if sha not in self._trees:
            raw = self.read(bare, sha)
            if raw is None:
                return ()
            self._trees[sha] = tuple(entries(raw))
        return self._trees[sha]

    def files(self, bare: Path, commit: str) -> Iterator[tuple[str, str]]:
        """Every path of a commit with the name of its blob."""
        found = self.commit(bare, commit)
        waiting = [("", found[0])] if found else []
        while waiting:
            prefix, sha = waiting.pop()
            for entry in self.tree(bare, sha):
                if entry.mode == TREE:
                    waiting.append((f"{prefix}{entry.name}/", entry.sha))
                else:
                    yield prefix + entry.name, entry.sha


def entries(raw: bytes) -> Iterator[Entry]:
    """The entries of a tree as git writes it: mode, space, name, zero, twenty bytes."""
    at = 0
    while at < len(raw):
        end = raw.index(0, at)
        mode, _, name = raw[at:end].partition(b" ")
        yield Entry(mode.decode(), name.decode("utf-8", "replace"), raw[end + 1 : end + 21].hex())
        at = end + 21
