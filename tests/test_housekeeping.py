"""What is removed, what is kept, and how often anybody looks."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec import structs

from orchestrator import alerts, disk, housekeeping, supervisor, timetable, workspace
from orchestrator.adapters import files, history, inheritance
from orchestrator.adapters.locks import Locks
from orchestrator.records.task import State
from orchestrator.world import World
from tests.support.office import SLUG, Office, an_office, writes


def aged(path: Path, moment: float) -> Path:
    os.utime(path, (moment, moment))
    return path


def test_old_traces_go_and_those_of_a_task_under_way_stay(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        world = office.world
        office.ready("Wait")
        office.dispatch()
        [waiting] = office.folders()[State.INBOX]
        long_ago = (world.clock.now() - timedelta(days=40)).timestamp()
        kept, gone, young = (
            world.paths.attempts / name for name in (Path(waiting).stem, "task-old", "task-young")
        )
        for folder in (kept, gone, young):
            folder.mkdir(parents=True)
        recently = (world.clock.now() - timedelta(days=2)).timestamp()
        for folder, moment in ((kept, long_ago), (gone, long_ago), (young, recently)):
            aged(folder, moment)
        housekeeping.sweep(world)
        assert kept.exists() and young.exists() and not gone.exists()


def test_a_large_log_is_rotated_and_a_second_sweep_within_the_hour_does_nothing(
    tmp_path: Path,
) -> None:
    with an_office(tmp_path) as office:
        log = office.world.paths.logs / "queue.log"
        log.write_bytes(b"x" * (housekeeping.LOG_BYTES + 1))
        housekeeping.sweep(office.world)
        assert not log.exists() or log.stat().st_size == 0
        log.write_bytes(b"x" * (housekeeping.LOG_BYTES + 1))
        housekeeping.sweep(office.world)
        assert log.stat().st_size > housekeeping.LOG_BYTES


def test_the_logs_that_cron_writes_are_rotated_and_pruned_wherever_ours_lie(
    tmp_path: Path,
) -> None:
    with an_office(tmp_path, config={"logs_dir": str(tmp_path / "elsewhere")}) as office:
        log = office.world.paths.runtime / "logs" / "dispatcher.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_bytes(b"x" * (housekeeping.LOG_BYTES + 1))
        housekeeping.rotate_logs(office.world)
        assert not log.exists()
        [part] = files.rotated(log)
        os.utime(part, (0, 0))
        assert housekeeping.old_parts(office.world, set()) == [part]


def test_a_store_is_packed_once_a_week(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        office.ready("Add it")
        office.work_until_quiet()
        office.said.clear()
        housekeeping.maintain_stores(office.world)
        housekeeping.maintain_stores(office.world)
        assert office.told().count("its store was packed") == 1
        office.ready("Add more")
        office.executor.scripts["first"] = writes("more.txt", "more\n")
        office.work_until_quiet()
        assert office.file("more.txt") == "more\n", office.told()


def test_a_store_that_is_due_is_packed_by_a_process_of_its_own(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        started: list[list[str]] = []
        office.world = replace(office.world, spawn=lambda argv, **_: started.append(argv) or 1)
        housekeeping.sweep(office.world)
        assert not started  # there is no store yet
        workspace.of(office.world).refresh(SLUG, "main")
        office.pass_time(3600)
        housekeeping.sweep(office.world)
        assert [argv[-2:] for argv in started] == [["orchestrator.queue", "--pack"]]
        with Locks(office.world.paths.locks).try_repository_slot(SLUG, 1):
            housekeeping.maintain_stores(office.world)
        assert "is packed when no worker is at work there" in office.told()
        housekeeping.maintain_stores(office.world)
        assert "its store was packed" in office.told()
        office.pass_time(3600)
        housekeeping.sweep(office.world)
        assert len(started) == 1
        with Locks(office.world.paths.locks).try_script("packing"):
            housekeeping.maintain_stores(office.world)
        assert "being packed already" in office.told()


def test_a_part_of_a_log_is_never_rotated_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "LOG_BYTES", 1000)
    with an_office(tmp_path) as office:
        logs = office.world.paths.logs
        (logs / "cron.log").write_bytes(b"x" * 1001)
        housekeeping.sweep(office.world)
        [part] = logs.glob("cron*")
        for _ in range(12):  # by then its name was too long for the disk
            office.pass_time(3601)
            housekeeping.sweep(office.world)
        assert [log.name for log in logs.glob("cron*")] == [part.name]


def test_a_log_that_cannot_be_rotated_stops_no_other_and_is_told_once_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "LOG_BYTES", 1000)
    with an_office(tmp_path) as office:
        logs = office.world.paths.logs
        odd = logs / f"{'x' * 240}.log"  # a date is longer than what its name may grow by
        odd.write_bytes(b"x" * 1001)
        for name in ("a.log", "z.log"):
            (logs / name).write_bytes(b"x" * 1001)
        for _ in range(3):
            assert office._tick("supervisor", supervisor.story) == 0, office.told()
            office.pass_time(3601)
        assert not (logs / "a.log").exists() and not (logs / "z.log").exists() and odd.exists()
        assert office.told().count("ALERT") == 1 and "File name too long" in office.told()
        odd.unlink()
        housekeeping.sweep(office.world)
        assert "recovered: " in office.told() and not raised(office)


def test_what_cannot_be_removed_stops_nothing_else_and_is_told_once_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As root leaves it in an agent's home, from within a container."""
    with an_office(tmp_path) as office:
        world, really = office.world, files.remove_tree
        made = [world.paths.attempts / f"task-{number}" for number in range(5)]
        tree = left_behind(office, "task-old", "a thought\n")

        def remove(path: Path, *, inside: Path) -> None:
            if path in made[:2]:
                raise PermissionError(errno.EACCES, "Permission denied", str(path / "1" / "home"))
            really(path, inside=inside)

        for folder in made:
            aged(filled(folder, 10, 0, world), 0)
        monkeypatch.setattr(files, "remove_tree", remove)
        for _ in range(3):
            assert office._tick("supervisor", supervisor.story) == 0, office.told()
            office.pass_time(3601)
        assert [folder.exists() for folder in made] == [True, True, False, False, False]
        assert not tree.exists()
        assert timetable.last_success(world, "housekeeping")
        assert office.told().count("ALERT") == 1
        assert "housekeeping failed with old attempts (2)" in office.told()
        monkeypatch.undo()
        housekeeping.sweep(world)
        assert not made[0].exists() and "recovered: " in office.told()


