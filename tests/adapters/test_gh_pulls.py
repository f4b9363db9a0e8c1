"""Pull requests read together: what one of them hides is its own, what GitHub refuses is all's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.adapters import gh_pulls
from orchestrator.records.errors import GitHubTrouble, Trouble
from tests.adapters.test_gh_read import queries
from tests.support.replies import Reply, replying

NONE_THERE = Reply(200, {"data": {"nodes": [None]}})


def refused(kind: str) -> Reply:
    error: dict[str, Any] = {"type": kind, "message": "no", "path": ["nodes", 0, "headRef"]}
    return Reply(200, {"data": {"nodes": [None, None]}, "errors": [error]})


def test_what_one_hides_is_told_of_that_one_alone(tmp_path: Path) -> None:
    with replying(refused("FORBIDDEN"), refused("FORBIDDEN"), NONE_THERE) as server:
        found = gh_pulls.or_why(queries(server, tmp_path).door, ["P1", "P2"])
        assert list(found) == ["P1"]
        assert isinstance(found["P1"], GitHubTrouble)
        assert found["P1"].trouble is Trouble.PERMISSION
        assert len(server.seen) == 3


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(401, {"message": "Bad credentials"}), Trouble.AUTH),
        (Reply(429, {"message": "slow down"}), Trouble.RATE),
    ],
)
def test_what_concerns_all_is_raised_and_asked_once(
    tmp_path: Path, reply: Reply, kind: Trouble
) -> None:
    """Else a revoked token or a limit would look like a page of pull requests that are hidden."""
    with replying(reply) as server:
        with pytest.raises(GitHubTrouble) as raised:
            gh_pulls.or_why(queries(server, tmp_path).door, ["P1", "P2"])
        assert raised.value.trouble is kind and len(server.seen) == 1
