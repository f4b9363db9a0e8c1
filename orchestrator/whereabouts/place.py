"""Why a task is in its folder and not further on, from this machine's files alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from msgspec import structs

from orchestrator import (
    checklists,
    choosing,
    cooling,
    foresight,
    hands,
    questions,
    readonly,
    reaper,
    reverting,
    scrutiny,
)
from orchestrator.adapters import mailroom
from orchestrator.adapters.mailbox_index import Found, line_of
from orchestrator.records.config import RepositoryConfig
from orchestrator.records.result import BlockerCode
from orchestrator.records.task import (
    ENDED,
    PERSON,
    WAITING,
    BaseAfter,
    QueueEntry,
    RevertEnd,
    State,
    Task,
)
from orchestrator.records.verdicts import AttemptVerdict
from orchestrator.rules import priority, routing
from orchestrator.texts import messages
from orchestrator.whereabouts import machine, trail
from orchestrator.whereabouts.account import Finding, Reason
from orchestrator.world import World

ANSWER = "answer in a comment: "
RUN_QUEUE = "bin/run_queue.sh --now"
INTO_CANCELLED = "the next tick of run_queue.sh moves it to cancelled/"


def findings(world: World, found: Found) -> Iterator[Finding]:
    """Every reason that the folder, the file and the locks give, the weightiest first."""
    yield from stopped(world, found)
    yield from ordered(found)
    yield from BY_STATE[found.state](world, found)
    if found.task.state not in {None, found.state} and found.state is not State.INBOX:
        yield Finding(
            reason=Reason.ELSEWHERE,
            text=f"its last mark says {found.task.state}, so a person moved it to {found.state}/, "
            "or a move was cut short; the next tick of run_queue.sh puts that right",
        )


def stopped(world: World, found: Found) -> Iterator[Finding]:
    """What no script would touch, whatever its folder."""
    slug = found.task.repo
    if found.state in ENDED:
        return
    if world.config.repository(slug) is None:
        broken = [one for one in world.config.broken if one.name.lower() == slug.lower()]
        if broken:
            text = f"the config of {slug} is wrong: {'; '.join(broken[0].problems)}"
            yield Finding(reason=Reason.CONFIG, text=text, step="mend config.yaml")
        else:
            yield Finding(
                reason=Reason.NOT_CONFIGURED,
                text=f"{slug} is not in the config, so its file stays where it is",
                step=f"add {slug} to github_projects in config.yaml, or remove {found.path}",
            )
    script = "pr_monitor" if found.state is State.REVIEW else "queue"
    starts = ("supervisor",) if script == "queue" else ()
    yield from switched_off(world, slug, script, *starts)


def ordered(found: Found) -> Iterator[Finding]:
    """That a person has ended it, where its file still stands in a folder of work."""
    if found.state in WAITING and found.task.cancel and not begins_anew(found):
        yield Finding(
            reason=Reason.CANCELLED,
            text=f"a person cancelled it: {found.task.cancel.rstrip('.')}; {INTO_CANCELLED}",
            step=f"to keep it: bin/task.sh retry {hands.name_of(found.task)}",
        )


def begins_anew(found: Found) -> bool:
    """Whether a person put it back after its end: whoever claims it begins a new round."""
    return found.state is State.INBOX and found.task.state in ENDED


def as_claimed(found: Found) -> Task:
    """The task as its next worker will read it."""
    return mailroom.new_round(found.task) if begins_anew(found) else found.task


def switched_off(world: World, *names: str) -> Iterator[Finding]:
    """The first of these repositories and scripts that a switch stops."""
    for name in names:
        if (switch := world.switch_against(name)) is not None:
            text = f"{name} is switched off: {world.stopped(name)}"
            yield Finding(reason=Reason.OFF, text=text, step=f"rm {switch}")
            return


def waiting(world: World, found: Found) -> Iterator[Finding]:
    """In inbox/: for a time, a slot, others, or only for the next tick."""
    task, now = as_claimed(found), world.clock.now()
    repository = world.config.repository(task.repo)
    if begins_anew(found):
        text = f"a person put it back: round {task.round} begins"
        yield Finding(reason=Reason.NOTHING, text=text)
    if task.cancel:  # it needs a worker, but no agent and no turn
        yield from busy(world, task, repository)
        return
    if task.repair:
        yield Finding(reason=Reason.NOTHING, text=f"its pull request came back: {task.repair}")
    if task.not_before is not None and task.not_before > now:
        yield Finding(
            reason=Reason.NOT_BEFORE, text=f"it may not start yet{because(task)}",
            until=task.not_before, step=at_once(found),
        )  # fmt: skip
        return
    before = [*busy(world, task, repository), *beside(world, found)]
    nobody = list(agents(world, task, repository))
    yield from before
    yield from nobody
    first = ahead(world, found, now)
    if first and before:
        yield Finding(
            reason=Reason.OTHERS_FIRST,
            text=f"{first} of the tasks that wait go first (priority, then age)",
            step=f"to put it first: bin/task.sh next {hands.name_of(task)}",
        )
    elif not before and not nobody and not list(stopped(world, found)):
        yield Finding(
            reason=Reason.NOTHING,
            text=unhindered(world, State.INBOX, "run_queue.sh")
            + (f", after {first} others" if first else ""),
            step=RUN_QUEUE,
        )


def unhindered(world: World, state: str, wrapper: str) -> str:
    """What holds of who could begin; what stops everybody is told beside it, of the machine."""
    if any(machine.shut(world, state)):
        return "nothing of its own stands in its way: it begins once new work begins here again"
    return f"nothing stands in its way: the next tick of {wrapper} takes it up"


def busy(world: World, task: Task, repository: RepositoryConfig | None) -> Iterator[Finding]:
    """Which slots are all taken, and by which tasks."""
    slots = world.config.max_parallel_workers
    if not world.locks.free_worker_slots(slots):
        yield Finding(
            reason=Reason.SLOT_BUSY,
            text=f"all {slots} workers are busy ({held_by(world)})",
            step="wait, or raise max_parallel_workers in config.yaml",
        )
    if repository is None:
        return
    most = repository.max_parallel_per_repo
    if not world.locks.free_repository_slots(repository.slug, most):
        yield Finding(
            reason=Reason.REPOSITORY_BUSY,
            text=f"{repository.slug} is worked on already ({held_by(world, task.repo)}); "
            f"it takes {most} at a time",
            step="wait, or raise max_parallel_per_repo in config.yaml",
        )


def held_by(world: World, repo: str = "") -> str:
    """The tasks with a live claim, each with its agent and its age."""
    told = []
    for task in world.mailroom.list_state(State.PROCESSING):
        if alive(world, task) and (not repo or task.repo.lower() == repo.lower()):
            told.append(f"{task.task_id}{working_on(world, task)}")
    return ", ".join(told) or "by a worker that has just begun, or is just ending"


def working_on(world: World, task: Task) -> str:
    attempt = task.attempt
    if attempt is None or attempt.judged:
        return ""
    minutes = (world.clock.now() - attempt.started).total_seconds() / 60
    return f": {attempt.agent} for {minutes:.0f} min"


def alive(world: World, task: Task) -> bool:
    claim = task.claim
    return claim is not None and world.locks.is_live(claim.slot, claim.uuid)


def agents(
    world: World, task: Task, repository: RepositoryConfig | None
) -> Iterator[Finding]:
    """Whether anybody of its chain could run now, by the rule that the worker asks.

    What is judged and not settled needs nobody for its next step, and an epic nobody who works.
    """
    if repository is None or settling(task):
        return
    choice = choosing.choose(world, repository, task)
    if isinstance(choice, routing.AllCooling):
        yield Finding(
            reason=Reason.COOLING,
            text=choice.reason
            or f"every agent that is left is cooling down: {'; '.join(choice.skipped)}",
            until=choice.until,
            step=wake(world) if not choice.reason else "wait, or raise it in config.yaml (budgets)",
        )
    elif isinstance(choice, routing.Exhausted) and not task.epic:
        spent = choice.code is BlockerCode.BUDGET_SPENT
        install = "install or log in an agent, or name another in config.yaml (agent_fallbacks)"
        yield Finding(
            reason=Reason.NO_AGENT,
            text=f"{choice.reason}; the next attempt would hand it to a person",
            step=messages.NEEDED[choice.code] if spent else install,
        )


def settling(task: Task) -> bool:
    """Whether a judged attempt is left to be settled, which comes before any other."""
    attempt = task.attempt
    return attempt is not None and bool(attempt.judged) and not attempt.settled


def wake(world: World) -> str:
    """How a person says that a provider takes orders again, as after a larger plan was bought."""
    rests = cooling.of(world)
    accounts = {cooling.account(world, name): None for name in world.agents}
    files = [str(rests.path(name)) for name in accounts if rests.until(name)]
    return f"to ask a provider again at once: rm {' '.join(files)}" if files else ""


def beside(world: World, found: Found) -> Iterator[Finding]:
    """Whether it would meet work on the same files, by the rule that the worker asks."""
    reason = foresight.Neighbours(world).held(line_of(found).entry)
    if reason:
        yield Finding(
            reason=Reason.SIDE_BY_SIDE, text=reason,
            step=f"to start it all the same: bin/task.sh next {hands.name_of(found.task)}",
        )  # fmt: skip


def ahead(world: World, found: Found, now: datetime) -> int:
    """How many of those that are due are taken before it, in the workers' own order (Q12)."""

    def place(entry: QueueEntry) -> tuple[float, datetime, str]:
        return priority.key(
            entry.priority, entry.began, entry.task_id, now, next_at=entry.next_at
        )

    mine = line_of(found).entry
    return sum(
        place(entry) < place(mine)
        for entry in world.mailroom.waiting(now)
        if entry.task_id != mine.task_id
    )


