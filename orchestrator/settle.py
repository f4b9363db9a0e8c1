"""What a judged attempt does to the world: each step finds what an earlier try already did."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import takewhile

from msgspec import structs

from orchestrator import (
    alerts,
    answering,
    cancellation,
    escalation,
    github_sync,
    readonly,
    reviewing,
    salvage,
    tampering,
    testing,
    workspace,
)
from orchestrator.adapters import history
from orchestrator.adapters.gh_rest import IssueRest, PullRest
from orchestrator.adapters.git import GitError
from orchestrator.adapters.wire import Refused
from orchestrator.records.config import RepositoryConfig
from orchestrator.records.errors import GitHubTrouble, Trouble
from orchestrator.records.evidence import Evidence
from orchestrator.records.result import BlockerCode, Result, Status
from orchestrator.records.task import (
    WAITING,
    Attempt,
    PullRequestLink,
    State,
    Task,
    marked,
    with_attempt,
    with_refusals_folded,
)
from orchestrator.records.verdicts import AttemptVerdict, Escalate
from orchestrator.rules import cadence, failures, lanes, obstacles, rounds
from orchestrator.rules.lanes import Action
from orchestrator.texts import evidence, messages
from orchestrator.world import World

BY = "queue"
# Where only a person can have put a file that is being settled.
PUT_ASIDE = frozenset({State.DONE, State.FAILED, State.BLOCKED, State.ESCALATED})
FAILED = "failed:"  # and the task with its round: the alert of a task that no agent could begin
HOLD_WAIT = timedelta(minutes=10)  # until what is under `hold` is looked at again


def settle(world: World, repository: RepositoryConfig, task: Task) -> None:
    """Outside first, the rename last; repeated after a crash it makes nothing twice (E6)."""
    attempt = task.attempt
    assert attempt is not None
    if ended_by_order(world, repository, task):
        return
    if lost(world, task, attempt):
        lose(world, task, attempt)
        return
    world.check_switches(task.repo)
    ask_for_manual_steps(world, task, attempt)
    if attempt.verdict is AttemptVerdict.DELIVER:
        deliver_or_lose(world, repository, task, attempt)
    elif attempt.verdict is AttemptVerdict.REWORK:
        world.mailroom.move(over(world, task), State.INBOX, by=BY)
    elif attempt.verdict in {AttemptVerdict.DEFER, AttemptVerdict.INTERRUPTED}:
        task = over(world, task)  # its wait may have been over before it could be settled
        to = State.INBOX if task.not_before is None else State.BLOCKED
        world.mailroom.move(task, to, by=BY)
    elif attempt.verdict is AttemptVerdict.CANCELLED:
        ended = settled(world, task)
        if not ended_by_a_person(world, repository, ended, pull_request_now(world, task)):
            cancel(world, repository, ended, attempt.reason)
    else:
        verdict = Escalate(attempt.reason, attempt.code)
        escalate(world, repository, settled(world, task), verdict)


def ask_for_manual_steps(world: World, task: Task, attempt: Attempt) -> None:
    """What only a person can do, as one checklist on the issue for each attempt that names any."""
    steps = attempt.result.manual_steps if attempt.result else ()
    if steps:
        github_sync.comment_once(
            world,
            task,
            "manual-steps",
            lambda marker: messages.manual_steps_comment(steps, marker=marker),
            ordinal=attempt.n,
        )
        where = f"{task.repo}#{task.issue}" if task.issue else f"{task.repo} {task.task_id}"
        said = f"{where}: {len(steps)} steps need a person: {steps[0]}"
        alerts.alert(world, f"manual-steps:{task.key}:{attempt.n}", said, task=task)


def settled(world: World, task: Task) -> Task:
    attempt = task.attempt
    if attempt is None or attempt.settled:
        return task
    now = world.clock.now()
    return with_refusals_folded(with_attempt(task, structs.replace(attempt, settled=now)))


def over(world: World, task: Task) -> Task:
    """Settled, and without the word of what had kept it from that."""
    return structs.replace(settled(world, task), note="")


def lost(world: World, task: Task, attempt: Attempt) -> bool:
    """Whether the judged head is in neither the store nor the remote (DESIGN.md, Attempt)."""
    if not attempt.head_sha or attempt.head_sha in task.pushed:
        return False
    room = workspace.of(world)
    if room.git(task.repo).has_commit(attempt.head_sha):
        return False
    ref = f"refs/heads/{task.branch}"
    return world.wire.ls(room.url(task.repo), ref) != attempt.head_sha


def lose(world: World, task: Task, attempt: Attempt) -> None:
    crash = structs.replace(
        attempt,
        verdict=AttemptVerdict.CRASHED,
        code=BlockerCode.WORKER_CRASH,
        reason="its commit is in neither the store nor the remote; the work is made again",
        settled=world.clock.now(),
    )
    world.events.add("crashed", task=task, reason=crash.reason, attempt=crash.n)
    world.mailroom.move(with_attempt(task, crash), State.INBOX, by=BY)


def deliver_or_lose(
    world: World, repository: RepositoryConfig, task: Task, attempt: Attempt
) -> None:
    """Deliver; where git finds its store damaged, which no later try mends, make that anew.

    A power loss can spare the commit and spoil what it holds: then the work went with the store.
    """
    room = workspace.of(world)
    try:
        deliver(world, repository, task, attempt)
    except GitError as error:
        if not room.doubt(task.repo, error):
            raise
        world.say(f"{task.repo}: its store is damaged and is made anew: {world.redact(str(error))}")
        room.refresh(task.repo, task.base, branch=task.branch)
        if not lost(world, task, attempt):
            raise
        lose(world, task, attempt)


def deliver(world: World, repository: RepositoryConfig, task: Task, attempt: Attempt) -> None:
    if not attempt.head_sha:
        report(world, repository, task, attempt)
        return
    kept = f"the work is commit {attempt.head_sha} in our store"
    try:
        pull = pull_request_now(world, task)
        if ended_by_a_person(world, repository, settled(world, task), pull):
            return
        if not (repository.default_allow_push and task.allow_push):
            verdict = Escalate(f"pushing is not allowed here; {kept}", BlockerCode.PUSH_NOT_READY)
            escalate(world, repository, settled(world, task), verdict)
            return
        is_open = pull is not None and pull.state == "open"
        if held_back(world, repository, task, attempt, pull):
            return
        objection = push(world, task, attempt, is_open=is_open)
        if objection:
            escalate(world, repository, settled(world, task), Escalate(objection))
            return
        if attempt.head_sha not in task.pushed[-1:]:
            others = tuple(sha for sha in task.pushed if sha != attempt.head_sha)
            task = structs.replace(task, pushed=(*others, attempt.head_sha))
            task = world.mailroom.update(task)
        opened = renewed(world, task, pull) if is_open else open_pull_request(world, task)
        if opened is not None and attempt.suspicions is not None:
            tampering.tell(world, task, opened.number, attempt.suspicions)
        stop = answering.answer(world, repository, task, attempt)
    except GitHubTrouble as trouble:
        waits = {*failures.PASSING, Trouble.UNKNOWN, Trouble.READ_ONLY}
        if trouble.trouble in waits or failures.too_early(
            trouble.trouble, attempt.judged, world.clock.now()
        ):
            raise
        readonly.rule_out(world, task.repo, trouble)
        # The same at every later try: a person's turn, and not a worker's every minute.
        verdict = Escalate(f"it cannot be delivered: {trouble}; {kept}", BlockerCode.PUSH_NOT_READY)
        escalate(world, repository, settled(world, task), verdict)
        return
    if opened is None:
        cancel(world, repository, settled(world, task), "somebody closed the pull request")
        return
    task = structs.replace(settled(world, task), pull_request=opened)
    if stop is not None:
        escalate(world, repository, task, stop)
        return
    task = structs.replace(task, note="", repair="", repair_items=())
    world.events.add("opened", task=task, pull_request=opened.number, sha=attempt.head_sha)
    task = github_sync.tell(world, marked(task, State.REVIEW, world.clock.now(), BY))
    world.mailroom.move(task, State.REVIEW, by=BY)
    world.say(f"{task.repo} {task.task_id}: pull request #{opened.number}")


def held_back(
    world: World, repository: RepositoryConfig, task: Task, attempt: Attempt, pull: PullRest | None
) -> bool:
    """Whether a person's word keeps this work from the open pull request, for now or for good (E8).

    Under `hold` it waits, judged as it is. A review that was taken back asks for nothing any more:
    what it brought about stays in our store, the pull request stays as it was approved.
    """
    if pull is None or pull.state != "open" or attempt.head_sha in task.pushed:
        return False
    brake = brake_on(task, pull, issue_of(world, task))
    if brake:
        world.say(f"{task.repo} {task.task_id}: {brake}; not pushed, waits")
        note = f"{brake}: its work is not pushed before that label is taken off"
        wait_for_its_end(world, task, note, since=attempt.judged)
        return True
    if not reviewing.withdrawn(world, repository, task):
        return False
    said = f"nobody asks for it any more; its work is commit {attempt.head_sha} in our store"
    unwanted = structs.replace(
        attempt, verdict=AttemptVerdict.CANCELLED, head_sha="", reason=said,
        settled=world.clock.now(),
    )  # fmt: skip
    return back_to_review(world, with_attempt(task, unwanted))


def not_begun(
    world: World, repository: RepositoryConfig, task: Task, pull: PullRest | None
) -> bool:
    """Whether a person's label keeps an agent from it; then it waits, which is no attempt (E8)."""
    issue = issue_of(world, task)
    if issue is not None and not issue.open:  # a moment ago, since it was looked at for that
        cancel(world, repository, task, f"somebody closed issue #{task.issue}")
        return True
    brake = brake_on(task, pull, issue)
    if brake:
        waits = takewhile(lambda mark: mark.state in WAITING, reversed(task.marks))
        since = min((mark.at for mark in waits), default=None)
        world.say(f"{task.repo} {task.task_id}: {brake}; no agent begins, waits")
        note = f"{brake}: no agent begins before that label is taken off"
        # GitHub was read to get here: what failed before that was no row of tries.
        wait_for_its_end(world, structs.replace(task, tries=0), note, since=since)
    return bool(brake)


