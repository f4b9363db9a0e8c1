"""Issues, labels and comments over REST, answer by answer as GitHub describes them."""

from __future__ import annotations

import pytest

from tests.support import forge as forge_support

REPO = "/repos/maria/library"


def test_who_am_i(maria: forge_support.Session) -> None:
    answer = maria.get("/user")
    assert answer.json()["login"] == "maria"
    assert answer.headers["X-OAuth-Scopes"].startswith("repo")
    assert maria.get("/").status_code == 200


def test_repository(robot: forge_support.Session) -> None:
    body = robot.get(REPO).json()
    assert body["default_branch"] == "main"
    assert body["permissions"] == {
        "admin": False, "maintain": False, "push": True, "triage": True, "pull": True,
    }
    assert robot.patch(REPO, json={"description": "x"}).status_code == 403


def test_my_repositories(github: forge_support.Github, robot: forge_support.Session) -> None:
    def names(session: forge_support.Session, query: str = "") -> list[str]:
        return [one["full_name"] for one in session.get(f"/user/repos{query}").json()]

    maria = github.session("maria-token")
    assert names(maria) == ["maria/library", "maria/secret"]
    assert names(maria, "?sort=pushed&per_page=1&page=2") == ["maria/library"]
    assert names(robot) == ["maria/library"]
    assert names(robot, "?affiliation=owner") == []
    assert robot.get("/user/repos").json()[0]["permissions"]["push"]
    assert robot.get("/user/repos?affiliation=friends").status_code == 422
    assert names(github.session("eve-token")) == []


def test_private_repository_is_unknown_to_strangers(github: forge_support.Github) -> None:
    assert github.session("eve-token").get("/repos/maria/secret").status_code == 404
    assert github.session(None).get("/repos/maria/secret").status_code == 404
    assert github.session("maria-token").get("/repos/maria/secret").json()["private"] is True


def test_bad_and_missing_tokens(github: forge_support.Github) -> None:
    answer = github.session("wrong").get("/user")
    assert (answer.status_code, answer.json()["message"]) == (401, "Bad credentials")
    assert github.session(None).get("/user").status_code == 401
    assert github.session(None).get(REPO).status_code == 200


def test_basic_and_bearer_sign_in_too(github: forge_support.Github) -> None:
    session = github.session(None)
    assert session.get("/user", auth=("x", "eve-token")).json()["login"] == "eve"
    bearer = {"Authorization": "Bearer robot-token"}
    assert session.get("/user", headers=bearer).json()["login"] == "robot"


def test_issue_life(maria: forge_support.Session) -> None:
    made = maria.post(f"{REPO}/issues", json={"title": "New", "labels": ["bug", "fresh"]})
    assert made.status_code == 201
    issue = made.json()
    assert [label["name"] for label in issue["labels"]] == ["bug", "fresh"]
    url = f"{REPO}/issues/{issue['number']}"
    closed = maria.patch(url, json={"state": "closed", "state_reason": "not_planned"}).json()
    assert (closed["state"], closed["state_reason"]) == ("closed", "not_planned")
    assert closed["closed_by"]["login"] == "maria"
    again = maria.patch(url, json={"state": "open", "title": "Newer"}).json()
    assert (again["state"], again["state_reason"], again["title"]) == ("open", "reopened", "Newer")
    events = maria.get(f"{url}/events").json()
    assert [event["event"] for event in events] == [
        "labeled", "labeled", "closed", "renamed", "reopened",
    ]
    assert events[0]["actor"]["login"] == "maria"


def test_a_stranger_may_open_but_not_label(github: forge_support.Github) -> None:
    eve = github.session("eve-token")
    issue = eve.post(f"{REPO}/issues", json={"title": "Hi", "labels": ["bug"]}).json()
    assert issue["labels"] == []
    assert issue["author_association"] == "NONE"
    url = f"{REPO}/issues/{issue['number']}"
    assert eve.post(f"{url}/labels", json={"labels": ["bug"]}).status_code == 403
    assert eve.patch(url, json={"title": "Hello"}).status_code == 200
    assert eve.patch(f"{REPO}/issues/1", json={"title": "Hello"}).status_code == 403
    assert github.session(None).post(f"{REPO}/issues", json={"title": "x"}).status_code == 401


def test_lists_filter_and_sort(github: forge_support.Github, maria: forge_support.Session) -> None:
    github.pass_time(10)
    maria.patch(f"{REPO}/issues/1", json={"title": "Changed"})

    def numbers(**query: str) -> list[int]:
        return [issue["number"] for issue in maria.get(f"{REPO}/issues", params=query).json()]

    assert numbers() == [2, 1]
    assert numbers(sort="updated") == [1, 2]
    assert numbers(direction="asc") == [1, 2]
    assert numbers(labels="bug") == [1]
    assert numbers(labels="bug,ready") == []
    assert numbers(creator="eve") == [2]
    assert numbers(state="closed") == []
    assert numbers(since="2026-01-05T09:00:05Z") == [1]
    assert maria.get(f"{REPO}/issues?state=strange").status_code == 422


