"""Forty tasks started in one repository in the same moment, each by a worker of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from orchestrator import workspace
from orchestrator.adapters import process
from orchestrator.records.task import State
from orchestrator.records.verdicts import AttemptVerdict
from tests.support import repos
from tests.support.office import COMPLETE, SLUG, an_office

CODE = Path(__file__).resolve().parents[2]
TASKS = 40
PATIENCE = 600
# Forty true processes that begin in one moment: what they load is loaded before they part.
WORKERS = f"""\
import os
import github, requests
from orchestrator import queue, tick
for _ in range({TASKS}):
    if os.fork() == 0:
        os.setsid()
        tick.entry(lambda: queue.main([]))
print(*(os.waitstatus_to_exitcode(os.wait()[1]) for _ in range({TASKS})))
"""
AGENT = f"""\
#!/bin/sh
echo work > work-$$.txt
cat > .agent_result.md <<'END'
{COMPLETE.format(summary="Wrote a file of my own.")}END
"""


def test_forty_tasks_at_once_meet_no_lock_and_leave_no_orphan(tmp_path: Path) -> None:
    limits = {"max_parallel_workers": TASKS, "max_dispatch_per_tick": TASKS}
    alone = {"max_parallel_per_repo": TASKS, "test_command": "true", "trust": "actor"}
    with an_office(tmp_path, config=limits, repository=alone) as office:
        (tmp_path / "bin" / "first").write_text(AGENT)
        issues = [office.ready(f"Task {number}") for number in range(TASKS)]
        office.dispatch()
        assert len(office.folders()[State.INBOX]) == TASKS
        environment = {
            **office.world.environment,
            "PATH": f"{office.world.environment['PATH']}:{os.environ['PATH']}",
            "PYTHONPATH": str(CODE),
        }
        log = office.world.paths.logs / "queue.log"
        with log.open("ab") as stream:
            begun = subprocess.run(
                [sys.executable, "-c", WORKERS], cwd="/", env=environment, stderr=stream,
                stdin=subprocess.DEVNULL, stdout=stream, timeout=PATIENCE, check=False,
            )  # fmt: skip
        said = log.read_text()
        assert begun.returncode == 0, said
        assert said.rstrip().endswith(" ".join("0" * TASKS)), said
        for words in (".lock", "was held by", "Unable to create", "fault of ours", "try 1 again"):
            assert words not in said
        tasks = [office.task(issue) for issue in issues]
        for task in tasks:
            assert task.state is State.REVIEW, said
            assert [one.verdict for one in task.attempts] == [AttemptVerdict.DELIVER]
        assert len(office.pulls()) == TASKS

        git = workspace.of(office.world).git(SLUG)
        listed = repos.git(git.git_dir, "for-each-ref", "--format=%(refname) %(objectname)")
        ours = dict(line.split() for line in listed.splitlines() if " refs/heads/" in f" {line}")
        assert ours == {f"refs/heads/{task.branch}": task.pushed[-1] for task in tasks}
        assert list(git.git_dir.glob("worktrees/*")) == []
        assert list(git.git_dir.rglob("*.lock")) == []
        assert process.processes_in(office.world.paths.worktrees) == ()
        assert repos.git(git.git_dir, "fsck", "--no-dangling") == ""
