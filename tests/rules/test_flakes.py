"""Which red checks are run again, and what that spares and costs."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.records.sighting import Outcome, Sighting
from orchestrator.rules import flakes
from orchestrator.rules.flakes import History

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def seen(head: str, *outcomes: str, check: str = "test") -> list[Sighting]:
    return [
        Sighting(repo="o/r", check=check, head=head, outcome=Outcome(word), at=NOON, run=str(n))
        for n, word in enumerate(outcomes)
    ]


HEADS = [
    ([], History()),
    (seen("a", "green"), History(runs=1)),
    (seen("a", "red"), History()),  # nobody knows what a second run would have said
    (seen("a", "red", "red"), History(confirmed=1)),
    (seen("a", "red", "green"), History(flaked=1, red_runs=1, runs=2)),
    (seen("a", "green", "red"), History(flaked=1, red_runs=1, runs=2)),
    (seen("a", "red", "red", "green"), History(flaked=1, red_runs=2, runs=3)),
    (seen("a", "red", "green", check="lint"), History()),
    (seen("here", "red", "green"), History()),
    (seen("a", "red", "green") + seen("b", "red", "red") + seen("c", "green"),
     History(flaked=1, confirmed=1, red_runs=1, runs=3)),
    (2 * seen("a", "red"), History()),  # the same run, written twice
]  # fmt: skip


@pytest.mark.parametrize(("sightings", "known"), HEADS)
def test_what_is_known_of_a_check(sightings: list[Sighting], known: History) -> None:
    assert flakes.history(sightings, "test", but="here") == known


@pytest.mark.parametrize(
    ("known", "runs_again", "again"),
    [
        (History(), 0, True),
        (History(), 1, False),
        (History(confirmed=15), 0, True),
        (History(confirmed=17), 0, False),  # it never flaked and always meant it
        (History(flaked=1, confirmed=17, red_runs=1, runs=30), 0, True),
        (History(flaked=3, red_runs=3, runs=40), 0, True),
        (History(flaked=3, red_runs=3, runs=40), 1, True),
        (History(flaked=3, red_runs=3, runs=40), 2, False),  # never a third time
        (History(flaked=30, red_runs=60, runs=90), 2, False),
        (History(flaked=1, confirmed=5, red_runs=1, runs=60), 1, False),
    ],
)
def test_whether_another_run_is_worth_it(known: History, runs_again: int, again: bool) -> None:
    odds = flakes.judge(known, runs_again)
    assert odds.again is again, odds
    assert "chance" in odds.reason


def test_every_red_run_on_the_same_head_makes_chance_less_likely() -> None:
    known = History(flaked=4, confirmed=2, red_runs=4, runs=50)
    chances = [flakes.judge(known, again).chance for again in range(3)]
    assert chances == sorted(chances, reverse=True) and chances[2] < 0.05 < chances[0]


def test_what_is_older_than_thirty_days_counts_no_more() -> None:
    assert flakes.since(NOON) == NOON - timedelta(days=30)


FLAKY, REAL = 0.05, 0.10  # sound heads that are red by chance, heads that are really broken
FAILS = 0.995  # of the runs of a broken head: a few defects show only mostly


def month(seed: int, heads: int = 400) -> tuple[int, int, int, int]:
    """Pointless repairs without and with the rule, broken heads, and those waved through."""
    dice = random.Random(seed)
    ledger: list[Sighting] = []
    plain = spared = broken = waved = 0
    for number in range(heads):
        head, bad = f"h{number}", dice.random() < REAL
        broken += bad
        known = flakes.history(ledger[-300:], "test", but=head)
        again = 0
        while True:
            red = dice.random() < (FAILS if bad else FLAKY)
            ledger += [
                Sighting(
                    repo="o/r", check="test", head=head, run=str(again), at=NOON,
                    outcome=Outcome.RED if red else Outcome.GREEN,
                )
            ]  # fmt: skip
            plain += red and not bad and not again
            if not red:
                waved += bad and again > 0
                break
            if not flakes.judge(known, again).again:
                spared += not bad
                break
            again += 1
    return plain, spared, broken, waved


def test_five_in_a_hundred_flakes_cost_a_fifth_of_the_pointless_repairs_at_most() -> None:
    """Over ten months; the dice are the same every time."""
    plain, pointless, broken, waved = map(sum, zip(*map(month, range(10)), strict=True))
    assert plain > 100 and broken > 300
    assert pointless <= 0.2 * plain, (pointless, plain)
    assert waved <= 0.01 * broken, (waved, broken)
