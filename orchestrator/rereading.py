"""The issue's words as they are now, for a round that begins anew (S7)."""

from __future__ import annotations

from msgspec import structs

from orchestrator import intake
from orchestrator.intake import Asked, Candidate
from orchestrator.records.errors import GitHubTrouble
from orchestrator.records.task import Task
from orchestrator.records.tracker import Issue
from orchestrator.rules import trust
from orchestrator.texts import issues
from orchestrator.world import World

OLD = "the round begins with the text as it was read before"


def taken(world: World, candidate: Candidate, issue: Issue, task: Task) -> Task:
    """The task with the issue's title and text, and what they say of how it is worked on.

    Where nobody changed them since they were read, it stays as it is: a model may have put it in
    order, or a person may have mended the file. Branch, base and history stay in any case.
    """
    if not changed(issue, task):
        return task
    read = intake.new_task(world, candidate, issue, task.ready_at or task.created)
    return structs.replace(
        task,
        title=read.title,
        body=read.body,
        issue_digest=read.issue_digest,
        task_type=read.task_type,
        deliverable=read.deliverable,
        priority=read.priority,
        agent=read.agent,
        outcome_check_ids=read.outcome_check_ids,
        assumed=read.assumed,
    )


def changed(issue: Issue, task: Task) -> bool:
    """Whether its words are others than those that were read; by time for a file of before."""
    if task.issue_digest:
        return issues.digest(issue) != task.issue_digest
    times = [at for at in (issue.edited, issue.renamed) if at is not None]
    return task.ready_at is not None and any(at > task.ready_at for at in times)


def now(world: World, task: Task) -> tuple[Task, str]:
    """For a round that nobody's Ready begins: the text, where those who changed it may be heard.

    With it what a person must know of it, "" for nothing. What GitHub does not tell holds up no
    round: the task is whole as it is.
    """
    repository = world.config.repository(task.repo)
    if repository is None or not task.issue_node or not world.config.signed_in:
        return task, ""
    try:
        found = world.read.issues([task.issue_node])
        if not found or not changed(found[0], task):
            return task, ""
        [issue] = found
        facts = intake.text_facts(Asked(world), repository, issue, since=task.ready_at)
        judged = trust.of_text(facts)
    except GitHubTrouble as trouble:
        return task, f"issue #{task.issue} could not be read again ({trouble}): {OLD}"
    if not isinstance(judged, trust.Trusted):
        mend = f". {judged.mend}" if isinstance(judged, trust.NotTrusted) else ""
        return task, f"issue #{task.issue} was changed, and {judged.reason}: {OLD}{mend}"
    candidate = Candidate(repository=repository, issue_node=task.issue_node)
    return taken(world, candidate, issue, task), "with the issue's text as it is now"
