"""GitHub's own command line finds on a forge what is there, and changes what it says it changes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import forge as forge_support
from tests.support.gh import HOST, PROJECTS_SINCE, Gh, any_program, version

pytestmark = pytest.mark.skipif(
    any_program() is None, reason="gh is not installed: apt-get install gh"
)
SLUG = "maria/library"
REPO = f"/repos/{SLUG}"
SEED: dict[str, Any] = {
    "users": forge_support.SEED["users"],
    "repos": [
        {
            "name": SLUG, "description": "Books",
            "files": {
                "README.md": "# Library\n",
                ".github/workflows/ci.yml": forge_support.GREEN_WORKFLOW,
            },
            "collaborators": {"robot": "write"},
            "labels": ["ready", {"name": "bug", "color": "d73a4a", "description": "Wrong"}],
        },
        {"name": "maria/secret", "private": True, "files": {"README.md": "# Secret\n"}},
    ],
    "issues": [
        {"repo": SLUG, "title": "Add a thing", "body": "Please.", "labels": ["bug"],
         "comments": [{"author": "robot", "body": "On it."}], "status": "Ready"},
        {"repo": SLUG, "title": "Add another", "author": "eve"},
        {"repo": SLUG, "title": "Old thing", "state": "closed"},
    ],
    "boards": [{"owner": "maria", "title": "Work", "repos": [SLUG]}],
}


@pytest.fixture
def github(tmp_path: Path) -> Iterator[forge_support.Github]:
    runner = forge_support.PretendedRunner(seconds=0)
    with forge_support.served(tmp_path / "forge", SEED, runner=runner) as found:
        yield found
        assert not (found.data / "unknown.log").exists()


@pytest.fixture
def gh(github: forge_support.Github, tmp_path: Path) -> Gh:
    return Gh(github, tmp_path)


@pytest.fixture
def pull(github: forge_support.Github, tmp_path: Path) -> int:
    """A pull request of robot's with green checks."""
    work = forge_support.clone(github.git_url(SLUG, "robot-token"), tmp_path / "work")
    work.branch("feature")
    sha = work.commit({"new.txt": "new\n"}, "Add new")
    work.git("push", "-q", "origin", "feature")
    robot = github.session("robot-token")
    told = {"title": "The feature", "head": "feature", "base": "main", "body": "Closes #1"}
    number: int = robot.post(f"{REPO}/pulls", json=told).json()["number"]

    def green() -> bool:
        runs = robot.get(f"{REPO}/commits/{sha}/check-runs").json()["check_runs"]
        return bool(runs) and all(run["status"] == "completed" for run in runs)

    forge_support.eventually(green)
    forge_support.eventually(
        lambda: robot.get(f"{REPO}/pulls/{number}").json()["mergeable"] is not None
    )
    return number


def lines(text: str) -> list[list[str]]:
    """The columns of a listing, as gh writes them into a pipe."""
    return [line.split("\t") for line in text.splitlines()]


def test_who_is_signed_in(github: forge_support.Github, gh: Gh, tmp_path: Path) -> None:
    told = gh.run("auth", "status")
    said = told.stdout + told.stderr
    assert told.returncode == 0, said
    assert "maria" in said
    assert HOST in said
    assert gh("api", "user", "--jq", ".login") == "maria\n"
    stranger = Gh(github, tmp_path, who="nobody")
    refused = stranger.run("auth", "status")
    assert refused.returncode == 1
    assert "Bad credentials" in stranger.run("api", "user").stderr


def test_issues_are_listed_as_they_are(gh: Gh) -> None:
    rows = lines(gh("issue", "list", "-R", SLUG))
    assert [row[:4] for row in rows] == [
        ["2", "OPEN", "Add another", ""], ["1", "OPEN", "Add a thing", "bug"],
    ]

    def numbers(*words: str) -> list[int]:
        asked = gh.json("issue", "list", "-R", SLUG, "--json", "number", *words)
        return [row["number"] for row in asked]

    assert numbers("--state", "all") == [3, 2, 1]
    assert numbers("--state", "closed") == [3]
    assert numbers("--label", "bug") == [1]
    assert numbers("--label", "bug", "--state", "closed") == []
    assert numbers("--author", "eve") == [2]
    assert numbers("--search", "thing in:title") == [1]
    assert numbers("--search", "thing sort:created-asc", "--state", "all") == [1, 3]
    assert numbers("--assignee", "maria") == []
    assert numbers("--mention", "maria") == []


