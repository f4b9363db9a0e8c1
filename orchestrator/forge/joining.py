"""Two commits compared and joined by their trees alone; where lines have to be weighed, git does.

Every function raises `objects.Packed` where it cannot know.
"""

from __future__ import annotations

from pathlib import Path

from orchestrator.forge import making, objects

FILES = {"100644", "100755"}
# Git takes a file for no text by what stands in its first bytes.
LOOKED_AT = 8000
LARGEST = 1_000_000
Entry = tuple[str, str]


def merged(repository: Path, ours: str, theirs: str) -> str | None:
    """The tree of a merge in which no file was changed on both sides."""
    base = objects.common(repository, ours, theirs)
    trees = [objects.tree_of(repository, sha) for sha in (base, ours, theirs)]
    return _joined(repository, *trees)


def _joined(repository: Path, base: str, ours: str, theirs: str) -> str:
    """Name by name: a side that changed nothing gives way.

    A file or folder that both sides changed in different ways is git's: it may be a conflict, or
    have been renamed.
    """
    if base in (ours, theirs) or ours == theirs:
        return theirs if base == ours else ours
    before, mine, yours = (
        objects.entries(repository, tree) if tree else {} for tree in (base, ours, theirs)
    )
    found: dict[str, Entry] = {}
    for name in before.keys() | mine.keys() | yours.keys():
        was, one, other = before.get(name), mine.get(name), yours.get(name)
        kept = other if was == one else one
        if was not in (one, other) and one != other:
            kept = _folders(repository, was, one, other)
        if kept is not None:
            found[name] = kept
    return making.folder(repository, found)


def _folders(
    repository: Path, was: Entry | None, one: Entry | None, other: Entry | None
) -> Entry:
    if one is None or other is None or {one[0], other[0]} != {making.FOLDER}:
        raise objects.Packed("both sides")
    if was is not None and was[0] != making.FOLDER:
        raise objects.Packed("both sides")
    tree = _joined(repository, was[1] if was else "", one[1], other[1])
    if not objects.entries(repository, tree):
        raise objects.Packed("nothing is left")
    return making.FOLDER, tree


def sizes(repository: Path, base: str, head: str) -> list[tuple[int, int]]:
    """How many lines each differing file has more and fewer, none of one that is no text."""
    found, waiting = list[tuple[int, int]](), [
        (objects.tree_of(repository, base), objects.tree_of(repository, head))
    ]
    while waiting:
        here, there = (
            objects.entries(repository, tree) if tree else {} for tree in waiting.pop()
        )
        for name in here.keys() | there.keys():
            was, now = here.get(name), there.get(name)
            if was == now:
                continue
            kinds = {entry[0] for entry in (was, now) if entry}
            if kinds == {making.FOLDER}:
                waiting.append((was[1] if was else "", now[1] if now else ""))
            elif kinds <= FILES:
                found.append(_lines(_blob(repository, was), _blob(repository, now)))
            else:
                raise objects.Packed(name)
    return found


def _blob(repository: Path, entry: Entry | None) -> bytes:
    if entry is None:
        return b""
    kind, content = objects.loose(repository, entry[1])
    if kind != "blob" or len(content) > LARGEST:
        raise objects.Packed(entry[1])
    return content


def _lines(was: bytes, now: bytes) -> tuple[int, int]:
    if b"\0" in was[:LOOKED_AT] or b"\0" in now[:LOOKED_AT]:
        return 0, 0
    old, new = _split(was), _split(now)
    start, most = 0, min(len(old), len(new))
    while start < most and old[start] == new[start]:
        start += 1
    end = 0
    while end < most - start and old[-1 - end] == new[-1 - end]:
        end += 1
    gone, come = old[start : len(old) - end], new[start : len(new) - end]
    if gone and come and set(gone) & set(come):
        raise objects.Packed("which lines were moved is a matter of taste")
    return len(come), len(gone)


def _split(content: bytes) -> list[bytes]:
    lines = content.split(b"\n")
    return [*(line + b"\n" for line in lines[:-1]), *filter(None, lines[-1:])]
