"""The forge on a bad day, in this process and served: every fault, once each and on its route."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from orchestrator.forge import faults, faulty
from orchestrator.forge.faults import CATALOGUE, Kind
from tests.support import forge as forge_support
from tests.support.forge import Github, Session

REPO = "/repos/maria/library"
COMMENTS = f"{REPO}/issues/1/comments"
ASK = "query Look { rateLimit { remaining } repository(owner: \"maria\", name: \"library\") {" \
      " issues(first: 10) { nodes { number title } } } }"
Open = Callable[..., dict[str, Any]]


def said(session: Session) -> list[str]:
    return [comment["body"] for comment in session.get(COMMENTS).json()]


@pytest.mark.parametrize(
    ("name", "status", "happened"),
    [
        ("500", 500, False),
        ("502", 502, False),
        ("503", 503, False),
        ("401", 401, False),
        ("403", 403, False),
        ("404", 404, False),
        ("apply-then-500", 500, True),
        ("apply-then-502", 502, True),
    ],
)
def test_a_write_is_refused_and_was_made_or_not(
    github: Github, robot: Session, name: str, status: int, happened: bool
) -> None:
    number = github.forge.faults.add(name, method="POST", path="/comments$")
    answer = robot.post(COMMENTS, json={"body": "once"})
    assert answer.status_code == status
    html = answer.headers["Content-Type"].startswith("text/html")
    assert html is (status in {502, 503})
    assert said(robot) == (["once"] if happened else [])
    assert robot.post(COMMENTS, json={"body": "again"}).status_code == 201, "it is over"
    assert github.forge.faults.met(number) == 1


@pytest.mark.parametrize(("name", "happened"), [("drop", False), ("apply-then-drop", True)])
def test_a_dropped_connection_is_an_exception_inside(
    github: Github, robot: Session, name: str, happened: bool
) -> None:
    github.forge.faults.add(name, method="POST")
    with pytest.raises(requests.ConnectionError):
        robot.post(COMMENTS, json={"body": "once"})
    assert said(robot) == (["once"] if happened else [])


@pytest.mark.parametrize(
    ("name", "status", "there", "absent"),
    [
        ("403-secondary", 403, {"x-ratelimit-remaining"}, {"retry-after"}),
        ("403-retry-after", 403, {"retry-after"}, set()),
        ("429", 429, set(), {"retry-after", "x-ratelimit-remaining"}),
        ("429-retry-after", 429, {"retry-after"}, set()),
    ],
)
def test_limits_come_with_headers_and_without(
    github: Github, robot: Session, name: str, status: int, there: set[str], absent: set[str]
) -> None:
    github.forge.faults.add(name)
    answer = robot.get(REPO)
    headers = {header.lower() for header in answer.headers}
    assert answer.status_code == status and "secondary" in answer.json()["message"]
    assert there <= headers and not absent & headers and "date" in headers


def test_the_points_of_the_hour_are_gone(github: Github, robot: Session) -> None:
    github.forge.faults.add("primary", times=2, seconds=90)
    answer = robot.get(REPO)
    assert answer.status_code == 403 and answer.headers["X-RateLimit-Remaining"] == "0"
    reset = int(answer.headers["X-RateLimit-Reset"])
    assert reset == github.forge.state.clock().timestamp() + 90
    assert robot.query(ASK)["errors"][0]["type"] == "RATE_LIMITED"
    assert "data" in robot.query(ASK)


@pytest.mark.parametrize("name", ["graphql-errors", "graphql-secondary"])
def test_success_that_is_none(github: Github, robot: Session, name: str) -> None:
    github.forge.faults.add(name, operation="Look")
    assert "data" in robot.query("query Other { viewer { login } }")
    answer = robot.query(ASK)
    assert answer["errors"] and not answer.get("data")


def test_an_answer_with_a_hole_names_it(github: Github, robot: Session) -> None:
    github.forge.faults.add("partial", operation="Look", times=1)
    answer = robot.query(ASK)
    nodes = answer["data"]["repository"]["issues"]["nodes"]
    assert nodes[-1] is None and nodes[0]
    assert answer["errors"][0]["path"] == ["repository", "issues", "nodes", 1]
    github.forge.faults.add("partial", at="repository.issues")
    assert robot.query(ASK)["data"]["repository"]["issues"] is None


def test_a_list_that_lags_in_time(github: Github, robot: Session) -> None:
    robot.post(COMMENTS, json={"body": "before"})
    hour = github.forge.state.clock() + timedelta(hours=1)
    github.forge.faults.add("stale", method="GET", path="/comments$", seconds=60, until=hour)
    robot.post(COMMENTS, json={"body": "late"})
    assert said(robot) == ["before"]
    github.pass_time(61)
    robot.post(COMMENTS, json={"body": "later"})
    assert said(robot) == ["before", "late"]
    assert robot.get(f"{REPO}/issues/1").json()["comments"] == 3, "another route tells the truth"
    github.pass_time(61)
    assert said(robot) == ["before", "late", "later"]
    github.pass_time(3600)
    robot.get(REPO)
    assert not github.forge.faults.rules and not github.forge.faults.past.copies


def test_a_list_that_lags_in_reads(github: Github, robot: Session) -> None:
    github.forge.faults.add("stale-reads", path="/comments$", reads=2, times=4)
    told = []
    for n in range(5):
        told.append(len(said(robot)))
        robot.post(COMMENTS, json={"body": f"{n}"})
    assert told == [0, 0, 0, 1, 4]


def test_a_lagging_list_does_not_stop_a_write(github: Github, robot: Session) -> None:
    github.forge.faults.add("stale", times=9)
    assert robot.post(COMMENTS, json={"body": "made"}).status_code == 201
    github.forge.faults.clear()
    assert said(robot) == ["made"]


def test_mergeable_is_unknown_for_n_reads(
    github: Github, robot: Session, open_pull: Open
) -> None:
    number = open_pull()["number"]
    github.pass_time(1)
    github.forge.faults.add("null-mergeable", times=2)
    looks = [robot.get(f"{REPO}/pulls/{number}").json()["mergeable"] for _ in range(3)]
    assert looks == [None, None, True]


def test_checks_appear_late_and_are_run_again(
    github: Github, robot: Session, open_pull: Open
) -> None:
    sha = open_pull()["head"]["sha"]
    path = f"{REPO}/commits/{sha}/check-runs"
    github.forge.faults.add("late-checks", path="/check-runs", seconds=20, times=2)
    github.pass_time(1)
    assert robot.get(path).json()["total_count"] == 0
    github.pass_time(30)
    assert [c["conclusion"] for c in robot.get(path).json()["check_runs"]] == ["success"]
    github.forge.faults.add("rerun", path="/check-runs")
    assert [c["status"] for c in robot.get(path).json()["check_runs"]] == ["queued"]
    github.pass_time(10)
    assert [c["conclusion"] for c in robot.get(path).json()["check_runs"]] == ["success"]


def test_merged_and_called_open(github: Github, robot: Session, open_pull: Open) -> None:
    number = open_pull()["number"]
    github.pass_time(1)
    assert robot.put(f"{REPO}/pulls/{number}/merge", json={}).status_code == 200
    github.forge.faults.add("still-open", times=1)
    assert robot.get(f"{REPO}/pulls/{number}").json()["state"] == "open"
    assert robot.get(f"{REPO}/pulls/{number}").json()["merged"] is True


def test_a_merge_that_git_has_and_github_does_not_know(
    github: Github, robot: Session, open_pull: Open
) -> None:
    pull = open_pull()
    github.pass_time(1)
    before = robot.get(f"{REPO}/branches/main").json()["commit"]["sha"]
    github.forge.faults.add("still-open", method="PUT")
    path = f"{REPO}/pulls/{pull['number']}"
    answer = robot.put(f"{path}/merge", json={"merge_method": "squash"})
    assert answer.status_code == 500
    assert robot.get(path).json()["state"] == "open"
    assert robot.get(f"{REPO}/branches/main").json()["commit"]["sha"] != before


def test_pages_shift_between_the_first_and_the_next(github: Github, robot: Session) -> None:
    for n in range(5):
        robot.post(COMMENTS, json={"body": str(n)})
    github.forge.faults.add("shifted", path="[?&]page=2", shift=1, times=1)
    pages = [robot.get(f"{COMMENTS}?per_page=2&page={n}").json() for n in (1, 2, 2)]
    assert [[c["body"] for c in page] for page in pages] == [["0", "1"], ["3", "4"], ["2", "3"]]
    document = "query Pages($after: String) { repository(owner: \"maria\", name: \"library\") {" \
        " issues(first: 1, after: $after) { nodes { number } pageInfo { endCursor } } } }"
    first = robot.query(document)["data"]["repository"]["issues"]
    github.forge.faults.add("shifted", operation="Pages", shift=-1)
    again = robot.query(document, after=first["pageInfo"]["endCursor"])
    assert again["data"]["repository"]["issues"]["nodes"] == first["nodes"]


def test_slow_takes_the_clocks_time_only(github: Github, robot: Session) -> None:
    before = github.forge.state.clock()
    github.forge.faults.add("slow", seconds=45)
    assert robot.get(REPO).status_code == 200
    assert github.forge.state.clock() - before == timedelta(seconds=45)


def test_a_fault_has_its_route_its_person_and_its_end(
    github: Github, maria: Session, robot: Session
) -> None:
    hour = github.forge.state.clock() + timedelta(hours=1)
    github.forge.faults.add("502", login="robot", path="/issues/1$", until=hour)
    assert maria.get(f"{REPO}/issues/1").ok and robot.get(REPO).ok
    assert [robot.get(f"{REPO}/issues/1").status_code for _ in range(3)] == [502] * 3
    github.pass_time(3600)
    assert robot.get(f"{REPO}/issues/1").ok
    number = github.forge.faults.add("drop", times=9)
    assert github.forge.faults.remove(number) and not github.forge.faults.remove(number)
    assert robot.get(REPO).ok
    with pytest.raises(LookupError, match="apply-then-500"):
        github.forge.faults.add("503-sometimes")


def test_what_goes_together_comes_together(github: Github, robot: Session) -> None:
    github.forge.faults.add("slow", seconds=3)
    github.forge.faults.add("apply-then-500", method="POST")
    github.forge.faults.add("502", method="POST")
    before = github.forge.state.clock()
    answers = [robot.post(COMMENTS, json={"body": "x"}).status_code for _ in range(3)]
    assert answers == [500, 502, 201]
    assert github.forge.state.clock() - before == timedelta(seconds=3)


def test_every_kind_is_in_the_catalogue_and_ends_somehow() -> None:
    assert {fault.kind for fault in CATALOGUE.values()} == set(Kind)
    assert set(faulty.ENDS) == faults.ENDINGS and faulty.SHOWN == faults.VIEWS


def test_git_meets_them_too(tmp_path: Path) -> None:
    with forge_support.served(tmp_path / "forge") as github:
        work = forge_support.clone(
            github.git_url("maria/library", "robot-token"), tmp_path / "work"
        )
        work.branch("feature")
        sha = work.commit({"new.txt": "new\n"})
        github.forge.faults.add("502", path="/git-receive-pack$")
        assert work.git("push", "-q", "origin", "feature", check=False).returncode
        github.forge.faults.add("apply-then-drop", path="/git-receive-pack$")
        assert work.git("push", "-q", "origin", "feature", check=False).returncode
        assert sha in work.git("ls-remote", "origin", "refs/heads/feature").stdout
        github.forge.faults.add("drop", path="service=git-upload-pack")
        assert work.git("ls-remote", "origin", check=False).returncode


def test_the_operator_switches_them_over_http(tmp_path: Path) -> None:
    with forge_support.served(tmp_path / "forge") as github:
        robot = github.session("robot-token")
        assert robot.get("/forge/faults").status_code == 403, "no user's token opens this"
        operator = github.session(None)
        operator.headers["X-Forge-Key"] = (github.data / "operator.key").read_text().strip()
        assert (github.data / "operator.key").stat().st_mode & 0o777 == 0o600
        told = {"name": "apply-then-drop", "method": "POST", "path": "/comments$", "times": 2}
        number = operator.post("/forge/faults", json=told).json()["number"]
        with pytest.raises(requests.ConnectionError):
            robot.post(COMMENTS, json={"body": "once"})
        assert said(robot) == ["once"]
        (shown,) = operator.get("/forge/faults").json()
        assert (shown["name"], shown["met"]) == ("apply-then-drop", 1)
        assert operator.delete(f"/forge/faults/{number}").json() == []
        assert robot.post(COMMENTS, json={"body": "twice"}).ok
        until = "2000-01-01T00:00:00Z"
        operator.post("/forge/faults", json={"name": "502", "until": until})
        assert operator.get("/forge/faults").json() == [], "its time is over"
        strange = {"name": "502", "colour": 1}
        for wrong in ({"name": "x"}, {}, strange, {"name": "502", "path": "["}):
            assert operator.post("/forge/faults", json=wrong).status_code == 422
        assert operator.put("/forge/faults").status_code == 405
        assert operator.get("/forge/faultsome").status_code == 404
