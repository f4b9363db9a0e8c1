"""The mailroom: nothing lost, nothing twice, and a person may touch every file at any time."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from msgspec import structs

from orchestrator.adapters import events
from orchestrator.adapters.clock import FixedClock
from orchestrator.adapters.events import Events
from orchestrator.adapters.locks import Locks
from orchestrator.adapters.mailroom import Gone, MailboxBroken, Mailroom, MovedAway
from orchestrator.records.errors import AgentOSError
from orchestrator.records.result import Result, Status
from orchestrator.records.task import (
    Attempt,
    Claim,
    Mark,
    Priority,
    State,
    Task,
    marked,
    with_attempt,
)
from orchestrator.texts import taskfile

NOW = datetime(2026, 11, 22, 20, 50, tzinfo=UTC)


class Office:
    """A mailroom with what it needs, and the moves of a person."""

    def __init__(self, place):
        self.place = place
        self.root = place / "mailbox"
        self.clock = FixedClock(NOW)
        self.log = Events(place / "events.jsonl", place / "s.jsonl", self.clock, "t", redact=str)
        self.room = self.fresh()
        self.room.prepare()
        self.slot = self.room.locks.try_worker_slot(4)

    def fresh(self):
        """As another process has it."""
        return Mailroom(self.root, Locks(self.place / "locks"), self.clock, self.log)

    def claim(self, room=None, slot=None):
        room, slot = room or self.room, slot or self.slot
        return room.claim(
            sorted(room.waiting(self.clock.now()), key=lambda entry: entry.task_id),
            slot,
            accept=lambda entry: room.locks.try_repository_slot(entry.repo, 4),
            by="queue",
        )

    def files(self):
        """Folder and name of everything that lies in a state folder."""
        return sorted(f"{s}/{n}" for s in State for n in os.listdir(self.root / s))

    def kinds(self):
        return [event.kind for event in events.read(self.log.events_path, NOW)]

    def reasons(self):
        return [event.reason for event in events.read(self.log.events_path, NOW)]

    def old(self, path):
        """As if nobody had saved it for a while."""
        os.utime(path, (1, 1), follow_symlinks=False)


@pytest.fixture
def office(tmp_path):
    office = Office(tmp_path)
    yield office
    office.slot.release()


def task(number=1, **changes):
    made = Task(
        task_id=taskfile.new_id(NOW, "acme/web", number, "Make it blue"), repo="acme/web",
        issue=number, title="Make it blue", created=NOW, ready_at=NOW, body="## Goal\n\nBlue.\n",
    )
    return structs.replace(made, **changes)


def name(number=1):
    return f"{task(number).task_id}.md"


def test_the_same_ready_is_queued_once(office):
    assert office.room.enqueue(task(), by="dispatcher")
    again = task(task_id=taskfile.new_id(NOW, "acme/web", 1, "Another title now"))
    assert not office.room.enqueue(again, by="dispatcher")
    assert office.files() == [f"inbox/{name()}"]
    for state in State:
        here = office.room.holds(task().task_id)
        os.rename(office.root / here / name(), office.root / state / name())
        assert office.fresh().holds(again.task_id) is state
        assert not office.fresh().enqueue(again, by="dispatcher")
    assert office.room.enqueue(task(2), by="dispatcher")
    again = task(2, task_id=taskfile.new_id(NOW, "acme/web", 2, "Another title now"))
    assert not office.room.enqueue(again, by="dispatcher")


def test_another_issue_that_begins_with_the_same_digits_is_another_task(office):
    assert office.room.enqueue(task(12), by="dispatcher")
    assert office.room.enqueue(task(1), by="dispatcher")


def test_a_claim_is_on_the_disk_and_names_its_slot(office):
    office.room.enqueue(task(), by="dispatcher")
    with office.claim() as claimed:
        (stored,) = office.fresh().list_state(State.PROCESSING)
        assert stored == claimed.task
        assert stored.claim.slot == office.slot.name
        assert stored.claim.uuid == office.slot.uuid
        assert [mark.state for mark in stored.marks] == [State.INBOX, State.PROCESSING]
        assert office.fresh().locks.is_live(stored.claim.slot, stored.claim.uuid)
    assert office.files() == [f"processing/{name()}"]
    assert office.claim() is None


def test_a_busy_repository_is_passed_over(office):
    office.room.enqueue(task(1), by="dispatcher")
    office.room.enqueue(task(2, repo="acme/app"), by="dispatcher")
    asked = []

    def accept(entry):
        asked.append(entry.repo)
        return None if entry.repo == "acme/web" else office.room.locks.try_repository_slot("x/y", 1)

    entries = sorted(office.room.waiting(NOW + timedelta(days=1)), key=lambda e: e.task_id)
    with office.room.claim([entries[0], *entries], office.slot, accept=accept, by="q") as claimed:
        assert claimed.task.repo == "acme/app"
    assert asked == ["acme/web", "acme/app"]


def test_a_busy_task_lock_is_passed_over_and_nothing_stays_held(office):
    office.room.enqueue(task(), by="dispatcher")
    reaper = Locks(office.place / "locks")
    with reaper.try_task(task().task_id):
        assert office.claim() is None
    with office.claim():
        pass


def test_a_slot_is_kept_while_tasks_of_its_repository_are_passed_over(office):
    """Given back in between it would be another's, and a third would find all of them taken."""
    for number in (1, 2, 3):
        office.room.enqueue(task(number), by="dispatcher")
    asked = []

    def accept(entry):
        asked.append(entry.task_id)
        return office.room.locks.try_repository_slot(entry.repo, 1)

    entries = sorted(office.room.waiting(NOW), key=lambda entry: entry.task_id)
    last = entries[-1].task_id
    with office.room.claim(
        entries, office.slot, accept=accept, by="q", wanted=lambda entry: entry.task_id == last
    ) as claimed:
        assert claimed.task.task_id == last
        assert asked == [entries[0].task_id]
    assert office.room.claim(
        entries, office.slot, accept=accept, by="q", wanted=lambda entry: False
    ) is None
    assert office.room.locks.free_repository_slots("acme/web", 1) == 1


