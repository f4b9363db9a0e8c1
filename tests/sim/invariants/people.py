"""I12: what a person did or said holds, from the next look on."""

from __future__ import annotations

from datetime import timedelta

from orchestrator.forge import moments
from orchestrator.records.task import State, Task
from tests.sim.interface import Act, Seen, StepKind
from tests.sim.invariants import facts
from tests.sim.invariants.facts import Merge
from tests.sim.people import COPY, HOLD, KEY, VALUE, Did

BRAKES = ("hold", "blocked")
ENDED = {State.DONE, State.ESCALATED, State.FAILED, State.CANCELLED, State.QUARANTINE}
# Between a look at GitHub and what follows from it a person may be quicker.
MEANWHILE = timedelta(minutes=5)
# No step between two looks at the switches takes longer, but the work of an agent.
LATE = timedelta(minutes=15)


def i12_a_closed_issue_is_left_alone(seen: Seen) -> list[str]:
    """No agent starts for an issue that a person closed, and nothing of it is merged by us.

    What a process looked at before the person's deed excuses it: only one that began after the
    deed, or read the issue after it, must know. Opening the issue again lifts the ban.
    """
    closed: dict[tuple[str, int], int] = {}
    for act in facts.acts(seen, Did.CLOSED_ISSUE, Did.REOPENED_ISSUE):
        if act.number is not None:
            place = (act.slug, act.number)
            closed.pop(place, None)
            if act.kind == Did.CLOSED_ISSUE:
                closed[place] = act.order
    if not closed:
        return []
    found = []
    issues = {facts.key(task.task_id): task.issue for _, task in seen.tasks()}
    told: set[int] = facts.kept(seen, "told of closed", set())
    for run in facts.agent_runs(seen):
        number = issues.get(facts.key(run.task_id))
        order = closed.get((run.slug, number)) if number else None
        path = f"/repos/{run.slug}/issues/{number}"
        if order is None or run.order < order or run.order in told:
            continue
        if knew(seen, run.process, run.order, order, path):
            told.add(run.order)
            found.append(f"{run.process} started {run.agent} for {run.slug}#{number}, closed")
    for merge in facts.new_merges(seen, "closed issues"):
        task = task_of(seen, merge)
        order = closed.get((merge.slug, task.issue)) if task and task.issue else None
        if task and order is not None and merge.request.order > order:
            path = f"/repos/{merge.slug}/issues/{task.issue}"
            if knew(seen, merge.request.process, merge.request.order, order, path):
                found.append(f"{merge.slug}#{merge.number} was merged, issue #{task.issue} closed")
    return found


def knew(seen: Seen, process: str, when: int, deed: int, path: str) -> bool:
    """Whether the process must have known of a deed when it acted."""
    began = seen.began.get(process)
    looked = facts.last_look(seen, process, when, path)
    return (began is not None and began > deed) or (looked is not None and looked.order > deed)


def task_of(seen: Seen, merge: Merge) -> Task | None:
    pull = facts.place(seen, merge.slug, merge.number)
    return facts.task_of_branch(seen, pull.head_ref) if pull else None


def i12_held_is_not_merged(seen: Seen) -> list[str]:
    """Nothing is merged by us while it bears `hold` or `blocked`, or its issue `hold`, or while a
    writer's request for changes stands.

    Of an issue's label only a process knows that began after it. A label that came after the
    merging process's last read of the pull request excuses it; a review that came less than some
    minutes before that does, because it is read once in a tick.
    """
    found = []
    for merge in facts.new_merges(seen, "holds"):
        held: dict[str, int] = {}
        for act in facts.acts(seen, Did.LABELLED, Did.UNLABELLED, slug=merge.slug):
            if act.number == merge.number and act.order < merge.request.order:
                held.pop(act.file, None)
                if act.kind == Did.LABELLED:
                    held[act.file] = act.order
        found += [
            f"{merge.slug}#{merge.number} was merged, and its issue bears {HOLD}"
            for order in on_the_issue(seen, merge)
            if seen.began.get(merge.request.process, 0) > order
        ]
        path = f"/repos/{merge.slug}/pulls/{merge.number}"
        for label, order in held.items():
            if label in BRAKES and knew(
                seen, merge.request.process, merge.request.order, order, path
            ):
                found.append(f"{merge.slug}#{merge.number} was merged under the label {label}")
        found += objections(seen, merge)
    return found


def on_the_issue(seen: Seen, merge: Merge) -> list[int]:
    """The order since which the issue bore `hold` when this was merged, if it did."""
    task = task_of(seen, merge)
    held: list[int] = []
    for act in facts.acts(seen, Did.LABELLED, Did.UNLABELLED, slug=merge.slug):
        mine = task and act.number == task.issue and act.file == HOLD
        if mine and act.order < merge.request.order:
            held = [*held, act.order][:1] if act.kind == Did.LABELLED else []
    return held


def objections(seen: Seen, merge: Merge) -> list[str]:
    pull = facts.place(seen, merge.slug, merge.number)
    if pull is None:
        return []
    path = f"/repos/{merge.slug}/pulls/{merge.number}"
    read = facts.last_look(seen, merge.request.process, merge.request.order, path)
    looked = merge.request.at if read is None else read.at
    return [
        f"{merge.slug}#{merge.number} was merged against a request for changes"
        for one in facts.last_words(seen, pull)
        if one.state == "CHANGES_REQUESTED"
        and moments.parse(one.submitted_at) < looked - MEANWHILE
        and one.sha in facts.ancestors(seen, merge.slug, merge.sha)
    ]


