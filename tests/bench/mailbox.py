"""Mailbox figures: `python -m tests.bench.mailbox`, ratios against a bare loop in the same run.

The bare loop does what durability needs and nothing else: for an enqueue one fsync of the file,
one rename and one fsync of the folder; for a claim the same, then a rename between two folders
and an fsync of both. Both sides run as 16 processes at once, in turns, several times; the median
counts. It wants a real disk: pass a folder as argument, else it works beside this checkout.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from orchestrator.adapters.clock import Clock
from orchestrator.adapters.locks import Locks
from orchestrator.adapters.mailroom import Mailroom
from orchestrator.records.task import State, Task
from orchestrator.texts import taskfile

PROCESSES = 16
EACH = 25
ROUNDS = 9
READY = datetime(2026, 11, 22, 20, 50, tzinfo=UTC)
BODY = "## Goal\n\nMake the header blue.\n\n## Success criteria\n\n- It is blue.\n" * 4


def main() -> int:
    parent = sys.argv[1] if len(sys.argv) > 1 else None
    place = Path(tempfile.mkdtemp(prefix="agent-os-bench-", dir=parent))
    gc.freeze()  # else each forked process copies the parent's memory while it is measured
    try:
        ratios = compared(place)
        cold = {done: cold_claim(place, done) for done in (0, 100_000)}
    finally:
        shutil.rmtree(place)
    for done, (first, again) in cold.items():
        print(
            f"claim by a cold process, 1,000 in inbox, {done:,} in done: {again:.1f} ms "
            f"(the first ever, nothing cached: {first:.1f} ms; wanted < 50)"
        )
    missed = [name for name in ("our enqueue", "our claim") if ratios[name] < 0.6]
    return 1 if missed or any(again >= 50 for _, again in cold.values()) else 0


def compared(place: Path) -> dict[str, float]:
    """Throughput of ours over the bare loop's, for enqueues and for claims."""
    taken: dict[str, list[float]] = {}
    for number in range(ROUNDS):
        base, crowd = place / f"round-{number}", place / f"crowd-{number}"
        for folder in (base / "bare/inbox", base / "bare/processing"):
            folder.mkdir(parents=True)
        for folder in (base, crowd):
            mailroom(folder).prepare()
        together(our_enqueues, crowd)
        for name, work, folder in (
            ("bare enqueue", bare_enqueues, base),
            ("our enqueue", our_enqueues, base),
            ("bare claim", bare_claims, base),
            ("our claim", our_claims, base),
            ("head claim", our_claims_from_the_head, crowd),
        ):
            if name in {"our claim", "head claim"}:  # as the supervisor does before its workers
                warmed(folder)
            taken.setdefault(name, []).append(together(work, folder))
        check_all_claimed(base)
        check_all_claimed(crowd)
    ratios = {}
    for kind, ours in (("enqueue", "our enqueue"), ("claim", "our claim"), ("claim", "head claim")):
        pairs = list(zip(taken[f"bare {kind}"], taken[ours], strict=True))
        bare = statistics.median(theirs for theirs, _ in pairs) / (PROCESSES * EACH) * 1e3
        own = statistics.median(mine for _, mine in pairs) / (PROCESSES * EACH) * 1e3
        # Round by round, so that what else this machine does meanwhile weighs on both sides.
        ratios[ours] = statistics.median(theirs / mine for theirs, mine in pairs)
        print(
            f"{ours}, {PROCESSES} processes x {EACH}: bare {bare:.3f} ms each, "
            f"ours {own:.3f} ms, ratio {ratios[ours]:.2f} (wanted >= 0.6)"
        )
    return ratios


def together(work: Callable[[Path, int], None], base: Path) -> float:
    """Wall seconds from the common start to the last end."""
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(PROCESSES + 1)

    def run(number: int) -> None:
        barrier.wait()
        work(base, number)

    processes = [context.Process(target=run, args=(n,)) for n in range(PROCESSES)]
    for process in processes:
        process.start()
    barrier.wait()
    began = time.perf_counter()
    for process in processes:
        process.join()
    assert all(process.exitcode == 0 for process in processes)
    return time.perf_counter() - began


def task(number: int) -> Task:
    task_id = taskfile.new_id(READY + timedelta(seconds=number), "acme/web", number + 1, "Blue")
    return Task(
        task_id=task_id,
        repo=f"acme/web-{number // EACH}",
        issue=number + 1,
        title="Make the header blue",
        branch=taskfile.new_branch(task_id),
        base="main",
        created=READY,
        ready_at=READY,
        body=BODY,
    )


