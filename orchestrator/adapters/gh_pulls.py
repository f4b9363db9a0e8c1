"""Pull requests by their node ids, a page at a time; one that is closed to us hides no other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from msgspec import structs

from orchestrator.adapters import gh_answers, gh_checks, gh_documents
from orchestrator.adapters.gh_answers import PullRequestNode, PullRequestsAnswer
from orchestrator.adapters.gh_read import Door
from orchestrator.records.errors import GitHubTrouble, Trouble
from orchestrator.records.tracker import PullRequest

# What one pull request can have and the next one not: a part that may not be read, or is missing.
OF_ITS_OWN = frozenset({Trouble.PERMISSION, Trouble.PARTIAL})


def or_why(door: Door, node_ids: Sequence[str]) -> dict[str, PullRequest | GitHubTrouble]:
    """Each pull request, or why it cannot be read whole; one that is gone is left out.

    So a permission that one repository lacks stops no other, and no part is taken for a whole
    (M4). Raises GitHubTrouble for what concerns all.
    """
    found: dict[str, PullRequest | GitHubTrouble] = {}
    left = list(node_ids)
    while left:
        size, nodes = _readable(door, left)
        if isinstance(nodes, GitHubTrouble):
            found[left[0]] = nodes
        else:
            found |= {value.node_id: value for value in _values(door, nodes)}
        left = left[size:]
    return found


def _readable(
    door: Door, node_ids: Sequence[str]
) -> tuple[int, Sequence[PullRequestNode | None] | GitHubTrouble]:
    """The first of these that can be read together, or why the very first one cannot."""
    try:
        size, answer = door.shrinking(partial(_page, door, node_ids))
    except GitHubTrouble as trouble:
        if trouble.trouble not in OF_ITS_OWN:
            raise
        if len(node_ids) == 1:
            return 1, trouble
        return _readable(door, node_ids[: len(node_ids) // 2])
    return min(size, len(node_ids)), answer.nodes


def _page(door: Door, node_ids: Sequence[str], size: int) -> tuple[int, PullRequestsAnswer]:
    variables = {"ids": list(node_ids[:size])}
    document = gh_documents.PULL_REQUESTS
    return size, door.graphql(document, variables, PullRequestsAnswer, may_miss=True)


def _values(door: Door, nodes: Sequence[PullRequestNode | None]) -> Iterator[PullRequest]:
    """The nodes as our values; more checks than one page of them are asked for by themselves."""
    for node in nodes:
        value = gh_answers.pull_request(node) if node else None
        if node is None or value is None:
            continue
        if gh_answers.has_more_checks(node):
            whole = gh_checks.of_commit(door, value.repo, value.head_sha)
            value = structs.replace(value, checks=whole)
        yield value
