"""Programs that hang, fork, flee and shout are all ended, and their output kept in bounds."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestrator.adapters import process
from orchestrator.adapters.process import CannotStart
from orchestrator.records.order import AttemptOrder
from tests.support.programs import alive

PLAIN = {"PATH": os.environ["PATH"]}


def order(tmp_path: Path, script: str, **changes: object) -> AttemptOrder:
    folder = tmp_path / "tree"
    folder.mkdir(exist_ok=True)
    (tmp_path / "home").mkdir(exist_ok=True)
    given: dict[str, object] = {
        "argv": ("sh", "-c", script),
        "folder": str(folder),
        "home": str(tmp_path / "home"),
        "environment": PLAIN,
        "timeout_seconds": 30.0,
        "log_path": str(tmp_path / "agent.log"),
    }
    return AttemptOrder(**(given | changes))  # type: ignore[arg-type]


def dies(pid: int) -> bool:
    """Whether a process that was sent SIGKILL is gone soon: the kernel takes its time over it."""
    for _ in range(500):
        if not alive(pid):
            return True
        time.sleep(0.01)
    return False


def pid_in(path: Path) -> int:
    """The pid that a child writes when it runs; waits for it."""
    for _ in range(500):
        if path.exists() and (text := path.read_text()).endswith("\n"):
            return int(text)
        time.sleep(0.01)
    raise AssertionError(f"{path} was never written")


def test_a_helper_gives_its_output_and_its_code() -> None:
    done = process.run(
        ["sh", "-c", "cat; echo warn >&2; exit 3"],
        cwd="/",
        environment=PLAIN,
        stdin=b"in" * 200_000,
        timeout_seconds=20,
    )
    assert (done.exit_code, done.stdout, done.stderr) == (3, b"in" * 200_000, b"warn\n")
    assert not done.timed_out


def test_a_helper_sees_only_what_it_is_given() -> None:
    done = process.run(["env"], cwd="/", environment=PLAIN, timeout_seconds=20)
    assert {line.split("=")[0] for line in done.stdout.decode().splitlines()} <= {"PATH", "PWD"}


def test_a_helper_that_hangs_is_ended_with_its_group(tmp_path: Path) -> None:
    done = process.run(
        ["sh", "-c", f"sleep 60 & echo $! > {tmp_path}/pid; wait"],
        cwd="/",
        environment=PLAIN,
        timeout_seconds=0.5,
    )
    assert done.timed_out
    assert done.exit_code < 0
    assert dies(pid_in(tmp_path / "pid"))


def test_a_helper_ends_although_a_grandchild_keeps_its_output_open() -> None:
    done = process.run(
        ["sh", "-c", "echo done; sleep 60 &"], cwd="/", environment=PLAIN, timeout_seconds=30
    )
    assert done.stdout == b"done\n"
    assert not done.timed_out


@pytest.mark.parametrize(
    ("argv", "cwd", "words"),
    [
        (["no-such-program"], "/", "no-such-program could not be started: no such program"),
        (["true"], "/no/such/folder", "its folder /no/such/folder does not exist"),
        (["/etc/passwd"], "/", "/etc/passwd could not be started"),
    ],
)
def test_what_cannot_start_is_named(argv: list[str], cwd: str, words: str) -> None:
    with pytest.raises(CannotStart, match=words):
        process.run(argv, cwd=cwd, environment=PLAIN, timeout_seconds=20)


def test_an_agent_gets_its_prompt_home_and_log(tmp_path: Path) -> None:
    ended = process.run_logged(
        order(tmp_path, 'wc -c; echo "$HOME" >&2; pwd', stdin=b"x" * 300_000)
    )
    assert ended.exit_code == 0
    assert ended.output_tail.split() == ["300000", str(tmp_path / "home"), str(tmp_path / "tree")]
    assert (tmp_path / "agent.log").read_text() == ended.output_tail
    assert (tmp_path / "agent.log").stat().st_mode & 0o777 == 0o600


def test_a_background_child_that_holds_the_log_does_not_hold_us(tmp_path: Path) -> None:
    ended = process.run_logged(order(tmp_path, f"sleep 60 & echo $! > {tmp_path}/pid; echo ok"))
    assert (ended.exit_code, ended.timed_out, ended.output_tail) == (0, False, "ok\n")
    assert not alive(pid_in(tmp_path / "pid"))


def test_a_child_in_a_session_of_its_own_is_ended_too(tmp_path: Path) -> None:
    script = f"setsid sh -c 'echo $$ > {tmp_path}/pid; cd /; exec sleep 60' & sleep 0.3; echo ok"
    ended = process.run_logged(order(tmp_path, script))
    pid = pid_in(tmp_path / "pid")
    assert ended.output_tail == "ok\n"
    assert pid in ended.killed
    assert not alive(pid)


def test_a_child_that_hides_its_environment_is_found_by_its_folder(tmp_path: Path) -> None:
    script = f"setsid env -i /bin/sh -c 'echo $$ > {tmp_path}/pid; exec /bin/sleep 60' & sleep 0.3"
    process.run_logged(order(tmp_path, script))
    assert not alive(pid_in(tmp_path / "pid"))


def test_an_orphan_that_hides_everything_is_found_by_a_worker_alone(tmp_path: Path) -> None:
    """Folder, environment and session left: only its new parent, which is us, tells."""
    script = (
        f"setsid env -i /bin/sh -c 'cd /; echo $$ > {tmp_path}/pid; exec /bin/sleep 60' & sleep 0.3"
    )
    (tmp_path / "tree").mkdir()
    worker = (
        "from orchestrator.adapters import process\n"
        "from orchestrator.records.order import AttemptOrder\n"
        f"o = AttemptOrder(argv=('sh', '-c', {script!r}), folder={str(tmp_path / 'tree')!r},\n"
        f"    home='/tmp', environment={PLAIN!r}, timeout_seconds=30,\n"
        f"    log_path={str(tmp_path / 'log')!r})\n"
        "print(process.run_logged(o).exit_code)\n"
    )
    root = Path(process.__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", worker], cwd=root, capture_output=True, text=True, timeout=60,
        check=True,
    )  # fmt: skip
    assert done.stdout == "0\n"
    assert not alive(pid_in(tmp_path / "pid"))


def test_a_timeout_asks_first_and_then_insists(tmp_path: Path) -> None:
    polite = process.run_logged(
        order(tmp_path, "trap 'echo bye; exit 5' TERM; sleep 60 & wait", timeout_seconds=0.5)
    )
    assert (polite.timed_out, polite.exit_code, polite.output_tail) == (True, 5, "bye\n")
    stubborn = process.run_logged(
        order(
            tmp_path,
            "trap '' TERM; while :; do sleep 1; done",
            timeout_seconds=0.3,
            log_path=str(tmp_path / "other.log"),
        ),
        grace_seconds=0.3,
    )
    assert stubborn.timed_out
    assert stubborn.exit_code == -9


def test_endless_output_leaves_a_bounded_log_with_its_end(tmp_path: Path) -> None:
    ended = process.run_logged(
        order(tmp_path, "seq 1 400000; echo the end", output_limit=100_000)
    )
    log = (tmp_path / "agent.log").read_bytes()
    assert len(log) <= 100_000
    assert b"was dropped" in log
    assert log.endswith(b"the end\n")
    assert ended.output_tail.endswith("400000\nthe end\n")


def test_a_worker_outlives_the_one_who_started_it(tmp_path: Path) -> None:
    pid = process.spawn_detached(
        ["sh", "-c", "echo $$; ps -o sid= -p $$ 2>/dev/null || cut -d' ' -f6 /proc/$$/stat"],
        environment=PLAIN,
        log_path=tmp_path / "worker.log",
    )
    os.waitpid(pid, 0)
    assert set((tmp_path / "worker.log").read_text().split()) == {str(pid)}
    with pytest.raises(CannotStart, match="no-such-program"):
        process.spawn_detached(
            ["no-such-program"], environment=PLAIN, log_path=tmp_path / "worker.log"
        )


def test_the_fence_ends_what_a_dead_worker_left(tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    folder.mkdir()
    left = subprocess.Popen(["sleep", "60"], cwd=folder, start_new_session=True)
    fled = subprocess.Popen(
        ["sleep", "60"], cwd="/", env={**PLAIN, "AGENT_OS_ATTEMPT": str(folder)}
    )
    other = subprocess.Popen(["sleep", "60"], cwd=tmp_path, start_new_session=True)
    try:
        assert set(process.processes_in(folder)) == {left.pid, fled.pid}
        assert set(process.kill_processes_in(folder)) == {left.pid, fled.pid}
        assert process.processes_in(folder) == ()
        assert other.poll() is None
    finally:
        for child in (left, fled, other):
            child.kill()
            child.wait()


def test_the_fence_spares_a_person_at_a_terminal(tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    folder.mkdir()
    pid, terminal = os.forkpty()
    if pid == 0:
        os.chdir(folder)
        os.execvp("sleep", ["sleep", "60"])
    try:
        while pid not in process.processes_in(folder):
            time.sleep(0.01)
        assert process.kill_processes_in(folder) == ()
        assert alive(pid)
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(terminal)


def test_an_agent_that_gives_no_sign_of_life_is_ended(tmp_path: Path) -> None:
    """F6: long before its time is over, and what it started with it."""
    given = order(tmp_path, "sleep 60 & echo $! > pid; sleep 60", idle_timeout_seconds=0.3)
    ended = process.run_logged(given, grace_seconds=0.2)
    assert ended.silent and ended.timed_out
    assert dies(pid_in(tmp_path / "tree" / "pid"))
