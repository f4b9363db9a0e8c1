"""A compiled query answers as graphql-core does, to the order of the keys, or leaves it to it."""

from __future__ import annotations

import itertools
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from graphql import (
    execute_sync,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    is_required_argument,
    parse,
    validate,
)
from graphql.execution.values import get_variable_values

from orchestrator.adapters import gh_documents
from orchestrator.forge import accounts
from orchestrator.forge.queries import compiled, engine
from orchestrator.forge.queries.ask import Ask
from orchestrator.forge.web import Call
from tests.forge import test_graphql
from tests.support import forge as forge_support

QUOTA = accounts.Quota("graphql", 5000, 7, 1_767_607_200)
# What an argument may be; a hit and a miss of each, since errors have to look the same.
WORDS: dict[str, tuple[str, ...]] = {
    "first": ("1", "2", "50", "$size"), "last": ("1", "3"), "owner": ('"maria"',),
    "name": ('"library"', '"Status"'), "login": ('"maria"', '"robot"', '"nobody"'),
    "number": ("1", "2", "3", "$number"), "refPrefix": ('"refs/heads/"',),
    "expression": ('"main"',), "qualifiedName": ('"main"',), "id": ("$one",),
    "ids": ("$ids", "[$one]"), "url": ('"http://forge.test/maria/library"',),
}
HEAD = "query Any($size: Int, $number: Int!, $one: ID!, $ids: [ID!]!)"
DEEPEST = 6
MOST_FIELDS = 80
DOCUMENTS = 150


@pytest.fixture
def nodes(
    github: forge_support.Github, maria: forge_support.Session, robot: forge_support.Session,
    open_pull: Callable[..., dict[str, Any]],
) -> list[str]:
    """A world with something of each kind; the node ids of its issues and pull requests."""
    pulls = [open_pull(name, body="Closes #1") for name in ("one", "two")]
    place, sha = "/repos/maria/library", pulls[0]["head"]["sha"]
    robot.post(f"{place}/statuses/{sha}", json={"state": "pending", "context": "extra"})
    robot.post(f"{place}/issues/1/comments", json={"body": "a word"})
    robot.post(f"{place}/issues/1/labels", json={"labels": ["ready"]})
    review = {"event": "REQUEST_CHANGES", "body": "no"}
    maria.post(f"{place}/pulls/{pulls[0]['number']}/reviews", json=review)
    github.pass_time(20)
    robot.put(f"{place}/pulls/{pulls[1]['number']}/merge", json={})
    github.pass_time(2)
    issue = robot.get(f"{place}/issues/1").json()["node_id"]
    return [issue, *(pull["node_id"] for pull in pulls)]


def agree(github: forge_support.Github, text: str, variables: dict[str, Any]) -> bool:
    """Whether there was a whole answer; fails where the two ways differ."""
    state = github.forge.state
    viewer = accounts.identify(state, "token robot-token")
    call = Call(state, viewer, "POST", "/graphql", github.url, {}, {})
    document = parse(text)
    told = execute_sync(
        engine.schema(), document, context_value=Ask(call, 3, QUOTA), variable_values=variables
    )
    made = compiled.Query(engine.schema(), document).answer(Ask(call, 3, QUOTA), variables)
    if told.errors:
        assert made is None, (text, told.errors)
        return False
    assert json.dumps(made) == json.dumps(told.data), text
    return True


def drawn(rng: random.Random) -> str:
    """A document over the forge's schema; it may be invalid where fields conflict."""
    fragments: list[str] = []
    budget = MOST_FIELDS

    def asked(field: Any) -> str:
        given = []
        for name, argument in field.args.items():
            usual = name == "first" and "last" not in "".join(given)
            if is_required_argument(argument) or usual or (name in WORDS and rng.random() < 0.2):
                given.append(f"{name}: {rng.choice(WORDS.get(name, ('null',)))}")
        return f"({', '.join(given)})" if given else ""

    def selected(kind: Any, depth: int) -> str:
        nonlocal budget
        parts = ["__typename"] if rng.random() < 0.5 else []
        if is_abstract_type(kind):
            members = engine.schema().get_possible_types(kind)
            for member in rng.sample(list(members), min(len(members), 4)):
                parts.append(f"... on {member.name} {selected(member, depth)}")
        fields = list(getattr(kind, "fields", {}).items())
        for name, field in rng.sample(fields, min(len(fields), rng.randint(2, 6))):
            inner, body = get_named_type(field.type), ""
            budget -= 1
            if not is_leaf_type(inner):
                if depth <= 0 or budget <= 0:
                    continue
                body = selected(inner, depth - 1)
            called = f"{name}{rng.randint(1, 3)}: {name}" if rng.random() < 0.2 else name
            told = asked(field)
            parts.append(f"{called}{told} {body}")
            if body and rng.random() < 0.2:  # the same once more: the two are one field
                parts.append(f"{called}{told} {selected(inner, depth - 1)}")
        if rng.random() < 0.15:
            fragments.append(f"fragment F{len(fragments)} on {kind.name} {{ __typename }}")
            parts.append(f"...F{len(fragments) - 1} ... {{ again: __typename }}")
        return "{ " + " ".join(parts or ["__typename"]) + " }"

    body = selected(engine.schema().query_type, DEEPEST)
    used = "... on Query { a: nodes(ids: $ids) { id } b: node(id: $one) { id }"
    used += ' c: user(login: "maria") { projectV2(number: $number) { items(first: $size) {'
    return f"{HEAD} {body[:-1]} {used} totalCount }} }} }} }} }} {' '.join(fragments)}"


