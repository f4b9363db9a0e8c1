"""GitHub forgets, lags, stammers and hides: what was made stays one, what is unknown is no yes."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestrator.adapters import events
from orchestrator.adapters.effects import SECOND_LOOK
from orchestrator.records.task import State
from tests.support import repos
from tests.support.office import SLUG, Office, an_office

QUICK = {"settle_seconds": 0, "min_head_age_seconds": 0}
COMMENTS = r"/issues/\d+/comments$"
PULLS = r"/pulls$"
UNREADABLE = "Resource not accessible by personal access token"


@contextmanager
def quick_office(tmp_path: Path, **more: Any) -> Iterator[Office]:
    with an_office(tmp_path, repository=QUICK, **more) as office:
        yield office


def add(office: Office, name: str, **fields: Any) -> int:
    """A fault that meets only our own scripts."""
    return office.github.forge.faults.add(name, login="robot", **fields)


def within(office: Office, **time: float) -> dict[str, Any]:
    return {"until": office.world.clock.now() + timedelta(**time)}


def ours(office: Office, issue: int) -> list[str]:
    path = f"/repos/{SLUG}/issues/{issue}/comments?per_page=100&page="
    found = [one["body"] for page in (1, 2) for one in office.api.get(f"{path}{page}").json()]
    return [body for body in found if "<!-- aos:" in body]


def on_main(office: Office) -> list[str]:
    return repos.git(office.github.bare(SLUG), "log", "--format=%s", "main").splitlines()


def look_twice(office: Office) -> None:
    for _ in range(3):
        office.dispatch()
        office.queue()
        office.pass_time(SECOND_LOOK.total_seconds() + 1)


def finish(office: Office, issue: int) -> None:
    look_twice(office)
    office.work_until_quiet()
    assert office.state_of(issue) is State.DONE, office.told()
    assert [bool(pull["merged_at"]) for pull in office.pulls()] == [True], office.told()
    assert len(ours(office, issue)) == 1, office.told()
    assert office.executor.agent_runs == ["first"], office.told()
    assert len(on_main(office)) == 2


@pytest.mark.parametrize("name", ["apply-then-502", "apply-then-500", "apply-then-drop"])
def test_f13_a_pull_request_whose_answer_is_lost_is_adopted(tmp_path: Path, name: str) -> None:
    """F13: found by its branch and our mark; the request itself is sent once."""
    with quick_office(tmp_path) as office:
        lost = add(office, name, method="POST", path=PULLS)
        again = add(office, "slow", method="POST", path=PULLS, times=9, seconds=0)
        issue = office.ready("Add first.txt")
        finish(office, issue)
        assert office.github.forge.faults.met(lost) == 1
        assert office.github.forge.faults.met(again) == 1, "one POST"


def test_f14_a_comment_whose_answer_is_lost_is_found_by_its_mark(tmp_path: Path) -> None:
    """F14."""
    with quick_office(tmp_path) as office:
        add(office, "apply-then-drop", method="POST", path=COMMENTS)
        posts = add(office, "slow", method="POST", path=COMMENTS, times=9, seconds=0)
        issue = office.ready("Add first.txt")
        finish(office, issue)
        assert office.github.forge.faults.met(posts) == 1


def test_f15_a_mark_behind_a_hundred_comments_is_found(tmp_path: Path) -> None:
    """F15: on the second page, and nothing is made twice."""
    with quick_office(tmp_path) as office:
        issue = office.ready("Add first.txt")
        maria = office.github.session("maria-token")
        for number in range(105):
            maria.post(f"/repos/{SLUG}/issues/{issue}/comments", json={"body": f"{number}"})
        add(office, "apply-then-drop", method="POST", path=COMMENTS)
        office.dispatch()
        assert len(ours(office, issue)) == 1
        finish(office, issue)


def test_f16_a_list_that_lags_a_minute_behind_makes_no_twin(tmp_path: Path) -> None:
    """F16: two looks, further apart than the lag, before anything is sent again."""
    with quick_office(tmp_path) as office:
        issue = office.ready("Add first.txt")
        hour = within(office, hours=1)
        add(office, "stale", method="GET", path=COMMENTS, seconds=60, **hour)
        add(office, "stale", method="GET", path=PULLS, seconds=60, **hour)
        add(office, "apply-then-drop", method="POST", path=COMMENTS)
        add(office, "apply-then-drop", method="POST", path=PULLS)
        for _ in range(12):
            office.round(31)
        finish(office, issue)


@pytest.mark.parametrize("method", ["squash", "merge", "rebase"])
def test_f17_a_merge_that_github_forgot_is_never_made_again(tmp_path: Path, method: str) -> None:
    """F17: 500, the base advanced, the pull request open for ever: told once, and done."""
    with an_office(tmp_path, repository=QUICK | {"merge_method": method}) as office:
        forgot = add(office, "still-open", method="PUT", path="/merge$")
        puts = add(office, "slow", method="PUT", path="/merge$", times=9, seconds=0)
        issue = office.ready("Add first.txt")
        for _ in range(6):
            office.round()
        assert office.github.forge.faults.met(forgot) == 1
        assert office.github.forge.faults.met(puts) == 1, "one PUT"
        assert office.state_of(issue) is State.DONE, office.told()
        assert len(on_main(office)) == (3 if method == "merge" else 2)
        assert office.file("first.txt") == "done\n"
        (pull,) = office.pulls()
        assert pull["merged_at"] is None and [x["name"] for x in pull["labels"]] == ["merged"]
        alerts = told_of(office, "alert")
        assert len(alerts) == 1 and f"#{pull['number']} open" in alerts[0]


def test_f17_a_merge_that_github_remembers_late_is_recorded(tmp_path: Path) -> None:
    """F17: what our log says of a merge outlives GitHub's memory (M12)."""
    with quick_office(tmp_path) as office:
        issue = office.ready("Add first.txt")
        office.dispatch()
        office.queue()
        add(office, "apply-then-500", method="PUT", path="/merge$")
        add(office, "still-open", operation="PullRequests", times=3)
        puts = add(office, "slow", method="PUT", path="/merge$", times=9, seconds=0)
        for _ in range(6):
            office.pass_time(30)
            office.monitor()
        assert office.state_of(issue) is State.DONE, office.told()
        assert len(on_main(office)) == 2 and office.github.forge.faults.met(puts) == 1


