"""Which order of merges costs the fewest repairs, and who should not start beside whom."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import combinations, permutations
from random import Random
from typing import Any

import pytest
from msgspec import structs

from orchestrator.records.change import Mending
from orchestrator.records.task import Priority
from orchestrator.rules import conflicts
from orchestrator.rules.conflicts import Candidate, UnderWay

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def candidate(
    number: int, priority: Priority = Priority.NORMAL, repaired: int = 0, **more: datetime
) -> Candidate:
    """Numbered by age: #1 is the oldest."""
    moment = NOW - HOUR + timedelta(minutes=number)
    times = {"created": moment, "since": moment, **more}
    return Candidate(number=number, priority=priority, repaired=repaired, **times)


def graph(*pairs: tuple[int, int]) -> set[frozenset[int]]:
    return {frozenset(pair) for pair in pairs}


def in_order(candidates: list[Candidate], clashes: set[frozenset[int]]) -> list[int]:
    found = conflicts.turns(candidates, clashes, NOW)
    return sorted(found, key=lambda number: found[number].place)


def repairs(order: list[int] | tuple[int, ...], clashes: set[frozenset[int]]) -> int:
    """How many meet, when their turn comes, something that they conflict with."""
    return sum(
        any(frozenset({number, before}) in clashes for before in order[:place])
        for place, number in enumerate(order)
    )


@pytest.mark.parametrize(
    ("clashes", "expected"),
    [
        ((), [1, 2, 3, 4]),
        (((1, 2),), [1, 2, 3, 4]),  # one repair whoever goes first: the older does
        (((3, 4),), [1, 2, 3, 4]),
        (((1, 2), (1, 3), (1, 4)), [2, 3, 4, 1]),  # the oldest would spoil three
        (((2, 3), (2, 4)), [1, 3, 4, 2]),
        (((1, 2), (2, 3), (3, 4)), [1, 3, 2, 4]),  # a chain: two of four are left whole
        (((1, 2), (1, 3), (2, 3)), [1, 2, 3, 4]),
    ],
)
def test_whoever_would_spoil_many_goes_after_them_and_else_the_oldest(
    clashes: tuple[tuple[int, int], ...], expected: list[int]
) -> None:
    assert in_order([candidate(n) for n in (3, 1, 4, 2)], graph(*clashes)) == expected


def test_an_urgent_one_goes_first_whatever_it_spoils() -> None:
    star = graph((3, 1), (3, 2))
    candidates = [candidate(1), candidate(2), candidate(3, Priority.HIGH)]
    assert in_order(candidates, star) == [3, 1, 2]
    assert in_order([*candidates[:2], candidate(3)], star) == [1, 2, 3]


def test_what_an_urgent_one_spoils_anyway_counts_no_more() -> None:
    """#2 must be repaired after #9; so #1, which conflicts with #2 and #3, spoils only one."""
    clashes = graph((9, 2), (1, 2), (1, 3))
    candidates = [candidate(n) for n in (1, 2, 3)]
    assert in_order([*candidates, candidate(9, Priority.HIGH)], clashes) == [9, 1, 2, 3]


def test_nobody_gives_way_for_ever() -> None:
    star = graph((1, 2), (1, 3))
    old = candidate(1, since=NOW - conflicts.YIELDS)
    assert in_order([old, candidate(2), candidate(3)], star) == [1, 2, 3]
    younger = candidate(1, since=NOW - conflicts.YIELDS + timedelta(minutes=1))
    assert in_order([younger, candidate(2), candidate(3)], star) == [2, 3, 1]


def test_who_was_repaired_most_often_goes_before_those_that_would_spoil_it_again() -> None:
    triangle = graph((1, 2), (1, 3), (2, 3))
    assert in_order([candidate(1), candidate(2), candidate(3, repaired=1)], triangle) == [3, 1, 2]
    twice = [candidate(1, repaired=1), candidate(2, repaired=2), candidate(3)]
    assert in_order(twice, triangle) == [2, 1, 3]
    star = graph((1, 2), (1, 3))
    assert in_order([candidate(1, repaired=1), candidate(2), candidate(3)], star) == [1, 2, 3]


LIST = frozenset({"LIST.md", "docs.md"})
MENDING = Mending(
    task_id="t", repo="o/r", base="main", number=9, priority=Priority.NORMAL,
    paths=("LIST.md",), repaired=2, since=NOW - HOUR,
)  # fmt: skip


