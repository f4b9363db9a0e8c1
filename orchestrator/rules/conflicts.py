"""Which order of merges asks for the fewest repairs, and which tasks should not start together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from orchestrator.records import regex
from orchestrator.records.change import Mending
from orchestrator.records.task import Priority

PRIORITIES = (Priority.HIGH, Priority.NORMAL, Priority.LOW)
# A branch gives way to others for their conflicts' sake no longer than this.
YIELDS = timedelta(hours=6)
# So long what would spoil a repair waits for it, from when it was asked for.
MENDS = timedelta(hours=2)
READ = 200_000  # characters of a task in which paths are looked for
NAMED = 5  # of other branches in one reason
TOKEN = regex.late(r"[A-Za-z0-9_.][A-Za-z0-9_./+-]*")
# Every branch of ours changes these, and neither is merged as text.
EVERYBODYS = frozenset({"CODEBASE.md", ".agent_result.md"})

Pair = frozenset[int]
Place = tuple[str, str]  # repository and base


class Candidate(Struct, frozen=True, kw_only=True):
    """An open pull request in the merge order, and the `paths` that it changes.

    `since` is when it was first in review, `repaired` how often it was sent back since; one that
    is `spoilt` conflicts with the base already.
    """

    number: int
    priority: Priority
    created: datetime
    since: datetime
    repaired: int = 0
    paths: frozenset[str] = frozenset()
    spoilt: bool = False


class Ahead(Struct, frozen=True, kw_only=True):
    """What is foreseen: pairs of each base that cannot both be merged without a repair, and by
    repository and number who conflicts with the base, and what each changes; and whose conflicts
    are being resolved."""

    clashes: Mapping[Place, Collection[Pair]] = {}
    spoilt: Collection[tuple[str, int]] = ()
    paths: Mapping[tuple[str, int], frozenset[str]] = {}
    mending: tuple[Mending, ...] = ()


class Turn(Struct, frozen=True, kw_only=True):
    """A place in the merge order, and the pull requests that this one lets go first.

    Those that are `mending` are with an agent: their turn comes when they are back.
    """

    place: int
    after: tuple[int, ...] = ()
    mending: tuple[int, ...] = ()

    @property
    def reason(self) -> str:
        if self.mending:
            return f"it would spoil the repair of {numbers(self.mending)}"
        return f"it conflicts with {numbers(self.after)}" if self.after else ""


class UnderWay(Struct, frozen=True, kw_only=True):
    """Work that is not merged yet, with the paths it changes or is likely to change."""

    name: str
    paths: frozenset[str]


def turns(
    candidates: Iterable[Candidate],
    clashes: Collection[Pair],
    now: datetime,
    mending: Collection[Mending] = (),
) -> dict[int, Turn]:
    """A place for each by priority, then age, but for those whose turn now would cost repairs.

    Of two that conflict, the later one is repaired, once, however many went before it. So the
    fewest repairs are made when as many as possible go before all that they conflict with: `_first`
    chooses them, and each of the others goes after those that it conflicts with. So does one that
    is spoilt: repaired before its neighbours are merged, it might be repaired again. One that was
    repaired goes before one that was not, else it might be its turn never. One that has waited for
    `YIELDS` gives way to nobody any more. `mending` are those of this base.
    """
    waiting = {each.number: each for each in candidates}
    near = {n: {m for m in waiting if m != n and frozenset({n, m}) in clashes} for n in waiting}
    order: list[int] = []
    spoilt = {n for n, each in waiting.items() if each.spoilt}  # repaired whatever their place
    after: dict[int, set[int]] = {}
    for priority in PRIORITIES:
        left = sorted(
            (n for n, each in waiting.items() if each.priority is priority),
            key=lambda n: (waiting[n].created, n),
        )
        overdue = {n for n in left if now - waiting[n].since >= YIELDS}
        first = _first([waiting[n] for n in left], near, spoilt, overdue)
        after |= {n: near[n] & first for n in left if n not in first}
        spoilt |= {m for n in first for m in near[n]}
        while left:
            chosen = next(n for n in left if after.get(n, set()) <= set(order))
            left.remove(chosen)
            order.append(chosen)
    return {
        n: Turn(
            place=place, after=tuple(sorted(after.get(n, ()))),
            mending=spoils(waiting[n], mending, now),
        )
        for place, n in enumerate(order)
    }  # fmt: skip


def spoils(each: Candidate, mending: Iterable[Mending], now: datetime) -> tuple[int, ...]:
    """The repairs under way that its merge would most likely make to be made again.

    It waits for none of a lower priority, nor of one that was repaired less often than itself, and
    never longer than `MENDS` for one, nor at all after `YIELDS`.
    """
    if now - each.since >= YIELDS:
        return ()
    return tuple(sorted(
        one.number for one in mending
        if one.number != each.number and each.paths.intersection(one.paths)
        and timedelta() <= now - one.since < MENDS and one.repaired >= each.repaired
        and PRIORITIES.index(one.priority) <= PRIORITIES.index(each.priority)
    ))  # fmt: skip


def _first(
    left: Sequence[Candidate],
    near: Mapping[int, set[int]],
    spoilt: Collection[int],
    overdue: Collection[int],
) -> set[int]:
    """Those of one priority that go before all that they conflict with, `left` being by age.

    Again and again of those repaired most often the one that would spoil the fewest others, the
    older among equals; where none was repaired, for a graph as small as that of open pull requests,
    nearly always as many as there can be.
    """
    first = {*overdue}
    lost = {*spoilt, *first} | {m for n in first for m in near[n]}

    def rank(each: Candidate) -> tuple[int, int]:
        return -each.repaired, len(near[each.number] - lost)

    while free := [each for each in left if each.number not in lost]:
        chosen = min(free, key=rank).number  # the first of equals: the oldest
        first.add(chosen)
        lost |= {chosen, *near[chosen]}
    return first


def named(text: str) -> frozenset[str]:
    """Everything in a text that may be the name of a file; most of it is not."""
    words = {word.strip("./") for word in TOKEN.findall(text[:READ])}
    for word in [word for word in words if word.startswith("a/") and f"b{word[1:]}" in words]:
        words -= {word, f"b{word[1:]}"}  # how a diff names its two sides
        words.add(word[2:])
    return frozenset(word for word in words if "/" in word or _is_file(word))


def surely(words: Collection[str]) -> frozenset[str]:
    """Those of `named` that two tasks may meet in: `owner/name` and `and/or` stand in many."""
    return frozenset(word for word in words if _is_file(word))


def _is_file(word: str) -> bool:
    """Whether it ends like a file's name; `e.g` and `3.5` do not."""
    _, dot, ending = word.rpartition("/")[2].rpartition(".")
    return bool(dot) and len(word) > 3 and any(letter.isalpha() for letter in ending)


