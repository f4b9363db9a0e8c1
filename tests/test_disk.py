"""Little room, no room, and room again: nothing is lost, nothing new starts, work goes on (F8)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from orchestrator import disk, reaper, supervisor, tick, workspace
from orchestrator.adapters import files
from orchestrator.records.errors import AgentOSError
from orchestrator.records.task import State
from tests.support import repos
from tests.support.office import COMPLETE, SLUG, Office, an_office

CODE = Path(__file__).resolve().parents[1]


def with_floor(office: Office, gigabytes: float, percent: float = 0) -> None:
    config = structs.replace(
        office.world.config, min_free_disk_gb=gigabytes, min_free_disk_percent=percent
    )
    office.world = replace(office.world, config=config)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """The office's root as a disk of its own, of 70 MB."""
    root = tmp_path / "root"
    with mounted(root, "size=70m"):
        yield root


@contextmanager
def mounted(place: Path, options: str) -> Iterator[None]:
    """A folder as a small disk of its own."""
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    if subprocess.run(words, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root can mount a small disk to fill")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def no_worker(argv: Sequence[str], **_: Any) -> int:
    return 1


def fill(root: Path, *, leave: int = 0) -> Path:
    """Not a byte is left, or some."""
    path = root / "filler"
    with path.open("wb") as stream:
        size = 1 << 24
        while size:
            try:
                os.posix_fallocate(stream.fileno(), os.fstat(stream.fileno()).st_size, size)
            except OSError:
                size //= 2
    assert files.space(root)[0] == 0
    os.truncate(path, path.stat().st_size - leave)
    return path


@pytest.mark.parametrize(("gigabytes", "percent"), [(9_000_000, 0), (0, 100)])
def test_below_the_floor_nothing_new_starts_and_it_is_told_once(
    tmp_path: Path, gigabytes: float, percent: float
) -> None:
    with an_office(tmp_path) as office:
        waiting = office.ready("Wait in the inbox")
        office.dispatch()
        with_floor(office, gigabytes, percent)
        held = office.ready("Not even dispatched")
        for _ in range(3):
            assert office.dispatch() == 0
            assert office.queue() == 0
        assert office.state_of(waiting) is State.INBOX and not office.executor.orders
        with pytest.raises(LookupError):
            office.state_of(held)
        assert office.told().count("ALERT only ") == 1
        assert "no new task starts" in office.told()
        with_floor(office, 0)
        office.work_until_quiet()
        assert office.state_of(waiting) is office.state_of(held) is State.DONE
        assert office.told().count("recovered: ") == 1


def test_room_again_is_told_though_nothing_waits_for_it(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        office.world = replace(office.world, spawn=no_worker)
        issue = office.ready("Wait in the inbox")
        office.dispatch()
        with_floor(office, 9_000_000)
        office._tick("supervisor", supervisor.story)
        assert office.told().count("ALERT only ") == 1
        office.world.mailroom.move(office.task(issue), State.CANCELLED, by="person")
        with_floor(office, 0)
        for _ in range(2):
            office._tick("supervisor", supervisor.story)
        assert office.told().count("recovered: ") == 1


@pytest.mark.parametrize("option", ["ro", "nr_inodes=2"])
def test_a_disk_that_shows_room_and_takes_nothing_is_told_once(
    tmp_path: Path, option: str
) -> None:
    trees = tmp_path / "trees"
    with mounted(trees, f"size=70m,{option}"), an_office(
        tmp_path, config={"worktrees_dir": str(trees)}
    ) as office:
        office.world = replace(office.world, spawn=no_worker)
        office.ready("Add first.txt")
        office.dispatch()
        for _ in range(3):
            office._tick("supervisor", supervisor.story)
            office.queue()
            office.pass_time(60)
        assert office.told().count("ALERT ") == 1 and "recovered: " not in office.told()
        made = subprocess.run(
            ["mount", "-o", "remount,rw,nr_inodes=1000", str(trees)], check=False
        )
        assert made.returncode == 0
        office._tick("supervisor", supervisor.story)
        assert office.told().count("recovered: ") == 1, office.told()


def test_what_is_under_way_goes_on_below_the_floor(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        issue = office.ready("Go on")
        office.dispatch()
        office.queue()
        assert office.state_of(issue) is State.REVIEW
        with_floor(office, 9_000_000)
        for _ in range(6):
            office.pass_time(120)
            office.monitor()
        assert office.state_of(issue) is State.DONE


def test_a_disk_that_fills_up_while_an_agent_works_loses_nothing(
    tmp_path: Path, small: Path
) -> None:
    def greedy(folder: Path, prompt: str) -> str:
        (folder / "work.txt").write_text("paid for\n")
        fill(small)
        return COMPLETE.format(summary="Filled the disk.")

    with an_office(tmp_path, agent=greedy) as office:
        issue = office.ready("Fill the disk")
        office.dispatch()
        disk.hold_back(office.world)
        assert disk.ballast(office.world).exists()
        [name] = office.folders()[State.INBOX]
        assert office.queue() == tick.DEGRADED
        task = office.task(issue)
        assert task.state is State.PROCESSING and task.attempt and not task.attempt.judged
        assert not disk.ballast(office.world).exists()
        assert "ALERT the disk is full" in office.told()
        assert len(office.executor.agent_runs) == 1
        with_floor(office, 0.06)  # the ballast alone is no room
        assert office.queue() == 0  # reaped, and not begun again
        assert office.folders()[State.INBOX] == [name]
        assert len(office.executor.agent_runs) == 1
        (small / "filler").unlink()
        office.executor.scripts["second"] = lambda folder, prompt: (
            (folder / "again.txt").write_text("again\n"), COMPLETE.format(summary="Again.")
        )[1]  # fmt: skip
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()


@pytest.mark.parametrize("replace_it", [True, False])
def test_a_write_to_a_full_disk_leaves_the_old_content_and_no_trace(
    small: Path, replace_it: bool
) -> None:
    kept = small / "task.md"
    kept.write_text("old")
    filler = fill(small)
    target = kept if replace_it else small / "new.md"
    with pytest.raises(OSError, match="No space") as full:
        files.write_durably(target, b"new" * 100_000, replace=replace_it)
    assert disk.is_full(full.value)
    filler.unlink()
    assert kept.read_text() == "old"
    assert [path.name for path in small.iterdir()] == ["task.md"]


def test_a_task_that_meets_a_full_disk_is_not_blamed_for_it(tmp_path: Path, small: Path) -> None:
    with an_office(tmp_path) as office:
        issue = office.ready("No room for a worktree")
        office.dispatch()
        filler = fill(small)
        for _ in range(7):  # more than the five tries that end in failed/
            assert office.queue() == tick.DEGRADED, office.told()
            office.pass_time(60)
        filler.unlink()
        office.work_until_quiet()
        task = office.task(issue)
        assert task.state is State.DONE, office.told()
        assert task.tries == 0 and len(task.attempts) == 1


FULL_STORY = """
from orchestrator import tick
def full(world):
    raise OSError(28, "No space left on device", "a task's file")
tick.entry(lambda: tick.run("pr_monitor", full, ["--now"], about=""))
"""


def test_a_full_disk_is_told_even_where_the_log_lies_on_it(tmp_path: Path) -> None:
    with an_office(tmp_path) as office, open("/dev/full", "w") as log:
        environment = {**office.world.environment, "PYTHONPATH": str(CODE)}
        ran = subprocess.run(
            [sys.executable, "-c", FULL_STORY], env=environment, stdout=log,
            stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
        assert ran.returncode == tick.DEGRADED
        assert "ALERT the disk is full: a task's file" in ran.stderr
        assert "Traceback" not in ran.stderr


def test_errors_that_are_not_the_disks_are_told_apart() -> None:
    for number in (28, 122, 5, 30):
        assert disk.is_full(OSError(number, "x"))
    assert not disk.is_full(OSError(13, "Permission denied"))
    assert disk.is_full(ValueError("fatal: write error: No space left on device"))
    assert not disk.is_full(ValueError("fatal: not a tree"))


def test_a_store_on_a_full_disk_of_its_own_costs_no_attempt(tmp_path: Path, small: Path) -> None:
    """The mailbox lies elsewhere, so that every mark can be written: nobody is to be blamed."""

    def greedy(folder: Path, prompt: str) -> str:
        for number in range(40):
            (folder / f"work-{number}.txt").write_text("paid for\n" * number)
        fill(small)
        return COMPLETE.format(summary="Filled the disk.")

    elsewhere = {"mailbox_dir": str(tmp_path / "mailbox")}
    with an_office(tmp_path, agent=greedy, config=elsewhere) as office:
        issue = office.ready("Fill the disk")
        office.dispatch()
        for _ in range(3):
            assert office.queue() == tick.DEGRADED, office.told()
        task = office.task(issue)
        assert task.state in {State.INBOX, State.PROCESSING} and task.tries == 0
        assert reaper.counted(task) == (), task.attempts


@pytest.mark.parametrize("way", ["give_up", "discard", "prepare"])
@pytest.mark.parametrize("leave", [0, 65_536, 8_000_000])
def test_no_worktree_goes_whose_work_found_no_room(
    tmp_path: Path, small: Path, way: str, leave: int
) -> None:
    """Where git writes nothing it could still name the tree of before: as if nothing were there."""
    origin, space = repos.origin(tmp_path), repos.workspace(tmp_path, name="root")
    tree = space.prepare(repos.task(), space.refresh(origin.slug, "main"))
    assert tree.path.is_relative_to(small)
    (tree.path / "large.bin").write_bytes(os.urandom(1_000_000))
    (tree.path / "small.txt").write_text("a day's work\n")
    filler = fill(small, leave=leave)
    end = {
        "give_up": lambda: space.give_up(tree.slug, tree.task_id),
        "discard": lambda: space.discard(tree),
        "prepare": lambda: space.prepare(repos.task(), tree.base_sha),
    }
    said = ""
    try:
        end[way]()
    except (AgentOSError, OSError) as error:
        said = str(error)
    filler.unlink()
    kept, git = space.salvaged(tree.slug, tree.task_id), space.git(tree.slug)
    assert bool(kept) is (leave > 1_000_000), said
    for name in ("small.txt", "large.bin"):
        salvaged = kept and git.attempt("cat-file", "-e", f"{kept}:{name}").exit_code == 0
        assert salvaged or ((tree.path / name).exists() and said)


def test_a_sweep_without_room_keeps_what_it_cannot_salvage(tmp_path: Path, small: Path) -> None:
    with an_office(tmp_path) as office:
        room, task = workspace.of(office.world), repos.task(SLUG)
        old = room.prepare(task, room.refresh(SLUG, "main")).path
        (old / "thought.txt").write_text("a day's work\n")
        os.utime(old, (0, 0))
        filler = fill(small)
        office._tick("supervisor", supervisor.story)
        filler.unlink()
        assert (old / "thought.txt").exists(), office.told()
