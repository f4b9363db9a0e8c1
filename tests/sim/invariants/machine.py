"""I11, and what every tick owes: nothing left over, nothing without bounds, no fault of ours."""

from __future__ import annotations

import fcntl
import os
from collections import Counter
from pathlib import Path

from orchestrator.records.task import State
from tests.sim.interface import Seen, Step, StepKind
from tests.sim.invariants import facts
from tests.sim.people import Did

# A dispatcher or monitor asks a few questions for each task, a worker some dozens for each attempt.
REQUESTS_OF_A_TICK = 150
SAME_WRITES_OF_A_TICK = 2
DESCRIPTORS = 12
BUG = 1
DEFECT = "defect of ours"


def i11_requests_are_bounded(seen: Seen) -> list[str]:
    """No process makes more than a bounded number of requests, nor the same write again and again.

    Counted when a process ends or dies; a worker may work on several tasks and has as much for
    each of them.
    """
    if seen.step.kind not in {StepKind.TICK, StepKind.CRASH, StepKind.PROVEN}:
        return []
    mine = [one for one in seen.requests if one.process == seen.step.process]
    worked = {run.task_id for run in facts.agent_runs(seen) if run.process == seen.step.process}
    bound = REQUESTS_OF_A_TICK * max(1, len(worked))
    found = []
    if len(mine) > bound:
        found.append(f"{seen.step.process} made {len(mine)} requests")
    same = Counter((one.method, one.path, one.body) for one in mine if one.mutates)
    for (method, path, _), count in same.items():
        if count > SAME_WRITES_OF_A_TICK * max(1, len(worked)):
            found.append(f"{seen.step.process} sent the same {method} {path} {count} times")
    return found


def i11_nothing_is_left_open(seen: Seen) -> list[str]:
    """While none of our processes runs, this interpreter has as few files open as ever then.

    The descriptors of all simulated processes are this process's own, so one that leaks shows.
    What a killed process had open lives on here, which a kernel would have closed: after the
    first crash nothing is asked.
    """
    if crashed(seen) or seen.live:
        return []
    count = len(os.listdir("/proc/self/fd"))
    least = min(count, facts.kept(seen, "descriptors", count))
    seen.memory["descriptors"] = least
    if count > least + DESCRIPTORS:
        return [f"{count} files are open while nothing runs, once it was {least}"]
    return []


def i11_finished_tasks_leave_nothing(seen: Seen) -> list[str]:
    """At the end no lock is held, and no worktree stands for a task that is over.

    Every lock file can be taken by somebody else. A worktree of a task that waits may stand; one
    whose worker was killed while it tidied up, or waited in vain for the store, or whose file a
    person took from its worker, stands until its retention ends.
    """
    if seen.step.kind is not StepKind.END:
        return []
    found = [f"{path.name} is held by nobody alive" for path in held_locks(seen.paths.locks)]
    over = {task.task_id for state, task in seen.tasks() if state in {State.DONE, State.CANCELLED}}
    busy = any("store-" in line and "was held by" in line for *_, line in seen.said)
    gone = crashed(seen) or busy
    for folder in sorted(seen.paths.worktrees.glob("*/*")):
        moved = any(facts.acts(seen, Did.MOVED, task_id=folder.name))
        if folder.name in over and not gone and not moved:
            found.append(f"the worktree of {folder.name} still stands")
    return found


def crashed(seen: Seen) -> bool:
    """Whether a process of this seed has died before its end."""
    if seen.step.kind is StepKind.CRASH:
        seen.memory["crashed"] = True
    return bool(seen.memory.get("crashed"))


def held_locks(folder: Path) -> list[Path]:
    found = []
    for path in sorted(folder.glob("*.lock")):
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                found.append(path)
    return found


def i12_no_tick_ends_with_a_fault_of_ours(seen: Seen) -> list[str]:
    """Whatever people and GitHub do, no script ends with exit code 1 or complains of itself.

    A fault that a script caught and did not count is not seen here.
    """
    step = seen.step
    if step.exit_code != BUG:
        return [f"{step.process}: {line}" for line in step.said if DEFECT in line]
    return [f"{step.process} ended with a fault of ours: {last_words(seen, step)}"]


def last_words(seen: Seen, step: Step) -> str:
    log = seen.paths.logs / "trouble.log"
    trace = log.read_text(errors="replace").splitlines()[-4:] if log.is_file() else []
    said = [line for line in step.said if "fault of ours" in line]
    return " | ".join([*said[-1:], *trace])