def wait_for_its_end(world: World, task: Task, note: str, *, since: datetime | None) -> None:
    """Each look costs three marks in the file: a hold of weeks is looked at ever more seldom."""
    now = world.clock.now()
    until = cadence.more_seldom(since or now, now, least=HOLD_WAIT)
    world.mailroom.move(structs.replace(task, not_before=until, note=note), State.BLOCKED, by=BY)


def issue_of(world: World, task: Task) -> IssueRest | None:
    return world.read.issue_rest(task.repo, task.issue) if task.issue is not None else None


def brake_on(task: Task, pull: PullRest | None, issue: IssueRest | None) -> str:
    """Which label of a person's holds the pull request or its issue now, in words; "" for none."""
    if pull is not None and pull.state == "open":
        brakes = sorted(obstacles.BRAKES & {label.name.lower() for label in pull.labels})
        if brakes:
            return f"pull request #{pull.number} bears {brakes[0]}"
    # `blocked` on the issue is ours, and says only that no repair runs.
    if issue and obstacles.HOLD in {label.name.lower() for label in issue.labels}:
        return f"issue #{task.issue} bears {obstacles.HOLD}"
    return ""


def back_to_review(world: World, task: Task) -> bool:
    """Return a repair that no reviewer asks for any more to review/; True."""
    world.say(f"{task.repo} {task.task_id}: nobody asks for changes any more; back to review/")
    # No later repair may begin from what was made of it: nobody wants that any more.
    delivered = max((one.n for one in task.attempts if one.head_sha in task.pushed), default=0)
    made = tuple(
        structs.replace(one, head_sha="", test_tail="") if one.n > delivered else one
        for one in task.attempts
    )
    task = structs.replace(task, attempts=made, not_before=None)
    task = structs.replace(task, repair="", repair_items=(), note="")
    world.mailroom.move(task, State.REVIEW, by=BY)
    world.events.add("withdrawn", task=task, reason="the review was taken back")
    return True