TASKS = [task(number) for number in range(1000)]
CONTENT = taskfile.render(TASKS[0]).encode()


def bare_write(folder: Path, name: str) -> None:
    descriptor = os.open(f"{folder}/.{name}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.write(descriptor, CONTENT)
    os.fsync(descriptor)
    os.close(descriptor)
    os.rename(f"{folder}/.{name}", f"{folder}/{name}")
    sync(folder)


def sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def bare_enqueues(base: Path, number: int) -> None:
    for i in range(EACH):
        bare_write(base / "bare/inbox", f"{number}-{i}.md")


def bare_claims(base: Path, number: int) -> None:
    inbox, processing = base / "bare/inbox", base / "bare/processing"
    for i in range(EACH):
        name = f"{number}-{i}.md"
        bare_write(inbox, name)
        os.rename(inbox / name, processing / name)
        sync(processing)
        sync(inbox)


def mailroom(base: Path) -> Mailroom:
    return Mailroom(base / "ours/mailbox", Locks(base / "ours/locks"), Clock())


def warmed(base: Path) -> None:
    """What a mailbox that has lived for a day has: lock files, and an index of what waits."""
    room = mailroom(base)
    room.waiting(READY)
    for each in TASKS[: PROCESSES * EACH]:
        for take in (partial(room.locks.try_repository_slot, each.repo, 1),
                     partial(room.locks.try_task, each.task_id)):  # fmt: skip
            lock = take()
            assert lock is not None
            lock.release()


def our_enqueues(base: Path, number: int) -> None:
    room = mailroom(base)
    for i in range(EACH):
        assert room.enqueue(TASKS[number * EACH + i], by="bench")


def our_claims(base: Path, number: int) -> None:
    """Until nothing waits, each process beginning at a place of its own in the same list.

    All at the head would measure how fast 16 processes are refused a lock that is held.
    """
    claims(base, number, beginning=number * EACH)


def our_claims_from_the_head(base: Path, number: int) -> None:
    claims(base, number, beginning=0)


def claims(base: Path, number: int, *, beginning: int) -> None:
    room = mailroom(base)
    slot = room.locks.try_worker_slot(PROCESSES)
    assert slot is not None
    with open(base / f"claims-{number}", "w", encoding="utf-8") as log:
        while waiting := room.waiting(room.clock.now()):
            order = sorted(waiting, key=lambda e: (e.priority, e.began, e.task_id))
            entries = iter(order[beginning:] + order[:beginning])
            while claimed := room.claim(
                entries,
                slot,
                accept=lambda entry: room.locks.try_repository_slot(entry.repo, 1),
                by="bench",
            ):
                log.write(f"{claimed.task.task_id}\n")
                claimed.release()
            time.sleep(0.02)  # what still waits is in another's hands


def check_all_claimed(base: Path) -> None:
    claims = [c for log in base.glob("claims-*") for c in log.read_text().split()]
    assert len(claims) == len(set(claims)) == PROCESSES * EACH, "lost or claimed twice"
    assert mailroom(base).counts()[State.PROCESSING] == PROCESSES * EACH


COLD = """
import sys, time
from pathlib import Path
from orchestrator.adapters.clock import Clock
from orchestrator.adapters.locks import Locks
from orchestrator.adapters.mailroom import Mailroom
base = Path(sys.argv[1])
locks = Locks(base / "locks")
began = time.perf_counter()
room = Mailroom(base / "mailbox", locks, Clock())
slot = locks.try_worker_slot(1)
entries = sorted(room.waiting(room.clock.now()), key=lambda e: (e.priority, e.began, e.task_id))
claimed = room.claim(entries, slot, by="bench",
                     accept=lambda entry: locks.try_repository_slot(entry.repo, 1))
assert claimed is not None
print((time.perf_counter() - began) * 1000)
"""


def cold_claim(place: Path, done: int) -> tuple[float, float]:
    """Milliseconds of the first claim ever, and the median of later ones, each a new process."""
    base = place / f"cold-{done}"
    room = Mailroom(base / "mailbox", Locks(base / "locks"), Clock())
    room.prepare()
    for number in range(1000):
        path = room.path(State.INBOX, TASKS[number].task_id)
        path.write_text(taskfile.render(TASKS[number]), encoding="utf-8")
    for number in range(done):
        room.path(State.DONE, f"task-20250101T000000Z-acme-web-{number}-x").touch()
    times = [
        float(subprocess.check_output([sys.executable, "-c", COLD, str(base)], text=True))
        for _ in range(11)
    ]
    return times[0], statistics.median(times[1:])


if __name__ == "__main__":
    sys.exit(main())
