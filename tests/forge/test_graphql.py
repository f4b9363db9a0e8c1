"""GraphQL over the subset schema, and the subset itself against GitHub's."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from graphql import build_schema, parse
from graphql.language import print_ast

from orchestrator.forge.queries import engine
from orchestrator.forge.state import Settings
from tests.support import forge as forge_support

OFFICIAL = Path(__file__).parent / "data" / "schema.graphql"
PULL = """
query ($ids: [ID!]!) {
  rateLimit { cost limit remaining resetAt used }
  nodes(ids: $ids) {
    __typename
    ... on PullRequest {
      id number url state isDraft merged mergeable mergeStateStatus headRefName headRefOid
      headRef { name target { oid } } baseRefName baseRef { target { oid } } reviewDecision
      author { login __typename } labels(first: 5) { nodes { name } }
      commits(last: 1) { totalCount nodes { commit { oid parents(first: 2) { nodes { oid } }
        statusCheckRollup { state contexts(first: 100) { totalCount pageInfo { hasNextPage }
          nodes { __typename
            ... on CheckRun { databaseId name status conclusion startedAt completedAt detailsUrl
              checkSuite { id app { databaseId slug } workflowRun { workflow { name } } } }
            ... on StatusContext { context state description targetUrl createdAt } } } } } } }
      closingIssuesReferences(first: 5) { nodes { number } }
      reviews(first: 5) { totalCount } latestReviews(first: 5) { nodes { state } }
      reviewThreads(first: 5) { totalCount }
    }
  }
}
"""
BOARD = """
query ($login: String!, $number: Int!, $first: Int!, $after: String) {
  user(login: $login) { projectV2(number: $number) {
    id title closed url
    field(name: "Status") { __typename ... on ProjectV2SingleSelectField {
      id name dataType options { id name } } }
    items(first: $first, after: $after) { totalCount pageInfo { hasNextPage endCursor } nodes {
      id type isArchived updatedAt creator { login }
      fieldValueByName(name: "Status") { ... on ProjectV2ItemFieldSingleSelectValue {
        name optionId updatedAt creator { login } } }
      content { __typename ... on Issue { id number title body state stateReason updatedAt
        author { login } authorAssociation labels(first: 10) { nodes { name } }
        repository { nameWithOwner } } } } }
  } }
}
"""
TIMELINE = """
query { repository(owner: "maria", name: "library") { issue(number: 1) {
  lastEditedAt editor { login } comments(last: 1) { nodes { body author { login } } }
  timelineItems(first: 20, itemTypes: [LABELED_EVENT, UNLABELED_EVENT, CLOSED_EVENT]) {
    totalCount nodes { __typename
      ... on LabeledEvent { createdAt actor { login } label { name } }
      ... on UnlabeledEvent { label { name } }
      ... on ClosedEvent { stateReason } } }
  projectItems(first: 5) { nodes { project { number } } } } } }
