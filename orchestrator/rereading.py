"""The issue's words as they are now, for a round that begins anew (S7)."""

from __future__ import annotations

from msgspec import structs

from orchestrator import intake
from orchestrator.intake import Asked, Candidate
from orchestrator.records.errors import GitHubTrouble
from orchestrator.records.task import Task
from orchestrator.records.tracker import Issue
from orchestrator.rules import classify, trust
from orchestrator.texts import issues
from orchestrator.world import World

OLD = "the round begins with the text as it was read before"


def taken(world: World, candidate: Candidate, issue: Issue, task: Task) -> Task:
    """The task with the issue's title and text, and what they say of how it is worked on.

    Where nobody changed them since they were read, they stay as they are: a model may have put
    them in order, or a person may have mended the file; labels are heard all the same. Branch,
    base and history stay in any case.
    """
    if not changed(issue, task):
        return labelled(world, candidate, issue, task)
    read = intake.new_task(world, candidate, issue, task.ready_at or task.created)
    return structs.replace(
        task,
        title=read.title,
        body=read.body,
        issue_digest=read.issue_digest,
        issue_labels=read.issue_labels,
        task_type=read.task_type,
        deliverable=read.deliverable,
        priority=read.priority,
        agent=read.agent,
        epic=read.epic,
        outcome_check_ids=read.outcome_check_ids,
        assumed=read.assumed,
    )


def labelled(world: World, candidate: Candidate, issue: Issue, task: Task) -> Task:
    """The task with what the labels say otherwise than those that were read last, and no more.

    Where none were noted nobody knows what is news: they are noted, and undo nothing. Nor does a
    list that is not whole say anything.
    """
    labels = classify.heeded(issue.labels, world.agents.keys())
    if labels == task.issue_labels or not issue.labels_complete:
        return task
    if task.issue_labels is None:
        return structs.replace(task, issue_labels=labels)
    shown = intake.harmless(world, issue)
    before, after = (
        intake.classified(world, candidate.repository, structs.replace(shown, labels=each))
        for each in (task.issue_labels, labels)
    )
    for problem in after.problems:
        world.say(f"{issue.repo}#{issue.number}: {problem}; the default holds")
    said = set(before.assumed) - set(after.assumed)
    changes = {
        name: getattr(after, name)
        for name in ("task_type", "deliverable", "priority", "agent")
        if getattr(after, name) != getattr(before, name)
    }
    if (epic := classify.is_epic(labels)) != classify.is_epic(task.issue_labels):
        changes["epic"] = epic
    assumed = tuple(one for one in task.assumed if one not in said)
    return structs.replace(task, issue_labels=labels, assumed=assumed, **changes)


def changed(issue: Issue, task: Task) -> bool:
    """Whether its words are others than those that were read; by time for a file of before."""
    if task.issue_digest:
        return issues.digest(issue) != task.issue_digest
    times = [at for at in (issue.edited, issue.renamed) if at is not None]
    return task.ready_at is not None and any(at > task.ready_at for at in times)


def now(world: World, task: Task) -> tuple[Task, str]:
    """For a round that nobody's Ready begins: the text, where those who changed it may be heard.

    With it what a person must know of it, "" for nothing. Its labels are heard in any case: only
    who may sort issues sets them. What GitHub does not tell holds up no round: the task is whole
    as it is.
    """
    repository = world.config.repository(task.repo)
    if repository is None or not task.issue_node or not world.config.signed_in:
        return task, ""
    try:
        found = world.read.issues([task.issue_node])
        if not found:
            return task, ""
        [issue] = found
        candidate = Candidate(repository=repository, issue_node=task.issue_node)
        if not changed(issue, task):
            return labelled(world, candidate, issue, task), ""
        facts = intake.text_facts(Asked(world), repository, issue, since=task.ready_at)
        judged = trust.of_text(facts)
    except GitHubTrouble as trouble:
        return task, f"issue #{task.issue} could not be read again ({trouble}): {OLD}"
    if not isinstance(judged, trust.Trusted):
        mend = f". {judged.mend}" if isinstance(judged, trust.NotTrusted) else ""
        said = f"issue #{task.issue} was changed, and {judged.reason}: {OLD}{mend}"
        read = structs.replace(issue, title=task.title, body=task.body)
        return labelled(world, candidate, read, task), said
    return taken(world, candidate, issue, task), "with the issue's text as it is now"
