"""Locks: held by one, freed by death, told by name, and taken in one order."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from orchestrator.adapters.locks import LockBusy, LockOrderError, Locks

HOLD = """
import sys
from pathlib import Path
from orchestrator.adapters.locks import Locks
lock = Locks(Path(sys.argv[1]), what="a worker").try_worker_slot(1)
print(lock.uuid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def locks(tmp_path):
    return Locks(tmp_path / "locks", what="the test")


@pytest.fixture
def others(tmp_path):
    """Another value on the same folder, as another process has it."""
    return Locks(tmp_path / "locks")


@pytest.fixture
def worker(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "locks")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )
    process.uuid = process.stdout.readline().strip()
    yield process
    process.kill()
    process.communicate()


def test_a_lock_has_one_holder(locks, others):
    with locks.try_script("queue") as mine:
        assert others.try_script("queue") is None
        assert others.holder(mine.name) == mine.holder
        assert mine.holder.what == "the test"
    assert others.holder(mine.name) is None
    with others.try_script("queue") as theirs:
        assert theirs.uuid != mine.uuid


def test_slots_are_as_many_as_said(locks, others):
    with locks.try_worker_slot(2) as one, others.try_worker_slot(2) as two:
        assert {one.name, two.name} == {"slot-1", "slot-2"}
        assert Locks(locks.folder).try_worker_slot(2) is None
    with locks.try_repository_slot("acme/web", 1), others.try_repository_slot("acme/app", 1):
        assert Locks(locks.folder).try_repository_slot("acme/web", 1) is None


def test_a_claim_lives_while_its_slot_is_held_under_its_uuid(locks, worker):
    """Q5, F5."""
    assert locks.is_live("slot-1", worker.uuid)
    assert not locks.is_live("slot-1", "another")
    assert not locks.is_live("slot-2", worker.uuid)
    worker.kill()
    worker.wait()
    assert not locks.is_live("slot-1", worker.uuid)
    assert locks.try_worker_slot(1) is not None


def test_the_file_of_a_lock_is_never_unlinked(locks):
    with locks.try_script("queue"):
        inode = os.stat(locks.folder / "script-queue.lock").st_ino
    with locks.try_script("queue"):
        assert os.stat(locks.folder / "script-queue.lock").st_ino == inode


def test_children_do_not_inherit_a_lock(locks, others):
    with locks.try_script("queue"):
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        with others.try_script("queue") as lock:
            assert lock is not None
    finally:
        child.kill()
        child.wait()


def test_a_busy_store_is_told_with_its_holder(locks, others):
    with locks.store("acme/web", 1), pytest.raises(LockBusy, match="the test"):
        others.store("acme/web", 0.01)
    with locks.store("acme/web", 0.01), locks.merge("acme/web", "release/1.x", 0.01):
        assert "merge-acme__web-release__1.x.lock" in os.listdir(locks.folder)


def test_the_order_is_checked(locks):
    """Q8: script, worker slot, repository slot, task, store, merge."""
    with locks.try_task("one"):
        for earlier in (
            lambda: locks.try_script("queue"),
            lambda: locks.try_worker_slot(1),
            lambda: locks.try_repository_slot("a/b", 1),
            lambda: locks.try_task("two"),
        ):
            with pytest.raises(LockOrderError, match="the order is"):
                earlier()
        with locks.store("a/b", 1), locks.merge("a/b", "main", 1):
            pass
    with (
        locks.try_script("queue"), locks.try_worker_slot(1), locks.try_repository_slot("a/b", 1),
        locks.try_task("one"), locks.store("a/b", 1), locks.merge("a/b", "main", 1),
    ):
        pass


def test_a_task_always_has_the_same_of_64_locks(locks, others):
    for number in range(200):
        with locks.try_task(f"task-{number}") as mine:
            assert others.try_task(f"task-{number}") is None
            assert mine.name in {f"task-{n:02d}" for n in range(64)}


def test_no_name_leaves_the_folder(locks):
    with locks.store("../../evil", 1), locks.merge("a/b", "../../x", 1):
        assert all(name.endswith(".lock") for name in os.listdir(locks.folder))
    assert os.listdir(locks.folder.parent) == ["locks"]


def test_releasing_twice_is_harmless(locks):
    lock = locks.try_script("queue")
    lock.release()
    lock.release()
    with locks.try_script("queue"):
        pass