@pytest.mark.parametrize(
    ("candidate", "mending", "waits"),
    [
        ({}, {}, True),
        ({"paths": frozenset({"docs.md"})}, {}, False),
        ({"paths": frozenset[str]()}, {}, False),
        ({"repaired": 2}, {}, True),
        ({"repaired": 3}, {}, False),
        ({"number": 9}, {}, False),
        ({"priority": Priority.HIGH}, {}, False),
        ({"priority": Priority.LOW}, {}, True),
        ({"since": NOW - conflicts.YIELDS}, {}, False),
        ({}, {"since": NOW}, True),
        ({}, {"since": NOW - conflicts.MENDS}, False),
        ({}, {"since": NOW + HOUR}, False),  # a clock that was ahead
        ({}, {"priority": Priority.LOW}, False),
    ],
)
def test_what_would_spoil_a_repair_waits_for_it(
    candidate: dict[str, Any], mending: dict[str, Any], waits: bool
) -> None:
    each = {"number": 1, "priority": Priority.NORMAL, "created": NOW, "since": NOW, "paths": LIST}
    found = conflicts.turns(
        [Candidate(**{**each, **candidate})], (), NOW, [structs.replace(MENDING, **mending)]
    )
    [turn] = found.values()
    assert turn.mending == ((9,) if waits else ())
    assert turn.reason == ("it would spoil the repair of #9" if waits else "")


def test_who_gives_way_says_to_whom() -> None:
    found = conflicts.turns([candidate(n) for n in (1, 2, 3)], graph((1, 2), (1, 3)), NOW)
    assert found[1].reason == "it conflicts with #2, #3"
    assert not found[2].reason


def test_it_is_as_good_as_trying_all_orders_and_never_worse_than_the_oldest_first() -> None:
    dice, ours, best, oldest = Random(20261122), 0, 0, 0
    for _ in range(60):
        numbers = list(range(1, dice.randint(3, 6) + 1))
        clashes = {frozenset(pair) for pair in combinations(numbers, 2) if dice.random() < 0.4}
        order = in_order([candidate(n) for n in numbers], clashes)
        assert sorted(order) == numbers
        assert repairs(order, clashes) <= repairs(numbers, clashes)
        ours += repairs(order, clashes)
        best += min(repairs(each, clashes) for each in permutations(numbers))
        oldest += repairs(numbers, clashes)
    assert best <= ours <= 1.02 * best < oldest


@pytest.mark.parametrize(
    ("text", "path", "meets"),
    [
        ("Mend `src/parser.py`, please.", "src/parser.py", True),
        ("Mend parser.py.", "src/parser.py", True),
        ("See ./src/parser.py:12", "src/parser.py", True),
        ("The parser is slow.", "src/parser.py", False),
        ("Mend other/parser.py", "src/parser.py", False),
        ("Mend the Makefile and/or src.", "Makefile", False),
        ("Keep CODEBASE.md short", "CODEBASE.md", False),
        ("--- a/src/parser.py\n+++ b/src/parser.py", "src/parser.py", True),
    ],
)
def test_a_task_is_held_for_the_files_that_it_names(text: str, path: str, meets: bool) -> None:
    footprint = conflicts.named(text)
    assert bool(conflicts.overlap(footprint, [path])) is meets


def test_two_sides_of_a_diff_are_one_file_and_what_is_no_file_is_left_out() -> None:
    text = "diff --git a/x.py b/x.py\nSee b/y.py, e.g. version 3.5 of a.c, i.e. the newest."
    assert conflicts.named(text) == {"x.py", "b/y.py"}


def test_two_tasks_do_not_meet_in_words_that_stand_in_every_issue() -> None:
    words = conflicts.named("From issue owner/name#7, and/or see /dev/null: mend src/x.py")
    assert conflicts.surely(words) == {"src/x.py"}


def held(priority: Priority = Priority.NORMAL, minutes: int = 5, **more: frozenset[str]) -> str:
    return conflicts.hold(
        priority,
        more.get("footprint", frozenset({"a.py"})),
        [UnderWay(name="#7", paths=frozenset({"src/a.py", "b.py"}))],
        since=NOW - timedelta(minutes=minutes),
        now=NOW,
        patience=HOUR,
        spoken="{:%H:%M} CEST".format,
    )


def test_a_task_waits_beside_work_on_its_files_and_says_for_whom_and_until_when() -> None:
    said = "waits for #7, which changes src/a.py too; starts at 12:55 CEST at the latest"
    assert held() == said


@pytest.mark.parametrize(
    "free",
    [
        held(Priority.HIGH), held(minutes=60), held(minutes=-5),
        held(footprint=frozenset()), held(footprint=frozenset({"c.py"})),
    ],
    ids=["urgent", "long enough", "clock put back", "names nothing", "other files"],
)  # fmt: skip
def test_it_waits_for_no_other_reason(free: str) -> None:
    assert free == ""
