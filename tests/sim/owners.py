"""What the owner of a repository does to it: deeds like those of `people`, to all at work there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from orchestrator.forge import accounts, protection, records
from tests.sim.forges import START
from tests.sim.interface import BASE, ROBOT, Deed, Stage
from tests.sim.people import Did


def archive(stage: Stage) -> None:
    """Read-only for everybody; not before the last issue is opened and set Ready."""
    if all(stage.issue_numbers) and stage.now() >= last_arrival(stage):
        slug = stage.rng.choice(stage.plan.repositories).slug
        stage.session().patch(f"/repos/{slug}", json={"archived": True})
        stage.act(Did.ARCHIVED, slug=slug)


def unarchive(stage: Stage) -> None:
    for repo in stage.forge.state.store.select(records.Repo, "archived = 1"):
        stage.session().patch(f"/repos/{repo.full_name}", json={"archived": False})
        stage.act(Did.UNARCHIVED, slug=repo.full_name)


def last_arrival(stage: Stage) -> datetime:
    latest = max(issue.at + (issue.ready_after or 0) for issue in stage.plan.issues)
    return START + timedelta(seconds=latest)


def shut_out(stage: Stage, level: str = "read") -> None:
    """Our account may not write any more."""
    slug = stage.rng.choice(stage.plan.repositories).slug
    permit(stage, slug, level)
    stage.act(Did.SHUT_OUT, slug=slug)


def let_in(stage: Stage) -> None:
    for one_of_ours in stage.plan.repositories:
        if permit(stage, one_of_ours.slug, "write"):
            stage.act(Did.LET_IN, slug=one_of_ours.slug)


def permit(stage: Stage, slug: str, level: str) -> bool:
    """Give our account a permission; False where it has it."""
    state = stage.forge.state
    robot = accounts.find_user(state, ROBOT)
    where = "repo_id = ? and user_id = ?"
    row = state.store.first(
        records.Collaborator, where, repository(stage, slug).id, robot.id if robot else 0
    )
    if row is None or row.permission == level:
        return False
    state.store.change(row, permission=level)
    return True


def repository(stage: Stage, slug: str) -> records.Repo:
    found = accounts.find_repo(stage.forge.state, *slug.split("/"))
    assert found is not None
    return found


def protect_base(stage: Stage, context: str = "outside/scan") -> None:
    """From now on a check is required that nobody has heard of so far."""
    slug = stage.rng.choice(stage.plan.repositories).slug
    protection.put(
        stage.forge.state,
        records.Protection(
            repo_id=repository(stage, slug).id, branch=BASE, contexts=json.dumps([context]),
            checks_required=True, ruleset=True,
        ),
    )  # fmt: skip
    stage.act(Did.PROTECTED, slug=slug)


def unprotect_base(stage: Stage) -> None:
    store = stage.forge.state.store
    for rule in store.select(records.Protection, "branch = ?", BASE):
        store.delete(rule)
        stage.act(Did.UNPROTECTED)


DEEDS: tuple[Deed, ...] = (archive, unarchive, shut_out, let_in, protect_base, unprotect_base)
ALL: Mapping[str, Deed] = {deed.__name__: deed for deed in DEEDS}


def content_again(stage: Stage) -> None:
    """Everything that an owner does here is undone."""
    for deed in (unarchive, let_in, unprotect_base):
        deed(stage)
