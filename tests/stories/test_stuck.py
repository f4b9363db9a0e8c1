"""Work that is stuck ends with its own code, and a note that says the next step."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.agents.base import Launch, PromptTooLarge
from orchestrator.agents.command import Command
from orchestrator.records.order import AttemptOrder, AttemptReport
from orchestrator.records.result import BlockerCode
from orchestrator.records.task import State
from tests.support.office import SLUG, AgentScript, an_office, writes

QUICK = {"settle_seconds": 0, "min_head_age_seconds": 0}


def ends(**how: Any) -> AgentScript:
    return lambda folder, prompt: AttemptReport(**{"exit_code": 1, "seconds": 9, **how})


def too_long(words: str) -> AgentScript:
    return ends(output_tail=f"Working...\n\nAPI Error: 400 {words}\n")


STUCK: dict[str, tuple[AgentScript, str, BlockerCode, str, str]] = {
    "silent": (
        ends(exit_code=-15, silent=True), "", BlockerCode.TIMEOUT,
        "nothing was heard of it any more", "See in its agent.log where it hung",
    ),
    "over its time": (
        ends(exit_code=-15, timed_out=True), "", BlockerCode.TIMEOUT,
        "it was stopped after 9 s", "See in its agent.log where it hung",
    ),
    "the model's window": (
        too_long("prompt is too long: 210000 tokens > 200000 maximum"), "",
        BlockerCode.PROMPT_TOO_LARGE, "the prompt is too long for it", "Make the issue smaller",
    ),
    "a program that it calls": (
        ends(exit_code=127, output_tail="sh: node: not found\n"), "",
        BlockerCode.ENVIRONMENT_FAILURE, "a program was not found", "Put the environment in order",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STUCK)
def test_who_is_stuck_says_by_what_and_what_to_do(tmp_path: Path, name: str) -> None:
    script, body, code, reason, step = STUCK[name]
    agents = dict.fromkeys(("first", "second", "third"), script)
    with an_office(tmp_path, agents=agents, repository=QUICK) as office:
        issue = office.ready("Add it", body)
        office.work_until_quiet()
        task = office.task(issue)
        assert office.state_of(issue) is State.ESCALATED, office.told()
        assert [one.agent for one in task.attempts] == ["first", "second", "third"]
        assert task.attempts[-1].code is code
        assert reason in task.note and step in task.note, task.note


class Narrow(Command):
    """An agent that takes only what fits into a few bytes."""

    def order(self, launch: Launch) -> AttemptOrder:
        raise PromptTooLarge(f"{self.name} takes 10 bytes, the prompt has {len(launch.prompt)}")


def test_a_prompt_that_does_not_fit_is_another_agents_to_take(tmp_path: Path) -> None:
    """Nothing is started for it, nothing crashes, and it costs its turn."""
    with an_office(tmp_path, repository=QUICK) as office:
        config = office.world.config.agents
        narrow = {name: Narrow(config[name]) for name in ("first", "second")}
        office.world = replace(office.world, agents={**office.world.agents, **narrow})
        office.executor.scripts["third"] = writes("x.txt", "x\n")
        issue = office.ready("Add it")
        office.work_until_quiet()
        codes = [one.code for one in office.task(issue).attempts]
        assert office.state_of(issue) is State.DONE, office.told()
        assert codes == [BlockerCode.PROMPT_TOO_LARGE] * 2 + [BlockerCode.NONE]
        assert office.executor.agent_runs == ["third"]


def test_a_prompt_that_fits_nobody_is_a_persons_turn(tmp_path: Path) -> None:
    with an_office(tmp_path, repository=QUICK) as office:
        agents = {name: Narrow(made) for name, made in office.world.config.agents.items()}
        office.world = replace(office.world, agents=agents)
        issue = office.ready("Add it")
        office.work_until_quiet()
        task = office.task(issue)
        assert office.state_of(issue) is State.ESCALATED, office.told()
        assert task.attempts[-1].code is BlockerCode.PROMPT_TOO_LARGE
        assert "third takes 10 bytes" in task.note and "Make the issue smaller" in task.note


def test_a_program_that_is_missing_is_named_with_the_way_to_get_it(tmp_path: Path) -> None:
    chain = {"agent_fallbacks": {"implementation": ["first"]}}
    with an_office(tmp_path, repository={**QUICK, **chain}) as office:
        (tmp_path / "bin" / "first").unlink()
        issue = office.ready("Add it")
        office.work_until_quiet()
        task = office.task(issue)
        assert office.state_of(issue) is State.ESCALATED, office.told()
        assert task.attempts == () and "its program first is not on PATH" in task.note
        assert "install what is named above" in task.note
        assert SLUG in office.told()
