"""What each verdict on a pull request does, in the order that survives a crash at any line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from msgspec import structs

from orchestrator import (
    aftermath,
    alerts,
    cancellation,
    escalation,
    foresight,
    github_sync,
    groundwork,
    readonly,
    repairs,
    reviewing,
    salvage,
    tampering,
    workspace,
)
from orchestrator.adapters import history
from orchestrator.adapters.wire import Refused
from orchestrator.records.change import Conflict
from orchestrator.records.errors import GitHubTrouble, Trouble
from orchestrator.records.result import BlockerCode
from orchestrator.records.task import BaseAfter, MergeMark, State, Task, marked
from orchestrator.records.verdicts import (
    Cancelled,
    Escalate,
    Merge,
    Merged,
    Rework,
    RunAgain,
    Update,
    Wait,
)
from orchestrator.rules import failures, lanes, merge, obstacles, reviews
from orchestrator.rules.facts import Facts, Obstacle, bounded, hours
from orchestrator.rules.lanes import Action
from orchestrator.rules.merge import AfterCall
from orchestrator.rules.pacing import Write
from orchestrator.texts import messages
from orchestrator.world import World

BY = "pr_monitor"
MERGE_LOCK_SECONDS = 20.0
# What GitHub puts off for so long, it will not do without a person.
PATIENCE = timedelta(hours=1)
MERGED_LABEL = "merged"
NAMED = 20  # conflicting paths that a reason names: it rides in the task file and on GitHub
# Within this time a snapshot is acted on; a tick may be slow, or its machine asleep.
STILL_FRESH = timedelta(minutes=1)
# After so many of them in a row a person is told: people merge faster than its checks run.
MANY_UPDATES = 10
LOOKS = 3
TOO_SLOW = "each look at it took too long to be acted on; the next tick looks again"


def wait(reason: str) -> Wait:
    return Wait(reason)


def do_wait(world: World, facts: Facts, verdict: Wait) -> bool:
    """Nothing, but that a person hears why their look is needed."""
    del verdict
    obstacle = obstacles.view(facts).obstacle
    if facts.suspicions and obstacle is Obstacle.SUSPICION:
        tampering.tell(world, facts.task, facts.pull.number, facts.suspicions)
    if obstacle is Obstacle.REVIEW and held(world, facts) >= reviews.LOOKS_AGAIN:
        reviewing.tell_of_a_long_wait(world, facts)
    return False


def do_merge(world: World, facts: Facts, verdict: Merge) -> bool:
    """Look once more, write down what is meant, merge that head and no other, prove it (M2)."""
    task, pull = facts.task, facts.pull
    world.limits.await_turn(Write.NOTICE)
    asked = world.clock.now()
    stop = issue_against(world, facts)
    if isinstance(stop, Wait):
        world.say(f"{task.repo}#{pull.number}: not merged after all: {stop.reason}")
        return False
    if stop is not None:
        return ACTIONS[type(stop)](world, facts, stop)
    with world.locks.merge(task.repo, pull.base, MERGE_LOCK_SECONDS):
        objection = last_look(world, facts, verdict)
        world.check_switches(task.repo)
        if not objection and world.clock.now() - asked > STILL_FRESH:
            objection = TOO_SLOW
        if objection:
            world.say(f"{task.repo}#{pull.number}: not merged after all: {objection}")
            return False
        mark, known = meant(world, task, verdict), task.merge
        task = world.mailroom.update(structs.replace(task, merge=mark))
        objection = called_off(world, facts.task)
        if world.clock.now() - asked > STILL_FRESH:  # the disk may stand still, or the machine
            objection = TOO_SLOW
        if objection:
            world.mailroom.update(structs.replace(task, merge=known))
            world.say(f"{task.repo}#{pull.number}: not merged after all: {objection}")
            return False
        title = messages.merge_title(task, pull.number)
        refusal = None
        try:
            sha = world.write.merge(
                task.repo,
                pull.number,
                head_sha=verdict.head_sha,
                method=merge.method(facts),
                title=world.redact(title),
            )
        except GitHubTrouble as trouble:
            refusal = trouble
        else:
            world.events.add("merged", task=task, reason=verdict.reason, sha=sha)
            mark = structs.replace(mark, sha=sha)
            task = world.mailroom.update(structs.replace(task, merge=mark))
    if refusal is not None:  # without the lock: an escalation needs others, which come before it
        return refused(world, structs.replace(facts, task=task), refusal)
    now = structs.replace(pull, open=False, merged=True)
    # However long it was in order before, it has been merged for no time at all.
    facts = structs.replace(facts, task=task, pull=now, held_since=None)
    return do_merged(world, facts, Merged("we merged it", sha, ours=True))


def called_off(world: World, task: Task) -> str:
    """What a person did to the task since this tick saw its file; "" where it may go on."""
    now = world.mailroom.in_place(task.task_id)
    if now is None:
        return "its file was moved since this tick saw it"
    if now.round != task.round:
        return f"round {now.round} has begun since this tick saw it"
    return f"it is to end: {now.cancel}" if now.cancel and not task.cancel else ""


def meant(world: World, task: Task, verdict: Merge) -> MergeMark:
    """The mark of this call, with the time of the first one for the same head and base."""
    head, base, known = verdict.head_sha, verdict.base_sha, task.merge
    again = known is not None and (known.head_sha, known.base_sha) == (head, base)
    first = known.asked if known is not None and again else None
    return MergeMark(head_sha=head, base_sha=base, asked=first or world.clock.now())


def issue_against(world: World, facts: Facts) -> Cancelled | Escalate | Wait | None:
    """What the issue itself says just before the merge (E8); unreadable is not closed."""
    task = facts.task
    if task.issue is None:
        return None
    try:
        issue = world.read.issue_rest(task.repo, task.issue)
    except GitHubTrouble as trouble:
        shown = task.marks[-1].at if task.marks else None
        if trouble.trouble in failures.PASSING or failures.too_early(
            trouble.trouble, shown, world.clock.now()
        ):
            raise
        said = f"issue #{task.issue} could not be read before the merge: {trouble}"
        return Wait(said) if waits_for_the_repository(world, task) else Escalate(said)
    if not issue.open:
        return Cancelled(f"somebody closed issue #{task.issue}", issue.closed_at)
    if obstacles.HOLD in {label.name.lower() for label in issue.labels}:
        return Wait(f"its issue #{task.issue} bears the label {obstacles.HOLD}")
    return None


def waits_for_the_repository(world: World, task: Task) -> bool:
    """Whether what GitHub refuses is no fault of this task's; then a person is told."""
    if closed := readonly.closed(world, task.repo):
        readonly.tell(world, task.repo, closed)
    return closed is not None