def i12_a_moved_file_stays(seen: Seen) -> list[str]:
    """No agent starts for a task whose file a person put into a folder of the ended ones, until a
    person moves it on, copies it, or sets the issue Ready again.

    A worker that had the task already may go on with the attempt that it prepares; and a Ready that
    is set while a command still works is later than its order. Of two files of a task the one that
    counts is not the copy.
    """
    stopped: dict[str, Act] = {}
    ready, ordered = 0, dict[str, int]()
    again = (Did.READY, Did.READY_AGAIN)
    for act in facts.acts(seen, Did.MOVED, Did.COPIED, Did.REMOVED, Did.BROKE, *again):
        key = facts.key(act.task_id)
        if act.kind in again:
            stopped.clear()
            ready = act.order
            continue
        stopped.pop(key, None)
        if act.file.startswith(COPY):
            continue
        if act.kind == Did.MOVED and not act.branch:
            ordered[key] = act.order
        elif act.kind == Did.MOVED and act.branch in ENDED and ready <= ordered.pop(key, act.order):
            stopped[key] = act
    found = []
    told: set[int] = facts.kept(seen, "told of moved", set())
    for run in facts.agent_runs(seen):
        stop = stopped.get(facts.key(run.task_id))
        began = seen.began.get(run.process)
        if stop is None or began is None or run.order in told:
            continue
        if run.order > stop.order and began > stop.order:
            told.add(run.order)
            what = f"{stop.file}, moved to {stop.branch}"
            found.append(f"{run.process} started {run.agent} for {what}")
    return found


def i12_an_edit_stays(seen: Seen) -> list[str]:
    """At the end the key that a person wrote into a task's file stands there as they wrote it.

    Tolerated: a file that a person broke, copied or removed. Blind to what they wrote beside it.
    """
    if seen.step.kind is not StepKind.END:
        return []
    edited = {facts.key(act.task_id) for act in facts.acts(seen, Did.EDITED)}
    return [
        f"{task.task_id} in {state}/ has lost what a person wrote into it"
        for state, task in seen.tasks()
        if facts.key(task.task_id) in edited
        and not facts.meddled(seen, task.task_id)
        and task.extra.get(KEY) != VALUE
    ]


def i12_switched_off_is_off(seen: Seen) -> list[str]:
    """A process that began after a switch was set starts no agent, merges, pushes and writes
    nothing of what the switch stops, as long as it is set.

    Blind to what a running process does before it looks at the switch again.
    """
    found = []
    spans = switches(seen)
    if not spans:
        return []
    told: set[int] = facts.kept(seen, "told of switches", set())
    deeds = [(one.order, one.process, one.script, slug_of(one.path), one.path)
             for one in seen.requests if one.mutates]  # fmt: skip
    deeds += [(run.order, run.process, "queue", run.slug, run.agent) for run in seen.runs]
    deeds += [(one.order, one.process, one.process.rpartition("-")[0], one.slug, one.ref)
              for one in seen.pushes if not facts.by_person(one)]  # fmt: skip
    for order, process, script, slug, what in deeds:
        began = seen.began.get(process)
        for name, since, until in spans:
            stops = script != "task" and name in {"off", script, slug.replace("/", "__")}
            if stops and began and since < began and order < until and order not in told:
                told.add(order)
                found.append(f"{process} touched {slug} {what} while {name} was off")
    return found


def i12_whoever_runs_hears_of_a_switch(seen: Seen) -> list[str]:
    """Nobody pushes, merges or starts an agent a quarter of an hour after a switch was set that
    stops it, however long it has run: before each of these the switches are looked at again."""
    spans = switches(seen)
    if not spans:
        return []
    set_at = {act.order: act.at for act in facts.acts(seen, Did.OFF)}
    told: set[int] = facts.kept(seen, "told of late deeds", set())
    deeds = [(one.order, one.at, one.process, one.process.rpartition("-")[0], one.slug,
              f"pushed {one.ref}") for one in seen.pushes if not facts.by_person(one)]  # fmt: skip
    deeds += [(one.request.order, one.request.at, one.request.process, one.request.script, one.slug,
               f"merged #{one.number}") for one in facts.merges(seen) if one.applied]  # fmt: skip
    deeds += [(one.order, one.started, one.process, "queue", one.slug, f"started {one.agent}")
              for one in facts.agent_runs(seen)]  # fmt: skip
    found = []
    for order, at, process, script, slug, what in deeds:
        for name, since, until in spans:
            stops = script != "task" and name in {"off", script, slug.replace("/", "__")}
            late = since < order < until and at > set_at[since] + LATE
            if stops and late and order not in told:
                told.add(order)
                after = at - set_at[since]
                found.append(f"{process} {what} of {slug} {after} after {name} was off")
    return found


def switches(seen: Seen) -> list[tuple[str, int, int]]:
    """Each switch with the orders between which it was set; wiping `runtime/` keeps it."""
    found: list[tuple[str, int, int]] = []
    on: dict[str, int] = {}
    for act in facts.acts(seen, Did.OFF, Did.ON):
        if act.kind == Did.OFF:
            on.setdefault(act.file, act.order)
        elif act.file in on:
            found.append((act.file, on.pop(act.file), act.order))
    endless = 1 << 60
    return found + [(name, since, endless) for name, since in on.items()]


def slug_of(path: str) -> str:
    return "/".join(path.split("/")[2:4]) if path.startswith("/repos/") else ""
