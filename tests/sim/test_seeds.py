"""The first seeds, and after each step of each of them every invariant."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sim import run

# A minute and a half of two processors; `python -m tests.sim` plays thousands.
FIRST, SEEDS, CHUNK = 1, 200, 10


@pytest.fixture(scope="module")
def player() -> Iterator[run.Player]:
    with run.player() as made:
        yield made


@pytest.mark.parametrize("first", range(FIRST, FIRST + SEEDS, CHUNK))
def test_no_seed_violates_an_invariant(player: run.Player, first: int) -> None:
    failed = [
        one for seed in range(first, first + CHUNK) if (one := player.play(seed)).violations
    ]
    assert not failed, "\n".join(map(run.told, failed))
