"""What a run of the tests may change in what it tests, and what it may not."""

from __future__ import annotations

import pytest

from orchestrator.records.change import Print
from orchestrator.rules.tamper import hollow


def at(held: str, touched: str = "1") -> Print:
    return Print(held=held, touched=touched)


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("tests/test_a.py", True),
        ("src/lib.rs", True),  # its own tests stand in it
        ("conftest.py", True),
        ("pkg/.cargo/config.toml", True),
        ("Makefile", True),
        ("package.json", True),
        ("bin/check.sh", True),
        ("tests/__snapshots__/a.snap", True),
        ("package-lock.json", False),
        ("Cargo.lock", False),
        ("README.md", False),
        ("tests/data/library.db", False),
        ("dist/app.css", False),
    ],
)
def test_code_tests_and_settings_are_watched(path: str, wanted: bool) -> None:
    assert hollow.watched(path) is wanted


@pytest.mark.parametrize(
    ("path", "now", "said"),
    [
        ("tests/test_a.py", at("x"), ""),
        ("tests/test_a.py", None, "is gone"),
        ("tests/test_a.py", at("y", "2"), "was changed"),
        ("tests/test_a.py", at("x", "2"), "was put back as it was"),
        ("a.py", at("x", "2"), ""),  # a formatter that found nothing to do
        ("a.py", at("y", "2"), "was changed"),
        ("a.py", None, "is gone"),
    ],
)
def test_what_became_of_a_path(path: str, now: Print | None, said: str) -> None:
    after = {} if now is None else {path: now}
    assert hollow.changed({path: at("x")}, after) == ({path: said} if said else {})


def test_a_setting_that_the_run_made_is_told() -> None:
    assert "sub/conftest.py" in hollow.settings(["sub/test_a.py"])
    assert hollow.changed({}, {"conftest.py": at("x")}) == {"conftest.py": "was put there"}


def test_what_the_base_does_too_is_the_repository_s_own_habit() -> None:
    found = {"a.py": "was changed", "tests/test_a.py": "is gone"}
    assert hollow.left(found, ["a.py"]) == {"tests/test_a.py": "is gone"}
    assert hollow.left(found, found) == {}


def test_it_is_told_in_a_sentence_of_bounded_length() -> None:
    found = {f"tests/test_{n}.py": "is gone" for n in range(40)}
    said = hollow.told(found)
    assert "does not count" in said and "tests/test_0.py is gone" in said and "35 more" in said
