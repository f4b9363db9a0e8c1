"""Boards of people and of organisations, several of them, with words of their own, or none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orchestrator.records.task import State
from tests.support import office
from tests.support.office import REPOSITORY, SLUG, Office, an_office

QUICK = {"settle_seconds": 0, "min_head_age_seconds": 0}
ENTRY = {**REPOSITORY, **QUICK}
SEED: dict[str, Any] = {
    **office.SEED,
    "users": [*office.SEED["users"], {"login": "acme", "type": "Organization"}],
    "boards": [
        {"owner": "maria", "title": "Work"},
        {
            "owner": "acme", "number": 7, "title": "Product",
            "statuses": ["📋 Later", "🚀 Go", "🔨 At work", "✋ Stuck", "✅ Shipped"],
        },
    ],
}  # fmt: skip
WORDS = {
    "project_number": 7, "github_owner": "acme", "backlog_value": "📋 Later",
    "ready_value": "🚀 Go", "in_progress_value": "🔨 At work",
    "blocked_value": "✋ Stuck", "done_value": "✅ Shipped",
}  # fmt: skip
# Whoever works for an organisation may write to its boards.
MEMBER = {"name": "acme/site", "files": {"README.md": "# Site\n"}, "collaborators": {
    "robot": "write", "maria": "write"}}  # fmt: skip
SEED["repos"] = [*SEED["repos"], MEMBER]
CARD = """query($id: ID!) { node(id: $id) { ... on Issue { projectItems(first: 9) { nodes {
  id project { id number } fieldValueByName(name: "Status") {
    ... on ProjectV2ItemFieldSingleSelectValue { name } } } } } } }"""
SET = """mutation($p: ID!, $i: ID!, $f: ID!, $o: String!) { updateProjectV2ItemFieldValue(input: {
  projectId: $p, itemId: $i, fieldId: $f, value: {singleSelectOptionId: $o}}) {
    projectV2Item { id } } }"""

RENAME = """mutation($f: ID!, $o: [ProjectV2SingleSelectFieldOptionInput!]) {
  updateProjectV2Field(input: {fieldId: $f, singleSelectOptions: $o}) {
    projectV2Field { ... on ProjectV2SingleSelectField { id } } } }"""


def cards(one: Office, issue: int) -> dict[int, str]:
    """What each board shows of the issue, by the board's number."""
    node = one.api.get(f"/repos/{SLUG}/issues/{issue}").json()["node_id"]
    found = one.api.query(CARD, id=node)["data"]["node"]["projectItems"]["nodes"]
    return {
        item["project"]["number"]: (item["fieldValueByName"] or {}).get("name", "")
        for item in found
    }


def put(one: Office, issue: int, owner: str, number: int, status: str) -> None:
    """A person drags the issue to that column of that board."""
    shape = one.world.read.board(owner, number, "Status").board
    node = one.api.get(f"/repos/{SLUG}/issues/{issue}").json()["node_id"]
    item = one.world.write.add_to_board(shape.id, node)
    option = next(each.id for each in shape.options if each.name == status)
    told = one.api.query(SET, p=shape.id, i=item, f=shape.field_id, o=option)
    assert "errors" not in told, told


def test_the_board_of_an_organisation_with_words_of_its_own(tmp_path: Path) -> None:
    projects = {"product": {**WORDS, "repos": [ENTRY]}}
    with an_office(tmp_path, seed=SEED, config={"github_projects": projects}) as one:
        issue = one.issue("Add a file")
        put(one, issue, "acme", 7, "🚀 Go")
        one.dispatch()
        assert cards(one, issue) == {7: "🔨 At work"}
        one.work_until_quiet()
        assert one.state_of(issue) is State.DONE, one.told()
        assert cards(one, issue) == {7: "✅ Shipped"}


