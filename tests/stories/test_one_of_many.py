"""What GitHub refuses of one repository, issue, card or pull request stops no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.adapters.effects import SECOND_LOOK
from orchestrator.records.task import State
from tests.stories.test_odd_answers import BOTH, OTHER, QUICK, SEED, ready_elsewhere
from tests.support import hostile
from tests.support.office import SLUG, Office, an_office

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
