"""One attempt by one agent, from the worktree to a judged result."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from datetime import datetime

from msgspec import structs

from orchestrator import (
    briefing,
    choosing,
    codebase_memory,
    containment,
    cooling,
    disk,
    epics,
    github_sync,
    metering,
    preparing,
    proof,
    readonly,
    reaper,
    reviewing,
    salvage,
    sessions,
    settle,
    tampering,
    task_formatter,
    testing,
    workspace,
)
from orchestrator.adapters import files
from orchestrator.adapters.gh_rest import PullRest
from orchestrator.adapters.git import GitError, Identity
from orchestrator.agents.base import Agent, Failure, Launch, PromptTooLarge
from orchestrator.preparing import SetupFailed, Site
from orchestrator.proof import Proof
from orchestrator.readiness import Ready
from orchestrator.records.config import RepositoryConfig, Sandbox
from orchestrator.records.errors import AgentOSError, GitHubTrouble, Trouble
from orchestrator.records.order import AttemptOrder, AttemptReport
from orchestrator.records.result import BlockerCode, Status
from orchestrator.records.task import Attempt, State, Task, with_attempt
from orchestrator.records.verdicts import (
    AttemptJudgement,
    AttemptVerdict,
    Defer,
    Escalate,
    Interrupt,
    type_of_attempt,
)
from orchestrator.rules import answers, cooldown, retry, routing, stuck
from orchestrator.sessions import Session
from orchestrator.texts import markdown, messages
from orchestrator.worktree import Worktree
from orchestrator.world import World

TAIL_BYTES = 2_000  # of a failing test run: it rides in the task file


def work(world: World, repository: RepositoryConfig, task: Task) -> None:
    """Settle what is judged, or make the next attempt and settle it; an archive is waited for."""
    try:
        go_on(world, repository, task)
    except GitHubTrouble as trouble:
        if trouble.trouble is not Trouble.READ_ONLY:
            raise
        readonly.stand_aside(world, task, trouble)


def go_on(world: World, repository: RepositoryConfig, task: Task) -> None:
    task = readonly.goes_on(task)
    last = task.attempt
    if last is not None and last.judged and not last.settled:
        metering.measure_once(world, task, last)
        settle.settle(world, repository, task)
        room = workspace.of(world)
        start = room.git(task.repo).ref(f"refs/heads/{task.branch}") or last.head_sha
        clear_away(world, room.worktree(task, start), last)
        return
    if last is not None and not last.judged:
        # Its worker died while the file lay where a person had put it, out of the reaper's sight;
        # the worker that lets go of it now counts the crash.
        world.say(f"{task.repo} {task.task_id}: {reaper.fate(task)}")
        return
    try:
        pull = settle.pull_request_now(world, task)
        if not_wanted(world, repository, task, pull):
            return
        if task.round > 1 and not task.this_round:
            # A person moved the file back, or set it Ready again: the board must say so.
            task = world.mailroom.update(github_sync.in_progress(world, repository, task))
        if settle.waits_for_approval(world, task, pull):
            return
        early = choosing.choose(world, repository, task)
        if isinstance(early, routing.AllCooling):  # before a worktree is made for nobody
            choosing.stand_by(world, repository, task, early)
            return
        if task.epic:
            epics.work(world, repository, task)
            preparing.reached(world, task.repo)
            return
        task = task_formatter.formatted(world, repository, task)
        site = preparing.prepare(world, repository, task)
    except (workspace.CannotPrepare, GitError, SetupFailed, GitHubTrouble, OSError) as error:
        preparing.retreat(world, repository, task, error)
        return
    choice = choosing.opening(world, repository, task)
    if not isinstance(choice, tuple):
        choosing.stand_by(world, repository, task, choice)
        workspace.of(world).discard(site.tree)
        return
    if taken_away(world, task) or switched_off(world, task):
        workspace.of(world).discard(site.tree)
        return
    task = repair_begins(world, structs.replace(task, base=site.base))
    task = attempt(world, repository, task, choice, site)
    settle.settle(world, repository, task)
    clear_away(world, site.tree, task.attempt)


def not_wanted(
    world: World, repository: RepositoryConfig, task: Task, pull: PullRest | None
) -> bool:
    """Whether a person's word ends it, asks for it no more or holds it up; that is seen to."""
    if settle.ended_by_a_person(world, repository, task, pull):
        return True
    if reviewing.withdrawn(world, repository, task):
        return settle.back_to_review(world, task)
    return settle.not_begun(world, repository, task, pull)


