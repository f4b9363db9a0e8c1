"""Objects and refs of a bare repository read as files; what is packed is left to git.

A small repository whose pushes are fresh has no packs, so most questions need no process. Every
function says None (or `UNKNOWN`) where it cannot know, and the caller asks git instead.
"""

from __future__ import annotations

import heapq
import os
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

SHA = re.compile(r"[0-9a-f]{40}")
SIGNED = re.compile(r"(?P<name>[^<>\n]*?) ?<(?P<email>[^<>\n]*)> (?P<at>\d{1,11}) [+-]\d{4}")
# So many commits are walked; a longer history is git's.
WALK = 2000
# Commits and trees that were read, by their name: no object ever changes.
READ: dict[str, tuple[str, bytes]] = {}
READ_AT_MOST = 20_000
READ_LARGEST = 4096


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


def known(repository: Path, sha: str) -> tuple[str, bytes]:
    """The same for what something that is there leads to; a commit or tree is read once."""
    if sha not in READ:
        found = loose(repository, sha)
        if found[0] == "blob" or len(found[1]) > READ_LARGEST:
            return found
        if len(READ) >= READ_AT_MOST:
            READ.clear()
        READ[sha] = found
    return READ[sha]


def is_commit(repository: Path, sha: str) -> bool:
    """Whether this is a loose commit; False says nothing."""
    try:
        return bool(SHA.fullmatch(sha)) and loose(repository, sha)[0] == "commit"
    except Packed:
        return False


def parents(repository: Path, sha: str) -> Iterator[str]:
    kind, body = known(repository, sha)
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


def reached(repository: Path, tip: str) -> set[str]:
    """A commit and all that it contains; raises Packed, also where that is too much."""
    found, waiting = {tip}, [tip]
    while waiting:
        for parent in parents(repository, waiting.pop()):
            if parent not in found:
                found.add(parent)
                waiting.append(parent)
        if len(found) > WALK:
            raise Packed(tip)
    return found


def own(repository: Path, base: str, head: str) -> list[str]:
    """The commits that a head adds to a base, oldest first; raises Packed.

    Only where they follow one another: of a merge at most one parent may be new.
    """
    held, found = reached(repository, base), list[str]()
    at: str | None = head
    while at is not None and at not in held:
        found.append(at)
        fresh = [sha for sha in parents(repository, at) if sha not in held]
        if len(fresh) > 1 or len(found) > WALK:
            raise Packed(head)
        at = fresh[0] if fresh else None
    return found[::-1]


def common(repository: Path, one: str, other: str) -> str:
    """The one best common ancestor of two commits; raises Packed, also where they have more."""
    both = reached(repository, one) & reached(repository, other)
    below = {parent for sha in both for parent in parents(repository, sha)}
    best = both - below
    if len(best) != 1:
        raise Packed(one)
    return best.pop()


def history(
    repository: Path, tips: Sequence[str], stop: Callable[[str], bool]
) -> list[list[str]]:
    """The facts of commits, newest first, back to those where to stop; raises Packed."""
    found, seen, number = list[list[str]](), set[str](), count()
    waiting: list[tuple[int, int, str]] = []

    def add(sha: str) -> None:
        if sha not in seen and not stop(sha):
            seen.add(sha)
            committed = SIGNED.fullmatch(head(repository, sha)["committer"])
            heapq.heappush(waiting, (-int(committed["at"] if committed else 0), next(number), sha))

    for tip in tips:
        add(tip)
    while waiting:
        sha = heapq.heappop(waiting)[2]
        found.append(facts(repository, sha))
        if len(found) > WALK:
            raise Packed(sha)
        for parent in parents(repository, sha):
            add(parent)
    return found


def head(repository: Path, commit: str) -> dict[str, str]:
    """The first line of each header of a commit; raises Packed."""
    kind, body = known(repository, commit)
    if kind != "commit":
        raise Packed(commit)
    lines = body.partition(b"\n\n")[0].decode("utf-8", "surrogateescape").split("\n")
    told: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(" ")
        told.setdefault(name, value)
    if "encoding" in told or not {"tree", "author", "committer"} <= told.keys():
        raise Packed(commit)
    return told


def facts(repository: Path, commit: str) -> list[str]:
    """sha, tree, parents, author, committer and message of a commit; raises Packed."""
    told, message = head(repository, commit), known(repository, commit)[1].partition(b"\n\n")[2]
    people = list[str]()
    for who in ("author", "committer"):
        match = SIGNED.fullmatch(told[who])
        if match is None:
            raise Packed(commit)
        moment = datetime.fromtimestamp(int(match["at"]), UTC).isoformat()
        people += [match["name"], match["email"], moment]
    text = message.decode("utf-8", "surrogateescape")
    return [commit, told["tree"], " ".join(parents(repository, commit)), *people, text]


def tree_of(repository: Path, commit: str) -> str:
    kind, body = known(repository, commit)
    if kind != "commit" or not body.startswith(b"tree "):
        raise Packed(commit)
    return body[5:45].decode()


def entries(repository: Path, tree: str) -> dict[str, tuple[str, str]]:
    """Of a tree's names, their mode and SHA; raises Packed."""
    kind, body = known(repository, tree)
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
    found = ("40000", tree_of(repository, commit))
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
