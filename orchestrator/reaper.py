"""What a dead worker left behind: its agent's processes ended, its task returned (Q5 to Q7)."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import structs

from orchestrator import alerts, escalation, metering, tick, workspace
from orchestrator.adapters import mailroom, process
from orchestrator.records.result import BlockerCode
from orchestrator.records.task import BY_HAND, ENDED, Attempt, State, Task, with_attempt
from orchestrator.records.verdicts import AttemptVerdict, Escalate
from orchestrator.rules import cadence, routing
from orchestrator.texts import taskname
from orchestrator.world import World

BY = "reaper"
IGNORED = "inbox/"  # how alerts of files there are called
# The second crash in a row waits, so that a task that kills its worker cannot spin (Q6).
# The numbers multiply `retry_wait_minutes`.
CRASH_WAITS = (0.0, 1.0, 6.0)
# Until what its living worker could not finish is taken up again; later ever more seldom.
UNFINISHED_WAIT = timedelta(minutes=1)
UNFINISHED = "its last step could not be finished; see runtime/logs/queue.log"
# Interruptions of a round that cost no attempt: a machine that is restarted every night must not
# use up a long task, and one that is restarted every hour must not work on it for ever.
FORGIVEN = 10


def reap(world: World) -> None:
    """Bring every file of a dead worker, and every half-made move, back into a clear state."""
    with tick.isolated(world, "mailbox"):
        put_right(world)
        tell_the_ignored(world)
    for task in world.mailroom.stale_claims():
        with tick.isolated(world, f"{task.repo} {task.task_id}"):
            waits = waits_for_its_switch(world, task)
            if not waits and not world.decided(f"{task.repo} {task.task_id}", fate(task)):
                continue
            if waits and world.dry_run:
                continue
            lock = world.locks.try_task(task.task_id)
            if lock is not None:
                with lock:
                    fence(world, task)
                    if not waits:
                        bury(world, task)


def put_right(world: World) -> None:
    """Finish half-made moves, honour a person's, and keep one file of each task (Q3)."""
    for double in world.mailroom.duplicates():
        dropped = "one name of two" if double.same_file else "a second file, to quarantine/"
        if not world.decided(double.task_id, f"{double.drop.parent.name}/ holds {dropped}"):
            continue
        # Whoever moves the task meanwhile may bring it to the very name that is to be dropped.
        lock = world.locks.try_task(double.task_id)
        if lock is not None:
            with lock:
                world.mailroom.resolve(double)
    for stray in world.mailroom.misplaced():
        target = stray.marked if stray.interrupted else stray.state
        why = "its move is finished" if stray.interrupted else "a person moved it there"
        if not world.decided(stray.task.task_id, f"in {target}/: {why}"):
            continue
        lock = world.locks.try_task(stray.task.task_id)
        if lock is not None:
            with lock:
                by, task = (BY, stray.task) if stray.interrupted else (BY_HAND, resumed(stray))
                world.mailroom.move(task, target, by=by, at=stray.moved_at)


def tell_the_ignored(world: World) -> None:
    """What a person put into inbox/ under no task's name is told once, and when it went."""
    there = {f"{IGNORED}{path.name}": path for path in world.mailroom.ignored()}
    for key, path in there.items():
        inbox, folder = str(path.parent), path.is_dir()
        alerts.alert(world, key, taskname.ignored(path.name, inbox=inbox, folder=folder))
    for raised in alerts.raised(world, IGNORED):
        if raised.key not in there:
            alerts.recovered(world, raised.key, f"{raised.key} is gone or taken up")


def resumed(stray: mailroom.Misplaced) -> Task:
    """What had ended and a person put where work goes on begins a new round, as in inbox/ (I9).

    In blocked/ it waits for them: a time that was over when they put it there means nothing.
    """
    over = stray.marked in ENDED and stray.state not in ENDED
    task = mailroom.new_round(stray.task) if over else stray.task
    until = task.not_before
    if stray.state is State.BLOCKED and until is not None and until <= stray.moved_at:
        return structs.replace(task, not_before=None)
    return task


def fate(task: Task) -> str:
    attempt = task.attempt
    if attempt is None or attempt.settled or crashed_before(attempt):
        return "its worker died before an agent started; back to the inbox"
    if attempt.judged:
        return f"its worker died while settling attempt {attempt.n}; settling is repeated"
    return f"its worker died during attempt {attempt.n}; it counts as a crash"


def fence(world: World, task: Task) -> None:
    """Nothing of the old run may still write into the worktree (Q7)."""
    killed = process.kill_processes_in(world.paths.worktree(task.repo, task.task_id))
    workspace.of(world).clear_clean(task.repo, task.task_id)
    if killed:
        world.say(f"{task.task_id}: ended {len(killed)} processes of the dead attempt")


def crashed(attempt: Attempt, now: datetime) -> Attempt:
    return structs.replace(
        attempt,
        judged=now,
        settled=now,
        verdict=AttemptVerdict.CRASHED,
        code=BlockerCode.WORKER_CRASH,
        reason="the worker or the machine died during this attempt",
    )


def is_last(world: World, task: Task) -> bool:
    """Whether the attempt that its worker did not survive was the last that it may have."""
    attempt, repository = task.attempt, world.config.repository(task.repo)
    if repository is None or attempt is None or attempt.judged:
        return False
    made = counted(with_attempt(task, crashed(attempt, world.clock.now())))
    return len(made) >= (task.max_attempts or repository.max_attempts)