def test_a_task_waits_for_its_time(office):
    later = office.clock.now() + timedelta(hours=1)
    office.room.enqueue(task(not_before=later), by="dispatcher")
    assert office.room.waiting(NOW) == ()
    (entry,) = office.room.waiting(later)
    assert office.room.claim([entry], office.slot, accept=no_slot_needed(office), by="q") is None


def no_slot_needed(office):
    return lambda entry: office.room.locks.try_repository_slot(entry.repo, 1)


def test_two_lines_of_a_person_become_a_task(office):
    dropped = office.root / "inbox/make it blue.md"
    dropped.write_text("---\nrepo: acme/web\npriority: high\n---\nMake it blue, please.\n")
    (entry,) = office.room.waiting(NOW)
    assert entry.priority is Priority.HIGH
    with office.claim() as claimed:
        assert claimed.task.title == "Make it blue, please."
        assert claimed.task.task_id == entry.task_id
    assert office.files() == [f"processing/{entry.task_id}.md"]


@pytest.mark.parametrize(
    ("last", "is_new"),
    [(State.ESCALATED, True), (State.FAILED, True), (State.CANCELLED, True), (State.DONE, True),
     (State.BLOCKED, False), (State.REVIEW, False)],
)  # fmt: skip
def test_what_a_person_moves_back_to_inbox_begins_anew_only_if_it_had_ended(office, last, is_new):
    tried = task(tries=3, reworks=2, note="why", marks=marks(State.INBOX, State.PROCESSING, last))
    write(office, last, tried)
    os.rename(office.root / last / name(), office.root / "inbox" / name())
    with office.claim() as claimed:
        got = claimed.task
    assert (got.round, got.tries, got.reworks) == ((2, 0, 0) if is_new else (1, 3, 2))
    assert got.state is State.PROCESSING


def marks(*states):
    return tuple(Mark(state=state, at=NOW, by="t") for state in states)


def write(office, state, what):
    path = office.room.path(state, what.task_id)
    path.write_text(taskfile.render(what))
    return path


