"""Merging a pull request: a real commit on the base, by compare-and-swap, and never twice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from orchestrator.forge import host, making, protection, pulls, pushes, records
from orchestrator.forge.state import Refused, State

METHODS = ("merge", "squash", "rebase")
NOT_MERGEABLE = "Pull Request is not mergeable"
BASE_MOVED = "Base branch was modified. Review and try the merge again."
HEAD_MOVED = "Head branch was modified. Review and try the merge again."


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """How somebody wants it merged; `sha` is the head they looked at."""

    method: str = "merge"
    sha: str | None = None
    title: str | None = None
    message: str | None = None


def merge(
    state: State, repo: records.Repo, pull: records.Issue, actor: records.User, wish: Wish
) -> records.Issue:
    check(state, repo, pull, wish)
    git = state.path(repo)
    base = pulls.tip(state, repo, pull.base_ref)
    if base is None:
        raise Refused(405, NOT_MERGEABLE)
    pull = pulls.compute(state, pull)
    if not pull.mergeable:
        raise Refused(405, NOT_MERGEABLE)
    obstacle = protection.obstacle(state, repo, pull)
    if obstacle:
        raise Refused(405, obstacle)
    sha = build(state, repo, pull, actor, wish, base)
    # The intention is durable before the branch moves, so a crash in between is finished later.
    pull = state.store.change(pull, intended_merge=sha, intended_by_id=actor.id)
    state.store.checkpoint()
    if not host.update_ref(git, f"refs/heads/{pull.base_ref}", sha, base):
        state.store.change(pull, intended_merge=None)
        state.store.checkpoint()
        raise Refused(405, BASE_MOVED)
    pull = pulls.mark_merged(state, repo, pull, actor, sha)
    if repo.delete_branch_on_merge:
        host.update_ref(git, f"refs/heads/{pull.head_ref}", host.ZERO, pull.head_sha)
    pushes.record(state, repo, actor)
    return pull


def check(state: State, repo: records.Repo, pull: records.Issue, wish: Wish) -> None:
    if wish.method not in METHODS:
        raise Refused(422, f"Invalid merge_method: {wish.method}")
    if pull.state != "open":
        raise Refused(405, NOT_MERGEABLE)
    if pull.draft:
        raise Refused(405, "Pull Request is still a draft")
    if wish.sha is not None and wish.sha != pull.head_sha:
        raise Refused(409, HEAD_MOVED)
    allowed = {
        "merge": (repo.allow_merge, "Merge commits are not allowed on this repository."),
        "squash": (repo.allow_squash, "Squash merges are not allowed on this repository."),
        "rebase": (repo.allow_rebase, "Rebase merges are not allowed on this repository."),
    }
    yes, sentence = allowed[wish.method]
    if not yes:
        raise Refused(405, sentence)


def build(
    state: State, repo: records.Repo, pull: records.Issue, actor: records.User, wish: Wish,
    base: str,
) -> str:
    """The commit that the base branch will point at; nothing points at it yet."""
    git = state.path(repo)
    site = state.web_flow()
    if wish.method == "rebase":
        return replay(state, repo, pull, base)
    tree = host.merge_tree(git, base, pull.head_sha)
    if tree is None:
        raise Refused(405, NOT_MERGEABLE)
    if wish.method == "squash":
        author = state.signature(state.store.need(records.User, pull.author_id))
        title = wish.title or f"{pull.title} (#{pull.number})"
        body = wish.message if wish.message is not None else squash_body(state, repo, pull, base)
        return host.commit_tree(git, tree, [base], join(title, body), author, site)
    title = wish.title or f"Merge pull request #{pull.number} from {repo.owner}/{pull.head_ref}"
    body = wish.message if wish.message is not None else pull.title
    parents = [base, pull.head_sha]
    return host.commit_tree(git, tree, parents, join(title, body), state.signature(actor), site)


def join(title: str, body: str) -> str:
    return f"{title}\n\n{body}\n" if body.strip() else f"{title}\n"


def squash_body(state: State, repo: records.Repo, pull: records.Issue, base: str) -> str:
    found = own_commits(state, repo, pull, base)
    if len(found) == 1:
        return found[0].message.partition("\n\n")[2].strip()
    return "\n\n".join(f"* {commit.message.strip()}" for commit in found)


def own_commits(
    state: State, repo: records.Repo, pull: records.Issue, base: str
) -> Sequence[records.Commit]:
    """What the pull request adds to its base, oldest first."""
    rows = host.own_commits(state.path(repo), base, pull.head_sha)
    return [pushes.commit_row(repo.id, row) for row in rows]


def replay(state: State, repo: records.Repo, pull: records.Issue, base: str) -> str:
    """Each commit of the pull request again, on top of the base; merges are left out."""
    git = state.path(repo)
    site = state.web_flow()
    tip = base
    for commit in own_commits(state, repo, pull, base):
        if len(commit.parents.split()) != 1:
            continue
        # A merge of the new tip's content, dressed as a child of the commit's own parent, with
        # the commit is what a cherry-pick would give; git 2.39 has no other way without files.
        tree = host.git(git, "rev-parse", f"{tip}^{{tree}}").strip()
        dressed = host.commit_tree(git, tree, [commit.parents], "replay\n", site, site)
        merged = host.merge_tree(git, dressed, commit.sha)
        if merged is None:
            raise Refused(405, NOT_MERGEABLE)
        if merged == tree:
            continue
        moment = datetime.fromisoformat(commit.author_date)
        author = making.Identity(commit.author_name, commit.author_email, moment)
        tip = host.commit_tree(git, merged, [tip], commit.message, author, site)
    if tip == base:
        raise Refused(405, NOT_MERGEABLE)
    return tip


def finish_interrupted(state: State) -> None:
    """After a crash: a merge whose commit reached the base is recorded, any other is forgotten."""
    where = "intended_merge is not null and state = 'open'"
    for pull in state.store.select(records.Issue, where):
        repo = state.store.need(records.Repo, pull.repo_id)
        git = state.path(repo)
        base = host.rev_parse(git, f"refs/heads/{pull.base_ref}")
        sha = pull.intended_merge or ""
        actor = state.store.need(records.User, pull.intended_by_id or pull.author_id)
        if base and host.rev_parse(git, sha) and host.is_ancestor(git, sha, base):
            pulls.mark_merged(state, repo, pull, actor, sha)
        else:
            state.store.change(pull, intended_merge=None)
