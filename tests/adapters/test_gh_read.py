"""A read is complete or an error: retried within bounds, never guessed from half an answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestrator.adapters import gh_queries
from orchestrator.adapters.gh_keys import Key
from orchestrator.adapters.gh_queries import Queries
from orchestrator.adapters.gh_read import PAGE_SIZES, Door
from orchestrator.adapters.limits import Limits
from orchestrator.adapters.locks import Locks
from orchestrator.records.errors import GitHubTrouble, Trouble
from orchestrator.records.tracker import Permission
from tests.support import forge, office
from tests.support.replies import Replies, Reply, replying


def queries(server: Replies, tmp_path: Path) -> Queries:
    door = Door(
        key=Key("t"), api_url=server.url, graphql_url=f"{server.url}/graphql",
        clock=office.HandClock(forge.Clock()), state_folder=tmp_path,
    )  # fmt: skip
    return Queries(door)


def test_server_trouble_is_asked_again_and_then_told(tmp_path: Path) -> None:
    with replying(Reply(500, {}), Reply(502, b"<html>"), Reply(200, {"login": "me"})) as server:
        assert queries(server, tmp_path).viewer() == "me"
        assert len(server.seen) == 3
    with replying(Reply(503, {"message": "busy"})) as server:
        with pytest.raises(GitHubTrouble) as raised:
            queries(server, tmp_path).viewer()
        assert raised.value.trouble is Trouble.SERVER and len(server.seen) == 3


def test_a_dropped_connection_is_asked_again(tmp_path: Path) -> None:
    with replying(Reply(0), Reply(200, {"login": "me"})) as server:
        assert queries(server, tmp_path).viewer() == "me"


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(401, {"message": "Bad credentials"}), Trouble.AUTH),
        (Reply(403, {"message": "no"}), Trouble.PERMISSION),
        (Reply(403, {"message": "no"}, (("X-RateLimit-Remaining", "0"),)), Trouble.RATE),
        (Reply(429, {"message": "no"}), Trouble.RATE),
        (Reply(404, {"message": "Not Found"}), Trouble.NOT_FOUND),
        (Reply(418, {"message": "tea"}), Trouble.UNKNOWN),
        (Reply(200, b"not json"), Trouble.PARTIAL),
        (Reply(200, {"login": 7}), Trouble.PARTIAL),
    ],
)
def test_other_trouble_is_not_asked_again(tmp_path: Path, reply: Reply, kind: Trouble) -> None:
    with replying(reply) as server:
        with pytest.raises(GitHubTrouble) as raised:
            queries(server, tmp_path).viewer()
        assert raised.value.trouble is kind and len(server.seen) == 1


def test_a_list_is_followed_to_its_end(tmp_path: Path) -> None:
    def page(number: int, *, more: bool) -> Reply:
        comment = {"id": number, "created_at": "2026-01-01T00:00:00Z", "body": "x", "user": None}
        link = (("Link", f'<{{url}}/page{number + 1}>; rel="next"'),) if more else ()
        return Reply(200, [comment], link)

    with replying(page(1, more=True), page(2, more=True), page(3, more=False)) as server:
        found = queries(server, tmp_path).comments("o/r", 1)
        assert [comment.id for comment in found] == [1, 2, 3]
        assert server.seen[1] == "GET /page2"
    with replying(page(1, more=True), Reply(500, {})) as server, pytest.raises(GitHubTrouble):
        queries(server, tmp_path).comments("o/r", 1)


def board(items: list[dict[str, Any]], *, after: str | None = None) -> Reply:
    nodes = {
        "totalCount": 2, "nodes": items,
        "pageInfo": {"hasNextPage": after is not None, "endCursor": after},
    }  # fmt: skip
    field = {"__typename": "ProjectV2SingleSelectField", "id": "F", "options": []}
    project = {"id": "P", "field": field, "items": nodes}
    return Reply(200, {"data": {"repositoryOwner": {"projectV2": project}}})


def card(number: int, **content: Any) -> dict[str, Any]:
    issue = {
        "__typename": "Issue", "id": f"I{number}", "number": number, "state": "OPEN",
        "repository": {"nameWithOwner": "o/r"},
    }  # fmt: skip
    value = {"name": "Ready", "updatedAt": "2026-01-01T00:00:00Z"}
    return {"id": f"C{number}", "fieldValueByName": value, "content": {**issue, **content}}


def test_a_board_is_read_page_by_page_and_each_card_counts_once(tmp_path: Path) -> None:
    redacted = {"id": "C9", "fieldValueByName": None, "content": None}
    draft = card(8, __typename="DraftIssue")
    pages = (board([card(1), redacted], after="x"), board([card(1), card(2), draft]))
    with replying(*pages) as server:
        page = queries(server, tmp_path).board("o", 1, "Status")
        assert [entry.number for entry in page.entries] == [1, 2]


def test_a_time_out_makes_pages_smaller_and_is_remembered(tmp_path: Path) -> None:
    slow = Reply(502, b"<html>")
    with replying(*[slow] * 3, board([card(1)])) as server:
        asked = queries(server, tmp_path)
        assert len(asked.board("o", 1, "Status").entries) == 1
        assert asked.door._page_size() == PAGE_SIZES[1]
    with replying(slow) as server, pytest.raises(GitHubTrouble):
        queries(server, tmp_path).board("o", 1, "Status")


@pytest.mark.parametrize(
    "errors",
    [
        [{"type": "FORBIDDEN", "message": "no", "path": ["repositoryOwner"]}],
        [{"message": "Something went wrong while executing your query."}],
        [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}],
    ],
)
def test_half_an_answer_is_none(tmp_path: Path, errors: list[dict[str, Any]]) -> None:
    reply = board([card(1)])
    partly = Reply(200, {**reply.body, "errors": errors})
    with replying(partly) as server, pytest.raises(GitHubTrouble):
        queries(server, tmp_path).board("o", 1, "Status")


def test_a_pull_request_that_is_gone_does_not_hide_the_others(tmp_path: Path) -> None:
    error = {"type": "NOT_FOUND", "message": "gone", "path": ["nodes", 0]}
    with replying(Reply(200, {"data": {"nodes": [None]}, "errors": [error]})) as server:
        assert queries(server, tmp_path).pull_requests(["X"]) == {}


@pytest.mark.parametrize(
    ("answer", "role"),
    [
        ({"permission": "write", "role_name": "maintain"}, Permission.MAINTAIN),
        ({"permission": "read", "role_name": "triage"}, Permission.TRIAGE),
        ({"permission": "write", "role_name": "our own role"}, Permission.WRITE),
        ({"permission": "new word"}, Permission.NONE),
    ],
)
def test_a_role_is_one_of_githubs_words(
    tmp_path: Path, answer: dict[str, str], role: Permission
) -> None:
    with replying(Reply(200, answer)) as server:
        assert queries(server, tmp_path).permission("o/r", "ann") is role


def test_nothing_is_asked_when_nothing_is_wanted(tmp_path: Path) -> None:
    with replying(Reply(500, {})) as server:
        asked = queries(server, tmp_path)
        assert asked.pull_requests([]) == {} and asked.issue_facts("o/r", []) == {}
        assert server.seen == []


def pulls(numbers: range) -> Reply:
    nodes = [{"__typename": "PullRequest", "id": f"P{n}"} for n in numbers]
    return Reply(200, {"data": {"nodes": nodes}})


def test_pull_requests_that_take_too_long_are_asked_for_in_smaller_pages(tmp_path: Path) -> None:
    """A2: a hundred with all their checks may be more than GitHub's ten seconds."""
    ids = [f"P{n}" for n in range(60)]
    slow = Reply(502, b"<html>")
    with replying(slow, slow, slow, pulls(range(50)), pulls(range(50, 60))) as server:
        queries(server, tmp_path).pull_requests(ids)
        assert len(server.seen) == 5


