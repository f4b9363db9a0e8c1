"""A crash or a refusal at any system call loses no task and makes none twice (T1, T2, I1, I2)."""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime

import pytest
from msgspec import structs

from orchestrator.adapters import files, kernel, mailbox_index, mailroom, reading, shelves
from orchestrator.adapters.clock import FixedClock
from orchestrator.adapters.locks import Locks
from orchestrator.adapters.mailroom import Mailroom
from orchestrator.records.errors import AgentOSError
from orchestrator.records.task import State, Task
from orchestrator.texts import taskfile

NOW = datetime(2026, 11, 22, 20, 50, tzinfo=UTC)
TASK = Task(
    task_id=taskfile.new_id(NOW, "acme/web", 7, "Blue"), repo="acme/web", issue=7, title="Blue",
    created=NOW, body="## Goal\n\nBlue.\n",
)
CHANGING = {"open", "write", "fsync", "unlink", "link", "replace", "mkdir", "close"}


class Died(BaseException):
    """No handler of ours catches it, as none runs after kill -9."""


class Doors:
    """The calls that change the disk: the k-th one kills, and no later one works."""

    def __init__(self, k, *, after):
        self.left = k
        self.after = after
        self.used = 0

    def through(self, call, *arguments, **named):
        if self.left <= 0:
            raise Died
        self.left -= 1
        self.used += 1
        if self.left > 0 or self.after:
            result = call(*arguments, **named)
            if self.left > 0:
                return result
        raise Died

    def install(self, monkeypatch):
        doors, real = self, kernel.rename

        class Os:
            def __getattr__(self, name):
                call = getattr(os, name)
                if name not in CHANGING:
                    return call
                return lambda *a, **k: doors.through(call, *a, **k)

        monkeypatch.setattr(files, "os", Os())
        monkeypatch.setattr(kernel, "rename", lambda *a: doors.through(real, *a))


class House:
    """One machine: a mailbox, and workers whose locks end with them."""

    def __init__(self, place):
        self.root = place / "mailbox"
        self.folder = place / "locks"
        self.clock = FixedClock(NOW)
        self.start()
        self.room.prepare()

    def start(self):
        self.locks = Locks(self.folder)
        self.room = Mailroom(self.root, self.locks, self.clock)
        self.slot = self.locks.try_worker_slot(1)

    def die(self):
        for lock in list(self.locks._held):
            lock.release()

    def claim(self):
        return self.room.claim(
            self.room.waiting(self.clock.now()), self.slot, by="queue",
            accept=lambda entry: self.locks.try_repository_slot(entry.repo, 1),
        )

    def reap(self):
        """What the reaper does, in the least form that is right."""
        for double in self.room.duplicates():
            self.room.resolve(double)
        for lost in self.room.misplaced():
            assert lost.interrupted, "nobody has moved a file here"
            self.room.move(lost.task, lost.marked, by="reaper")
        for stale in self.room.stale_claims():
            self.room.move(stale, State.INBOX, by="reaper")

    def files(self):
        root = str(self.root)
        return [f"{s}/{n}" for s in State for n in os.listdir(f"{root}/{s}") if n[0] != "."]


def enqueue(house):
    house.room.enqueue(TASK, by="dispatcher")


class NotHad(AgentOSError):
    """There was nothing that could be claimed."""


def claim(house):
    claimed = house.claim()
    if claimed is None:
        raise NotHad
    return claimed.task


def settle(house):
    task = structs.replace(claim(house), tries=1)
    house.room.move(house.room.update(task), State.REVIEW, by="queue")


def cancel(house):
    for found in house.room.find(TASK.repo, TASK.issue):
        house.room.move(found.task, State.CANCELLED, by="dispatcher")


def drop_in(house):
    (house.root / "inbox/mine.md").write_text("---\nrepo: acme/web\nissue: 7\n---\nBlue.\n")
    claim(house)


STORIES = {
    "enqueue": (None, enqueue, {"inbox", "nowhere"}),
    "claim": (enqueue, claim, {"inbox", "processing"}),
    "settle": (enqueue, settle, {"inbox", "processing", "review"}),
    "cancel": (enqueue, cancel, {"inbox", "cancelled"}),
    "drop in": (None, drop_in, {"inbox", "processing"}),
}


@pytest.fixture(params=["renameat2", "link"])
def any_kernel(request, monkeypatch):
    if request.param == "link":
        monkeypatch.setattr(kernel, "_renameat2", None)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("story", STORIES)
def test_a_crash_at_any_call_leaves_one_whole_file(tmp_path, any_kernel, story, after):
    prepare, act, places = STORIES[story]
    seen = set()
    for k in range(1, 200):
        house = House(tmp_path / str(k))
        if prepare:
            prepare(house)
        doors = Doors(k, after=after)
        try:
            with pytest.MonkeyPatch.context() as patch:
                doors.install(patch)
                act(house)
        except Died:
            house.die()
        else:
            house.die()
            seen |= {check(house)}
            break
        seen |= {check(house)}
        crash_again_while_reaping(house, k)
        check_whole_life(house)
    else:
        pytest.fail("the story never ended")
    assert k > 4
    assert seen == places


def check(house):
    """Exactly one readable task, wherever it is; on an enqueue maybe none yet (F1)."""
    house.start()
    names = {os.path.basename(name) for name in house.files()}
    places = {name.split("/")[0] for name in house.files()}
    assert len(names) <= 2, names
    assert "quarantine" not in places
    texts = {(house.root / name).read_bytes() for name in house.files()}
    assert len(texts) <= 1, "two different files of one task"
    for text in texts:
        taskfile.parse(text.decode(), stem="x", modified=NOW)
    return min(places, default="nowhere") if len(places) < 2 else "inbox"


