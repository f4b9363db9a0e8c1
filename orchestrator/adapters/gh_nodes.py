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
) -> Iterator[tuple[str, T | GitHubTrouble]]:
    """Every page that can be read, and why one cannot, each with the first id in it.

    So a permission that one repository lacks stops no other, and no part is taken for a whole
    (M4). Raises GitHubTrouble for what concerns all.
    """
    left = list(node_ids)
    while left:
        count, answer = _readable(door, left, page)
        yield left[0], answer
        left = left[count:]


def _readable(door: Door, node_ids: Sequence[str], page: Page[T]) -> tuple[int, T | GitHubTrouble]:
    """The first of these that can be read together, or why the very first one cannot."""

    def ask(size: int) -> tuple[int, T | GitHubTrouble]:
        try:
            return page(node_ids, size)
        except GitHubTrouble as trouble:
            if not is_ones_own(trouble):
                raise
            return 1, trouble  # a smaller page would have it too

    count, answer = door.shrinking(ask)
    if isinstance(answer, GitHubTrouble) and len(node_ids) > 1:
        return _readable(door, node_ids[: first_named(answer) or len(node_ids) // 2], page)
    return min(count, len(node_ids)), answer


def is_ones_own(trouble: GitHubTrouble) -> bool:
    """Whether it may be one's alone; a time-out only where the answer names what took so long."""
    return trouble.trouble in OF_ITS_OWN or (
        trouble.trouble is Trouble.SERVER and bool(trouble.paths)
    )


def first_named(trouble: GitHubTrouble) -> int:
    """How many stand before the first that it names; 0 where it names none."""
    named = (path[1] for path in trouble.paths if path[0] == "nodes" and len(path) > 1)
    return min((at for at in named if isinstance(at, int)), default=0)
