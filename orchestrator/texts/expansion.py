"""Fills `~` and `${NAME}` into a config's strings, and finds what is still a placeholder."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator.records import regex
from orchestrator.records.config_file import EXPANDED, EXPANDED_KEYS, Fault, Place

VARIABLE = regex.late(r"\$(\$?)\{([^{}]*)\}")
PLACEHOLDER = regex.late(
    r"^/path/to(/|$)|replace[-_ ]?me|change[-_ ]?me|^(todo|tbd|x{3,})$|^<[^<>]+>$"
    r"|\byour[-_ ]?(own|user|name|login|org|owner|account|bot|chat|token|key|repo|project|home)",
    re.IGNORECASE,
)
ADDRESSES = {"url", "command"}  # an example address or a program's words are nobody's placeholder


def fill(data: Any, environment: Mapping[str, str], home: str) -> tuple[Any, list[Fault]]:
    """The same tree with its variables filled in, and what stood in the way."""
    faults: list[Fault] = []

    def string(text: str, path: Place) -> str:
        filled, missing = expanded(text, environment, home)
        faults.extend(Fault(path, sentence) for sentence in missing)
        if path[-1] not in ADDRESSES and PLACEHOLDER.search(filled):
            faults.append(Fault(path, f"still the placeholder {filled!r}; put your own value here"))
        return filled

    def walk(node: Any, path: Place, *, inside: bool) -> Any:
        if isinstance(node, str):
            return string(node, path) if inside else node
        if isinstance(node, list):
            return [walk(item, (*path, i), inside=inside) for i, item in enumerate(node)]
        if not isinstance(node, dict):
            return node
        keyed = bool(path) and path[-1] in EXPANDED_KEYS
        return {
            string(key, (*path, key)) if keyed else key: walk(
                value, (*path, key), inside=inside or key in EXPANDED
            )
            for key, value in node.items()
        }

    return walk(data, (), inside=False), faults


def expanded(text: str, environment: Mapping[str, str], home: str) -> tuple[str, list[str]]:
    """One string with `~` and `${NAME}` filled in; `$${NAME}` stands for the words `${NAME}`."""
    missing: list[str] = []

    def value(match: re.Match[str]) -> str:
        escaped, name = match.groups()
        if escaped:
            return "${" + name + "}"
        if not environment.get(name):
            missing.append(f"the environment variable {name or '(no name)'} is not set")
        return environment.get(name, "")

    if text == "~" or text.startswith("~/"):
        text = home + text[1:]
    filled = VARIABLE.sub(value, text) if "$" in text else text
    return (text if missing else filled), missing


def literal_secrets(data: Any, names: Iterable[str]) -> list[str]:
    """Those of the named top-level keys whose value stands in the file itself."""
    if not isinstance(data, dict):
        return []
    held = ((name, data.get(name)) for name in names)
    return [name for name, value in held if value and not VARIABLE.search(str(value))]
