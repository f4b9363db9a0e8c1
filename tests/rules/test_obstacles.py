"""What stands in a merge's way, without a clock; the verdicts are in test_merge.py."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec import structs

from orchestrator.records.task import Mark, State
from orchestrator.records.verdicts import Cancelled, Escalate, Merge, Rework, RunAgain, Wait
from orchestrator.rules import obstacles
from orchestrator.rules.facts import Obstacle
from tests.rules.test_merge import GOOD, LONG_AGO, NOT_MERGED, STILL_MERGED, changed

SEEN = [obstacles.view(changed(**fields)) for fields, _, _ in NOT_MERGED]


def test_every_obstacle_is_met_by_a_test():
    assert {seen.obstacle for seen in [*SEEN, obstacles.view(GOOD)]} == set(Obstacle)


@pytest.mark.parametrize("fields", STILL_MERGED)
def test_no_obstacle_means_merge_and_only_that(fields):
    seen = obstacles.view(changed(**fields))
    assert seen.obstacle is Obstacle.NOTHING and isinstance(seen.verdict, Merge)


@pytest.mark.parametrize("seen", SEEN, ids=lambda seen: seen.obstacle)
def test_patience_ends_in_a_repair_or_with_a_person_never_in_a_merge(seen):
    if seen.then is not None:
        assert seen.patience is not None
        again = seen.obstacle is Obstacle.RED_AND_RUNNING and isinstance(seen.then, RunAgain)
        assert isinstance(seen.then, Rework | Escalate) or again
        assert isinstance(seen.verdict, Wait | RunAgain)
    assert isinstance(seen.verdict, Merge) == (seen.obstacle is Obstacle.NOTHING)


@pytest.mark.parametrize("seen", SEEN, ids=lambda seen: seen.obstacle)
def test_every_reason_is_one_line_that_a_person_can_read(seen):
    for verdict in filter(None, (seen.verdict, seen.then)):
        assert verdict.reason and "\n" not in verdict.reason and "None" not in verdict.reason


HOUR = timedelta(hours=1)
SECOND_ROUND = tuple(
    Mark(state=state, at=LONG_AGO + HOUR * n, by="x")
    for n, state in enumerate((State.INBOX, State.CANCELLED, State.INBOX, State.ESCALATED))
)
IN_REVIEW = (*SECOND_ROUND[:-1], Mark(state=State.REVIEW, at=SECOND_ROUND[-1].at, by="x"))


@pytest.mark.parametrize(
    ("more", "verdict"),
    [
        ({}, Wait),
        ({"task__marks": IN_REVIEW}, Cancelled),
        ({"pull__closed_at": LONG_AGO + HOUR * 2.5}, Cancelled),
        ({"pull__closed_at": None}, Cancelled),
        ({"task__cancel": "somebody cancelled it"}, Cancelled),
        ({"pull__issue_open": False}, Cancelled),
    ],
)
def test_what_was_closed_before_its_last_round_ends_no_escalated_one(more, verdict):
    old = {
        "task__marks": SECOND_ROUND, "pull__open": False,
        "pull__closed_at": LONG_AGO + HOUR / 2, **more,
    }  # fmt: skip
    seen = obstacles.view(changed(**old))
    assert isinstance(seen.verdict, verdict) and seen.patience is None


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (("OK",), ""), (("ok", "Hold"), "bears hold"), (("ok", "WIP"), "bears wip"),
        (("bug",), "lacks ok"), (("wip",), "bears wip"),
    ],
)  # fmt: skip
def test_what_labels_keep_an_issue_from_being_begun(labels: tuple[str, ...], said: str) -> None:
    repository = structs.replace(
        GOOD.repository, excluded_labels=("Wip",), required_labels=("ok",)
    )
    assert obstacles.left_alone(labels, repository) == said
