"""Many things asked for together: what one hides hides no other, what is too much is asked less."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from orchestrator.adapters.gh_read import PAGE_SIZES, Door
from orchestrator.records.errors import GitHubTrouble, Trouble

T = TypeVar("T")

# What one of them can have and the next one not: a part that may not be read, or is missing.
OF_ITS_OWN = frozenset({Trouble.PERMISSION, Trouble.PARTIAL})
SMALLEST = PAGE_SIZES[-1]

# What GitHub answers to these, with pages of that size where they have pages.
Ask = Callable[[Sequence[str], int], T]
# Those of the asked that a trouble names, in their order; none for whom it may be one's alone and
# does not say whose, and no list at all where it concerns all.
Names = Callable[[GitHubTrouble, Sequence[str]], Sequence[str] | None]


def in_pages(
    door: Door, node_ids: Sequence[str], page: Callable[[Sequence[str]], T], *, share: int = 1
) -> Iterator[tuple[Sequence[str], T | GitHubTrouble]]:
    """Every page that can be read, and why some cannot, each with the ids that it is about.

    So a permission that one repository lacks stops no other, and no part is taken for a whole
    (M4). One request holds a page's size divided by `share`. Raises GitHubTrouble for what
    concerns all.
    """
    left = list(dict.fromkeys(node_ids))

    def some(size: int) -> tuple[Sequence[str], T | GitHubTrouble]:
        asked = left[: max(1, size // share)]
        helps = len(asked) > max(1, SMALLEST // share)  # a smaller page
        return readable(asked, lambda few, _: page(few), named, size if helps else SMALLEST)

    while left:
        ids, answer = door.shrinking(some)
        yield ids, answer
        left = [one for one in left if one not in ids]


def readable(
    asked: Sequence[str], ask: Ask[T], names: Names, size: int
) -> tuple[Sequence[str], T | GitHubTrouble]:
    """Some of these that can be read together, or that cannot be read, and why.

    What is too slow beside others but not by itself is asked in pages that are smaller than
    `size`: its time-out is raised, for `Door.shrinking` (A2). Raises GitHubTrouble for what
    concerns all.
    """

    def read(few: Sequence[str], size: int) -> T | GitHubTrouble:
        try:
            return ask(few, size)
        except GitHubTrouble as trouble:
            if names(trouble, few) is None:
                raise
            return trouble

    answer = read(asked, size)
    if not isinstance(answer, GitHubTrouble) or (len(asked) == 1 and size == SMALLEST):
        return asked, answer
    told = names(answer, asked) or ()
    if told and answer.trouble is Trouble.PERMISSION:
        return told, answer  # it would be the same by itself
    first, last = list(told or asked)[:1], list(told or asked)[-1:]
    alone = read(first, SMALLEST)
    if isinstance(alone, GitHubTrouble):
        # It may have spoilt the answer for the others: where the last of them can be read, it is
        # alone. Else GitHub is not asked for each, and what names nobody is everybody's.
        if first == last or not isinstance(read(last, SMALLEST), GitHubTrouble):
            return first, alone
        if not told:
            raise alone
        return told, alone
    if answer.trouble is Trouble.SERVER and size > SMALLEST:
        raise answer
    while isinstance(answer, GitHubTrouble) and len(asked) > 1:
        asked = asked[: len(asked) // 2]
        answer = alone if asked == first else read(asked, size)
    return asked, answer


def named(trouble: GitHubTrouble, asked: Sequence[str]) -> Sequence[str] | None:
    """`Names` of nodes; a time-out is one's own only where nothing else took so long."""
    places = {path[1] for path in trouble.paths if path[0] == "nodes" and len(path) > 1}
    found = [one for at, one in enumerate(asked) if at in places]
    nodes_alone = bool(found) and {path[0] for path in trouble.paths} == {"nodes"}
    if trouble.trouble in OF_ITS_OWN or (trouble.trouble is Trouble.SERVER and nodes_alone):
        return found
    return None
