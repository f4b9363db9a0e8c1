"""A mailbox lived in: work, deaths, reboots and a person's hands in any order (T5, I1, I2, I12)."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec import structs

from orchestrator.adapters import events
from orchestrator.adapters.clock import Clock
from orchestrator.adapters.events import QUARANTINED, Events
from orchestrator.adapters.locks import Locks
from orchestrator.adapters.mailroom import Gone, Mailroom
from orchestrator.records.task import State, Task
from orchestrator.rules import priority
from orchestrator.texts import taskfile

NOW = datetime(2026, 11, 22, 20, 50, tzinfo=UTC)
WORKERS = 3
issues = st.integers(min_value=1, max_value=3)
folders = st.sampled_from([s for s in State if s not in {State.PROCESSING, State.QUARANTINE}])
workers = st.integers(min_value=0, max_value=WORKERS - 1)
LEFTOVERS = (".person.md.swp", "person.md~", "4913", "person.md.bak")


class HandClock(Clock):
    """Stands still until the machine's clock is put forward or back."""

    def __init__(self):
        self.moment = NOW

    def now(self):
        return self.moment

    def sleep(self, seconds):
        del seconds


class Worker:
    """A process: its own locks and memory, and at most one task in hand."""

    def __init__(self, machine):
        self.room = machine.fresh()
        self.slot = self.room.locks.try_worker_slot(WORKERS)
        self.claimed = None

    def die(self):
        self.room.locks.release_all()


