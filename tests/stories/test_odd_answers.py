"""What GitHub answers on an odd day: one sentence, and no harm to any other repository."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.records.task import State
from tests.support import office
from tests.support.office import REPOSITORY, SLUG, Office, an_office

OTHER = "maria/other"
QUICK = {"settle_seconds": 0, "min_head_age_seconds": 0}
SEED: dict[str, Any] = {
    **office.SEED,
    "repos": [
        *office.SEED["repos"],
        {"name": OTHER, "files": {"a": "a\n"}, "labels": ["ready"], "collaborators": {
            "robot": "write"}},
    ],
}  # fmt: skip
BOTH = {"github_projects": {"work": {"project_number": 1, "repos": [
    {**REPOSITORY, **QUICK}, {"github_repo": OTHER, "trust": "actor"},
]}}}  # fmt: skip


def ready_elsewhere(one: Office) -> int:
    told = one.api.post(f"/repos/{OTHER}/issues", json={"title": "There", "labels": ["ready"]})
    return int(told.json()["number"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"archived": True}, f"{SLUG} is archived"),
        ({"has_issues": False}, f"{SLUG} has its issues switched off"),
    ],
)
def test_a_repository_that_is_closed_is_told_once_and_starts_nothing(
    tmp_path: Path, change: dict[str, bool], words: str
) -> None:
    with an_office(tmp_path, seed=SEED, config=BOTH) as one:
        issue, there = one.ready("Here"), ready_elsewhere(one)
        assert one.api.patch(f"/repos/{SLUG}", json=change).status_code == 200
        assert [one.dispatch(), one.dispatch()] == [10, 10]
        assert one.told().count("ALERT ") == 1 and words in one.told()
        tasks = one.world.mailroom.list_state(State.INBOX)
        assert [(task.repo, task.issue) for task in tasks] == [(OTHER, there)]
        assert one.comments(issue) == []
        one.api.patch(f"/repos/{SLUG}", json={name: not value for name, value in change.items()})
        assert one.dispatch() == 0 and one.state_of(issue) is State.INBOX


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        ("Resource not accessible by personal access token", "may read projects"),
        ("Your token has not been granted the required scopes to execute this query.", "scopes"),
    ],
)
def test_a_board_that_is_closed_to_the_token_says_what_to_grant(
    tmp_path: Path, refusal: str, words: str
) -> None:
    """And the repositories that have none go on."""
    labels_only = {"github_repos": {"other": OTHER}, **{
        "github_projects": {"work": {"project_number": 1, "repos": [{**REPOSITORY, **QUICK}]}}}}
    with an_office(tmp_path, seed=SEED, config={**labels_only, "trust": "actor"}) as one:
        issue, there = one.ready("Here"), ready_elsewhere(one)
        faults = one.github.forge.faults
        error = {"message": f"GraphQL: {refusal} forbidden"}
        for operation in ("Labelled", "Board"):
            faults.add("graphql-errors", operation=operation, **error, times=1)
        assert one.dispatch() == 10
        assert "board maria/1: the board maria/1 is not there, or closed to the token" in one.told()
        assert words in one.told() and "leave project_number out" in one.told()
        tasks = one.world.mailroom.list_state(State.INBOX)
        assert [(task.repo, task.issue) for task in tasks] == [(OTHER, there)]
        assert one.dispatch() == 0 and one.state_of(issue) is State.INBOX


def test_a_task_whose_issue_takes_no_comment_goes_on(tmp_path: Path) -> None:
    """Locked, or whoever we are is blocked there: the work is not held up."""
    with an_office(tmp_path, repository=QUICK) as one:
        issue = one.ready("Add a file")
        one.github.forge.faults.add(
            "403", method="POST", path=r"/comments$", login="robot", times=999,
            message="Unable to create comment because issue is locked.",
        )  # fmt: skip
        one.work_until_quiet()
        assert one.state_of(issue) is State.DONE, one.told()
        assert "issue is locked" in one.told() and one.comments(issue) == []


@pytest.mark.parametrize(
    ("role", "starts"), [("triage", False), ("write", True), ("maintain", True), ("admin", True)]
)
def test_who_may_only_triage_commands_nothing(tmp_path: Path, role: str, starts: bool) -> None:
    """S6: they may set labels, and GitHub tells their role as `read` where it is told coarsely."""
    [library, *others] = office.SEED["repos"]
    people = {**library["collaborators"], "eve": role}
    seed = {**office.SEED, "repos": [{**library, "collaborators": people}, *others]}
    with an_office(tmp_path, seed=seed, repository={"trust": "actor"}) as one:
        issue = one.issue("Add a file")
        told = one.github.session("eve-token").post(
            f"/repos/{SLUG}/issues/{issue}/labels", json={"labels": ["ready"]}
        )
        assert told.status_code == 200 and one.dispatch() == 0
        assert bool(one.folders()[State.INBOX]) is starts, one.told()
        assert ("needs triage: eve, who set it Ready" in one.told()) is not starts