def last_look(world: World, facts: Facts, verdict: Merge) -> str:
    """What changed since the snapshot; "" when nothing speaks against the merge (E8).

    Of a snapshot that has become old by then, reviews and checks are read and judged again too.
    """
    for _ in range(LOOKS):
        objection = moved(world, facts, verdict)
        if objection or is_fresh(world, facts):
            return objection
        asked = world.clock.now()
        again = world.read.pull_requests_or_why([facts.pull.node_id]).get(facts.pull.node_id)
        if isinstance(again, GitHubTrouble):
            raise again
        if again is None:
            return "it is not in GitHub's answer any more"
        now = structs.replace(again, issue_open=facts.pull.issue_open)
        judged = merge.judge(structs.replace(facts, pull=now), world.clock.now())
        if judged != verdict:
            return f"since this tick began, its verdict became: {judged.reason}"
        facts = structs.replace(facts, pull=now, read_at=asked)
    return TOO_SLOW


def is_fresh(world: World, facts: Facts) -> bool:
    return facts.read_at is not None and world.clock.now() - facts.read_at <= STILL_FRESH


def moved(world: World, facts: Facts, verdict: Merge) -> str:
    """What two small requests tell of the pull request and of its base."""
    task, pull = facts.task, facts.pull
    fresh = world.read.pull_request_rest(task.repo, pull.number)
    labels = {label.name.lower() for label in fresh.labels}
    if fresh.head.sha != verdict.head_sha:
        return f"the head moved to {fresh.head.sha[:12]}"
    if fresh.state != "open" or fresh.draft or fresh.base.ref != pull.base:
        return "it was closed, made a draft or pointed elsewhere"
    if labels & obstacles.BRAKES:
        return f"it now bears the label {min(labels & obstacles.BRAKES)}"
    tip = world.read.branch_tip(task.repo, pull.base)
    if tip != verdict.base_sha:
        return f"{pull.base} moved on to {tip[:12]}"
    return ""