def variables(rng: random.Random, nodes: list[str]) -> dict[str, Any]:
    given: dict[str, Any] = {
        "number": 1, "one": rng.choice(nodes), "ids": rng.sample(nodes, rng.randint(0, 3)),
        "size": rng.choice([1, 2, 30]),
    }
    if rng.random() < 0.1:
        given |= rng.choice([{"number": None}, {"ids": ["x"]}, {"size": 101}, {"one": "x"}])
    return given


def test_any_query_is_answered_in_the_same_way(
    github: forge_support.Github, nodes: list[str]
) -> None:
    rng, seen = random.Random(20_260_105), Counter[str]()
    for _ in range(DOCUMENTS):
        text = drawn(rng)
        if validate(engine.schema(), parse(text)):
            seen["invalid"] += 1
        elif agree(github, text, variables(rng, nodes)):
            seen["answered"] += 1
        else:
            seen["refused"] += 1
    assert seen["answered"] >= 40 and seen["refused"] >= 10, seen


def ours(nodes: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    known: dict[str, Any] = {
        "login": "maria", "owner": "maria", "name": "library", "number": 1, "field": "Status",
        "first": 50, "after": None, "ids": nodes, "id": nodes[1], "node": nodes[1],
    }
    texts = [
        value for value in vars(gh_documents).values()
        if isinstance(value, str) and value.lstrip().startswith("query ")
        and "__type(" not in value  # the schema's own questions go by graphql-core alone
    ]
    slugs = ["maria/library", "maria/secret"]
    texts += [
        test_graphql.PULL, test_graphql.BOARD, test_graphql.TIMELINE,
        gh_documents.labelled(slugs[:1], "ready", first=50, after={}, questions=nodes[:1]),
        gh_documents.labelled(slugs, "ready", first=50, after={}),
        gh_documents.issue_states("maria/library", [1, 2]),
    ]
    for text in texts:
        if any(node.kind == "operation_definition" for node in parse(text).definitions):
            yield text, known


def test_every_query_of_ours_is_answered_in_the_same_way(
    github: forge_support.Github, nodes: list[str]
) -> None:
    whole = [agree(github, text, known) for text, known in ours(nodes)]
    assert len(whole) > 10 and sum(whole) > len(whole) / 2


@pytest.mark.parametrize(
    "text",
    [
        "{ viewer { login @include(if: true) } }",
        "{ __schema { queryType { name } } }",
        "query A { viewer { login } } query B { viewer { id } }",
        'mutation { closeIssue(input: {issueId: "x"}) { clientMutationId } }',
        "{ viewer { ...F } } fragment F on User @skip(if: true) { login }",
    ],
)
def test_what_is_unusual_is_left_to_graphql_core(text: str) -> None:
    with pytest.raises(compiled.Unusual):
        compiled.Query(engine.schema(), parse(text))


def test_variables_are_taken_as_graphql_core_takes_them() -> None:
    text = """query ($size: Int, $owner: String!, $after: String, $ids: [ID!]!) {
      user(login: $owner) { repositories(first: $size, after: $after) { totalCount } }
      nodes(ids: $ids) { id }
    }"""
    query = compiled.Query(engine.schema(), parse(text))
    values = [
        None, True, "x", 1, 1.0, 2**31 - 1, 2**31, -(2**31), [], ["x"], [1], [None], [["x"]], {},
    ]
    rng, seen = random.Random(20_260_105), Counter[bool]()
    names = ["size", "owner", "after", "ids"]
    plain: dict[str, Any] = {"size": 1, "owner": "x", "after": None, "ids": ["x"]}
    for name, value in itertools.product(names, values):
        given = plain | {name: value, rng.choice(names): rng.choice(values)}
        if rng.random() < 0.1:
            del given[name]
        wanted = get_variable_values(
            query.schema, query.operation.variable_definitions or (), given
        )
        seen[isinstance(wanted, list)] += 1
        if isinstance(wanted, list):
            with pytest.raises(compiled.Unusual):
                query.variables(given)
        else:
            assert repr(query.variables(given)) == repr(wanted)
    assert min(seen[True], seen[False]) >= 10, seen


def test_the_server_answers_both_kinds(robot: forge_support.Session) -> None:
    told = robot.query("query Mine { viewer { login } }")
    assert told == {"data": {"viewer": {"login": "robot"}}}
    told = robot.query('{ viewer { login } user(login: "nobody") { id } }')
    assert told["data"] == {"viewer": {"login": "robot"}, "user": None}
    assert [error["path"] for error in told["errors"]] == [["user"]]
    body = {"query": "query Mine { viewer { login } }", "operationName": "Other"}
    assert robot.post("/graphql", json=body).json()["errors"]