def test_a_cancel_that_was_cut_short_in_inbox_is_not_taken_for_a_persons_wish(office):
    write(office, State.INBOX, task(marks=marks(State.INBOX, State.CANCELLED)))
    assert office.claim() is None
    (found,) = office.room.misplaced()
    assert (found.marked, found.interrupted) == (State.CANCELLED, True)
    office.room.move(found.task, found.marked, by="reaper")
    assert office.files() == [f"cancelled/{name()}"]


def test_a_claim_of_the_living_is_left_alone_and_one_of_the_dead_is_not(office):
    """Q5, F4, F5: in inbox/ after a crash between claim and rename."""
    with Locks(office.place / "locks").try_worker_slot(4) as other:
        claim = Claim(
            slot=other.name, uuid=other.uuid, pid=1, boot_id="x", host="h", started=NOW
        )
        half = task(claim=claim, marks=marks(State.INBOX, State.PROCESSING))
        write(office, State.INBOX, half)
        assert office.claim() is None
    with office.claim() as claimed:
        assert claimed.task.claim.uuid == office.slot.uuid


def test_a_claim_whose_worker_died_is_stale(office):
    office.room.enqueue(task(), by="dispatcher")
    worker = Locks(office.place / "locks")
    slot = worker.try_worker_slot(4)
    room = Mailroom(office.root, worker, office.clock)
    claimed = office.claim(room, slot)
    assert office.room.stale_claims() == []
    claimed.release()
    assert office.room.stale_claims() == []
    slot.release()
    (stale,) = office.room.stale_claims()
    back = office.room.move(stale, State.INBOX, by="reaper")
    assert back.claim is None
    with office.claim():
        pass


def test_a_move_is_marked_and_drops_the_claim(office):
    office.room.enqueue(task(), by="dispatcher")
    with office.claim() as claimed:
        moved = office.room.move(structs.replace(claimed.task, tries=1), State.REVIEW, by="queue")
    (stored,) = office.fresh().list_state(State.REVIEW)
    assert stored == moved
    assert (stored.claim, stored.tries, stored.state) == (None, 1, State.REVIEW)
    assert office.room.move(moved, State.REVIEW, by="queue") == moved
    assert office.files() == [f"review/{name()}"]


def test_what_a_person_edits_meanwhile_is_kept(office):
    """I12."""
    office.room.enqueue(task(), by="dispatcher")
    with office.claim() as claimed:
        path = office.root / "processing" / name()
        text = path.read_text().replace("Blue.", "Green!").replace("---\n\n", "colour: 7\n---\n\n")
        path.write_text(text.replace("issue: 1", "issue: 1\nmax_attempts: 9"))
        stored = office.room.update(structs.replace(claimed.task, tries=1, note="ours"))
        assert stored.body == "## Goal\n\nGreen!\n"
        assert stored.extra == {"colour": 7}
        assert (stored.max_attempts, stored.tries, stored.note) == (9, 1, "ours")
        final = office.room.update(structs.replace(stored, body="ours now"))
        assert final.body == "ours now"


def test_another_look_meanwhile_does_not_hide_a_persons_edit(office):
    office.room.enqueue(task(), by="dispatcher")
    with office.claim() as claimed:
        path = office.root / "processing" / name()
        path.write_text(path.read_text().replace("Blue.", "Green!"))
        office.room.waiting(NOW)
        office.room.stale_claims()
        office.room.misplaced()
        assert "Green!" in office.room.update(structs.replace(claimed.task, tries=1)).body


def test_an_update_follows_a_file_that_a_person_moved_or_renamed(office):
    office.room.enqueue(task(), by="dispatcher")
    with office.claim() as claimed:
        os.rename(office.root / "processing" / name(), office.root / "blocked/renamed.md")
        office.room.update(structs.replace(claimed.task, tries=5))
    (stored,) = office.fresh().list_state(State.BLOCKED)
    assert stored.tries == 5
    assert office.files() == ["blocked/renamed.md"]


def test_a_persons_move_wins_over_the_workers(office):
    """F9: the data are kept, the place is the person's, the next tick honours it."""
    office.room.enqueue(task(), by="dispatcher")
    with office.claim() as claimed:
        os.rename(office.root / "processing" / name(), office.root / "inbox" / name())
        assert office.claim(office.fresh(), office.slot) is None
        with pytest.raises(MovedAway) as told:
            office.room.move(structs.replace(claimed.task, tries=1), State.REVIEW, by="queue")
    assert told.value.state is State.INBOX
    assert office.files() == [f"inbox/{name()}"]
    with office.claim() as again:
        assert again.task.tries == 1


