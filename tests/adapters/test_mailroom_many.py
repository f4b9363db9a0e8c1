"""Sixteen processes at one mailbox, and a mailbox that has grown for years (T9, F3)."""

from __future__ import annotations

import multiprocessing
import os
import time
from datetime import UTC, datetime

from orchestrator.adapters.clock import Clock
from orchestrator.adapters.locks import Locks
from orchestrator.adapters.mailroom import Mailroom
from orchestrator.adapters.shelves import Shelves
from orchestrator.records.task import State, Task
from orchestrator.texts import taskfile

NOW = datetime(2026, 11, 22, 20, 50, tzinfo=UTC)
PROCESSES, EACH = 16, 25


def mailroom(place):
    return Mailroom(place / "mailbox", Locks(place / "locks"), Clock())


def task(number):
    return Task(
        task_id=taskfile.new_id(NOW, "acme/web", number, "Blue"), repo=f"acme/web-{number % 40}",
        issue=number, created=NOW, body="Blue.\n",
    )


def work(place, number, start):
    """Enqueue one's share and a neighbour's as well, then claim until nothing waits."""
    room = mailroom(place)
    slot = room.locks.try_worker_slot(PROCESSES)
    start.wait()
    for share in (number, (number + 1) % PROCESSES):
        for n in range(EACH):
            if room.enqueue(task(1 + share * EACH + n), by="dispatcher"):
                note(place / f"queued-{number}", share * EACH + n)
    start.wait()
    while waiting := room.waiting(room.clock.now()):
        claimed = room.claim(
            waiting, slot, by="queue",
            accept=lambda entry: room.locks.try_repository_slot(entry.repo, 1),
        )
        if claimed is None:
            time.sleep(0.001)
            continue
        with claimed:
            note(place / f"claimed-{number}", claimed.task.issue)
            room.move(claimed.task, State.DONE, by="queue")


def note(log, number):
    with log.open("a", encoding="ascii") as stream:
        stream.write(f"{number}\n")


def test_of_400_tasks_none_is_lost_and_none_is_had_twice(tmp_path):
    mailroom(tmp_path).prepare()
    fork = multiprocessing.get_context("fork")
    start = fork.Barrier(PROCESSES)
    workers = [fork.Process(target=work, args=(tmp_path, n, start)) for n in range(PROCESSES)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * PROCESSES
    for what in ("queued", "claimed"):
        lines = [n for log in tmp_path.glob(f"{what}-*") for n in log.read_text().split()]
        assert len(lines) == len(set(lines)) == PROCESSES * EACH
    counts = mailroom(tmp_path).counts()
    assert counts[State.DONE] == PROCESSES * EACH == sum(counts.values())
    assert not [name for state in State for name in os.listdir(tmp_path / "mailbox" / state)
                if name.startswith(".")]  # fmt: skip


def test_what_is_done_is_never_read(tmp_path, monkeypatch):
    room = mailroom(tmp_path)
    room.prepare()
    for number in range(2000):
        room.path(State.DONE, task(number + 10).task_id).write_bytes(b"not even a task")
    opened = []
    real = Shelves.read
    monkeypatch.setattr(Shelves, "read", lambda self, path: opened.append(path) or real(self, path))
    assert not room.enqueue(task(10), by="dispatcher")
    assert room.enqueue(task(1), by="dispatcher")
    slot = room.locks.try_worker_slot(1)
    with slot, room.claim(room.waiting(room.clock.now()), slot, by="queue",
                          accept=lambda e: room.locks.try_repository_slot(e.repo, 1)):  # fmt: skip
        assert room.find("acme/web-1", 1)
        assert room.misplaced() == room.stale_claims() == room.duplicates() == []
        assert room.holds(task(2009).task_id) is State.DONE
    assert {path.parent.name for path in opened} <= {"inbox", "processing"}
