"""The CI runner: each job is one bash process in a clean checkout, in a session of its own."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from orchestrator.forge import workflows

# The driver dies with the forge: its standard input is a pipe that only the forge holds open.
PREAMBLE = """exec 3<&0 </dev/null
( read -r _ <&3; kill -KILL -- -$$ ) >/dev/null 2>&1 &
exec 3<&-
"""
REREAD = """while IFS= read -r line; do
    case "$line" in [A-Za-z_]*=*) export "${line?}";; esac
done < "$GITHUB_ENV"
: > "$GITHUB_ENV"
while IFS= read -r line; do PATH="$line:$PATH"; done < "$GITHUB_PATH"
: > "$GITHUB_PATH"
"""


class Running:
    def __init__(
        self, order: workflows.JobOrder, process: subprocess.Popen[bytes], began: datetime,
        folder: Path,
    ) -> None:
        self.order = order
        self.process = process
        self.began = began
        self.folder = folder


class Local:
    """Runs jobs on this machine; logs stay in `<root>/<run>/<job>.log`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.running: list[Running] = []
        self.refused: list[workflows.JobReport] = []

    def start(self, order: workflows.JobOrder, now: datetime) -> None:
        folder = (self.root / str(order.run_id) / f"{order.check_id}.work").resolve()
        shutil.rmtree(folder, ignore_errors=True)
        for name in ("home", "temp", "steps"):
            (folder / name).mkdir(parents=True)
        script = folder / "steps" / "job.sh"
        script.write_text(driver(order, folder))
        try:
            with log_path(self.root, order.run_id, order.job.key).open("wb") as log:
                process = subprocess.Popen(
                    ["bash", str(script)], stdin=subprocess.PIPE, stdout=log, stderr=log,
                    cwd=folder, env=environment(order, folder), start_new_session=True,
                )
        except (OSError, ValueError) as error:
            # A name that no environment can hold, for one; the others must not wait for it.
            shutil.rmtree(folder, ignore_errors=True)
            words = f"the job could not be started: {error}"
            self.refused.append(workflows.JobReport(order.check_id, "failure", words))
            return
        self.running.append(Running(order, process, now, folder))

    def finished(self, now: datetime) -> Sequence[workflows.JobReport]:
        reports, self.refused = self.refused, []
        for running in list(self.running):
            code = running.process.poll()
            late = (now - running.began).total_seconds() > running.order.seconds
            if code is None and not late:
                continue
            self.running.remove(running)
            end(running)
            conclusion = "timed_out" if code is None else "success" if code == 0 else "failure"
            words = f"stopped after {running.order.seconds:.0f} seconds" if code is None else ""
            if code:
                words = f"Process completed with exit code {code}."
            reports.append(workflows.JobReport(running.order.check_id, conclusion, words))
        return reports

    def stop(self) -> None:
        for running in self.running:
            end(running)
        self.running.clear()


def end(running: Running) -> None:
    """Nothing of a job outlives it, neither a background process nor its checkout."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(running.process.pid, signal.SIGKILL)
    if running.process.stdin:
        running.process.stdin.close()
    running.process.wait()
    shutil.rmtree(running.folder, ignore_errors=True)


def log_path(root: Path, run_id: int, key: str) -> Path:
    safe = "".join(c if c.isalnum() or c in "-_" else "-" for c in key)
    return root / str(run_id) / f"{safe}.log"


def environment(order: workflows.JobOrder, folder: Path) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "temp"),
        "LANG": "C.UTF-8",
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "GITHUB_SHA": order.sha,
        "GITHUB_REPOSITORY": order.full_name,
        "GITHUB_REF": f"refs/heads/{order.branch}",
        "GITHUB_REF_NAME": order.branch,
        "GITHUB_EVENT_NAME": order.event,
        "GITHUB_JOB": order.job.key,
        "GITHUB_WORKSPACE": str(folder / "checkout"),
        "GITHUB_ENV": str(folder / "steps" / "env"),
        "GITHUB_PATH": str(folder / "steps" / "path"),
        "GITHUB_OUTPUT": str(folder / "steps" / "output"),
        "GITHUB_STEP_SUMMARY": str(folder / "steps" / "summary"),
        "RUNNER_TEMP": str(folder / "temp"),
        "GIT_CONFIG_NOSYSTEM": "1",
        **order.job.environment,
    }


def driver(order: workflows.JobOrder, folder: Path) -> str:
    """The bash program of a job: check out, then each step in a bash of its own, stop at red."""
    quote = shlex.quote
    lines = [PREAMBLE, ': > "$GITHUB_ENV"; : > "$GITHUB_PATH"; : > "$GITHUB_OUTPUT"']
    lines.append(
        f"git -c safe.directory='*' -c advice.detachedHead=false clone -q --shared --no-checkout"
        f" {quote(order.repository)} checkout && cd checkout"
        f" && git -c advice.detachedHead=false checkout -q {quote(order.sha)}"
        f" && git remote remove origin || exit 1"
    )
    for number, step in enumerate(order.job.steps, 1):
        if not step.run:
            note = f"## {step.name}: skipped, the forge runs no actions"
            lines.append(f"printf '%s\\n' {quote(note)}")
            continue
        script = folder / "steps" / f"{number}.sh"
        script.write_text(step.run + "\n")
        exports = "".join(f"export {k}={quote(v)}; " for k, v in step.environment.items())
        place = f"cd {quote(step.folder)} && " if step.folder else ""
        shell = "sh -e" if step.shell == "sh" else "bash -e"
        if step.shell == "bash":
            shell += " -o pipefail"
        lines.append(f"printf '%s\\n' {quote('## ' + step.name)}")
        lines.append(f"( {exports}{place}exec {shell} {quote(str(script))} ) || exit $?")
        lines.append(REREAD)
    return "\n".join([*lines, "exit 0", ""])