@pytest.mark.parametrize(
    "fault",
    [
        ("partial", {"at": "nodes.0.headRef.target.statusCheckRollup", "message": UNREADABLE}),
        ("partial", {"at": "nodes.0.headRef", "message": UNREADABLE}),
        ("partial", {}),
        ("graphql-errors", {}),
        ("500", {}),
        ("404", {}),
    ],
    ids=["no checks", "no head", "a hole", "errors", "500", "404"],
)
def test_f23_checks_that_cannot_be_read_are_not_green(
    tmp_path: Path, fault: tuple[str, dict[str, Any]]
) -> None:
    """F23: however long; and when they can be read again, it is merged."""
    with quick_office(tmp_path) as office:
        issue = office.ready("Add first.txt")
        office.dispatch()
        office.queue()
        add(office, fault[0], operation="PullRequests", **fault[1], **within(office, hours=1))
        for _ in range(4):
            office.pass_time(60)
            office.monitor()
        assert office.state_of(issue) is State.REVIEW, office.told()
        assert len(on_main(office)) == 1
        office.github.forge.faults.clear()
        for _ in range(3):
            office.pass_time(30)
            office.monitor()
        assert office.state_of(issue) is State.DONE, office.told()


def test_f23_what_one_repository_hides_stops_no_other_pull_request(tmp_path: Path) -> None:
    """F23: the one waits with its reason, the others are merged (house rule 6)."""
    with quick_office(tmp_path) as office:
        hidden = office.ready("Add first.txt")
        for step in (office.dispatch, office.queue):
            step()
        seen = office.ready("Add a second thing")
        office.executor.scripts["first"] = lambda folder, prompt: wrote(folder)
        for step in (office.dispatch, office.queue):
            step()
        node = office.task(hidden).pull_request
        assert node is not None
        office.github.front = Hidden(office, node.node_id)
        for _ in range(5):
            office.pass_time(60)
            office.monitor()
        assert office.state_of(seen) is State.DONE, office.told()
        assert office.state_of(hidden) is State.REVIEW
        assert UNREADABLE in office.told()


