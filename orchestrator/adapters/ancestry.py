"""How commits stand to each other, told from loose objects without a process.

Commits are walked as git walks them, the youngest first. A commit that is packed, damaged, not
there, or older than its own parent makes every function here raise `loose.Elsewhere`: ask git.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from orchestrator.adapters import loose
from orchestrator.records import regex
from orchestrator.records.change import Commit, Comparison

# A longer walk is git's, which is faster from there on.
WALK = 200
LEFT, RIGHT = 1, 2
BOTH = LEFT | RIGHT
# What git may read in another way than we do is not read here: odd names, dates and encodings.
HEADER = regex.late(
    r"tree (?P<tree>[0-9a-f]{40})\n(?P<parents>(?:parent [0-9a-f]{40}\n)*)"
    r"author [^<>\n\0]*<(?P<author>[^<>\s\0]*)> \d{1,12} [+-]\d{4}\n"
    r"committer [^<>\n\0]*<(?P<committer>[^<>\s\0]*)> (?P<moment>\d{1,11}) [+-]\d{4}\n"
)


class Seen(Struct):
    """A commit on the walk, and from which sides it was reached."""

    commit: Commit
    sides: int = 0


class Walk:
    """The commits that two heads have, until nothing can be new to either of them."""

    def __init__(self, git_dir: Path, left: str, right: str) -> None:
        self.git_dir = git_dir
        self.seen: dict[str, Seen] = {}
        self._order: list[tuple[float, int, str]] = []
        self._count = 0
        self.popped: dict[str, None] = {}
        self._reach(left, LEFT)
        self._reach(right, RIGHT)
        while self._order and not self._over():
            _, _, sha = heapq.heappop(self._order)
            self.popped[sha] = None
            here = self.seen[sha]
            for parent in here.commit.parents:
                self._reach(parent, here.sides)
                if self.seen[parent].commit.committed > here.commit.committed:
                    raise loose.Elsewhere(f"{sha} is older than its parent")

    def only(self, side: int) -> tuple[Commit, ...]:
        """What one side has and the other has not, the youngest first."""
        return tuple(self.seen[sha].commit for sha in self.popped if self.seen[sha].sides == side)

    def _reach(self, sha: str, sides: int) -> None:
        known = self.seen.get(sha)
        if known is None:
            if len(self.seen) >= WALK:
                raise loose.Elsewhere(sha)
            known = self.seen[sha] = Seen(commit(self.git_dir, sha))
        elif known.sides | sides == known.sides:
            return
        known.sides |= sides
        self._count += 1
        moment = -known.commit.committed.timestamp()
        heapq.heappush(self._order, (moment, self._count, sha))

    def _over(self) -> bool:
        """Nothing left is of one side alone, or as young as what was taken for that."""
        waiting = [self.seen[sha] for _, _, sha in self._order]
        if any(one.sides != BOTH for one in waiting):
            return False
        youngest = max(one.commit.committed for one in waiting)
        return all(
            youngest < one.commit.committed for one in self.seen.values() if one.sides != BOTH
        )


def commit(git_dir: Path, sha: str) -> Commit:
    """A commit as git would tell it; raises Elsewhere."""
    kind, body = loose.read(git_dir, sha)
    text = body.decode("utf-8", "replace")
    found = HEADER.match(text)
    if kind != b"commit" or found is None or "\0" in text:
        raise loose.Elsewhere(sha)
    rest, blank, message = text[found.end() :].partition("\n\n")
    if text[found.end() :].startswith("\n"):
        rest, blank, message = "", "\n", text[found.end() + 1 :]
    if not blank or "encoding " in rest:
        raise loose.Elsewhere(sha)
    return Commit(
        sha=sha,
        tree=found["tree"],
        parents=tuple(found["parents"].split()[1::2]),
        author_email=found["author"],
        committer_email=found["committer"],
        committed=datetime.fromtimestamp(int(found["moment"]), UTC),
        message=message.rstrip("\n"),
    )


def compare(git_dir: Path, base: str, head: str) -> Comparison:
    """What `head` lacks of `base` and adds to it; raises Elsewhere."""
    walk = Walk(git_dir, base, head)
    return Comparison(behind=len(walk.only(LEFT)), commits=walk.only(RIGHT))


def is_ancestor(git_dir: Path, older: str, newer: str) -> bool:
    """Whether `newer` contains `older`; raises Elsewhere."""
    return bool(Walk(git_dir, older, newer).seen[older].sides & RIGHT)


def merge_base(git_dir: Path, one: str, other: str) -> str | None:
    """The only best common ancestor, None for unrelated histories; raises Elsewhere."""
    seen = Walk(git_dir, one, other).seen
    common = [sha for sha, known in seen.items() if known.sides == BOTH]
    below = {p for known in seen.values() if known.sides == BOTH for p in known.commit.parents}
    best = [sha for sha in common if sha not in below]
    if len(best) > 1:
        raise loose.Elsewhere(f"{one} and {other} have {len(best)} merge bases")
    return best[0] if best else None


def youngest_first(git_dir: Path, sha: str) -> Iterator[Commit]:
    """A commit and all that it contains, as `git log` goes over them; raises Elsewhere."""
    seen, count = {sha}, 0
    first = commit(git_dir, sha)
    waiting = [(-first.committed.timestamp(), count, first)]
    while waiting:
        here = heapq.heappop(waiting)[2]
        yield here
        for parent in here.parents:
            if parent not in seen:
                seen.add(parent)
                count += 1
                found = commit(git_dir, parent)
                heapq.heappush(waiting, (-found.committed.timestamp(), count, found))


def fit(git_dir: Path, one: str, other: str, *, besides: Collection[str] = ()) -> bool:
    """Whether two commits can be merged for sure; False says nothing. Raises Elsewhere.

    One holds the other, or both only changed and added files, and not the same ones: without a
    file that is gone nothing was renamed, and no folder was moved. What both did to the files
    `besides` does not count.
    """
    base = merge_base(git_dir, one, other)
    if base is None or base in (one, other):
        return base is not None
    tree = loose.tree_of(git_dir, base)
    mine, theirs = (
        loose.differing(git_dir, tree, loose.tree_of(git_dir, side)) for side in (one, other)
    )
    if any(now == loose.ABSENT.decode() for *_, now in (*mine, *theirs)):
        return False
    places = [{path for path, _, _ in changes} for changes in (mine, theirs)]
    aside = places[0] & places[1] & {*besides}
    first, second = (tuple(f"{path}/" for path in paths - aside) for paths in places)
    return not any(path.startswith(second) for path in first) and not any(
        path.startswith(first) for path in second
    )
