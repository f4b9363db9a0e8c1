"""Ordinary output that holds alarming words is no refusal: two hundred ways to say them."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime

import pytest

from orchestrator.agents import roster
from orchestrator.records.config import AgentConfig, AgentKind
from orchestrator.records.order import AttemptReport
from orchestrator.records.result import BlockerCode

NOW = datetime(2026, 11, 22, 19, 0, tzinfo=UTC)
# What agents write when a repository is about limits, logins and models.
TALK = (
    "The client now retries on 429 and honours retry-after.",
    "Added a quota page: it shows the usage limit and when it resets, e.g. resets 3pm (UTC).",
    "Fixed the test for 'You've hit your session limit'.",
    "Tests for rate limits pass; 429 Too Many Requests is mapped to RetryLater.",
    "Insufficient balance errors are shown to the user in red.",
    "Users who are not logged in see 401 Unauthorized as before.",
    "I documented the error message `Invalid API key` in docs/errors.md.",
    "The model does not exist yet, so I created the migration for it.",
    "Wrote a handler for HTTP 503 when the backend is overloaded.",
    "Quota exceeded errors are logged once an hour; nothing else changed.",
    "test_rate_limit.py::test_too_many_requests PASSED, test_login.py PASSED",
    "Renamed RateLimitError to LimitReached; AuthenticationError stays as it is.",
    "The README says: try again in 20s if the API is at capacity.",
    "Credit balances are rounded to cents, so the credit balance is never negative.",
    "Rate limit of five requests per minute is enforced by the middleware.",
    "Too many requests are made by the crawler, so I batch them.",
    "Missing credentials are reported with the name of the variable.",
    "Authentication failed attempts are counted per address.",
    "Not logged in visitors are sent to the login page.",
    "API Error responses carry a request id; see also the OAuth token has expired page.",
)


def said_by_claude(words: str) -> str:
    message = {"content": [{"type": "text", "text": words}], "model": "opus"}
    return _lines(
        {"type": "system", "subtype": "init", "session_id": "s"},
        {"type": "assistant", "message": message, "session_id": "s"},
        {"type": "rate_limit_event", "rate_limit_info": {"status": "allowed_warning"}},
        {"type": "result", "subtype": "success", "is_error": False, "result": words},
    )


def said_by_codex(words: str) -> str:
    ran = {"type": "command_execution", "aggregated_output": words, "exit_code": 1}
    return _lines(
        {"type": "thread.started", "thread_id": "t"},
        {"type": "item.completed", "item": {"type": "error", "message": words}},
        {"type": "item.completed", "item": ran},
        {"type": "item.completed", "item": {"type": "agent_message", "text": words}},
        {"type": "turn.completed", "usage": {"input_tokens": 1}},
    )


def said_by_gemini(words: str) -> str:
    return _lines(
        {"type": "tool_result", "status": "error", "output": words},
        {"type": "message", "role": "assistant", "content": words},
        {"type": "result", "status": "success", "stats": {}},
    )


def said_by_opencode(words: str) -> str:
    ran = {"type": "tool", "state": {"status": "completed", "output": words}}
    return _lines(
        {"type": "tool_use", "sessionID": "s", "part": ran},
        {"type": "text", "sessionID": "s", "part": {"text": words}},
        {"type": "step_finish", "sessionID": "s", "part": {"tokens": {"input": 1, "output": 1}}},
    )


def said_in_plain(words: str) -> str:
    return f"Working on it.\n\nI ran the tests.\n{words}\n"


def _lines(*events: object) -> str:
    return "".join(json.dumps(event) + "\n" for event in events)


SPEAKERS = {
    AgentKind.CLAUDE: said_by_claude,
    AgentKind.CODEX: said_by_codex,
    AgentKind.GEMINI: said_by_gemini,
    AgentKind.DEEPSEEK: said_by_opencode,
    AgentKind.COMMAND: said_in_plain,
}
# How the run ended, and what that alone means.
ENDS = {
    "well": ({"exit_code": 0}, None),
    "cut short": ({"exit_code": -15, "timed_out": True}, BlockerCode.TIMEOUT),
}
CASES = list(itertools.product(SPEAKERS, ENDS, range(len(TALK))))


def test_there_are_two_hundred() -> None:
    assert len(CASES) == 200 == len(set(CASES))


@pytest.mark.parametrize(("kind", "end", "number"), CASES)
def test_talk_of_limits_and_logins_is_no_failure(kind: AgentKind, end: str, number: int) -> None:
    config = AgentConfig(name="mine", kind=kind, command=("mine",))
    ended, code = ENDS[end]
    report = AttemptReport(
        seconds=60,
        output_tail=SPEAKERS[kind](TALK[number]),
        error_tail="Reading additional input from stdin...\nRipgrep is not available.\n",
        **ended,  # type: ignore[arg-type]
    )
    failure = roster.build({"mine": config})["mine"].read_failure(report, NOW)
    assert (failure.code if failure else None) == code, failure


@pytest.mark.parametrize("words", TALK)
def test_a_plain_failure_with_such_words_is_a_plain_failure(words: str) -> None:
    config = AgentConfig(name="mine", command=("mine",))
    report = AttemptReport(exit_code=1, seconds=60, output_tail=said_in_plain(words))
    failure = roster.build({"mine": config})["mine"].read_failure(report, NOW)
    assert failure is not None and failure.code is BlockerCode.RUNNER_FAILURE
