"""The content of the simulator: plans repeat, agents do what they are called, git is read right."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from orchestrator.records.result import BlockerCode, Status
from orchestrator.texts import contract
from tests.sim import commands, owners, people, personalities, plan, weather
from tests.sim.interface import Job
from tests.sim.objects import Objects
from tests.support import repos

WANTED = "Write the word `pear` into `fruit/pear.txt`. Add the line `fig` to `LIST.md`."
SEEDS = range(400)


def job(folder: Path, prompt: str = WANTED) -> Job:
    return Job(
        folder=folder, prompt=prompt, agent="first", task_id="task-1", slug="maria/library",
        attempt=1, rng=Random(1), facts={},
    )  # fmt: skip


def test_a_seed_is_one_plan() -> None:
    assert [plan.draw(seed) for seed in SEEDS] == [plan.draw(seed) for seed in SEEDS]


def test_plans_have_two_tasks_on_average_and_every_amount_of_trouble() -> None:
    plans = [plan.draw(seed) for seed in SEEDS]
    assert 1.7 < sum(len(one.issues) for one in plans) / len(plans) < 2.3
    calm = sum(not (one.deeds or one.faults or one.crash_chance) for one in plans)
    wild = sum(len(one.deeds) + len(one.faults) > 6 for one in plans)
    assert 0.1 < calm / len(plans) < 0.5 and wild / len(plans) > 0.05
    assert 20 < sum(map(plan.is_third, plans)) < 100


def test_what_a_plan_names_is_there() -> None:
    for one in map(plan.draw, SEEDS):
        assert set(one.agents.values()) <= set(personalities.ALL)
        assert {deed.name for deed in one.deeds} <= {*people.ALL, *owners.ALL, *commands.ALL}
        assert one.ci in weather.ALL and one.tests in personalities.ALL
        for number, issue in enumerate(one.issues):
            assert all(earlier < number for earlier in issue.after)
            assert all(one.issues[earlier].slug == issue.slug for earlier in issue.after)


def test_every_story_is_told_sooner_or_later() -> None:
    told = Counter(deed.name for seed in range(3000) for deed in plan.draw(seed).deeds)
    assert set(told) >= {name for _, acts in plan.STORIES for name, _ in acts}


def test_an_honest_agent_does_what_the_issue_asks_for(tmp_path: Path) -> None:
    (tmp_path / "LIST.md").write_text("apple\n")
    outcome = personalities.honest(job(tmp_path))
    assert (tmp_path / "fruit/pear.txt").read_text() == "pear\n"
    assert (tmp_path / "LIST.md").read_text() == "apple\nfig\n"
    assert contract.parse(outcome.result or b"").status is Status.COMPLETE


def test_a_repair_changes_something_and_answers_its_items(tmp_path: Path) -> None:
    asked = f"{WANTED}\n{personalities.REPAIR}\n\n1. Say why.\n2. Spell it right.\n"
    outcome = personalities.honest(job(tmp_path, asked))
    assert (tmp_path / "notes/task-1.txt").exists()
    said = contract.parse(outcome.result or b"")
    assert [answer.item for answer in said.answers] == [1, 2]


@pytest.mark.parametrize("name", sorted(personalities.TEMPERAMENTS))
def test_every_temperament_ends(tmp_path: Path, name: str) -> None:
    outcome = personalities.ALL[name](job(tmp_path))
    assert outcome.seconds > 0
    if outcome.result is not None:
        contract.parse(outcome.result)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("without_context", BlockerCode.MISSING_CONTEXT),
        ("without_credentials", BlockerCode.MISSING_CREDENTIALS),
        ("partial", BlockerCode.ENVIRONMENT_FAILURE),
        ("echoing", BlockerCode.INVALID_RESULT_CONTRACT),
        ("babbling", BlockerCode.INVALID_RESULT_CONTRACT),
    ],
)
def test_who_cannot_says_so_in_the_contracts_words(
    tmp_path: Path, name: str, code: BlockerCode
) -> None:
    outcome = personalities.ALL[name](job(tmp_path))
    assert contract.parse(outcome.result or b"").blocker_code is code


def test_a_liar_breaks_the_tests_that_it_praises(tmp_path: Path) -> None:
    assert personalities.own_tests(job(tmp_path)).exit_code == 0
    assert b"every test passes" in (personalities.lying(job(tmp_path)).result or b"")
    assert personalities.own_tests(job(tmp_path)).exit_code == 1


def test_commits_are_read_without_git(tmp_path: Path) -> None:
    origin = repos.origin(tmp_path)
    first = origin.tip() or ""
    sha = origin.commit({"deep/er/file.txt": "text\n"}, message="Deeper")
    objects = Objects()
    found = dict(objects.files(origin.bare, sha))
    assert objects.read(origin.bare, found["deep/er/file.txt"]) == b"text\n"
    commit = objects.commit(origin.bare, sha)
    assert commit is not None and commit[1] == (first,)
    assert objects.read(origin.bare, "0" * 40) is None and objects.unread == 1
