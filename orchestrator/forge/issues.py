"""Issues, labels, comments and the events that tell their history."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from orchestrator.forge import records
from orchestrator.forge.state import Refused, State, invalid, not_found

REASONS = ("completed", "not_planned", "duplicate", "reopened")
LONGEST = 65536


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to open."""

    title: str
    body: str | None = None
    labels: tuple[str, ...] = ()


def next_number(state: State, repo: records.Repo) -> int:
    current = state.store.need(records.Repo, repo.id)
    return state.store.change(current, last_number=current.last_number + 1).last_number


def by_number(state: State, repo: records.Repo, number: int) -> records.Issue:
    issue = state.store.first(records.Issue, "repo_id = ? and number = ?", repo.id, number)
    if issue is None:
        raise not_found()
    return issue


def open_issue(
    state: State, repo: records.Repo, author: records.User, draft: Draft
) -> records.Issue:
    if not draft.title.strip():
        raise invalid("Issue", "title", "missing_field")
    checked_body("Issue", draft.body)
    now = state.now()
    issue = state.store.add(
        records.Issue(
            repo_id=repo.id, number=next_number(state, repo), title=draft.title, body=draft.body,
            author_id=author.id, created_at=now, updated_at=now,
        )
    )
    return put_labels(state, repo, issue, author, draft.labels) if draft.labels else issue


def checked_body(resource: str, body: str | None) -> None:
    if body is not None and len(body) > LONGEST:
        text = f"body is too long (maximum is {LONGEST} characters)"
        raise invalid(resource, "body", "custom", text)


MOST_PARTS = 100


def parent_of(state: State, issue: records.Issue) -> records.Issue | None:
    link = state.store.first(records.SubIssue, "child_id = ?", issue.id)
    return state.store.need(records.Issue, link.parent_id) if link else None


def parts_of(state: State, issue: records.Issue) -> list[records.Issue]:
    where = "id in (select child_id from sub_issues where parent_id = ?) order by id"
    return state.store.select(records.Issue, where, issue.id)


def add_part(
    state: State, parent: records.Issue, child: records.Issue, *, replace: bool = False
) -> None:
    """Make an issue a part of another one; refused where it is one already."""
    link = state.store.first(records.SubIssue, "child_id = ?", child.id)
    failed = "An error occurred while adding the sub-issue to the parent issue. "
    if link and (not replace or link.parent_id == parent.id):
        raise Refused(
            422, failed + "Issue may not contain duplicate sub-issues and Sub issue may only have"
            " one parent", kind="UNPROCESSABLE",
        )  # fmt: skip
    if len(state.store.select(records.SubIssue, "parent_id = ?", parent.id)) >= MOST_PARTS:
        raise Refused(422, f"{failed}Parent cannot have more than {MOST_PARTS} sub-issues",
                      kind="UNPROCESSABLE")  # fmt: skip
    above: records.Issue | None = parent
    while above is not None:
        if above.id == child.id:
            text = f"{failed}Sub issue cannot be an ancestor of its parent"
            raise Refused(422, text, kind="UNPROCESSABLE")
        above = parent_of(state, above)
    if link:
        state.store.delete(link)
    state.store.add(records.SubIssue(parent_id=parent.id, child_id=child.id))
    touch(state, parent)
    touch(state, child)


def touch(state: State, issue: records.Issue) -> records.Issue:
    return state.store.change(issue, updated_at=state.now())


def edit(
    state: State, issue: records.Issue, editor: records.User,
    *, title: str | None = None, body: str | None = None,
) -> records.Issue:
    now = state.now()
    if title is not None and title != issue.title:
        note(state, issue, editor, "renamed", before=issue.title, after=title)
        issue = state.store.change(issue, title=title, updated_at=now)
    if body is not None and body != issue.body:
        checked_body("Issue", body)
        issue = state.store.change(
            issue, body=body, updated_at=now, edited_at=now, editor_id=editor.id
        )
    return issue


