"""F1 to F12: processes that die, disks that fill, people and agents at the files."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestrator import housekeeping
from orchestrator.adapters import files, kernel
from orchestrator.adapters.clock import FixedClock
from orchestrator.records.result import BlockerCode
from orchestrator.records.task import State
from orchestrator.records.verdicts import AttemptVerdict
from tests.support import office as offices
from tests.support.crash import Killed, a_new_process
from tests.support.office import COMPLETE, SLUG, Office, an_office, writes
from tests.support.programs import programs

QUICK = {"settle_seconds": 0, "min_head_age_seconds": 0}
SAYS = COMPLETE.format(summary="Done.")
RESULT = ".agent_result.md"
HONEST = f"echo hi > x.txt; printf '%s' '{SAYS}' > {RESULT}"
EVERYBODY = ("first", "second", "third")


@contextmanager
def the_process_dies_at_the_rename(*, after: bool) -> Iterator[None]:
    """kill -9 before or after the first rename; no call that changes the disk works after it."""
    dead: list[bool] = []
    real = kernel.rename

    def rename(*given: Any) -> None:
        if not dead and after:
            real(*given)
        dead.append(True)
        raise Killed("at the rename")

    class Os:
        def __getattr__(self, name: str) -> Any:
            call = getattr(os, name)
            if name not in {"unlink", "fsync", "open", "write", "replace", "link"}:
                return call

            def through(*given: Any, **named: Any) -> Any:
                if dead:
                    raise Killed(f"a dead process called {name}")
                return call(*given, **named)

            return through

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel, "rename", rename)
        patch.setattr(files, "os", Os())
        yield


def hidden(office: Office) -> list[Path]:
    inbox = office.world.mailroom.folder(State.INBOX)
    return [path for path in inbox.iterdir() if path.name.startswith(".")]


def ends_well(office: Office, issue: int) -> None:
    """Done, by one pull request, with one status comment, and one file is left."""
    office.work_until_quiet()
    assert office.state_of(issue) is State.DONE, office.told()
    assert [bool(pull["merged_at"]) for pull in office.pulls()] == [True], office.told()
    assert len(office.comments(issue)) == 1
    assert sum(len(names) for names in office.folders().values()) == 1


def test_f01_a_dispatcher_killed_before_the_rename(tmp_path: Path) -> None:
    """kill -9 of the dispatcher after writing the temporary file, before the rename =>
    no task is seen; the next tick dispatches once; the leftover is swept after 36 hours."""
    with an_office(tmp_path, repository=QUICK) as office:
        issue = office.ready("Add first.txt")
        with the_process_dies_at_the_rename(after=False), pytest.raises(Killed):
            office.dispatch()
        a_new_process(office)
        [leftover] = hidden(office)
        assert not any(office.folders().values())
        assert not office.comments(issue), "GitHub was told nothing yet"
        ends_well(office, issue)
        born = datetime.fromtimestamp(leftover.stat().st_ctime, UTC)
        for hours, left in ((35, True), (37, False)):
            later = FixedClock(born + timedelta(hours=hours))
            (office.world.paths.state / "housekeeping").unlink(missing_ok=True)
            housekeeping.sweep(replace(office.world, clock=later))
            assert leftover.exists() is left


@pytest.mark.parametrize("survives", [True, False])
def test_f02_power_fails_before_the_folder_is_synced(tmp_path: Path, survives: bool) -> None:
    """Power loss right after the rename, before fsync of the folder =>
    the issue is not marked yet, so it is dispatched again; of both files one task is made."""
    with an_office(tmp_path, repository=QUICK) as office:
        issue = office.ready("Add first.txt")
        with the_process_dies_at_the_rename(after=True), pytest.raises(Killed):
            office.dispatch()
        a_new_process(office)
        [path] = office.world.mailroom.folder(State.INBOX).glob("task-*.md")
        labels = office.api.get(f"/repos/{SLUG}/issues/{issue}/labels").json()
        assert [label["name"] for label in labels] == ["ready"], "marked only after it is durable"
        if not survives:
            path.unlink()  # the disk had not heard of it
        ends_well(office, issue)


def test_f03_two_workers_see_the_same_file(tmp_path: Path) -> None:
    """Two queue ticks see the same inbox file => exactly one claims; the other goes on quietly."""
    with an_office(tmp_path, repository={**QUICK, "max_parallel_per_repo": 2},
                   config={"max_parallel_workers": 2}) as office:  # fmt: skip
        issue = office.ready("Add first.txt")
        office.dispatch()
        rooms = [office.world.mailroom]
        a_new_process(office)
        rooms.append(office.world.mailroom)
        now = office.world.clock.now()
        seen = [room.waiting(now) for room in rooms]
        had = []
        for room, entries in zip(rooms, seen, strict=True):
            slot = room.locks.try_worker_slot(2)
            assert slot is not None and len(entries) == 1
            had.append(room.claim(
                entries, slot, by="queue",
                accept=lambda entry, room=room: room.locks.try_repository_slot(entry.repo, 2),
            ))  # fmt: skip
        assert had[0] is not None and had[1] is None
        for room in rooms:
            room.locks.release_all()
        ends_well(office, issue)
        assert office.executor.agent_runs == ["first"]


def test_f04_a_worker_killed_in_the_middle_of_its_agent(tmp_path: Path) -> None:
    """A worker is SIGKILLed while its agent runs =>
    its locks are free, what it had started is ended, the attempt was counted before it began,
    and the next one is told of it."""
    orphans: list[subprocess.Popen[bytes]] = []
    prompts: list[str] = []

    def dies(folder: Path, prompt: str) -> str:
        orphans.append(subprocess.Popen(
            ["sleep", "600"], cwd=folder, start_new_session=True, stdin=subprocess.DEVNULL,
        ))  # fmt: skip
        raise Killed

    def goes_on(folder: Path, prompt: str) -> object:
        prompts.append(prompt)
        orphans[0].wait(30)  # nothing of the dead run may write here
        return writes("first.txt", "done\n")(folder, prompt)

    agents: dict[str, Any] = {"first": dies, "second": goes_on}
    with an_office(tmp_path, agents=agents, repository=QUICK) as office:
        issue = office.ready("Add first.txt")
        office.dispatch()
        with pytest.raises(Killed):
            office.queue()
        assert len(office.task(issue).attempts) == 1, "written down before the agent started"
        a_new_process(office)
        ends_well(office, issue)
        first, second = office.task(issue).attempts
        assert first.verdict is AttemptVerdict.CRASHED
        assert second.verdict is AttemptVerdict.DELIVER
        assert "died during this attempt" in prompts[0]
        assert "ended 1 processes of the dead attempt" in office.told()


def test_f05_after_a_reboot_the_old_pid_is_somebody_elses(tmp_path: Path) -> None:
    """Reboot; the old pid now belongs to another program =>
    the claim is stale whatever its pid says, and nobody is signalled."""

    def dies(folder: Path, prompt: str) -> str:
        raise Killed

    with an_office(tmp_path, agents={"first": dies, "second": writes("first.txt", "done\n")},
                   repository=QUICK) as office:  # fmt: skip
        issue = office.ready("Add first.txt")
        office.dispatch()
        with pytest.raises(Killed):
            office.queue()
        claim = office.task(issue).claim
        assert claim is not None
        innocent = subprocess.Popen(["sleep", "600"], stdin=subprocess.DEVNULL)
        try:
            [path] = office.world.mailroom.folder(State.PROCESSING).glob("*.md")
            text = path.read_text()
            text = text.replace(claim.boot_id, "00000000-0000-0000-0000-000000000000")
            path.write_text(text.replace(f'"pid": {claim.pid}', f'"pid": {innocent.pid}'))
            a_new_process(office)
            read = office.task(issue).claim
            assert read is not None and read.pid == innocent.pid and read.boot_id != claim.boot_id
            ends_well(office, issue)
            assert innocent.poll() is None, "a stranger was killed"
        finally:
            innocent.kill()
            innocent.wait()


def test_f06_a_worker_lives_and_its_agent_hangs(tmp_path: Path) -> None:
    """The worker is alive and its agent gives no sign of life =>
    its whole tree is ended, the code is timeout, the next agent works."""
    with an_office(tmp_path, repository={"idle_timeout_minutes": 0.005}) as office:
        programs(office, tmp_path, first="sleep 600 & echo $! > pid; wait", second=HONEST)
        issue = office.ready("Add x.txt")
        office.dispatch()
        assert office.queue() == 0, office.told()
        first, second = office.task(issue).attempts
        assert first.code is BlockerCode.TIMEOUT and "nothing was heard" in first.reason
        assert second.verdict is AttemptVerdict.DELIVER, office.told()


def test_f07_a_task_that_kills_its_worker_each_time(tmp_path: Path) -> None:
    """A task that crashes the worker each time =>
    at most max_attempts with the crashes counted, growing waits, then escalated with one
    comment for the person."""

    def dies(folder: Path, prompt: str) -> str:
        raise Killed

    with an_office(tmp_path, agents=dict.fromkeys(EVERYBODY, dies)) as office:
        issue = office.ready("Add first.txt")
        office.dispatch()
        waits: list[timedelta] = []
        for _ in range(9):
            with contextlib.suppress(Killed):
                office.queue()
            a_new_process(office)
            if office.state_of(issue) is State.BLOCKED:
                due = office.task(issue).not_before
                assert due is not None
                waits.append(due - office.world.clock.now())
            office.world.clock.sleep(3700)
        assert office.state_of(issue) is State.ESCALATED, office.told()
        assert len(office.executor.agent_runs) == 4 == len(office.task(issue).attempts)
        assert waits == sorted(waits) and len(set(waits)) == len(waits) >= 2
        assert len(office.comments(issue)) == 2, "the status, and one that asks for a person"


def test_f08_the_disk_is_full_when_a_task_is_written(tmp_path: Path) -> None:
    """The disk is full while a task is re-written =>
    the old content is intact, nothing more is claimed, it is told, and all goes on when there
    is room again."""
    full: list[bool] = []

    class Os:
        def __getattr__(self, name: str) -> Any:
            call = getattr(os, name)
            if name != "write":
                return call

            def write(*given: Any) -> Any:
                if full:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                return call(*given)

            return write

    def fills(folder: Path, prompt: str) -> object:
        made = writes("first.txt", "done\n")(folder, prompt)
        full.append(True)
        return made

    with an_office(tmp_path, repository=QUICK) as office:
        office.executor.scripts["first"] = fills  # type: ignore[assignment]
        issue, other = office.ready("Add first.txt"), office.ready("Another")
        office.dispatch()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(files, "os", Os())
            assert office.queue() != 0
            assert office.task(issue).title and office.state_of(other) is State.INBOX
            assert office.executor.agent_runs == ["first"], "nothing more was claimed"
            assert "disk" in office.told() or "space" in office.told(), office.told()
        full.clear()
        a_new_process(office)
        office.executor.scripts["first"] = writes("first.txt", "done\n")
        office.work_until_quiet()
        assert office.state_of(issue) is office.state_of(other) is State.DONE, office.told()


def test_f09_a_person_moves_a_file_while_a_worker_finishes_it(tmp_path: Path) -> None:
    """A person moves T to inbox/ while a worker finishes T =>
    never two at work on it; the move is honoured by the next tick."""
    with an_office(tmp_path, repository=QUICK) as office:
        inbox = office.world.mailroom.folder(State.INBOX)
        running: list[str] = []

        def moved(folder: Path, prompt: str) -> object:
            assert not running, "two workers at once"
            running.append("first")
            for path in office.world.mailroom.folder(State.PROCESSING).glob("*.md"):
                if len(office.executor.agent_runs) == 1:
                    path.rename(inbox / path.name)
                    before = len(office.executor.agent_runs)
                    other = offices.a_world(
                        tmp_path, office.github, office.executor, office.repository,
                        {"max_parallel_workers": 2},
                    )  # fmt: skip
                    mine, office.world = office.world, replace(other, say=office.said.append)
                    office.queue()  # another tick, in that very moment
                    office.world = mine
                    assert len(office.executor.agent_runs) == before
            running.clear()
            return writes("first.txt", "done\n")(folder, prompt)

        office.executor.scripts["first"] = moved  # type: ignore[assignment]
        issue = office.ready("Add first.txt")
        office.dispatch()
        office.queue()
        ends_well(office, issue)


def test_f10_a_person_leaves_what_is_no_task(tmp_path: Path) -> None:
    """A person saves invalid YAML, an editor leaves its swap file =>
    it is set aside and told once; the others go on; what editors leave is not touched."""
    with an_office(tmp_path, repository=QUICK) as office:
        inbox = office.world.mailroom.folder(State.INBOX)
        (inbox / "broken.md").write_text("---\nrepo: [maria\n---\nGoal\n")
        (inbox / ".broken.md.swp").write_bytes(b"b0VIM")
        (inbox / "4913").write_text("")
        for path in inbox.iterdir():
            os.utime(path, (1, 1))
        issue = office.ready("Add first.txt")
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        assert office.folders()[State.QUARANTINE] == ["broken.md"]
        assert office.world.paths.events.read_text().count('"quarantined"') == 1
        assert (inbox / ".broken.md.swp").exists() and (inbox / "4913").exists()


def test_a_file_that_no_task_is_called_like_is_told_once_and_kept(tmp_path: Path) -> None:
    with an_office(tmp_path, repository=QUICK) as office:
        inbox = office.world.mailroom.folder(State.INBOX)
        wish = inbox / "wish.txt"
        wish.write_text(f"---\nrepo: {SLUG}\n---\nAdd first.txt\n")
        (inbox / "later").mkdir()
        (inbox / "later" / "one.md").write_text("Later.\n")
        for path in inbox.iterdir():
            os.utime(path, (1, 1))
        office.queue()
        office.queue()
        assert office.told().count("ALERT wish.txt is not taken up") == 1
        assert office.told().count("ALERT later/ is a folder") == 1
        said = office.told().partition("ALERT wish.txt")[2].splitlines()[0]
        command = said.partition("; run: ")[2]
        subprocess.run(command, shell=True, check=True)
        os.utime(inbox / "wish.md", (1, 1))
        office.work_until_quiet()
        assert "recovered: inbox/wish.txt is gone or taken up" in office.told()
        assert len(office.folders()[State.DONE]) == 1 and (inbox / "later" / "one.md").exists()


def test_an_inbox_that_holds_tasks_alone_holds_nothing_odd(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        office.ready("Add first.txt")
        office.dispatch()
        os.utime(office.world.mailroom.folder(State.INBOX), (1, 1))
        assert office.world.mailroom.ignored() == [], "the folder itself is none of it"


DECOYS = {
    "fifo": f"mkfifo {RESULT}",
    "link": f"ln -s /etc/passwd {RESULT}",
    "10 GB": f"truncate -s 10G {RESULT}",
}


@pytest.mark.parametrize("decoy", DECOYS)
def test_f11_an_agent_leaves_a_trap_for_a_result(tmp_path: Path, decoy: str) -> None:
    """The result file is a FIFO, a link out of the worktree, or 10 GB =>
    refused without waiting, as a broken contract; nothing outside is read; the next agent works."""
    with an_office(tmp_path) as office:
        programs(office, tmp_path, first=f"echo x > y.txt; {DECOYS[decoy]}", second=HONEST)
        issue = office.ready("Add x.txt")
        office.dispatch()
        assert office.queue() == 0, office.told()
        first, second = office.task(issue).attempts
        assert first.code is BlockerCode.INVALID_RESULT_CONTRACT
        assert second.verdict is AttemptVerdict.DELIVER, office.told()
        [name] = office.folders()[State.REVIEW]
        kept = (office.world.mailroom.folder(State.REVIEW) / name).read_text()
        assert "root:" not in kept + office.told()


def test_f12_a_result_of_an_earlier_attempt(tmp_path: Path) -> None:
    """A stale result file lies there => it is gone before the start; a missing one is a broken
    contract, never complete."""
    tracked = {"README.md": "# Library\n", RESULT: SAYS}
    seed = {**offices.SEED, "repos": [{**offices.SEED["repos"][0], "files": {
        **offices.SEED["repos"][0]["files"], **tracked}}]}  # fmt: skip
    with an_office(tmp_path, seed=seed) as office:
        programs(office, tmp_path, first="echo x > y.txt", second=HONEST)
        issue = office.ready("Add x.txt")
        office.dispatch()
        assert office.queue() == 0, office.told()
        first, second = office.task(issue).attempts
        assert first.code is BlockerCode.INVALID_RESULT_CONTRACT, "it wrote none itself"
        assert second.verdict is AttemptVerdict.DELIVER, office.told()