def test_a_file_that_a_person_removed_is_gone(office):
    office.room.enqueue(task(), by="dispatcher")
    with office.claim() as claimed:
        os.unlink(office.root / "processing" / name())
        for change in (
            lambda: office.room.update(claimed.task),
            lambda: office.room.move(claimed.task, State.REVIEW, by="queue"),
        ):
            with pytest.raises(Gone, match="a person removed it"):
                change()
    assert office.files() == []


def test_a_file_that_a_person_broke_while_it_was_worked_on_goes_on(office):
    office.room.enqueue(task(), by="dispatcher")
    with office.claim() as claimed:
        path = office.root / "processing" / name()
        path.write_text("---\nrepo: [\n---\n")
        office.old(path)
        stored = office.room.move(structs.replace(claimed.task, tries=1), State.REVIEW, by="queue")
    assert stored.tries == 1
    assert office.files() == [f"quarantine/{name()}", f"review/{name()}"]
    assert "goes on" in office.reasons()[-1]


@pytest.mark.parametrize("kind", ["yaml", "latin", "large", "link", "fifo", "folder"])
def test_what_is_no_task_is_set_aside_once_and_the_rest_goes_on(office, kind):
    """Q9, F10."""
    path = office.root / "inbox/bad.md"
    if kind == "yaml":
        path.write_text("---\nrepo: [\n---\n")
    elif kind == "latin":
        path.write_bytes(b"---\nrepo: acme/web\n---\nGr\xfcn\n")
    elif kind == "large":
        path.write_bytes(b"x" * 1_000_001)
    elif kind == "link":
        path.symlink_to("/etc/passwd")
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.mkdir()
    office.old(path)
    office.room.enqueue(task(), by="dispatcher")
    for _ in range(2):
        assert [e.task_id for e in office.fresh().waiting(NOW)] == [task().task_id]
    assert office.files() == [f"inbox/{name()}", "quarantine/bad.md"]
    assert office.kinds() == ["quarantined"]
    assert office.room.list_state(State.QUARANTINE) == []


def test_a_second_bad_file_of_one_name_is_kept_as_well(office):
    for _ in range(2):
        path = office.root / "inbox/bad.md"
        path.write_text("nothing")
        office.old(path)
        office.room.waiting(NOW)
    assert len(os.listdir(office.root / "quarantine")) == 2


class StandingClock(FixedClock):
    """Several files may be set aside in one instant."""

    def now(self):
        return NOW


def test_in_quarantine_a_taken_name_is_passed_over(office):
    office.room.clock = StandingClock(NOW)
    for number in range(4):
        path = office.root / "inbox/bad.md"
        path.write_text(f"nothing {number}")
        office.room.quarantine(path, "It is no task.")
    kept = sorted(path.read_text() for path in (office.root / "quarantine").iterdir())
    assert kept == [f"nothing {number}" for number in range(4)]


def test_a_file_for_which_quarantine_has_no_name_stays_and_is_told(office):
    office.room.clock = StandingClock(NOW)
    path = office.root / "inbox/bad.md"

    def fill():
        for _ in range(100):
            path.write_text("nothing")
            office.room.quarantine(path, "It is no task.")

    with pytest.raises(AgentOSError, match="empty quarantine/"):
        fill()
    assert path.exists()


def test_a_half_written_file_is_left_for_the_next_tick(office):
    (office.root / "inbox/new.md").write_text("---\nrepo: acme")
    assert office.room.waiting(NOW) == ()
    assert office.files() == ["inbox/new.md"]


def test_what_editors_drop_is_passed_over(office):
    for dropping in (".T.md.swp", "T.md~", "4913", ".#T.md", "notes.txt", ".T.md.0a.tmp"):
        (office.root / "inbox" / dropping).write_text("x")
        office.old(office.root / "inbox" / dropping)
    before = office.files()
    assert office.room.waiting(NOW) == ()
    assert office.room.counts()[State.INBOX] == 0
    assert office.files() == before