def processing(world: World, found: Found) -> Iterator[Finding]:
    """In processing/: by whom and since when, or that its worker is dead."""
    task, attempt = found.task, found.task.attempt
    dead = not alive(world, task)
    if dead and reaper.is_last(world, task) and (off := world.stopped(task.repo)):
        yield Finding(
            reason=Reason.DEAD_WORKER,
            text=f"its worker is gone, in its last attempt, and {task.repo} is switched off: {off}",
        )
    elif dead:
        yield Finding(
            reason=Reason.DEAD_WORKER,
            text="its worker is gone; the next tick of run_queue.sh returns it, and an attempt "
            "that had begun counts as a crash",
            step=RUN_QUEUE,
        )
    elif attempt is not None and not attempt.judged:
        log = world.paths.attempt(task.task_id, attempt.n) / "agent.log"
        yield Finding(
            reason=Reason.WORKING,
            text=f"attempt {attempt.n} runs{working_on(world, task)}",
            step=f"tail -f {log}",
        )
    else:
        yield Finding(reason=Reason.WORKING, text="its worker prepares, proves or delivers")


def blocked(world: World, found: Found) -> Iterator[Finding]:
    """In blocked/: until when, and because of what."""
    task = found.task
    if task.not_before is None:
        yield Finding(
            reason=Reason.NO_TIME,
            text="a person put it into blocked/ without a time; it waits until it is moved",
            step=f"mv {found.path} {world.mailroom.folder(State.INBOX)}/",
        )
    elif task.not_before <= world.clock.now():
        yield Finding(
            reason=Reason.NOTHING,
            text=f"it is due again{because(task)}: the next tick of run_queue.sh returns it",
            step=RUN_QUEUE,
        )
    else:
        yield Finding(
            reason=Reason.NOT_BEFORE, text=f"it waits{because(task)}",
            until=task.not_before, step=at_once(found),
        )  # fmt: skip
        resting = agents(world, task, world.config.repository(task.repo))
        yield from (finding for finding in resting if finding.reason is Reason.COOLING)


