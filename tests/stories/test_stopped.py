"""SIGTERM and Ctrl-C: the agent goes, the task waits as if nothing had been, work goes on."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from msgspec import structs

from orchestrator import reaper
from orchestrator.adapters import process, survivors
from orchestrator.records.health import Health
from orchestrator.records.task import Attempt, State
from orchestrator.records.verdicts import AttemptVerdict
from tests.support import repos
from tests.support.office import Office, an_office

CODE = Path(__file__).resolve().parents[2]
PATIENCE = 60.0
# Tells that it runs, leaves a child in a session of its own, and would go on for long.
AGENT = """\
echo half > half.txt
setsid sleep 3000 &
echo $$ > {there}.tmp && mv {there}.tmp {there}
exec sleep 3000
"""
DEAF = "trap '' TERM INT HUP\n" + AGENT.replace("exec sleep 3000", "while :; do sleep 1; done")


def the_agent_is(tmp_path: Path, script: str) -> None:
    """What a worker in a process of its own runs as `first`, the office's agent."""
    program = tmp_path / "bin" / "first"
    program.write_text("#!/bin/sh\n" + script.format(there=tmp_path / "there"))


def start(office: Office, module: str, *, ignored: bool = False) -> subprocess.Popen[bytes]:
    """A script as cron starts it; `ignored` as a shell's `cmd &` does, SIGINT switched off."""
    environment = {
        **office.world.environment,
        "PATH": f"{office.world.environment['PATH']}:{os.environ['PATH']}",
        "PYTHONPATH": str(CODE),
    }
    argv = [sys.executable, "-m", f"orchestrator.{module}"]
    if ignored:
        argv = ["/bin/sh", "-c", "trap '' INT; exec \"$@\"", "sh", *argv]
    with (office.world.paths.logs / f"{module}.log").open("wb") as log:
        return subprocess.Popen(
            argv, cwd="/", env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip


def until(running: subprocess.Popen[bytes], seen: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not seen():
        assert running.poll() is None, "it ended before it was asked to"
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGINT], ids=lambda one: one.name)
def test_a_worker_that_is_asked_to_end_ends_its_agent_and_gives_the_task_back(
    tmp_path: Path, asked: signal.Signals
) -> None:
    with an_office(tmp_path) as office:
        the_agent_is(tmp_path, AGENT)
        issue = office.ready("Add a file")
        office.dispatch()
        worker = start(office, "queue", ignored=True)
        until(worker, (tmp_path / "there").exists)
        worker.send_signal(asked)
        assert worker.wait(PATIENCE) == 128 + asked
        said = (office.world.paths.logs / "queue.log").read_text()
        assert "stopped from outside" in said and "Traceback" not in said
        assert process.processes_in(office.world.paths.worktrees) == ()
        task = office.task(issue)
        assert task.state is State.INBOX
        assert [one.verdict for one in task.attempts] == [AttemptVerdict.INTERRUPTED]
        assert reaper.counted(task) == ()

        office.queue()
        task = office.task(issue)
        assert task.state is State.REVIEW, office.told()
        assert [one.agent for one in task.attempts] == ["first", "first"]
        assert task.attempts[-1].verdict is AttemptVerdict.DELIVER


def test_the_second_signal_ends_worker_and_agent_at_once(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        the_agent_is(tmp_path, DEAF)
        issue = office.ready("Add a file")
        office.dispatch()
        worker = start(office, "queue")
        until(worker, (tmp_path / "there").exists)
        worker.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE
        while worker.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
            worker.send_signal(signal.SIGTERM)
        assert worker.wait(PATIENCE) == 128 + signal.SIGTERM
        assert office.task(issue).state is State.PROCESSING  # no further step was taken
        agent = int((tmp_path / "there").read_text())
        while (found := survivors.process(agent)) is not None and found.state not in "ZX":
            assert time.monotonic() < deadline, "the agent goes on"
            time.sleep(0.02)
        office.queue()  # reaps what the first signal could not bring to its end, and goes on
        assert process.processes_in(office.world.paths.worktrees) == ()
        assert office.task(issue).state is State.REVIEW, office.told()


def test_a_script_in_the_middle_of_a_request_ends_in_order(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with an_office(tmp_path, config={"github_api_url": url}) as office:
            dispatcher = start(office, "github_dispatcher")
            silent.settimeout(PATIENCE)
            with silent.accept()[0] as asked:
                asked.recv(100)
                dispatcher.send_signal(signal.SIGTERM)
                assert dispatcher.wait(PATIENCE) == 128 + signal.SIGTERM
            said = (office.world.paths.logs / "github_dispatcher.log").read_text()
            assert "stopped from outside" in said and "Traceback" not in said
            health = (office.world.paths.health / "github_dispatcher.json").read_bytes()
            assert msgspec.json.decode(health, type=Health).exit_code == 128 + signal.SIGTERM


def test_interruptions_are_forgiven_but_not_for_ever() -> None:
    task = repos.task()
    one = Attempt(
        n=1, agent="first", started=task.created, round=task.round,
        verdict=AttemptVerdict.INTERRUPTED,
    )  # fmt: skip
    few, many = (one,) * reaper.FORGIVEN, (one,) * (reaper.FORGIVEN + 2)
    assert reaper.counted(structs.replace(task, attempts=few)) == ()
    assert len(reaper.counted(structs.replace(task, attempts=many))) == 2
