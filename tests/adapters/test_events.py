"""The trail: typed lines, redacted, bounded, and readable although a writer died."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta

import pytest
from msgspec import structs

from orchestrator.adapters import events, files
from orchestrator.adapters.clock import FixedClock
from orchestrator.adapters.events import Events
from orchestrator.records.event import AttemptStat
from orchestrator.records.task import Task

START = datetime(2026, 11, 22, 20, 50, tzinfo=UTC)
TASK = Task(task_id="task-1", repo="acme/web", issue=7, created=START)


def trail(tmp_path):
    return Events(
        tmp_path / "runtime/events.jsonl", tmp_path / "runtime/metrics/agent_stats.jsonl",
        FixedClock(START), "queue", redact=lambda text: text.replace("hunter2", "***"),
    )


def test_a_step_names_its_task_and_hides_secrets(tmp_path):
    log = trail(tmp_path)
    log.add("claimed", task=TASK, reason="with hunter2", agent="hunter2", n=1)
    (event,) = events.read(log.events_path, START)
    assert (event.script, event.kind, event.task_id, event.repo, event.issue) == (
        "queue", "claimed", "task-1", "acme/web", 7,
    )
    assert event.reason == "with ***"
    assert event.details == {"agent": "***", "n": 1}


def test_a_word_that_no_file_can_hold_stops_no_step(tmp_path):
    log = trail(tmp_path)
    log.add("rework", task=TASK, reason="conflicts in caf\udce9.txt", path="caf\udce9.txt")
    (event,) = events.read(log.events_path, START)
    assert (event.reason, event.details) == (
        r"conflicts in caf\udce9.txt", {"path": r"caf\udce9.txt"},
    )


def test_a_file_that_is_set_aside_is_said_and_nothing_else(tmp_path):
    said = []
    log = trail(tmp_path)
    log.say = said.append
    log.add("claimed", task=TASK, reason="quiet")
    log.add(events.QUARANTINED, reason="inbox/x.md: hunter2 is no task")
    assert said == ["inbox/x.md: *** is no task"]


def test_readers_pass_over_what_is_torn_or_foreign(tmp_path):
    log = trail(tmp_path)
    log.add("one")
    with log.events_path.open("ab") as stream:
        stream.write(b'{"half')
    log.add("two")
    with log.events_path.open("ab") as stream:
        stream.write(b'\xff\n[]\n{"at": "torn')
    assert [event.kind for event in events.read(log.events_path, START)] == ["one", "two"]
    assert list(events.read(log.events_path, START + timedelta(hours=1))) == []
    assert list(events.read(tmp_path / "none", START)) == []


def test_the_log_is_bounded_and_its_parts_are_read_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr(events, "LIMIT_BYTES", 100)
    log = trail(tmp_path)
    for number in range(20):
        log.add(f"step-{number:02d}")
    kinds = [event.kind for event in events.read(log.events_path, START)]
    assert len(files.rotated(log.events_path)) <= events.KEPT_PARTS
    assert kinds == sorted(kinds)
    assert kinds[-1] == "step-19"


def test_an_attempt_becomes_one_line_of_metrics(tmp_path):
    log = trail(tmp_path)
    log.attempt_stat(
        AttemptStat(
            timestamp=START, task_id="task-1", repo="web", github_repo="acme/web", agent="patch",
            status="complete", blocker_code="none", attempt_count=1, duration_seconds=2.5,
            task_type="implementation",
        )
    )
    line = json.loads(log.metrics_path.read_text())
    assert line["github_repo"] == "acme/web"
    assert line["timestamp"] == "2026-11-22T20:50:00Z"


@pytest.mark.parametrize("way", ["truncated", "made anew"])
def test_a_trail_that_begins_anew_is_read_from_its_beginning(tmp_path, way):
    log = trail(tmp_path)
    for _ in range(3):
        log.add("before")
    mark = events.end(log.events_path)
    if way == "truncated":
        os.truncate(log.events_path, 0)
    else:  # by whom the disk gives the same inode again
        log.events_path.unlink()
    log.add("after")
    if way == "made anew":
        mark = structs.replace(mark, inode=log.events_path.stat().st_ino)
    found, mark = events.after(log.events_path, mark, most_bytes=1_000)
    assert [event.kind for event in found] == ["after"]
    assert events.after(log.events_path, mark, most_bytes=1_000) == ([], mark)


def stat(moment, number):
    return AttemptStat(
        timestamp=moment, task_id="task-1", repo="web", agent="patch", status="complete",
        blocker_code="none", attempt_count=number, duration_seconds=1, task_type="docs",
    )


def test_attempts_are_read_from_the_end_over_the_parts_and_past_a_wrong_clock(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(events, "LIMIT_BYTES", 2_000)
    monkeypatch.setattr(events, "STRAYS", 3)
    log = trail(tmp_path)
    for number in range(30):
        at = START + timedelta(hours=number)
        log.attempt_stat(stat(at - timedelta(days=400) if number == 27 else at, number))
    since = START + timedelta(hours=20)
    found = [one.attempt_count for one in events.attempts_since(log.metrics_path, since)]
    assert found == [29, 28, 26, 25, 24, 23, 22, 21, 20]


def test_the_earlier_systems_lines_are_read_too(tmp_path):
    log = trail(tmp_path)
    log.attempt_stat(stat(START, 1))
    earlier = json.loads(log.metrics_path.read_text())
    for name in ("github_repo", "attempt", "model", "cost_usd", "verdict", "head_sha", "account"):
        earlier.pop(name)
    earlier |= {"timestamp": "2026-11-22T21:00:00.123456", "reason": "unknown", "attempt_count": 2}
    with log.metrics_path.open("a") as stream:
        stream.write(json.dumps(earlier) + "\n")
    found = list(events.attempts_since(log.metrics_path, START))
    assert [one.attempt_count for one in found] == [2, 1]


def test_a_folder_in_the_place_of_a_log_and_lines_of_any_depth_stop_nobody(tmp_path):
    log, deep, said = trail(tmp_path), "[" * 100_000 + "]" * 100_000, []
    log.say = said.append
    log.add("one")
    with log.events_path.open("a") as stream:
        stream.write(f'{{"unknown": {deep}}}\n')
    log.add("two")
    assert [event.kind for event in events.read(log.events_path, START)] == ["one", "two"]
    log.events_path.unlink()
    for path in (log.events_path, log.metrics_path):
        path.mkdir(parents=True)
    log.add("three")
    assert "`three` could not be written to the events log" in said[0] and len(said) == 1
    assert list(events.read(log.events_path, START)) == []
    assert events.after(log.events_path, events.end(log.events_path), most_bytes=99)[0] == []
    assert list(events.attempts_since(log.metrics_path, START)) == []
