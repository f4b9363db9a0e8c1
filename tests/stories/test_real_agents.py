"""The real agent programs, each once from Ready to merged, against a model on this machine.

They run in the sandbox and reach nothing but the model, through the proxy for providers.

They are found on PATH; whoever is not there is skipped. `python -m tests.bench.programs` installs
them and runs this; by hand, `npm install --prefix DIR PACKAGE` and DIR/node_modules/.bin on PATH.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from msgspec import Struct, structs

from orchestrator import llm
from orchestrator.executors.local import Local
from orchestrator.llm import Question, Thought
from orchestrator.records.result import BlockerCode
from orchestrator.records.task import State, Task
from orchestrator.records.verdicts import AttemptVerdict
from tests.support import model_api
from tests.support.contained import needs_bubblewrap
from tests.support.model_api import CACHED, READ, WRITTEN, Model, Refusal
from tests.support.office import CONFIG, Office, an_office, says

KEY = "k-of-the-stub-0123456789abcdef"
WORK = (
    "printf 'hello\\n' > greeting.txt; "
    "printf 'STATUS: complete\\nBLOCKER_CODE: none\\nSUMMARY: Wrote the greeting.\\n"
    "DONE:\\n- greeting.txt\\n' > .agent_result.md"
)


class Colour(Struct, frozen=True, forbid_unknown_fields=True):
    name: str


class Program(NamedTuple):
    """How a real program is pointed at the stub: its package, its config, its environment.

    `asked` is how many requests of its one run are counted in the usage that it reports.
    """

    package: str
    program: str
    config: Callable[[Model], Mapping[str, Any]]
    environment: Callable[[Model], Mapping[str, str]]
    asked: int = 2


def codex(model: Model) -> Mapping[str, Any]:
    told = f'name="stub",base_url="{model.url}/v1",env_key="CODEX_API_KEY",wire_api="responses"'
    settings = ('model_provider="stub"', f"model_providers.stub={{{told}}}")
    command = ["codex", *(word for one in settings for word in ("-c", one))]
    return {"kind": "codex", "command": command, "model": "stub-model"}


def deepseek(model: Model) -> Mapping[str, Any]:
    at = {"model": "stub-model", "base_url": f"{model.url}/v1"}
    return {"kind": "deepseek", "providers": {"openrouter": at}}


PROGRAMS = {
    "claude": Program(
        "@anthropic-ai/claude-code", "claude", lambda model: {"kind": "claude"},
        lambda model: {"ANTHROPIC_BASE_URL": model.url, "ANTHROPIC_API_KEY": KEY},
    ),
    "codex": Program(
        "@openai/codex", "codex", codex, lambda model: {"CODEX_API_KEY": KEY},
    ),
    "gemini": Program(
        "@google/gemini-cli", "gemini", lambda model: {"kind": "gemini"},
        lambda model: {"GOOGLE_GEMINI_BASE_URL": model.url, "GEMINI_API_KEY": KEY},
        asked=3,  # it asks a small model first which one the task needs
    ),
    "deepseek": Program(
        "opencode-ai", "opencode", deepseek, lambda model: {"OPENROUTER_API_KEY": KEY},
    ),
}  # fmt: skip
QUOTA: Mapping[str, Refusal] = {
    "claude": Refusal(
        429,
        {"type": "error", "error": {
            "type": "rate_limit_error",
            "message": "This request would exceed your account's rate limit.",
        }},
    ),
    "codex": Refusal(
        429,
        {"error": {
            "type": "usage_limit_reached", "message": "The usage limit has been reached",
            "plan_type": "plus", "resets_in_seconds": 7200,
        }},
    ),
}  # fmt: skip


def needs(name: str) -> None:
    wanted = PROGRAMS[name]
    if shutil.which(wanted.program) is None:
        pytest.skip(
            f"{wanted.program} is not on PATH; npm install --prefix DIR {wanted.package}, "
            "and put DIR/node_modules/.bin on PATH"
        )


def at_work(office: Office, name: str, model: Model) -> None:
    """Real programs in the real sandbox instead of functions."""
    inner = {**office.world.environment, **PROGRAMS[name].environment(model)}
    inner["PATH"] = os.environ["PATH"]
    office.world = replace(office.world, executor=Local(), environment=inner)


def tool_names(body: Mapping[str, Any]) -> set[str]:
    """The tools that a request offers, in whichever of the providers' formats."""
    found = set()
    for tool in body.get("tools", ()):
        declared = tool.get("functionDeclarations") or [tool.get("function", tool)]
        found |= {str(one.get("name")) for one in declared}
    return found


