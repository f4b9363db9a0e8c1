"""The happy path of one task, killed at every single boundary: each time it ends the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sim import engine, plain, run

CHUNKS = 16


@pytest.fixture(scope="module")
def player() -> Iterator[run.Player]:
    with run.player(plain.content()) as made:
        yield made


@pytest.fixture(scope="module")
def whole(player: run.Player) -> engine.Result:
    return player.result(plain.one_task(1), note_boundaries=True, crash_at=0, until_over=True)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_a_crash_at_every_boundary_changes_nothing_in_the_end(
    player: run.Player, whole: engine.Result, chunk: int
) -> None:
    doors, failed = whole.boundaries, []
    # Whoever dies after a mere look leaves the very world of one who died before it.
    apart = [one for one in range(1, len(doors) + 1) if one - 1 not in whole.looks]
    for number in apart[chunk::CHUNKS]:
        result = player.result(plain.one_task(1), crash_at=number, until_over=True)
        if result.violations or result.final != whole.final:
            told = [*result.history, str(result.final), str(whole.final)]
            failed.append(f"{number}: {doors[number - 1]}\n" + "\n".join(told))
    assert not failed, f"{len(failed)} of {len(doors)} boundaries\n" + "\n\n".join(failed[:3])
    if chunk == 0:
        print(f"{len(doors)} boundaries, {len(apart)} that differ in what was done before")