def test_an_outage_does_not_make_the_pages_small_for_ever(tmp_path: Path) -> None:
    with replying(Reply(503, {"message": "down"})) as server:
        asked = queries(server, tmp_path)
        with pytest.raises(GitHubTrouble):
            asked.board("o", 1, "Status")
        assert asked.door._page_size() == PAGE_SIZES[0]


@pytest.mark.parametrize(
    ("path", "told"), [(["nodes", 0], True), (["nodes", 0, "headRef", "target"], False)]
)
def test_one_pull_request_that_is_closed_to_us_hides_no_other_but_a_part_is_no_whole(
    tmp_path: Path, path: list[str | int], told: bool
) -> None:
    errors = [{"type": "FORBIDDEN", "message": "not accessible", "path": path}]
    with replying(Reply(200, {"data": {"nodes": [None]}, "errors": errors})) as server:
        asked = queries(server, tmp_path)
        if told:
            assert asked.pull_requests(["P1"]) == {}
        else:
            with pytest.raises(GitHubTrouble):
                asked.pull_requests(["P1"])


def labelled(numbers: range, *, after: str | None = None) -> dict[str, Any]:
    nodes = [{"id": f"I{n}", "number": n} for n in numbers]
    page = {"hasNextPage": after is not None, "endCursor": after}
    return {"nameWithOwner": "o/r", "issues": {"pageInfo": page, "nodes": nodes}}


