"""Which paths are tests, which works owe one for a bug, and what is said where it is missing."""

from __future__ import annotations

import pytest

from orchestrator.records.suspicion import Weight
from orchestrator.rules import tamper
from orchestrator.rules.tamper import unproved

RUST = "fn add() {}\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn adds() {}\n}\n"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("tests/test_total.py", True),
        ("total_test.go", True),
        ("src/total.test.ts", True),
        ("src/__tests__/total.tsx", True),
        ("spec/total_spec.rb", True),
        ("src/test/java/TotalTest.java", True),
        ("app/TotalTests.cs", True),
        ("test/data/order.json", True),
        ("cmd/testdata/order.txt", True),
        ("total.bats", True),
        ("conftest.py", True),
        ("total.py", False),
        ("src/latest.py", False),
        ("src/contest.ts", False),
        ("src/Attestation.java", False),
        ("protest/readme.md", False),
    ],
)
def test_tests_are_known_by_their_place_or_name(path: str, expected: bool) -> None:
    assert unproved.of_tests(path) is expected


@pytest.mark.parametrize(
    ("paths", "inline", "expected"),
    [
        (("README.md", "docs/logo.svg", "notes.txt"), (), True),
        (("LICENSE",), (), True),
        (("requirements.txt",), (), False),
        (("CMakeLists.txt",), (), False),
        (("README.md", "total.py"), (), False),
        (("src/lib.rs",), (RUST,), True),
        (("src/lib.rs",), ("fn add() {}\n",), False),
        (("src/lib.rs", "tests/total.rs"), (RUST,), False),
    ],
)
def test_some_works_can_show_nothing_on_the_base(
    paths: tuple[str, ...], inline: tuple[str, ...], expected: bool
) -> None:
    assert bool(unproved.exempt(paths, inline)) is expected


def test_a_missing_proof_is_asked_for_once_and_then_a_person_s() -> None:
    found = (unproved.finding(("README.md", "total.py"), ()),)
    assert (found[0].path, found[0].weight) == ("total.py", Weight.MEND)
    assert "no test comes with it" in found[0].said
    assert isinstance(tamper.also(tamper.Allow(), found, asked=False), tamper.NeedsReason)
    asked = tamper.also(tamper.Allow(), found, asked=True)
    assert isinstance(asked, tamper.NeedsPerson) and asked.suspicions == found
    assert tamper.also(tamper.Allow(), (), asked=False) == tamper.Allow()


def test_what_else_was_found_stays() -> None:
    other = unproved.finding(("total.py",), ())
    late = unproved.finding(("total.py", "tests/test_total.py"), ("tests/test_total.py",))
    both = tamper.also(tamper.NeedsPerson((other,)), (late,), asked=True)
    assert isinstance(both, tamper.NeedsPerson) and both.suspicions == (other, late)
    assert "passes on the base" in late.said
