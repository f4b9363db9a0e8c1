"""What somebody who sets up asks a forge: whose repositories, what is in them, a board for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.forge import server, store
from tests.support import forge as forge_support

HOME = "/repos/guild/tools"
SEED: dict[str, Any] = {
    "users": [
        {"login": "maria", "token": "maria-token", "name": "Maria"},
        {"login": "robot", "token": "robot-token", "scopes": "repo"},
        {"login": "eve", "token": "eve-token"},
        {"login": "guild", "type": "Organization",
         "members": {"maria": "admin", "robot": "member"}},
    ],
    "repos": [
        {"name": "maria/library", "collaborators": {"robot": "write"}, "private": True},
        {
            "name": "guild/tools", "private": True,
            "files": {
                "README.md": "# Tools\n", "src/a.py": "a = 1\n",
                ".github/workflows/ci.yml": forge_support.GREEN_WORKFLOW,
            },
        },
        {"name": "eve/open", "files": {"README.md": "# Open\n"}},
    ],
    "issues": [{"repo": "guild/tools", "title": "Sharpen", "labels": ["bug"]}],
}
OPTION = "{id name color}"
BOARD = """query($id: ID!) { node(id: $id) { ... on ProjectV2 { number title public url
  owner { ... on Organization { login } } repositories(first: 5) { nodes { nameWithOwner } }
  field(name: "Status") { ... on ProjectV2SingleSelectField { id options { id name color } } }
  fields(first: 20) { nodes { ... on ProjectV2FieldCommon { name dataType } } } } } }"""


@pytest.fixture
def github(tmp_path: Path) -> Iterator[forge_support.Github]:
    with forge_support.inside(tmp_path / "forge", SEED) as found:
        yield found


def change(session: forge_support.Session, mutation: str, asked: str, **given: Any) -> Any:
    kind = mutation[0].upper() + mutation[1:]
    document = f"mutation ($input: {kind}Input!) {{ {mutation}(input: $input) {{ {asked} }} }}"
    answer = session.query(document, input=given)
    assert "errors" not in answer, answer["errors"]
    return answer["data"][mutation]


def names(session: forge_support.Session, path: str) -> list[str]:
    answer = session.get(path)
    assert answer.ok, answer.text
    return [row["full_name"] for row in answer.json()]


def test_whose_repositories_there_are(github: forge_support.Github) -> None:
    maria, robot, eve = (github.session(f"{who}-token") for who in ("maria", "robot", "eve"))
    assert names(maria, "/user/repos") == ["guild/tools", "maria/library"]
    assert names(maria, "/user/repos?affiliation=owner&sort=created") == ["maria/library"]
    assert names(maria, "/user/repos?type=private&per_page=1&page=2") == ["maria/library"]
    assert names(robot, "/user/repos") == ["guild/tools", "maria/library"]
    assert names(eve, "/user/repos") == ["eve/open"]
    assert names(maria, "/orgs/guild/repos") == ["guild/tools"]
    assert names(eve, "/orgs/guild/repos") == []
    assert names(maria, "/users/maria/repos") == []
    assert names(maria, "/users/eve/repos") == ["eve/open"]
    assert [row["login"] for row in maria.get("/user/orgs").json()] == ["guild"]
    assert maria.get("/orgs/guild").json()["type"] == "Organization"
    assert maria.get("/users/eve").json()["public_repos"] == 1
    assert maria.get("/orgs/eve").status_code == 404
    told = {row["full_name"]: row["permissions"] for row in robot.get("/user/repos").json()}
    assert told["maria/library"]["push"]
    assert not told["guild/tools"]["push"]
    asked = """{viewer{login id organizations(first:5){totalCount nodes{login}}
      repositories(first:5,ownerAffiliations:[OWNER,COLLABORATOR,ORGANIZATION_MEMBER],
        privacy:PRIVATE,isArchived:false,orderBy:{field:NAME,direction:DESC}){
          nodes{nameWithOwner viewerPermission}}}
      repositoryOwner(login:"guild"){id repository(name:"tools"){name}}}"""
    viewer = robot.query(asked)["data"]["viewer"]
    assert [row["login"] for row in viewer["organizations"]["nodes"]] == ["guild"]
    assert [tuple(row.values()) for row in viewer["repositories"]["nodes"]] == [
        ("guild/tools", "READ"), ("maria/library", "WRITE"),
    ]


def test_what_is_in_a_repository(github: forge_support.Github) -> None:
    maria = github.session()
    kinds = {row["path"]: row["type"] for row in maria.get(f"{HOME}/contents/").json()}
    assert kinds == {".github": "dir", "README.md": "file", "src": "dir"}
    inside = maria.get(f"{HOME}/contents/src?ref=main").json()
    assert [(row["path"], row["size"]) for row in inside] == [("src/a.py", 6)]
    assert maria.get(f"{HOME}/contents/nothing").status_code == 404
    assert maria.get(f"{HOME}/readme").json()["path"] == "README.md"
    found = maria.get(f"{HOME}/actions/workflows").json()
    assert [(row["name"], row["path"], row["state"]) for row in found["workflows"]] == [
        ("CI", ".github/workflows/ci.yml", "active"),
    ]
    assert maria.get(f"{HOME}/actions/workflows/ci.yml").json() == found["workflows"][0]
    assert maria.get(f"{HOME}/actions/workflows/ci.yml/runs").json()["total_count"] == 0
    assert maria.get("/repos/maria/library/actions/workflows").json()["total_count"] == 0
    assert maria.get(f"{HOME}/branches/main/protection").status_code == 404
    assert maria.get(f"{HOME}/rules/branches/main").json() == []


def test_scopes_are_those_of_the_token(github: forge_support.Github) -> None:
    assert github.session("robot-token").get("/user").headers["X-OAuth-Scopes"] == "repo"
    told = github.session("maria-token").get("/").headers["X-OAuth-Scopes"]
    assert "project" in told
    assert "X-OAuth-Scopes" not in github.session(None).get("/").headers


def test_a_board_of_an_organization(github: forge_support.Github) -> None:
    maria = github.session()
    guild = maria.query('{organization(login:"guild"){id}}')["data"]["organization"]["id"]
    repo = maria.query('{repository(owner:"guild",name:"tools"){id issue(number:1){id}}}')
    home = repo["data"]["repository"]
    board = change(maria, "createProjectV2", "projectV2{id}", ownerId=guild, title="Work")
    board_id = board["projectV2"]["id"]
    told = maria.query(BOARD, id=board_id)["data"]["node"]
    assert (told["number"], told["public"], told["owner"]) == (1, False, {"login": "guild"})
    assert told["url"].endswith("/orgs/guild/projects/1")
    assert [(one["name"], one["color"]) for one in told["field"]["options"]] == [
        ("Todo", "GREEN"), ("In Progress", "YELLOW"), ("Done", "PURPLE"),
    ]
    kinds = {one["name"]: one["dataType"] for one in told["fields"]["nodes"]}
    assert kinds["Linked pull requests"] == "LINKED_PULL_REQUESTS"
    done = told["field"]["options"][2]["id"]
    wanted = [
        {"name": "Ready", "color": "BLUE", "description": ""},
        {"name": "Done", "color": "BLUE", "description": "", "id": done},
    ]
    change(maria, "updateProjectV2Field", "projectV2Field{__typename}",
           fieldId=told["field"]["id"], singleSelectOptions=wanted)
    options = maria.query(BOARD, id=board_id)["data"]["node"]["field"]["options"]
    assert [one["name"] for one in options] == ["Ready", "Done"]
    assert options[1]["id"] == done
    change(maria, "linkProjectV2ToRepository", "repository{name}",
           projectId=board_id, repositoryId=home["id"])
    linked = """{repository(owner:"guild",name:"tools"){projectsV2(first:3){nodes{title}}
      projectV2(number:1){repositories(first:3){totalCount}}}}"""
    shown = maria.query(linked)["data"]["repository"]
    assert shown["projectsV2"]["nodes"] == [{"title": "Work"}]
    assert shown["projectV2"]["repositories"]["totalCount"] == 1
    item = change(maria, "addProjectV2ItemById", "item{id type}",
                  projectId=board_id, contentId=home["issue"]["id"])["item"]
    assert item["type"] == "ISSUE"
    change(maria, "unlinkProjectV2FromRepository", "repository{name}",
           projectId=board_id, repositoryId=home["id"])
    assert maria.query(linked)["data"]["repository"]["projectV2"] is None


def test_a_private_board_is_nobody_elses(github: forge_support.Github) -> None:
    maria, eve = github.session(), github.session("eve-token")
    owner = maria.query("{viewer{id}}")["data"]["viewer"]["id"]
    board = change(maria, "createProjectV2", "projectV2{id}", ownerId=owner, title="Own")
    board_id = board["projectV2"]["id"]
    seen = '{user(login:"maria"){projectsV2(first:3){totalCount} projectV2(number:1){id}}}'
    told = eve.query(seen)
    assert told["data"]["user"]["projectsV2"]["totalCount"] == 0
    assert told["errors"][0]["type"] == "NOT_FOUND"
    assert eve.query(BOARD, id=board_id)["errors"][0]["type"] == "NOT_FOUND"
    change(maria, "updateProjectV2", "projectV2{public}", projectId=board_id, public=True)
    assert "errors" not in eve.query(seen)
    document = """mutation($input: CreateProjectV2Input!) {
      createProjectV2(input: $input) { projectV2 { id } } }"""
    refused = eve.query(document, input={"ownerId": owner, "title": "Not hers"})
    assert refused["errors"][0]["type"] == "FORBIDDEN"


def test_a_field_is_added_once(github: forge_support.Github) -> None:
    maria = github.session()
    owner = maria.query("{viewer{id}}")["data"]["viewer"]["id"]
    board = change(maria, "createProjectV2", "projectV2{id}", ownerId=owner, title="Own")
    given = {
        "projectId": board["projectV2"]["id"], "name": "Size", "dataType": "SINGLE_SELECT",
        "singleSelectOptions": [{"name": "S", "color": "RED", "description": "Small"}],
    }
    asked = f"projectV2Field{{...on ProjectV2SingleSelectField{{name options{OPTION}}}}}"
    made = change(maria, "createProjectV2Field", asked, **given)["projectV2Field"]
    assert [(one["name"], one["color"]) for one in made["options"]] == [("S", "RED")]
    document = """mutation($input: CreateProjectV2FieldInput!) {
      createProjectV2Field(input: $input) { clientMutationId } }"""
    again = maria.query(document, input=given)
    assert again["errors"][0]["message"] == "Name has already been taken"
    none = maria.query(document, input=given | {"name": "Other", "singleSelectOptions": []})
    assert none["errors"]


def test_an_older_store_gets_new_columns(tmp_path: Path) -> None:
    with forge_support.inside(tmp_path / "forge") as github:
        rows = github.forge.state.store.connection
        rows.execute("alter table boards drop column public")
        rows.execute("alter table boards drop column readme")
    again = server.build(tmp_path / "forge")
    columns = {row[1] for row in again.state.store.connection.execute(
        "pragma table_info(boards)"
    )}
    assert {"public", "readme"} <= columns
    assert isinstance(again.state.store, store.Store)
    again.close()
