"""Everything that we say on GitHub: plain English, bounded, and deaf to what it quotes (A12)."""

from __future__ import annotations

import textwrap
from datetime import UTC, tzinfo
from itertools import pairwise
from urllib.parse import quote

from orchestrator.records.result import BlockerCode, Result
from orchestrator.records.task import Attempt, Task
from orchestrator.texts import markdown, quoting, taskfile, timeline
from orchestrator.texts.timeline import short

LIMIT = 60_000  # bytes of a body (A12)
SUBJECT = 72  # characters of a commit's first line
TITLE = 120
ITEM = 600
CRITERIA = 40
FILES = 60
STEPS = 20
ATTEMPTS = 20  # rows of the table in a note
PERSON_NEEDED, CODED = "## A person is needed", " Code: `"

NEEDED = {
    BlockerCode.MISSING_CREDENTIALS: "Give this machine the credential that is named above.",
    BlockerCode.MISSING_CONTEXT: "Add to the issue what is missing; a comment there is read too.",
    BlockerCode.MANUAL_INTERVENTION_REQUIRED: "Do the step that no program can do.",
    BlockerCode.ENVIRONMENT_FAILURE: "Put the environment in order: a tool, a service or the disk.",
    BlockerCode.DEPENDENCY_BLOCKED: "Finish or remove what this task waits for.",
    BlockerCode.GATE_REFUSED: "Look at what the gate refused, and decide whether it may be done.",
    BlockerCode.NO_DIFF_PRODUCED: "Check whether there is anything left to do, or say it anew.",
    BlockerCode.BUDGET_SPENT: "Raise the budget (`budgets` in config.yaml), or ask for less.",
    BlockerCode.PROMPT_TOO_LARGE: "Make the issue smaller, or split it.",
    BlockerCode.TIMEOUT: "See in its agent.log where it hung; give it more time "
    "(`idle_timeout_minutes`, `agent_timeout_minutes`), or split the task.",
    BlockerCode.RUNNER_FAILURE: "See in its agent.log how the program ended, and try it by hand.",
    BlockerCode.WORKER_CRASH: "See in runtime/logs/queue.log how the worker died: memory, or disk?",
    BlockerCode.QUOTA_LIMITED: "Look at the plan and the credit of its provider.",
    BlockerCode.TEST_FAILURE: "Look at the failing tests: is the work wrong, or the tests?",
}
NEEDED_ELSE = "Read the attempts, and decide: say the task differently, split it, or drop it."
NEEDED_TO_START = (
    "Where Agent OS runs, install what is named above, or name another agent in its config.yaml "
    "(`agents`, `agent_fallbacks`)."
)


def status_comment(
    task: Task, *, marker: str, lane_note: str = "", web_url: str = "", zone: tzinfo = UTC
) -> str:
    """The one comment that is edited in place: a line per transition, the newest 60 of them.

    `lane_note` is a sentence of ours on how far this repository lets us go; `web_url` is the
    repository's page, for links. The same task gives the same text.
    """
    branch = quoting.path(task.branch) if task.branch else "none yet"
    if task.branch and web_url:
        branch = f"[{branch}]({web_url.rstrip('/')}/tree/{quote(task.branch)})"
    where = f"Branch: {branch}"
    if task.pushed:
        where += f", head {short(task.pushed[-1])}"
    kept = f"Kept is {_salvaged(task)}." if task.salvage else ""
    lines = markdown.bullets(timeline.lines(task, zone))
    return _signed(marker, timeline.title(task), where, kept, lane_note.strip(), lines)


def pull_request_title(task: Task) -> str:
    return _title(task, TITLE)


