"""Things by their node ids, a page at a time; one that is closed to us hides no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from orchestrator.adapters.gh_read import Door
from orchestrator.records.errors import GitHubTrouble, Trouble

T = TypeVar("T")

# What one of them can have and the next one not: a part that may not be read, or is missing.
OF_ITS_OWN = frozenset({Trouble.PERMISSION, Trouble.PARTIAL})

# How many of these a page of that size holds, and what GitHub answers to it.
Page = Callable[[Sequence[str], int], tuple[int, T]]


def in_pages(
    door: Door, node_ids: Sequence[str], page: Page[T]
) -> Iterator[tuple[Sequence[str], T | GitHubTrouble]]:
    """Every page that can be read, and why some cannot, each with the ids that it is about.

    So a permission that one repository lacks stops no other, and no part is taken for a whole
    (M4). Raises GitHubTrouble for what concerns all.
    """
    left = list(node_ids)
    while left:
        count, answer = _readable(door, left, page)
        yield left[:count], answer
        left = left[count:]


def _readable(door: Door, node_ids: Sequence[str], page: Page[T]) -> tuple[int, T | GitHubTrouble]:
    """The first of these that can be read together, or why the very first ones cannot."""

    def ask(size: int) -> tuple[int, T | GitHubTrouble]:
        try:
            return page(node_ids, size)
        except GitHubTrouble as trouble:
            if not is_ones_own(trouble):
                raise
            return 1, trouble  # a smaller page would have it too

    count, answer = door.shrinking(ask)
    if not isinstance(answer, GitHubTrouble) or len(node_ids) == 1:
        return min(count, len(node_ids)), answer
    first, following = named(answer, len(node_ids))
    if first or not following:
        return _readable(door, node_ids[: first or len(node_ids) // 2], page)
    # Beside others it may have been too much; by itself it speaks for those named with it, so
    # that GitHub is not asked for each in an outage.
    count, alone = _readable(door, node_ids[:1], page)
    return (following if isinstance(alone, GitHubTrouble) else count), alone


def is_ones_own(trouble: GitHubTrouble) -> bool:
    """Whether it may be one's alone; a time-out only where the answer names what took so long."""
    names = bool(trouble.paths) and {path[0] for path in trouble.paths} <= {"nodes", "repository"}
    return trouble.trouble in OF_ITS_OWN or (trouble.trouble is Trouble.SERVER and names)


def named(trouble: GitHubTrouble, asked: int) -> tuple[int, int]:
    """The place of the first node of those asked that it names, and how many in a row there."""
    found = (path[1] for path in trouble.paths if path[0] == "nodes" and len(path) > 1)
    places = {at for at in found if isinstance(at, int) and at < asked}
    first = min(places, default=0)
    return first, next(n for n in range(len(places) + 1) if first + n not in places)