def config_for(name: str, model: Model) -> dict[str, Any]:
    agent = {**PROGRAMS[name].config(model), "network": "providers", "hosts": [model.url[7:]]}
    kinds = ("implementation", "debugging", "docs", "research", "architecture")
    return {
        "agents": {**CONFIG["agents"], name: agent},
        "agent_fallbacks": {kind: [name, "second"] for kind in kinds},
    }


@needs_bubblewrap
@pytest.mark.parametrize("name", PROGRAMS)
def test_from_ready_to_merged_by_a_real_program(tmp_path: Path, name: str) -> None:
    needs(name)
    with (
        model_api.served(WORK) as model,
        an_office(tmp_path, agent=says(None), config=config_for(name, model)) as office,
    ):
        at_work(office, name, model)
        issue = office.ready("Add greeting.txt", "It says hello.")
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        assert office.file("greeting.txt") == "hello\n"
        (made,) = office.task(issue).attempts
        assert made.agent == name and made.verdict is AttemptVerdict.DELIVER
        used, asked = made.usage, PROGRAMS[name].asked
        assert used is not None and used.session_id
        assert used.output_tokens == asked * WRITTEN
        assert used.cached_tokens == asked * CACHED
        assert used.input_tokens in {asked * READ, asked * (READ + CACHED)}
        print("USED", used)
        prompts = [one for one in model.requests if "Add greeting.txt" in str(one.body)]
        assert prompts and {one.credential for one in prompts} == {KEY}
        logs = "".join(p.read_text() for p in office.world.paths.attempts.rglob("agent.log"))
        assert KEY not in logs + office.told() + "".join(office.comments(issue))


@needs_bubblewrap
@pytest.mark.parametrize("name", QUOTA)
def test_a_real_program_out_of_quota_costs_no_attempt(tmp_path: Path, name: str) -> None:
    needs(name)
    with (
        model_api.served(WORK, refusal=QUOTA[name]) as model,
        an_office(tmp_path, agent=says(None), config=config_for(name, model)) as office,
    ):
        at_work(office, name, model)
        issue = office.ready("Add greeting.txt", "It says hello.")
        office.dispatch()
        office.queue()
        refused = office.task(issue).attempts[0]
        assert refused.agent == name and refused.code is BlockerCode.QUOTA_LIMITED, office.told()
        assert name in office.told()


@needs_bubblewrap
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_real_program_that_only_thinks_answers_and_writes_nothing(
    tmp_path: Path, name: str
) -> None:
    needs(name)
    said = '{"name": "red"}'
    with (
        model_api.served("touch /tmp/by-thought thought.txt", said=said) as model,
        an_office(tmp_path, config=config_for(name, model)) as office,
    ):
        at_work(office, name, model)
        [repository] = office.world.config.repositories
        made = office.world.clock.now()
        task = Task(task_id="task-1", repo=repository.slug, title="Paint", issue=1, created=made)
        asked = structs.replace(repository, planner_agents=(name,))
        question = Question(
            purpose="painting", prompt="Which colour?\n", shape=Colour, otherwise=Colour("none")
        )
        thought = llm.ask(office.world, asked, task, question)
        assert thought == Thought(value=Colour("red"), agent=name), office.told()
        tools = [tool_names(one.body) & set(model_api.SHELLS) for one in model.requests]
        assert name == "codex" or not any(tools), "it was given a shell"