def refused(world: World, facts: Facts, trouble: GitHubTrouble) -> bool:
    """GitHub's no to a merge, by the map of M10; True when the base may have changed."""
    task, pull = facts.task, facts.pull
    what = merge.after_call(trouble.trouble)
    if what is AfterCall.AMBIGUOUS:
        world.say(f"{task.repo}#{pull.number}: the merge may have happened; {trouble}")
        return unclear(world, facts, trouble)
    if what is AfterCall.LOOK:
        fresh = world.read.pull_request_rest(task.repo, pull.number)
        if fresh.merged_at is not None:
            world.say(f"{task.repo}#{pull.number}: it was merged already")
            return True  # the mark stays, and the next tick proves it
    task = world.mailroom.update(structs.replace(task, merge=None))
    if trouble.trouble in failures.EVERYBODYS:
        raise trouble  # it was not merged, and nobody else gets further (A3, A11)
    after = merge.after_refusal(str(trouble)) if what is AfterCall.LOOK else None
    final = what is AfterCall.ESCALATE or isinstance(after, Escalate)
    final = final or held(world, facts) >= PATIENCE
    read_only = trouble.trouble is Trouble.READ_ONLY
    waits = (final or read_only) and waits_for_the_repository(world, task)
    if final and not read_only and not waits:
        return do_escalate(
            world, structs.replace(facts, task=task), Escalate(f"not merged: {trouble}")
        )
    world.say(f"{task.repo}#{pull.number}: not merged now: {trouble}")
    return False


def unclear(world: World, facts: Facts, trouble: GitHubTrouble) -> bool:
    """No clear answer: the next tick proves it or asks again, for an hour; then a person's turn.

    The mark stays with an escalation too, so that a merge which shows later is still recorded.
    """
    task, pull = facts.task, facts.pull
    mark = task.merge
    if mark is None or mark.asked is None or held(world, facts) < PATIENCE:
        return True
    if world.clock.now() - mark.asked < PATIENCE:
        return True
    fresh = world.read.pull_request_rest(task.repo, pull.number)
    if fresh.merged_at is not None or world.read.branch_tip(task.repo, pull.base) != mark.base_sha:
        return True
    reason = (
        f"GitHub gives no clear answer to its merge, for {hours(PATIENCE)} now, and shows neither "
        f"it nor {pull.base} as changed: {trouble}"
    )
    return do_escalate(world, facts, Escalate(reason))


