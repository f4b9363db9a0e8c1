"""No file of ours outgrows its readers: however much agents and reviewers say, it reads back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec import structs

from orchestrator.records.result import Answer, AnswerKind, BlockerCode, Result, Status
from orchestrator.records.suspicion import Suspicion, Weight
from orchestrator.records.task import Attempt, RepairItem, RepairKind, Task
from orchestrator.records.verdicts import AttemptVerdict
from orchestrator.texts import contract, fitting, frontmatter, taskfile

NOW = datetime(2026, 11, 29, 8, tzinfo=UTC)
# What costs a file most: a letter that JSON doubles, and one that UTF-8 writes in three bytes.
LETTERS = ['"', "\ufffd", "x"]


def words(count: int, letter: str) -> str:
    return (letter * 99 + " ") * (count // 100)


def loud(letter: str = "x") -> Result:
    """As much as the contract lets anybody say."""
    items = tuple(words(contract.ITEM_LIMIT, letter) for _ in range(contract.ITEMS))
    return Result(
        status=Status.PARTIAL, blocker_code=BlockerCode.TEST_FAILURE,
        summary=words(contract.TEXT_LIMIT, letter), next_step=words(contract.TEXT_LIMIT, letter),
        report=words(contract.REPORT_LIMIT, letter), done=items, blockers=items,
        files_changed=items, tests_run=items, decisions=items, risks=items,
        attempted_approaches=items, manual_steps=items,
        answers=tuple(
            Answer(item=n, kind=AnswerKind.DISAGREE, said=words(contract.ITEM_LIMIT, letter))
            for n in range(contract.ANSWERS)
        ),
    )  # fmt: skip


def attempt(n: int, letter: str = "x", round_: int = 1, **changes: object) -> Attempt:
    at = NOW + timedelta(minutes=n)
    made = Attempt(
        n=n, agent="codex", started=at, judged=at, settled=at, round=round_, reason="red tests",
        verdict=AttemptVerdict.REWORK, code=BlockerCode.TEST_FAILURE, result=loud(letter),
        head_sha=f"{n:040x}",
    )  # fmt: skip
    return structs.replace(made, **changes)


def task(**changes: object) -> Task:
    made = Task(
        task_id=taskfile.new_id(NOW, "acme/web", 1, "Make it blue"), repo="acme/web", issue=1,
        title="Make it blue", created=NOW, body="## Goal\n\nBlue.\n",
    )  # fmt: skip
    return structs.replace(made, branch=taskfile.new_branch(made.task_id), **changes)


def asked(letter: str = "x") -> tuple[RepairItem, ...]:
    return tuple(
        RepairItem(
            number=n, kind=RepairKind.THREAD, where=f"app.py:{n}", ref=f"T{n}",
            text=words(6_000, letter),
        )
        for n in range(1, 61)
    )  # fmt: skip


def read_back(data: bytes) -> Task:
    return taskfile.parse(data.decode(), stem="task", modified=NOW)


def by_hand(data: bytes) -> Task:
    """As it is read once a person has put a line of their own into it."""
    return read_back(data.replace(b"---\n", b"---\nowner: mum\n", 1))


@pytest.mark.parametrize("letter", LETTERS)
@pytest.mark.parametrize("rounds", [1, 6])
def test_many_loud_attempts_of_many_rounds_are_one_file_that_reads_back(rounds, letter):
    suspicion = Suspicion(path="a" * 200, rule="skip", said=letter * 200, weight=Weight.PERSON)
    stored = task(repair_items=asked(letter))
    for n in range(1, 6 * rounds + 1):
        new = attempt(n, letter, 1 + (n - 1) // 6, suspicions=(suspicion,) * 4)
        whole = structs.replace(stored, attempts=(*stored.attempts, new), round=new.round)
        stored, data = fitting.stored(whole)
    assert len(data) <= fitting.LARGEST_FILE
    assert read_back(data) == stored
    assert by_hand(data).attempts == stored.attempts
    newest, before = stored.attempts[-1], whole.attempts[-1]
    assert structs.replace(newest, result=None) == structs.replace(before, result=None)
    for name in ("status", "blocker_code"):
        assert getattr(newest.result, name) == getattr(before.result, name)
    answered = [(one.item, one.kind) for one in newest.result.answers]
    assert answered == [(one.item, one.kind) for one in before.result.answers]
    assert newest.result.summary and newest.result.manual_steps and newest.result.report
    assert [item.ref for item in stored.repair_items] == [item.ref for item in whole.repair_items]
    assert stored.runs == whole.runs
    assert len(stored.this_round) == len(whole.this_round)
    assert fitting.stored(stored) == (stored, data)


def half() -> Result:
    """Two of them are a file."""
    item = words(contract.ITEM_LIMIT, "x")
    return Result(
        status=Status.PARTIAL, blocker_code=BlockerCode.TEST_FAILURE, summary="Half of it.",
        report=words(contract.REPORT_LIMIT, "\ufffd"), done=(item,) * 40, manual_steps=(item,) * 9,
    )  # fmt: skip


def test_the_oldest_attempt_loses_its_words_first_and_says_so():
    whole = task(attempts=tuple(attempt(n, result=half()) for n in range(1, 4)))
    stored, _ = fitting.stored(whole)
    first, second, third = (one.result for one in stored.attempts)
    assert (second, third) == (whole.attempts[1].result, whole.attempts[2].result)
    assert (first.report, first.done) == ("", ())
    assert first.summary == whole.attempts[0].result.summary
    assert first.manual_steps == whole.attempts[0].result.manual_steps
    assert first.problem == fitting.LEFT_OUT


def test_the_newest_delivery_keeps_its_words_longer_than_what_came_after_it():
    delivered = attempt(1, verdict=AttemptVerdict.DELIVER, result=half())
    whole = task(attempts=(delivered, *(attempt(n, result=half()) for n in range(2, 5))))
    stored, _ = fitting.stored(whole)
    assert [one.result.problem for one in stored.attempts] == [
        "", fitting.LEFT_OUT, fitting.LEFT_OUT, "",
    ]  # fmt: skip


def test_attempts_without_a_word_of_many_rounds_fit_too():
    made = tuple(attempt(n, result=None, round=1 + n // 10) for n in range(1_500))
    whole = task(attempts=made, round=made[-1].round)
    stored, data = fitting.stored(whole)
    assert by_hand(data).attempts == stored.attempts
    assert stored.attempts == made[-len(stored.attempts) :]
    assert stored.runs == whole.runs and stored.this_round == whole.this_round


def test_what_is_cut_of_a_list_is_whole_items_and_counted():
    said = structs.replace(loud('"'), report=words(60_000, '"'))
    stored, _ = fitting.stored(task(attempts=(attempt(1, settled=None, result=said),)))
    kept = stored.attempts[0].result
    assert 0 < len(kept.done) < len(said.done)
    assert kept.done == said.done[: len(kept.done)]
    assert kept.problem == fitting.LEFT_OUT


def test_a_file_of_usual_size_is_written_as_it_is():
    whole = task(attempts=(attempt(1),), repair_items=asked()[:10])
    stored, data = fitting.stored(whole)
    assert stored is whole
    assert data == taskfile.render(whole).encode()


@pytest.mark.parametrize("letter", ["x", "\u20ac"])
def test_prose_of_a_person_is_cut_only_where_the_file_could_not_be_read_again(letter):
    short = task(body=f"## Goal\n\n{words(200_000, letter)}.\n")
    assert fitting.stored(short)[0] is short
    long = task(body="## Goal\n\n" + f"{words(2_000, letter)}.\n\n" * 490)
    stored, data = fitting.stored(long)
    assert len(data) <= fitting.LARGEST_FILE
    assert read_back(data).task_id == long.task_id
    assert stored.body.startswith("## Goal\n\n") and "left out" in stored.body[-60:]


def test_keys_of_a_person_give_way_last():
    extra = {"short": "kept", "notes": words(frontmatter.LARGEST, "x")}
    stored, data = fitting.stored(task(extra=extra))
    assert stored.extra == {"short": "kept", "notes": fitting.LEFT_OUT}
    assert read_back(data) == stored
