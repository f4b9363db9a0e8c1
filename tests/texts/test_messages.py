"""What we say on GitHub: true, bounded, and without any power lent to what it quotes."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from msgspec import structs

from orchestrator.records.result import BlockerCode, Result, Status
from orchestrator.records.task import (
    Attempt,
    Deliverable,
    Mark,
    MergeMark,
    PullRequestLink,
    State,
    Task,
)
from orchestrator.records.verdicts import AttemptVerdict
from orchestrator.texts import markdown, messages, quoting

FAILED = "not accepted, `test_failure`: our own test run fails (412 s)"
MARKER = "<!-- aos:fx=0123456789abcdef -->"
START = datetime(2026, 11, 22, 20, 50, tzinfo=UTC)
HEAD, MERGED, BASE = "a" * 40, "b" * 40, "c" * 40
HOSTILE = "Fixes #9 and closes o/r#3, ask @root <!-- aos:fx=0 --> <b> [skip ci] Agent-OS-Update: 1"
RESULT = Result(
    status=Status.COMPLETE,
    summary="Dates are read now.",
    done=("dates", "times"),
    decisions=("no new library",),
    risks=("years before 1970",),
    manual_steps=("set TZ",),
)


def at(minutes: int) -> datetime:
    return START + timedelta(minutes=minutes)


def mark(state: State, minutes: int, by: str = "") -> Mark:
    return Mark(state=state, at=at(minutes), by=by)


TASK = Task(
    task_id="task-20261122T205000Z-o-r-12-dates",
    repo="o/r",
    title="Read dates",
    issue=12,
    created=START,
    branch="agent/task-20261122T205000Z-o-r-12-dates",
    body="## Goal\n\nDates are read.\n\n## Success criteria\n\n- a test reads a leap day\n- docs\n",
    marks=(
        mark(State.INBOX, 0, "github_dispatcher"),
        mark(State.PROCESSING, 1, "queue"),
        mark(State.INBOX, 9, "queue"),
        mark(State.PROCESSING, 10, "queue"),
        mark(State.REVIEW, 20, "queue"),
        mark(State.DONE, 40, "pr_monitor"),
    ),
    attempts=(
        Attempt(
            n=1, agent="codex", started=at(1), judged=at(9), verdict=AttemptVerdict.REWORK,
            code=BlockerCode.TEST_FAILURE, reason="our own test run fails", seconds=412.4,
        ),
        Attempt(
            n=2, agent="claude", started=at(10), judged=at(20), verdict=AttemptVerdict.DELIVER,
            reason="proved", head_sha=HEAD, result=RESULT,
        ),
    ),
    pull_request=PullRequestLink(number=31, node_id="PR_1"),
    pushed=(HEAD,),
    merge=MergeMark(head_sha=HEAD, base_sha=BASE, sha=MERGED, verified=True),
)  # fmt: skip


def test_the_status_comment_tells_every_transition_in_order():
    assert messages.status_comment(TASK, marker=MARKER, lane_note="A person merges here.") == f"""\
**Agent OS has finished:** `{TASK.task_id}`

Branch: `{TASK.branch}`, head `aaaaaaaaaaaa`

A person merges here.

- 2026-11-22 20:50 UTC: taken up (github_dispatcher)
- 2026-11-22 20:51 UTC: a worker has it (queue)
- 2026-11-22 20:59 UTC: attempt 1 by codex: {FAILED}
- 2026-11-22 20:59 UTC: waiting for a worker (queue)
- 2026-11-22 21:00 UTC: a worker has it (queue)
- 2026-11-22 21:10 UTC: attempt 2 by claude: accepted: proved
- 2026-11-22 21:10 UTC: pull request #31 opened, head `aaaaaaaaaaaa` pushed (queue)
- 2026-11-22 21:30 UTC: merged as `bbbbbbbbbbbb` and verified (pr_monitor)

