"""Requests of a kind have one name, which tells no repository and no number."""

from __future__ import annotations

import pytest

from orchestrator.adapters import gh_documents
from orchestrator.rules import routes


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("GET", "/repos/maria/library/issues/12/comments?per_page=100",
         "GET repos/*/issues/*/comments"),
        ("GET", "/repos/maria/library/branches/agent/task-1", "GET repos/*/branches/*"),
        ("GET", "/repos/maria/library", "GET repos/*"),
        ("POST", "/app/installations/7/access_tokens", "POST app/installations/*/access_tokens"),
        ("GET", "/", "GET *"),
    ],
)  # fmt: skip
def test_a_route_without_names(method: str, path: str, kind: str) -> None:
    assert routes.of_rest(method, path) == kind


def test_a_query_has_the_name_that_we_gave_it() -> None:
    assert routes.of_query("query Board($a: Int) {") == "query Board"
    assert routes.of_query("  mutation Move {") == "mutation Move"
    assert routes.of_query("{ viewer }") == "query"
    documents = [
        one for name, one in vars(gh_documents).items() if name.isupper() and isinstance(one, str)
    ]
    named = [routes.of_query(one) for one in documents if one.lstrip().startswith(("query", "mut"))]
    assert named and "query" not in named


def test_a_write_is_told_without_what_it_was_written_to() -> None:
    assert routes.of_write("comment on maria/library#12") == "write: comment"
    assert routes.of_write("edit of comment 7 in maria/library") == "write: edit of comment"
    again = "order to run the failed jobs of maria/library again"
    assert routes.of_write(again) == "write: order to run the failed jobs"
    assert routes.of_write("label ready off maria/library#12") == "write: label ready off"
