"""Every recorded run of a real program means what it meant: its failure by code, its usage."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from orchestrator.records.result import BlockerCode
from tests.agents import recorded

NOW = datetime(2026, 11, 22, 19, 0, tzinfo=UTC)
LOGIN, QUOTA = BlockerCode.MISSING_CREDENTIALS, BlockerCode.QUOTA_LIMITED
SETUP, TIMEOUT = BlockerCode.ENVIRONMENT_FAILURE, BlockerCode.TIMEOUT
# By program and case; None is a success. A program that is stopped while it waits in silence for
# its provider has told nobody why, so that is a timeout.
MEANING: dict[str, BlockerCode | None] = {
    "aider-deepseek-auth": LOGIN, "aider-deepseek-badmodel": SETUP,
    "aider-deepseek-credit": QUOTA, "aider-deepseek-ok": None, "aider-deepseek-ok-nokey": None,
    "aider-deepseek-overload": QUOTA, "aider-deepseek-quota": QUOTA, "aider-ok": None,
    "claude-auth": LOGIN, "claude-badmodel": SETUP, "claude-credit": QUOTA, "claude-ok": None,
    "claude-ok-nokey": LOGIN, "claude-overload": QUOTA, "claude-quota": QUOTA,
    "claude-oauth-auth": LOGIN, "claude-oauth-quota": QUOTA, "claude-oauth-stream-auth": LOGIN,
    "claude-oauth-stream-quota": QUOTA, "claude-stream-ok": None,
    "codex-auth": LOGIN, "codex-badmodel": SETUP, "codex-credit": QUOTA, "codex-ok": None,
    "codex-ok-nokey": LOGIN, "codex-overload": QUOTA, "codex-quota": QUOTA,
    "gemini-auth": LOGIN, "gemini-badmodel": SETUP, "gemini-credit": QUOTA, "gemini-ok": None,
    "gemini-ok-nokey": LOGIN, "gemini-overload": QUOTA, "gemini-quota": QUOTA,
    "gemini-stream-ok": None,
    "mini-auth": LOGIN, "mini-badmodel": SETUP, "mini-credit": QUOTA, "mini-ok": None,
    "mini-ok-nokey": LOGIN, "mini-overload": QUOTA, "mini-quota": QUOTA,
    "opencode-auth": LOGIN, "opencode-badmodel": SETUP, "opencode-credit": QUOTA,
    "opencode-ok": None, "opencode-ok-nokey": None, "opencode-overload": TIMEOUT,
    "opencode-quota": TIMEOUT,
    "qwen-auth": LOGIN, "qwen-badmodel": SETUP, "qwen-credit": QUOTA, "qwen-ok": None,
    "qwen-ok-nokey": LOGIN, "qwen-overload": TIMEOUT, "qwen-quota": TIMEOUT,
}  # fmt: skip


def test_no_recording_is_left_out() -> None:
    assert set(MEANING) == set(recorded.CASES)


@pytest.mark.parametrize("errors_first", [False, True])
@pytest.mark.parametrize("case", recorded.CASES)
def test_a_recorded_run_is_read_as_what_it_was(case: str, errors_first: bool) -> None:
    report = recorded.report(case, errors_first=errors_first)
    failure = recorded.agent(case).read_failure(report, NOW)
    assert (failure.code if failure else None) == MEANING[case], failure
    assert failure is None or not failure.session_gone
