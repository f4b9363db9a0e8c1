"""Says what is wrong with a config: every problem, with its line and the nearest known name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from orchestrator.records.config_file import Fault, Place

Lines = Mapping[Place, int]
KINDS = {
    "string": "text", "integer": "a whole number", "number": "a number", "boolean": "true or false",
    "array": "a list", "object": "a block of keys", "null": "nothing",
}  # fmt: skip


def told(faults: Iterable[Fault], name: str, lines: Lines) -> tuple[str, ...]:
    """One sentence for each fault, in the order of the file: `config.yaml:12: key: what`."""
    placed = [(line_of(fault.path, lines), fault) for fault in faults]
    placed.sort(key=lambda pair: pair[0])
    sentences = (
        f"{name}:{line}: {spelled(fault.path)}{': ' if fault.path else ''}{fault.sentence}"
        for line, fault in placed
    )
    return tuple(dict.fromkeys(sentences))


def spelled(path: Place) -> str:
    """A place as a person writes it: `github_projects.web.repos[0].path`."""
    words = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return "".join(words).removeprefix(".")


def line_of(path: Place, lines: Lines) -> int:
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def structure(data: Any, schema: dict[str, Any]) -> list[Fault]:
    """Every unknown key, wrong type and unknown word, by the exported schema."""
    import jsonschema

    validator = jsonschema.Draft202012Validator(schema)
    levels = {name: set(level.get("properties", {})) for name, level in schema["$defs"].items()}
    return [
        fault
        for error in validator.iter_errors(data)
        for leaf in leaves(error)
        for fault in explained(leaf, levels)
    ]


def leaves(error: Any) -> Iterator[Any]:
    """The errors worth telling: inside `one of these or nothing`, those of the one that fits."""
    if error.validator != "anyOf":
        yield error
        return
    of_branch: dict[int, list[Any]] = {}
    for child in error.context:
        of_branch.setdefault(child.schema_path[0], []).append(child)
    deeper = [
        children
        for children in of_branch.values()
        if not any(child.validator == "type" and not child.path for child in children)
    ]
    if len(deeper) == 1:
        for child in deeper[0]:
            yield from leaves(child)
    else:
        yield error


def explained(error: Any, levels: Mapping[str, set[str]]) -> Iterator[Fault]:
    path, rule, value = tuple(error.absolute_path), error.validator, error.validator_value
    match rule:
        case "additionalProperties":
            known = set(error.schema.get("properties", {}))
            for key in error.instance:
                if key not in known:
                    yield Fault((*path, key), unknown_key(key, known, levels))
        case "propertyNames" | "enum":
            words = value["enum"] if rule == "propertyNames" else value
            yield Fault(path, unknown_word("value", error.instance, words))
        case "type":
            yield Fault(path, f"must be {KINDS[value]}, not {shown(error.instance)}")
        case "anyOf":
            kinds = [k for branch in value for k in kinds_of(branch)]
            wanted = " or ".join(dict.fromkeys(KINDS[k] for k in kinds if k != "null"))
            yield Fault(path, f"must be {wanted}, not {shown(error.instance)}")
        case "minimum":
            yield Fault(path, f"must be at least {value}, not {error.instance}")
        case "maximum":
            yield Fault(path, f"must be at most {value}, not {error.instance}")
        case "pattern":
            example = error.schema["examples"][0]
            yield Fault(path, f"must be written like {example}, not {shown(error.instance)}")
        case "minLength":
            yield Fault(path, "must not be empty")
        case _:
            yield Fault(path, error.message)


def kinds_of(branch: Mapping[str, Any]) -> list[str]:
    if "enum" in branch:
        return ["string"]
    kind = branch.get("type", "object")
    return [kind] if isinstance(kind, str) else list(kind)


def unknown_key(key: str, known: Iterable[str], levels: Mapping[str, set[str]]) -> str:
    places = {"GlobalFile": "at the top level", "ProjectFile": "in a project",
              "RepositoryFile": "in a repository"}  # fmt: skip
    for level, place in places.items():
        if key in levels.get(level, ()):
            return f"unknown key here; it belongs {place}"
    return f"unknown key{nearest(key, known)}"


def unknown_word(what: str, word: Any, words: Iterable[str]) -> str:
    if not isinstance(word, str):
        return f"must be one of {', '.join(words)}, not {shown(word)}"
    return f"unknown {what} {word!r}{nearest(word, words)} (one of: {', '.join(words)})"


def no_zone(word: str, zones: Iterable[str]) -> str:
    """A time zone that is none; `Berlin` alone is understood well enough to be put right."""
    known = sorted(zones)
    city = [zone for zone in known if zone.lower().endswith(f"/{word.lower()}")]
    meant = f"; did you mean {city[0]}?" if city else nearest(word, known)
    return f"unknown time zone {word!r}{meant} (a name such as Europe/Berlin, or UTC)"


def nearest(word: str, words: Iterable[str]) -> str:
    close = difflib.get_close_matches(word.lower(), list(words), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""


def shown(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case str():
            return f"the text {value[:60]!r}"
        case list():
            return "a list"
        case dict():
            return "a block of keys"
        case _:
            return str(value)


def too_open(what: str, path: str, mode: int) -> str:
    return f"{what} and others may read it (mode {mode & 0o777:o}); run: chmod 600 {path}"