def because(task: Task) -> str:
    """What put it off: who did so said it in the note, or as the verdict on the last attempt."""
    attempt = task.attempt
    if task.note.startswith(readonly.NOTED):
        return f": {task.note.removeprefix(readonly.NOTED)}"
    if task.tries and task.note:
        return f", after {task.tries} tries in which no agent could start: {task.note}"
    if task.note not in {"", task.repair}:
        return f": {first_words(task.note)}"
    if attempt is None:
        return ""
    if attempt.verdict is AttemptVerdict.CRASHED:
        row = reaper.in_a_row(task)
        again = f", {'the second' if row == 2 else row} in a row" if row > 1 else ""
        return f": attempt {attempt.n} by {attempt.agent} crashed{again}"
    put_off = attempt.verdict in {AttemptVerdict.DEFER, AttemptVerdict.INTERRUPTED}
    return f": {attempt.agent}: {attempt.reason}" if put_off and attempt.reason else ""


def at_once(found: Found) -> str:
    return f"to go on at once: bin/task.sh retry {hands.name_of(found.task)}"


def review(world: World, found: Found) -> Iterator[Finding]:
    """In review/ only what the file alone tells; the pull request is GitHub's to tell."""
    task = found.task
    if task.pull_request is None:
        yield Finding(
            reason=Reason.NO_LINK,
            text="it lies in review/ and names no pull request, so that nobody watches it",
            step=f"mv {found.path} {world.mailroom.folder(State.INBOX)}/",
        )


