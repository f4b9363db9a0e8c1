"""I1, I2 and I9: no task lost, none worked on twice at once, none tried without end."""

from __future__ import annotations

import os
from datetime import datetime, timedelta

from orchestrator.records.task import Deliverable, State, Task
from orchestrator.records.verdicts import AttemptVerdict
from orchestrator.rules import routing
from tests.sim.interface import Seen, StepKind
from tests.sim.invariants import facts
from tests.sim.people import Did

REWORKS = 3
REVIEW_ROUNDS = 3
REST = timedelta(minutes=1)
# What may begin a round: Ready, a hand in the mailbox, an answer to a question.
BEGINNINGS = (
    Did.READY, Did.READY_AGAIN, Did.MOVED, Did.COPIED, Did.COMMENTED, Did.DROPPED,
)  # fmt: skip


def i1_no_task_is_lost(seen: Seen) -> list[str]:
    """Each task that was ever in the mailbox is in exactly one folder of it.

    Tolerated: a person's `rm` ends a task, as does their pen where nothing but what they wrote
    over named it; a person's `cp` gives it a second file, and a move that a crash cut in two leaves
    two names of one file until the next look of the reaper. A file in quarantine is found by its
    name. Blind to a file that was rewritten with less in it.
    """
    known: dict[str, str] = facts.kept(seen, "tasks", {})
    there: dict[str, list[tuple[State, int]]] = {}
    for filed in facts.files(seen):
        name = filed.task.task_id if filed.task else filed.path.name.split(".")[0]
        try:
            inode = os.lstat(filed.path).st_ino
        except FileNotFoundError:
            continue
        key = facts.key(name)
        there.setdefault(key, []).append((filed.state, inode))
        if filed.task is not None:
            known.setdefault(key, name)
    removed = {facts.key(act.task_id) for act in facts.acts(seen, Did.REMOVED)}
    removed |= {
        facts.key(act.task_id) for act in facts.acts(seen, Did.BROKE)
        if act.file != f"{act.task_id}.md"
    }  # fmt: skip
    found = []
    for key, name in known.items():
        places = there.get(key, [])
        if not places and key not in removed:
            found.append(f"{name} is in no folder of the mailbox, and nobody removed it")
        whole = [place for place in places if place[0] is not State.QUARANTINE]
        over = seen.step.kind is StepKind.END
        several = len(whole) > 1 if over else len({inode for _, inode in whole}) > 1
        if several and not facts.meddled(seen, name):
            states = ", ".join(sorted(state.value for state, _ in whole))
            found.append(f"{name} has several files, in {states}, and nobody copied it")
    return found


def i1_done_is_merged(seen: Seen) -> list[str]:
    """A task in done/ has a pull request that the forge holds as merged, or it was a report.

    Tolerated: a person's `mv` to done/, and a pull request that was closed because its whole
    change came to the base another way. Blind to what the merge held: that is I5.
    """
    checked: set[str] = facts.kept(seen, "done", set())
    found = []
    for filed in seen.mailbox.get(State.DONE, ()):
        task = filed.task
        if task is None or f"{task.task_id}#{task.round}" in checked:
            continue
        checked.add(f"{task.task_id}#{task.round}")
        moved = any(act.branch == State.DONE for act in facts.acts(
            seen, Did.MOVED, Did.COPIED, task_id=task.task_id
        ))  # fmt: skip
        if moved or (task.pull_request is None and not task.pushed and reported(task)):
            continue
        number = task.pull_request.number if task.pull_request else None
        pull = facts.place(seen, task.repo, number) if number else None
        if pull is None:
            found.append(f"{task.task_id} is in done/ without a pull request or a report")
        elif pull.merged_at is None and not facts.on_base(
            seen, task.repo, task.base, pull.head_sha
        ):
            found.append(f"{task.task_id} is in done/, and #{number} was never merged")
    return found


def reported(task: Task) -> bool:
    attempt = task.attempt
    delivered = attempt is not None and attempt.verdict is AttemptVerdict.DELIVER
    return delivered and task.deliverable is Deliverable.REPORT


def i2_one_worker_for_each_task(seen: Seen) -> list[str]:
    """No two agents run for one task at the same time, and no attempt is run twice.

    Proved from the executor's own log, not from claims. An agent whose worker was killed ends
    with it here; that a surviving agent is fenced first (Q7) is beyond this. Tolerated: numbers
    that begin anew after a person broke, removed or copied the file.
    """
    found = []
    by_task: dict[str, list[int]] = {}
    runs = facts.agent_runs(seen)
    for index, run in enumerate(runs):
        by_task.setdefault(facts.key(run.task_id), []).append(index)
    told: set[tuple[str, int]] = facts.kept(seen, "told of runs", set())
    for key, indexes in by_task.items():
        numbers: set[int] = set()
        before = None
        for index in indexes:
            run = runs[index]
            if (key, index) not in told:
                overlaps = before is not None and (
                    before.ended is None or before.ended > run.started
                )
                if overlaps and before is not None:
                    told.add((key, index))
                    found.append(
                        f"{run.task_id}: {run.process} started {run.agent} while "
                        f"{before.process} had {before.agent} running"
                    )
                if run.attempt in numbers and not facts.meddled(seen, run.task_id):
                    told.add((key, index))
                    found.append(f"{run.task_id}: attempt {run.attempt} was run twice")
            numbers.add(run.attempt)
            before = run
    return found


