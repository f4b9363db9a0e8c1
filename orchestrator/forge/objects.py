"""Objects and refs of a bare repository read as files; what is packed is left to git.

A small repository whose pushes are fresh has no packs, so most questions need no process. Every
function says None (or `UNKNOWN`) where it cannot know, and the caller asks git instead.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

SHA = re.compile(r"[0-9a-f]{40}")
# So many commits are walked; a longer history is git's.
WALK = 2000


class Packed(Exception):
    """Something on the way is no loose object."""


def loose(repository: Path, sha: str) -> tuple[str, bytes]:
    """The kind and content of a loose object; raises Packed."""
    try:
        with open(f"{repository}/objects/{sha[:2]}/{sha[2:]}", "rb") as stream:
            raw = zlib.decompress(stream.read())
    except (FileNotFoundError, NotADirectoryError, zlib.error) as missing:
        raise Packed(sha) from missing
    head, _, body = raw.partition(b"\0")
    return head.split(b" ")[0].decode(), body


def is_commit(repository: Path, sha: str) -> bool:
    """Whether this is a loose commit; False says nothing."""
    try:
        return bool(SHA.fullmatch(sha)) and loose(repository, sha)[0] == "commit"
    except Packed:
        return False


def parents(repository: Path, sha: str) -> Iterator[str]:
    kind, body = loose(repository, sha)
    if kind != "commit":
        raise Packed(sha)
    for line in body.split(b"\n\n", 1)[0].split(b"\n"):
        if line.startswith(b"parent "):
            yield line[7:].decode()


def is_ancestor(repository: Path, older: str, newer: str) -> bool | None:
    """Whether `newer` contains `older`; None where git must be asked."""
    if not (SHA.fullmatch(older) and SHA.fullmatch(newer)):
        return None
    seen, waiting = {newer}, [newer]
    try:
        loose(repository, older)
        while waiting:
            if older in seen:
                return True
            if len(seen) > WALK:
                return None
            fresh = [p for sha in waiting for p in parents(repository, sha) if p not in seen]
            waiting = list(dict.fromkeys(fresh))
            seen.update(waiting)
    except Packed:
        return True if older in seen else None
    return False


def entries(repository: Path, tree: str) -> dict[str, tuple[str, str]]:
    """Of a tree's names, their mode and SHA; raises Packed."""
    kind, body = loose(repository, tree)
    if kind != "tree":
        raise Packed(tree)
    found, place = {}, 0
    while place < len(body):
        end = body.index(b"\0", place)
        mode, _, name = body[place:end].partition(b" ")
        found[os.fsdecode(name)] = (mode.decode(), body[end + 1 : end + 21].hex())
        place = end + 21
    return found


def entry(repository: Path, commit: str, path: str) -> tuple[str, str] | None:
    """Mode and SHA of a path in a commit, None where there is none; raises Packed."""
    if not SHA.fullmatch(commit):
        raise Packed(commit)
    kind, body = loose(repository, commit)
    if kind != "commit" or not body.startswith(b"tree "):
        raise Packed(commit)
    found = ("40000", body[5:45].decode())
    for part in path.split("/"):
        inside = entries(repository, found[1]) if found[0] == "40000" else {}
        if part not in inside:
            return None
        found = inside[part]
    return found


def refs(repository: Path) -> dict[str, str] | None:
    """Every ref with its SHA, sorted by name; None where one is packed or symbolic."""
    if (repository / "packed-refs").exists():
        return None
    found, prefix = {}, len(str(repository)) + 1
    for folder, _, names in os.walk(repository / "refs"):
        for name in names:
            if name.endswith(".lock"):
                continue
            with open(f"{folder}/{name}", encoding="ascii", errors="replace") as stream:
                sha = stream.read().strip()
            if not SHA.fullmatch(sha):
                return None
            found[f"{folder}/{name}"[prefix:]] = sha
    return dict(sorted(found.items()))
