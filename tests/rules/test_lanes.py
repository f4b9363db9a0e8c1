"""What each lane leaves to us."""

from __future__ import annotations

import pytest

from orchestrator.records.config import AutomationMode
from orchestrator.rules import lanes
from orchestrator.rules.lanes import Action


@pytest.mark.parametrize("action", list(Action))
def test_the_full_lane_leaves_everything_to_us(action):
    assert lanes.may(AutomationMode.FULL, action)


def test_the_other_lane_ends_at_the_pull_request():
    allowed = {a for a in Action if lanes.may(AutomationMode.DISPATCHER_ONLY, a)}
    assert set(Action) - allowed == {
        Action.CLOSE_REPORTED_ISSUE, Action.REWORK, Action.UPDATE, Action.MERGE,
        Action.DELETE_BRANCH, Action.PLAN,
    }
