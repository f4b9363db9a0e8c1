"""One contract for every kind of agent: its order, what it may see, what its failure means."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.agents import base, roster
from orchestrator.agents.base import Agent, Launch, PromptTooLarge
from orchestrator.executors.local import Local
from orchestrator.records.config import AgentConfig, AgentKind, PromptBy
from orchestrator.records.order import AttemptReport
from orchestrator.records.result import BlockerCode, Status
from orchestrator.records.usage import Usage
from orchestrator.texts import contract

ROOT = Path(__file__).resolve().parents[2]
SECRETS = {
    "GITHUB_TOKEN": "ghp_no",
    "GH_TOKEN": "ghp_no",
    "TELEGRAM_BOT_TOKEN": "no",
    "GIT_DIR": "/elsewhere",
    "GIT_ASKPASS": "/bin/no",
    "PYTHONPATH": "/elsewhere",
    "LD_PRELOAD": "/evil.so",
    "NODE_OPTIONS": "--require /evil.js",
    "SSH_AUTH_SOCK": "/run/agent",
    "HOME": "/home/operator",
    "AGENT_OS_CONFIG": "/etc/agent-os",
}
OURS = {**SECRETS, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "MY_KEY": "key", "OTHER": "x"}
WRITES = "cat > got; echo 'STATUS: complete' > .agent_result.md"
# One config for each way an agent can be made; a new kind of agent adds its line here.
FIELDS = (
    "type", "subtype", "error", "message", "result", "is_error", "usage", "stats", "models", "part",
    "tokens", "cache", "data", "statusCode", "responseHeaders", "retry-after", "rate_limit_info",
    "resetsAt", "status", "code", "thread_id", "session_id", "sessionID", "modelUsage", "errors",
)  # fmt: skip
KINDS = {
    "patch": AgentConfig(name="patch", kind=AgentKind.PATCH),
    "stdin": AgentConfig(name="mine", command=("sh", "-c", WRITES)),
    "file": AgentConfig(
        name="mine",
        command=("sh", "-c", f'exec < "$1"; {WRITES}', "sh", "{prompt_file}"),
        prompt=PromptBy.FILE,
    ),
    "argument": AgentConfig(
        name="mine",
        command=("sh", "-c", f'printf %s "$1" | ( {WRITES} )', "sh"),
        prompt=PromptBy.ARGUMENT,
    ),
    **{
        kind.value: AgentConfig(name="mine", kind=kind, command=("sh", "-c", WRITES, "sh"))
        for kind in (AgentKind.CLAUDE, AgentKind.CODEX, AgentKind.GEMINI, AgentKind.DEEPSEEK)
    },
}
NOW = datetime(2026, 11, 22, 19, 0, tzinfo=UTC)
PROMPT = "A long t\u00e4sk.\n\n```diff\n--- /dev/null\n+++ b/new.txt\n@@ -0,0 +1 @@\n+new\n```\n"


@pytest.fixture(params=sorted(KINDS))
def config(request: pytest.FixtureRequest) -> AgentConfig:
    return KINDS[request.param]


def built(config: AgentConfig) -> Agent:
    return roster.build({config.name: config})[config.name]


def launch(tmp_path: Path, **changes: object) -> Launch:
    given: dict[str, object] = {
        "prompt": PROMPT,
        "prompt_path": str(tmp_path / "prompt.md"),
        "folder": str(tmp_path / "tree"),
        "home": str(tmp_path / "home"),
        "log_path": str(tmp_path / "agent.log"),
        "timeout_seconds": 60.0,
        "environment": OURS,
        "root": str(ROOT),
        "python": sys.executable,
    }
    return Launch(**(given | changes))  # type: ignore[arg-type]


def with_(config: AgentConfig, **changes: object) -> AgentConfig:
    fields = {name: getattr(config, name) for name in config.__struct_fields__}
    return AgentConfig(**(fields | changes))


def test_it_has_the_name_of_its_config(config: AgentConfig) -> None:
    assert built(config).name == config.name


def test_it_does_the_task_with_nothing_but_its_order(config: AgentConfig, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "prompt.md").write_text(PROMPT)
    report = Local().run(built(config).order(launch(tmp_path)))
    assert report.problem == ""
    assert report.exit_code == 0, report.output_tail
    assert contract.parse(report.result or b"").status is Status.COMPLETE
    assert built(config).read_failure(report, NOW) is None
    got = tmp_path / "tree" / "got"
    assert not got.exists() or got.read_text() == PROMPT


def test_it_sees_the_allowed_names_and_no_other(config: AgentConfig, tmp_path: Path) -> None:
    asked = with_(config, environment=("MY_KEY", "ABSENT", *SECRETS))
    seen = built(asked).order(launch(tmp_path)).environment
    own = built(config).order(launch(tmp_path, environment={})).environment
    assert not {*SECRETS, "MY_KEY", "OTHER"} & own.keys()
    told = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TERM": "dumb", "MY_KEY": "key"}
    assert seen == {**own, **told}
    assert "MY_KEY" not in built(config).order(launch(tmp_path)).environment


def test_its_order_has_the_folder_the_limits_and_the_result(
    config: AgentConfig, tmp_path: Path
) -> None:
    order = built(config).order(launch(tmp_path))
    assert (order.folder, order.home) == (str(tmp_path / "tree"), str(tmp_path / "home"))
    assert order.result_file == ".agent_result.md"
    assert order.log_path == str(tmp_path / "agent.log")
    assert order.argv


def test_its_timeout_is_the_most_particular_one(config: AgentConfig, tmp_path: Path) -> None:
    own = built(with_(config, timeout_minutes=2))
    assert built(config).order(launch(tmp_path)).timeout_seconds == 60
    assert own.order(launch(tmp_path)).timeout_seconds == 120
    assert own.order(launch(tmp_path, agent_timeout_seconds=5.0)).timeout_seconds == 5


@pytest.mark.parametrize(
    ("report", "code"),
    [
        (AttemptReport(exit_code=0, seconds=1), None),
        (AttemptReport(exit_code=2, seconds=1, result=b"STATUS: complete"), None),
        (AttemptReport(exit_code=2, seconds=1, result_problem="a FIFO"), None),
        (AttemptReport(exit_code=2, seconds=1), BlockerCode.RUNNER_FAILURE),
        (AttemptReport(exit_code=-9, seconds=1), BlockerCode.RUNNER_FAILURE),
        (AttemptReport(exit_code=126, seconds=1), BlockerCode.ENVIRONMENT_FAILURE),
        (AttemptReport(exit_code=127, seconds=1), BlockerCode.ENVIRONMENT_FAILURE),
        (AttemptReport(exit_code=None, seconds=0, problem="x"), BlockerCode.ENVIRONMENT_FAILURE),
        (
            AttemptReport(exit_code=-15, seconds=9, timed_out=True, result=b"x"),
            BlockerCode.TIMEOUT,
        ),
    ],
)
def test_its_failure_is_told_in_the_contract_s_words(
    config: AgentConfig, report: AttemptReport, code: BlockerCode | None
) -> None:
    failure = built(config).read_failure(report, NOW)
    assert (failure.code if failure else None) == code
    assert failure is None or failure.reason


def test_a_failure_brings_its_last_words() -> None:
    report = AttemptReport(exit_code=1, seconds=1, output_tail="start\nIt is a pity.\n\n")
    failure = base.failure(report, NOW)
    assert failure is not None
    assert failure.reason == "it ended with exit code 1; its last words: It is a pity."


def test_a_prompt_too_large_for_an_argument_is_told_before_it_starts(tmp_path: Path) -> None:
    huge = launch(tmp_path, prompt="x" * 200_000)
    with pytest.raises(PromptTooLarge, match="prompt: stdin"):
        built(KINDS["argument"]).order(huge)
    assert len(built(KINDS["stdin"]).order(huge).stdin) == 200_000


def test_a_program_is_what_a_command_needs() -> None:
    assert built(KINDS["stdin"]).requirements().programs == ("sh",)
    assert built(KINDS["patch"]).requirements().programs == ()


def test_the_patch_agent_is_told_the_test_command(tmp_path: Path) -> None:
    order = built(KINDS["patch"]).order(launch(tmp_path, test_command="make test"))
    assert order.environment["AGENT_OS_TEST_COMMAND"] == "make test"


def test_every_kind_has_an_adapter_and_the_named_ones_are_there_without_a_word() -> None:
    assert set(roster.KINDS) == set(AgentKind)
    assert set(roster.build({})) == {"patch", "codex", "claude", "gemini", "deepseek"}


def test_it_has_the_prompt_and_not_among_its_arguments(config: AgentConfig, tmp_path: Path) -> None:
    order = built(config).order(launch(tmp_path))
    if config.prompt is not PromptBy.ARGUMENT:
        assert not any("t\u00e4sk" in word for word in order.argv)
    if config.prompt is PromptBy.STDIN:
        assert order.stdin.decode() == PROMPT


def test_a_key_it_was_given_is_in_no_argument(config: AgentConfig, tmp_path: Path) -> None:
    order = built(config).order(launch(tmp_path, key="sk-the-very-key"))
    assert not any("sk-the-very-key" in word for word in order.argv)


def test_output_that_says_nothing_is_no_usage(config: AgentConfig) -> None:
    for output in ("", "{", "{}", "[]", "null\n{}\n", '{"type":[]}', '{"type":"result"}', "\x00"):
        report = AttemptReport(exit_code=0, seconds=1, output_tail=output, error_tail=output)
        usage = built(config).read_usage(report)
        assert usage is None or usage == Usage()
        assert built(config).read_failure(report, NOW) is None


@given(
    output=st.text(max_size=300) | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=9),
        lambda inner: st.dictionaries(st.sampled_from(FIELDS), inner) | st.lists(inner, max_size=3),
    ).map(json.dumps),
    exit_code=st.sampled_from([0, 1, 42, -15]),
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_it_prints_it_is_read(config: AgentConfig, output: str, exit_code: int) -> None:
    report = AttemptReport(
        exit_code=exit_code, seconds=1, output_tail=output, error_tail=output
    )
    built(config).read_usage(report, Usage(session_id="s"))
    failure = built(config).read_failure(report, NOW)
    assert failure is None or failure.reason


REFUSALS = (
    "Working...\n\nYou've hit your session limit \u00b7 resets 10:50pm (UTC)\n",
    '{"type":"result","is_error":true,"result":"You\'ve hit your 5-hour limit"}\n',
    '{"type":"turn.started"}\n{"type":"turn.failed","error":{"message":"Quota exceeded. Check '
    'your plan and billing details."}}\n',
    'at main (bundle.js:1)\n{\n  "error": {\n    "message": "You have exhausted your daily quota '
    'on this model.",\n    "code": 429\n  }\n}\n',
    '{"type":"error","error":{"name":"APIError","data":{"message":"Insufficient Balance"}}}\n',
    "Exit:\nlitellm.RateLimitError: OpenAIException - You exceeded your \ncurrent quota, please\n",
    "API Error: 529 Overloaded. This is a server-side issue\n",
    "The model is at capacity, try another one.\n",
)
NO_REFUSALS = (
    "We talk about a usage limit here.\n\nTraceback: ValueError\n",
    "FAILED tests/test_quota.py::test_limits\n",
    '{"type":"result","is_error":false,"result":"I wrote the rate limit"}\n',
    "", "{", "{}\n", "[1]\n", '{"error": [1]}\n', '{"error": {"data": {"message": 5}}}\n',
)  # fmt: skip


@pytest.mark.parametrize("output", REFUSALS)
@pytest.mark.parametrize("end", [{"exit_code": 1}, {"exit_code": 0}, {"timed_out": True}])
def test_a_provider_that_refuses_is_known_by_the_last_words(output: str, end: dict) -> None:
    report = AttemptReport(**{"exit_code": -15, "seconds": 1, "output_tail": output, **end})
    found = base.failure(report, NOW)
    assert found is not None and found.code is BlockerCode.QUOTA_LIMITED, found


@pytest.mark.parametrize("output", NO_REFUSALS)
def test_talk_of_limits_elsewhere_is_no_refusal(output: str) -> None:
    found = base.failure(AttemptReport(exit_code=1, seconds=1, output_tail=output), NOW)
    assert found is not None and found.code is BlockerCode.RUNNER_FAILURE


def test_a_result_file_outweighs_what_the_output_says() -> None:
    said = AttemptReport(exit_code=0, seconds=1, output_tail=REFUSALS[0], result=b"STATUS: partial")
    assert base.failure(said, NOW) is None
