"""Every recorded run of a real program means what it meant: its failure by code, its usage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from orchestrator.records.result import BlockerCode
from orchestrator.records.usage import Usage
from tests.agents import recorded

NOW = datetime(2026, 11, 22, 19, 0, tzinfo=UTC)
LOGIN, QUOTA = BlockerCode.MISSING_CREDENTIALS, BlockerCode.QUOTA_LIMITED
RUNNER = BlockerCode.RUNNER_FAILURE
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
    # Of the same programs, with the options that we give them.
    "claude-stream-gone": RUNNER, "claude-stream-quota": QUOTA, "codex-gone": RUNNER,
    "codex-retrying": QUOTA, "gemini-gone": RUNNER, "gemini-retrying": QUOTA,
    "opencode-gone": RUNNER, "opencode-retrying": QUOTA,
}  # fmt: skip


def test_no_recording_is_left_out() -> None:
    assert set(MEANING) == set(recorded.CASES)


@pytest.mark.parametrize("errors_first", [False, True])
@pytest.mark.parametrize("case", recorded.CASES)
def test_a_recorded_run_is_read_as_what_it_was(case: str, errors_first: bool) -> None:
    report = recorded.report(case, errors_first=errors_first)
    failure = recorded.agent(case).read_failure(report, NOW)
    assert (failure.code if failure else None) == MEANING[case], failure
    assert failure is None or failure.session_gone is case.endswith("-gone")


def until(case: str, now: datetime = NOW) -> datetime | None:
    failure = recorded.agent(case).read_failure(recorded.report(case), now)
    assert failure is not None
    return failure.until


def test_the_end_of_a_limit_is_read_from_its_field_before_its_words() -> None:
    assert until("claude-oauth-stream-quota") == datetime.fromtimestamp(1795387846, UTC)
    assert until("claude-oauth-quota") == datetime(2026, 11, 22, 22, 50, tzinfo=UTC)
    assert until("claude-quota") is None
    berlin = NOW.astimezone(ZoneInfo("Europe/Berlin"))
    assert until("codex-quota", berlin) == NOW + timedelta(minutes=117)  # 21:57 there
    assert until("gemini-quota") is None


@pytest.mark.parametrize(
    ("case", "usage"),
    [
        ("claude-ok", Usage(
            input_tokens=3400, output_tokens=68, cached_tokens=1000,
            cost_usd=0.014199999999999999, model="claude-opus-4-8[1m]",
            session_id="be9805e6-e1b4-4a51-ad4b-fb23088017d7",
        )),
        ("codex-ok", Usage(
            input_tokens=2400, output_tokens=68, cached_tokens=1000,
            session_id="01a2049b-44ca-73e0-a2d9-445e19fd88da",
        )),
        ("gemini-ok", Usage(
            input_tokens=3600, output_tokens=102, cached_tokens=1500, model="gemini-3.8-flash",
            session_id="69850e91-c79a-4a0d-bc2c-8f30f85ad01d",
        )),
        ("gemini-stream-ok", Usage(
            input_tokens=3600, output_tokens=102, cached_tokens=1500, model="gemini-3.8-flash",
            session_id="d16ecdf8-8f8c-4963-9039-5a9185ecc6f4",
        )),
        ("opencode-ok", Usage(
            input_tokens=2400, output_tokens=68, cached_tokens=0,
            session_id="ses_dfb64979fffeaKdxatjWHMv7zU",
        )),
        ("aider-ok", None),
    ],
)  # fmt: skip
def test_the_usage_is_what_the_program_counted(case: str, usage: Usage | None) -> None:
    assert recorded.agent(case).read_usage(recorded.report(case)) == usage


def test_of_a_resumed_session_only_what_came_since_is_counted() -> None:
    agent, report = recorded.agent("codex-ok"), recorded.report("codex-ok")
    whole = agent.read_usage(report)
    assert whole is not None
    before = Usage(
        input_tokens=2000, output_tokens=60, cached_tokens=500, session_id=whole.session_id
    )
    since = agent.read_usage(report, before)
    assert since is not None
    assert (since.input_tokens, since.output_tokens, since.cached_tokens) == (400, 8, 500)
    other = agent.read_usage(report, Usage(input_tokens=9, session_id="another"))
    assert other == whole


WINDOWS = {
    "aider-deepseek-credit": ("credit", "assumed"), "aider-deepseek-quota": ("unknown", "message"),
    "claude-credit": ("credit", "assumed"), "claude-oauth-quota": ("five_hours", "message"),
    "claude-oauth-stream-quota": ("five_hours", "field"), "claude-quota": ("unknown", "assumed"),
    "codex-credit": ("credit", "assumed"), "codex-quota": ("unknown", "message"),
    "gemini-quota": ("unknown", "assumed"), "mini-credit": ("credit", "assumed"),
    "opencode-credit": ("credit", "assumed"), "qwen-credit": ("credit", "assumed"),
}  # fmt: skip


@pytest.mark.parametrize("case", WINDOWS)
def test_which_limit_was_reached_and_how_its_end_is_known(case: str) -> None:
    failure = recorded.agent(case).read_failure(recorded.report(case), NOW)
    assert failure is not None and (failure.window, failure.learnt) == WINDOWS[case]