def looked_last(world: World, task: Task) -> Iterator[Finding]:
    """What the pr_monitor decided at its last look, where GitHub is not asked now."""
    held = scrutiny.remembered(world).get(task.task_id)
    if task.pull_request is not None and held is not None and held.verdict:
        number, said = task.pull_request.number, world.redact(held.verdict)
        text = f"pull request #{number} when run_pr_monitor.sh looked last: {said}"
        yield Finding(reason=Reason.PULL_REQUEST, text=text)


def escalated(world: World, found: Found) -> Iterator[Finding]:
    task, last = found.task, found.task.attempt
    code = f" ({last.code})" if last and last.verdict is not AttemptVerdict.DELIVER else ""
    why = first_words(task.note) or (last.reason if last else "")
    why = why.partition(" Code: `")[0] if code else why
    asks = task.issue and questions.asks(task)
    moved = by_hand(found)
    yield Finding(
        reason=Reason.PERSON,
        text=moved or f"a person is needed{code}: {why or 'see its file'}",
        step=answer(world, task) if asks else again(found),
    )
    if not moved:
        yield structs.replace(needed(task), step=again(found))
    if asks:  # who answers expects to be heard
        yield from switched_off(world, task.repo, "github_dispatcher")


def named_steps(task: Task) -> Finding:
    """What the file alone knows of steps for a person: not whether they are ticked."""
    said = "; ".join(checklists.named(task))
    return Finding(reason=Reason.STEPS, text=f"steps for a person, perhaps ticked already: {said}")


def needed(task: Task) -> Finding:
    """The first step of the note that the task was handed over with."""
    steps = [line for line in task.note.splitlines() if line.startswith("1. ")]
    text = steps[-1].removeprefix("1. ") if steps else messages.NEEDED_ELSE
    return Finding(reason=Reason.PERSON, text=text)


def answer(world: World, task: Task) -> str:
    return f"{ANSWER}{world.config.github_web_url}/{task.repo}/issues/{task.issue}"


def by_hand(found: Found) -> str:
    """That a person's move has brought it where it is, in words; "" when a script of ours did,
    by itself or at a command: then its note says why."""
    marks = found.task.marks
    by = marks[-1].by if marks and marks[-1].state is found.state else PERSON
    ours = PERSON not in by or "," in by  # as in "a person, telegram"
    return "" if ours else f"a person put it into {found.state}/"


