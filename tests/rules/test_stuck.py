"""The same error again, and what nobody gets past."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from orchestrator.records.result import BlockerCode as Code
from orchestrator.records.task import Attempt
from orchestrator.records.verdicts import AttemptVerdict as Word
from orchestrator.rules import stuck

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
SAID = "it ended with exit code 2; its last words: cannot open 0x7f3a at 12:01:44"


def made(code=Code.RUNNER_FAILURE, reason=SAID, agent="codex", verdict=Word.REWORK):
    return Attempt(n=1, agent=agent, started=NOON, code=code, reason=reason, verdict=verdict)


SAME, AGAIN = made(), made(reason=SAID.replace("12:01:44", "13:37").replace("7f3a", "beef"))
DELIVERED = made(code=Code.NONE, reason="a diff", verdict=Word.DELIVER)
OTHER = made(reason="it ended with exit code 2; its last words: no such table")
PUT_OFF = made(reason=f"{SAID}; whoever is left is cooling down", verdict=Word.DEFER)


@pytest.mark.parametrize(
    ("history", "times"),
    [
        ((), 0),
        ((SAME,), 0),
        ((SAME, AGAIN), 3),
        ((SAME, PUT_OFF), 3),
        ((SAME, SAME, SAME), 4),
        ((SAME, DELIVERED, SAME), 3),
        ((SAME, OTHER, SAME), 0),
        ((SAME, made(code=Code.TIMEOUT)), 0),
        ((SAME, made(agent="claude")), 0),
        ((SAME, made(agent="claude"), SAME), 3),
    ],
)
def test_the_same_error_by_the_same_agent_three_times_is_a_loop(history, times):
    assert stuck.loop(history, "codex", Code.RUNNER_FAILURE, SAID) == times


@pytest.mark.parametrize("code", [Code.QUOTA_LIMITED, Code.MISSING_CREDENTIALS, Code.NONE])
def test_a_refusal_is_waited_out_and_no_loop(code):
    assert stuck.loop((made(code), made(code), made(code)), "codex", code, SAID) == 0


@pytest.mark.parametrize(
    ("history", "code", "common"),
    [
        ((), Code.TIMEOUT, Code.TIMEOUT),
        ((), Code.TEST_FAILURE, Code.NONE),
        ((made(Code.TIMEOUT), made(Code.QUOTA_LIMITED)), Code.TIMEOUT, Code.TIMEOUT),
        ((made(Code.TEST_FAILURE),), Code.TIMEOUT, Code.NONE),
        ((made(Code.TEST_FAILURE), DELIVERED), Code.TIMEOUT, Code.TIMEOUT),
        ((made(Code.PROMPT_TOO_LARGE),) * 2, Code.PROMPT_TOO_LARGE, Code.PROMPT_TOO_LARGE),
        ((made(Code.ENVIRONMENT_FAILURE),), Code.PROMPT_TOO_LARGE, Code.NONE),
        ((made(Code.NONE, verdict=Word.INTERRUPTED),), Code.TIMEOUT, Code.TIMEOUT),
    ],
)
def test_what_stopped_everybody_alike_keeps_its_name(history, code, common):
    assert stuck.common(history, code) is common