def test_labelled_issues_are_read_to_the_last_page_and_only_there(tmp_path: Path) -> None:
    """A8: old ones that cannot start must not hide the new ones for ever."""
    first = {"r0": labelled(range(50), after="x"), "r1": labelled(range(60, 61)), "r2": None}
    gone = [{"type": "NOT_FOUND", "message": "no", "path": ["r2"]}]
    second = {"r0": labelled(range(49, 55))}
    replies = Reply(200, {"data": first, "errors": gone}), Reply(200, {"data": second})
    with replying(*replies) as server:
        told = queries(server, tmp_path).labelled(["o/r", "o/s", "o/t"], "ready")
        missing = [slug for slug, sight in told.sights.items() if sight is None]
        assert told.found == {"o/r": [f"I{n}" for n in range(55)], "o/s": ["I60"]}
        assert missing == ["o/t"] and len(server.seen) == 2


@pytest.mark.parametrize(
    ("kind", "paths", "left_out"),
    [
        (Trouble.PERMISSION, [["r1"]], {"o/s"}),
        (Trouble.SERVER, [["r0", "issues", "nodes"], ["states", 1]], {"o/r", "S1"}),
        (Trouble.PERMISSION, [["questions", 0, "comments"]], {"Q0"}),
        (Trouble.PERMISSION, [["r1"], ["b0", "projectV2"]], set()),
        (Trouble.PERMISSION, [["states", 2]], set()),
        (Trouble.PERMISSION, [["questions"]], set()),
        (Trouble.SERVER, [], set()),
        (Trouble.RATE, [["r1"]], set()),
        (Trouble.PARTIAL, [["r1"]], set()),
    ],
)
def test_what_a_refusal_names_is_left_out_and_what_concerns_all_is_not(
    kind: Trouble, paths: list[Any], left_out: set[str]
) -> None:
    trouble = GitHubTrouble(kind, "no", paths=tuple(tuple(path) for path in paths))
    found = gh_queries.named_by(trouble, ["o/r", "o/s"], (["Q0"], ["S0", "S1"]))
    assert found == left_out