class Life(RuleBasedStateMachine):
    """What was accepted is never lost; what a person did is never undone."""

    def __init__(self):
        super().__init__()
        self.place = Path(tempfile.mkdtemp())
        self.mailbox = self.place / "mailbox"
        self.clock = HandClock()
        self.boots = 0
        self.room = self.fresh()
        self.room.prepare()
        self.workers = [Worker(self) for _ in range(WORKERS)]
        self.accepted = set()  # issues whose task must be somewhere
        self.dropped = set()
        self.words = {}  # what a person wrote last into the task of an issue
        self.garbled = set()  # issues whose file a person made unreadable

    def teardown(self):
        for worker in self.workers:
            worker.die()
        shutil.rmtree(self.place)

    def fresh(self):
        """The mailroom as a new process of this boot has it."""
        locks = Locks(self.place / "locks", clock=self.clock)
        locks.boot_id = f"boot-{self.boots}"
        log = Events(self.place / "e.jsonl", self.place / "s.jsonl", self.clock, "t", redact=str)
        return Mailroom(
            self.mailbox, locks, self.clock, log, cache_folder=self.place / "cache"
        )

    def files(self, issue, *, quarantined=False):
        return [
            path for state in State
            for path in sorted((self.mailbox / state).glob(f"*-{issue}-blue*.md"))
            if quarantined or state is not State.QUARANTINE
        ]  # fmt: skip

    def readable(self, issue):
        """The files of the issue's task that are whole, wherever they lie."""
        found = []
        for path in self.files(issue):
            with suppress(taskfile.NotATask, UnicodeDecodeError):
                taskfile.parse(path.read_text(), stem=path.stem, modified=NOW)
                found.append(path)
        return found

    # --- what scripts do ------------------------------------------------------------------------

    @rule(issue=issues)
    def dispatch(self, issue):
        task_id = taskfile.new_id(NOW, "acme/web", issue, "Blue")
        new = Task(task_id=task_id, repo="acme/web", issue=issue, created=NOW, body="Blue.\n")
        known = bool(self.files(issue, quarantined=True))
        # A process of its own: within one, a list of names serves for an instant.
        assert self.fresh().enqueue(new, by="dispatcher") is not known
        if not known:
            self.accepted.add(issue)

    @rule(number=workers)
    def claim(self, number):
        worker, now = self.workers[number], self.clock.now()
        if worker.claimed is not None:
            return
        entries = sorted(
            worker.room.waiting(now),
            key=lambda e: priority.key(e.priority, e.began, e.task_id, now),
        )
        could = [entry for entry in entries if self.nothing_speaks_against(entry)]
        worker.claimed = worker.room.claim(
            entries, worker.slot, by="queue",
            accept=lambda entry: worker.room.locks.try_repository_slot(entry.repo, WORKERS),
        )  # fmt: skip
        if could:
            assert worker.claimed is not None, "something could start and nothing did"
            order = [entry.task_id for entry in entries]
            first, had = order.index(could[0].task_id), worker.claimed.task.task_id
            assert order.index(had) <= first, f"{had} overtook {could[0].task_id}"

    def nothing_speaks_against(self, entry):
        """Its only file lies in inbox/, whole, and nobody holds it."""
        copies = [p for s in State for p in (self.mailbox / s).glob(f"{entry.task_id}*")]
        held = [w.claimed.task.task_id for w in self.workers if w.claimed]
        path = Path(entry.path)
        if len(copies) != 1 or entry.task_id in held or path.stem != entry.task_id:
            return False
        lock = self.room.locks.try_task(entry.task_id)
        if lock is None:
            return False
        lock.release()
        task = self.room.read(path).task
        return task.state in {None, State.INBOX} and task.claim is None

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

    @rule()
    def put_right(self):
        """What the reaper does; after it each task that nobody holds lies in one folder."""
        for double in self.room.duplicates():
            self.held(double.task_id, lambda d=double: self.room.resolve(d))
        for lost in self.room.misplaced():
            to = lost.marked if lost.interrupted else lost.state
            self.held(lost.task.task_id, lambda t=lost.task, to=to: self.room.move(t, to, by="r"))
        for stale in self.room.stale_claims():
            self.held(stale.task_id, lambda t=stale: self.room.move(t, State.INBOX, by="reaper"))
        held = {worker.claimed.task.issue for worker in self.workers if worker.claimed}
        for issue in {1, 2, 3} - held:
            assert len(self.readable(issue)) <= 1, self.readable(issue)

    def held(self, task_id, act):
        lock = self.room.locks.try_task(task_id)
        if lock is not None:
            with lock, suppress(Gone):
                act()

    # --- what happens to the machine ------------------------------------------------------------

    @rule(number=workers)
    def a_worker_is_killed(self, number):
        self.workers[number].die()
        self.workers[number] = Worker(self)

    @rule()
    def the_machine_boots(self):
        """Every process is gone, and another may have the number of each (F5)."""
        for worker in self.workers:
            worker.die()
        self.boots += 1
        self.room = self.fresh()
        self.workers = [Worker(self) for _ in range(WORKERS)]

    @rule(hours=st.integers(min_value=-50, max_value=50))
    def the_clock_jumps(self, hours):
        self.clock.moment += timedelta(hours=hours)

    @rule()
    def the_index_is_deleted(self):
        shutil.rmtree(self.place / "cache", ignore_errors=True)

    # --- what a person does ---------------------------------------------------------------------

    @rule(issue=issues, to=folders)
    def a_person_moves(self, issue, to):
        for path in self.files(issue)[:1]:
            shutil.move(path, self.mailbox / to / path.name)

    @rule(issue=issues, to=folders)
    def a_person_copies(self, issue, to):
        for path in self.files(issue)[:1]:
            target = self.mailbox / to / path.name
            if not target.exists():
                shutil.copy(path, target)

    @rule(issue=issues)
    def a_person_removes(self, issue):
        for path in self.files(issue, quarantined=True):
            path.unlink()
        self.accepted.discard(issue)
        self.garbled.discard(issue)
        self.words.pop(issue, None)

    @rule(issue=issues, word=st.integers(min_value=1))
    def a_person_writes(self, issue, word):
        files = self.readable(issue)
        if len(files) == 1 == len(self.files(issue)):
            head = files[0].read_text().partition("\n\n")[0]
            files[0].write_text(f"{head}\n\nThe word is {word}.\n")
            self.words[issue] = word

    @rule(issue=issues, rubbish=st.sampled_from([b"---\nrepo: [\n", b"\xff\xfe", b""]))
    def a_person_spoils(self, issue, rubbish):
        for path in self.files(issue)[:1]:
            path.write_bytes(rubbish)
            os.utime(path, (1, 1))
            self.garbled.add(issue)
            self.words.pop(issue, None)

    @rule(number=st.integers(min_value=1, max_value=3))
    def a_person_drops_a_goal_in(self, number):
        if number not in self.dropped:
            (self.mailbox / "inbox" / f"wish {number}.md").write_text(
                f"---\nrepo: acme/web\n---\n\nWish number {number}.\n"
            )
            self.dropped.add(number)

    @rule(where=folders, name=st.sampled_from(LEFTOVERS))
    def an_editor_leaves_something(self, where, name):
        (self.mailbox / where / name).write_bytes(b"\x00 b0VIM")

    # --- what holds after every step ------------------------------------------------------------

    @invariant()
    def nothing_is_lost(self):
        for issue in self.accepted:
            whole = self.readable(issue)
            if issue not in self.garbled:
                assert whole, f"issue {issue} is nowhere"
            assert self.files(issue, quarantined=True), f"issue {issue} left no trace"
            word = self.words.get(issue)
            texts = [path.read_text("utf-8", "replace") for path in self.files(
                issue, quarantined=True)]  # fmt: skip
            assert word is None or any(f"The word is {word}." in text for text in texts)
        everything = [p for s in State for p in (self.mailbox / s).glob("*.md")]
        texts = [path.read_text("utf-8", "replace") for path in everything]
        for number in self.dropped:
            assert sum(f"Wish number {number}." in text for text in texts) == 1

    @invariant()
    def no_task_has_two_workers(self):
        held = [w.claimed.task.task_id for w in self.workers if w.claimed]
        assert len(held) == len(set(held))

    @invariant()
    def what_was_set_aside_was_told(self):
        told = {
            event.details.get("file")
            for event in events.read(self.place / "e.jsonl", NOW - timedelta(days=9999))
            if event.kind == QUARANTINED
        }
        lying = {path.name for path in (self.mailbox / "quarantine").iterdir()}
        assert lying <= told

    @invariant()
    def nothing_half_written_is_left(self):
        for state in State:
            hidden = {n for n in os.listdir(self.mailbox / state) if n.startswith(".")}
            assert hidden <= set(LEFTOVERS)


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