def failed(world: World, found: Found) -> Iterator[Finding]:
    if moved := by_hand(found):
        yield Finding(reason=Reason.FAILED, text=moved, step=again(found))
        return
    yield Finding(
        reason=Reason.FAILED,
        text=f"no agent could be started in {found.task.tries} tries: "
        f"{first_words(found.task.note) or 'see its file'}",
        step=again(found),
    )
    yield Finding(reason=Reason.FAILED, text=messages.NEEDED_TO_START)


def cancelled(world: World, found: Found) -> Iterator[Finding]:
    why = by_hand(found) or first_words(found.task.note) or "a person ended it"
    yield Finding(reason=Reason.CANCELLED, text=f"cancelled: {why}", step=again(found))


def done(world: World, found: Found) -> Iterator[Finding]:
    task, mark = found.task, found.task.merge
    steps = [f"to have it done anew, {anew(world, task)}"]
    if mark and mark.sha:
        proof = "verified" if mark.verified else "not verified yet"
        text = f"merged as {mark.sha[:12]} and {proof}"
    else:
        text = by_hand(found) or "delivered"
    broke = mark is not None and mark.after is BaseAfter.RED
    if broke:
        text += f"; {task.base} failed its checks after it"
    if broke and (switch := world.switch_against(task.repo)) is not None:
        text += f", and {task.repo} is switched off: {world.stopped(task.repo)}"
        steps.append(f"to go on: rm {switch}")
    elif mark is None or mark.revert is None:
        text += "; nothing is left to do"
    if mark and mark.sha and mark.revert is None:
        steps.append(f"to take it back: bin/task.sh revert {hands.name_of(task)}")
    yield Finding(reason=Reason.DONE, text=text, step="; ".join(steps))


def anew(world: World, task: Task) -> str:
    if task.issue:
        return f"reopen it and set it Ready: {hands.reopening(world, task)}"
    return f"drop a new file into {world.mailroom.folder(State.INBOX)}/"


def taken_back(world: World, task: Task, *, known: bool = False) -> Finding:
    """What the file alone knows of the revert that was offered, as the pr_monitor saw it last."""
    assert task.merge is not None  # or nothing could be taken back
    if task.merge.revert_end and not known:
        return reverted(task.merge.revert, merged=task.merge.revert_end is RevertEnd.MERGED)
    text = f"pull request #{task.merge.revert} is to take it back, for you to merge or to close"
    step = reverting.address(world, task, task.merge.revert or 0)
    text += "" if known else ", perhaps done already"
    return Finding(reason=Reason.TAKEN_BACK, text=text, step=step)


def reverted(number: int | None, *, merged: bool) -> Finding:
    if merged:
        text = f"it was taken back by pull request #{number}"
    else:
        text = f"pull request #{number} was to take it back; somebody closed it unmerged"
    return Finding(reason=Reason.TAKEN_BACK, text=text)


def quarantine(world: World, found: Found) -> Iterator[Finding]:
    inbox = world.mailroom.folder(State.INBOX)
    why = trail.set_aside(world, found.path.name) or "another file holds the same task"
    yield Finding(
        reason=Reason.QUARANTINE, text=f"its file was set aside: {why}",
        step=f"mend {found.path}, then: mv {found.path} {inbox}/",
    )  # fmt: skip


def again(found: Found) -> str:
    """How a person begins a new round."""
    retry = f"bin/task.sh retry {hands.name_of(found.task)}"
    return f"set #{found.task.issue} Ready again, or: {retry}" if found.task.issue else retry


def first_words(note: str) -> str:
    """The first sentence of a note that is a small page of markdown."""
    lines = [line.strip() for line in note.splitlines()]
    prose = [line for line in lines if line and not line.startswith(("#", "|"))]
    return prose[0] if prose else ""


BY_STATE: Mapping[State, Callable[[World, Found], Iterator[Finding]]] = {
    State.INBOX: waiting,
    State.PROCESSING: processing,
    State.BLOCKED: blocked,
    State.REVIEW: review,
    State.DONE: done,
    State.ESCALATED: escalated,
    State.FAILED: failed,
    State.CANCELLED: cancelled,
    State.QUARANTINE: quarantine,
}