def overlap(footprint: Collection[str], paths: Iterable[str]) -> tuple[str, ...]:
    """The paths that a footprint names, whole or by their last parts, in order."""
    worth = (path for path in paths if path not in EVERYBODYS)
    return tuple(sorted(path for path in worth if _meets(footprint, path)))


def _meets(footprint: Collection[str], path: str) -> bool:
    parts = path.split("/")
    endings = ("/".join(parts[start:]) for start in range(len(parts)))
    return any(ending in footprint for ending in endings)


def hold(
    priority: Priority,
    footprint: Collection[str],
    others: Iterable[UnderWay],
    *,
    since: datetime,
    now: datetime,
    patience: timedelta,
    spoken: Callable[[datetime], str],
) -> str:
    """Why a waiting task should not start beside the others yet; "" when it may.

    An urgent one never waits for this, and no other longer than `patience` after `since`.
    `spoken` puts a time into words.
    """
    if priority is Priority.HIGH or not footprint or not timedelta() <= now - since < patience:
        return ""
    for other in others:
        shared = overlap(footprint, other.paths)
        if shared:
            more = f" and {len(shared) - 1} more" if len(shared) > 1 else ""
            return (
                f"waits for {other.name}, which changes {shared[0]}{more} too; starts at "
                f"{spoken(since + patience)} at the latest"
            )
    return ""


def numbers(those: Sequence[int]) -> str:
    """`#3, #4 and 2 more`."""
    told = ", ".join(f"#{number}" for number in those[:NAMED])
    return told + (f" and {len(those) - NAMED} more" if len(those) > NAMED else "")