def test_labels_of_an_issue(maria: forge_support.Session) -> None:
    url = f"{REPO}/issues/1/labels"
    assert [x["name"] for x in maria.post(url, json=["ready"]).json()] == ["bug", "ready"]
    assert [x["name"] for x in maria.delete(f"{url}/bug").json()] == ["ready"]
    assert maria.delete(f"{url}/bug").json()["message"] == "Label does not exist"
    assert [x["name"] for x in maria.put(url, json={"labels": ["a b"]}).json()] == ["a b"]
    assert maria.delete(f"{url}/a%20b").json() == []
    maria.put(url, json={"labels": ["bug"]})
    assert maria.delete(url).status_code == 204
    assert maria.get(url).json() == []
    told = [e["event"] for e in maria.get(f"{REPO}/issues/1/events").json()]
    assert told.count("unlabeled") == 4


def test_repository_labels(maria: forge_support.Session) -> None:
    assert maria.post(f"{REPO}/labels", json={"name": "kind/x", "color": "ff0000"}).ok
    again = maria.post(f"{REPO}/labels", json={"name": "kind/x"})
    assert again.json()["errors"][0]["code"] == "already_exists"
    assert maria.get(f"{REPO}/labels/kind%2Fx").json()["color"] == "ff0000"
    renamed = maria.patch(f"{REPO}/labels/kind%2Fx", json={"new_name": "y"})
    assert renamed.json()["name"] == "y"
    assert maria.delete(f"{REPO}/labels/y").status_code == 204
    assert maria.get(f"{REPO}/labels/y").status_code == 404
    assert len(maria.get(f"{REPO}/labels").json()) == 2


def test_comments(github: forge_support.Github, maria: forge_support.Session) -> None:
    eve = github.session("eve-token")
    made = eve.post(f"{REPO}/issues/1/comments", json={"body": "Me too"})
    assert made.status_code == 201
    url = f"{REPO}/issues/comments/{made.json()['id']}"
    github.pass_time(3)
    assert maria.patch(url, json={"body": "Me three"}).json()["body"] == "Me three"
    listed = maria.get(f"{REPO}/issues/1/comments").json()
    assert [(c["user"]["login"], c["body"]) for c in listed] == [("eve", "Me three")]
    assert maria.get(url).json()["updated_at"] > maria.get(url).json()["created_at"]
    timeline = maria.get(f"{REPO}/issues/1/timeline").json()
    assert [entry["event"] for entry in timeline] == ["labeled", "commented"]
    assert eve.delete(url).status_code == 204
    assert maria.get(url).status_code == 404
    assert maria.get(f"{REPO}/issues/1").json()["comments"] == 0
    assert maria.post(f"{REPO}/issues/1/comments", json={"body": " "}).status_code == 422
    long = maria.post(f"{REPO}/issues/1/comments", json={"body": "x" * 70000})
    assert long.status_code == 422


def test_pages_have_links(maria: forge_support.Session) -> None:
    for number in range(5):
        maria.post(f"{REPO}/issues", json={"title": f"n{number}"})
    answer = maria.get(f"{REPO}/issues", params={"per_page": 3})
    assert len(answer.json()) == 3
    seen = [issue["number"] for issue in answer.json()]
    while "next" in answer.links:
        answer = maria.get(answer.links["next"]["url"])
        seen += [issue["number"] for issue in answer.json()]
    assert seen == [7, 6, 5, 4, 3, 2, 1]
    assert set(answer.links) == {"prev", "first"}
    assert "Link" not in maria.get(f"{REPO}/issues").headers


def test_permission_of_a_collaborator(maria: forge_support.Session) -> None:
    for login, level in (("maria", "admin"), ("robot", "write"), ("eve", "read")):
        body = maria.get(f"{REPO}/collaborators/{login}/permission").json()
        assert body["permission"] == level
    assert maria.get(f"{REPO}/collaborators/nobody/permission").status_code == 404


def test_rate_limit_counts(tmp_path: object, github: forge_support.Github) -> None:
    maria, robot = github.session("maria-token"), github.session("robot-token")
    first = maria.get("/user")
    assert first.headers["X-RateLimit-Remaining"] == "4999"
    maria.query("{viewer{login}}")
    body = maria.get("/rate_limit").json()
    assert (body["resources"]["core"]["used"], body["resources"]["graphql"]["used"]) == (1, 1)
    assert robot.get("/user").headers["X-RateLimit-Used"] == "1"
    github.pass_time(3700)
    assert maria.get("/user").headers["X-RateLimit-Remaining"] == "4999"


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/repos/maria/library/milestones"), ("GET", f"{REPO}/issues?assignee=eve"),
     ("POST", "/user/repos"), ("GET", "/search/code?q=x")],
)
def test_what_the_forge_does_not_know_is_501(
    github: forge_support.Github, method: str, path: str
) -> None:
    answer = github.session("maria-token").request(method, path)
    assert answer.status_code == 501
    assert "the forge does not know" in answer.json()["message"]
    assert path.partition("?")[0] in (github.data / "unknown.log").read_text()
    assert len(github.app.problems) == 1
    github.app.problems.clear()


def test_a_field_that_is_not_known_is_never_ignored(github: forge_support.Github) -> None:
    told = {"title": "x", "assignee": "maria"}
    answer = github.session("maria-token").post(f"{REPO}/issues", json=told)
    assert answer.status_code == 501
    assert "assignee" in github.app.problems.pop()
