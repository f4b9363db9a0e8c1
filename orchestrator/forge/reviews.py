"""Reviews of a pull request, the threads they open, and whom a review is asked of."""

from __future__ import annotations

import msgspec

from orchestrator.forge import accounts, host, issues, records
from orchestrator.forge.state import Refused, State, invalid

OPINIONS = ("APPROVED", "CHANGES_REQUESTED", "DISMISSED")


class Remark(msgspec.Struct, frozen=True, kw_only=True):
    """A comment on one place of the diff, with which a thread begins."""

    path: str
    body: str
    line: int | None = None


def of_pull(state: State, pull: records.Issue) -> list[records.Review]:
    return state.store.select(records.Review, "issue_id = ? order by id", pull.id)


def submit(
    state: State, pull: records.Issue, author: records.User, verdict: str, *,
    body: str = "", sha: str = "", remarks: tuple[Remark, ...] = (),
) -> records.Review:
    """A submitted review; whoever was asked for it is not asked any more."""
    repo = state.store.need(records.Repo, pull.repo_id)
    review = state.store.add(
        records.Review(
            issue_id=pull.id, author_id=author.id, state=verdict, body=body,
            sha=sha or pull.head_sha, submitted_at=state.now(),
        )
    )
    for remark in remarks:
        if not remark.body.strip():
            raise Refused(422, "Unprocessable Entity", errors=["Body can't be blank"])
        if host.blob(state.path(repo), review.sha, remark.path) is None:
            raise Refused(422, "Unprocessable Entity", errors=["Path could not be resolved"])
        thread = state.store.add(
            records.Thread(
                issue_id=pull.id, path=remark.path, line=remark.line, sha=review.sha
            )
        )
        _comment(state, thread, review, remark.body)
    for request in state.store.select(
        records.ReviewRequest, "issue_id = ? and user_id = ?", pull.id, author.id
    ):
        state.store.delete(request)
    issues.touch(state, pull)
    return review


def reply(
    state: State, thread: records.Thread, author: records.User, body: str
) -> records.Remark:
    """An answer in a thread; like GitHub, it comes with a review of its own that only comments."""
    if not body.strip():
        raise invalid("PullRequestReviewComment", "body", "missing_field")
    issues.checked_body("PullRequestReviewComment", body)
    pull = state.store.need(records.Issue, thread.issue_id)
    review = state.store.add(
        records.Review(
            issue_id=pull.id, author_id=author.id, state="COMMENTED", body="",
            sha=pull.head_sha, submitted_at=state.now(),
        )
    )
    issues.touch(state, pull)
    return _comment(state, thread, review, body)


def _comment(
    state: State, thread: records.Thread, review: records.Review, body: str
) -> records.Remark:
    now = state.now()
    return state.store.add(
        records.Remark(
            issue_id=thread.issue_id, thread_id=thread.id, review_id=review.id,
            author_id=review.author_id, body=body, sha=review.sha, created_at=now, updated_at=now,
        )
    )


def resolve(
    state: State, thread: records.Thread, actor: records.User, *, resolved: bool
) -> records.Thread:
    pull = state.store.need(records.Issue, thread.issue_id)
    repo = state.store.need(records.Repo, pull.repo_id)
    if actor.id != pull.author_id and not accounts.allows(state, repo, actor, "write"):
        text = f"{actor.login} does not have the correct permissions to execute this mutation"
        raise Refused(403, text, kind="FORBIDDEN")
    return state.store.change(thread, resolved_by_id=actor.id if resolved else None)


def dismiss(state: State, review: records.Review, actor: records.User) -> records.Review:
    pull = state.store.need(records.Issue, review.issue_id)
    repo = state.store.need(records.Repo, pull.repo_id)
    if not accounts.allows(state, repo, actor, "write"):
        raise Refused(403, "Must have write access to the repository.", kind="FORBIDDEN")
    if review.state not in ("APPROVED", "CHANGES_REQUESTED"):
        text = f"Can not dismiss a {review.state.lower()} pull request review"
        raise Refused(422, text)
    issues.touch(state, pull)
    return state.store.change(review, state="DISMISSED")


def ask(state: State, pull: records.Issue, logins: list[str]) -> None:
    """Ask people for a review; the author, and whoever may not see the repository, is refused."""
    repo = state.store.need(records.Repo, pull.repo_id)
    for login in logins:
        user = accounts.find_user(state, login)
        if user is not None and user.id == pull.author_id:
            raise Refused(
                422, "Review cannot be requested from pull request author.",
            )
        member = user is not None and (
            user.id == repo.owner_id
            or state.store.count(
                records.Collaborator, "repo_id = ? and user_id = ?", repo.id, user.id
            )
        )
        if user is None or not member:
            raise Refused(
                422,
                "Reviews may only be requested from collaborators. One or more of the users or "
                f"teams you specified is not a collaborator of the {repo.full_name} repository.",
            )
        state.store.add_missing([records.ReviewRequest(issue_id=pull.id, user_id=user.id)])
    issues.touch(state, pull)


def asked(state: State, pull: records.Issue) -> list[records.User]:
    rows = state.store.select(records.ReviewRequest, "issue_id = ? order by id", pull.id)
    return [state.store.need(records.User, row.user_id) for row in rows]


def latest(state: State, pull: records.Issue) -> list[records.Review]:
    """The last review of each person, without those whose next one is asked for already."""
    pending = {user.id for user in asked(state, pull)}
    newest = {review.author_id: review for review in of_pull(state, pull)}
    return [review for review in newest.values() if review.author_id not in pending]


def opinions(state: State, pull: records.Issue) -> list[records.Review]:
    """The last review of each person that says yes or no: a comment takes nothing back."""
    newest = {r.author_id: r for r in of_pull(state, pull) if r.state in OPINIONS}
    return list(newest.values())


def threads(state: State, pull: records.Issue) -> list[records.Thread]:
    return state.store.select(records.Thread, "issue_id = ? order by id", pull.id)


def remarks(state: State, thread: records.Thread) -> list[records.Remark]:
    return state.store.select(records.Remark, "thread_id = ? order by id", thread.id)


def outdated(state: State, thread: records.Thread) -> bool:
    """Whether the file is another one now than the one that was commented on."""
    pull = state.store.need(records.Issue, thread.issue_id)
    git = state.path(state.store.need(records.Repo, pull.repo_id))
    was, now = (host.blob(git, sha, thread.path) for sha in (thread.sha, pull.head_sha))
    return was != now
