"""The checks of any commit: whole, or not known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.adapters.gh_queries import Queries
from orchestrator.adapters.gh_read import Door
from orchestrator.records.errors import GitHubTrouble
from tests.support import forge, office
from tests.support.replies import Reply, replying

LIBRARY = "maria/library"
SHA = "a" * 40
RUN = {"__typename": "CheckRun", "databaseId": 7, "name": "test", "status": "COMPLETED",
       "conclusion": "FAILURE", "startedAt": "2026-01-05T09:00:00Z",
       "completedAt": "2026-01-05T09:01:00Z", "detailsUrl": "https://x/7",
       "checkSuite": {"app": {"databaseId": 15368}, "workflowRun": None}}  # fmt: skip


def test_the_checks_of_a_base_tip_are_those_of_a_head(tmp_path: Path) -> None:
    with forge.inside(tmp_path / "forge") as github:
        door = Door(
            token="robot-token", api_url=github.url, graphql_url=f"{github.url}/graphql",
            clock=office.HandClock(github.clock or forge.Clock()), state_folder=tmp_path,
            transport=forge.Transport(github.app),
        )  # fmt: skip
        queries = Queries(door)
        work = forge.clone(github.bare(LIBRARY), tmp_path / "work")
        sha = work.commit({"x": "x\n"})
        work.git("push", "-q", "origin", "HEAD:main")
        github.forge.pushed(LIBRARY, "robot")
        github.pass_time(10)
        checks = queries.commit_checks(LIBRARY, sha)
        assert checks is not None
        assert [(one.name, one.conclusion) for one in checks] == [("test", "success")]
        status = {"state": "error", "context": "lint", "description": "no"}
        github.session("robot-token").post(f"/repos/{LIBRARY}/statuses/{sha}", json=status)
        both = queries.commit_checks(LIBRARY, sha)
        assert both is not None
        assert {(one.name, one.group) for one in both} >= {("lint", "status")}
        assert queries.commit_checks(LIBRARY, "0" * 40) is None
        assert queries.commit_checks("maria/nowhere", sha) is None


def rollup(total: int) -> dict[str, Any]:
    return {"__typename": "Commit", "oid": SHA,
            "statusCheckRollup": {"contexts": {"totalCount": total, "nodes": [RUN]}}}  # fmt: skip


@pytest.mark.parametrize(
    ("told", "count"),
    [
        (rollup(1), 1),
        (rollup(2), None),
        ({"__typename": "Commit", "oid": SHA, "statusCheckRollup": None}, 0),
        ({"__typename": "Commit", "oid": "b" * 40, "statusCheckRollup": None}, None),
        ({"__typename": "Tree", "oid": SHA}, None),
        (None, None),
    ],
)
def test_half_a_list_is_no_list(tmp_path: Path, told: Any, count: int | None) -> None:
    with replying(Reply(200, {"data": {"repository": {"object": told}}})) as server:
        checks = office_queries(server.url, tmp_path).commit_checks(LIBRARY, SHA)
        assert (None if checks is None else len(checks)) == count


def test_checks_that_may_not_be_read_are_an_error(tmp_path: Path) -> None:
    error = {"message": "Resource not accessible", "type": "FORBIDDEN",
             "path": ["repository", "object", "statusCheckRollup"]}  # fmt: skip
    answer = {"data": {"repository": {"object": rollup(1)}}, "errors": [error]}
    with replying(Reply(200, answer)) as server, pytest.raises(GitHubTrouble):
        office_queries(server.url, tmp_path).commit_checks(LIBRARY, SHA)


def test_however_many_checks_there_are_each_counts(tmp_path: Path) -> None:
    """M6, A8: of more than a page every page, for a commit and for a pull request."""
    with forge.inside(tmp_path / "forge") as github:
        door = Door(
            token="robot-token", api_url=github.url, graphql_url=f"{github.url}/graphql",
            clock=office.HandClock(github.clock or forge.Clock()), state_folder=tmp_path,
            transport=forge.Transport(github.app),
        )  # fmt: skip
        queries = Queries(door)
        work = forge.clone(github.bare(LIBRARY), tmp_path / "work")
        work.branch("feature")
        sha = work.commit({"x": "x\n"})
        work.git("push", "-q", "origin", "feature")
        github.forge.pushed(LIBRARY, "robot")
        robot = github.session("robot-token")
        for number in range(230):
            state = "error" if number == 117 else "success"
            robot.post(
                f"/repos/{LIBRARY}/statuses/{sha}",
                json={"state": state, "context": f"part {number}"},
            )
        pull = {"title": "x", "head": "feature", "base": "main"}
        node = robot.post(f"/repos/{LIBRARY}/pulls", json=pull).json()["node_id"]
        github.pass_time(10)
        made = door.requests_made
        checks = queries.pull_requests([node])[node].checks
        assert checks is not None and door.requests_made - made == 4
        assert len(checks) == 231 and checks == queries.commit_checks(LIBRARY, sha)
        assert [one.name for one in checks if one.conclusion == "error"] == ["part 117"]
        assert len(queries.recent_check_names(LIBRARY, sha)) == 231
        github.forge.faults.add("shifted", operation="CommitChecks", shift=1, times=9)
        assert queries.pull_requests([node])[node].checks is None, "pages that do not add up"


def office_queries(url: str, folder: Path) -> Queries:
    clock = office.HandClock(forge.Clock())
    return Queries(
        Door(token="t", api_url=url, graphql_url=f"{url}/graphql", clock=clock, state_folder=folder)
    )