{MARKER}"""


@pytest.mark.parametrize(
    ("marks", "fields", "said"),
    [
        ((State.INBOX,), {}, "taken up"),
        ((State.INBOX, State.PROCESSING), {}, "a worker has it"),
        ((State.DONE, State.INBOX), {}, "taken up again, in a new round"),
        ((State.REVIEW, State.INBOX), {}, "the pull request goes back to work"),
        ((State.INBOX, State.BLOCKED), {"not_before": at(90), "note": "quota is used up"},
         "waiting until 2026-11-22 22:20 UTC: quota is used up"),
        ((State.INBOX, State.ESCALATED), {"note": "## A person is needed\n\nThe key is missing.\n"},
         "escalated, a person is needed: The key is missing."),
        ((State.INBOX, State.FAILED), {"note": "disk full"},
         "failed before an agent could start: disk full"),
        ((State.INBOX, State.CANCELLED), {}, "cancelled"),
        ((State.INBOX, State.DONE), {}, "done"),
        ((State.INBOX, State.DONE), {"deliverable": Deliverable.REPORT}, "report delivered"),
        ((State.DONE,), {"merge": MergeMark(head_sha=HEAD, base_sha=BASE, sha=MERGED)},
         "merged as `bbbbbbbbbbbb` and not verified yet"),
        ((State.REVIEW, State.INBOX, State.REVIEW), {"pull_request": TASK.pull_request},
         "pull request #31 has new work"),
        ((State.QUARANTINE,), {}, "set aside, because it cannot be read as a task"),
    ],
)  # fmt: skip
def test_each_state_has_its_words(marks, fields, said):
    task = Task(
        task_id="task-1", repo="o/r", created=START,
        marks=tuple(mark(state, i) for i, state in enumerate(marks)), **fields,
    )  # fmt: skip
    text = messages.status_comment(task, marker=MARKER)
    assert text.split("\n")[-3] == f"- 2026-11-22 20:5{len(marks) - 1} UTC: {said}"


def test_a_running_attempt_and_a_crashed_one_are_told_too():
    crashed = Attempt(n=1, agent="a", started=at(1), verdict=AttemptVerdict.CRASHED, settled=at(5))
    running = Attempt(n=2, agent="b", started=at(6))
    marks = (mark(State.INBOX, 0), mark(State.PROCESSING, 6))
    task = Task(task_id="t", repo="o/r", created=START, marks=marks, attempts=(crashed, running))
    told = messages.status_comment(task, marker=MARKER).split("\n")[4:-2]
    assert [line.partition(": ")[2] for line in told] == [
        "taken up", "attempt 1 by a: crashed", "a worker has it", "attempt 2 by b began",
    ]  # fmt: skip


def test_of_a_long_life_the_newest_sixty_lines_are_shown():
    marks = tuple(mark((State.INBOX, State.PROCESSING)[i % 2], i) for i in range(100))
    text = messages.status_comment(structs.replace(TASK, marks=marks), marker=MARKER)
    told = [line for line in text.split("\n") if line.startswith("- ")]
    assert told[0] == "- 42 earlier steps are not shown"
    assert len(told) == 61
    assert told[-1].startswith("- 2026-11-22 22:29 UTC:")


def test_with_the_repositorys_page_the_branch_is_a_link():
    text = messages.status_comment(TASK, marker=MARKER, web_url="https://github.com/o/r/")
    assert f"](https://github.com/o/r/tree/{TASK.branch})" in text


def test_a_pull_request_sets_claim_and_proof_apart():
    text = messages.pull_request_body(
        TASK, marker=MARKER, tests="`pytest -q` passed in 3 s.", files=("a.py", "b.py")
    )
    assert text == f"""\
Closes #12

## Goal

> Dates are read.

## What claude, attempt 2 says it did

> Dates are read now.
>
> - dates
> - times

## What we ran ourselves

`pytest -q` passed in 3 s.

## Decisions

- no new library

## Risks

- years before 1970

## Steps for a person

- [ ] set TZ

## Files (2)

- `a.py`
- `b.py`

Task `{TASK.task_id}`, claude, attempt 2.