def pull_request_body(
    task: Task, *, marker: str, tests: str, files: tuple[str, ...], evidence: str = ""
) -> str:
    """What is asked, what the agent claims, and what we ran ourselves.

    `tests` says in markdown what we ran and how it ended, `evidence` is the block that proves it
    (`texts.evidence`); `files` are the paths of the diff.
    """
    attempt = task.attempt
    result = attempt.result if attempt else None
    who = f"{attempt.agent}, attempt {attempt.n}" if attempt else "the agent"
    claim = quoting.cited(_claim(result), 12_000) if result else ""
    shown = [f"- {quoting.path(name)}" for name in files[:FILES]]
    if len(files) > FILES:
        shown.append(f"- and {len(files) - FILES} more")
    return _signed(
        marker,
        f"Closes #{task.issue}" if task.issue else "",
        _part("Goal", quoting.cited(taskfile.goal_of(task), 6_000)),
        _part(f"What {quoting.said(who, 80)} says it did", claim),
        _part("What we ran ourselves", quoting.prose(tests, 6_000) or "Nothing."),
        evidence,
        _part("Decisions", quoting.listed(result.decisions, ITEM, 20) if result else ""),
        _part("Risks", quoting.listed(result.risks, ITEM, 20) if result else ""),
        _part("Steps for a person", _checklist(result.manual_steps) if result else ""),
        _part(f"Files ({len(files)})" if files else "", "\n".join(shown)),
        f"Task `{task.task_id}`, {quoting.said(who, 80)}.",
    )


def commit_message(task: Task, attempt: Attempt) -> str:
    """Subject of at most 72 characters, what the agent says it did, and who did it for what."""
    result = attempt.result
    summary = quoting.flat(result.summary, 1_500) if result else ""
    body = textwrap.fill(summary, SUBJECT, break_long_words=False, break_on_hyphens=False)
    trailers = f"Agent-OS-Task: {task.task_id}\nAgent-OS-Agent: {quoting.flat(attempt.agent, 80)}"
    return "\n\n".join(filter(None, (_title(task, SUBJECT), body, trailers))) + "\n"


def update_message(task: Task, base: str, base_sha: str) -> str:
    """The message of our own merge of the base into the branch, known again by its trailer."""
    subject = markdown.one_line(f"Update from {base} at {base_sha[:12]}", SUBJECT)
    trailers = f"Agent-OS-Task: {task.task_id}\nAgent-OS-Update: {base_sha}"
    return f"{subject}\n\n{trailers}\n"


def merge_title(task: Task, number: int) -> str:
    """`<title> (#N)`, by which the merge is found on the base (M9)."""
    suffix = f" (#{number})"
    return _title(task, SUBJECT - len(suffix)) + suffix


def revert_title(task: Task, number: int) -> str:
    """`Revert "<title>" (reverts #N)`, of the length of any title of ours."""
    suffix = f'" (reverts #{number})'
    return f'Revert "{_title(task, TITLE - len(suffix) - 8)}{suffix}'


def revert_message(task: Task, merge_sha: str) -> str:
    """The message of the commit that takes a merge back, known again by its trailer."""
    subject = f'Revert "{_title(task, SUBJECT - 9)}"'
    trailers = f"Agent-OS-Task: {task.task_id}\nAgent-OS-Revert: {merge_sha}"
    return f"{subject}\n\nThis takes back {merge_sha}.\n\n{trailers}\n"


def revert_body(task: Task, why: str, *, number: int, merge_sha: str, marker: str) -> str:
    """Why a merge might be taken back, and that a person decides it."""
    issue = f", which was made for issue #{task.issue}" if task.issue else ""
    return _signed(
        marker,
        f"This takes back #{number}, merged as {short(merge_sha)}{issue}.",
        _part("Why", _sentence(why)),
        "Agent OS offers this and never merges it: look at the checks, and merge it or close it. "
        f"The work itself is not lost: it stays in #{number}.",
        f"Task `{task.task_id}`.",
    )


def base_red_comment(
    task: Task, failed: tuple[str, ...], *, number: int, offer: str, again: bool, marker: str
) -> str:
    """What happened after the merge, and what a person can do; `offer` is a sentence.

    `again` says that the failed checks were run once more, and failed.
    """
    base = quoting.path(task.base) if task.base else "the base"
    names = ", ".join(quoting.path(name) for name in failed[:CRITERIA])
    return _signed(
        marker,
        f"**{base} fails its checks since #{number} was merged.** Failed: {names}. Before the "
        f"merge they had not{', and run again they failed again' if again else ''}.",
        offer,
        "Agent OS has stopped its work on this repository until a person removes "
        f"`runtime/off.d/{task.repo.replace('/', '__')}` where it runs.",
    )