def test_an_issue_is_shown_whole(github: forge_support.Github, gh: Gh) -> None:
    # A later one asks for issue types and blockers, which GitHub's published schema has not yet.
    if version(gh.program) < PROJECTS_SINCE:
        text = gh("issue", "view", "1", "-R", SLUG)
        assert "title:\tAdd a thing" in text
        assert "labels:\tbug" in text
        assert text.endswith("--\nPlease.\n")
        assert "On it." in gh("issue", "view", "1", "-R", SLUG, "--comments")
    fields = "number,title,body,state,author,labels,comments,url,closed,milestone,assignees"
    told = gh.json("issue", "view", "1", "-R", SLUG, "--json", fields)
    known = github.session().get(f"{REPO}/issues/1").json()
    assert (told["title"], told["body"], told["number"]) == (known["title"], known["body"], 1)
    assert told["author"]["login"] == known["user"]["login"]
    assert [one["name"] for one in told["labels"]] == ["bug"]
    assert [(one["author"]["login"], one["body"]) for one in told["comments"]] == [
        ("robot", "On it."),
    ]
    assert told["url"] == f"http://{HOST}/{SLUG}/issues/1"
    assert (told["milestone"], told["assignees"], told["closed"]) == (None, [], False)


def test_an_issue_is_made_and_changed(github: forge_support.Github, gh: Gh) -> None:
    made = gh("issue", "create", "-R", SLUG, "-t", "From gh", "-b", "Text", "-l", "bug")
    assert made == f"http://{HOST}/{SLUG}/issues/4\n"

    def now() -> dict[str, Any]:
        found: dict[str, Any] = github.session().get(f"{REPO}/issues/4").json()
        return found

    assert (now()["title"], now()["body"]) == ("From gh", "Text")
    assert [one["name"] for one in now()["labels"]] == ["bug"]
    gh("issue", "comment", "4", "-R", SLUG, "-b", "Hello")
    comments = github.session().get(f"{REPO}/issues/4/comments").json()
    assert [(one["user"]["login"], one["body"]) for one in comments] == [("maria", "Hello")]
    gh("issue", "edit", "4", "-R", SLUG, "--add-label", "ready", "--remove-label", "bug",
       "--title", "Another name")
    assert now()["title"] == "Another name"
    assert [one["name"] for one in now()["labels"]] == ["ready"]
    gh("issue", "close", "4", "-R", SLUG, "--reason", "not planned")
    assert (now()["state"], now()["state_reason"]) == ("closed", "not_planned")
    gh("issue", "reopen", "4", "-R", SLUG)
    assert now()["state"] == "open"
    assert "Relevant issues" in gh("issue", "status", "-R", SLUG)
    missing = gh.run("issue", "view", "99", "-R", SLUG)
    assert missing.returncode == 1
    assert "Could not resolve to an issue or pull request with the number of 99" in missing.stderr


def test_a_pull_request_is_shown_with_its_checks(
    github: forge_support.Github, gh: Gh, pull: int
) -> None:
    [row] = lines(gh("pr", "list", "-R", SLUG))
    assert row[:4] == [str(pull), "The feature", "feature", "OPEN"]
    text = gh("pr", "view", str(pull), "-R", SLUG)
    assert "title:\tThe feature" in text
    assert text.endswith("--\nCloses #1\n")
    assert [row[:2] for row in lines(gh("pr", "checks", str(pull), "-R", SLUG))] == [
        ["test", "pass"],
    ]
    fields = (
        "author,files,commits,mergeable,mergeStateStatus,reviewDecision,statusCheckRollup,"
        "headRefName,headRefOid,baseRefName,isDraft,url,reviewRequests,latestReviews"
    )
    told = gh.json("pr", "view", str(pull), "-R", SLUG, "--json", fields)
    known = github.session().get(f"{REPO}/pulls/{pull}").json()
    assert told["headRefOid"] == known["head"]["sha"]
    assert (told["mergeable"], told["mergeStateStatus"]) == ("MERGEABLE", "CLEAN")
    assert [(one["path"], one["additions"]) for one in told["files"]] == [("new.txt", 1)]
    assert [one["messageHeadline"] for one in told["commits"]] == ["Add new"]
    [check] = told["statusCheckRollup"]
    assert (check["name"], check["conclusion"]) == ("test", "SUCCESS")
    assert told["author"]["login"] == "robot"
    assert "+new" in gh("pr", "diff", str(pull), "-R", SLUG)
    url = f"http://{HOST}/{SLUG}/pull/{pull}"
    assert gh.json("pr", "view", url, "--json", "number") == {"number": pull}
    broken = {"state": "failure", "context": "extra", "description": "no"}
    github.session().post(f"{REPO}/statuses/{known['head']['sha']}", json=broken)
    red = gh.run("pr", "checks", str(pull), "-R", SLUG)
    assert red.returncode == 1
    assert [row[:2] for row in lines(red.stdout)] == [["extra", "fail"], ["test", "pass"]]