def waits_for_approval(world: World, task: Task, pull: PullRest | None) -> bool:
    """Whether somebody's commit is on the open pull request; then it is back in review/ (M13).

    An agent would begin at our own head, and its work could not be pushed. There a maintainer's
    approving review lets the commit through, and without one a person is told a day later.
    """
    if pull is None or pull.state != "open" or pull.head.sha in task.pushed:
        return False
    said = f"somebody's commit {pull.head.sha[:12]} is on it; a maintainer's approving review"
    reason = f"{said} lets it through, and no agent works on it before"
    world.say(f"{task.repo} {task.task_id}: back to review/: {reason}")
    task = structs.replace(task, not_before=None, note="", repair="", repair_items=())
    task = github_sync.tell(world, marked(task, State.REVIEW, world.clock.now(), BY))
    world.mailroom.move(task, State.REVIEW, by=BY)
    world.events.add("deferred", task=task, reason=reason)
    return True


def pull_request_now(world: World, task: Task) -> PullRest | None:
    if task.pull_request is None:
        return None
    return world.read.pull_request_rest(task.repo, task.pull_request.number)


def ended_by_a_person(
    world: World, repository: RepositoryConfig, task: Task, pull: PullRest | None
) -> bool:
    """Whether somebody ended it by its file, or on GitHub, in this round (E8)."""
    return ended_by_order(world, repository, task) or ended_on_github(
        world, repository, task, pull
    )


