"""Pull requests by their node ids, each whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from msgspec import structs

from orchestrator.adapters import gh_answers, gh_checks, gh_documents, gh_nodes
from orchestrator.adapters.gh_answers import PullRequestNode, PullRequestsAnswer
from orchestrator.adapters.gh_read import Door
from orchestrator.records.errors import GitHubTrouble, Trouble
from orchestrator.records.tracker import PullRequest


def or_why(door: Door, node_ids: Sequence[str]) -> dict[str, PullRequest | GitHubTrouble]:
    """Each pull request, or why it cannot be read whole; one that is gone is left out.

    Raises GitHubTrouble for what concerns all.
    """
    found: dict[str, PullRequest | GitHubTrouble] = {}
    for ids, answer in gh_nodes.in_pages(door, node_ids, partial(_page, door)):
        if isinstance(answer, GitHubTrouble):
            found |= dict.fromkeys(ids, answer)
        else:
            found |= dict(_values(door, answer.nodes))
    return found


def _page(door: Door, node_ids: Sequence[str]) -> PullRequestsAnswer:
    variables = {"ids": list(node_ids)}
    return door.graphql(gh_documents.PULL_REQUESTS, variables, PullRequestsAnswer, may_miss=True)


def _values(
    door: Door, nodes: Sequence[PullRequestNode | None]
) -> Iterator[tuple[str, PullRequest | GitHubTrouble]]:
    """The nodes as our values; more checks than one page of them are asked for by themselves."""
    for node in nodes:
        value = gh_answers.pull_request(node) if node else None
        if node is None or value is None:
            continue
        if gh_answers.has_more_checks(node):
            try:
                whole = gh_checks.of_commit(door, value.repo, value.head_sha)
            except GitHubTrouble as trouble:
                if not is_its_own(trouble):
                    raise
                yield value.node_id, trouble
                continue
            value = structs.replace(value, checks=whole)
        yield value.node_id, value


def is_its_own(trouble: GitHubTrouble) -> bool:
    """Whether what its checks met may be its alone; a time-out only where they took so long."""
    slow = trouble.trouble is Trouble.SERVER
    named = {path[0] for path in trouble.paths} == {"repository"}
    return trouble.trouble in gh_nodes.OF_ITS_OWN or (slow and named)
