"""What a hand may do to a task where it stands."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from orchestrator.records.task import Attempt, State, Task
from orchestrator.rules import deeds
from orchestrator.rules.deeds import Already, Deed, Do, Facts, How, Refuse

S = State
LIVE = "codex works on it since 14:02 UTC"
TABLE = [
    # What ended begins a new round, and nothing else.
    *[(Deed.RETRY, state, "", How.NEW_ROUND) for state in (S.ESCALATED, S.FAILED, S.CANCELLED)],
    *[(Deed.GIVE, state, "", How.NEW_ROUND) for state in (S.ESCALATED, S.FAILED, S.CANCELLED)],
    *[(Deed.NEXT, state, "", Refuse) for state in (S.ESCALATED, S.FAILED, S.CANCELLED)],
    (Deed.CANCEL, S.ESCALATED, "", How.END),
    (Deed.CANCEL, S.FAILED, "", How.END),
    (Deed.CANCEL, S.CANCELLED, "", Already),
    (Deed.CLOSE, S.CANCELLED, "", How.END),
    # What waits goes on, first, or to another.
    (Deed.RETRY, S.INBOX, "", Already),
    (Deed.RETRY, S.BLOCKED, "", How.GO_ON),
    *[(Deed.NEXT, state, "", How.GO_ON) for state in (S.INBOX, S.BLOCKED)],
    *[(Deed.GIVE, state, "", How.GO_ON) for state in (S.INBOX, S.BLOCKED)],
    *[(Deed.CANCEL, state, "", How.END) for state in (S.INBOX, S.BLOCKED, S.REVIEW)],
    *[(Deed.CLOSE, state, "", How.END) for state in (S.INBOX, S.BLOCKED, S.REVIEW)],
    # What a worker holds is its worker's.
    (Deed.RETRY, S.PROCESSING, LIVE, Refuse),
    (Deed.GIVE, S.PROCESSING, LIVE, Refuse),
    (Deed.NEXT, S.PROCESSING, LIVE, Already),
    (Deed.APPROVE, S.PROCESSING, LIVE, Refuse),
    (Deed.CANCEL, S.PROCESSING, LIVE, How.ORDER),
    (Deed.CLOSE, S.PROCESSING, LIVE, How.ORDER),
    (Deed.RETRY, S.PROCESSING, "", Refuse),
    (Deed.CANCEL, S.PROCESSING, "", How.ORDER),
    # A pull request is asked on GitHub, and approved from here.
    (Deed.APPROVE, S.REVIEW, "", How.LABEL),
    *[(deed, S.REVIEW, "", Refuse) for deed in (Deed.RETRY, Deed.GIVE, Deed.NEXT)],
    (Deed.APPROVE, S.ESCALATED, "", Refuse),
    *[(deed, S.DONE, "", Refuse) for deed in Deed],
    *[(deed, S.QUARANTINE, "", Refuse) for deed in Deed],
]


def facts(state: State, worker: str = "") -> Facts:
    return Facts(
        name="maria/library#12", state=state, worker=worker, wanted="claude",
        agents=("claude", "codex"), tried=frozenset({"codex"}), pull=34,
    )  # fmt: skip


@pytest.mark.parametrize(("deed", "state", "worker", "expected"), TABLE)
def test_each_state_has_its_answer(
    deed: Deed, state: State, worker: str, expected: How | type
) -> None:
    verdict = deeds.judge(deed, facts(state, worker))
    if isinstance(expected, How):
        assert verdict == Do(expected)
    else:
        assert isinstance(verdict, expected)


def test_every_deed_has_an_answer_in_every_state() -> None:
    for deed in Deed:
        for state in State:
            for worker in ("", LIVE):
                verdict = deeds.judge(deed, facts(state, worker))
                assert isinstance(verdict, Do) or verdict.reason


def test_a_refusal_names_who_works_on_it_and_the_way_out() -> None:
    verdict = deeds.judge(Deed.RETRY, facts(State.PROCESSING, LIVE))
    assert isinstance(verdict, Refuse) and verdict.later
    assert LIVE in verdict.reason and "bin/task.sh cancel maria/library#12" in verdict.reason


@pytest.mark.parametrize(
    ("deed", "state", "issue_open", "pull_state", "expected"),
    [
        # A new round of a closed issue would be cancelled at once, but for one that was merged.
        (Deed.RETRY, S.CANCELLED, False, "", Refuse),
        (Deed.GIVE, S.ESCALATED, False, "closed", Refuse),
        (Deed.RETRY, S.ESCALATED, False, "merged", How.NEW_ROUND),
        (Deed.RETRY, S.CANCELLED, True, "", How.NEW_ROUND),
        # Whose end was ordered by a close, and is not carried out yet.
        (Deed.RETRY, S.INBOX, False, "closed", Refuse),
        (Deed.RETRY, S.BLOCKED, False, "merged", How.GO_ON),
        (Deed.RETRY, S.INBOX, True, "", How.GO_ON),
        # What is left open of a cancelled one is closed once.
        (Deed.CLOSE, S.CANCELLED, True, "", How.END),
        (Deed.CLOSE, S.CANCELLED, False, "open", How.END),
        (Deed.CLOSE, S.CANCELLED, False, "closed", Already),
        (Deed.CLOSE, S.CANCELLED, False, "", Already),
        (Deed.CLOSE, S.ESCALATED, False, "", How.END),
    ],
)  # fmt: skip
def test_what_is_closed_on_github_counts(
    deed: Deed, state: State, issue_open: bool, pull_state: str, expected: How | type
) -> None:
    asked = Facts(
        name="x", state=state, wanted="codex", agents=("codex",), reopen="gh issue reopen 12 -R x",
        issue_open=issue_open, pull_state=pull_state, ordered=state in {S.INBOX, S.BLOCKED},
    )  # fmt: skip
    verdict = deeds.judge(deed, asked)
    if isinstance(expected, How):
        assert verdict == Do(expected)
    else:
        assert isinstance(verdict, expected)
    if isinstance(verdict, Refuse):
        assert "gh issue reopen 12" in verdict.reason


def test_no_ready_of_a_closed_issue_is_advised() -> None:
    done = Facts(name="x", state=State.DONE, reopen="gh issue reopen 12 -R x")
    verdict = deeds.judge(Deed.RETRY, done)
    assert isinstance(verdict, Refuse) and "gh issue reopen 12 -R x" in verdict.reason
    verdict = deeds.judge(Deed.RETRY, Facts(name="x", state=State.DONE))
    assert isinstance(verdict, Refuse) and "another file into inbox/" in verdict.reason


@pytest.mark.parametrize(
    "held", [{"waits": True}, {"ordered": True}], ids=["for a time", "for its end"]
)
def test_what_waits_may_go_on_at_once(held: dict[str, bool]) -> None:
    waits = Facts(name="x", state=State.INBOX, **held)
    assert deeds.judge(Deed.RETRY, waits) == Do(How.GO_ON)


@pytest.mark.parametrize("wanted", ["", "nobody-here"])
def test_only_an_agent_that_exists_is_given_a_task(wanted: str) -> None:
    asked = Facts(name="x", state=State.ESCALATED, wanted=wanted, agents=("claude", "codex"))
    verdict = deeds.judge(Deed.GIVE, asked)
    assert isinstance(verdict, Refuse) and "known: claude, codex" in verdict.reason


@pytest.mark.parametrize("state", [State.ESCALATED, State.FAILED, State.INBOX, State.BLOCKED])
def test_nobody_is_given_to_who_cannot_start(state: State) -> None:
    asked = Facts(
        name="x", state=state, wanted="claude", cannot="no program (npm install claude)",
        agents=("claude", "codex"), able=("codex",),
    )  # fmt: skip
    verdict = deeds.judge(Deed.GIVE, asked)
    assert isinstance(verdict, Refuse) and not verdict.later
    assert "npm install claude" in verdict.reason and "can: codex" in verdict.reason
    assert "bin/task.sh give --force claude x" in verdict.reason
    assert isinstance(deeds.judge(Deed.CANCEL, asked), Do)


def test_who_has_had_its_turn_in_a_round_has_no_other() -> None:
    asked = Facts(
        name="x", state=State.BLOCKED, wanted="codex", agents=("codex",), tried=frozenset({"codex"})
    )
    verdict = deeds.judge(Deed.GIVE, asked)
    assert isinstance(verdict, Refuse) and "had its turn" in verdict.reason


@pytest.mark.parametrize(
    ("seen", "head", "newer"),
    [
        ("work-2", "work-2", False),
        ("work-2", "update-2", False),  # the base alone came in since
        ("update-1", "update-1", False),
        ("work-1", "update-1", False),
        ("work-1", "work-2", True),
        ("work-1", "update-2", True),
        ("update-1", "work-2", True),
        ("work-2", "a person's", True),
        ("work-2", "work-1", True),  # somebody forced the branch back
        ("", "work-2", True),  # an old button does not say what it was made for
        ("unknown", "unknown", True),
    ],
)
def test_newer_is_what_an_agent_or_a_person_made_since(seen: str, head: str, newer: bool) -> None:
    at = datetime(2026, 1, 5, tzinfo=UTC)
    made = [
        Attempt(n=n, agent="codex", started=at, head_sha=f"work-{n}")
        for n in (1, 2)
    ]  # fmt: skip
    pushed = ("work-1", "update-1", "work-2", "update-2")
    task = Task(task_id="task-1", repo="o/r", created=at, attempts=tuple(made), pushed=pushed)
    assert deeds.is_newer(task, seen, head) is newer