def test_a_dry_run_changes_nothing(office):
    bad = office.root / "inbox/bad.md"
    bad.write_text("nothing")
    office.old(bad)
    room = Mailroom(office.root, Locks(office.place / "locks"), office.clock, read_only=True)
    assert room.waiting(NOW) == ()
    assert office.files() == ["inbox/bad.md"]


def test_an_issue_is_found_in_every_state_but_done(office):
    for number, state in enumerate(State):
        write(office, state, task(number + 1, issue=7))
    found = office.room.find("Acme/Web", 7)
    assert [each.state for each in found] == [s for s in State if s not in
                                              {State.DONE, State.QUARANTINE}]  # fmt: skip
    assert office.room.find("acme/web", 8) == []


def test_two_names_of_one_file_become_one(office):
    """Q3: as a move by link and unlink leaves them."""
    path = write(office, State.INBOX, task(marks=marks(State.INBOX, State.BLOCKED)))
    os.link(path, office.root / "blocked" / name())
    (double,) = office.room.duplicates()
    assert double.same_file
    office.room.resolve(double)
    assert office.files() == [f"blocked/{name()}"]
    assert office.room.duplicates() == []


def test_a_double_that_was_put_right_meanwhile_is_left_alone(office):
    """Q3: its name holds the only file of the task by now; or the one that counted is gone."""
    write(office, State.REVIEW, task(marks=marks(State.REVIEW)))
    copy = office.root / "inbox" / name()
    shutil.copy(office.root / "review" / name(), copy)
    office.old(copy)
    (double,) = office.room.duplicates()
    assert double.drop == copy
    os.rename(copy, office.root / "quarantine" / "copy.md")
    os.rename(office.root / "review" / name(), copy)
    office.room.resolve(double)
    assert sorted(office.files()) == [f"inbox/{name()}", "quarantine/copy.md"]
    os.rename(copy, office.root / "blocked" / name())
    os.rename(office.root / "quarantine" / "copy.md", copy)
    office.room.resolve(double)
    assert sorted(office.files()) == [f"blocked/{name()}", f"inbox/{name()}"]


def test_a_name_that_holds_something_else_by_now_is_no_double(office):
    """Q3: the copy was taken away, and somebody has put another task under its name."""
    write(office, State.REVIEW, task(marks=marks(State.REVIEW)))
    copy = office.root / "inbox" / "copy.md"
    shutil.copy(office.root / "review" / name(), copy)
    office.old(copy)
    (double,) = office.room.duplicates()
    assert double.drop == copy
    os.rename(copy, office.place / "taken away")
    copy.write_text("another task")
    office.room.resolve(double)
    assert copy.read_text() == "another task"


def test_of_two_copies_the_live_one_stays_else_the_newest(office):
    """Q3, F2, F9."""
    office.room.enqueue(task(), by="dispatcher")
    with office.claim():
        shutil.copy(office.root / "processing" / name(), office.root / "inbox" / name())
        assert office.claim(office.fresh(), office.slot) is None
        (double,) = office.room.duplicates()
        office.room.resolve(double)
    assert office.files() == [f"processing/{name()}", f"quarantine/{name()}"]
    os.unlink(office.root / "quarantine" / name())
    office.slot.release()
    office.old(office.root / "processing" / name())
    shutil.copy(office.root / "processing" / name(), office.root / "inbox/copy.md")
    (double,) = office.fresh().duplicates()
    office.room.resolve(double)
    assert office.files() == ["inbox/copy.md", f"quarantine/{name()}"]


def test_a_copy_of_what_is_done_is_the_newer_one(office):
    done = write(office, State.DONE, task(marks=marks(State.DONE)))
    office.old(done)
    shutil.copy(done, office.root / "inbox")
    (double,) = office.room.duplicates()
    assert double.drop == done


def test_a_move_onto_a_stranger_of_the_same_name_sets_the_stranger_aside(office):
    office.room.enqueue(task(), by="dispatcher")
    with office.claim() as claimed:
        (office.root / "review" / name()).write_text("a person's note")
        office.room.move(claimed.task, State.REVIEW, by="queue")
    assert office.files() == [f"quarantine/{name()}", f"review/{name()}"]
    assert (office.root / "quarantine" / name()).read_text() == "a person's note"


