"""What we may do by ourselves in each lane, `full` or `dispatcher_only`."""

from __future__ import annotations

from enum import StrEnum

from orchestrator.records.config import AutomationMode


class Action(StrEnum):
    DISPATCH = "dispatch"
    ATTEMPT = "attempt"
    OPEN_PULL_REQUEST = "open_pull_request"
    POST_REPORT = "post_report"
    RECORD = "record"  # that a person merged or closed it, with what hangs on that
    CLOSE_REPORTED_ISSUE = "close_reported_issue"
    REWORK = "rework"
    UPDATE = "update"
    MERGE = "merge"
    DELETE_BRANCH = "delete_branch"
    PLAN = "plan"  # planner, groomer, scorer and analyzer: work that nobody asked for


UP_TO_THE_PULL_REQUEST = frozenset({
    Action.DISPATCH, Action.ATTEMPT, Action.OPEN_PULL_REQUEST, Action.POST_REPORT, Action.RECORD,
})
ALLOWED = {
    AutomationMode.FULL: frozenset(Action),
    AutomationMode.DISPATCHER_ONLY: UP_TO_THE_PULL_REQUEST,
}


def may(mode: AutomationMode, action: Action) -> bool:
    """Whether this lane leaves the action to us."""
    return action in ALLOWED[mode]
