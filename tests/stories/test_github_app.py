"""A whole task by a GitHub App: it reads, writes, pushes and merges as itself, hour after hour."""

from __future__ import annotations

from pathlib import Path

from orchestrator.forge import records
from orchestrator.records.task import State
from tests.support import an_app, office
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