def ended_on_github(
    world: World, repository: RepositoryConfig, task: Task, pull: PullRest | None
) -> bool:
    """Whether somebody merged or closed the pull request, or the issue, in this round.

    A merged one goes to review/, where the merge is proved and recorded.
    """
    merged = pull is not None and pull.merged_at is not None
    if pull and pull.closed_at and rounds.counts(task, pull.closed_at, merged=merged):
        if not merged:
            reason = f"somebody closed pull request #{pull.number}"
            cancel(world, repository, task, reason, said=pull.closed_at)
            return True
        world.say(f"{task.repo} {task.task_id}: somebody merged pull request #{pull.number}")
        world.mailroom.move(task, State.REVIEW, by=BY)
        return True
    if task.issue is not None and not world.read.issue_is_open(task.repo, task.issue):
        cancel(world, repository, task, f"somebody closed issue #{task.issue}")
        return True
    return False


def ended_by_order(world: World, repository: RepositoryConfig, task: Task) -> bool:
    """Whether a person said by the file, while it was ours, that it is to end; then it has.

    They wrote it there, or moved it: nothing more of its work goes to GitHub. In cancelled/ it is
    over, elsewhere it stays as they put it.
    """
    there = world.mailroom.locate(task.task_id)
    if there is None:
        return False
    moved = "a person moved its file to cancelled/" if there.state is State.CANCELLED else ""
    why = there.task.cancel or moved
    if why:
        cancel(world, repository, settled(world, task), why)
    elif there.state in PUT_ASIDE:
        cancellation.leave(world, repository, task, there.state)
    return bool(why) or there.state in PUT_ASIDE


def push(world: World, task: Task, attempt: Attempt, *, is_open: bool) -> str:
    """Push with the SHA we expect there (G6); why not, in a sentence, or "".

    Without an open pull request a person may have deleted the branch of an earlier one: then
    nothing is there that could be overwritten, and it is made anew.
    """
    room = workspace.of(world)
    expected = task.pushed[-1] if task.pushed else ""
    if expected and not is_open:
        there = world.wire.ls(room.url(task.repo), f"refs/heads/{task.branch}")
        expected = expected if there else ""
    if attempt.head_sha == expected:
        return ""
    git = room.git(task.repo)
    if expected and not (
        git.has_commit(expected) and git.is_ancestor(expected, attempt.head_sha)
    ):
        what = f"commit {attempt.head_sha[:12]} would take {expected[:12]} off {task.branch}"
        return f"{what}; nothing was pushed, and both were kept"
    outcome = room.push(task.repo, task.branch, attempt.head_sha, expected=expected)
    if not isinstance(outcome, Refused):
        return ""
    if outcome.remote_sha == (expected or None):
        return (
            f"GitHub refused the push to {task.branch}: {outcome.reason}; "
            f"the work is commit {attempt.head_sha} in our store"
        )
    if not task.pushed:
        return (
            f"the branch {task.branch} exists at {outcome.remote_sha}, which we never pushed: "
            "second installation? Nothing was pushed or adopted"
        )
    return f"somebody pushed to {task.branch} ({outcome.reason}); their commits were kept"


def open_pull_request(world: World, task: Task) -> PullRequestLink | None:
    """The task's pull request, opened once a round; None when a person closed this round's."""
    marker = world.markers.line(task, "pull-request")
    seen = testing.kept(world, task)
    body = messages.pull_request_body(
        task, marker=marker, tests=tests_said(world, task, seen),
        evidence=evidence.block(seen) if seen else "", files=delivered_paths(world, task),
    )  # fmt: skip
    closed: list[int] = []

    def find() -> str | None:
        for pull in world.read.pulls_of_branch(task.repo, task.branch):
            if marker in (pull.body or ""):
                if pull.state == "closed" and pull.merged_at is None:
                    closed.append(pull.number)
                return f"{pull.number} {pull.node_id}"
        return None

    def make() -> str:
        made = world.write.open_pull_request(
            task.repo,
            title=world.redact(messages.pull_request_title(task)),
            body=world.redact(body),
            head=task.branch,
            base=task.base,
        )
        return f"{made.number} {made.node_id}"

    try:
        found = world.effects.once(task.task_id, f"{task.key}:pull-request", find=find, make=make)
    except GitHubTrouble as trouble:
        # 422: one that is open from this branch already; a list that lagged behind sees it now.
        again = find() if trouble.trouble is Trouble.VALIDATION else None
        if again is None:
            raise
        found = again
    if closed:
        return None
    number, _, node_id = found.partition(" ")
    return PullRequestLink(number=int(number), node_id=node_id)


