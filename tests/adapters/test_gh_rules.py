"""The rules of a branch: what the plan cannot enforce is no rule, what is hidden is unknown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.adapters import gh_survey
from orchestrator.adapters.gh_keys import Key
from orchestrator.adapters.gh_queries import Queries
from orchestrator.adapters.gh_read import Door
from orchestrator.records.errors import GitHubTrouble, Trouble
from tests.support import forge, hostile
from tests.support.forge import INSIDE, Github, Transport
from tests.support.hostile import Hostile
from tests.support.office import HandClock

SLUG = "maria/library"
RULES = r"/rules/branches/"
NOT_SOLD = "Upgrade to GitHub Pro or make this repository public to enable this feature."


@pytest.fixture
def github(tmp_path: Path) -> Iterator[Github]:
    with forge.inside(tmp_path / "forge") as found:
        yield found


def refusing(github: Github, folder: Path, said: str) -> Queries:
    """GitHub, where the rules of a branch are refused in these words."""
    assert github.clock is not None
    bad = Hostile(github.app)
    bad.on("GET", RULES, hostile.answers(403, said), times=99)
    door = Door(
        key=Key("robot-token"), api_url=INSIDE, graphql_url=f"{INSIDE}/graphql",
        clock=HandClock(github.clock), state_folder=folder, transport=Transport(bad),
    )  # fmt: skip
    return Queries(door)


def test_where_the_plan_enforces_no_rules_there_are_none(github: Github, tmp_path: Path) -> None:
    """A private repository on GitHub Free: nothing can be required there."""
    asked = refusing(github, tmp_path, NOT_SOLD)
    assert asked.required_checks(SLUG, "main") == ()
    surveyed = gh_survey.of(asked.door, {SLUG: None})[SLUG]
    assert surveyed is not None and surveyed.base_rule is not None
    assert not surveyed.base_rule.checks


@pytest.mark.parametrize(
    "said", ["Forbidden", "Resource not accessible by personal access token", "Upgrade"]
)
def test_rules_that_may_not_be_read_are_not_none(
    github: Github, tmp_path: Path, said: str
) -> None:
    asked = refusing(github, tmp_path, said)
    with pytest.raises(GitHubTrouble) as refused:
        asked.required_checks(SLUG, "main")
    assert refused.value.trouble is Trouble.PERMISSION