def taken_away(world: World, task: Task) -> bool:
    """Whether a person took the file from us during the preparations, which may be long (I12).

    What lies in inbox/ is a copy, or a wish to begin again that can wait until this is done.
    """
    where = world.mailroom.holds(task.task_id)
    if where in {State.PROCESSING, State.INBOX}:
        return False
    place = f"was moved to {where}/" if where else "was removed"
    world.say(f"{task.repo} {task.task_id}: {place} by a person; no attempt begins")
    return True


def switched_off(world: World, task: Task) -> bool:
    """Whether a switch was set meanwhile: what it would pay for could not be pushed (S20)."""
    reason = world.stopped(task.repo) or world.stopped(world.script)
    if reason:
        world.say(f"{task.repo} {task.task_id}: switched off: {reason}; no attempt begins")
    return bool(reason)


def repair_begins(world: World, task: Task) -> Task:
    """The issue is not blocked while its repair runs; GitHub's trouble does not delay the work."""
    try:
        return github_sync.unlabelled(world, task)
    except GitHubTrouble as trouble:
        world.say(f"{task.repo}#{task.issue}: its label blocked stays for now: {trouble}")
        return task


def clear_away(world: World, tree: Worktree, made: Attempt | None) -> None:
    """Remove the worktree of an attempt that is settled; what is in no commit is salvaged."""
    workspace.of(world).discard(tree, committed=made.head_sha if made else "")


def attempt(
    world: World,
    repository: RepositoryConfig,
    task: Task,
    chosen: tuple[routing.Start, Ready],
    site: Site,
) -> Task:
    """Run the agent once; the file says `started` before it and `judged` after (Q6)."""
    containment.learn_logins(world)
    choice, ready = chosen
    number, name = task.runs + 1, choice.agent
    agent = world.agents[name]
    folder = world.paths.attempt(task.task_id, number)
    prompt = briefing.prompt(
        world, repository, task, tree=site.tree, ground=site.ground, heard=site.heard
    )
    files.make_folder(folder)
    files.write_cache(folder / "prompt.md", prompt.encode("utf-8", "replace"))
    briefing.keep(world, task, str(number), prompt)
    started = Attempt(
        n=number, agent=name, started=world.clock.now(), round=task.round,
        account=cooling.account(world, name, ready.account),
    )  # fmt: skip
    task = salvage.noted(world, task)  # what an earlier run left was kept before the checkout
    task = world.mailroom.update(with_attempt(structs.replace(task, tries=0), started))
    said = "; ".join((f"attempt {number} by {name}", *choice.skipped))
    world.events.add("started", task=task, reason=said)
    world.say(f"{task.repo} {task.task_id}: {said}")
    order = launch(world, repository, task, agent=name, site=site, prompt=prompt, ready=ready)
    session, now = sessions.earlier(world, task, name), cooling.here(world)
    room = workspace.of(world)

    def execute(order: AttemptOrder) -> AttemptReport:
        view = room.view(site.tree, site.base)
        within = containment.of_agent(world, repository, agent, order, git=view)
        return world.executor.run(within)

    try:
        before = room.fingerprint(site.tree)
        report, unfit = asked(agent, order, session, execute, now)
        containment.learn_logins(world)
        containment.told(world, task, name, report)
        tampered = room.put_right(site.tree, before)
        containment.alarm(world, task, name, tampered)
        seen = proof.prove(world, repository, task, site.tree, report, tampered=tampered)
    except (KeyboardInterrupt, disk.NoRoom, OSError) as stop:
        if not isinstance(stop, OSError) or disk.is_full(stop):
            with contextlib.suppress(AgentOSError, OSError):  # then the next tick reaps it
                reaper.called_off(world, task, stop)
        raise
    failure = unfit or agent.read_failure(report, cooling.here(world))
    started = structs.replace(
        started, usage=agent.read_usage(report, session.used if session else None)
    )
    refused = cooling.heard(world, started.account, failure, seen)
    marked = cooling.marked(task, seen, refused=refused)
    verdict = judge(world, repository, marked, failure, seen, site=site, refused=refused)
    return judged(
        world, task, started=started, site=site, seen=seen, verdict=verdict, refused=refused
    )