def test_a_pull_request_is_reviewed_and_merged(
    github: forge_support.Github, gh: Gh, pull: int, tmp_path: Path
) -> None:
    maria, number = github.session(), str(pull)
    gh("pr", "comment", number, "-R", SLUG, "-b", "Nice")
    own = Gh(github, tmp_path, who="robot").run(
        "pr", "review", number, "-R", SLUG, "--approve"
    )
    assert "Can not approve your own pull request" in own.stderr
    gh("pr", "review", number, "-R", SLUG, "--request-changes", "-b", "No")
    gh("pr", "review", number, "-R", SLUG, "--approve", "-b", "Yes")
    reviews = maria.get(f"{REPO}/pulls/{pull}/reviews").json()
    assert [(one["state"], one["body"]) for one in reviews] == [
        ("CHANGES_REQUESTED", "No"), ("APPROVED", "Yes"),
    ]
    gh("pr", "close", number, "-R", SLUG)
    assert maria.get(f"{REPO}/pulls/{pull}").json()["state"] == "closed"
    gh("pr", "reopen", number, "-R", SLUG)
    forge_support.eventually(
        lambda: maria.get(f"{REPO}/pulls/{pull}").json()["mergeable"] is not None
    )
    gh("pr", "merge", number, "-R", SLUG, "--squash", "--delete-branch")
    merged = maria.get(f"{REPO}/pulls/{pull}").json()
    assert (merged["merged"], merged["merged_by"]["login"]) == (True, "maria")
    tip = maria.get(f"{REPO}/branches/main").json()["commit"]
    assert tip["sha"] == merged["merge_commit_sha"]
    assert len(tip["parents"]) == 1
    assert maria.get(f"{REPO}/branches/feature").status_code == 404
    assert maria.get(f"{REPO}/issues/1").json()["state"] == "closed"
    assert lines(gh("pr", "list", "-R", SLUG, "--state", "merged"))[0][3] == "MERGED"


def test_runs_labels_and_the_repository(gh: Gh, pull: int) -> None:
    [run] = lines(gh("run", "list", "-R", SLUG))
    assert run[:6] == ["completed", "success", "Add new", "CI", "feature", "push"]
    shown = gh("run", "view", run[6], "-R", SLUG)
    assert "test in" in shown
    assert lines(gh("workflow", "list", "-R", SLUG))[0][:2] == ["CI", "active"]
    gh("label", "create", "urgent", "-R", SLUG, "--color", "ff0000", "--description", "Now")
    assert ["urgent", "Now", "#ff0000"] in lines(gh("label", "list", "-R", SLUG))
    text = gh("repo", "view", SLUG)
    assert text.strip() == "name:\tmaria/library\ndescription:\tBooks\n--\n# Library"
    names = [row[0] for row in lines(gh("repo", "list", "maria"))]
    assert sorted(names) == ["maria/library", "maria/secret"]


def test_any_question_over_the_api(gh: Gh) -> None:
    made = gh.json("api", f"repos/{SLUG}/issues", "-f", "title=By hand", "-f", "labels[]=bug")
    assert made["number"] == 4
    asked = ("api", f"repos/{SLUG}/issues?per_page=1", "--paginate", "--jq", ".[].number")
    assert gh(*asked) == "4\n2\n1\n"
    query = "query($n: String!) { repository(owner: \"maria\", name: $n) { nameWithOwner } }"
    told = gh.json("api", "graphql", "-f", f"query={query}", "-f", "n=library")
    assert told == {"data": {"repository": {"nameWithOwner": SLUG}}}
    fields = "query { __type(name: \"PullRequest\") { fields { name } } }"
    names = {
        one["name"]
        for one in gh.json("api", "graphql", "-f", f"query={fields}")["data"]["__type"]["fields"]
    }
    assert {"mergeStateStatus", "isInMergeQueue"} <= names
    missing = gh.run("api", "repos/maria/nothing")
    assert missing.returncode == 1
    assert json.loads(missing.stdout)["message"] == "Not Found"
    assert "HTTP 404" in missing.stderr


def test_from_clone_to_a_pull_request(
    github: forge_support.Github, gh: Gh, tmp_path: Path
) -> None:
    # The helper of gh gives a password to https alone; so git is told it by its address.
    token = gh("auth", "token", "-h", HOST).strip()
    gh.git("config", "--global", f"url.http://x:{token}@{HOST}/.insteadOf", f"http://{HOST}/",
           cwd=tmp_path)
    gh("repo", "clone", "maria/secret", "copy", cwd=tmp_path)
    copy = tmp_path / "copy"
    assert (copy / "README.md").read_text() == "# Secret\n"
    gh.git("checkout", "-q", "-b", "more", cwd=copy)
    (copy / "more.txt").write_text("more\n")
    gh.git("add", "-A", cwd=copy)
    gh.git("commit", "-q", "-m", "Add more", cwd=copy)
    gh.git("push", "-q", "origin", "more", cwd=copy)
    made = gh("pr", "create", "--title", "More", "--body", "Of it", "--head", "more", cwd=copy)
    assert made == f"http://{HOST}/maria/secret/pull/1\n"
    told = github.session().get("/repos/maria/secret/pulls/1").json()
    assert (told["title"], told["head"]["ref"], told["base"]["ref"]) == ("More", "more", "main")
    assert "More" in gh("pr", "status", cwd=copy)
    again = gh.run("pr", "create", "-t", "More", "-b", "", "-H", "more", cwd=copy)
    assert again.returncode == 1
    assert "already exists" in again.stderr
