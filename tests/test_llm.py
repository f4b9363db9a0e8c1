"""Thinking with an agent: a real program, asked through the executor of production."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct, structs

from orchestrator import llm
from orchestrator.executors.local import Local
from orchestrator.llm import Question, Thought
from orchestrator.records.config import RepositoryConfig
from orchestrator.records.task import Task
from tests.support.office import CONFIG, SLUG, Office, an_office


class Colour(Struct, frozen=True, forbid_unknown_fields=True):
    name: str


NONE = Colour("none")
RED = """echo '{"name": "red"}'"""
PROMPT = "Which colour?\n"


def thinking(office: Office, programs: Mapping[str, str]) -> tuple[RepositoryConfig, Task]:
    """The office's world with real programs on its PATH; each notes its prompt and its folder."""
    place = Path(office.world.environment["PATH"])
    for name, script in programs.items():
        note = place.parent / f"{name}.seen"
        program = place / name
        program.write_text(
            f"#!/bin/sh\n/bin/cat >> {note}\necho \"[$(/bin/ls -A)]\" >> {note}\n{script}\n"
        )
        program.chmod(0o755)
    object.__setattr__(office.world, "executor", Local())
    [repository] = office.world.config.repositories
    task = Task(
        task_id="task-1", repo=SLUG, title="Paint", issue=1, created=office.world.clock.now()
    )
    return structs.replace(repository, planner_agents=tuple(programs)), task


def seen(office: Office, name: str) -> str:
    note = Path(office.world.environment["PATH"]).parent / f"{name}.seen"
    return note.read_text() if note.exists() else ""


def config(*names: str, **more: Any) -> dict[str, Any]:
    mine = {name: {"command": [name], "sandbox": "none", **more} for name in names}
    return {**CONFIG, "agents": {**CONFIG["agents"], **mine}}


def ask(office: Office, where: tuple[RepositoryConfig, Task], **more: Any) -> Thought[Colour]:
    given = {"purpose": "painting", "prompt": PROMPT, "shape": Colour, "otherwise": NONE, **more}
    return llm.ask(office.world, *where, Question(**given))


def test_one_prompt_in_and_one_value_out_in_an_empty_folder(tmp_path: Path) -> None:
    with an_office(tmp_path, config=config("thinker")) as office:
        where = thinking(office, {"thinker": RED})
        assert ask(office, where) == Thought(value=Colour("red"), agent="thinker")
        assert seen(office, "thinker") == f"{PROMPT}[prompt.md]\n"
        paths = office.world.paths
        assert list((paths.runtime / "thinking").iterdir()) == []
        [kept] = paths.prompts.iterdir()
        assert (kept.name, kept.read_text()) == ("task-1.painting.md", PROMPT)
        line = json.loads(paths.agent_stats.read_text())
        assert (line["agent"], line["status"], line["task_type"]) == (
            "thinker", "thought", "painting",
        )  # fmt: skip
        assert line["cost_usd"] is None


def test_the_same_question_is_asked_once_a_week(tmp_path: Path) -> None:
    with an_office(tmp_path, config=config("thinker")) as office:
        where = thinking(office, {"thinker": RED})
        assert ask(office, where) == ask(office, where)
        assert seen(office, "thinker").count(PROMPT) == 1
        ask(office, where, prompt="Another?\n")
        assert "Another?" in seen(office, "thinker")
        clock = office.github.clock
        assert clock is not None
        clock.advance(timedelta(days=8).total_seconds())
        ask(office, where)
        assert seen(office, "thinker").count(PROMPT) == 2


def test_an_answer_of_the_wrong_shape_is_asked_for_once_more_with_the_reason(
    tmp_path: Path,
) -> None:
    once = f"""if [ -e "$0.once" ]; then {RED}; else : > "$0.once"; echo '{{"colour": 1}}'; fi"""
    with an_office(tmp_path, config=config("thinker")) as office:
        where = thinking(office, {"thinker": once})
        assert ask(office, where).value == Colour("red")
        told = seen(office, "thinker")
        assert "could not be used: Object contains unknown field `colour`" in told


def test_after_two_useless_answers_it_is_done_without(tmp_path: Path) -> None:
    with an_office(tmp_path, config=config("thinker", "other")) as office:
        where = thinking(office, {"thinker": "echo Red, I think.", "other": RED})
        assert ask(office, where) == Thought(value=NONE)
        assert seen(office, "thinker").count(PROMPT) == 2 and not seen(office, "other")
        assert "gave no answer that can be used" in office.told()
        assert not (office.world.paths.cache / "thoughts").exists()


@pytest.mark.parametrize(
    "fails",
    ["exit 3", "echo \"You've hit your usage limit, try again in 5 hours.\"; exit 1"],
    ids=["a program that fails", "a provider that refuses"],
)
def test_who_is_not_served_is_passed_over(tmp_path: Path, fails: str) -> None:
    with an_office(tmp_path, config=config("thinker", "other")) as office:
        where = thinking(office, {"thinker": fails, "other": RED})
        assert ask(office, where).agent == "other"
        assert "painting: thinker: " in office.told()
        ask(office, where, prompt="Another?\n")
        rests = "usage limit" in fails
        assert seen(office, "thinker").count("Another?") == (0 if rests else 1)


def test_without_any_agent_there_is_an_answer_all_the_same(tmp_path: Path) -> None:
    with an_office(tmp_path, config=config("thinker")) as office:
        repository, task = thinking(office, {"thinker": RED})
        for chain in ((), ("claude", "codex"), ("patch",), ("nobody",)):
            asked = structs.replace(repository, planner_agents=chain)
            assert ask(office, (asked, task)) == Thought(value=NONE)
        assert ask(office, (repository, task), prompt="x" * 70_000) == Thought(value=NONE)
        object.__setattr__(office.world, "dry_run", True)
        assert ask(office, (repository, task)) == Thought(value=NONE)
        assert not seen(office, "thinker")


def test_a_cache_that_was_damaged_is_no_answer(tmp_path: Path) -> None:
    with an_office(tmp_path, config=config("thinker")) as office:
        where = thinking(office, {"thinker": RED})
        ask(office, where)
        [kept] = (office.world.paths.cache / "thoughts").iterdir()
        kept.write_text('{"at": 3')
        assert ask(office, where).value == Colour("red")
        assert seen(office, "thinker").count(PROMPT) == 2


def test_no_secret_of_ours_is_asked_about(tmp_path: Path) -> None:
    with an_office(tmp_path, config=config("thinker")) as office:
        where = thinking(office, {"thinker": RED})
        ask(office, where, prompt="Is robot-token red?\n")
        assert "robot-token" not in seen(office, "thinker") and "red?" in seen(office, "thinker")
