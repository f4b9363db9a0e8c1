"""Branches, refs, commits, files and comparisons over REST."""

from __future__ import annotations

import base64
from collections.abc import Callable

from tests.support import forge as forge_support

REPO = "/repos/maria/library"


def test_branches(robot: forge_support.Session, push: Callable[..., str]) -> None:
    sha = push("agent/task-1")
    names = [branch["name"] for branch in robot.get(f"{REPO}/branches").json()]
    assert names == ["agent/task-1", "main"]
    shown = robot.get(f"{REPO}/branches/agent/task-1").json()
    assert (shown["commit"]["sha"], shown["protected"]) == (sha, False)
    assert robot.get(f"{REPO}/branches/nowhere").json()["message"] == "Branch not found"


def test_refs(robot: forge_support.Session, push: Callable[..., str]) -> None:
    sha = push("agent/one")
    main = robot.get(f"{REPO}/git/ref/heads/main").json()["object"]["sha"]
    assert robot.get(f"{REPO}/git/ref/heads/agent").status_code == 404
    found = robot.get(f"{REPO}/git/matching-refs/heads/agent").json()
    assert [ref["ref"] for ref in found] == ["refs/heads/agent/one"]
    made = robot.post(f"{REPO}/git/refs", json={"ref": "refs/heads/two", "sha": main})
    assert made.status_code == 201
    again = robot.post(f"{REPO}/git/refs", json={"ref": "refs/heads/two", "sha": main})
    assert (again.status_code, again.json()["message"]) == (422, "Reference already exists")
    moved = robot.patch(f"{REPO}/git/refs/heads/two", json={"sha": sha}).json()
    assert moved["object"]["sha"] == sha
    back = robot.patch(f"{REPO}/git/refs/heads/two", json={"sha": main})
    assert back.json()["message"] == "Update is not a fast forward"
    forced = robot.patch(f"{REPO}/git/refs/heads/two", json={"sha": main, "force": True})
    assert forced.json()["object"]["sha"] == main
    assert robot.delete(f"{REPO}/git/refs/heads/two").status_code == 204
    assert robot.delete(f"{REPO}/git/refs/heads/two").status_code == 422
    unknown = robot.post(f"{REPO}/git/refs", json={"ref": "refs/heads/x", "sha": "0" * 40})
    assert unknown.status_code == 422


def test_commit(robot: forge_support.Session, push: Callable[..., str]) -> None:
    sha = push("agent/one", {"README.md": "# Other\n", "new.txt": "new\n"}, "Two things\n\nWhy.")
    for name in (sha, "agent/one", "heads/agent/one"):
        assert robot.get(f"{REPO}/commits/{name.replace('/', '%2F')}").json()["sha"] == sha
    body = robot.get(f"{REPO}/commits/{sha}").json()
    assert body["commit"]["message"] == "Two things\n\nWhy."
    assert body["author"]["login"] == "robot"
    assert body["stats"] == {"total": 3, "additions": 2, "deletions": 1}
    assert [f["status"] for f in body["files"]] == ["modified", "added"]
    first = robot.get(f"{REPO}/commits/{body['parents'][0]['sha']}").json()
    assert first["parents"] == []
    assert robot.get(f"{REPO}/commits/nothing").status_code == 422


def test_compare(robot: forge_support.Session, push: Callable[..., str]) -> None:
    push("one")
    push("two")
    body = robot.get(f"{REPO}/compare/one...two").json()
    assert (body["status"], body["ahead_by"], body["behind_by"]) == ("diverged", 1, 1)
    assert [f["filename"] for f in body["files"]] == ["two.txt"]
    assert robot.get(f"{REPO}/compare/main...main").json()["status"] == "identical"
    assert robot.get(f"{REPO}/compare/one...main").json()["status"] == "behind"


def test_folders(robot: forge_support.Session, push: Callable[..., str]) -> None:
    push("one", {"docs/a.md": "a\n", "docs/b/c.md": "c\n"})
    top = robot.get(f"{REPO}/contents/").json()
    kinds = [(one["name"], one["type"]) for one in top]
    assert kinds == [(".github", "dir"), ("README.md", "file")]
    inside = robot.get(f"{REPO}/contents/docs?ref=one").json()
    assert [(one["path"], one["type"]) for one in inside] == [
        ("docs/a.md", "file"), ("docs/b", "dir"),
    ]  # fmt: skip
    assert robot.get(f"{REPO}/contents/docs").status_code == 404


def test_file(robot: forge_support.Session, push: Callable[..., str]) -> None:
    push("one", {"docs/a.txt": "hello\n"})
    body = robot.get(f"{REPO}/contents/docs/a.txt", params={"ref": "one"}).json()
    assert base64.b64decode(body["content"]) == b"hello\n"
    assert robot.get(f"{REPO}/contents/docs/a.txt").status_code == 404
