"""An invariant that nobody watched fail proves nothing: each has a planted bug that it finds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sim import invariants, planted, run
from tests.sim.planted import BUGS


@pytest.fixture(scope="module")
def player() -> Iterator[run.Player]:
    with run.player() as made:
        yield made


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_found_and_only_while_it_is_there(name: str, player: run.Player) -> None:
    bug = BUGS[name]
    caught = planted.hunt(bug, player)
    assert caught is not None, f"{bug.within} seeds were played, and nobody noticed: {name}"
    print(f"{name}: seed {caught.seed}, {caught.rule}: {caught.words}")
    without = player.result(bug.plan(caught.seed))
    assert caught.invariant not in {one for one, _ in without.violations}, without.violations


def test_every_rule_has_a_bug_that_it_finds() -> None:
    found = {rule for bug in BUGS.values() for rule in bug.rules}
    assert found == set(invariants.BY_RULE)
