"""Faults before an agent: five in a row give a task up, an outage of GitHub never does."""

from __future__ import annotations

import pytest

from orchestrator.rules import starting
from orchestrator.rules.starting import WAITS, Again, GiveUp


@pytest.mark.parametrize(
    ("faults", "ends"),
    [
        ("x", Again(1, WAITS[0], False)),
        ("xxx", Again(3, WAITS[2], False)),
        ("xxxx", Again(4, WAITS[3], True)),
        ("xxxxx", GiveUp(5)),
        ("o", Again(1, WAITS[0], False)),
        ("ooo", Again(3, WAITS[2], False)),
        ("oooo", Again(3, WAITS[3], True)),
        ("o" * 100, Again(3, WAITS[3], True)),
        ("o" * 100 + "x", Again(4, WAITS[3], True)),
        ("o" * 100 + "xx", GiveUp(5)),
        # What was counted before it stays counted.
        ("xxxx" + "o" * 100, Again(4, WAITS[3], True)),
        ("xxxx" + "o" * 100 + "x", GiveUp(5)),
        ("xo", Again(2, WAITS[1], False)),
    ],
)
def test_faults_in_a_row(faults: str, ends: Again | GiveUp) -> None:
    step: Again | GiveUp = Again(0, 0, False)
    for fault in faults:
        step = starting.after(step.tries, outage=fault == "o")
    assert step == ends