def escalation_note(
    task: Task, reason: str, code: BlockerCode, zone: tzinfo = UTC, *, steps: tuple[str, ...] = ()
) -> str:
    """For the task file: why a person is needed, what was tried, what was kept, what to do.

    `steps` are those for a person that nobody has ticked.
    """
    if task.issue:
        again = (
            f"2. Set issue #{task.issue} to Ready again, or move this file from `escalated/` back "
            "to `inbox/`."
        )
    else:
        again = "2. Move this file from `escalated/` back to `inbox/`."
    to_do = (
        f"1. {_needed(task, code)}",
        f"{again} A new round begins: attempts count from zero, what was tried stays known.",
        "3. To drop it: close the issue or the pull request, or leave the file here.",
    )
    attempts = timeline.table(task, ATTEMPTS, zone, quoting.plain)
    left = quoting.listed(steps, ITEM, STEPS, quoting.plain)
    return "\n\n".join(
        filter(
            None,
            (
                PERSON_NEEDED,
                _reason(reason, code, quoting.plain),
                _part("Attempts", attempts or "None.", level=3),
                _part("What was kept", _kept(task) or "Nothing was begun.", level=3),
                _part("What to do", "\n".join(to_do), level=3),
                _part("Steps for a person, not ticked yet", left, level=3),
            ),
        )
    )


def said_in(note: str) -> tuple[str, BlockerCode]:
    """Why a person is needed and the code, by a note of `escalation_note`; "" where it is none."""
    heading, _, rest = note.partition("\n\n")
    reason, _, code = rest.partition("\n\n")[0].partition(CODED)
    known = {one.value: one for one in BlockerCode}
    found = known.get(code.partition("`")[0], BlockerCode.NONE)
    return (reason, found) if heading == PERSON_NEEDED else ("", BlockerCode.NONE)


def escalation_comment(
    task: Task, reason: str, code: BlockerCode, *, steps: tuple[str, ...] = (), marker: str
) -> str:
    count = len([made for made in task.this_round if not made.refused])
    tried = "no attempt was made" if not count else f"{count} attempt{'s' * (count != 1)} made"
    return _signed(
        marker,
        f"**A person is needed** ({tried}). {_reason(reason, code)}",
        _needed(task, code),
        _not_ticked(steps),
        f"Nothing was thrown away:\n\n{kept}" if (kept := _kept(task)) else "",
        "To go on, set this issue to Ready again; to drop it, close it.",
    )


def question_comment(task: Task, *, steps: tuple[str, ...] = (), marker: str) -> str:
    """What the agent says it would have to know, as one question to people."""
    result = task.attempt.result if task.attempt else None
    missing = (result.blockers or (result.summary,)) if result else ()
    asked = quoting.cited(quoting.listed(missing, ITEM, 5), 4_000)
    return _signed(
        marker,
        "**A question.** The agent cannot go on, because the issue does not say enough. It asks:",
        asked or "> It did not say what is missing.",
        _not_ticked(steps),
        "Answer in a comment here. When somebody with write permission does, the work goes on by "
        "itself, with that comment at hand. To drop it, close this issue.",
    )


def untrusted_comment(reason: str, mend: str, *, marker: str) -> str:
    return _signed(
        marker,
        f"Agent OS does not take this up: {_sentence(reason)}",
        mend,
    )


def cycle_comment(path: tuple[str, ...], *, marker: str) -> str:
    """`path` names the issues of the circle in order, such as `#3` or `owner/name#3`."""
    circle = [quoting.said(name, 120) for name in path]
    if circle[0] != circle[-1] or len(circle) == 1:
        circle.append(circle[0])
    waits = ", ".join(f"{one} waits for {other}" for one, other in pairwise(circle))
    return _signed(
        marker,
        f"This waits for itself, so it would never start: {waits}.",
        "Remove one of these dependencies, then set this issue to Ready again.",
    )


def not_planned_comment(number: int, *, marker: str) -> str:
    """`number` is the dependency that was closed without having been done."""
    return _signed(
        marker,
        f"This depends on #{number}, which was closed without having been done.",
        "Remove that dependency or open it again, then set this issue to Ready again.",
    )


