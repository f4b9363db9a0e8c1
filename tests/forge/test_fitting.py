"""What fits by closures is what fits by jsonschema, for GitHub's own schemas."""

from __future__ import annotations

import copy
from random import Random
from typing import Any

import jsonschema
import pytest

from tests.support import github_schema
from tests.support.fitting import Fitting, Unknown

ODD = (None, True, 0, 1, 1.0, 1.5, -7, "", "open", "x" * 80, [], [None], {}, {"id": 1})
COMPONENTS = github_schema.description()["components"]["schemas"]


def drawn(rng: Random, schema: Any, depth: int = 6) -> Any:
    """Something that fits as a rule."""
    if "$ref" in schema:
        schema = COMPONENTS[schema["$ref"].rpartition("/")[2]]
    for word in ("oneOf", "anyOf"):
        if word in schema:
            return drawn(rng, rng.choice(schema[word]), depth)
    if "allOf" in schema:
        parts = [drawn(rng, part, depth) for part in schema["allOf"]]
        return parts[0] if len(parts) == 1 else {k: v for p in parts if p for k, v in p.items()}
    if "enum" in schema:
        return rng.choice(schema["enum"])
    kinds = schema.get("type", "object")
    kind = kinds if isinstance(kinds, str) else rng.choice(kinds)
    if kind == "object" and depth:
        inner, needed = schema.get("properties", {}), schema.get("required", ())
        names = [name for name in inner if name in needed or rng.random() < 0.3]
        return {name: drawn(rng, inner[name], depth - 1) for name in names}
    if kind == "array":
        return [drawn(rng, schema.get("items", {}), depth - 1) for _ in range(rng.randint(0, 2))]
    usual: dict[str, Any] = {"string": "word", "boolean": True, "null": None, "object": {}}
    return usual.get(kind, 3)


def bent(rng: Random, value: Any) -> Any:
    """The same with one thing at any depth changed, added or gone."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        name = rng.choice(list(value))
        what = rng.random()
        if what < 0.2:
            return {other: item for other, item in value.items() if other != name}
        if what < 0.3:
            return value | {"odd": rng.choice(ODD)}
        return value | {name: bent(rng, value[name])}
    if isinstance(value, list) and value and rng.random() < 0.9:
        return [bent(rng, value[0]), *value[1:]]
    return rng.choice(ODD)


def test_both_give_the_same_verdict() -> None:
    rng, verdicts = Random(7), []
    for name in rng.sample(sorted(COMPONENTS), 60):
        schema = {"$ref": f"#/components/schemas/{name}"}
        whole = {**schema, "components": {"schemas": COMPONENTS}}
        slow = jsonschema.Draft202012Validator(whole)
        fits = github_schema.fitting().made_of(schema)
        value = drawn(rng, schema)
        for case in (value, bent(rng, value), bent(rng, bent(rng, copy.deepcopy(value)))):
            verdicts.append(fits(case))
            assert verdicts[-1] == slow.is_valid(case), (name, case)
    assert 40 < sum(verdicts) < 140, "of those that fit and those that do not, many were asked"


def test_every_answer_that_is_described_can_be_decided() -> None:
    for path, methods in github_schema.description()["paths"].items():
        for method, operation in methods.items():
            for status in operation["responses"]:
                github_schema.fits(path, method, status)


@pytest.mark.parametrize("word", ["pattern", "not", "enum"])
def test_a_word_that_is_not_known_is_never_passed_over(word: str) -> None:
    told: dict[str, Any] = {"pattern": "a", "not": {"type": "string"}, "enum": [["a"]]}
    with pytest.raises(Unknown):
        Fitting({}).made_of({"items": {word: told[word]}})
