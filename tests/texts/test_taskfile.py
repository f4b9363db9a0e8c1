"""Task files: what is written is what is read, and what a person wrote is understood."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import structs

from orchestrator.records.result import BlockerCode, Result, Status
from orchestrator.records.task import (
    Attempt,
    Claim,
    Deliverable,
    Mark,
    MergeMark,
    Priority,
    PullRequestLink,
    State,
    Task,
    TaskType,
)
from orchestrator.records.verdicts import AttemptVerdict
from orchestrator.texts import frontmatter, taskfile

SATURDAY = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)

words = st.text(max_size=30) | st.sampled_from(
    ["---", "no", "null", "12", "a: b", "# x", "- y", "~", "a\n---\nb", "{", "\x85", "'", '"',
     "\ufeff", "2026-11-22", "\x7f\x00", "key:", "x #y", "\U0001f600", "  ", "&a", "*a", "!t"]
)
moments = st.datetimes(
    min_value=datetime(1990, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC)  # noqa: DTZ001
)
numbers = st.integers(min_value=0, max_value=2**53)
marks = st.builds(Mark, state=st.sampled_from(State), at=moments, by=words)
claims = st.builds(
    Claim, slot=words, uuid=words, pid=numbers, boot_id=words, host=words, started=moments
)
results = st.builds(
    Result, status=st.sampled_from(Status), blocker_code=st.sampled_from(BlockerCode),
    summary=words, done=st.lists(words, max_size=2).map(tuple), report=words,
)
attempts = st.builds(
    Attempt, n=numbers, agent=words, started=moments, round=numbers, judged=st.none() | moments,
    verdict=st.none() | st.sampled_from(AttemptVerdict), code=st.sampled_from(BlockerCode),
    reason=words, head_sha=words, seconds=st.floats(0, 1e6), settled=st.none() | moments,
    result=st.none() | results,
)
loose = st.recursive(
    st.none() | st.booleans() | st.integers() | words | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
branches = st.from_regex(r"agent/[a-z0-9]{1,20}", fullmatch=True)
tasks = st.builds(
    Task,
    task_id=st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,40}(\.[a-z]{1,3})?", fullmatch=True),
    repo=st.from_regex(r"[A-Za-z0-9-]{1,10}/[A-Za-z0-9_.-]{1,10}", fullmatch=True),
    title=words, issue=st.none() | numbers, issue_node=words, project=words, board_item=words,
    issue_labels=st.none() | st.lists(words, max_size=2).map(tuple),
    task_type=st.sampled_from(TaskType), deliverable=st.sampled_from(Deliverable), agent=words,
    priority=st.sampled_from(Priority), branch=branches, base=words, created=moments,
    ready_at=st.none() | moments, not_before=st.none() | moments,
    outcome_check_ids=st.lists(words, max_size=3).map(tuple), parent=words,
    max_attempts=st.none() | numbers, max_runtime_minutes=st.none() | numbers,
    allow_push=st.booleans(), round=numbers, tries=numbers, reworks=numbers,
    marks=st.lists(marks, max_size=3).map(tuple), claim=st.none() | claims,
    status_comment=st.none() | numbers,
    pull_request=st.none() | st.builds(PullRequestLink, number=numbers, node_id=words),
    pushed=st.lists(words, max_size=3).map(tuple),
    merge=st.none() | st.builds(MergeMark, head_sha=words, base_sha=words, verified=st.booleans()),
    attempts=st.lists(attempts, max_size=2).map(tuple), note=words,
    extra=st.dictionaries(
        words.filter(lambda w: w not in frontmatter_names), loose, max_size=2
    ),
    body=words
    | st.sampled_from(["\r\nWindows\r\n", "\n\nlate", "---\n", "\n---\nx", "a\r\n---\r\n"]),
)
frontmatter_names = set(taskfile.FIELDS)


def read(text: str) -> Task:
    return taskfile.parse(text, stem="a-file", modified=SATURDAY)


@given(tasks)
def test_a_task_survives_its_file(task):
    assert read(taskfile.render(task)) == _without_empty(task)


def _without_empty(task):
    """An empty agent is what a person left open: the default."""
    return structs.replace(task, agent=task.agent or "auto")


@pytest.mark.parametrize("more", ["", "colour: red\n"], ids=["our reader", "as YAML"])
@pytest.mark.parametrize(
    ("written", "labels"),
    [("", None), ("issue_labels:\n", None), ("issue_labels: []\n", ()),
     ("issue_labels:\n- bug\n", ("bug",))],
)  # fmt: skip
def test_that_there_were_no_labels_is_another_thing_than_that_nobody_looked(more, written, labels):
    task = read(f"---\nrepo: a/b\ntitle: x\n{written}{more}---\n")
    assert task.issue_labels == labels and read(taskfile.render(task)).issue_labels == labels


@given(tasks)
def test_both_readers_of_our_own_form_agree(task):
    front = taskfile.render(structs.replace(task, extra={}, body="")).removeprefix("---\n")
    front = front.removesuffix("---\n")
    ours = frontmatter._load_ours(front, taskfile.FIELDS)
    assert ours is not None
    as_yaml, extra = frontmatter._load_yaml(front, taskfile.FIELDS)
    assert extra == {}
    base = {"body": "", "extra": {}}
    convert = taskfile.msgspec.convert
    assert convert(ours | base, Task, strict=False) == convert(as_yaml | base, Task, strict=False)


@given(tasks)
def test_a_seal_tells_whether_a_file_is_as_we_wrote_it_and_else_nothing(task):
    plain = taskfile.render(task).encode("utf-8", "replace")
    sealed = taskfile.seal(plain)
    assert read(sealed.decode()) == read(plain.decode())
    assert not taskfile.was_edited(plain) and not taskfile.was_edited(sealed)
    top = sealed.splitlines(keepends=True)
    for edited in (sealed + b"Mind the cat.\n", sealed[:-1], top[0] + b"colour: red\n" + sealed[4:],
                   b"\xef\xbb\xbf" + sealed, sealed.replace(b"\n", b"\r\n")):  # fmt: skip
        assert taskfile.was_edited(edited)
    front = taskfile.seal(taskfile.render(structs.replace(task, extra={}, body="")).encode())
    ours = front.decode().removeprefix("---\n").removesuffix("---\n")
    assert frontmatter._load_ours(ours, taskfile.FIELDS) is not None  # the quick way


@pytest.mark.parametrize("title", ["Crash in the parser:", "a ", "a: b", "a:", "a (b", "12:30"])
def test_yaml_reads_each_title_as_it_was_written(title):
    task = Task(task_id="a", repo="o/n", title=title, created=SATURDAY)
    front = taskfile.render(task).removeprefix("---\n").partition("\n---\n")[0] + "\n"
    as_yaml, _ = frontmatter._load_yaml(front, taskfile.FIELDS)
    ours = frontmatter._load_ours(front, taskfile.FIELDS)
    assert as_yaml["title"] == title and ours is not None and ours["title"] == title


@example("parts:\n- ")
@given(st.text() | st.binary().map(lambda b: b.decode("latin-1")))
def test_no_text_makes_the_reader_raise_anything_else(text):
    for front in (text, f"---\n{text}\n---\n", f"---\nrepo: o/n\n{text}\n---\ngoal"):
        try:
            read(front)
        except taskfile.NotATask as reason:
            assert str(reason).endswith(".")


def test_two_lines_from_a_person_are_a_task():
    task = read("---\nrepo: acme/web\n---\n\nMake the header blue.\n\nThanks!\n")
    assert task.repo == "acme/web"
    assert task.title == "Make the header blue."
    assert task.created == SATURDAY
    assert task.task_id == "task-20261121T083000Z-acme-web-0-a-file"
    assert task.branch == f"agent/{task.task_id}"
    assert taskfile.goal_of(task) == "Make the header blue.\n\nThanks!"


def test_a_goal_may_stand_in_the_front_matter():
    task = read("---\nrepo: acme/web\ngoal: Make it blue\n---\n")
    assert taskfile.goal_of(task) == "Make it blue"
    assert task.title == "Make it blue"
    assert task.extra == {}
    assert read(taskfile.render(task)) == task


def test_a_heading_that_only_says_goal_is_no_title():
    assert read("---\nrepo: a/b\n---\n# Goal\n\nFaster tests\n").title == "Faster tests"


def test_what_people_write_is_accepted():
    task = read(
        "---\r\nrepo: https://github.com/acme/web.git\r\npriority: High\r\nallow_push: no\r\n"
        "not_before: 2026-12-01\r\nagent: codex # the fast one\r\nissue: 7\r\nissue_node:\r\n"
        "colour: [red, 3]\r\n---\r\n\r\nBlue.\r\n"
    )
    assert task.repo == "acme/web"
    assert task.priority is Priority.HIGH
    assert task.allow_push is False
    assert task.not_before == datetime(2026, 12, 1, tzinfo=UTC)
    assert task.agent == "codex"
    assert task.extra == {"colour": ["red", 3]}
    assert task.body == "Blue.\r\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "It does not begin with front matter"),
        ("hello", "It does not begin with front matter"),
        ("---\nrepo: a/b\n", "no later line closes it"),
        ("---\nrepo: [\n---\nx", "Line 3:"),
        ("---\nrepo: a/b\ntitle: a: b\n---\nx", "Line 3:"),
        ("---\n- a\n---\nx", "holds no key: value lines"),
        ("---\n---\nx", "holds no key: value lines"),
        ("---\nrepo: a/b\n---\n", "It names no goal"),
        ("---\ntitle: x\n---\n", "It names no repository"),
        ("---\ntask_id: x\n---\n", "The front matter has no repo: line"),
        ("---\nrepo: web\n---\nx", "repo: 'web' is not of the form owner/name"),
        ("---\nrepo: a/b\npriority: soon\n---\nx", "priority: Invalid enum value 'prio:soon' (one"),
        ("---\nrepo: a/b\nissue: seven\n---\nx", "issue: Expected `int | null`, got `str`"),
        ("---\nrepo: a/b\nnot_before: soon\n---\nx", "not_before: 'soon' is no time"),
        ("---\nrepo: a/b\ntask_id: ../x\n---\nx", "task_id: '../x' cannot be the name"),
        ("---\nrepo: a/b\nx: " + "[" * 100_000 + "\n---\nx", "nested too deeply"),
        ("---\nrepo: a/b\nx: &a [1]\ny: *a\n---\nx", "Line 4 refers to another place"),
        ("---\nrepo: a/b\nx: !!python/name:os.system\n---\nx", "Line 3:"),
        ("---\nrepo: a/b\nx: !!bool maybe\n---\nx", "its !!tag cannot be"),
        ("---\nrepo: a/b\nx: !!timestamp soon\n---\nx", "its !!tag cannot be"),
        ("---\nrepo: a/b\nx: " + "9" * 5000 + "\n---\nx", "a value that cannot be"),
        ("---\nrepo: a/b\nnot_before: 9999-12-31T23:59:59-14:00\n---\nx", "is no time"),
        ("---\nrepo: a/b\nbranch: main\n---\nx", "branch: 'main' is none of ours"),
        ("---\nrepo: a/b\nbranch: agent/../main\n---\nx", "is none of ours"),
    ],
)
def test_what_is_no_task_is_told_in_a_sentence(text, sentence):
    with pytest.raises(taskfile.NotATask) as told:
        read(text)
    assert sentence in str(told.value)
    assert str(told.value).endswith(".")


def test_a_task_with_a_name_and_no_branch_gets_its_own():
    assert read("---\nrepo: a/b\ntask_id: mine\ntitle: x\n---\nx").branch == "agent/mine"