def test_what_is_left_out_costs_one_request_more(tmp_path: Path) -> None:
    errors = [
        {"type": "FORBIDDEN", "message": "no", "path": ["r0"]},
        {"type": "FORBIDDEN", "message": "no", "path": ["questions", 0, "comments"]},
    ]
    refused = Reply(200, {"data": {"r0": None, "r1": labelled(range(1))}, "errors": errors})
    rest = Reply(200, {"data": {"r0": {**labelled(range(1)), "nameWithOwner": "o/s"}}})
    with replying(refused, rest) as server:
        asked = queries(server, tmp_path)
        told = asked.labelled(["o/r", "o/s"], "ready", questions=["Q0"])
        assert len(server.seen) == 2 and set(told.unread) == {"o/r", "Q0"}
        assert told.sights["o/r"] is None and told.sights["o/s"] is not None
        assert told.found == {"o/s": ["I0"]} and told.numbers == {"I0": 0}


def test_a_repository_that_was_renamed_says_what_it_is_called(tmp_path: Path) -> None:
    moved = {**labelled(range(2)), "nameWithOwner": "acme/Reading-Room"}
    answer = {"r0": moved, "r1": {**labelled(range(0)), "nameWithOwner": "O/S"}}
    with replying(Reply(200, {"data": answer})) as server:
        sights = queries(server, tmp_path).labelled(["o/r", "o/s"], "ready").sights
        assert sights["o/r"] is not None and sights["o/r"].called == "acme/Reading-Room"
        assert sights["o/s"] is not None and sights["o/s"].called == ""


TIMED_OUT = {"message": "Something went wrong while executing your query. It may be a timeout."}


def test_a_time_out_that_comes_as_success_is_asked_again_and_then_for_less(
    tmp_path: Path,
) -> None:
    """A2: HTTP 200 is not success, whatever `data` stands beside the error."""
    slow = Reply(200, {"data": {"nodes": []}, "errors": [TIMED_OUT]})
    with replying(slow, slow, pulls(range(2))) as server:
        asked = queries(server, tmp_path)
        asked.pull_requests(["P0", "P1"])
        assert len(server.seen) == 3 and asked.door._page_size() == 100
    with replying(slow, slow, slow, pulls(range(2))) as server:
        asked = queries(server, tmp_path)
        asked.pull_requests(["P0", "P1"])
        assert asked.door._page_size() == 50
    empty, another = Reply(200, {"data": {"nodes": []}}), tmp_path / "another"
    another.mkdir()
    with replying(slow, slow, slow, *[empty] * 5) as server:
        queries(server, another).issues([f"I{n}" for n in range(23)])
        assert len(server.seen) == 3 + 5, "by five in place of ten"
    facts = Reply(200, {"data": {"repository": {}}})
    with replying(facts) as server:
        queries(server, another).issue_facts("o/r", range(1, 131))
        assert len(server.seen) == 3, "fifty are remembered as what works"


@pytest.mark.parametrize(
    ("reset", "share"),
    [
        (datetime.now(UTC) + timedelta(minutes=40), 0.15),
        (None, 1.0),  # a server that keeps no account
        ("later", 1.0),
    ],
    ids=["told", "none", "nonsense"],
)
def test_the_points_in_an_answer_reach_everybodys_limits(
    tmp_path: Path, reset: datetime | str | None, share: float
) -> None:
    """A4: no header says it here."""
    standing = {"limit": 5000, "cost": 1, "remaining": 750, "resetAt": str(reset)}
    answer = {"data": {"rateLimit": standing if reset else None, "nodes": []}}
    clock = office.HandClock(forge.Clock())
    limits = Limits(
        path=tmp_path / "limits.json", locks=Locks(tmp_path / "locks", clock=clock),
        clock=clock, token="t",
    )  # fmt: skip
    with replying(Reply(200, answer)) as server:
        door = Door(
            key=Key("t"), api_url=server.url, graphql_url=f"{server.url}/graphql", clock=clock,
            state_folder=tmp_path, limits=limits,
        )  # fmt: skip
        assert Queries(door).issues(["I_1"]) == () and len(server.seen) == 1
    assert limits.share() == share
