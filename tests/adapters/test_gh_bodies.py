"""Everything we write to GitHub by REST is a request that GitHub's own description knows."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from requests.adapters import BaseAdapter

from orchestrator.adapters.gh_keys import Key
from orchestrator.adapters.gh_write import GitHubWrite, Writes
from tests.support import github_schema
from tests.support.forge import body_of

API = "https://api.github.com"
ANSWER = {
    "id": 1, "number": 1, "node_id": "PR_1", "sha": "5" * 40, "merged": True, "message": "merged",
    "html_url": f"{API}/x", "url": f"{API}/x", "title": "t", "state": "open", "body": "b",
}  # fmt: skip
# One call of each write, as its caller makes it.
CALLS: dict[str, dict[str, Any]] = {
    "create_comment": {"number": 1, "body": "b"},
    "edit_comment": {"number": 1, "comment_id": 5, "body": "b"},
    "open_pull_request": {"title": "t", "body": "b", "head": "agent/x", "base": "main"},
    "edit_pull_request": {"number": 1, "body": "b"},
    "create_issue": {"title": "t", "body": "b"},
    "merge": {"number": 1, "head_sha": "5" * 40, "method": "squash", "title": "t"},
    "close_issue": {"number": 1, "reason": "completed"},
    "add_label": {"number": 1, "label": "blocked"},
    "remove_label": {"number": 1, "label": "blocked"},
    "ask_for_review": {"number": 1, "logins": ["maria"]},
    "run_again": {"workflow_run": 1},
    "ask_again": {"check_run": 1},
}
# These are documents, which test_gh_documents.py holds against the schema.
BY_GRAPHQL = {
    "add_to_board", "add_sub_issue", "set_status", "archive_card", "reply_to_thread",
    "resolve_thread",
}  # fmt: skip


class Listening(BaseAdapter):
    """Takes every request, and answers it with whatever a client looks for."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[str, str, Any]] = []

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        raw = body_of(request)
        path = urlsplit(request.url or "").path
        self.heard.append((request.method or "", path, json.loads(raw) if raw else None))
        answer = requests.Response()
        answer.status_code, answer.request, answer.url = 200, request, request.url or ""
        answer.headers["Content-Type"] = "application/json"
        answer._content = json.dumps(ANSWER).encode()
        return answer

    def close(self) -> None:
        return


def sent(name: str, **fields: Any) -> list[tuple[str, str, Any]]:
    way = Listening()
    write = GitHubWrite(key=Key("t" * 20), api_url=API, transport=way)
    getattr(write, name)("maria/library", **fields)
    return way.heard


@pytest.mark.parametrize("name", CALLS)
def test_a_write_is_one_request_as_github_describes_it(name: str) -> None:
    [(method, path, body)] = sent(name, **CALLS[name])
    github_schema.check_body(method, path, body)


def test_all_writes_are_tried() -> None:
    known = {name for name in vars(Writes) if not name.startswith("_")}
    assert known == CALLS.keys() | BY_GRAPHQL


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/repos/o/r/pulls/1/merge", {"merge_method": "quick"}),
        ("POST", "/repos/o/r/issues", {"body": "without a title"}),
        ("PATCH", "/repos/o/r/issues/1", {"reason": "completed"}),
        ("DELETE", "/repos/o/r/git/refs/heads/x", {"sha": "5"}),
        ("POST", "/repos/o/r/issues/1/close", None),
    ],
)
def test_a_wrong_request_is_noticed(method: str, path: str, body: Any) -> None:
    with pytest.raises(github_schema.Mismatch):
        github_schema.check_body(method, path, body)