def note(
    state: State, issue: records.Issue, actor: records.User, event: str, **details: str | None
) -> records.Event:
    bare = records.Event(
        issue_id=issue.id, event=event, actor_id=actor.id, created_at=state.now()
    )
    return state.store.add(msgspec.structs.replace(bare, **details))


def close(
    state: State, issue: records.Issue, actor: records.User,
    *, reason: str | None = None, sha: str | None = None,
) -> records.Issue:
    if not issue.is_pull:
        reason = reason or "completed"
        if reason not in REASONS:
            raise invalid("Issue", "state_reason")
    if issue.state == "closed":
        return state.store.change(issue, state_reason=reason)
    now = state.now()
    note(state, issue, actor, "closed", sha=sha, state_reason=reason)
    return state.store.change(
        issue, state="closed", state_reason=reason, closed_at=now, closed_by_id=actor.id,
        updated_at=now, due=None,
    )


def reopen(state: State, issue: records.Issue, actor: records.User) -> records.Issue:
    if issue.state == "open":
        return issue
    note(state, issue, actor, "reopened")
    return state.store.change(
        issue, state="open", state_reason=None if issue.is_pull else "reopened", closed_at=None,
        closed_by_id=None, updated_at=state.now(),
    )


def labels_of(state: State, issue: records.Issue) -> list[records.Label]:
    where = (
        "id in (select label_id from issue_labels where issue_id = ?) order by name collate nocase"
    )
    return state.store.select(records.Label, where, issue.id)


def find_label(state: State, repo: records.Repo, name: str) -> records.Label | None:
    return state.store.first(
        records.Label, "repo_id = ? and name = ? collate nocase", repo.id, name
    )


def make_label(
    state: State, repo: records.Repo, name: str, color: str = "ededed",
    description: str | None = None,
) -> records.Label:
    return state.store.add(
        records.Label(
            repo_id=repo.id, name=name, color=color.lstrip("#"), description=description,
            created_at=state.now(),
        )
    )


def add_labels(
    state: State, repo: records.Repo, issue: records.Issue, actor: records.User,
    names: Iterable[str],
) -> records.Issue:
    """Put labels on an issue; one the repository does not have yet is made, as GitHub does."""
    present = {label.id for label in labels_of(state, issue)}
    for name in names:
        label = find_label(state, repo, name) or make_label(state, repo, name)
        if label.id in present:
            continue
        present.add(label.id)
        state.store.add(records.IssueLabel(issue_id=issue.id, label_id=label.id))
        note(state, issue, actor, "labeled", label=label.name, color=label.color)
        issue = touch(state, issue)
    return issue


def remove_labels(
    state: State, issue: records.Issue, actor: records.User, gone: Iterable[records.Label]
) -> records.Issue:
    for label in gone:
        where = "issue_id = ? and label_id = ?"
        for link in state.store.select(records.IssueLabel, where, issue.id, label.id):
            state.store.delete(link)
            note(state, issue, actor, "unlabeled", label=label.name, color=label.color)
            issue = touch(state, issue)
    return issue


def put_labels(
    state: State, repo: records.Repo, issue: records.Issue, actor: records.User,
    names: Iterable[str],
) -> records.Issue:
    wanted = {name.lower() for name in names}
    gone = [label for label in labels_of(state, issue) if label.name.lower() not in wanted]
    issue = remove_labels(state, issue, actor, gone)
    return add_labels(state, repo, issue, actor, names)


def comment(
    state: State, issue: records.Issue, author: records.User, body: str
) -> records.Comment:
    if not body.strip():
        raise invalid("IssueComment", "body", "missing_field", "Body cannot be blank")
    checked_body("IssueComment", body)
    touch(state, issue)
    now = state.now()
    return state.store.add(
        records.Comment(
            issue_id=issue.id, author_id=author.id, body=body, created_at=now, updated_at=now
        )
    )


def comments_of(state: State, issue: records.Issue) -> list[records.Comment]:
    return state.store.select(records.Comment, "issue_id = ? order by id", issue.id)


def events_of(state: State, issue: records.Issue) -> list[records.Event]:
    return state.store.select(records.Event, "issue_id = ? order by id", issue.id)
