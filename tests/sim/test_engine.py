"""The engine of the simulator: what it promises to whoever believes its verdicts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.sim import forges, plain, run
from tests.sim.doors import WATCH, Kind, verb
from tests.sim.interface import DeedPlan, FaultKind, FaultPlan, Outcome, Stage
from tests.sim.processes import Flocks, Killed, Process, Time


@pytest.fixture(scope="module")
def player() -> Iterator[run.Player]:
    with run.player(plain.content()) as made:
        yield made


def test_an_honest_task_is_merged(player: run.Player) -> None:
    result = player.result(plain.one_task(1))
    assert not result.violations, "\n".join(result.history)
    assert set(result.final["tasks"].values()) == {"done"}
    assert result.counts["lifetimes"] == 1


def test_a_seed_is_one_history_byte_for_byte(player: run.Player) -> None:
    one, two = (player.result(plain.two_tasks(3)) for _ in range(2))
    assert one.counts["crashes"] > 0
    assert "\n".join(one.history) == "\n".join(two.history)
    assert one.final == two.final


def test_a_seed_is_the_same_in_another_process(player: run.Player) -> None:
    words = (
        "from tests.sim import plain, run\n"
        "with run.player(plain.content()) as player:\n"
        "    print('\\n'.join(player.result(plain.two_tasks(3)).history))"
    )
    done = subprocess.run(
        [sys.executable, "-c", words], cwd=Path(__file__).parents[2], text=True,
        capture_output=True, check=True, env={**os.environ, "PYTHONHASHSEED": "77"},
    )  # fmt: skip
    assert done.stdout.splitlines() == player.result(plain.two_tasks(3)).history


def test_ticks_without_anything_to_do_are_counted_and_not_run(player: run.Player) -> None:
    counts = player.result(plain.one_task(2)).counts
    assert counts["skipped"] > 10 * counts["ticks"]


def test_a_violation_is_told_with_its_history(player: run.Player) -> None:
    def never(seen: Any) -> list[str]:
        return ["a pull request was opened"] if seen.pushes else []

    broken = plain.content(invariants=(never,))
    with run.player(broken) as other:
        played = other.play(5)
    assert played.violations[0] == ("never", "a pull request was opened")
    said = run.told(played)
    assert "seed 5" in said and "attempt 1 by first" in said and "--history 5" in said


# --- a crash ------------------------------------------------------------------------------------


class Bench:
    """One simulated process over a folder, killed at the door with this number."""

    def __init__(self, folder: Path, main: Any, at: int) -> None:
        self.doors: list[str] = []
        self.at = at
        self.flocks = Flocks(str(folder))
        self.process = Process("one", "one", main, Time(forges.START))
        WATCH.install()
        WATCH.root, WATCH.tell = str(folder), self.tell
        WATCH.lock_taken, WATCH.process = self.flocks.taken, self.process
        try:
            self.process.resume()
        finally:
            WATCH.tell = WATCH.process = None

    def tell(self, process: Process, kind: Kind, what: str, where: str) -> None:
        if process.dead:
            raise Killed
        self.doors.append(f"{kind} {what}")
        if len(self.doors) == self.at:
            process.dead = True
            self.flocks.free(process)
            raise Killed


def test_a_dead_process_holds_no_lock_and_its_finally_repairs_nothing(tmp_path: Path) -> None:
    from orchestrator.adapters import files
    from orchestrator.adapters.locks import Locks

    (tmp_path / "there").write_text("kept")
    freed = []

    def main(process: Process) -> int:
        lock = Locks(tmp_path).try_script("one")
        assert lock is not None
        try:
            with lock:
                assert Locks(tmp_path).try_script("one") is None
                files.write_durably(tmp_path / "new", b"never", replace=True)
        finally:
            with Locks(tmp_path).try_script("one") as other:  # type: ignore[union-attr]
                freed.append(other)
            files.remove_file(tmp_path / "there")
        return 0

    doors = Bench(tmp_path, main, at=10_000)
    assert doors.process.exit_code == 0 and not (tmp_path / "there").exists()
    (tmp_path / "there").write_text("kept")
    (tmp_path / "new").unlink()
    at = doors.doors.index("file write") + 1
    bench = Bench(tmp_path, main, at=at)
    assert bench.process.ended and bench.process.exit_code is None
    assert (tmp_path / "there").read_text() == "kept"
    assert not list(tmp_path.glob("*new*"))
    assert Locks(tmp_path).try_script("one") is not None


def test_a_lock_descriptor_of_another_process_is_left_alone(tmp_path: Path) -> None:
    flocks = Flocks(str(tmp_path))
    one, two = (Process(n, n, lambda p: 0, Time(forges.START)) for n in ("one", "two"))
    path = tmp_path / "a.lock"
    number = os.open(path, os.O_RDWR | os.O_CREAT)
    flocks.taken(number, one)
    flocks.taken(number, two)
    flocks.free(one)
    assert os.readlink(f"/proc/self/fd/{number}") == str(path)
    flocks.free(two)
    assert os.readlink(f"/proc/self/fd/{number}") == os.devnull
    os.close(number)


def test_the_verb_of_a_git_command() -> None:
    assert verb(["git", "-c", "a=b", "--git-dir=/x", "worktree", "add", "-B"]) == "worktree add"
    assert verb(["git", "-c", "a=b", "rev-parse", "HEAD"]) == "rev-parse"
    assert verb(["/bin/sh", "-c", "true"]) == "sh"


# --- faults and deeds ---------------------------------------------------------------------


def test_faults_are_met_and_survived(player: run.Player) -> None:
    faults = tuple(FaultPlan(kind=kind, chance=0.02) for kind in FaultKind) + tuple(
        FaultPlan(kind=kind, chance=0.05, method="GIT")
        for kind in (FaultKind.DROPPED, FaultKind.APPLIED_DROPPED)
    )
    plan = msgspec.structs.replace(plain.one_task(4), faults=faults)
    result = player.result(plan)
    assert not result.violations, "\n".join(result.history)
    assert result.counts["faults"] > 3


def test_a_deed_is_done_in_its_moment_and_seen_by_everybody() -> None:
    def close_it(stage: Stage, number: int) -> None:
        url = f"/repos/maria/library/issues/{number}"
        assert stage.session().patch(url, json={"state": "closed"}).status_code == 200
        stage.note("closed it")

    content = plain.content(deeds={"close it": close_it})
    plan = msgspec.structs.replace(
        plain.one_task(6), deeds=(DeedPlan(at=100.0, name="close it", arguments={"number": 1}),)
    )
    with run.player(content) as player:
        result = player.result(plan)
    assert set(result.final["tasks"].values()) == {"cancelled"}, "\n".join(result.history)


def test_a_worker_that_dies_with_its_agent_is_followed_by_another() -> None:
    def dies_once(job: Any) -> Outcome:
        return Outcome(seconds=50, crash=True) if job.attempt == 1 else plain.honest(job)

    content = plain.content(personalities={"honest": dies_once})
    with run.player(content) as player:
        result = player.result(plain.one_task(7))
    assert result.counts["crashes"] == 1
    assert set(result.final["tasks"].values()) == {"done"}, "\n".join(result.history)