def test_a_persons_move_is_told_from_an_interrupted_one(office):
    write(office, State.PROCESSING, task(1, marks=marks(State.PROCESSING, State.REVIEW)))
    write(office, State.BLOCKED, task(2, marks=marks(State.INBOX, State.PROCESSING)))
    found = {m.task.issue: m for m in office.room.misplaced()}
    assert (found[1].state, found[1].marked, found[1].interrupted) == (
        State.PROCESSING, State.REVIEW, True)  # fmt: skip
    assert not found[2].interrupted
    assert office.room.stale_claims() == []
    office.room.move(found[1].task, State.REVIEW, by="reaper")
    office.room.move(found[2].task, State.BLOCKED, by="person")
    assert office.room.misplaced() == []


def test_a_hand_moved_it_when_its_inode_says_so_between_its_last_mark_and_now(office):
    path = write(office, State.REVIEW, task(marks=marks(State.PROCESSING, State.ESCALATED)))
    (found,) = office.room.read_state(State.REVIEW)
    moved = datetime.fromtimestamp(path.lstat().st_ctime, UTC)
    hour = timedelta(hours=1)

    def at(clock, marked):
        office.room.clock = FixedClock(clock)
        last = structs.replace(found.task.marks[-1], at=marked)
        told = structs.replace(found, task=structs.replace(found.task, marks=(last,)))
        return office.room.moved_at(told)

    near = timedelta(seconds=1)
    assert abs(at(moved + hour, moved - hour) - moved) < near
    assert at(moved + 2 * hour, moved + hour) == moved + hour  # its clock was put back
    assert abs(at(moved - hour, moved - 2 * hour) - (moved - hour)) < near
    assert abs(at(moved - hour, moved + hour) - (moved - hour)) < near
    path.unlink()
    assert abs(at(moved + hour, moved - hour) - (moved + hour)) < near


def test_the_index_on_disk_spares_a_cold_process_the_reading(office, monkeypatch):
    for number in range(1, 41):
        office.room.enqueue(task(number), by="dispatcher")
    assert len(office.fresh().waiting(NOW)) == 40
    cold = office.fresh()
    read = []
    real = Mailroom.read
    monkeypatch.setattr(Mailroom, "read", lambda room, path: read.append(path) or real(room, path))
    assert len(cold.waiting(NOW)) == 40
    assert read == []
    edited = office.root / "inbox" / name(3)
    edited.write_text(edited.read_text().replace("issue: 3", "issue: 3\npriority: prio:high"))
    high = [entry for entry in cold.waiting(NOW) if entry.priority is Priority.HIGH]
    assert [entry.issue for entry in high] == [3]
    assert read == [edited]


def test_a_spoilt_index_is_read_anew(office):
    office.room.enqueue(task(), by="dispatcher")
    (office.root / ".index").mkdir()
    for spoilt in (b"", b"{", b'{"x.md": 1}', b"\xff"):
        (office.root / ".index/inbox.json").write_bytes(spoilt)
        assert len(office.fresh().waiting(NOW)) == 1


def test_a_linked_or_missing_folder_is_told_in_a_sentence(office, tmp_path):
    """Q2."""
    shutil.rmtree(office.root / "inbox")
    for look in (
        lambda: office.room.waiting(NOW),
        office.room.counts,
        lambda: office.room.enqueue(task(), by="dispatcher"),
    ):
        with pytest.raises(MailboxBroken, match="is not there"):
            look()
    (tmp_path / "elsewhere").mkdir()
    (office.root / "inbox").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(MailboxBroken, match="symbolic link"):
        office.room.prepare()
    (office.root / "inbox").unlink()
    office.room.prepare()
    assert office.room.enqueue(task(), by="dispatcher")


def test_a_process_that_never_read_the_task_keeps_the_words_that_stand_in_it(office):
    path = write(office, State.REVIEW, task(extra={"colour": "red"}))
    office.room.update(task(body="older words", tries=1))
    (stored,) = office.fresh().list_state(State.REVIEW)
    assert (stored.body, stored.extra, stored.tries) == (task().body, {"colour": "red"}, 1)
    assert path.exists()


