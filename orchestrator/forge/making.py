"""Objects and refs of a bare repository, written as git writes them; what is unusual is git's.

Every function answers None where it will not judge, and has changed nothing then.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from orchestrator.forge import objects

ZERO = "0" * 40
FOLDER = "40000"
# What git would take out of a name, or refuse, does not fit.
PLAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 @+_-]|\.(?=[A-Za-z0-9]))*")
REF = re.compile(r"refs(?:/[A-Za-z0-9_][A-Za-z0-9_-]*(?:\.(?!lock(?:/|$))[A-Za-z0-9_-]+)*){2,}")


class Identity(NamedTuple):
    name: str
    email: str
    moment: datetime


def write(repository: Path, kind: str, body: bytes) -> str:
    """The name of an object, which is there afterwards."""
    raw = f"{kind} {len(body)}\0".encode() + body
    sha = hashlib.sha1(raw, usedforsecurity=False).hexdigest()
    folder = f"{repository}/objects/{sha[:2]}"
    path = f"{folder}/{sha[2:]}"
    if not os.path.exists(path):
        os.makedirs(folder, exist_ok=True)
        temporary = f"{folder}/tmp_obj_{os.getpid()}_{sha[2:]}"
        with open(temporary, "wb") as stream:
            stream.write(zlib.compress(raw, 1))
        os.chmod(temporary, 0o444)
        os.replace(temporary, path)
    return sha


def folder(repository: Path, found: Mapping[str, tuple[str, str]]) -> str:
    """One tree, of its names with their mode and SHA."""
    rows = [(os.fsencode(name), mode, sha) for name, (mode, sha) in found.items()]
    rows.sort(key=lambda row: row[0] + b"/" if row[1] == FOLDER else row[0])
    body = b"".join(mode.encode() + b" " + name + b"\0" + bytes.fromhex(sha)
                    for name, mode, sha in rows)  # fmt: skip
    return write(repository, "tree", body)


def tree(repository: Path, files: Mapping[str, tuple[bytes, bool]]) -> str:
    """A tree of files (text and whether it may be executed) by their paths, and all below it."""
    here: dict[str, tuple[str, str]] = {}
    below: dict[str, dict[str, tuple[bytes, bool]]] = {}
    for path, (content, executable) in files.items():
        name, inside, rest = path.partition("/")
        if inside:
            below.setdefault(name, {})[rest] = (content, executable)
        else:
            mode = "100755" if executable else "100644"
            here[name] = (mode, write(repository, "blob", content))
    for name, inner in below.items():
        here[name] = (FOLDER, tree(repository, inner))
    return folder(repository, here)


def commit(
    repository: Path, tree: str, parents: Sequence[str], message: str,
    author: Identity, committer: Identity,
) -> str | None:
    """A commit of a tree that is there; the one that `git commit-tree` would make."""
    plain = all(PLAIN.fullmatch(word) for who in (author, committer) for word in who[:2])
    if not plain or "\0" in message or len({*parents}) != len(parents):
        return None
    if not all(objects.is_commit(repository, sha) for sha in parents):
        return None
    lines = [f"tree {tree}", *(f"parent {sha}" for sha in parents)]
    for word, who in (("author", author), ("committer", committer)):
        lines.append(f"{word} {who.name} <{who.email}> {int(who.moment.timestamp())} +0000")
    try:
        body = "\n".join([*lines, "", message]).encode()
    except UnicodeEncodeError:
        return None
    return write(repository, "commit", body)


def move_ref(repository: Path, name: str, new: str, old: str) -> bool | None:
    """Move a ref by git's own protocol; False where it is no longer at `old`."""
    path = f"{repository}/{name}"
    if not REF.fullmatch(name) or os.path.exists(f"{repository}/packed-refs"):
        return None
    if new != ZERO and not objects.is_commit(repository, new):
        return None
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        lock = os.open(f"{path}.lock", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except OSError:
        return None
    try:
        with open(lock, "w") as stream:
            stream.write(f"{new}\n")
        if _stands(path) != old:
            return False
        if new == ZERO:
            os.unlink(path)
        else:
            os.replace(f"{path}.lock", path)
        return True
    except OSError:
        return None
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{path}.lock")


def _stands(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as stream:
            return stream.read().strip()
    except FileNotFoundError:
        return ZERO