def test_a_task_that_may_start_goes_before_the_packing_of_its_store(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        workspace.of(office.world).refresh(SLUG, "main")
        issue = office.ready("Add first.txt")
        office.dispatch()
        housekeeping.maintain_stores(office.world)
        assert "is packed when no task waits there that may start" in office.told()
        office.queue()
        assert office.state_of(issue) is State.REVIEW, office.told()
        housekeeping.maintain_stores(office.world)
        assert "its store was packed" in office.told()


@pytest.mark.parametrize("why", ["disk", "switch"])
def test_a_task_that_may_not_start_holds_no_packing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    with an_office(tmp_path) as office:
        workspace.of(office.world).refresh(SLUG, "main")
        office.ready("Add first.txt")
        office.dispatch()
        if why == "disk":
            monkeypatch.setattr(disk, "short_of", lambda *_: "only 0.1 GB are free")
        else:
            office.world.paths.switch(SLUG).parent.mkdir(parents=True, exist_ok=True)
            office.world.paths.switch(SLUG).write_text("holidays\n")
        housekeeping.maintain_stores(office.world)
        assert "its store was packed" in office.told()


def test_no_store_is_packed_for_a_persons_haste(tmp_path: Path) -> None:
    """`--now` is for the tasks that wait, and packing would take every slot of theirs."""
    with an_office(tmp_path) as office:
        started: list[list[str]] = []
        office.world = replace(office.world, spawn=lambda argv, **_: started.append(argv) or 1)
        workspace.of(office.world).refresh(SLUG, "main")
        housekeeping.maintain_stores(office.world)
        housekeeping.sweep(replace(office.world, at_once=True))
        assert not started
        office.pass_time(8 * 86400)
        housekeeping.sweep(replace(office.world, at_once=True))
        assert [argv[-2:] for argv in started] == [["orchestrator.queue", "--pack"]]


@pytest.mark.parametrize("step", ["rotate_logs", "prune", "start_packing"])
def test_a_step_that_fails_stops_no_other_and_is_tried_an_hour_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    with an_office(tmp_path) as office:
        steps = ["rotate_logs", "prune", "start_packing"]
        seen: list[str] = []
        for name in steps:
            monkeypatch.setattr(housekeeping, name, lambda _, name=name: seen.append(name))

        def fails(_: World) -> None:
            raise KeyError(step)

        monkeypatch.setattr(housekeeping, step, fails)
        for _ in range(2):
            office._tick("supervisor", supervisor.story)
        assert seen == [name for name in steps if name != step]
        assert office.told().count("stopped by a fault of ours") == 1


def raised(office: Office) -> list[str]:
    return [one.key for one in alerts.raised(office.world)]


def test_a_store_that_takes_too_long_is_tried_the_next_night_and_told_the_second_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with an_office(tmp_path) as office:
        workspace.of(office.world).refresh(SLUG, "main")
        monkeypatch.setattr(workspace, "PACKING_SECONDS", 0.001)
        store = office.world.paths.store(SLUG)

        def lets_go() -> None:
            """What a gc that was ended leaves is old by the next night."""
            for lock in (*store.rglob("*.lock"), *store.glob("packed-refs.new")):
                aged(lock, 0)

        for told in (0, 1, 1):
            lets_go()
            office.said.clear()
            housekeeping.maintain_stores(office.world)
            assert "git gc did not finish in time" in office.told()
            assert raised(office) == [f"packing {SLUG}"] * told, office.told()
            office.said.clear()
            office.pass_time(3600)
            housekeeping.maintain_stores(office.world)  # the same night
            assert not office.told()
            office.pass_time(22.5 * 3600)
        monkeypatch.undo()
        (store / "packed-refs.new").touch()  # as a gc that was ended leaves it, now and then
        lets_go()
        housekeeping.maintain_stores(office.world)
        assert office.told().count("recovered: ") == 1 and not raised(office)
        office.pass_time(7 * 86400)
        monkeypatch.setattr(workspace, "PACKING_SECONDS", 0.001)
        housekeeping.maintain_stores(office.world)
        assert not raised(office)  # the first in a row again


def filled(path: Path, size: int, age_days: float, world: World) -> Path:
    path.mkdir(parents=True)
    (path / "agent.log").write_bytes(b"x" * size)
    return aged(path, (world.clock.now() - timedelta(days=age_days)).timestamp())


def test_beyond_the_gigabytes_the_oldest_attempts_go_first(tmp_path: Path) -> None:
    with an_office(tmp_path, config={"attempts_keep_gb": 0.0025}) as office:
        world = office.world
        made = [filled(world.paths.attempts / f"task-{n}", 1_000_000, n, world) for n in range(4)]
        housekeeping.prune(world)
        assert [folder.exists() for folder in made] == [True, True, False, False]


def test_parts_of_logs_have_their_days_and_the_log_itself_stays(tmp_path: Path) -> None:
    with an_office(tmp_path, config={"logs_keep_days": 3}) as office:
        logs = office.world.paths.logs
        now = office.world.clock.now()
        young, gone, lonely = part("queue", 1), part("queue", 2), part("nobody", 3)
        ages = {gone: 5, lonely: 5, young: 1, "queue.log": 9, "my-JAZZ.log": 9}
        for name, days in ages.items():
            (logs / name).write_text("x")
            aged(logs / name, (now - timedelta(days=days)).timestamp())
        housekeeping.prune(office.world)
        assert {log.name for log in logs.iterdir()} == {young, "queue.log", "my-JAZZ.log"}


def part(log: str, day: int) -> str:
    """The name of an earlier part of a log."""
    return f"{log}-2026110{day}T030000.000000Z.log"


def test_each_part_of_a_log_counts_once(tmp_path: Path) -> None:
    with an_office(tmp_path, config={"logs_keep_gb": 0.0025}) as office:
        logs, now = office.world.paths.logs, office.world.clock.now()
        again = part(part("queue", 1).removesuffix(".log"), 2)  # as an earlier version left them
        for name, hours in ((part("queue", 1), 1), (again, 2), (part("queue", 3), 3)):
            (logs / name).write_bytes(b"x" * 1_000_000)
            aged(logs / name, (now - timedelta(hours=hours)).timestamp())
        (logs / "queue.log").write_text("x")
        housekeeping.prune(office.world)
        assert {log.name for log in logs.iterdir()} == {part("queue", 1), again, "queue.log"}


def left_behind(office: Office, name: str, text: str) -> Path:
    """A worktree of a task that is over, with something in it that is in no commit."""
    world = office.world
    room = workspace.of(world)
    base = room.refresh(SLUG, "main")
    git = room.git(SLUG)
    git.write_ref(f"refs/heads/agent/{name}", base, expected="")
    path = world.paths.worktrees / SLUG.replace("/", "__") / name
    path.parent.mkdir(parents=True, exist_ok=True)
    git.run("worktree", "add", "--quiet", "--force", str(path), f"agent/{name}")
    (path / "thought.txt").write_text(text)
    return aged(path, (world.clock.now() - timedelta(days=40)).timestamp())


def test_an_old_worktree_goes_and_what_is_in_no_commit_is_salvaged(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        world = office.world
        gone = left_behind(office, "task-old", "a thought\n")
        orphan = left_behind(office, "task-orphan", "another\n")
        room = workspace.of(world)
        git = room.git(SLUG)
        git.delete_ref("refs/heads/agent/task-orphan", expected=room.refresh(SLUG, "main"))
        housekeeping.prune(world)
        assert not gone.exists() and not orphan.exists()
        for name, text in (("task-old", "a thought\n"), ("task-orphan", "another\n")):
            kept = git.ref(f"refs/salvage/{name}")
            assert kept is not None, office.told()
            assert history.read_file(git, kept, "thought.txt") == text
        assert list(room.ensure_store(SLUG).folder.glob("worktrees/*")) == []
        assert "its work is kept as refs/salvage/task-old" in office.told()


def test_what_a_repository_left_that_is_not_in_the_config_any_more_goes_as_usual(
    tmp_path: Path,
) -> None:
    with an_office(tmp_path) as office:
        tree = left_behind(office, "task-old", "a thought\n")
        clean = office.world.paths.clean(SLUG, "task-old")
        clean.mkdir(parents=True)
        foreign = office.world.paths.worktrees / "a-folder" / "of-somebody"
        foreign.mkdir(parents=True)
        aged(foreign, 0)
        config = structs.replace(office.world.config, repositories=())
        office.world = replace(office.world, config=config)
        housekeeping.prune(office.world)
        assert not tree.exists() and not clean.exists()
        assert foreign.exists()
        store = workspace.of(office.world).git(SLUG)
        kept = store.ref("refs/salvage/task-old")
        assert kept and history.read_file(store, kept, "thought.txt") == "a thought\n"


def test_private_folders_of_a_killed_process_go_after_a_day_and_a_half(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        runtime, now = office.world.paths.runtime, office.world.clock.now()
        made = [runtime / "agent-os-x1", runtime / "thinking" / "agent-os-y2", runtime / "agents"]
        for folder in made:
            folder.mkdir(parents=True)
            (folder / "prompt.md").write_text("words\n")
        for hours, left in ((35, made), (37, made[2:])):
            for folder in made:
                aged(folder, (now - timedelta(hours=hours)).timestamp())
            housekeeping.prune(office.world)
            assert [folder for folder in made if folder.exists()] == left


def test_the_worktree_of_a_task_under_way_stays_whatever_its_age_and_size(tmp_path: Path) -> None:
    limits = {"worktrees_keep_gb": 0, "worktrees_keep_days": 0, "attempts_keep_days": 0}
    with an_office(tmp_path, config=limits) as office:
        office.ready("Wait")
        office.dispatch()
        [waiting] = office.folders()[State.INBOX]
        tree = left_behind(office, Path(waiting).stem, "work\n")
        traces = filled(office.world.paths.attempts / Path(waiting).stem, 10, 90, office.world)
        other = left_behind(office, "task-other", "work\n")
        housekeeping.prune(office.world)
        assert tree.exists() and traces.exists() and not other.exists()


def test_a_worktree_whose_store_is_gone_is_kept(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        tree = left_behind(office, "task-old", "work\n")
        store = workspace.of(office.world).ensure_store(SLUG).folder
        store.rename(store.with_suffix(".lost"))
        housekeeping.prune(office.world)
        assert (tree / "thought.txt").exists()
        assert "its worktree was kept" in office.told()


@pytest.mark.parametrize("roomy", [True, False])
def test_the_ballast_is_made_once_and_only_where_there_is_plenty(
    tmp_path: Path, roomy: bool
) -> None:
    floor = 0 if roomy else 9_000_000
    with an_office(tmp_path, config={"min_free_disk_gb": floor}) as office:
        for _ in range(2):
            disk.hold_back(office.world)
        assert disk.ballast(office.world).exists() == roomy
        if roomy:
            assert disk.ballast(office.world).stat().st_blocks * 512 >= disk.BALLAST_BYTES


def test_a_damaged_store_that_was_kept_aside_goes_with_the_other_leftovers(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        repos = office.world.paths.repos
        made = [
            filled(repos / name, 10, days, office.world)
            for name, days in (("a__b.broken", 20), ("a__c.broken", 2), ("a__d.git", 90))
        ]
        housekeeping.prune(office.world)
        assert [store.exists() for store in made] == [False, True, True]


def test_a_damaged_store_with_work_that_is_nowhere_else_stays_and_is_told_of(
    tmp_path: Path,
) -> None:
    with an_office(tmp_path) as office:
        world = office.world
        begun = filled(world.paths.repos / "gone__away+1.owing", 10, 20, world)
        owing = filled(world.paths.repos / f"{SLUG.replace('/', '__')}+1.owing", 10, 20, world)
        (owing / inheritance.NOTE).write_text("refs/salvage/a: it is torn\nrefs/salvage/b: too\n")
        aged(owing, 0)
        housekeeping.sweep(world)
        assert begun.exists() and owing.exists()
        [raised] = alerts.raised(world, "owed ")
        assert f"{SLUG}: of its damaged store 2 refs could not" in raised.text
        assert "refs/salvage/a: it is torn. F" in raised.text and str(owing) in raised.text
        for path in owing.iterdir():
            path.unlink()
        owing.rmdir()
        office.pass_time(3601)
        housekeeping.sweep(world)
        assert not alerts.raised(world, "owed ")
        assert "holds nothing that is missing" in office.told()


def test_copies_of_prompts_go_with_the_attempts_they_were_sent_for(tmp_path: Path) -> None:
    with an_office(tmp_path, config={"attempts_keep_days": 30}) as office:
        world = office.world
        office.ready("Wait")
        office.dispatch()
        [waiting] = office.folders()[State.INBOX]
        for name, days in ((Path(waiting).stem, 90), ("task-old", 90), ("task-new", 3)):
            copy = world.paths.prompt(name, "1")
            copy.parent.mkdir(exist_ok=True)
            copy.write_text("x")
            aged(copy, (world.clock.now() - timedelta(days=days)).timestamp())
        housekeeping.prune(world)
        left = sorted(copy.name for copy in world.paths.prompts.iterdir())
        assert left == sorted([f"{Path(waiting).stem}.1.md", "task-new.1.md"])


def test_tasks_whose_repository_went_off_the_config_are_told_of(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        office.ready("Wait")
        office.dispatch()
        listed = office.world
        office.world = replace(listed, config=structs.replace(listed.config, repositories=()))
        for _ in range(3):
            office._tick("supervisor", supervisor.story)
            office.pass_time(3601)
        assert office.told().count(f"ALERT 1 task(s) of {SLUG} are under way, and it is not") == 1
        office.world = listed
        office._tick("supervisor", supervisor.story)
        office.pass_time(3601)
        assert office.told().count(f"recovered: no task of {SLUG} waits for the config") == 1
