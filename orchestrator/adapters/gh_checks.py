"""The checks of any commit, however many there are: whole, or not known (M6, A8)."""

from __future__ import annotations

from orchestrator.adapters import gh_answers, gh_documents, gh_rest
from orchestrator.adapters.gh_read import Door
from orchestrator.records.tracker import Check


def of_commit(door: Door, slug: str, sha: str) -> tuple[Check, ...] | None:
    """Every check run and status of a commit, page by page; None when they are not whole.

    A list that changed between two pages does not add up, and is none. Raises GitHubTrouble.
    """
    owner, _, name = slug.partition("/")
    contexts: list[gh_answers.Context] = []
    after: str | None = None
    while True:
        answer = door.graphql(
            gh_documents.COMMIT_CHECKS,
            {"owner": owner, "name": name, "sha": sha, "after": after},
            gh_answers.CommitChecksAnswer,
            may_miss=True,
        )
        found = answer.repository.object if answer.repository else None
        if found is None or found.typename != "Commit" or found.oid != sha:
            return None
        if found.status_check_rollup is None:
            return None if contexts else ()
        page = found.status_check_rollup.contexts
        contexts.extend(page.nodes)
        if page.page_info is None or not page.page_info.has_next_page or not page.nodes:
            return gh_answers.whole_checks(contexts, page.total_count)
        after = page.page_info.end_cursor


def recent_names(door: Door, slug: str, ref: str) -> tuple[str, ...]:
    """Names of the checks and statuses on a commit of the base: what a head may expect (M3)."""
    place = f"/repos/{slug}/commits/{ref}"
    names: list[str] = []
    for runs in door.whole_pages(f"{place}/check-runs?per_page=100", gh_rest.CheckRunsRest):
        names.extend(run.name for run in runs.check_runs)
    for combined in door.whole_pages(f"{place}/status?per_page=100", gh_rest.CombinedRest):
        names.extend(status.context for status in combined.statuses)
    return tuple(dict.fromkeys(names))