def test_a_repository_on_two_boards_is_worked_from_either(tmp_path: Path) -> None:
    projects = {
        "work": {"project_number": 1, "repos": [ENTRY]},
        "product": {**WORDS, "repos": [{"github_repo": SLUG}]},
    }
    with an_office(tmp_path, seed=SEED, config={"github_projects": projects}) as one:
        assert [board.name for board in one.world.config.boards] == ["maria/1", "acme/7"]
        assert len(one.world.config.repositories) == 1
        first, second, both = (one.issue(f"Add file {n}") for n in range(3))
        put(one, first, "maria", 1, "Ready")
        put(one, second, "acme", 7, "🚀 Go")
        put(one, second, "maria", 1, "Backlog")
        put(one, both, "maria", 1, "Ready")
        put(one, both, "acme", 7, "🚀 Go")
        one.dispatch()
        assert cards(one, first) == {1: "In Progress"}
        assert cards(one, second) == {7: "🔨 At work", 1: "Backlog"}
        one.dispatch()  # what is Ready on the other board too was used up by the first
        assert cards(one, both) == {1: "In Progress", 7: "🔨 At work"}
        assert len(one.folders()[State.INBOX]) == 3
        for _ in range(3):
            one.work_until_quiet()
        assert one.state_of(second) is State.DONE, one.told()
        assert cards(one, second) == {7: "✅ Shipped", 1: "Backlog"}


def test_an_issue_on_a_board_that_is_not_its_own_is_left_alone(tmp_path: Path) -> None:
    projects = {
        "work": {"project_number": 1, "repos": [ENTRY]},
        "product": {**WORDS, "repos": [{"github_repo": "acme/site"}]},
    }
    with an_office(tmp_path, seed=SEED, config={"github_projects": projects}) as one:
        issue = one.issue("Add a file")
        put(one, issue, "acme", 7, "🚀 Go")
        one.dispatch()
        assert not one.folders()[State.INBOX] and cards(one, issue) == {7: "🚀 Go"}
        assert f"{SLUG}#{issue}: left alone on the board acme/7" in one.told()


def test_a_word_that_nearly_fits_is_suggested(tmp_path: Path) -> None:
    words = {**WORDS, "ready_value": "go", "repos": [ENTRY]}
    with an_office(tmp_path, seed=SEED, config={"github_projects": {"product": words}}) as one:
        assert one.dispatch() == 20
        assert "no option 'go'" in one.told() and "ready_value: 🚀 Go" in one.told()


def renamed(one: Office, old: str, new: str) -> None:
    """A person renames a column of the board, which keeps its cards."""
    shape = one.world.read.board("maria", 1, "Status").board
    options = [
        {"id": each.id, "name": new if each.name == old else each.name, "color": "GRAY",
         "description": ""}
        for each in shape.options
    ]  # fmt: skip
    told = one.api.query(RENAME, f=shape.field_id, o=options)
    assert "errors" not in told, told


def test_a_renamed_column_is_an_alert_once_and_told_when_it_is_back(tmp_path: Path) -> None:
    with an_office(tmp_path, repository=QUICK) as one:
        renamed(one, "In Progress", "Doing")
        for number in range(2):
            one.ready(f"Add file {number}")
            one.dispatch()
        assert one.told().count("its card was not moved to In Progress") == 2, one.told()
        assert one.told().count("ALERT board maria/1: no card is moved to In Progress") == 1
        assert "no option 'In Progress'" in one.told()
        renamed(one, "Doing", "In Progress")
        third = one.ready("Add a third")
        one.dispatch()
        assert cards(one, third) == {1: "In Progress"}
        assert one.told().count("recovered: board maria/1: cards are moved to In Progress") == 1


def test_without_a_board_the_labels_say_it_all(tmp_path: Path) -> None:
    projects = {"work": {"repos": [ENTRY]}}
    with an_office(tmp_path, config={"github_projects": projects}) as one:
        issue = one.ready("Add a file")
        one.work_until_quiet()
        assert one.state_of(issue) is State.DONE and cards(one, issue) == {}
