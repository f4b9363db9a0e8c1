"""What git has is compared with what the store knows; every difference is a push."""

from __future__ import annotations

from orchestrator.forge import actions, host, issues, moments, pulls, records
from orchestrator.forge.state import State

HEADS = "refs/heads/"


def commit_row(repo_id: int, fields: list[str]) -> records.Commit:
    sha, tree, parents, author, author_email, authored, committer, email, committed, text = fields
    return records.Commit(
        repo_id=repo_id, sha=sha, tree=tree, parents=parents,
        author_name=author, author_email=author_email, author_date=utc(authored),
        committer_name=committer, committer_email=email, committer_date=utc(committed),
        message=text.rstrip("\n"),
    )


def utc(words: str) -> str:
    return moments.text(moments.parse(words))


def load_commits(state: State, repo: records.Repo, *tips: str) -> None:
    """Write down these commits and all that they contain, as far as that was not done before."""
    def known(sha: str) -> bool:
        return state.store.count(records.Commit, "repo_id = ? and sha = ?", repo.id, sha) > 0

    rows = host.history(state.path(repo), tips, known)
    state.store.add_missing(commit_row(repo.id, row) for row in rows)


def commit(state: State, repo: records.Repo, sha: str) -> records.Commit | None:
    """The facts of a commit, read from git at most once."""
    where = "repo_id = ? and sha = ?"
    found = state.store.first(records.Commit, where, repo.id, sha)
    if found is None and host.rev_parse(state.path(repo), f"{sha}^{{commit}}"):
        load_commits(state, repo, sha)
        found = state.store.first(records.Commit, where, repo.id, sha)
    return found


def record(state: State, repo: records.Repo, pusher: records.User) -> list[str]:
    """Bring refs, pull requests and CI in step with the repository; the refs that moved."""
    known = {ref.name: ref for ref in state.store.select(records.Ref, "repo_id = ?", repo.id)}
    actual = host.refs(state.path(repo))
    recorded = {name: ref.sha for name, ref in known.items()}
    moved = [name for name in recorded | actual if actual.get(name) != recorded.get(name)]
    if not moved:
        return []
    fresh = [actual[name] for name in moved if name in actual]
    if fresh:
        load_commits(state, repo, *fresh)
    for name in moved:
        if name not in actual:
            state.store.delete(known[name])
        elif name in known:
            state.store.change(known[name], sha=actual[name])
        else:
            state.store.add(records.Ref(repo_id=repo.id, name=name, sha=actual[name]))
    now = state.now()
    state.store.change(repo, pushed_at=now, updated_at=now)
    for name in moved:
        if name.startswith(HEADS):
            branch_moved(state, repo, name.removeprefix(HEADS), actual.get(name), pusher)
    return moved


def branch_moved(
    state: State, repo: records.Repo, branch: str, sha: str | None, pusher: records.User
) -> None:
    for pull in pulls.open_with_head(state, repo.id, branch):
        if sha is None:
            issues.close(state, pull, pusher)
        else:
            pulls.head_moved(state, repo, pull, sha, pusher)
    for pull in pulls.open_with_base(state, repo.id, branch):
        if sha is None:
            issues.close(state, pull, pusher)
        else:
            pulls.schedule(state, pull)
    if sha is not None:
        actions.start_runs(state, repo, branch, sha, pusher)


def record_all(state: State) -> None:
    """After a crash: pushes that git accepted and nobody wrote down."""
    for repo in state.store.select(records.Repo):
        if state.path(repo).exists():
            record(state, repo, state.store.need(records.User, repo.owner_id))
