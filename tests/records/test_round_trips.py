"""What is written is what is read: every record through JSON and back."""

from __future__ import annotations

import importlib
import pkgutil

import msgspec
import pytest
from hypothesis import given, settings

from orchestrator import records
from orchestrator.records import verdicts
from tests.support import values

# The config holds secrets, which no encoder may know; its own test makes the round trip.
OTHERWISE_TESTED = {"orchestrator.records.config", "orchestrator.records.config_file"}


def structs() -> list[type[msgspec.Struct]]:
    found = []
    for module in pkgutil.iter_modules(records.__path__, "orchestrator.records."):
        if module.name in OTHERWISE_TESTED:
            continue
        for value in vars(importlib.import_module(module.name)).values():
            if (
                isinstance(value, type)
                and issubclass(value, msgspec.Struct)
                and value.__module__ == module.name
            ):
                found.append(value)
    return found


@pytest.mark.parametrize("kind", structs(), ids=lambda kind: kind.__name__)
def test_a_record_comes_back_as_it_was(kind: type[msgspec.Struct]) -> None:
    @settings(max_examples=12)
    @given(values.of(kind))
    def comes_back(value: msgspec.Struct) -> None:
        assert msgspec.json.decode(msgspec.json.encode(value), type=kind) == value
        assert msgspec.convert(msgspec.to_builtins(value), kind) == value

    comes_back()


@pytest.mark.parametrize(
    "union", [verdicts.AttemptJudgement, verdicts.PullRequestVerdict], ids=["attempt", "pull"]
)
def test_a_verdict_is_known_by_its_tag(union: object) -> None:
    @settings(max_examples=25)
    @given(values.of(union))
    def comes_back(value: object) -> None:
        again = msgspec.json.decode(msgspec.json.encode(value), type=union)
        assert again == value and type(again) is type(value)

    comes_back()


@pytest.mark.parametrize("kind", structs(), ids=lambda kind: kind.__name__)
def test_a_record_cannot_be_changed(kind: type[msgspec.Struct]) -> None:
    assert kind.__struct_config__.frozen
