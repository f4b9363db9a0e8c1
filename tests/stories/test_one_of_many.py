"""What GitHub refuses of one repository, issue, card or pull request stops no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.adapters.effects import SECOND_LOOK
from orchestrator.records.task import State
from tests.stories.test_odd_answers import BOTH, OTHER, QUICK, SEED, ready_elsewhere
from tests.support import hostile
from tests.support.office import SLUG, Office, an_office, says

SAML = (
    "Resource protected by organization SAML enforcement. You must grant your Personal Access "
    "token access to this organization."
)
FORBIDDEN = ("Resource not accessible by personal access token", "FORBIDDEN")
SLOW = ("Something went wrong while executing your query. This may be the result of a timeout.", "")
WRONG = pytest.mark.parametrize(
    ("message", "kind"), [FORBIDDEN, SLOW], ids=["forbidden", "timed-out"]
)


def inbox(office: Office) -> list[tuple[str, int | None]]:
    return [(task.repo, task.issue) for task in office.world.mailroom.list_state(State.INBOX)]


def ticks(office: Office, count: int = 3) -> list[int]:
    codes = []
    for _ in range(count):
        codes.append(office.dispatch())
        office.pass_time(61)
    return codes


def set_ready_on_the_board(office: Office, issue: int) -> None:
    world, board = office.world, office.world.config.boards[0]
    shape = world.read.board(board.owner, board.number, board.status_field).board
    item = world.write.add_to_board(shape.id, world.read.issue_node(SLUG, issue))
    ready = next(option.id for option in shape.options if option.name == board.ready)
    world.write.set_status(shape.id, item, shape.field_id, ready)


def without(name: str, message: str, kind: str, *, part: str = "") -> Any:
    """An answer without this repository, because of it as a whole or of a part of it."""

    def spoil(asked: Any, data: Any) -> list[dict[str, Any]]:
        for key, found in data.items():
            if isinstance(found, dict) and found.get("nameWithOwner") == name:
                if part:
                    found[part] = None
                else:
                    data[key] = None
                return [hostile.hole([key, *([part] if part else [])], message, kind)]
        return []

    return hostile.with_holes(spoil, "Labelled")


@pytest.mark.parametrize("part", ["", "viewerPermission"])
@pytest.mark.parametrize(
    ("message", "kind", "words"),
    [
        (SAML, "FORBIDDEN", f"ALERT {SLUG} is not there, or the token may not see it"),
        (*SLOW, f"{SLUG}: not looked at: GraphQL: {SLOW[0]}"),
    ],
    ids=["saml", "timed-out"],
)
def test_a_repository_that_is_not_told_of_stops_no_other(
    tmp_path: Path, message: str, kind: str, words: str, part: str
) -> None:
    with an_office(tmp_path, seed=SEED, config=BOTH) as office:
        here, there = office.ready("Here"), ready_elsewhere(office)
        set_ready_on_the_board(office, here)
        front = hostile.between(office.github)
        front.on("POST", "/graphql", without(SLUG, message, kind, part=part), times=99)
        assert ticks(office) == [10, 10, 10]
        assert inbox(office) == [(OTHER, there)], office.told()
        assert words in office.told() and message in office.told()
        front.calm()
        assert ticks(office, 1) == [0] and office.state_of(here) is State.INBOX


def test_a_repository_that_is_slow_beside_others_is_asked_by_itself(tmp_path: Path) -> None:
    """Else the one that GitHub tells last might never be looked at."""

    def spoil(asked: Any, data: Any) -> list[dict[str, Any]]:
        last = max(key for key in data if key[1:].isdecimal())
        if last == "r0":
            return []
        data[last] = None
        return [hostile.hole([last], *SLOW)]

    with an_office(tmp_path, seed=SEED, config=BOTH) as office:
        here, there = office.ready("Here"), ready_elsewhere(office)
        front = hostile.between(office.github)
        front.on("POST", "/graphql", hostile.with_holes(spoil, "Labelled"), times=99)
        assert ticks(office, 1) == [0]
        assert set(inbox(office)) == {(SLUG, here), (OTHER, there)}, office.told()


ASKS = "STATUS: blocked\nBLOCKER_CODE: {code}\nSUMMARY: No.\nBLOCKERS:\n- Which?\n"


@pytest.mark.parametrize(
    ("code", "alias", "path", "known"),
    [
        ("manual_intervention_required", "states", [0], False),
        ("manual_intervention_required", "states", [0, "state"], True),
        ("missing_context", "questions", [0], False),
        ("missing_context", "questions", [0, "comments"], True),
    ],
)
def test_the_issue_of_a_waiting_task_that_is_closed_to_us_stops_no_dispatch(
    tmp_path: Path, code: str, alias: str, path: list[Any], known: bool
) -> None:
    agent = says(ASKS.format(code=code))
    with an_office(tmp_path, seed=SEED, config=BOTH, agent=agent) as office:
        waits = office.ready("Here")
        for _ in range(3):
            office.round()
        assert office.state_of(waits) is State.ESCALATED, office.told()
        there = ready_elsewhere(office)
        met = []

        def spoil(asked: Any, data: Any) -> list[dict[str, Any]]:
            if not data.get(alias):
                return []
            met.append(alias)
            data[alias] = [None for _ in data[alias]]
            return [hostile.hole([alias, *path], SAML, "FORBIDDEN")]

        front = hostile.between(office.github)
        front.on("POST", "/graphql", hostile.with_holes(spoil, "Labelled"), times=99)
        assert set(ticks(office)) == ({10} if known else {0}) and met
        assert (f"{SLUG}#{waits}: not heard: GraphQL: {SAML}" in office.told()) is known
        assert inbox(office) == [(OTHER, there)], office.told()
        assert [task.repo for task in office.world.mailroom.list_state(State.ESCALATED)] == [SLUG]


@pytest.mark.parametrize("part", [[], ["repository"]])
def test_a_card_that_is_closed_to_us_stops_no_board(tmp_path: Path, part: list[str]) -> None:
    with an_office(tmp_path, seed=SEED, config=BOTH) as office:
        strange, there = office.issue("Somebody else's"), ready_elsewhere(office)
        set_ready_on_the_board(office, strange)
        met = []

        def spoil(asked: Any, data: Any) -> list[dict[str, Any]]:
            found = []
            for root, owner in data.items():
                project = owner.get("projectV2") if isinstance(owner, dict) else None
                for index, card in enumerate(project["items"]["nodes"] if project else ()):
                    content = card["content"]
                    if not content or content["repository"]["nameWithOwner"] != SLUG:
                        continue
                    card["content"] = None
                    path = [root, "projectV2", "items", "nodes", index, "content", *part]
                    found.append(hostile.hole(path, SAML, "FORBIDDEN"))
            met.extend(found)
            return found

        front = hostile.between(office.github)
        front.on("POST", "/graphql", hostile.with_holes(spoil, "Labelled", "Board"), times=99)
        assert ticks(office) == [0, 0, 0] and met
        assert inbox(office) == [(OTHER, there)], office.told()
        assert "is Ready and shows the token no issue; left alone" in office.told()


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_a_repository_that_git_may_not_read_stops_no_other(tmp_path: Path, status: int) -> None:
    """A 401 of git's is nobody else's while the API takes the token."""
    with an_office(tmp_path, seed=SEED, config=BOTH) as office:
        office.ready("Here")
        ready_elsewhere(office)
        front = hostile.between(office.github)
        refused = hostile.answers(status, "no")
        front.on("GET", rf"{SLUG}(\.git)?/info/refs", refused, times=999)
        for _ in range(4):
            office.round()
        folders = {
            task.repo: state for state in State for task in office.world.mailroom.list_state(state)
        }
        assert folders == {SLUG: State.BLOCKED, OTHER: State.REVIEW}, office.told()
        assert "GitHub refuses the token (401)" not in office.told()


@WRONG
def test_an_issue_that_cannot_be_read_whole_waits_alone_and_is_named(
    tmp_path: Path, message: str, kind: str
) -> None:
    with an_office(tmp_path, seed=SEED, config=BOTH) as office:
        bad, there = office.ready("Here"), ready_elsewhere(office)

        def spoil(asked: Any, data: Any) -> list[dict[str, Any]]:
            for index, node in enumerate(data["nodes"]):
                if node and node["repository"]["nameWithOwner"] == SLUG:
                    node["editor"] = None
                    return [hostile.hole(["nodes", index, "editor"], message, kind)]
            return []

        front = hostile.between(office.github)
        front.on("POST", "/graphql", hostile.with_holes(spoil, "Issues"), times=99)
        assert set(ticks(office)) == {10}
        assert inbox(office) == [(OTHER, there)], office.told()
        assert f"{SLUG}#{bad}: left alone, not readable whole: GraphQL: {message}" in office.told()
        front.calm()
        assert ticks(office, 1) == [0] and office.state_of(bad) is State.INBOX


def test_a_pull_request_whose_checks_time_out_stops_no_other(tmp_path: Path) -> None:
    with an_office(tmp_path, repository=QUICK) as office:
        slow = office.ready("Add first.txt")
        office.dispatch()
        office.queue()
        fine = office.ready("Add a second thing")

        def wrote(folder: Path, prompt: str) -> str:
            (folder / "second.txt").write_text("done\n")
            return "STATUS: complete\nBLOCKER_CODE: none\nSUMMARY: Wrote.\nDONE:\n- Wrote.\n"

        office.executor.scripts["first"] = wrote
        office.dispatch()
        office.queue()
        link = office.task(slow).pull_request
        assert link is not None

        def spoil(asked: Any, data: Any) -> list[dict[str, Any]]:
            ids = asked["variables"]["ids"]
            if link.node_id not in ids:
                return []
            at = ids.index(link.node_id)
            data["nodes"][at]["headRef"] = None
            return [hostile.hole(["nodes", at, "headRef", "target"], *SLOW)]

        front = hostile.between(office.github)
        front.on("POST", "/graphql", hostile.with_holes(spoil, "PullRequests"), times=999)
        for _ in range(6):
            office.pass_time(SECOND_LOOK.total_seconds())
            office.monitor()
        assert office.state_of(slow) is State.REVIEW
        assert office.state_of(fine) is State.DONE, office.told()
        assert f"{SLUG}#{link.number}" in office.told() and SLOW[0] in office.told()
