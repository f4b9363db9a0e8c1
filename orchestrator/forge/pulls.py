"""Pull requests: opened from a branch, kept in step with it, judged mergeable some time later."""

from __future__ import annotations

import re

import msgspec

from orchestrator.forge import accounts, checks, host, issues, protection, records
from orchestrator.forge.state import Refused, State, invalid

CLOSING = re.compile(
    r"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+"
    r"(?:([\w.-]+/[\w.-]+)?#|https?://[^\s/]+/([\w.-]+/[\w.-]+)/issues/)(\d+)\b",
    re.IGNORECASE,
)


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to open: a head branch of the same repository against a base."""

    title: str
    body: str | None = None
    head: str
    base: str
    draft: bool = False


def tip(state: State, repo: records.Repo, branch: str) -> str | None:
    where = "repo_id = ? and name = ?"
    ref = state.store.first(records.Ref, where, repo.id, f"refs/heads/{branch}")
    return ref.sha if ref else None


def open_with_head(state: State, repo_id: int, branch: str) -> list[records.Issue]:
    where = "repo_id = ? and head_ref = ? and is_pull = 1 and state = 'open' order by number"
    return state.store.select(records.Issue, where, repo_id, branch)


def open_with_base(state: State, repo_id: int, branch: str) -> list[records.Issue]:
    where = "repo_id = ? and is_pull = 1 and state = 'open' and base_ref = ? order by number"
    return state.store.select(records.Issue, where, repo_id, branch)


def open_pull(
    state: State, repo: records.Repo, author: records.User, draft: Draft
) -> records.Issue:
    owner, _, branch = draft.head.rpartition(":")
    if owner and owner.lower() != repo.owner.lower():
        raise invalid("PullRequest", "head")
    head_sha, base_sha = tip(state, repo, branch), tip(state, repo, draft.base)
    if not draft.title.strip():
        raise invalid("PullRequest", "title", "missing_field")
    if head_sha is None:
        raise invalid("PullRequest", "head")
    if base_sha is None:
        raise invalid("PullRequest", "base")
    issues.checked_body("PullRequest", draft.body)
    for other in open_with_head(state, repo.id, branch):
        if other.base_ref == draft.base:
            text = f"A pull request already exists for {repo.owner}:{branch}."
            raise told(text)
    if host.is_ancestor(state.path(repo), head_sha, base_sha):
        raise told(f"No commits between {draft.base} and {branch}")
    now = state.now()
    pull = state.store.add(
        records.Issue(
            repo_id=repo.id, number=issues.next_number(state, repo), is_pull=True,
            title=draft.title, body=draft.body, author_id=author.id, created_at=now,
            updated_at=now, head_ref=branch, head_sha=head_sha, base_ref=draft.base,
            base_sha=base_sha, draft=draft.draft,
        )
    )
    return schedule(state, measure(state, repo, pull))


def told(text: str) -> Refused:
    error: records.Json = {"resource": "PullRequest", "code": "custom", "message": text}
    return Refused(422, "Validation Failed", errors=[error])


def measure(state: State, repo: records.Repo, pull: records.Issue) -> records.Issue:
    """How many commits, files and lines the pull request has."""
    git = state.path(repo)
    base = host.merge_base(git, pull.base_sha, pull.head_sha) or pull.base_sha
    files = host.sizes(git, base, pull.head_sha)
    return state.store.change(
        pull, commit_count=host.count_own(git, pull.base_sha, pull.head_sha),
        changed_files=len(files), additions=sum(added for added, _ in files),
        deletions=sum(removed for _, removed in files),
    )


def schedule(state: State, pull: records.Issue) -> records.Issue:
    """Forget what was known about merging; a background event finds out again."""
    due = state.clock().timestamp() + state.settings.mergeable_delay
    return state.store.change(pull, mergeable=None, due=due)


def head_moved(
    state: State, repo: records.Repo, pull: records.Issue, sha: str, pusher: records.User
) -> records.Issue:
    base_sha = tip(state, repo, pull.base_ref) or pull.base_sha
    pull = state.store.change(pull, head_sha=sha, base_sha=base_sha, updated_at=state.now())
    if host.is_ancestor(state.path(repo), sha, base_sha):
        return issues.close(state, pull, pusher)
    return schedule(state, measure(state, repo, pull))


def rebase_onto(
    state: State, repo: records.Repo, pull: records.Issue, base: str
) -> records.Issue:
    """The same head against another base."""
    if base == pull.base_ref:
        return pull
    sha = tip(state, repo, base)
    if sha is None:
        raise invalid("PullRequest", "base")
    return schedule(state, measure(state, repo, state.store.change(
        pull, base_ref=base, base_sha=sha
    )))


def reopen(
    state: State, repo: records.Repo, pull: records.Issue, editor: records.User
) -> records.Issue:
    if pull.state == "open":
        return pull
    sha = tip(state, repo, pull.head_ref)
    if pull.merged_at or sha is None:
        raise invalid("PullRequest", "state")
    return head_moved(state, repo, issues.reopen(state, pull, editor), sha, editor)


def compute(state: State, pull: records.Issue) -> records.Issue:
    """Find out whether the pull request merges cleanly, or was merged by a push to its base."""
    repo = state.store.need(records.Repo, pull.repo_id)
    base = tip(state, repo, pull.base_ref)
    git = state.path(repo)
    if pull.state != "open" or base is None:
        return state.store.change(pull, due=None)
    if host.is_ancestor(git, pull.head_sha, base):
        owner = state.store.need(records.User, pull.author_id)
        return mark_merged(state, repo, pull, owner, base)
    behind = not host.is_ancestor(git, base, pull.head_sha)
    clean = not behind or host.merge_tree(git, base, pull.head_sha) is not None
    return state.store.change(pull, mergeable=clean, behind=behind, due=None)


def compute_due(state: State, moment: float) -> int:
    waiting = state.store.select(records.Issue, "due is not null order by due")
    due = [pull for pull in waiting if pull.due is not None and pull.due <= moment]
    for pull in due:
        compute(state, pull)
    return len(due)


def mark_merged(
    state: State, repo: records.Repo, pull: records.Issue, actor: records.User, sha: str
) -> records.Issue:
    """Record a merge that git already has, and close what the pull request closes."""
    now = state.now()
    issues.note(state, pull, actor, "merged", sha=sha)
    issues.note(state, pull, actor, "closed", sha=sha)
    pull = state.store.change(
        pull, state="closed", closed_at=now, closed_by_id=actor.id, updated_at=now, merged_at=now,
        merged_by_id=actor.id, merge_sha=sha, intended_merge=None, due=None,
    )
    for issue in closing(state, repo, pull):
        owner = state.store.need(records.Repo, issue.repo_id)
        if accounts.allows(state, owner, actor, "triage"):
            issues.close(state, issue, actor, sha=sha)
    return pull


def closing(
    state: State, repo: records.Repo, pull: records.Issue
) -> list[records.Issue]:
    """The open or closed issues that the pull request's text promises to close.

    As on GitHub, the words mean nothing where the base is not the default branch.
    """
    found: dict[int, records.Issue] = {}
    if pull.base_ref != repo.default_branch:
        return []
    for short, long, number in CLOSING.findall(pull.body or ""):
        owner, _, name = (short or long or repo.full_name).partition("/")
        home = accounts.find_repo(state, owner, name)
        issue = home and state.store.first(
            records.Issue, "repo_id = ? and number = ? and is_pull = 0", home.id, int(number)
        )
        if issue:
            found[issue.id] = issue
    return list(found.values())


def promising(
    state: State, repo: records.Repo, issue: records.Issue
) -> list[records.Issue]:
    """The pull requests of its own repository that would close this issue."""
    where = "repo_id = ? and is_pull = 1 and body like ? order by number"
    rows = state.store.select(records.Issue, where, repo.id, f"%{issue.number}%")
    return [pull for pull in rows if any(one.id == issue.id for one in closing(state, repo, pull))]


def merge_state(state: State, repo: records.Repo, pull: records.Issue) -> str:
    """GitHub's mergeable_state, in the order in which GitHub decides it."""
    if pull.merged_at or pull.state == "closed":
        return "unknown"
    if pull.mergeable is None:
        return "unknown"
    if not pull.mergeable:
        return "dirty"
    if pull.draft:
        return "draft"
    rule = protection.of(state, repo, pull.base_ref)
    if rule and rule.checks_required and rule.strict and pull.behind:
        return "behind"
    if protection.obstacle(state, repo, pull):
        return "blocked"
    told = checks.verdicts(state, repo.id, pull.head_sha).values()
    return "unstable" if set(told) - {"success"} else "clean"
