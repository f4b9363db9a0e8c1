"""A whole task by a GitHub App: it reads, writes, pushes and merges as itself, hour after hour."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.forge import apps, records
from orchestrator.records.task import State
from tests.stories.test_limits_and_tokens import told_of
from tests.support import an_app, hostile, office
from tests.support.office import SLUG, an_office, meanwhile, writes

QUICK = {"settle_seconds": 0, "min_head_age_seconds": 0}
SEED = {**office.SEED, "apps": an_app.seeded({"maria": [SLUG]})}


def test_an_app_works_from_ready_to_merged_although_its_token_is_taken_back(
    tmp_path: Path,
) -> None:
    def taken_back() -> None:
        """While the agent works, so that the push meets it first."""
        store = one.github.forge.state.store
        for token in store.select(records.InstallationToken, "1"):
            store.delete(token)
            voided.append(token.secret)

    voided: list[str] = []
    with an_office(
        tmp_path, seed=SEED, repository=QUICK, config=an_app.configured(tmp_path),
        agent=meanwhile(taken_back, writes("a.txt", "hello\n")),
    ) as one:  # fmt: skip
        issue = one.ready("Add a file")
        one.work_until_quiet()
        assert one.state_of(issue) is State.DONE, one.told()
        assert one.file("a.txt") == "hello\n"
        [pull] = one.pulls()
        assert pull["user"]["login"] == "office[bot]" and pull["merged_at"]
        assert one.world.read.viewer() == "office[bot]"
        assert len(one.comments(issue)) == 1 and voided
        said = "".join(p.read_text() for p in (tmp_path / "root").rglob("*.md"))
        known = [*voided, an_app.pair()[0].splitlines()[1]]
        assert not [secret for secret in known if secret in said + one.told()]
        assert all(secret not in one.world.redact(f"x {secret} y") for secret in known)


def test_a_suspended_app_is_one_alert_that_ends_and_is_asked_of_seldom(tmp_path: Path) -> None:
    with an_office(
        tmp_path, seed=SEED, repository=QUICK, config=an_app.configured(tmp_path)
    ) as one:
        issue = one.ready("Add a file")
        state = one.github.forge.state
        place = state.store.first(records.Installation, "1")
        assert place is not None
        apps.suspend(state, place, suspended=True)
        bad = hostile.between(one.github)
        for _ in range(5):
            assert one.dispatch() == 30
            one.pass_time(60)
        assert len(bad.seen) == 1, "the others knew it"
        assert told_of(one, "alert") == 1
        assert "the installation of the app 4711 is suspended" in one.told()
        apps.suspend(state, place, suspended=False)
        one.pass_time(60)
        assert one.dispatch() == 0, one.told()
        assert one.state_of(issue) is State.INBOX and told_of(one, "recovered") == 1


@pytest.mark.parametrize("status", [403, 429])
def test_a_limit_that_an_app_meets_while_it_buys_its_token_holds_everybody(
    tmp_path: Path, status: int
) -> None:
    with an_office(
        tmp_path, seed=SEED, repository=QUICK, config=an_app.configured(tmp_path)
    ) as one:
        one.ready("Add a file")
        bad = hostile.between(one.github)
        limit = hostile.answers(
            status, "You have exceeded a secondary rate limit", headers=(("Retry-After", "600"),)
        )
        bad.on("POST", r"/access_tokens$", limit, times=9)
        for _ in range(5):
            assert one.dispatch() == 10
            one.pass_time(60)
        assert bad.count("POST", r"/access_tokens$") == 1
        assert told_of(one, "alert") == 0, one.told()
