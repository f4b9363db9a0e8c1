"""The checks of any commit: whole, or not known."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from orchestrator.adapters import gh_logs
from orchestrator.adapters.gh_keys import Key
from orchestrator.adapters.gh_queries import Queries
from orchestrator.adapters.gh_read import Door
from orchestrator.records.errors import GitHubTrouble
from orchestrator.records.tracker import Check
from tests.support import forge, office
from tests.support.replies import Reply, replying

LIBRARY = "maria/library"
SHA = "a" * 40
RUN = {"__typename": "CheckRun", "databaseId": 7, "name": "test", "status": "COMPLETED",
       "conclusion": "FAILURE", "startedAt": "2026-01-05T09:00:00Z",
       "completedAt": "2026-01-05T09:01:00Z", "detailsUrl": "https://x/7",
       "checkSuite": {"app": {"databaseId": 15368}, "workflowRun": None}}  # fmt: skip


@contextmanager
def library(tmp_path: Path) -> Iterator[tuple[forge.Github, Door]]:
    """A forge with one repository, and our way to read it."""
    with forge.inside(tmp_path / "forge") as github:
        door = Door(
            key=Key("robot-token"), api_url=github.url, graphql_url=f"{github.url}/graphql",
            clock=office.HandClock(github.clock or forge.Clock()), state_folder=tmp_path,
            transport=forge.Transport(github.app),
        )  # fmt: skip
        yield github, door


def test_the_checks_of_a_base_tip_are_those_of_a_head(tmp_path: Path) -> None:
    with library(tmp_path) as (github, door):
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
    with library(tmp_path) as (github, door):
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
        Door(
            key=Key("t"), api_url=url, graphql_url=f"{url}/graphql", clock=clock,
            state_folder=folder,
        )  # fmt: skip
    )


# --- what a failed check says ---------------------------------------------------------------

JOB = Check(name="test", group="15368/CI", status="completed", id=7, workflow_run=3)
STORE = Reply(302, {}, (("Location", "{url}/blob?sig=1"),))


def test_the_store_of_a_log_gets_no_token_of_ours(tmp_path: Path) -> None:
    with replying(STORE, Reply(200, b"first\nlast\n")) as server:
        assert office_queries(server.url, tmp_path).check_log(LIBRARY, JOB) == "first\nlast\n"
        assert server.seen[0].endswith(f"/repos/{LIBRARY}/actions/jobs/7/logs")
        assert server.tokens == ["Bearer t", ""]


def test_of_a_long_log_the_end_is_read_from_a_whole_line_on(tmp_path: Path) -> None:
    lines = b"".join(b"line %d\n" % n for n in range(100_000))
    with replying(STORE, Reply(200, lines)) as server:
        said = office_queries(server.url, tmp_path).check_log(LIBRARY, JOB)
    assert said.endswith("line 99999\n") and said.startswith("line ")
    assert len(said) <= gh_logs.TAIL_BYTES


def test_without_a_log_the_check_speaks_for_itself(tmp_path: Path) -> None:
    output = {"title": "2 errors", "summary": "Lint failed.", "text": None, "annotations_count": 2}
    notes = [
        {"path": "a.py", "start_line": 3, "annotation_level": "failure", "message": "bad"},
        {"path": "b.py", "start_line": 9, "annotation_level": "notice", "message": "so so"},
    ]
    replies = (Reply(410, {"message": "gone"}), Reply(200, {"output": output}), Reply(200, notes))
    with replying(Reply(404, {"message": "no"}), *replies[1:]) as server:
        said = office_queries(server.url, tmp_path).check_log(LIBRARY, JOB)
    assert said == "2 errors\nLint failed.\na.py:3: bad"
    other = structs.replace(JOB, workflow_run=0, group="9/")
    with replying(*replies[1:]) as server:
        assert "a.py:3: bad" in office_queries(server.url, tmp_path).check_log(LIBRARY, other)
        assert "actions" not in server.seen[0]


def test_a_status_says_its_line_and_asks_nothing(tmp_path: Path) -> None:
    status = Check(name="ci", group="status", status="completed", said="3 tests failed")
    with replying(Reply(500, {})) as server:
        said = office_queries(server.url, tmp_path).check_log(LIBRARY, status)
        assert said == "3 tests failed" and server.seen == []


def test_a_log_at_a_strange_address_is_not_fetched(tmp_path: Path) -> None:
    away = Reply(302, {}, (("Location", "http://169.254.169.254/latest/"),))
    with replying(away) as server, pytest.raises(GitHubTrouble, match="strange address"):
        office_queries(server.url, tmp_path).check_log(LIBRARY, JOB)
