"""Commits, trees and blobs that lie as files of their own in a store, read without a process.

Fresh work of ours lies so; what is packed, damaged or not there is left to git, which says what
is the matter. An object never changes, so an answer from its file is the answer.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path

from orchestrator.records import regex

SHA = regex.late(r"[0-9a-f]{40}")
# A larger one is read by git, which does not hold all of it twice.
LARGEST = 4_000_000
FOLDER = b"40000"
FILES = (b"100644", b"100755")
ABSENT = b"000000"
# What else may stand at a path; any other mode is git's to explain.
LEAVES = (*FILES, b"120000", b"160000", ABSENT)


class Elsewhere(Exception):
    """Something that was asked for is no whole loose object: git knows, or says why not."""


def read(git_dir: Path, sha: str) -> tuple[bytes, bytes]:
    """The kind and the content of an object; raises Elsewhere."""
    if not SHA.fullmatch(sha):
        raise Elsewhere(sha)
    try:
        with open(f"{git_dir}/objects/{sha[:2]}/{sha[2:]}", "rb") as stream:
            packed = stream.read(LARGEST + 1)
        if len(packed) > LARGEST:
            raise Elsewhere(sha)
        head, _, body = zlib.decompress(packed).partition(b"\0")
    except (OSError, zlib.error) as error:
        raise Elsewhere(sha) from error
    kind, _, size = head.partition(b" ")
    if size != str(len(body)).encode():
        raise Elsewhere(sha)
    return kind, body


def is_commit(git_dir: Path, sha: str) -> bool:
    """Whether a loose commit is called so; False says nothing."""
    try:
        return read(git_dir, sha)[0] == b"commit"
    except Elsewhere:
        return False


def tree_of(git_dir: Path, sha: str) -> str:
    """The tree of a commit, and a tree's own name as git's `^{tree}`; raises Elsewhere."""
    kind, body = read(git_dir, sha)
    if kind == b"tree":
        return sha
    tree = body[5:45].decode("ascii", "replace")
    if kind != b"commit" or body[:5] != b"tree " or not SHA.fullmatch(tree):
        raise Elsewhere(sha)
    return tree


def file(git_dir: Path, commit: str, path: str) -> bytes | None:
    """The content of a plain file in a commit or a tree, None where it has no such path.

    Raises Elsewhere, also for a link, a folder or a submodule of that name.
    """
    return file_in(git_dir, tree_of(git_dir, commit), path)


def file_in(git_dir: Path, tree: str, path: str) -> bytes | None:
    """The same for a file in a tree."""
    *folders, name = path.split("/")
    for folder in folders:
        found = entry(git_dir, tree, folder)
        if found is None:
            return None
        if found[0] != FOLDER:
            raise Elsewhere(path)
        tree = found[1]
    found = entry(git_dir, tree, name)
    if found is None:
        return None
    if found[0] not in FILES:
        raise Elsewhere(path)
    kind, body = read(git_dir, found[1])
    if kind != b"blob":
        raise Elsewhere(path)
    return body


def entry(git_dir: Path, tree: str, name: str) -> tuple[bytes, str] | None:
    """Mode and SHA of a name in a tree, None where it has none; raises Elsewhere."""
    return entries(git_dir, tree).get(os.fsencode(name))


def entries(git_dir: Path, tree: str) -> dict[bytes, tuple[bytes, str]]:
    """Mode and SHA of each name in a tree; raises Elsewhere."""
    kind, body = read(git_dir, tree)
    if kind != b"tree":
        raise Elsewhere(tree)
    found, place = {}, 0
    while place < len(body):
        end = body.find(b"\0", place)
        if end < 0:
            raise Elsewhere(tree)
        mode, _, name = body[place:end].partition(b" ")
        found[name] = (mode, body[end + 1 : end + 21].hex())
        place = end + 21
    return found


def differing(git_dir: Path, one: str, other: str) -> list[tuple[str, str, str]]:
    """Each path in which two trees differ, with its mode in each, in git's order.

    Raises Elsewhere. A path that one tree lacks has the mode "000000" there; no renames.
    """
    found: list[tuple[bytes, bytes, bytes]] = []
    waiting = [(b"", one, other)]
    while waiting:
        prefix, here, there = waiting.pop()
        mine = entries(git_dir, here) if here else {}
        theirs = entries(git_dir, there) if there else {}
        for name in mine.keys() | theirs.keys():
            was, now = mine.get(name, (ABSENT, "")), theirs.get(name, (ABSENT, ""))
            if was == now:
                continue
            if FOLDER in (was[0], now[0]):
                below = [sha if mode == FOLDER else "" for mode, sha in (was, now)]
                waiting.append((prefix + name + b"/", below[0], below[1]))
            mode_was, mode_now = [ABSENT if mode == FOLDER else mode for mode, _ in (was, now)]
            if mode_was not in LEAVES or mode_now not in LEAVES:
                raise Elsewhere(other)
            if mode_was != mode_now or ABSENT not in (mode_was, mode_now):
                found.append((prefix + name, mode_was, mode_now))
    return [(os.fsdecode(path), old.decode(), new.decode()) for path, old, new in sorted(found)]