def do_merged(world: World, facts: Facts, verdict: Merged) -> bool:
    """Prove the merge, then close all that hangs on it; each step may be repeated (M9, M12)."""
    task, repository = facts.task, facts.repository
    base = facts.pull.base
    room = workspace.of(world)
    tip = room.refresh(task.repo, base)
    git = room.git(task.repo)
    if not git.has_commit(verdict.sha) or not git.is_ancestor(verdict.sha, tip):
        world.say(f"{task.repo}: merge {verdict.sha[:12]} is not on {base} yet; looks again")
        if task.state is State.ESCALATED:
            return False
        if held(world, facts) < PATIENCE:
            return True
        reason = f"merged as {verdict.sha[:12]}, which is not on {base}: was {base} rewritten?"
        return do_escalate(world, facts, Escalate(reason))
    # What was escalated is a person's: after a freeze they have compared the trees, and what they
    # merged themselves, since we got no answer, may stand on a base that had moved on.
    unproved = verdict.ours and task.state is not State.ESCALATED
    if unproved and not same_tree(world, facts, verdict):
        return freeze(world, facts, verdict)
    head = facts.pull.head_sha
    mark = MergeMark(head_sha=head, base_sha=tip, sha=verdict.sha, verified=True)
    if task.merge is not None:
        after = BaseAfter.WATCHED if verdict.ours else None
        mark = structs.replace(task.merge, sha=verdict.sha, verified=True, after=after)
    task = structs.replace(task, merge=mark, note="", repair="", repair_items=())
    task = world.mailroom.update(task)
    leftover = room.worktree(task, head)
    if leftover.path.exists():  # its worker could not clear it away: the store was busy
        room.discard(leftover, committed=head)
    if lanes.may(repository.automation_mode, Action.DELETE_BRANCH):
        delete_branch(world, facts)
        task = salvage.noted(world, task)
    if facts.pull.open and not facts.pull.merged:
        if verdict.ours:
            still_open(world, task, verdict)
        else:
            close_without_merge(world, task, facts.pull.number)
    github_sync.close(world, task)
    task = github_sync.done(world, repository, task)
    github_sync.tell(world, marked(task, State.DONE, world.clock.now(), BY))
    room.forget(task)
    if mark.after is BaseAfter.WATCHED:
        aftermath.remember(world, task)
    world.mailroom.move(task, State.DONE, by=BY)
    world.events.add("done", task=task, reason=verdict.reason, sha=verdict.sha)
    world.say(f"{task.repo}#{facts.pull.number}: merged as {verdict.sha[:12]} and verified; done")
    return True


def still_open(world: World, task: Task, verdict: Merged) -> None:
    """Open for GitHub, and its merge on the base: told, and never merged again (M12)."""
    assert task.pull_request is not None
    number = task.pull_request.number
    with github_sync.unless_refused(world, task, f"marking #{number} as merged"):
        world.effects.settled(
            task.task_id,
            f"{task.key}:label-merged",
            verdict.sha,
            lambda: world.write.add_label(task.repo, number, MERGED_LABEL),
        )
    alerts.alert(
        world,
        f"still open {task.repo}#{number}",
        f"GitHub shows {task.repo}#{number} open, and its merge {verdict.sha[:12]} is on "
        f"{task.base}. It is not merged again; close it if GitHub does not.",
        task=task,
    )


def close_without_merge(world: World, task: Task, number: int) -> None:
    """Its whole change came to the base another way: GitHub would leave it open for ever."""
    with github_sync.unless_refused(world, task, f"closing #{number}"):
        world.write.close_issue(task.repo, number, "completed")


def held(world: World, facts: Facts) -> timedelta:
    """How long the same verdict has stood on this head."""
    return world.clock.now() - (facts.held_since or world.clock.now())


def same_tree(world: World, facts: Facts, verdict: Merged) -> bool:
    """Whether the base holds exactly the tree that was tested, when it merged up to date (M9)."""
    mark = facts.task.merge
    if mark is None or not mark.head_sha:
        return True
    git = workspace.of(world).git(facts.task.repo)
    if not git.has_commit(mark.head_sha):
        return True  # the store was made anew and the branch is gone: ancestry is what is left
    return history.same_tree(git, verdict.sha, mark.head_sha)


def freeze(world: World, facts: Facts, verdict: Merged) -> bool:
    """The base holds another tree than the one tested: stop the repository, tell a person (I5)."""
    task = facts.task
    reason = (
        f"merge {verdict.sha} of {task.repo}#{facts.pull.number} does not hold the tree of the "
        f"tested head {facts.pull.head_sha}; nothing was reverted. Compare the two, then remove "
        "this file."
    )
    aftermath.freeze(world, task, reason, kind="tree")
    return do_escalate(world, facts, Escalate(reason))


def delete_branch(world: World, facts: Facts) -> None:
    """Remove the merged branch if it still stands where it was merged (M15)."""
    task, head = facts.task, facts.pull.head_sha
    key = f"{task.key}:delete-branch"
    if world.effects.last(task.task_id, key) is not None:
        return
    above = [pull.number for pull in world.read.open_pulls_into(task.repo, task.branch)]
    if above:
        world.say(f"{task.repo}: branch {task.branch} was kept: #{above[0]} is built on it")
    else:
        with github_sync.unless_refused(world, task, f"deleting the branch {task.branch}"):
            outcome = workspace.of(world).delete_branch(task.repo, task.branch, expected=head)
            if isinstance(outcome, Refused):
                world.say(f"{task.repo}: branch {task.branch} was kept: {outcome.reason}")
    world.effects.settled(task.task_id, key, head, lambda: None)


