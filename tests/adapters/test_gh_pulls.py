"""Pull requests read together: what one of them hides is its own, what GitHub refuses is all's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.adapters import gh_answers, gh_checks, gh_pulls
from orchestrator.adapters.gh_read import PAGE_SIZES, Door
from orchestrator.records.errors import GitHubTrouble, Trouble
from tests.adapters.test_gh_read import queries
from tests.support.replies import Reply, replying

NONE_THERE = Reply(200, {"data": {"nodes": [None]}})


def refused(kind: str) -> Reply:
    error: dict[str, Any] = {"type": kind, "message": "no", "path": ["nodes", 0, "headRef"]}
    return Reply(200, {"data": {"nodes": [None, None]}, "errors": [error]})


def test_what_one_hides_is_told_of_that_one_alone(tmp_path: Path) -> None:
    with replying(refused("FORBIDDEN"), NONE_THERE) as server:
        found = gh_pulls.or_why(queries(server, tmp_path).door, ["P1", "P2"])
        assert list(found) == ["P1"]
        assert isinstance(found["P1"], GitHubTrouble)
        assert found["P1"].trouble is Trouble.PERMISSION
        assert len(server.seen) == 2


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(401, {"message": "Bad credentials"}), Trouble.AUTH),
        (Reply(429, {"message": "slow down"}), Trouble.RATE),
    ],
)
def test_what_concerns_all_is_raised_and_asked_once(
    tmp_path: Path, reply: Reply, kind: Trouble
) -> None:
    """Else a revoked token or a limit would look like a page of pull requests that are hidden."""
    with replying(reply) as server:
        with pytest.raises(GitHubTrouble) as raised:
            gh_pulls.or_why(queries(server, tmp_path).door, ["P1", "P2"])
        assert raised.value.trouble is kind and len(server.seen) == 1


def slow(*at: int) -> Reply:
    said = "Something went wrong while executing your query."
    errors = [{"message": said, "path": ["nodes", index, "headRef"]} for index in at]
    return Reply(200, {"data": {"nodes": []}, "errors": errors or [{"message": said}]})


def test_a_time_out_that_names_one_is_that_ones_alone(tmp_path: Path) -> None:
    """The others are read together, and no page is smaller afterwards."""
    third, first, fine = slow(2), slow(0), Reply(200, {"data": {"nodes": []}})
    told = [*[third] * 3, *[first] * 3, fine]
    with replying(*told) as server:
        door = queries(server, tmp_path).door
        found = gh_pulls.or_why(door, ["P1", "P2", "P3", "P4"])
        assert list(found) == ["P3"] and len(server.seen) == len(told)
        assert door._page_size() == PAGE_SIZES[0]


def test_an_outage_that_names_all_is_not_asked_for_each(tmp_path: Path) -> None:
    with replying(*[slow(*range(40))] * 3, slow(0)) as server:
        found = gh_pulls.or_why(queries(server, tmp_path).door, [f"P{n}" for n in range(40)])
        assert len(found) == 40 and len(server.seen) == 3 + 3 + 3


def test_one_that_was_too_slow_beside_others_is_read_by_itself(tmp_path: Path) -> None:
    fine = Reply(200, {"data": {"nodes": []}})
    with replying(*[slow(0)] * 3, fine, fine) as server:
        assert gh_pulls.or_why(queries(server, tmp_path).door, ["P1", "P2"]) == {}
        assert len(server.seen) == 5


def test_a_time_out_of_something_else_is_everybodys(tmp_path: Path) -> None:
    said = {"message": "Something went wrong", "path": ["rateLimit"]}
    reply = Reply(200, {"data": {"nodes": []}, "errors": [said]})
    with replying(reply) as server, pytest.raises(GitHubTrouble):
        gh_pulls.or_why(queries(server, tmp_path).door, ["P1", "P2"])


@pytest.mark.parametrize("reply", [slow(), slow(7)], ids=["none", "one that nobody asked for"])
def test_a_time_out_that_names_nobody_is_everybodys(tmp_path: Path, reply: Reply) -> None:
    with replying(reply) as server, pytest.raises(GitHubTrouble) as raised:
        gh_pulls.or_why(queries(server, tmp_path).door, ["P1", "P2"])
    assert raised.value.trouble is Trouble.SERVER and len(server.seen) == 3 * len(PAGE_SIZES)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"type": "RATE_LIMITED", "message": "limit", "path": ["nodes", 1]}, Trouble.RATE),
        ({"message": "Something went wrong"}, Trouble.SERVER),
    ],
)
def test_what_one_hides_does_not_hide_what_concerns_all(
    tmp_path: Path, error: dict[str, Any], kind: Trouble
) -> None:
    hidden = {"type": "FORBIDDEN", "message": "no", "path": ["nodes", 0, "headRef"]}
    reply = Reply(200, {"data": {"nodes": [None]}, "errors": [hidden, error]})
    with replying(reply) as server, pytest.raises(GitHubTrouble) as raised:
        gh_pulls.or_why(queries(server, tmp_path).door, ["P1", "P2"])
    assert raised.value.trouble is kind


def test_checks_of_one_that_are_asked_for_by_themselves_are_its_own_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(door: Door, repo: str, sha: str) -> None:
        raise GitHubTrouble(Trouble.PERMISSION, "no")

    monkeypatch.setattr(gh_checks, "of_commit", refuse)
    monkeypatch.setattr(gh_answers, "has_more_checks", lambda node: node.id == "P1")
    whose = {"__typename": "PullRequest", "repository": {"nameWithOwner": "o/r"}}
    nodes = [{**whose, "id": one} for one in ("P1", "P2")]
    with replying(Reply(200, {"data": {"nodes": nodes}})) as server:
        found = gh_pulls.or_why(queries(server, tmp_path).door, ["P1", "P2"])
    assert [isinstance(found[one], GitHubTrouble) for one in ("P1", "P2")] == [True, False]
