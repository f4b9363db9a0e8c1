"""A query as closures over the schema's resolvers, made once for each document.

What graphql-core does at every field of every answer (collect the selections, build the facts of
a resolver, coerce arguments) depends on the document alone, or on its variables alone. It is
done once here. Only a whole answer comes of it: where anything is out of the ordinary, an error
above all, `answer` gives None, and graphql-core answers from the beginning in its own words.
That is why mutations, which must not run twice, are never compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from orchestrator.forge.queries.ask import Ask, Problem
from orchestrator.forge.state import Refused

# What graphql-core makes an error in the answer; anything else is a fault of ours either way.
TROUBLES = (Problem, Refused)
PLAIN: dict[str, type] = {"String": str, "ID": str, "Boolean": bool}


class Unusual(Exception):
    """This answer, or this document, is left to graphql-core."""


class Run(NamedTuple):
    """One answer being made: what resolvers find in `info.context`, and arguments by their node."""

    context: Ask
    variables: Any
    arguments: dict[int, dict[str, Any]]


Complete = Callable[[Any, Run], Any]
Field = Callable[[Any, Run], Any]
Project = Callable[[Any, Run], dict[str, Any]]


class Query:
    """The one operation of a document; raises Unusual when it cannot be compiled."""

    def __init__(self, schema: Any, document: Any) -> None:
        from graphql import FragmentDefinitionNode, OperationDefinitionNode, OperationType
        from graphql.execution.get_variable_signature import get_variable_signature

        self.schema = schema
        nodes = document.definitions
        self.fragments = {
            node.name.value: node for node in nodes if isinstance(node, FragmentDefinitionNode)
        }
        operations = [node for node in nodes if isinstance(node, OperationDefinitionNode)]
        if len(operations) != 1 or operations[0].operation is not OperationType.QUERY:
            raise Unusual
        self.operation = operations[0]
        if self.operation.directives:
            raise Unusual
        self.name = self.operation.name.value if self.operation.name else None
        signatures: list[Any] = [
            get_variable_signature(schema, node)
            for node in self.operation.variable_definitions or ()
        ]
        self.declared = {each.name: (each, fitting(each.type)) for each in signatures}
        self.project = self.object(schema.query_type, [self.operation.selection_set])

    def answer(self, ask: Ask, variables: dict[str, Any]) -> dict[str, Any] | None:
        """The data of an answer without errors; None where graphql-core has to answer."""
        try:
            return self.project(None, Run(ask, self.variables(variables), {}))
        except (Unusual, *TROUBLES):
            return None

    def variables(self, told: dict[str, Any]) -> Any:
        """The variables as graphql-core knows them."""
        from graphql.execution.values import (
            VariableValues,
            VariableValueSource,
            get_variable_values,
        )

        declared = self.declared.items()
        if all(name in told and fits(told[name]) for name, (_, fits) in declared):
            sources = {name: VariableValueSource(each, told[name]) for name, (each, _) in declared}
            return VariableValues(sources, {name: told[name] for name in sources})
        definitions = self.operation.variable_definitions or ()
        known = get_variable_values(self.schema, definitions, told)
        if isinstance(known, list):
            raise Unusual
        return known

    # --- compilation --------------------------------------------------------------------------

    def object(self, kind: Any, sets: Sequence[Any]) -> Project:
        """A row of an object type to the fields that are asked of it, in their order."""
        grouped: dict[str, list[Any]] = {}
        for node in self.selected(kind, sets, set()):
            key = node.alias.value if node.alias else node.name.value
            grouped.setdefault(key, []).append(node)
        fields = [(key, self.field(kind, nodes)) for key, nodes in grouped.items()]

        def project(row: Any, run: Run) -> dict[str, Any]:
            return {key: field(row, run) for key, field in fields}

        return project

    def selected(self, kind: Any, sets: Sequence[Any], visited: set[str]) -> Iterator[Any]:
        from graphql import FieldNode, FragmentSpreadNode

        for node in (node for each in sets for node in each.selections):
            if node.directives:
                raise Unusual
            if isinstance(node, FieldNode):
                yield node
                continue
            part = node
            if isinstance(node, FragmentSpreadNode):
                if node.name.value in visited:
                    continue
                visited.add(node.name.value)
                part = self.fragments[node.name.value]
                if part.directives:
                    raise Unusual
            condition = part.type_condition
            if condition is None or self.fits(kind, condition.name.value):
                yield from self.selected(kind, [part.selection_set], visited)

    def fits(self, kind: Any, name: str) -> bool:
        from graphql import is_abstract_type

        wanted = self.schema.type_map[name]
        return wanted is kind or (
            is_abstract_type(wanted) and self.schema.is_sub_type(wanted, kind)
        )

    def field(self, kind: Any, nodes: Sequence[Any]) -> Field:
        from graphql import print_ast

        node = nodes[0]
        name = node.name.value
        if name == "__typename":
            return lambda row, run: kind.name
        if name.startswith("__"):
            raise Unusual
        field = kind.fields[name]
        complete = self.complete(field.type, [n.selection_set for n in nodes if n.selection_set])
        resolve = field.resolve
        if not field.args:
            plain = field.extensions["resolver"]
            return lambda row, run: complete(plain(row, run.context, {}), run)
        if not any("$" in print_ast(argument) for argument in node.arguments or ()):
            same = coerced(field, node, None)
            return lambda row, run: complete(resolve(row, run, **same), run)
        arguments = partial(self.arguments, field, node)

        def resolved(row: Any, run: Run) -> Any:
            known = run.arguments.get(id(node))
            return complete(resolve(row, run, **(known or arguments(run))), run)

        return resolved

    def arguments(self, field: Any, node: Any, run: Run) -> dict[str, Any]:
        """The arguments of a field: the same for every row of an answer."""
        made = run.arguments[id(node)] = coerced(field, node, run.variables)
        return made

    def complete(self, kind: Any, sets: Sequence[Any]) -> Complete:
        """What a resolver gave to what the answer shows, for a type of the schema."""
        from graphql import is_leaf_type, is_list_type, is_non_null_type, is_object_type

        if is_non_null_type(kind):
            return partial(present, self.complete(kind.of_type, sets))
        if is_list_type(kind):
            return partial(each, self.complete(kind.of_type, sets))
        if is_leaf_type(kind):
            return leaf(kind)
        if is_object_type(kind):
            return partial(whole, self.object(kind, sets))
        made: dict[str, Project] = {}

        def abstract(value: Any, run: Run) -> Any:
            if value is None:
                return None
            name = kind.resolve_type(value, run, kind)
            project = made.get(name)
            if project is None:
                project = made[name] = self.member(kind, name, sets)
            return project(value, run)

        return abstract

    def member(self, kind: Any, name: Any, sets: Sequence[Any]) -> Project:
        found = self.schema.type_map.get(name)
        if found is None or not self.schema.is_sub_type(kind, found):
            raise Unusual
        return self.object(found, sets)


def coerced(field: Any, node: Any, variables: Any) -> dict[str, Any]:
    """The arguments of a field, the defaults of the schema among them."""
    from graphql import GraphQLError
    from graphql.execution.values import get_argument_values

    try:
        made: dict[str, Any] = get_argument_values(field, node, variables)
    except GraphQLError as error:
        raise Unusual from error
    return made


def fitting(kind: Any) -> Callable[[Any], bool]:
    """Whether a variable is of its type already, and so is taken as it is."""
    from graphql import GRAPHQL_MAX_INT, is_list_type, is_non_null_type

    if is_non_null_type(kind):
        inner = fitting(kind.of_type)
        return lambda value: value is not None and inner(value)
    if is_list_type(kind):
        inner = fitting(kind.of_type)
        return lambda value: value is None or (value.__class__ is list and all(map(inner, value)))
    if kind.name == "Int":
        return lambda value: (
            value is None or (value.__class__ is int and abs(value) <= GRAPHQL_MAX_INT)
        )
    plain = PLAIN.get(kind.name)
    return lambda value: value is None or value.__class__ is plain


def present(complete: Complete, value: Any, run: Run) -> Any:
    shown = complete(value, run)
    if shown is None:
        raise Unusual
    return shown


def each(complete: Complete, value: Any, run: Run) -> list[Any] | None:
    if value is None:
        return None
    if not isinstance(value, list | tuple):
        raise Unusual
    return [complete(one, run) for one in value]


def leaf(kind: Any) -> Complete:
    """A scalar or the name of an enum's value; what does not fit is an error's business."""
    from graphql import GraphQLError, Undefined, is_specified_scalar_type

    shown = getattr(kind, "coerce_output_value", None) or kind.serialize
    plain = PLAIN.get(kind.name) if is_specified_scalar_type(kind) else None

    def complete(value: Any, run: Run) -> Any:
        # Of its own type it is shown as it is.
        if value is None or value.__class__ is plain:
            return value
        if isinstance(value, Exception):
            raise Unusual
        try:
            told = shown(value)
        except (GraphQLError, TypeError, ValueError) as error:
            raise Unusual from error
        if told is None or told is Undefined:
            raise Unusual
        return told

    return complete


def whole(project: Project, value: Any, run: Run) -> dict[str, Any] | None:
    if isinstance(value, Exception):
        raise Unusual
    return None if value is None else project(value, run)
