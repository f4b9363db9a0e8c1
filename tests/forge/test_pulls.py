"""Pull requests: opened, judged, refused and merged, on real repositories."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from orchestrator.forge import host
from tests.support import forge as forge_support

REPO = "/repos/maria/library"
Open = Callable[..., dict[str, Any]]
Push = Callable[..., str]


def merge(session: forge_support.Session, number: int, **told: str) -> Any:
    return session.put(f"{REPO}/pulls/{number}/merge", json=told)


def base_commit(github: forge_support.Github, branch: str = "main") -> list[str]:
    return host.commits(github.bare("maria/library"), "-1", f"refs/heads/{branch}")[0]


def test_mergeable_is_known_later(
    github: forge_support.Github, robot: forge_support.Session, open_pull: Open
) -> None:
    pull = open_pull()
    assert (pull["mergeable"], pull["mergeable_state"]) == (None, "unknown")
    assert (pull["commits"], pull["additions"], pull["changed_files"]) == (1, 1, 1)
    github.pass_time(8)
    pull = robot.get(f"{REPO}/pulls/{pull['number']}").json()
    assert (pull["mergeable"], pull["mergeable_state"]) == (True, "clean")
    asked = "{repository(owner:\"maria\",name:\"library\"){pullRequest(number:3){mergeable}}}"
    told = robot.query(asked)["data"]["repository"]["pullRequest"]
    assert told == {"mergeable": "MERGEABLE"}


def test_running_checks_make_it_unstable(
    github: forge_support.Github, robot: forge_support.Session, open_pull: Open
) -> None:
    number = open_pull()["number"]
    github.pass_time(2)
    assert robot.get(f"{REPO}/pulls/{number}").json()["mergeable_state"] == "unstable"


def test_refused_openings(robot: forge_support.Session, open_pull: Open, push: Push) -> None:
    open_pull("feature")

    def refusal(**told: str) -> Any:
        answer = robot.post(f"{REPO}/pulls", json={"title": "x", **told})
        assert answer.status_code == 422
        return answer.json()["errors"][0]

    twice = refusal(head="feature", base="main")
    assert twice["message"] == "A pull request already exists for maria:feature."
    assert refusal(head="feature", base="nowhere")["field"] == "base"
    assert refusal(head="nowhere", base="main")["field"] == "head"
    assert refusal(head="main", base="feature")["message"].startswith("No commits between")
    assert refusal(head="feature") == {
        "resource": "PullRequest", "field": "base", "code": "missing_field",
    }


def test_lists(robot: forge_support.Session, open_pull: Open) -> None:
    open_pull("one")
    open_pull("two", body=None)

    def heads(**query: str) -> list[str]:
        found = robot.get(f"{REPO}/pulls", params=query).json()
        return [pull["head"]["ref"] for pull in found]

    assert heads() == ["two", "one"]
    assert heads(head="maria:one") == ["one"]
    assert heads(head="maria:one", base="other") == []
    assert heads(state="closed") == []
    assert heads(sort="created", direction="asc") == ["one", "two"]
    assert robot.get(f"{REPO}/issues/3").json()["pull_request"]["merged_at"] is None
    assert robot.get(f"{REPO}/pulls/1").status_code == 404


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_merge_methods(
    github: forge_support.Github, robot: forge_support.Session, open_pull: Open, push: Push,
    method: str,
) -> None:
    pull = open_pull("feature", body="Closes #1 and fixes maria/library#2.")
    push("feature", {"second.txt": "2\n"}, "Second")
    push("main-side", {"side.txt": "s\n"}, "Side")
    bare = github.bare("maria/library")
    side = host.rev_parse(bare, "refs/heads/main-side") or ""
    before = base_commit(github)[0]
    assert host.update_ref(bare, "refs/heads/main", side, before)
    github.forge.pushed("maria/library", "robot")
    head = robot.get(f"{REPO}/pulls/{pull['number']}").json()["head"]["sha"]
    answer = merge(robot, pull["number"], merge_method=method, sha=head)
    assert answer.json()["merged"] is True
    sha, _, parents, *_, message = base_commit(github)
    assert sha == answer.json()["sha"]
    title = message.splitlines()[0]
    if method == "merge":
        assert parents.split() == [side, head]
        assert title == "Merge pull request #3 from maria/feature"
    elif method == "squash":
        assert (parents, title) == (side, "The feature (#3)")
    else:
        assert title == "Second"
        assert host.commits(bare, "-1", parents)[0][-1].strip() == "Change"
    paths = host.git(bare, "ls-tree", "--name-only", "main").split()
    assert {"feature.txt", "second.txt", "side.txt"} <= set(paths)
    merged = robot.get(f"{REPO}/pulls/{pull['number']}").json()
    assert (merged["merged"], merged["state"], merged["head"]["sha"]) == (True, "closed", head)
    assert merged["merge_commit_sha"] == sha
    assert merged["merged_by"]["login"] == "robot"
    assert robot.get(f"{REPO}/pulls/{pull['number']}/merge").status_code == 204
    for number in (1, 2):
        issue = robot.get(f"{REPO}/issues/{number}").json()
        assert (issue["state"], issue["state_reason"]) == ("closed", "completed")
    assert merge(robot, pull["number"]).status_code == 405


def test_merge_guards(
    github: forge_support.Github, robot: forge_support.Session, open_pull: Open
) -> None:
    number = open_pull()["number"]
    assert robot.get(f"{REPO}/pulls/{number}/merge").status_code == 404
    moved = merge(robot, number, sha="0" * 40)
    assert moved.status_code == 409
    expected = "Head branch was modified. Review and try the merge again."
    assert moved.json()["message"] == expected
    assert merge(robot, number, merge_method="octopus").status_code == 422
    assert merge(github.session("eve-token"), number).status_code == 403
    robot.patch(f"{REPO}/pulls/{number}", json={"state": "closed"})
    assert merge(robot, number).status_code == 405


def test_conflict_is_not_mergeable(
    github: forge_support.Github, robot: forge_support.Session, open_pull: Open
) -> None:
    one = open_pull("one", files={"README.md": "one\n"})["number"]
    two = open_pull("two", files={"README.md": "two\n"})["number"]
    assert merge(robot, one, merge_method="squash").ok
    github.pass_time(10)
    pull = robot.get(f"{REPO}/pulls/{two}").json()
    assert (pull["mergeable"], pull["mergeable_state"]) == (False, "dirty")
    refused = merge(robot, two)
    assert (refused.status_code, refused.json()["message"]) == (
        405, "Pull Request is not mergeable",
    )


def test_draft_and_forbidden_method(
    github: forge_support.Github, open_pull: Open
) -> None:
    maria = github.session("maria-token")
    number = open_pull("feature", draft=True)["number"]
    assert "draft" in merge(maria, number).json()["message"]
    other = open_pull("other")["number"]
    assert maria.patch(REPO, json={"allow_squash_merge": False}).ok
    assert merge(maria, other, merge_method="squash").status_code == 405


def test_only_the_default_branch_closes_issues(
    github: forge_support.Github, robot: forge_support.Session, open_pull: Open, push: Push
) -> None:
    push("release")
    number = open_pull("feature", base="release", body="Closes #1")["number"]
    assert merge(robot, number).ok
    assert robot.get(f"{REPO}/issues/1").json()["state"] == "open"


@pytest.mark.parametrize(
    ("body", "closed"),
    [("fixes #1", True), ("Resolved: #1", True), ("encloses #1", False), ("closes #12", False),
     ("see #1", False), ("closes maria/secret#1", False),
     ("Closes http://forge.test/maria/library/issues/1", True)],
)
def test_closing_words(
    robot: forge_support.Session, open_pull: Open, body: str, closed: bool
) -> None:
    assert merge(robot, open_pull(body=body)["number"]).ok
    assert (robot.get(f"{REPO}/issues/1").json()["state"] == "closed") == closed


def test_a_push_moves_the_head(
    github: forge_support.Github, robot: forge_support.Session, open_pull: Open, push: Push
) -> None:
    number = open_pull()["number"]
    github.pass_time(8)
    sha = push("feature", {"more.txt": "more\n"}, "More")
    pull = robot.get(f"{REPO}/pulls/{number}").json()
    assert (pull["head"]["sha"], pull["mergeable"], pull["commits"]) == (sha, None, 2)
    commits = robot.get(f"{REPO}/pulls/{number}/commits").json()
    assert [c["commit"]["message"] for c in commits] == ["Change", "More"]
    files = robot.get(f"{REPO}/pulls/{number}/files").json()
    assert [(f["filename"], f["status"], f["additions"]) for f in files] == [
        ("feature.txt", "added", 1), ("more.txt", "added", 1),
    ]
    assert files[0]["patch"] == "@@ -0,0 +1 @@\n+feature\n"


def test_a_deleted_head_closes(robot: forge_support.Session, open_pull: Open) -> None:
    number = open_pull()["number"]
    assert robot.delete(f"{REPO}/git/refs/heads/feature").status_code == 204
    pull = robot.get(f"{REPO}/pulls/{number}").json()
    assert (pull["state"], pull["merged"]) == ("closed", False)


def test_a_base_that_moves_under_the_merge(
    github: forge_support.Github, robot: forge_support.Session, open_pull: Open,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    number = open_pull()["number"]
    monkeypatch.setattr(host, "update_ref", lambda *_: False)
    refused = merge(robot, number)
    assert refused.json()["message"].startswith("Base branch was modified.")
    monkeypatch.undo()
    assert merge(robot, number).ok


def test_a_merge_cut_in_two_is_finished(
    github: forge_support.Github, robot: forge_support.Session, open_pull: Open,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    number = open_pull(body="Closes #1")["number"]
    whole = host.update_ref

    def die_after(*words: Any) -> bool:
        whole(*words)
        raise KeyboardInterrupt

    monkeypatch.setattr(host, "update_ref", die_after)
    with pytest.raises(KeyboardInterrupt):
        merge(robot, number, merge_method="squash")
    monkeypatch.undo()
    assert robot.get(f"{REPO}/pulls/{number}").json()["merged"] is False
    github.forge.recover()
    pull = robot.get(f"{REPO}/pulls/{number}").json()
    assert (pull["merged"], pull["merged_by"]["login"]) == (True, "robot")
    assert robot.get(f"{REPO}/issues/1").json()["state"] == "closed"
    assert base_commit(github)[0] == pull["merge_commit_sha"]


def test_a_merge_by_push_is_noticed(
    github: forge_support.Github, robot: forge_support.Session, open_pull: Open
) -> None:
    pull = open_pull()
    bare = github.bare("maria/library")
    before = base_commit(github)[0]
    assert host.update_ref(bare, "refs/heads/main", pull["head"]["sha"], before)
    github.forge.pushed("maria/library", "maria")
    github.pass_time(1)
    assert robot.get(f"{REPO}/pulls/{pull['number']}").json()["merged"] is True


def test_reviews(
    github: forge_support.Github, robot: forge_support.Session, open_pull: Open
) -> None:
    number = open_pull()["number"]
    url = f"{REPO}/pulls/{number}/reviews"
    assert robot.post(url, json={"event": "APPROVE"}).status_code == 422
    maria = github.session("maria-token")
    assert maria.post(url, json={"event": "REQUEST_CHANGES", "body": "No"}).ok
    assert maria.post(url, json={"event": "APPROVE"}).json()["state"] == "APPROVED"
    assert [r["state"] for r in robot.get(url).json()] == ["CHANGES_REQUESTED", "APPROVED"]
    assert robot.get(f"{REPO}/pulls/{number}/comments").json() == []


def test_edit_and_reopen(
    github: forge_support.Github, robot: forge_support.Session, open_pull: Open
) -> None:
    number = open_pull()["number"]
    url = f"{REPO}/pulls/{number}"
    assert robot.patch(url, json={"title": "T", "body": "B"}).json()["title"] == "T"
    assert robot.patch(url, json={"state": "closed"}).json()["state"] == "closed"
    assert robot.patch(url, json={"state": "open"}).json()["state"] == "open"
    assert github.session("eve-token").patch(url, json={"title": "x"}).status_code == 403