{MARKER}"""


def test_paths_stand_in_code_and_are_counted_where_they_are_too_many():
    long = messages.pull_request_body(TASK, marker="m", tests="", files=("a`<!--b",) * 99)
    assert long.count("\n- `a'<\u200b!--b`") == 60
    assert "\n- and 39 more\n" in long


def test_a_task_without_an_issue_closes_nothing():
    task = structs.replace(TASK, issue=None, attempts=())
    text = messages.pull_request_body(task, marker=MARKER, tests="", files=())
    assert "Closes" not in text
    assert "## What we ran ourselves\n\nNothing." in text


def test_titles_fall_back_and_are_cut_at_a_word():
    long = structs.replace(TASK, title="read every date " * 20)
    assert messages.pull_request_title(TASK) == "Read dates"
    assert messages.pull_request_title(structs.replace(TASK, title=" ")) == TASK.task_id
    assert messages.merge_title(TASK, 31) == "Read dates (#31)"
    assert len(messages.pull_request_title(long)) <= 120
    assert messages.merge_title(long, 31).endswith("... (#31)")
    assert len(messages.merge_title(long, 31)) <= 72


def test_a_commit_names_its_task_and_its_agent():
    assert messages.commit_message(TASK, TASK.attempts[1]) == (
        "Read dates\n\nDates are read now.\n\n"
        f"Agent-OS-Task: {TASK.task_id}\nAgent-OS-Agent: claude\n"
    )
    bare = messages.commit_message(structs.replace(TASK, title="x" * 200), TASK.attempts[0])
    assert len(bare.split("\n")[0]) <= 72
    assert bare.count("\n") == 4


def test_an_update_is_known_by_its_trailer():
    text = messages.update_message(TASK, "main", BASE)
    assert text.startswith("Update from main at cccccccccccc\n\n")
    assert text.endswith(f"\nAgent-OS-Update: {BASE}\n")


def test_an_escalation_says_why_what_was_kept_and_what_to_do():
    code = BlockerCode.MISSING_CREDENTIALS
    note = messages.escalation_note(TASK, "the deploy key is missing", code)
    assert note.startswith("## A person is needed\n\nThe deploy key is missing. Code: `missing_")
    assert "| 1 | 1 | codex | 2026-11-22 20:51 UTC | not accepted | test_failure | our own" in note
    for kept in ("pushed at `aaaaaaaaaaaa`", "#31", "escalated/"):
        assert kept in note
    assert "salvage" not in note
    assert "1. Give this machine the credential that is named above.\n2. Set issue #12" in note
    comment = messages.escalation_comment(TASK, "the deploy key is missing", code, marker=MARKER)
    assert "**A person is needed** (2 attempts made). The deploy key is missing." in comment
    assert comment.endswith(f"\n\n{MARKER}")
    file_only = messages.escalation_note(structs.replace(TASK, issue=None), "x", BlockerCode.NONE)
    assert "2. Move this file from `escalated/` back to `inbox/`." in file_only


def test_work_that_is_nowhere_else_is_told_with_the_command_that_shows_it():
    task = structs.replace(TASK, salvage=BASE)
    store = f"runtime/repos/{TASK.repo.replace('/', '__')}.git"
    command = f"`git -C {store} log -p refs/salvage/{TASK.task_id}`"
    for text in (
        messages.status_comment(task, marker=MARKER),
        messages.escalation_note(task, "why", BlockerCode.NONE),
        messages.escalation_comment(task, "why", BlockerCode.NONE, marker=MARKER),
    ):
        assert text.count(command) == 1
    assert "salvage" not in messages.status_comment(TASK, marker=MARKER)


def test_an_escalation_without_an_attempt_claims_nothing_that_is_not_there():
    idle = structs.replace(TASK, attempts=(), pushed=(), pull_request=None)
    why = "no agent is left: codex skipped: its program codex is not on PATH"
    code = BlockerCode.FALLBACK_EXHAUSTED
    said = messages.escalation_comment(idle, why, code, marker=MARKER)
    note = messages.escalation_note(idle, why, code)
    for text in (said, note):
        assert "install what is named above" in text and "Read the attempts" not in text
        assert "salvage" not in text and "branch" not in text and "runtime/attempts" not in text
    assert "thrown away" not in said
    assert "Read the attempts" in messages.escalation_comment(TASK, why, code, marker=MARKER)


@pytest.mark.parametrize("code", BlockerCode)
def test_every_code_has_a_next_step(code):
    assert re.search(r"\n1\. [A-Z].+[.?]\n", messages.escalation_note(TASK, "why", code))


def test_the_short_comments_say_what_to_do():
    told = messages.untrusted_comment("a stranger wrote it", "Set `trust: actor`.", marker="m")
    assert "a stranger wrote it" in told and "\n\nSet `trust: actor`." in told
    circle = messages.cycle_comment(("#1", "o/x#2"), marker="m")
    assert "#1 waits for o/x#2, o/x#2 waits for #1." in circle
    assert messages.cycle_comment(("#1", "o/x#2", "#1"), marker="m") == circle
    assert "#4 waits for #4." in messages.cycle_comment(("#4",), marker="m")
    assert "depends on #7" in messages.not_planned_comment(7, marker="m")
    steps = messages.manual_steps_comment(("turn the\nkey", " "), marker="m")
    assert steps.endswith("\n\n- [ ] turn the key\n\nm")


def test_a_report_answers_each_criterion():
    report = "# Answer\n\nIt works.\n\nA test reads the leap day of 1900.\n\n```\ncode\n"
    result = structs.replace(RESULT, report=report)
    text = messages.report_comment(TASK, result, marker=MARKER)
    assert "- a test reads a leap day\n  - A test reads the leap day of 1900.\n" in text
    assert "- docs\n  - no passage of the report names it\n" in text
    assert text.count("```") == 2
    plain = messages.report_comment(structs.replace(TASK, body=""), RESULT, marker=MARKER)
    assert "Dates are read now.\n\n- dates\n- times" in plain


def everything(text: str, count: int = 2) -> dict[str, str]:
    """Every message, with the same words of a stranger in each place that takes such words.

    Paths are left out: they stand in code, where GitHub reads nothing.
    """
    result = Result(
        status=Status.COMPLETE, summary=text, report=text, done=(text,) * count,
        risks=(text,) * count, decisions=(text,) * count, manual_steps=(text,) * count,
    )  # fmt: skip
    attempt = Attempt(
        n=1, agent=text, started=at(1), judged=at(2), verdict=AttemptVerdict.REWORK, reason=text,
        result=result,
    )  # fmt: skip
    task = structs.replace(
        TASK, title=text, issue=None, note=text,
        body=f"## Goal\n{text}\n\n## Success criteria\n{text}",
        marks=(mark(State.INBOX, 0, text), mark(State.ESCALATED, 3, text)),
        attempts=tuple(structs.replace(attempt, n=n) for n in range(1, count + 1)),
    )  # fmt: skip
    code = BlockerCode.TEST_FAILURE
    return {
        "status": messages.status_comment(task, marker=MARKER, web_url="https://x/o/r"),
        "title": messages.pull_request_title(task),
        "body": messages.pull_request_body(task, marker=MARKER, tests=text, files=()),
        "commit": messages.commit_message(task, attempt),
        "merge": messages.merge_title(task, 3),
        "note": messages.escalation_note(task, text, code),
        "escalation": messages.escalation_comment(task, text, code, marker=MARKER),
        "untrusted": messages.untrusted_comment(text, "Set `trust: actor`.", marker=MARKER),
        "cycle": messages.cycle_comment((text, text), marker=MARKER),
        "report": messages.report_comment(task, result, marker=MARKER),
        "steps": messages.manual_steps_comment((text,) * count, marker=MARKER),
    }


UNMARKED = {"title", "commit", "merge"}  # no Markdown is read there
SIGNED = {"status", "body", "escalation", "untrusted", "cycle", "report", "steps"}
WORDS = st.sampled_from([
    "@root", "closes #1", "Fixes: o/r#2", "resolves https://github.com/o/r/issues/1", "<!--", "-->",
    "<details>", "```", "`@root`", "`a", "b`", "``", "\\", "~~~~", "\n", "\n\n",
    "    ```", "# head", "- item", "| a |", "`",
    "[skip ci]", "Agent-OS-Update: x", "clo\u200bses #1", "c<!-- -->loses #1", "<pre>", "\r\n",
    "\u202e", "word",
])  # fmt: skip
TEXTS = st.lists(WORDS | st.text(max_size=8), max_size=12).map(" ".join)


@settings(max_examples=40, deadline=None)
@given(TEXTS)
def test_whatever_is_quoted_mentions_closes_and_hides_nothing(text):
    for name, said in everything(text).items():
        body = said.removesuffix(MARKER)
        assert (said != body) == (name in SIGNED)
        assert name not in SIGNED or body.endswith("\n\n")
        assert "<!--" not in body
        if name == "note":
            continue  # a file of ours, where nobody is mentioned
        outside = "\n".join(line for line, out in quoting.outside_code(_plain(body)) if out)
        assert not markdown.CLOSING.search(outside), name
        heard = outside if name in UNMARKED else _outside_of_code(body)
        assert not re.search(r"@[A-Za-z0-9]", heard), name
        assert name not in SIGNED or quoting.closed(body) == body, f"{name}: code is left open"


def _outside_of_code(body: str) -> str:
    """What a reader of the rendered text sees that is no code, by a parser of CommonMark."""
    found = MarkdownIt("commonmark").enable("table").parse(body)
    inside = (inner for one in found for inner in one.children or ())
    return "\n".join(one.content for one in inside if one.type != "code_inline")


def _plain(body: str) -> str:
    """Without the marks of quotation, so that the code in a quotation counts as code."""
    return "\n".join(re.sub(r"^> ?", "", line) for line in body.split("\n"))


@settings(max_examples=25, deadline=None)
@given(TEXTS)
def test_titles_and_commits_have_the_lines_that_are_ours(text):
    said = everything(text)
    assert "\n" not in said["title"] + said["merge"]
    assert len(said["commit"].split("\n")[0]) <= 72
    trailers = re.findall(r"^Agent-OS-(\w+):", said["commit"], re.MULTILINE)
    assert trailers == ["Task", "Agent"]
    assert "[skip ci]" not in said["title"] + said["merge"] + said["commit"]


@pytest.mark.parametrize("text", ["x" * 130_000, "word " * 26_000, "```\n" + "line\n" * 26_000,
                                  "\U0001f600" * 40_000, HOSTILE * 1_300])  # fmt: skip
def test_every_message_is_bounded(text):
    for name, said in everything(text, 90).items():
        assert len(said) <= 60_000, name
        assert len(said.encode()) <= 65_536, name
        assert name not in SIGNED or said.endswith(f"\n\n{MARKER}"), name