def renewed(world: World, task: Task, pull: PullRest | None) -> PullRequestLink | None:
    """The open pull request, whose body tells what we ran on this delivery, not on the last."""
    seen = testing.kept(world, task)
    if pull is None or seen is None:
        return task.pull_request
    body = world.redact(evidence.replaced(pull.body or "", seen))
    if body == (pull.body or ""):
        return task.pull_request
    with github_sync.unless_refused(world, task, "telling what was run"):
        world.effects.settled(
            task.task_id, f"{task.key}:evidence", seen.head_sha,
            lambda: world.write.edit_pull_request(task.repo, pull.number, body),
        )  # fmt: skip
    return task.pull_request


def tests_said(world: World, task: Task, seen: Evidence | None) -> str:
    """What stands behind a delivery: only a run that passed is ever delivered."""
    if seen is not None:
        return evidence.said(seen)
    repository = world.config.repository(task.repo)
    if repository is None or not repository.test_command:
        return "Nothing: the config of Agent OS names no `test_command` for this repository."
    return f"`{repository.test_command}`, after the agent had ended: passed."


def delivered_paths(world: World, task: Task) -> tuple[str, ...]:
    """What the pull request changes, by git and not by what the agent says."""
    room = workspace.of(world)
    base = room.remote_tip(task.repo, task.base)
    if base is None:
        return ()
    return history.paths_between(room.git(task.repo), base, task.pushed[-1])


def report(world: World, repository: RepositoryConfig, task: Task, attempt: Attempt) -> None:
    """A report is one comment; in lane full its issue is closed as completed."""
    result = attempt.result or Result(status=Status.COMPLETE)
    posted = github_sync.comment_once(
        world,
        task,
        "report",
        lambda marker: messages.report_comment(task, result, marker=marker),
    )
    if task.issue is not None and not posted:
        readonly.rule_out(world, task.repo)
    task = settled(world, task)
    if task.issue is not None and not posted:
        reason = f"the report could not be posted on issue #{task.issue}; it stands in this file"
        escalate(world, repository, task, Escalate(reason, BlockerCode.PUSH_NOT_READY))
        return
    may_close = lanes.may(repository.automation_mode, Action.CLOSE_REPORTED_ISSUE)
    if task.issue is not None and may_close:
        github_sync.close(world, task)
        task = github_sync.done(world, repository, task)
    task = github_sync.tell(world, marked(task, State.DONE, world.clock.now(), BY))
    world.mailroom.move(task, State.DONE, by=BY)
    world.events.add("done", task=task, reason="report delivered")


def escalate(world: World, repository: RepositoryConfig, task: Task, verdict: Escalate) -> None:
    escalation.escalate(world, repository, task, verdict, by=BY)


def cancel(
    world: World, repository: RepositoryConfig, task: Task, reason: str,
    *, by: str = BY, said: datetime | None = None,
) -> None:  # fmt: skip
    world.say(f"{task.repo} {task.task_id}: cancelled: {reason}")
    cancellation.cancel(world, repository, task, reason, by=by, said=said)


def fail(world: World, task: Task) -> None:
    """No agent could be started in five tries: the board says Blocked, the file says why, and
    one alert says that a person is needed, as of an escalation."""
    task = salvage.keep(world, task)
    repository = world.config.repository(task.repo)
    if repository is not None and task.issue is not None:
        task = github_sync.blocked(world, repository, task)
        task = github_sync.tell(world, marked(task, State.FAILED, world.clock.now(), BY))
    alerts.alert(
        world, f"{FAILED}{task.key}",
        f"{escalation.where(task)} needs a person: no agent could be started in {task.tries} "
        f"tries: {task.note}",
        task=task,
    )  # fmt: skip
    world.mailroom.move(task, State.FAILED, by=BY)
    world.events.add("failed", task=task, reason=task.note)
