"""Every GraphQL document we send is valid against GitHub's own schema, and against the forge's."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from pathlib import Path

import pytest
from graphql import (
    REMOVE,
    GraphQLSchema,
    Visitor,
    build_ast_schema,
    parse,
    specified_scalar_types,
    validate,
    visit,
)

from orchestrator import adapters
from orchestrator.adapters import gh_documents
from orchestrator.records.config import BoardConfig

HERE = Path(__file__).resolve()
SCHEMAS = {
    "official": HERE.parents[1] / "forge" / "data" / "schema.graphql",
    "forge": HERE.parents[2] / "orchestrator" / "forge" / "schema.graphql",
}
DOORS = [
    importlib.import_module(f"orchestrator.adapters.{module.name}")
    for module in pkgutil.iter_modules(adapters.__path__)
    if module.name.startswith("gh_")
]
# Wherever one stands: what begins like a document is one.
DOCUMENTS = {
    name: value
    for module in DOORS
    for name, value in vars(module).items()
    if isinstance(value, str) and value.lstrip().startswith(("query ", "mutation "))
} | {
    "labelled": gh_documents.labelled(
        ["o/a", "o/b.c", "p-q/d_e"], "ready", first=50, after={"o/a": "x\"y"}
    ),
    "questions": gh_documents.labelled(
        ["o/a"], "ready", first=50, after={}, questions=["I_1", "I_2\"}"], states=["I_3"]
    ),
    "boards": gh_documents.labelled(
        ["o/a"], "ready", first=50, cards=25, after={}, boards=[
            BoardConfig(owner="o", number=1), BoardConfig(owner="p", number=2, status_field='S"t'),
        ],
    ),
    "survey": gh_documents.survey({"o/a": None, "o/b": "next"}),
    "issue_states": gh_documents.issue_states("o/a", [1, 22]),
}


@cache
def schema(name: str) -> GraphQLSchema:
    """The schema, without the fields whose types were cut from the copy of the official one."""
    document = parse(SCHEMAS[name].read_text())
    known = {node.name.value for node in document.definitions} | specified_scalar_types.keys()

    class Prune(Visitor):
        def enter_field_definition(self, node, *_):
            return None if named(node.type) in known else REMOVE

        def enter_input_value_definition(self, node, *_):
            return None if named(node.type) in known else REMOVE

        def enter_named_type(self, node, *_):
            """Of a union or a list of interfaces: what is cut elsewhere is cut here."""
            return None if named(node) in known else REMOVE

    return build_ast_schema(visit(document, Prune()), assume_valid_sdl=True)


def named(kind):
    while hasattr(kind, "type"):
        kind = kind.type
    return kind.name.value


@pytest.mark.parametrize("against", SCHEMAS)
@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_is_valid(name: str, against: str) -> None:
    assert not validate(schema(against), parse(DOCUMENTS[name]))


def test_a_wrong_document_is_noticed() -> None:
    wrong = DOCUMENTS["BOARD"].replace("totalCount", "totalCounts", 1)
    assert validate(schema("official"), parse(wrong))


def test_all_documents_are_tried() -> None:
    assert len(DOCUMENTS) >= 7
