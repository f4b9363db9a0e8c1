"""Executes a document with graphql-core over schema.graphql, and words errors as GitHub does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache
from importlib import resources
from typing import Any, NamedTuple

from orchestrator.forge import accounts
from orchestrator.forge.queries import (
    board_changes,
    boards,
    changes,
    commits,
    compiled,
    found,
    issues,
    items,
    mutations,
    people,
    repository,
    reviews,
    searches,
)
from orchestrator.forge.queries.ask import CONNECTION, EDGE, PAGE_INFO, Ask, Fields, Problem
from orchestrator.forge.records import Json
from orchestrator.forge.state import Refused
from orchestrator.forge.web import Call

Spend = Callable[[int], accounts.Quota]
BUILDING = threading.Lock()
POINTS = 100
MIXED = "they return conflicting types"


def resolvers() -> dict[str, Fields]:
    table: dict[str, Fields] = {"PageInfo": PAGE_INFO}
    for part in (people, repository, issues, reviews, commits, boards, items, searches):
        table |= part.FIELDS
    table["Query"] = table["Query"] | {"search": searches.search}
    table["Mutation"] = (
        mutations.MUTATION | changes.MUTATION | board_changes.MUTATION | reviews.MUTATION
    )
    return table


def fields_for(name: str, table: dict[str, Fields]) -> Fields:
    if name.endswith("Connection"):
        return CONNECTION | table.get(name, {})
    if name.endswith("Edge"):
        return EDGE
    return table.get(name, {})


def attach(schema: Any) -> None:
    """Give every field its resolver; one without any is a mistake of ours, told at once."""
    from graphql import is_abstract_type, is_object_type

    table = resolvers()
    for name, kind in schema.type_map.items():
        if name.startswith("__"):
            continue
        if is_abstract_type(kind):
            kind.resolve_type = lambda row, info, _: (
                None if isinstance(row, Exception) else found.type_name(row)
            )
        if not is_object_type(kind):
            continue
        known = fields_for(name, table)
        for field_name, field in kind.fields.items():
            if name.endswith("Payload"):
                field.resolve = lambda row, info, _key=field_name, **args: row[_key]
            elif field_name in known:
                field.resolve = bind(known[field_name])
                field.extensions["resolver"] = known[field_name]
            else:
                raise LookupError(f"{name}.{field_name} has no resolver")


def bind(resolver: Any) -> Any:
    def resolve(row: Any, info: Any, **args: Any) -> Any:
        slipped = info.context.call.slipped
        if slipped and args.get("after"):
            args = {**args, "slipped": slipped}
        return resolver(row, info.context, args)

    return resolve


@cache
def built() -> Any:
    from graphql import build_schema

    text = resources.files("orchestrator.forge").joinpath("schema.graphql").read_text()
    schema = build_schema(text)
    attach(schema)
    return schema


def schema() -> Any:
    """The schema with its resolvers, built once in a process."""
    with BUILDING:
        return built()


@lru_cache(maxsize=256)
def document(text: str) -> tuple[Any, list[Any]]:
    """A parsed document and what is wrong with it; the same text is only read once."""
    from graphql import GraphQLError, parse, validate

    try:
        parsed = parse(text)
    except GraphQLError as error:
        return None, [error]
    wrong = validate(schema(), parsed)
    # GitHub lets one name have another type in each member of a union; the standard does not.
    return parsed, [error for error in wrong if MIXED not in error.message]


@lru_cache(maxsize=256)
def query(text: str) -> compiled.Query | None:
    """A valid document as closures; None for one that graphql-core has to execute."""
    try:
        return compiled.Query(schema(), document(text)[0])
    except compiled.Unusual:
        return None


class Weight(NamedTuple):
    """What a field counts for: how many rows or ids, or the variable that tells, and its fields."""

    rows: int | str
    ids: int | str
    inner: tuple[Weight, ...]


def weights(node: Any) -> Iterator[Weight]:
    """The fields of a node that can count at all."""
    for selection in getattr(getattr(node, "selection_set", None), "selections", ()):
        rows: int | str = 0
        ids: int | str = 0
        for argument in getattr(selection, "arguments", None) or ():
            value = argument.value
            variable = getattr(getattr(value, "name", None), "value", None)
            if argument.name.value in ("first", "last"):
                rows = variable or int(getattr(value, "value", 0))
            elif argument.name.value == "ids":
                ids = variable or len(getattr(value, "values", ()))
        inner = tuple(weights(selection))
        if rows or inner:
            yield Weight(rows, ids, inner)


@lru_cache(maxsize=256)
def weighed(text: str) -> tuple[Weight, ...]:
    return tuple(weight for part in document(text)[0].definitions for weight in weights(part))


def cost(fields: Sequence[Weight], variables: Json) -> int:
    """How many requests GitHub would count: one for each connection of each parent.

    A connection is taken as full; each of the `ids` that are asked for is a parent.
    """
    total = 0
    for rows, ids, fields_inside in fields:
        inner = cost(fields_inside, variables)
        size = int(variables.get(rows) or 0) if isinstance(rows, str) else rows
        many = len(variables.get(ids) or ()) if isinstance(ids, str) else ids
        total += 1 + size * inner if size else max(1, many) * inner
    return total


def shown(error: Any) -> Json:
    """An error with GitHub's type, path and places."""
    from graphql import GraphQLError

    body: Json = {}
    original = error.original_error
    if isinstance(original, Problem | Refused):
        body["type"] = original.kind
    elif original is not None and not isinstance(original, GraphQLError):
        raise original
    if error.path:
        body["path"] = list(error.path)
    if error.locations:
        body["locations"] = [{"line": p.line, "column": p.column} for p in error.locations]
    body["message"] = error.message
    if isinstance(original, Refused) and original.errors:
        told = [e if isinstance(e, str) else e.get("message", "") for e in original.errors]
        body["message"] = ", ".join(filter(None, told)) or error.message
    return body


def execute(call: Call, spend: Spend) -> Json:
    """The answer to one POST /graphql; errors are part of it."""
    from graphql import execute_sync

    told = call.fields("query", "variables", "operationName")
    text, variables = told.get("query"), told.get("variables") or {}
    if not isinstance(text, str) or not text.strip():
        text = "A query attribute must be specified and must be a string."
        return {"errors": [{"message": text}]}
    parsed, wrong = document(text)
    if wrong:
        return {"errors": [shown(error) for error in wrong]}
    points = max(1, round(cost(weighed(text), variables) / POINTS))
    quota = spend(points)
    ready = query(text)
    if ready is not None and told.get("operationName") in (None, ready.name):
        data = ready.answer(Ask(call, points, quota), variables)
        if data is not None:
            return {"data": data}
    result = execute_sync(
        schema(), parsed, context_value=Ask(call, points, quota), variable_values=variables,
        operation_name=told.get("operationName"),
    )
    body: Json = {"data": result.data}
    if result.errors:
        body["errors"] = [shown(error) for error in result.errors]
    return body