def waits_for_its_switch(world: World, task: Task) -> bool:
    """Whom it would be handed to hears nothing of a repository that is switched off."""
    return bool(world.stopped(task.repo)) and is_last(world, task)


def let_go(world: World, task: Task) -> None:
    """What its worker could not finish is free again, though that lives and has others to do.

    For the holder of the task's lock. Held until the worker goes home, work that is paid for would
    wait for every other task. It waits a little, so that it is in nobody's way either.
    """
    found = world.mailroom.locate(task.task_id)
    if found is None or found.state is not State.PROCESSING:
        return
    task, now = world.mailroom.see(found), world.clock.now()
    if task.state is not State.PROCESSING:
        return  # it is over; only its move has failed, which the next look finishes
    attempt = task.attempt
    if attempt is not None and not attempt.judged:
        if not waits_for_its_switch(world, task):
            fence(world, task)
            bury(world, task)
    elif world.stopped(task.repo) or world.stopped(world.script):
        world.mailroom.move(task, State.INBOX, by=world.script)  # the switch holds it there
    else:
        since = attempt.judged if attempt is not None and not attempt.settled else None
        until = cadence.more_seldom(since or now, now, least=UNFINISHED_WAIT)
        until = max(until, task.not_before or until)
        world.say(f"{task.repo} {task.task_id}: not finished; again after {world.spoken(until)}")
        waiting = structs.replace(task, not_before=until, note=UNFINISHED)
        world.mailroom.move(waiting, State.BLOCKED, by=world.script)


def bury(world: World, task: Task) -> None:
    """A fenced run is over: on to the next, to a person, or to what is left to settle."""
    attempt = task.attempt
    if attempt is None or attempt.judged:
        world.mailroom.move(task, State.INBOX, by=BY)
        return
    last = is_last(world, task)
    crash = crashed(attempt, world.clock.now())
    task = structs.replace(with_attempt(task, crash), note="")  # what it waited for is over
    world.events.add("crashed", task=task, reason=crash.reason, attempt=crash.n)
    metering.measure_once(world, task, crash)
    repository = world.config.repository(task.repo)
    if repository and last:
        limit = task.max_attempts or repository.max_attempts
        reason = f"{len(counted(task))} of {limit} attempts are used, the last one crashed"
        escalation.escalate(
            world, repository, task, Escalate(reason, BlockerCode.WORKER_CRASH), by=BY
        )
        return
    factor = CRASH_WAITS[min(in_a_row(task), len(CRASH_WAITS)) - 1]
    pause = timedelta(minutes=factor * repository.retry_wait_minutes if repository else 0)
    if pause:
        task = structs.replace(task, not_before=world.clock.now() + pause)
        world.mailroom.move(task, State.BLOCKED, by=BY)
    else:
        world.mailroom.move(task, State.INBOX, by=BY)


def called_off(world: World, task: Task, why: BaseException) -> None:
    """A signal or a full disk cut an attempt short: the task waits as if it had never begun.

    For the holder of the task's lock. The agent is dead by now, or is ended here; what it left in
    its worktree is salvaged by the next attempt (C14).
    """
    process.kill_processes_in(world.paths.worktree(task.repo, task.task_id))
    attempt = task.attempt
    if attempt is None or attempt.judged:
        return
    ended = structs.replace(
        attempt,
        judged=world.clock.now(),
        settled=world.clock.now(),
        verdict=AttemptVerdict.INTERRUPTED,
        reason=f"it was cut short ({world.redact(str(why))}); the same agent begins again",
    )
    task = with_attempt(task, ended)
    world.mailroom.move(task, State.INBOX, by=world.script)
    world.events.add("interrupted", task=task, reason=ended.reason, attempt=ended.n)
    metering.measure(world, task, ended)


def crashed_before(attempt: Attempt) -> bool:
    return attempt.verdict is AttemptVerdict.CRASHED


def counted(task: Task) -> tuple[Attempt, ...]:
    """The attempts that `max_attempts` counts: of this round, since the last delivery.

    One that a signal to its worker cut short says nothing of its agent. After a few of those in
    a round they count all the same, so that nothing goes on for ever (I9). One whose provider
    refused it before it made anything was none, and its agent rests ever longer; one that only
    says so itself had its turn, or its task would be begun for ever.
    """
    attempts: list[Attempt] = []
    interrupted = 0
    for attempt in task.this_round:
        interrupted += attempt.verdict is AttemptVerdict.INTERRUPTED
        if attempt.verdict is AttemptVerdict.DELIVER:
            attempts = []
        elif attempt.code in routing.REFUSALS and not attempt.head_sha and not attempt.claimed:
            continue
        elif attempt.verdict is not AttemptVerdict.INTERRUPTED or interrupted > FORGIVEN:
            attempts.append(attempt)
    return tuple(attempts)


def unready(task: Task) -> int:
    """How many attempts of this round were interrupted because our tests had no place to run."""
    return sum(
        one.verdict is AttemptVerdict.INTERRUPTED and one.code is BlockerCode.ENVIRONMENT_FAILURE
        for one in task.this_round
    )


def in_a_row(task: Task) -> int:
    row = 0
    for attempt in reversed(task.attempts):
        if not crashed_before(attempt):
            break
        row += 1
    return max(row, 1)