def crash_again_while_reaping(house, k):
    """Double crash: the reaper dies as well, at a place that depends on the first."""
    try:
        with pytest.MonkeyPatch.context() as patch:
            Doors(1 + k * 3 % 11, after=False).install(patch)
            house.reap()
    except Died:
        pass
    house.die()
    house.start()


def check_whole_life(house):
    """After the crash: reaped, dispatched again, claimed once, settled once; one file remains."""
    house.reap()
    if not house.room.find(TASK.repo, TASK.issue):
        house.room.enqueue(TASK, by="dispatcher")
    assert len(house.files()) == 1, house.files()
    if house.files()[0].startswith("inbox/"):
        with house.claim() as claimed:
            assert house.claim() is None
            house.room.move(claimed.task, State.REVIEW, by="queue")
    (remaining,) = house.files()
    assert remaining.split("/")[0] in {"review", "cancelled"}
    assert house.room.duplicates() == house.room.misplaced() == house.room.stale_claims() == []
    house.die()


@pytest.mark.parametrize("failing", ["fsync", "write", "open"])
def test_a_full_disk_changes_nothing_and_ends_when_there_is_room(tmp_path, monkeypatch, failing):
    """F8: the old content stays, the claim stays, and it goes on when space returns."""
    house = House(tmp_path)
    enqueue(house)
    claimed = house.claim()
    before = (house.root / house.files()[0]).read_bytes()

    class Full:
        def __getattr__(self, name):
            def no_space(*arguments, **named):
                raise OSError(28, "No space left on device")

            return no_space if name == failing else getattr(os, name)

    with monkeypatch.context() as patch:
        patch.setattr(files, "os", Full())
        for change in (
            lambda: house.room.update(structs.replace(claimed.task, tries=1)),
            lambda: house.room.move(claimed.task, State.REVIEW, by="queue"),
        ):
            with pytest.raises(OSError, match="No space"):
                change()
    assert (house.root / house.files()[0]).read_bytes() == before
    house.room.move(structs.replace(claimed.task, tries=1), State.REVIEW, by="queue")
    assert house.files() == [f"review/{TASK.task_id}.md"]


# --- refusals: the k-th call of the operating system says no (T1) ---------------------------------

FALLIBLE = CHANGING | {"read", "pread", "fstat", "stat", "lstat", "scandir", "listdir", "rename"}
REFUSALS = ("ENOSPC", "EIO", "EINTR", "EMFILE", "EACCES")
# Without renameat2 only the renaming is another call.
REFUSED = [*(("renameat2", name) for name in REFUSALS), ("link", "EIO"), ("link", "EACCES")]
CAT = "Mind the cat.\n"


class Refusing:
    """Every call of the mailbox code passes here; the k-th is refused with an errno."""

    def __init__(self, k, name):
        self.left, self.code = k, getattr(errno, name)
        self.refused = ""

    def through(self, name, call, *arguments, **named):
        self.left -= 1
        if self.left != 0:
            return call(*arguments, **named)
        self.refused = name
        if name == "close":  # the kernel has let go of it whatever it says
            call(*arguments, **named)
        raise OSError(self.code, os.strerror(self.code))

    def install(self, monkeypatch):
        refusing, real = self, kernel.rename

        class Os:
            def __getattr__(self, name):
                call = getattr(os, name)
                if name not in FALLIBLE:
                    return call
                return lambda *a, **k: refusing.through(name, call, *a, **k)

        for module in (files, reading, shelves, mailbox_index, mailroom):
            if hasattr(module, "os"):
                monkeypatch.setattr(module, "os", Os())
        monkeypatch.setattr(kernel, "rename", lambda *a: refusing.through("rename", real, *a))


@pytest.mark.parametrize(("any_kernel", "refusal"), REFUSED, indirect=["any_kernel"])
@pytest.mark.parametrize("story", STORIES)
def test_a_refusal_at_any_call_changes_nothing_for_the_worse(
    tmp_path, any_kernel, story, refusal
):
    """I1 to I3 and I12: one whole file, a person's words in it, and the next tick goes on."""
    prepare, act, _ = STORIES[story]
    for k in range(1, 300):
        house = House(tmp_path / str(k))
        if prepare:
            prepare(house)
            a_person_adds(house, CAT)
        refusing = Refusing(k, refusal)
        with pytest.MonkeyPatch.context() as patch:
            refusing.install(patch)
            try:
                act(house)
            except (OSError, AgentOSError):
                assert refusing.refused
        house.die()
        set_aside = back_from_quarantine(house)
        assert not set_aside or (refusal == "EACCES" and refusing.refused == "open")
        check(house)
        check_whole_life(house)
        [name] = house.files()
        assert not prepare or CAT in (house.root / name).read_text()
        if not refusing.refused:
            break
    else:
        pytest.fail("the story never ended")
    assert k > 8


def a_person_adds(house, words):
    (name,) = house.files()
    with (house.root / name).open("a") as stream:
        stream.write(words)


def back_from_quarantine(house):
    """A file that says it may not be read is set aside and told; where the task does not go on
    without it, a person puts it back."""
    names = os.listdir(house.root / "quarantine")
    alone = len(house.files()) == len(names)
    for name in names:
        if alone:
            os.rename(house.root / "quarantine" / name, house.root / "inbox" / name)
        else:
            os.unlink(house.root / "quarantine" / name)
    return names
