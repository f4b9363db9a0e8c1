"""Reads YAML as plain values, and knows where in the text each of them stands."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from typing import Any

import yaml

from orchestrator.records.config_file import Fault, Place

MOST_REPEATED = 100_000  # values that aliases add; a config has some hundreds in all
MERGE = "tag:yaml.org,2002:merge"
TIMESTAMP = "tag:yaml.org,2002:timestamp"


class Multiplied(yaml.YAMLError):
    """Aliases of aliases, which a few lines are enough for to fill any memory."""


class Loader(yaml.CSafeLoader):
    """Safe YAML whose keys are text, whose dates stay text, and that notes keys given twice."""

    doubled = False

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002
        """As PyYAML does, whose own errors over `!!int x` or `!!bool x` are not of its kind."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, OverflowError, KeyError, AttributeError) as wrong:
            tag = str(node.tag).removeprefix("tag:yaml.org,2002:")
            said = f"a value that cannot be read as !!{tag}"
            raise yaml.constructor.ConstructorError(None, None, said, node.start_mark) from wrong

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        keys = [key.value for key, _ in node.value if key.tag != MERGE]
        if len(set(map(str, keys))) != len(keys):
            self.doubled = True
        whole = super().construct_mapping(node, deep)
        return {key if isinstance(key, str) else str(key): value for key, value in whole.items()}


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != TIMESTAMP]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def parse(text: str) -> tuple[Any, bool]:
    """The plain values of a YAML text, and whether a key stands twice in it.

    Raises yaml.YAMLError, and RecursionError for what is nested too deep or contains itself.
    """
    loader = Loader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return None, False
        refuse_multiplied(root)
        return loader.construct_document(root), loader.doubled
    finally:
        loader.dispose()


def refuse_multiplied(root: yaml.Node) -> None:
    """Raise Multiplied where aliases add too much; written out, each would be walked every time."""
    sizes: dict[int, int] = {}

    def size(node: yaml.Node) -> int:
        known = sizes.get(id(node))
        if known is not None:
            return known
        inner: list[yaml.Node] = []
        if isinstance(node, yaml.SequenceNode):
            inner = node.value
        elif isinstance(node, yaml.MappingNode):
            inner = [one for pair in node.value for one in pair]
        sizes[id(node)] = found = 1 + sum(map(size, inner))
        return found

    if size(root) - len(sizes) > MOST_REPEATED:
        raise Multiplied(
            f"its aliases (*) stand for more than {MOST_REPEATED} values; write out what they mean"
        )


def marks(text: str) -> tuple[dict[Place, int], list[Fault]]:
    """The line of every place in the file, and the keys that stand twice with two values."""
    lines: dict[Place, int] = {}
    faults: list[Fault] = []

    def walk(node: yaml.Node, path: Place) -> None:
        lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                walk(item, (*path, index))
        if not isinstance(node, yaml.MappingNode):
            return
        seen: dict[str, yaml.Node] = {}
        for key, value in node.value:
            place = (*path, str(key.value))
            if key.value in seen and yaml.serialize(seen[key.value]) != yaml.serialize(value):
                first = lines[place]
                lines[place] = key.start_mark.line + 1
                sentence = f"stands twice, here and in line {first}, with different values"
                faults.append(Fault(place, sentence))
            seen[key.value] = value
            lines.setdefault(place, key.start_mark.line + 1)
            walk(value, place)

    root = yaml.compose(text, Loader=yaml.CSafeLoader)
    if root is not None:
        walk(root, ())
    return lines, faults


def too_deep(wrong: yaml.YAMLError) -> bool:
    """Whether the reader gave up over nesting: from PyYAML 6.0.4 on it does, before Python does."""
    return "nesting depth" in str(wrong)


def trouble(wrong: yaml.YAMLError) -> str:
    """The line of a syntax error and what the parser says of it."""
    mark = getattr(wrong, "problem_mark", None)
    line = mark.line + 1 if mark else 1
    said = getattr(wrong, "problem", None) or str(wrong)
    return f"{line}: is not YAML: {said}"


def without(data: dict[str, Any], places: Iterable[Place]) -> dict[str, Any]:
    """A copy with those keys left out; for a place inside a list, the key of the list."""
    whole = deepcopy(data)
    for place in places:
        node: Any = whole
        parts = list(place)
        while parts and isinstance(parts[-1], int):
            parts.pop()
        if not parts or parts[-1] == "repos":
            continue
        for part in parts[:-1]:
            at = node and (isinstance(node, list) or (isinstance(node, dict) and part in node))
            node = node[part] if at else None
        if isinstance(node, dict):
            node.pop(str(parts[-1]), None)
    return whole