def test_a_copy_beside_its_original_is_never_worked_on(office):
    original = write(office, State.REVIEW, task(marks=marks(State.PROCESSING, State.REVIEW)))
    shutil.copy(original, office.root / "inbox")
    assert office.claim() is None
    original.unlink()
    with office.claim():
        pass


def test_a_task_that_is_worked_on_is_not_out_of_place(office):
    office.room.enqueue(task(), by="dispatcher")
    with office.claim():
        os.rename(office.root / "processing" / name(), office.root / "blocked" / name())
        assert office.fresh().misplaced() == []
    office.slot.release()
    (found,) = office.fresh().misplaced()
    assert (found.state, found.interrupted) == (State.BLOCKED, False)


def test_a_cancelled_task_that_a_person_puts_back_begins_anew(office):
    """The same marks as a cancel that was cut short, but the file was moved long after its save."""
    path = write(office, State.CANCELLED, task(marks=marks(State.INBOX, State.CANCELLED)))
    office.old(path)
    os.rename(path, office.root / "inbox" / name())
    assert office.room.misplaced() == []
    with office.claim() as claimed:
        assert claimed.task.round == 2


@pytest.mark.parametrize("by", ["words", "a key", "a new file"])
def test_what_a_person_saves_and_moves_in_one_breath_is_no_move_of_ours(office, by):
    """`sed -i ... && mv ...`: there are only milliseconds between the two."""
    office.room.enqueue(task(), by="dispatcher")
    (before,) = office.room.list_state(State.INBOX)
    office.room.move(before, State.CANCELLED, by="cli")
    path = office.root / "cancelled" / name()
    text = path.read_text()
    if by == "a key":
        path.write_text(text.replace("title: Make it blue", "title: Make it red"))
    else:
        there = path if by == "words" else path.with_suffix(".new")
        there.write_text(text.replace("## Goal\n\nBlue", "## Goal\n\nRed"))
        there.rename(path)
    assert path.read_text() != text
    os.rename(path, office.root / "inbox" / name())
    assert office.room.misplaced() == []
    with office.claim() as claimed:
        assert claimed.task.round == 2


def test_a_word_of_a_persons_ends_no_move_that_was_cut_short_out_of_processing(office):
    """Nobody parks a file there: what is finished is not begun again for a word that was added."""
    office.room.enqueue(task(), by="dispatcher")
    with office.claim() as claimed:
        path = office.root / "processing" / name()
        cut = marked(structs.replace(claimed.task, claim=None), State.REVIEW, NOW, "queue")
        path.write_bytes(taskfile.seal(taskfile.render(cut).encode()) + b"\nA word of mine.\n")
    [stray] = office.room.misplaced()
    assert stray.interrupted and stray.marked is State.REVIEW


def test_every_kind_of_save_is_seen(office):
    """Q12: by time where the size stays, by size where the time stays."""
    path = write(office, State.INBOX, task())
    office.old(path)
    assert office.room.waiting(NOW)[0].repo == "acme/web"
    text = path.read_text()
    path.write_text(text.replace("acme/web", "acme/app"))
    assert office.room.waiting(NOW)[0].repo == "acme/app"
    office.old(path)
    office.room.waiting(NOW)
    path.write_text(text.replace("acme/web", "acme/other"))
    office.old(path)
    assert office.room.waiting(NOW)[0].repo == "acme/other"


def test_a_file_never_outgrows_its_own_reader(office):
    """Seen by a reviewer: five loud attempts, and the next look set our own file aside."""
    said = Result(status=Status.PARTIAL, report="\u2026" * 60_000, done=("x" * 600,) * 40)
    office.room.enqueue(task(), by="dispatcher")
    with office.claim() as claimed:
        now = claimed.task
        for n in range(1, 13):
            made = Attempt(n=n, agent="codex", started=NOW, judged=NOW, settled=NOW, result=said)
            stored = office.room.update(with_attempt(now, made))
            assert office.fresh().list_state(State.PROCESSING) == [stored]
            assert stored.attempt.result == said
            now = office.room.update(with_attempt(now, made))  # the caller's own, still whole
            assert now == stored
    assert office.files() == [f"processing/{name()}"]
    assert office.reasons() == []
