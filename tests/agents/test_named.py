"""The command lines of the four named programs: model, effort, session and how far they may go."""

from __future__ import annotations

import json

import pytest

from orchestrator.agents import roster
from orchestrator.agents.base import Launch
from orchestrator.records.config import AgentConfig, AgentKind, ProviderConfig
from orchestrator.records.order import AttemptOrder


def order(config: AgentConfig, **changes: object) -> AttemptOrder:
    given: dict[str, object] = {
        "prompt": "do it", "prompt_path": "", "folder": "/tree", "home": "/home",
        "log_path": "/log/agent.log", "timeout_seconds": 9.0, "task_type": "docs",
    }  # fmt: skip
    adapter = roster.build({config.name: config})[config.name]
    return adapter.order(Launch(**(given | changes)))  # type: ignore[arg-type]


def config(kind: AgentKind, **fields: object) -> AgentConfig:
    return AgentConfig(name="mine", kind=kind, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "model", "effort", "session"),
    [
        (AgentKind.CLAUDE, "--model small", "--effort high", "--resume s-1"),
        (AgentKind.CODEX, "--model small", '-c model_reasoning_effort="high"', "resume s-1 -"),
        (AgentKind.GEMINI, "--model small", "", "--resume s-1"),
        (AgentKind.DEEPSEEK, "-m openrouter/small", "--variant high", "--session s-1"),
    ],
)
def test_model_and_effort_go_by_the_type_of_task(
    kind: AgentKind, model: str, effort: str, session: str
) -> None:
    known = config(
        kind, model="big", models={"docs": "small"}, effort="low", efforts={"docs": "high"}
    )
    said = " ".join(order(known, session="s-1").argv)
    assert model in said and effort in said and session in said
    other = " ".join(order(known, task_type="research").argv)
    assert model.replace("small", "big") in other and effort.replace("high", "low") in other
    plain = " ".join(order(config(kind)).argv)
    assert "--model" not in plain and "effort" not in plain and "s-1" not in plain


def test_only_what_is_contained_works_without_its_own_guard() -> None:
    claude, codex = config(AgentKind.CLAUDE), config(AgentKind.CODEX)
    free, guarded = order(claude, contained=True), order(claude)
    assert "--dangerously-skip-permissions" in free.argv
    assert free.environment["IS_SANDBOX"] == "1"
    assert "--dangerously-skip-permissions" not in guarded.argv and "acceptEdits" in guarded.argv
    assert "IS_SANDBOX" not in guarded.environment
    assert "--dangerously-bypass-approvals-and-sandbox" in order(codex, contained=True).argv
    assert "workspace-write" in order(codex).argv


def test_codex_takes_a_key_under_the_one_name_that_it_reads() -> None:
    seen = order(config(AgentKind.CODEX), environment={"OPENAI_API_KEY": "k"}).environment
    assert seen["CODEX_API_KEY"] == "k"


def test_gemini_is_told_how_to_log_in_where_it_has_a_key() -> None:
    keyed = order(config(AgentKind.GEMINI), environment={"GEMINI_API_KEY": "k"})
    assert "gemini-api-key" in keyed.home_files[".gemini/settings.json"]
    assert not order(config(AgentKind.GEMINI)).home_files


def test_deepseek_asks_the_provider_whose_key_was_found() -> None:
    known = config(
        AgentKind.DEEPSEEK, model="all",
        providers={"chutes": ProviderConfig(base_url="http://127.0.0.1:1/v1", model="deep")},
    )  # fmt: skip
    made = order(known, account="chutes", key="cpk_0123456789")
    assert made.account == "chutes" and "chutes/deep" in made.argv
    assert made.environment["DEEPSEEK_API_KEY"] == "cpk_0123456789"
    settings = json.loads(made.environment["OPENCODE_CONFIG_CONTENT"])
    assert settings["enabled_providers"] == ["chutes"]
    assert settings["provider"]["chutes"]["options"]["baseURL"] == "http://127.0.0.1:1/v1"
    assert "cpk_" not in made.environment["OPENCODE_CONFIG_CONTENT"]
    assert "nanogpt/all" in order(known, account="nanogpt").argv
    named = {"DEEPSEEK_OPENROUTER_MODEL": "theirs"}
    assert "openrouter/theirs" in order(config(AgentKind.DEEPSEEK), environment=named).argv


def test_their_errors_are_kept_apart_and_all_of_their_output_is_read() -> None:
    for kind in (AgentKind.CLAUDE, AgentKind.CODEX, AgentKind.GEMINI, AgentKind.DEEPSEEK):
        made = order(config(kind))
        assert made.error_path == "/log/agent.errors.log"
        assert made.tail_limit == made.output_limit
