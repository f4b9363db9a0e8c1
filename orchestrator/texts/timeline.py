"""The life of a task as lines: what happened, when, and why, from its marks and attempts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, tzinfo

from orchestrator.records.result import BlockerCode
from orchestrator.records.task import ENDED, PERSON, Attempt, Deliverable, Mark, State, Task
from orchestrator.records.verdicts import AttemptVerdict
from orchestrator.texts import markdown, quoting
from orchestrator.texts.moments import dated

LINES = 60
REASON = 240
VERDICTS = {
    AttemptVerdict.DELIVER: "accepted",
    AttemptVerdict.REWORK: "not accepted",
    AttemptVerdict.DEFER: "put off",
    AttemptVerdict.ESCALATE: "a person is needed",
    AttemptVerdict.CANCELLED: "stopped",
    AttemptVerdict.CRASHED: "crashed",
    AttemptVerdict.INTERRUPTED: "interrupted, and does not count",
}
TITLES = {
    State.DONE: "Agent OS has finished",
    State.ESCALATED: "Agent OS needs a person",
    State.FAILED: "Agent OS needs a person",
    State.QUARANTINE: "Agent OS needs a person",
    State.CANCELLED: "Agent OS has stopped",
}


def title(task: Task) -> str:
    said = TITLES.get(task.state, "Agent OS is on it") if task.state else "Agent OS is on it"
    return f"**{said}:** `{task.task_id}`"


def lines(task: Task, zone: tzinfo = UTC) -> tuple[str, ...]:
    """Every transition in order of time; of more than 60 the older ones are only counted."""
    told = [text for _, text in sorted(_events(task, zone), key=lambda event: event[0])]
    older = max(0, len(told) - LINES) + task.marks_left_out
    if not older:
        return tuple(told)
    return (f"{older} earlier steps are not shown", *told[-LINES:])


def table(
    task: Task, most: int, zone: tzinfo = UTC, quote: quoting.Quote = quoting.said
) -> str:
    """The newest attempts as a table; "" for none."""
    if not task.attempts:
        return ""
    rows = ["| # | round | agent | began | verdict | code | reason | head |", "|" + "---|" * 8]
    for a in task.attempts[-most:]:
        verdict = refusals(a, zone) or (VERDICTS[a.verdict] if a.verdict else "not judged")
        code = "" if a.code is BlockerCode.NONE else str(a.code)
        told = (str(a.n), str(a.round), a.agent, dated(a.started, zone), verdict, code, a.reason)
        cells = [markdown.cell(quote(text, REASON)) for text in told]
        rows.append("| " + " | ".join([*cells, short(a.head_sha)]) + " |")
    if len(task.attempts) > most:
        rows.append(f"\n{len(task.attempts) - most} earlier attempts are not shown.")
    return "\n".join(rows)


def short(sha: str) -> str:
    return f"`{sha[:12]}`" if sha else ""


def _events(task: Task, zone: tzinfo) -> Iterator[tuple[tuple[int, int, int], str]]:
    """Each line with its place: marks in their order, an attempt after the mark it began under."""
    marks = sorted(task.marks, key=lambda mark: mark.at)
    for i, mark in enumerate(marks):
        text = _marked(task, marks, i, zone)
        by = quoting.said(mark.by, 60)
        yield (i, 1, 0), f"{dated(mark.at, zone)}: {text}" + (f" ({by})" if by else "")
    for attempt in task.attempts:
        at = attempt.judged or attempt.settled or attempt.started
        before = sum(mark.at < at for mark in marks)
        for i, mark in enumerate(marks):
            if mark.at == at and mark.state is State.PROCESSING:
                before = i + 1
        yield (before, 0, attempt.n), f"{dated(at, zone)}: {_attempted(attempt, zone)}"


def refusals(attempt: Attempt, zone: tzinfo = UTC) -> str:
    """`refused 12 times since ...` for an entry that stands for many; else ""."""
    if attempt.times == 1:
        return ""
    return f"refused {attempt.times} times since {dated(attempt.since or attempt.started, zone)}"


def _attempted(attempt: Attempt, zone: tzinfo) -> str:
    said = f"attempt {attempt.n} by {quoting.said(attempt.agent, 60)}"
    if attempt.verdict is None:
        return f"{said} began"
    said += f": {refusals(attempt, zone) or VERDICTS[attempt.verdict]}"
    if attempt.code is not BlockerCode.NONE:
        said += f", `{attempt.code}`"
    reason = quoting.said(attempt.reason, REASON)
    if reason:
        said += f": {reason}"
    return said + (f" ({round(attempt.seconds)} s)" if attempt.seconds >= 1 else "")


def _marked(task: Task, marks: list[Mark], i: int, zone: tzinfo) -> str:
    mark, before = marks[i], marks[i - 1].state if i else None
    last = i == len(marks) - 1
    why = f": {reason}" if last and (reason := _why(task, mark.state)) else ""
    match mark.state:
        case State.INBOX:
            return _taken_up(before)
        case State.PROCESSING:
            return "a worker has it"
        case State.BLOCKED:
            until = f" until {dated(task.not_before, zone)}" if last and task.not_before else ""
            return f"waiting{until}{why}"
        case State.REVIEW:
            return _in_review(task, marks, i)
        case State.DONE:
            return _done(task) + (why if mark.by == PERSON else "")
        case State.ESCALATED:
            return f"escalated, a person is needed{why}"
        case State.FAILED:
            return f"failed before an agent could start{why}"
        case State.CANCELLED:
            return f"cancelled{why}"
        case State.QUARANTINE:
            return f"set aside, because it cannot be read as a task{why}"


def _taken_up(before: State | None) -> str:
    if before is None:
        return "taken up"
    if before in ENDED:
        return "taken up again, in a new round"
    if before is State.REVIEW:
        return "the pull request goes back to work"
    return "waiting for a worker"


def _in_review(task: Task, marks: list[Mark], i: int) -> str:
    number = f"pull request #{task.pull_request.number}" if task.pull_request else "pull request"
    again = any(mark.state is State.REVIEW for mark in marks[:i])
    delivered = [
        attempt.head_sha
        for attempt in task.attempts
        if attempt.verdict is AttemptVerdict.DELIVER
        and attempt.head_sha
        and attempt.judged
        and attempt.judged <= marks[i].at
    ]
    head = f", head {short(delivered[-1])} pushed" if delivered else ""
    return f"{number} {'has new work' if again else 'opened'}{head}"


def _done(task: Task) -> str:
    if task.merge and task.merge.sha:
        proof = "verified" if task.merge.verified else "not verified yet"
        return f"merged as {short(task.merge.sha)} and {proof}"
    if task.deliverable is Deliverable.REPORT:
        return "report delivered"
    return "done"


def _why(task: Task, state: State) -> str:
    """The reason of the last mark: the note's first sentence, else why an attempt put it off."""
    for line in task.note.split("\n"):
        if line.strip() and not line.startswith("#"):
            return quoting.said(line, REASON)
    attempt = task.attempt
    if state is State.BLOCKED and attempt and attempt.verdict is AttemptVerdict.DEFER:
        return quoting.said(attempt.reason, REASON)
    return ""