def asked(
    agent: Agent, order: Launch, session: Session | None,
    execute: Callable[[AttemptOrder], AttemptReport], now: datetime,
) -> tuple[AttemptReport, Failure | None]:  # fmt: skip
    """Run the agent; a prompt that it cannot be given starts nothing and is another's to take."""
    try:
        return sessions.run(agent, order, session, execute, now), None
    except PromptTooLarge as large:
        report = AttemptReport(exit_code=None, seconds=0.0, problem=str(large))
        return report, Failure(BlockerCode.PROMPT_TOO_LARGE, str(large))


def launch(
    world: World,
    repository: RepositoryConfig,
    task: Task,
    *,
    agent: str,
    site: Site,
    prompt: str,
    ready: Ready,
) -> Launch:
    config = world.config.agent(agent)
    folder = world.paths.attempt(task.task_id, task.runs)
    minutes = task.max_runtime_minutes or repository.max_runtime_minutes
    own = repository.agent_timeout_minutes.get(agent)
    idle = repository.idle_timeout_minutes
    return Launch(
        prompt=prompt,
        prompt_path=str(folder / "prompt.md"),
        folder=str(site.tree.path),
        home=str(folder / "home"),
        log_path=str(folder / "agent.log"),
        timeout_seconds=minutes * 60,
        agent_timeout_seconds=own * 60 if own else None,
        idle_timeout_seconds=idle * 60 if idle else None,
        test_command=repository.test_command or "",
        environment=world.environment,
        root=str(world.paths.code),
        python=sys.executable,
        task_type=task.task_type,
        account=ready.account,
        key=ready.key,
        contained=config is not None and config.sandbox is Sandbox.REQUIRED,
    )


def judge(
    world: World,
    repository: RepositoryConfig,
    task: Task,
    failure: Failure | None,
    seen: Proof,
    *,
    site: Site,
    refused: BlockerCode,
) -> AttemptJudgement:
    problem = seen.report.result_problem
    cut_off = refused is not BlockerCode.NONE and seen.result.blocker_code is not refused
    left = choosing.choose(world, repository, task, refused_now=cut_off)
    made, unready = reaper.counted(task), reaper.unready(task)
    return retry.judge(
        retry.Facts(
            result=seen.result if seen.report.result is not None or problem else None,
            deliverable=task.deliverable,
            has_diff=bool(seen.changes),
            tests=seen.tests,
            test_tail=seen.test_tail,
            gate_refused=seen.refused,
            fault=failure[0] if failure else BlockerCode.NONE,
            fault_reason=failure[1] if failure else problem,
            agents_left=1 if isinstance(left, routing.Start) else 0,
            wait_reason=left.reason if isinstance(left, routing.AllCooling) else "",
            spent=(
                left.reason
                if isinstance(left, routing.Exhausted) and left.code is BlockerCode.BUDGET_SPENT
                else ""
            ),
            retry_at=(
                cooldown.staggered(left.until, task.task_id)
                if isinstance(left, routing.AllCooling)
                else None
            ),
            attempts=len(made),
            agent=task.attempt.agent if task.attempt else "",
            history=task.this_round[:-1],
            refused_work=stuck.refused_work(task.attempts[:-1], task.round),
            idle=not seen.worked,
            deaf=task.attempt is not None and choosing.deaf(world, task.attempt.agent),
            unready_before=unready,
            try_again=preparing.again(world, repository, unready + 1),
            max_attempts=task.max_attempts or repository.max_attempts,
            # Red checks of an earlier round are told only: a person may have mended them since.
            idle_repair=(
                task.reworks > 0
                and site.tree.start_sha in task.pushed[-1:]
                and not seen.worked
                and answers.undisputed_checks(task.repair_items, seen.result.answers)
            ),
            idle_merge=site.ground.owes and not seen.worked,
            unexplained=tampering.asked_of(seen.bent),
            cancelled=closed_meanwhile(world, task),
        )
    )


