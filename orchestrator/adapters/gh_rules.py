"""The rules that hold for a branch: all of them, or none where GitHub's plan enforces none."""

from __future__ import annotations

from typing import TypeVar
from urllib.parse import quote

from orchestrator.adapters.gh_read import Door
from orchestrator.records.errors import GitHubTrouble
from orchestrator.rules import failures

T = TypeVar("T")


def active(door: Door, slug: str, branch: str, shape: type[T]) -> tuple[T, ...]:
    """Every active rule of a branch, whether it exists or not; raises GitHubTrouble.

    A private repository on GitHub Free gets a refusal for an answer: there are no rules there.
    """
    where = f"/repos/{slug}/rules/branches/{quote(branch, safe='/')}?per_page=100"
    try:
        return tuple(door.pages(where, shape))
    except GitHubTrouble as trouble:
        if failures.not_in_the_plan(trouble.trouble, str(trouble)):
            return ()
        raise