"""


def board(session: forge_support.Session, first: int = 100, after: str | None = None) -> Any:
    answer = session.query(BOARD, login="maria", number=1, first=first, after=after)
    assert "errors" not in answer, answer["errors"]
    return answer["data"]["user"]["projectV2"]


def change(session: forge_support.Session, name: str, **given: Any) -> dict[str, Any]:
    kind = name[0].upper() + name[1:]
    document = f"mutation ($input: {kind}Input!) {{ {name}(input: $input) {{ clientMutationId }} }}"
    return session.query(document, input=given)


def test_many_pulls_in_one_request(
    github: forge_support.Github, robot: forge_support.Session,
    open_pull: Callable[..., dict[str, Any]],
) -> None:
    pulls = [open_pull(name, body="Closes #1") for name in ("one", "two")]
    sha = pulls[0]["head"]["sha"]
    told = {"state": "success", "context": "extra", "description": "fine"}
    robot.post(f"/repos/maria/library/statuses/{sha}", json=told)
    github.pass_time(20)
    answer = robot.query(PULL, ids=[pull["node_id"] for pull in pulls])
    assert "errors" not in answer, answer["errors"]
    first = answer["data"]["nodes"][0]
    assert first["mergeable"] == "MERGEABLE"
    assert first["mergeStateStatus"] == "CLEAN"
    assert first["closingIssuesReferences"]["nodes"] == [{"number": 1}]
    rollup = first["commits"]["nodes"][0]["commit"]["statusCheckRollup"]
    assert rollup["state"] == "SUCCESS"
    kinds = [context["__typename"] for context in rollup["contexts"]["nodes"]]
    assert kinds == ["CheckRun", "StatusContext"]
    run = rollup["contexts"]["nodes"][0]
    assert run["checkSuite"]["app"]["slug"] == "github-actions"
    assert run["checkSuite"]["workflowRun"]["workflow"]["name"] == "CI"
    assert answer["data"]["rateLimit"]["limit"] == 5000


def test_board_pages(robot: forge_support.Session) -> None:
    whole = board(robot)
    assert whole["items"]["totalCount"] == 2
    options = [option["name"] for option in whole["field"]["options"]]
    assert options == ["Backlog", "Ready", "In Progress", "Blocked", "Done"]
    first = whole["items"]["nodes"][0]
    assert first["fieldValueByName"]["name"] == "Ready"
    assert first["content"]["labels"]["nodes"] == [{"name": "bug"}]
    assert first["content"]["authorAssociation"] == "OWNER"
    page = board(robot, first=1)["items"]
    assert page["pageInfo"]["hasNextPage"] is True
    rest = board(robot, first=1, after=page["pageInfo"]["endCursor"])["items"]
    assert [item["content"]["number"] for item in rest["nodes"]] == [2]
    assert rest["pageInfo"]["hasNextPage"] is False


def test_board_changes(github: forge_support.Github, robot: forge_support.Session) -> None:
    before = board(robot)
    item = before["items"]["nodes"][0]
    options = {option["name"]: option["id"] for option in before["field"]["options"]}
    given = {
        "projectId": before["id"], "itemId": item["id"], "fieldId": before["field"]["id"],
        "value": {"singleSelectOptionId": options["In Progress"]},
    }
    github.pass_time(5)
    assert "errors" not in change(robot, "updateProjectV2ItemFieldValue", **given)
    value = board(robot)["items"]["nodes"][0]["fieldValueByName"]
    assert (value["name"], value["creator"]["login"]) == ("In Progress", "robot")
    assert value["updatedAt"] == "2026-01-05T09:00:05Z"
    wrong = given | {"value": {"singleSelectOptionId": "ffffffff"}}
    assert change(robot, "updateProjectV2ItemFieldValue", **wrong)["errors"]
    place = {"projectId": before["id"], "itemId": item["id"]}
    assert "errors" not in change(robot, "archiveProjectV2Item", **place)
    assert board(robot)["items"]["totalCount"] == 1
    again = {"projectId": before["id"], "contentId": item["content"]["id"]}
    assert "errors" not in change(robot, "addProjectV2ItemById", **again)
    assert board(robot)["items"]["nodes"][0]["id"] == item["id"]
    assert "errors" not in change(robot, "deleteProjectV2Item", **place)
    assert board(robot)["items"]["totalCount"] == 1
    eve = change(github.session("eve-token"), "addProjectV2ItemById", **again)
    assert eve["errors"][0]["type"] == "FORBIDDEN"


def test_an_issue_is_a_part_of_one_other(
    github: forge_support.Github, robot: forge_support.Session
) -> None:
    first, second = (item["content"]["id"] for item in board(robot)["items"]["nodes"])
    made = change(robot, "addSubIssue", issueId=first, subIssueId=second)
    assert "errors" not in made
    for parent, part in ((first, second), (second, first), (first, first)):
        again = change(robot, "addSubIssue", issueId=parent, subIssueId=part)
        assert again["errors"][0]["type"] == "UNPROCESSABLE", again
    eve = github.session("eve-token")
    refused = change(eve, "addSubIssue", issueId=second, subIssueId=first)
    assert refused["errors"][0]["type"] == "FORBIDDEN"


def test_a_board_can_be_made(github: forge_support.Github) -> None:
    maria = github.session("maria-token")
    owner = maria.query("{viewer{id}}")["data"]["viewer"]["id"]
    assert "errors" not in change(maria, "createProjectV2", ownerId=owner, title="Second")
    asked = """{viewer{projectsV2(first:5){nodes{number title field(name:"Status"){
        ...on ProjectV2SingleSelectField{id options{name}}}}}}}"""
    found = maria.query(asked)["data"]["viewer"]["projectsV2"]["nodes"]
    assert [(one["number"], one["title"]) for one in found] == [(2, "Second"), (1, "Work")]
    wanted = [{"name": n, "color": "BLUE", "description": ""} for n in ("Todo", "Blocked")]
    given = {"fieldId": found[0]["field"]["id"], "singleSelectOptions": wanted}
    assert "errors" not in change(maria, "updateProjectV2Field", **given)
    options = maria.query(asked)["data"]["viewer"]["projectsV2"]["nodes"][0]["field"]["options"]
    assert [option["name"] for option in options] == ["Todo", "Blocked"]


STATUSES = """{viewer{projectV2(number:1){id field(name:"Status"){
  ...on ProjectV2SingleSelectField{id options{id name color description}}}
  items(first:5){nodes{fieldValueByName(name:"Status"){
    ...on ProjectV2ItemFieldSingleSelectValue{name optionId}}}}}}}"""


def test_options_that_are_not_named_by_their_id_take_the_cards_status_along(
    github: forge_support.Github,
) -> None:
    maria = github.session("maria-token")
    before = maria.query(STATUSES)["data"]["viewer"]["projectV2"]
    kept = [option | {"name": option["name"].upper()} for option in before["field"]["options"]]
    given = {"fieldId": before["field"]["id"], "singleSelectOptions": [
        *kept, {"name": "Later", "color": "PINK", "description": "Not now"},
    ]}  # fmt: skip
    assert "errors" not in change(maria, "updateProjectV2Field", **given)
    after = maria.query(STATUSES)["data"]["viewer"]["projectV2"]
    assert [one["name"] for one in after["field"]["options"]] == [
        "BACKLOG", "READY", "IN PROGRESS", "BLOCKED", "DONE", "Later",
    ]  # fmt: skip
    values = [item["fieldValueByName"] for item in after["items"]["nodes"]]
    assert [value["name"] for value in values] == ["READY", "BACKLOG"]
    same = [{k: v for k, v in one.items() if k != "id"} for one in after["field"]["options"]]
    given = {"fieldId": before["field"]["id"], "singleSelectOptions": same}
    assert "errors" not in change(maria, "updateProjectV2Field", **given)
    lost = maria.query(STATUSES)["data"]["viewer"]["projectV2"]
    assert [item["fieldValueByName"] for item in lost["items"]["nodes"]] == [None, None]
    ids = {one["id"] for one in (*after["field"]["options"], *lost["field"]["options"])}
    assert len(ids) == 12


def test_a_board_is_shown_by_the_repositories_that_it_is_linked_to(
    github: forge_support.Github,
) -> None:
    maria = github.session("maria-token")
    asked = """{viewer{projectV2(number:1){id}} repository(owner:"maria",name:"library"){
      id projectsV2(first:5){nodes{number}}}}"""
    before = maria.query(asked)["data"]
    assert before["repository"]["projectsV2"]["nodes"] == []
    given = {"projectId": before["viewer"]["projectV2"]["id"],
             "repositoryId": before["repository"]["id"]}  # fmt: skip
    assert "errors" not in change(maria, "linkProjectV2ToRepository", **given)
    assert "errors" not in change(maria, "linkProjectV2ToRepository", **given)
    assert maria.query(asked)["data"]["repository"]["projectsV2"]["nodes"] == [{"number": 1}]
    refused = change(github.session("eve-token"), "linkProjectV2ToRepository", **given)
    assert refused["errors"][0]["type"] == "FORBIDDEN"


def test_history_of_an_issue(github: forge_support.Github, robot: forge_support.Session) -> None:
    url = "/repos/maria/library/issues/1"
    robot.post(f"{url}/labels", json=["ready"])
    robot.delete(f"{url}/labels/bug")
    issue = robot.get(url).json()["node_id"]
    assert "errors" not in change(robot, "addComment", subjectId=issue, body="Hi")
    given = {"issueId": issue, "stateReason": "NOT_PLANNED"}
    assert "errors" not in change(robot, "closeIssue", **given)
    told = robot.query(TIMELINE)["data"]["repository"]["issue"]
    assert told["comments"]["nodes"] == [{"body": "Hi", "author": {"login": "robot"}}]
    nodes = told["timelineItems"]["nodes"]
    assert [node["__typename"] for node in nodes] == [
        "LabeledEvent", "LabeledEvent", "UnlabeledEvent", "ClosedEvent",
    ]
    assert nodes[1]["actor"] == {"login": "robot"}
    assert nodes[3] == {"__typename": "ClosedEvent", "stateReason": "NOT_PLANNED"}
    assert "errors" not in change(robot, "reopenIssue", issueId=issue)


def test_lists_and_refs(robot: forge_support.Session, push: Callable[..., str]) -> None:
    push("agent/one")
    asked = """{repository(owner:"maria",name:"library"){
      viewerPermission hasIssuesEnabled isEmpty owner{login} defaultBranchRef{name target{oid
        ...on Commit{messageHeadline author{user{login}} tree{oid}}}}
      issues(first:5,labels:["bug"],states:[OPEN],orderBy:{field:CREATED_AT,direction:DESC},
        filterBy:{since:"2020-01-01T00:00:00Z"}){nodes{number}}
      refs(refPrefix:"refs/heads/",first:5){nodes{name prefix}}
      ref(qualifiedName:"refs/heads/agent/one"){name}
      label(name:"ready"){name} labels(first:5){totalCount}
      object(expression:"main"){oid} pullRequests(first:5,states:[OPEN]){totalCount}}}"""
    answer = robot.query(asked)
    assert "errors" not in answer, answer["errors"]
    repo = answer["data"]["repository"]
    assert repo["viewerPermission"] == "WRITE"
    assert [ref["name"] for ref in repo["refs"]["nodes"]] == ["agent/one", "main"]
    assert repo["issues"]["nodes"] == [{"number": 1}]
    assert repo["object"]["oid"] == repo["defaultBranchRef"]["target"]["oid"]


def test_errors_are_githubs(github: forge_support.Github, robot: forge_support.Session) -> None:
    answer = robot.query(PULL, ids=["PR_nothing", robot.get("/user").json()["node_id"]])
    assert answer["errors"][0]["type"] == "NOT_FOUND"
    assert answer["errors"][0]["path"] == ["nodes", 0]
    assert [node and node["__typename"] for node in answer["data"]["nodes"]] == [None, "User"]
    missing = robot.query('{repository(owner:"maria",name:"secret"){id}}')
    assert missing["data"] == {"repository": None}
    assert "maria/secret" in missing["errors"][0]["message"]
    wrong = robot.query("{viewer{shoeSize}}")
    assert "data" not in wrong
    assert wrong["errors"]
    page = robot.query('{repository(owner:"maria",name:"library"){issues{nodes{id}}}}')
    assert page["errors"][0]["type"] == "MISSING_PAGINATION_BOUNDARIES"
    most = robot.query('{repository(owner:"maria",name:"library"){issues(first:101){totalCount}}}')
    assert most["errors"][0]["type"] == "EXCESSIVE_PAGINATION"
    assert robot.query("{viewer{")["errors"]
    assert github.session(None).post("/graphql", json={"query": "{viewer{id}}"}).status_code == 401


def test_graphql_limit(tmp_path: Path) -> None:
    settings = Settings(graphql_limit=2, rest_limit=1)
    with forge_support.inside(tmp_path / "forge", settings=settings) as github:
        maria = github.session("maria-token")
        for _ in range(2):
            assert "data" in maria.query("{viewer{login}}")
        refused = maria.post("/graphql", json={"query": "{viewer{login}}"})
        assert refused.status_code == 200
        assert refused.json()["errors"][0]["type"] == "RATE_LIMITED"
        assert maria.get("/user").ok
        last = maria.get("/user")
        assert last.status_code == 403
        assert last.json()["message"].startswith("API rate limit exceeded")
        assert last.headers["X-RateLimit-Remaining"] == "0"


def definitions(text: str) -> dict[str, Any]:
    named: list[Any] = list(parse(text).definitions)
    return {one.name.value: one for one in named if getattr(one, "name", None)}


def described(field: Any) -> tuple[str, dict[str, tuple[str, str]]]:
    arguments = {
        a.name.value: (print_ast(a.type), print_ast(a.default_value) if a.default_value else "")
        for a in getattr(field, "arguments", None) or ()
    }
    return print_ast(field.type), arguments


SCHEMA = resources.files("orchestrator.forge").joinpath("schema.graphql").read_text()
NAMED = re.compile(r"(?:type|enum|union|interface|input|scalar) (\w+)")


# What GitHub answers to but has not written into what it publishes: without the ids of the options
# that are there, an update makes all of them anew and every card loses its status.
UNPUBLISHED = {"ProjectV2SingleSelectFieldOptionInput.id"}


@cache
def definitions_of_ours() -> dict[str, Any]:
    return definitions(SCHEMA)


@cache
def definitions_of_github() -> dict[str, Any]:
    return definitions(OFFICIAL.read_text())


def names() -> list[str]:
    """Without parsing it, which every worker would do to find the tests."""
    return [found[1] for line in SCHEMA.splitlines() if (found := NAMED.match(line))]


def test_no_definition_is_left_out() -> None:
    assert sorted(names()) == sorted(definitions_of_ours())


@pytest.mark.parametrize("name", names())
def test_the_schema_is_a_subset_of_githubs(name: str) -> None:
    ours: Any = definitions_of_ours()[name]
    theirs: Any = definitions_of_github()[name]
    assert ours.kind == theirs.kind
    if ours.kind == "union_type_definition":
        assert {t.name.value for t in ours.types} <= {t.name.value for t in theirs.types}
    if ours.kind == "enum_type_definition":
        assert {v.name.value for v in ours.values} <= {v.name.value for v in theirs.values}
    known = {field.name.value: field for field in getattr(theirs, "fields", None) or ()}
    for field in getattr(ours, "fields", None) or ():
        if f"{name}.{field.name.value}" in UNPUBLISHED:
            continue
        kind, arguments = described(field)
        official_kind, official_arguments = described(known[field.name.value])
        assert kind == official_kind, f"{name}.{field.name.value}"
        assert arguments.items() <= official_arguments.items(), f"{name}.{field.name.value}"
    faces = {i.name.value for i in getattr(ours, "interfaces", None) or ()}
    assert faces <= {i.name.value for i in getattr(theirs, "interfaces", None) or ()}


def test_every_field_has_a_resolver() -> None:
    engine.schema()
    build_schema(SCHEMA)