def i9_attempts_are_bounded(seen: Seen) -> list[str]:
    """In each round at most `max_attempts` attempts since the last delivery, crashes included, at
    most as many deliveries as there may be repairs, and no run of an agent that the file forgot.

    A refusal by its provider, or a dead login of its own, before any work is no attempt unless the
    agent alone says so, but the same agent must have rested before it is asked again. Tolerated:
    what a person broke, copied or removed.
    """
    if facts.as_before(seen, "attempts", seen.mailbox, len(seen.runs), len(seen.acts)):
        return []
    found = []
    ran: dict[str, int] = {}
    for run in facts.agent_runs(seen):
        ran[facts.key(run.task_id)] = max(ran.get(facts.key(run.task_id), 0), run.attempt)
    for _, task in seen.tasks():
        repository = seen.config.repository(task.repo)
        if repository is None or facts.meddled(seen, task.task_id):
            continue
        limit = task.max_attempts or repository.max_attempts
        since, deliveries = 0, 0
        refused: dict[str, datetime] = {}
        for attempt in task.this_round:
            delivered = attempt.verdict is AttemptVerdict.DELIVER
            claim = attempt.result is not None and attempt.result.blocker_code is attempt.code
            if attempt.code in routing.REFUSALS and not attempt.head_sha and not claim:
                ended = refused.get(attempt.agent)
                forgot = any(facts.acts(seen, Did.WIPED))
                rests = attempt.started - (attempt.since or attempt.started)
                soon = ended is not None and attempt.started - ended < REST
                if (soon or rests < (attempt.times - 1) * REST) and not forgot:
                    found.append(f"{task.task_id}: {attempt.agent} was given no rest")
                refused[attempt.agent] = attempt.judged or attempt.started
                continue
            since = 0 if delivered else since + 1
            deliveries += delivered
            if since > limit:
                found.append(f"{task.task_id}: {since} attempts in round {task.round} of {limit}")
                break
        if deliveries > 1 + REWORKS + REVIEW_ROUNDS:
            found.append(f"{task.task_id}: {deliveries} deliveries in round {task.round}")
        # A person's order to a task at work takes the place of its file for a moment, and gives it
        # back where the file was another by then.
        ordered = any(name.startswith("task-") for name in seen.live)
        if ran.get(facts.key(task.task_id), 0) > task.runs and not ordered:
            found.append(f"{task.task_id}: an agent ran that its file does not know of")
    return found


def i9_rounds_are_begun_by_people(seen: Seen) -> list[str]:
    """No task has had more rounds than people's deeds to it, or to its issue, can have begun.

    Asked at the end, as rounds are never taken back. A deed counts whether it began one or not: how
    many of them did is beyond this.
    """
    if seen.step.kind is not StepKind.END:
        return []
    found = []
    for state, task in seen.tasks():
        if state is State.QUARANTINE or facts.meddled(seen, task.task_id):
            continue
        deeds = sum(act.kind in BEGINNINGS for act in facts.concerning(seen, task))
        if task.round > max(1, deeds):
            found.append(f"{task.task_id} is in round {task.round}, begun by {deeds} deeds")
    return found


def i9_escalated_once(seen: Seen) -> list[str]:
    """On each issue at most one comment that calls for a person for each round of its tasks.

    Counted on the forge. A round that escalated and went on within itself is not tolerated.
    """
    version = facts.forge_version(seen)
    if facts.as_before(seen, "calls", seen.mailbox, len(seen.acts), version):
        return []
    rounds: dict[tuple[str, int], int] = {}
    for _, task in seen.tasks():
        if task.issue is not None:
            place = (task.repo, task.issue)
            rounds[place] = rounds.get(place, 0) + task.round
    found = []
    told: dict[tuple[str, int], int] = facts.kept(seen, "escalations", {})
    for (slug, number), count in rounds.items():
        issue = facts.place(seen, slug, number)
        if issue is None:
            continue
        asked = facts.calls(seen, issue)
        if asked > count and told.get((slug, number)) != asked:
            told[slug, number] = asked
            if not any(facts.acts(seen, Did.REMOVED, Did.BROKE)):
                found.append(f"{slug}#{number}: {asked} calls for a person in {count} rounds")
    return found
