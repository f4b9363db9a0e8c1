"""A run that only thinks: no tool, no result file, and its last words are the answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.agents import roster
from orchestrator.agents.base import Launch
from orchestrator.records.config import AgentConfig, AgentKind, PromptBy
from orchestrator.records.order import AttemptOrder, AttemptReport

DATA = Path(__file__).parents[1] / "data" / "agent_outputs"
SAID = "Done: I wrote the file and there is nothing left to do."


def order(kind: AgentKind, **changes: object) -> AttemptOrder:
    agent = roster.build({"mine": AgentConfig(name="mine", kind=kind, models={"docs": "big"})})
    given: dict[str, object] = {
        "prompt": "Say red.", "prompt_path": "/w/p.md", "folder": "/w", "home": "/h",
        "log_path": "/l.log", "timeout_seconds": 60.0, "task_type": "docs",
    }  # fmt: skip
    return agent["mine"].order(Launch(**(given | changes)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "without", "with_"),
    [
        (AgentKind.CLAUDE, "--dangerously-skip-permissions", "--tools"),
        (AgentKind.CODEX, "--dangerously-bypass-approvals-and-sandbox", "read-only"),
        (AgentKind.GEMINI, "--yolo", "--skip-trust"),
        (AgentKind.DEEPSEEK, "--auto", "json"),
    ],
)
def test_it_may_use_no_tool_and_owes_no_file(kind: AgentKind, without: str, with_: str) -> None:
    usual = order(kind, contained=True)
    thinks = order(kind, contained=True, thinking=True, model="small")
    assert without in usual.argv and without not in thinks.argv and with_ in thinks.argv
    assert usual.result_file and thinks.result_file is None
    assert any("big" in word for word in usual.argv)
    assert any("small" in word for word in thinks.argv)
    assert ('"tools":{"*":false}' in str(thinks.environment)) == (kind is AgentKind.DEEPSEEK)


@pytest.mark.parametrize(
    ("kind", "recorded"),
    [
        (AgentKind.CLAUDE, "claude-stream-ok"), (AgentKind.CODEX, "codex-ok"),
        (AgentKind.GEMINI, "gemini-stream-ok"), (AgentKind.DEEPSEEK, "opencode-ok"),
    ],
)  # fmt: skip
def test_the_answer_is_what_it_said_last(kind: AgentKind, recorded: str) -> None:
    agent = roster.build({"mine": AgentConfig(name="mine", kind=kind)})["mine"]
    output = (DATA / f"{recorded}.out").read_text()
    assert agent.read_answer(AttemptReport(exit_code=0, seconds=1, output_tail=output)) == SAID
    for text in ("", "{", '{"type":"result"}\n{"type":"text","part":3}\n{"type":"message"}\n'):
        assert agent.read_answer(AttemptReport(exit_code=0, seconds=1, output_tail=text)) == ""


def test_any_program_answers_by_what_it_prints() -> None:
    config = AgentConfig(name="mine", command=("x",), prompt=PromptBy.STDIN)
    said = AttemptReport(exit_code=0, seconds=1, output_tail="red\n")
    assert roster.build({"mine": config})["mine"].read_answer(said) == "red\n"
    assert roster.build({})["patch"].read_answer(said) == ""
