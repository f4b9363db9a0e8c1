"""What is done leaves the board, and no tick costs more for what is closed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support import office
from tests.support.office import SLUG, Office, an_office

CLOSED, SHOWN = 500, 105
ISSUES: list[dict[str, Any]] = [
    {"repo": SLUG, "title": f"Old {n}", "state": "closed"}
    | ({"status": "Done"} if n < SHOWN else {})
    for n in range(CLOSED)
]
KEPT: list[dict[str, Any]] = [
    {"repo": SLUG, "title": "Closed by a person", "state": "closed", "status": "Backlog"},
    {"repo": SLUG, "title": "Done, and open again", "status": "Done"},
    {"repo": "maria/other", "title": "Of somebody else", "state": "closed", "status": "Done"},
]
SEED: dict[str, Any] = {
    **office.SEED,
    "repos": [*office.SEED["repos"], {"name": "maria/other", "files": {"a": "a\n"}}],
}
DAY = 86_400


def requests(one: Office) -> int:
    """How many a tick of the dispatcher makes, the writes counted too."""
    before = one.world.read.door.requests_made + one.world.write.requests_made
    assert one.dispatch() == 0, one.told()
    return one.world.read.door.requests_made + one.world.write.requests_made - before


def shown(one: Office) -> int:
    return one.world.read._board_page("maria", 1, "Status", None).items.total_count


def later(one: Office, days: float) -> None:
    assert one.github.clock is not None
    one.github.clock.advance(days * DAY)


def test_no_tick_grows_with_what_is_closed(tmp_path: Path) -> None:
    with an_office(tmp_path, seed={**SEED, "issues": [*ISSUES, *KEPT]}) as one:
        one.said.clear()
        assert requests(one) == 2  # a page of the board with the labels, and another page
        later(one, 13)
        assert requests(one) == 2
        later(one, 2)
        assert requests(one) == 2 + 5
        ticks = 1
        while requests(one) > 1:
            ticks += 1
        assert ticks == SHOWN / 5 and shown(one) == len(KEPT)
        assert requests(one) == 1  # once each
        one.monitor()
        before = one.world.read.door.requests_made
        one.monitor()
        assert one.world.read.door.requests_made == before


def test_the_config_says_never(tmp_path: Path) -> None:
    seed = {**SEED, "issues": ISSUES[:5]}
    with an_office(tmp_path, seed=seed, config={"archive_done_days": 0}) as one:
        later(one, 500)
        assert requests(one) == 1 and shown(one) == 5


def test_a_board_that_may_not_be_written_is_told_once_a_day(tmp_path: Path) -> None:
    with an_office(tmp_path, seed={**SEED, "issues": ISSUES[:5]}) as one:
        later(one, 20)
        refusal = "Resource not accessible by personal access token"
        one.github.forge.faults.add("graphql-errors", operation="ArchiveCard", message=refusal)
        assert requests(one) == 1 + 1 and "stays on it for a day more" in one.told()
        assert requests(one) == 1
        one.github.forge.faults.clear()
        later(one, 1.1)
        assert requests(one) == 1 + 5