def wrote(folder: Path) -> str:
    (folder / "second.txt").write_text("done\n")
    return "STATUS: complete\nBLOCKER_CODE: none\nSUMMARY: Wrote.\nDONE:\n- Wrote.\n"


class Hidden:
    """GitHub, where the checks of one pull request may not be read."""

    def __init__(self, office: Office, node_id: str) -> None:
        self.office = office
        self.app = office.github.front
        self.node_id = node_id

    def __call__(self, environ: dict[str, Any], start: Any) -> Any:
        raw = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(raw)
        ids = json.loads(raw)["variables"]["ids"] if b"query PullRequests" in raw else []
        if self.node_id in ids:
            at = f"nodes.{ids.index(self.node_id)}.headRef.target.statusCheckRollup"
            add(self.office, "partial", operation="PullRequests", at=at, message=UNREADABLE)
        return self.app(environ, start)


def test_f25_mergeable_unknown_is_waited_for_and_then_told(tmp_path: Path) -> None:
    """F25, M11: no merge and no update on unknown, for ten looks and for hours."""
    with quick_office(tmp_path) as office:
        issue = office.ready("Add first.txt")
        office.dispatch()
        office.queue()
        add(office, "null-mergeable", times=10)
        for _ in range(10):
            office.pass_time(60)
            assert office.monitor() == 0
            assert office.state_of(issue) is State.REVIEW
        heads = {pull["head"]["sha"] for pull in office.pulls()}
        assert heads == {office.task(issue).pushed[-1]} and len(on_main(office)) == 1
        for _ in range(2):
            office.pass_time(60)
            office.monitor()
        assert office.state_of(issue) is State.DONE, office.told()


def test_f25_mergeable_unknown_for_hours_is_a_persons_turn(tmp_path: Path) -> None:
    with quick_office(tmp_path) as office:
        issue = office.ready("Add first.txt")
        office.dispatch()
        office.queue()
        add(office, "null-mergeable", times=99)
        for hours in (0, 1, 3, 3):
            office.github.clock.advance(hours * 3600)  # type: ignore[union-attr]
            office.pass_time(1)
            office.monitor()
        assert office.state_of(issue) is State.ESCALATED, office.told()
        assert "has not said whether it can be merged" in office.task(issue).note
        assert len(on_main(office)) == 1


@pytest.mark.parametrize("name", ["late-checks", "rerun"])
def test_checks_that_come_late_or_once_more_are_waited_for(tmp_path: Path, name: str) -> None:
    """M3, M6: none yet is not green, and the newest run counts."""
    with quick_office(tmp_path) as office:
        issue = office.ready("Add first.txt")
        office.dispatch()
        office.queue()
        office.pass_time(30)
        add(office, name, operation="PullRequests", times=2, seconds=600)
        for _ in range(2):
            office.monitor()
            assert office.state_of(issue) is State.REVIEW, office.told()
        for _ in range(3):
            office.pass_time(30)
            office.monitor()
        assert office.state_of(issue) is State.DONE, office.told()


def test_what_was_made_a_moment_ago_is_not_gone(tmp_path: Path) -> None:
    """A7: a 404 right after the push is GitHub's delay, and no reason for a person."""
    with quick_office(tmp_path) as office:
        issue = office.ready("Add first.txt")
        add(office, "404", method="POST", path=PULLS)
        office.dispatch()
        office.queue()
        office.pass_time(70)
        office.queue()
        add(office, "404", method="GET", path=rf"/issues/{issue}$")
        for _ in range(4):
            office.pass_time(30)
            office.monitor()
        assert office.state_of(issue) is State.DONE, office.told()
        assert office.executor.agent_runs == ["first"] and len(ours(office, issue)) == 1


def told_of(office: Office, kind: str) -> list[str]:
    since = office.world.clock.now() - timedelta(days=30)
    found = events.read(office.world.paths.events, since)
    return [event.reason for event in found if event.kind == kind]
