"""A mailbox lived in: dispatch, work, crashes and a person's hands in any order (T5, I1, I2)."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec import structs

from orchestrator.adapters.clock import FixedClock
from orchestrator.adapters.locks import Locks
from orchestrator.adapters.mailroom import Gone, Mailroom
from orchestrator.records.task import State, Task
from orchestrator.texts import taskfile

NOW = datetime(2026, 11, 22, 20, 50, tzinfo=UTC)
issues = st.integers(min_value=1, max_value=3)
folders = st.sampled_from([s for s in State if s not in {State.PROCESSING, State.QUARANTINE}])
workers = st.integers(min_value=0, max_value=1)


class Worker:
    """A process: its own locks and memory, and at most one task in hand."""

    def __init__(self, place, clock):
        self.room = Mailroom(place / "mailbox", Locks(place / "locks"), clock)
        self.slot = self.room.locks.try_worker_slot(2)
        self.claimed = None

    def die(self):
        for lock in list(self.room.locks._held):
            lock.release()


class Life(RuleBasedStateMachine):
    """What was accepted is never lost; a person's word in a file is never overwritten."""

    def __init__(self):
        super().__init__()
        self.place = Path(tempfile.mkdtemp())
        self.clock = FixedClock(NOW)
        self.workers = [Worker(self.place, self.clock) for _ in range(2)]
        self.room = Mailroom(self.place / "mailbox", Locks(self.place / "locks"), self.clock)
        self.room.prepare()
        self.accepted = set()
        self.words = {}

    def teardown(self):
        for worker in self.workers:
            worker.die()
        shutil.rmtree(self.place)

    def paths(self, issue):
        return [p for s in State for p in (self.place / "mailbox" / s).glob(f"*-{issue}-blue*.md")]

    @rule(issue=issues)
    def dispatch(self, issue):
        task_id = taskfile.new_id(NOW, "acme/web", issue, "Blue")
        new = Task(task_id=task_id, repo="acme/web", issue=issue, created=NOW, body="Blue.\n")
        assert self.room.enqueue(new, by="dispatcher") is (issue not in self.accepted)
        self.accepted.add(issue)

    @rule(number=workers)
    def claim(self, number):
        worker = self.workers[number]
        if worker.claimed is None:
            worker.claimed = worker.room.claim(
                worker.room.waiting(self.clock.now()), worker.slot, by="queue",
                accept=lambda entry: worker.room.locks.try_repository_slot(entry.repo, 2),
            )

    @rule(number=workers)
    def note_progress(self, number):
        worker = self.workers[number]
        if worker.claimed:
            task = worker.claimed.task
            with suppress(Gone):
                more = structs.replace(task, tries=task.tries + 1)
                worker.claimed.task = worker.room.update(more)

    @rule(number=workers, to=folders)
    def finish(self, number, to):
        worker = self.workers[number]
        if worker.claimed:
            with worker.claimed as claimed, suppress(Gone):
                worker.room.move(claimed.task, to, by="queue")
            worker.claimed = None

    @rule(number=workers)
    def crash(self, number):
        self.workers[number].die()
        self.workers[number] = Worker(self.place, self.clock)

    @rule()
    def reap(self):
        for double in self.room.duplicates():
            self.held(double.task_id, lambda d=double: self.room.resolve(d))
        for lost in self.room.misplaced():
            to = lost.marked if lost.interrupted else lost.state
            self.held(lost.task.task_id, lambda t=lost.task, to=to: self.room.move(t, to, by="r"))
        for stale in self.room.stale_claims():
            self.held(stale.task_id, lambda t=stale: self.room.move(t, State.INBOX, by="reaper"))

    def held(self, task_id, act):
        lock = self.room.locks.try_task(task_id)
        if lock is not None:
            with lock, suppress(Gone):
                act()

    @rule(issue=issues, to=folders)
    def a_person_moves(self, issue, to):
        for path in self.paths(issue)[:1]:
            if path.parent.name != State.QUARANTINE:
                with suppress(OSError):
                    shutil.move(path, self.place / "mailbox" / to)

    @rule(issue=issues, to=folders)
    def a_person_copies(self, issue, to):
        for path in self.paths(issue)[:1]:
            target = self.place / "mailbox" / to / path.name
            if path.parent.name != State.QUARANTINE and not target.exists():
                shutil.copy(path, target)

    @rule(issue=issues, word=st.integers(min_value=1))
    def a_person_writes(self, issue, word):
        alive = [p for p in self.paths(issue) if p.parent.name != State.QUARANTINE]
        if len(alive) == 1:
            head = alive[0].read_text().partition("\n\n")[0]
            alive[0].write_text(f"{head}\n\nThe word is {word}.\n")
            self.words[issue] = word

    @invariant()
    def nothing_is_lost(self):
        for issue in self.accepted:
            alive = [p for p in self.paths(issue) if p.parent.name != State.QUARANTINE]
            assert alive, f"issue {issue} is nowhere"
            word = self.words.get(issue)
            texts = [path.read_text() for path in self.paths(issue)]
            assert word is None or any(f"The word is {word}." in text for text in texts)

    @invariant()
    def no_task_has_two_workers(self):
        held = [w.claimed.task.task_id for w in self.workers if w.claimed]
        assert len(held) == len(set(held))

    @invariant()
    def nothing_half_written_is_left(self):
        for state in State:
            assert not [n for n in os.listdir(self.place / "mailbox" / state) if n.startswith(".")]


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