def report_comment(task: Task, result: Result, *, marker: str) -> str:
    """The report, and under it each success criterion with the passage that answers it."""
    text = result.report if result.report.strip() else _claim(result)
    attempt = task.attempt
    by = f" by {quoting.said(attempt.agent, 80)}" if attempt else ""
    return _signed(
        marker,
        f"Report{by} for task `{task.task_id}`:",
        quoting.prose(text, 45_000) or "The report is empty.",
        _part("Success criteria", _answers(task, text)),
    )


def manual_steps_comment(steps: tuple[str, ...], *, marker: str) -> str:
    return _signed(
        marker, "These steps need a person; tick each one when it is done.", _checklist(steps)
    )


# --- the pieces ----------------------------------------------------------------------------------


def _signed(marker: str, *parts: str) -> str:
    """The parts, bounded, and the marker on a line of its own at the end."""
    body = "\n\n".join(part for part in parts if part)
    return f"{quoting.closed(markdown.truncated(body, LIMIT - 200))}\n\n{marker}"


def _part(heading: str, text: str, *, level: int = 2) -> str:
    return f"{'#' * level} {heading}\n\n{text}" if heading and text else ""


def _title(task: Task, limit: int) -> str:
    return quoting.flat(task.title, limit) or markdown.one_line(task.task_id, limit)


def _sentence(reason: str, quote: quoting.Quote = quoting.said) -> str:
    said = quote(reason, 600) or "no reason was given"
    return said if said.endswith((".", "!", "?")) else f"{said}."


def _reason(reason: str, code: BlockerCode, quote: quoting.Quote = quoting.said) -> str:
    said = _sentence(reason, quote)
    named = "" if code is BlockerCode.NONE else f"{CODED}{code}`."
    return said[:1].upper() + said[1:] + named


def _claim(result: Result) -> str:
    """Summary and finished things; each item is one line, so that none can open a code block."""
    done = quoting.listed(result.done, ITEM, 40)
    return "\n\n".join(filter(None, (quoting.closed(result.summary), done)))


def _checklist(steps: tuple[str, ...]) -> str:
    said = (quoting.said(step, ITEM) for step in steps)
    return "\n".join(f"- [ ] {step}" for step in said if step)


def _not_ticked(steps: tuple[str, ...]) -> str:
    """Named again, not as a second list to tick."""
    listed = quoting.listed(steps, ITEM, STEPS)
    return f"Of the steps for a person these are not ticked yet:\n\n{listed}" if listed else ""


def _needed(task: Task, code: BlockerCode) -> str:
    if code is BlockerCode.FALLBACK_EXHAUSTED and not task.this_round:
        return NEEDED_TO_START
    return NEEDED.get(code, NEEDED_ELSE)


def _kept(task: Task) -> str:
    """What there is of the task, "" before its first attempt."""
    kept = []
    if task.pushed:
        kept.append(f"branch {quoting.path(task.branch)}, pushed at {short(task.pushed[-1])}")
    elif task.branch and task.attempts:
        kept.append(f"branch {quoting.path(task.branch)}, of which nothing is pushed")
    if task.pull_request:
        kept.append(f"pull request #{task.pull_request.number}")
    if task.salvage:
        kept.append(_salvaged(task))
    if task.attempts:
        kept.append(f"`runtime/attempts/{task.task_id}/`: prompts, logs and results")
    return markdown.bullets(kept)


def _salvaged(task: Task) -> str:
    """The name of what exists nowhere else, and how to see it where Agent OS runs."""
    ref, store = f"refs/salvage/{task.task_id}", f"runtime/repos/{task.repo.replace('/', '__')}.git"
    return (
        f"work that exists nowhere else: `{ref}` in the store `{store}` of Agent OS; to see it "
        f"there: `git -C {store} log -p {ref}`"
    )


def _answers(task: Task, report: str) -> str:
    """Each criterion with the passage of the report that shares most of its words."""
    asked = taskfile.sections(task.body)
    criteria = asked.get("success criteria") or asked.get("acceptance criteria") or ""
    passages = quoting.passages(report)
    lines = []
    for criterion in (quoting.items(criteria) or quoting.passages(criteria))[:CRITERIA]:
        found = quoting.nearest(criterion, passages)
        answer = quoting.said(found, 300) if found else "no passage of the report names it"
        lines.append(f"- {quoting.said(criterion, 300)}\n  - {answer}")
    return "\n".join(lines)