def do_update(world: World, facts: Facts, verdict: Update) -> bool:
    """Bring the base into the branch ourselves; what does not fit is an agent's turn (M8)."""
    task = facts.task
    world.check_switches(task.repo)
    outcome = groundwork.update(world, task, verdict.head_sha, verdict.base_sha)
    if isinstance(outcome, Conflict):
        paths = foresight.written(one.path for one in outcome.paths)
        more = f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
        named = f"{', '.join(paths[:NAMED])}{more}"
        conflict = Rework(f"conflicts with {facts.pull.base} in {named}")
        foresight.mends(world, facts, paths)
        world.say(f"{task.repo}#{facts.pull.number} {task.task_id}: rework: {conflict.reason}")
        return do_rework(world, facts, conflict)
    if objection := called_off(world, task):
        world.say(f"{task.repo}#{facts.pull.number}: not updated after all: {objection}")
        return False
    pushed = workspace.of(world).push(
        task.repo, task.branch, outcome.sha, expected=verdict.head_sha
    )
    if isinstance(pushed, Refused) and pushed.remote_sha == verdict.head_sha:
        reason = f"GitHub refuses our update of {task.branch}: {pushed.reason}"
        return do_escalate(world, facts, Escalate(reason))
    if isinstance(pushed, Refused):
        world.say(f"{task.repo}#{facts.pull.number}: update refused ({pushed.reason}); looks again")
        return False
    world.mailroom.update(structs.replace(task, pushed=(*task.pushed, outcome.sha)))
    world.events.add("updated", task=task, reason=verdict.reason, sha=outcome.sha)
    if (times := len(facts.carried) + 1) >= MANY_UPDATES:
        alerts.alert(
            world,
            f"updates {task.repo}#{facts.pull.number}",
            f"{task.repo}#{facts.pull.number} was brought up to date {times} times, and each time "
            f"{facts.pull.base} had moved on before its checks were over. Merge it by hand in a "
            "quiet moment, or make its checks quicker; until then each costs one more run of them.",
            task=task,
        )
    return False


def do_rework(world: World, facts: Facts, verdict: Rework) -> bool:
    """The same file back to the inbox, with what is wrong; at most three times (M16)."""
    task = facts.task
    if verdict.code is BlockerCode.TEST_FAILURE:
        return repairs.send_back(world, facts, verdict)
    again = bounded(task.reworks, verdict.reason, verdict.code)
    if isinstance(again, Escalate):
        return do_escalate(world, facts, again)
    task = structs.replace(
        repairs.begun_at(facts), reworks=task.reworks + 1, note=verdict.reason,
        repair=verdict.reason, repair_items=(),
    )  # fmt: skip
    task = reviewing.begun(world, facts, task)
    world.mailroom.move(task, State.INBOX, by=BY)
    world.events.add("rework", task=task, reason=verdict.reason, code=verdict.code)
    return False


def do_escalate(world: World, facts: Facts, verdict: Escalate) -> bool:
    if verdict.code is BlockerCode.TEST_FAILURE:
        return repairs.hand_over(world, facts, verdict)
    escalation.escalate(world, facts.repository, facts.task, verdict, by=BY)
    return False


def do_cancel(world: World, facts: Facts, verdict: Cancelled) -> bool:
    cancellation.cancel(
        world, facts.repository, facts.task, verdict.reason, by=BY, said=verdict.at
    )
    return False


ACTIONS: Mapping[type, Callable[..., bool]] = {
    Wait: do_wait,
    Merge: do_merge,
    Merged: do_merged,
    Update: do_update,
    RunAgain: repairs.do_run_again,
    Rework: do_rework,
    Escalate: do_escalate,
    Cancelled: do_cancel,
}