def closed_meanwhile(world: World, task: Task) -> str:
    """What a person decided; where GitHub does not answer, the question is put before the push.

    An attempt that was paid for is judged and kept, whatever the network does meanwhile.
    """
    try:
        if task.issue is None or world.read.issue_is_open(task.repo, task.issue):
            return ""
    except GitHubTrouble:
        return ""
    return f"somebody closed issue #{task.issue} while the agent worked"


def judged(
    world: World,
    task: Task,
    *,
    started: Attempt,
    site: Site,
    seen: Proof,
    verdict: AttemptJudgement,
    refused: BlockerCode,
) -> Task:
    """Commit what is there and write the verdict down, before anything leaves this machine."""
    word = type_of_attempt[type(verdict)]
    deliver = word is AttemptVerdict.DELIVER
    half = not deliver and half_a_merge(site, seen)
    head = ""
    if seen.changes and not seen.refused and not half:
        head = commit(world, task, started, site, seen, deliver=deliver)
    else:
        # No commit takes it; a person may want to look.
        try:
            workspace.of(world).salvage(site.tree, seen=seen.work)
            task = salvage.noted(world, task)
        except AgentOSError as error:  # it stays in its folder, which goes with its work alone
            world.say(f"{task.repo} {task.task_id}: its work stays where it is: {error}")
    now = world.clock.now()
    code = BlockerCode.NONE if deliver else getattr(verdict, "code", BlockerCode.NONE)
    if refused is not BlockerCode.NONE and not deliver:
        code = refused
        # What it made itself, and not a commit that only brings the base in. Half a merge names
        # where it began, so that it counts as the attempt that it was.
        head = (site.ground.head if half else head) if seen.worked else ""
    done = structs.replace(
        started,
        judged=now,
        verdict=word,
        code=code,
        reason=world.redact(verdict.reason),
        head_sha=head,
        seconds=round(seen.report.seconds, 1),
        result=proof.redacted(world, seen.result),
        suspicions=tampering.left_to_a_person(world, seen.bent) if deliver else None,
        test_tail=failing_tail(world, seen),
    )
    task = structs.replace(
        with_attempt(task, done),
        not_before=verdict.until if isinstance(verdict, Defer | Interrupt) else None,
        note="",
    )
    if code is BlockerCode.UNEXPLAINED_CHANGE:
        task = structs.replace(task, repair_items=tampering.items(world, task, seen.bent))
    testing.keep(world, seen.evidence, head)
    task = world.mailroom.update(task)
    cause = verdict.cause if isinstance(verdict, Escalate) else BlockerCode.NONE
    metering.measure(world, task, done, seen.report, cause=cause)
    world.say(
        f"{task.repo} {task.task_id}: attempt {done.n} by {done.agent}: {word}: {done.reason}"
    )
    return task


def half_a_merge(site: Site, seen: Proof) -> bool:
    """Whether the branch's side of a conflict may still be missing from what stands there.

    In a commit it would count as merged: nobody would be told of that side again, and the base
    would get the work without it. So nothing of it is committed, and the next attempt meets the
    same conflict.
    """
    finished = seen.worked and seen.result.status is Status.COMPLETE
    return site.ground.owes and not finished


def failing_tail(world: World, seen: Proof) -> str:
    """What the next agent must know of a test run of ours that failed, redacted whole (S15)."""
    if seen.tests not in {retry.OwnTests.FAILED, retry.OwnTests.HOLLOW}:
        return ""
    return markdown.last_lines(world.redact(seen.test_tail), TAIL_BYTES)


def commit(
    world: World, task: Task, started: Attempt, site: Site, seen: Proof, *, deliver: bool
) -> str:
    """One commit of ours; a delivery carries its memory entry. Its dates come from the attempt,
    so that a repeated step makes the same SHA."""
    config = world.config
    named = structs.replace(started, result=proof.redacted(world, seen.result))
    extra: dict[str, str | None] = {}
    if deliver:
        extra = codebase_memory.page(world, task, named, site.tree, seen.changes)
    assert seen.work is not None  # who calls has seen changes
    made = workspace.of(world).commit(
        site.tree,
        seen.work,
        world.redact(messages.commit_message(task, named)),
        Identity(name=config.commit_name, email=config.commit_email, moment=started.started),
        extra_files=extra,
        parents=site.ground.parents,
    )
    return made or site.tree.start_sha
