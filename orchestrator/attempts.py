"""One attempt by one agent, from the worktree to a judged result."""

from __future__ import annotations

import contextlib
import sys
from datetime import timedelta

from msgspec import Struct, structs

from orchestrator import (
    briefing,
    codebase_memory,
    cooling,
    disk,
    github_sync,
    groundwork,
    proof,
    reaper,
    reviewing,
    salvage,
    settle,
    workspace,
)
from orchestrator.adapters import files
from orchestrator.adapters.git import GitError, Identity
from orchestrator.agents.base import Agent, Launch
from orchestrator.groundwork import Ground
from orchestrator.proof import Proof
from orchestrator.records.config import RepositoryConfig
from orchestrator.records.errors import AgentOSError, GitHubTrouble
from orchestrator.records.result import BlockerCode
from orchestrator.records.task import Attempt, State, Task, with_attempt
from orchestrator.records.tracker import Comment
from orchestrator.records.verdicts import (
    AttemptJudgement,
    AttemptVerdict,
    Defer,
    Escalate,
    type_of_attempt,
)
from orchestrator.rules import answers, cooldown, failures, retry, routing
from orchestrator.texts import messages
from orchestrator.workspace import Worktree
from orchestrator.world import World

# A fault before any agent: five tries with growing waits, then failed/ (DESIGN.md, Mailbox). The
# numbers multiply `retry_wait_minutes`.
BEFORE_AGENT_WAITS = (0.2, 1.0, 4.0, 12.0)


class Site(Struct, frozen=True, kw_only=True):
    """Where an attempt takes place: a clean worktree on a base just fetched."""

    base: str
    tree: Worktree
    ground: Ground
    heard: tuple[Comment, ...] = ()


class SetupFailed(AgentOSError):
    """The repository's setup_command did not succeed; no agent was started."""

    exit_code = 10


def work(world: World, repository: RepositoryConfig, task: Task) -> None:
    """Settle what is judged, or make the next attempt and settle it."""
    last = task.attempt
    if last is not None and last.judged and not last.settled:
        settle.settle(world, repository, task)
        room = workspace.of(world)
        start = room.git(task.repo).ref(f"refs/heads/{task.branch}") or last.head_sha
        clear_away(world, room.worktree(task, start), last)
        return
    try:
        pull = settle.pull_request_now(world, task)
        if settle.ended_by_a_person(world, repository, task, pull):
            return
        if reviewing.withdrawn(world, repository, task):
            settle.back_to_review(world, task)
            return
        if task.round > 1 and not task.this_round:
            # A person moved the file back, or set it Ready again: the board must say so.
            task = world.mailroom.update(github_sync.in_progress(world, repository, task))
        site = prepare(world, repository, task)
    except (workspace.CannotPrepare, GitError, SetupFailed, GitHubTrouble, OSError) as error:
        retreat(world, repository, task, error)
        return
    choice = choose(world, repository, task)
    while isinstance(choice, routing.Start) and not cooling.may_start(world, choice.agent):
        choice = choose(world, repository, task)  # another worker was quicker, after its rest
    if not isinstance(choice, routing.Start):
        stand_by(world, repository, task, choice)
        workspace.of(world).discard(site.tree)
        return
    if taken_away(world, task):
        workspace.of(world).discard(site.tree)
        return
    task = repair_begins(world, structs.replace(task, base=site.base))
    task = attempt(world, repository, task, choice, site)
    settle.settle(world, repository, task)
    clear_away(world, site.tree, task.attempt)


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


def prepare(world: World, repository: RepositoryConfig, task: Task) -> Site:
    """Fetch, start where the work stands with the base brought in, check out, set up."""
    base = task.base or repository.base_branch or world.read.default_branch(task.repo)
    heard = briefing.comments(world, repository, task)
    room = workspace.of(world)
    tip = room.refresh(task.repo, base, branch=task.branch)
    ground = groundwork.start(world, task, tip)
    tree = room.prepare(task, tip, ground.sha)
    if ground.conflicts:
        groundwork.take_base_text(world, tree, ground)
    site = Site(base=base, tree=tree, ground=ground, heard=heard)
    set_up(world, repository, task, tree)
    return site


def set_up(world: World, repository: RepositoryConfig, task: Task, tree: Worktree) -> None:
    """Run setup_command where the worktree needs it; raises SetupFailed."""
    command = repository.setup_command
    room = workspace.of(world)
    if not command or not room.needs_setup(tree, command):
        return
    report = proof.run_command(world, repository, task, tree, what="setup", command=command)
    if report.exit_code != 0:
        raise SetupFailed(
            f"setup_command ended with {report.exit_code}: {proof.last_line(report)}; "
            f"its whole output is in {proof.log_path(world, task, 'setup')}"
        )
    room.note_setup(tree, command)


def retreat(world: World, repository: RepositoryConfig, task: Task, error: Exception) -> None:
    """A fault before an agent costs no attempt: later again, at the fifth to failed/."""
    if isinstance(error, GitHubTrouble) and error.trouble in failures.EVERYBODYS:
        world.mailroom.move(task, State.INBOX, by=world.script)
        raise error
    no_room = "the disk is full" if disk.is_full(error) else disk.short_of(world)
    if no_room:
        world.mailroom.move(task, State.INBOX, by=world.script)
        raise disk.NoRoom(f"{no_room}: {task.task_id} waits as it is: {error}") from error
    if workspace.of(world).doubt(task.repo, error):
        world.say(f"{task.repo}: its store is damaged; the next try makes it anew")
    said = world.redact(str(error))
    task = structs.replace(task, tries=task.tries + 1, note=said)
    where = f"{task.repo} {task.task_id}"
    world.events.add("deferred", task=task, reason=said, tries=task.tries)
    if task.tries > len(BEFORE_AGENT_WAITS):
        world.say(f"{where}: failed, no agent was started in {task.tries} tries: {said}")
        settle.fail(world, task)
        return
    wait = timedelta(minutes=repository.retry_wait_minutes * BEFORE_AGENT_WAITS[task.tries - 1])
    until = world.clock.now() + wait
    world.say(f"{where}: try {task.tries} again after {world.spoken(until)}: {said}")
    world.mailroom.move(structs.replace(task, not_before=until), State.BLOCKED, by=world.script)


def choose(
    world: World, repository: RepositoryConfig, task: Task
) -> routing.Start | routing.AllCooling | routing.Exhausted:
    """The next agent of the chain that may run here and has not tried since the last delivery."""
    wanted, fallbacks = briefing.first_choice(task), repository.agent_fallbacks
    chain = routing.chain(wanted, task.task_type, fallbacks, world.agents)
    unavailable = {
        name: routing.Unavailable(reason)
        for name in chain
        if (reason := cannot_run(world, world.agents[name]))
    }
    unavailable = cooling.resting(world, chain) | unavailable
    made = reaper.counted(task)
    choice = routing.next_agent(chain, {one.agent for one in made}, unavailable)
    if isinstance(choice, routing.Exhausted):
        # A crash may be the machine's fault: who has only crashed gets another turn, after those
        # who have had none; `max_attempts` bounds it.
        had_a_turn = {one.agent for one in made if one.verdict is not AttemptVerdict.CRASHED}
        again = routing.next_agent(chain, had_a_turn, unavailable)
        choice = choice if isinstance(again, routing.Exhausted) else again
    unknown = routing.strangers(wanted, task.task_type, fallbacks, world.agents)
    if isinstance(choice, routing.Exhausted) and unknown:
        named = ", ".join(unknown)
        return routing.Exhausted(f"{choice.reason}; not known here: {named} (config: agents)")
    return choice


def cannot_run(world: World, agent: Agent) -> str:
    """Why the agent would not even start; costs no attempt."""
    needs = agent.requirements()
    for program in needs.programs:
        if files.find_program(program, world.environment.get("PATH", "")) is None:
            return f"its program {program} is not on PATH"
    for variable in needs.variables:
        if not world.environment.get(variable):
            return f"the environment has no {variable}"
    return ""


def stand_by(
    world: World,
    repository: RepositoryConfig,
    task: Task,
    choice: routing.AllCooling | routing.Exhausted,
) -> None:
    if isinstance(choice, routing.AllCooling):
        until = cooldown.staggered(choice.until, task.task_id)
        note = f"every agent rests; {'; '.join(choice.skipped)}"
        world.say(f"{task.repo} {task.task_id}: waits until {world.spoken(until)}: {note}")
        task = structs.replace(task, not_before=until, note=note)
        world.mailroom.move(task, State.BLOCKED, by=world.script)
        return
    verdict = Escalate(choice.reason, BlockerCode.FALLBACK_EXHAUSTED)
    escalation_line = f"{task.repo} {task.task_id}: escalated: {choice.reason}"
    world.say(escalation_line)
    settle.escalate(world, repository, task, verdict)


def attempt(
    world: World, repository: RepositoryConfig, task: Task, choice: routing.Start, site: Site
) -> Task:
    """Run the agent once; the file says `started` before it and `judged` after (Q6)."""
    number, name = len(task.attempts) + 1, choice.agent
    agent = world.agents[name]
    folder = world.paths.attempt(task.task_id, number)
    prompt = briefing.prompt(
        world, repository, task, tree=site.tree, ground=site.ground, heard=site.heard
    )
    files.make_folder(folder)
    files.write_cache(folder / "prompt.md", prompt.encode("utf-8", "replace"))
    started = Attempt(n=number, agent=name, started=world.clock.now(), round=task.round)
    task = salvage.noted(world, task)  # what an earlier run left was kept before the checkout
    task = world.mailroom.update(with_attempt(structs.replace(task, tries=0), started))
    said = "; ".join((f"attempt {number} by {name}", *choice.skipped))
    world.events.add("started", task=task, reason=said)
    world.say(f"{task.repo} {task.task_id}: {said}")
    order = launch(world, repository, task, agent=name, site=site, prompt=prompt)
    try:
        report = world.executor.run(agent.order(order))
        seen = proof.prove(world, repository, task, site.tree, report)
    except (KeyboardInterrupt, disk.NoRoom, OSError) as stop:
        if not isinstance(stop, OSError) or disk.is_full(stop):
            with contextlib.suppress(AgentOSError, OSError):  # then the next tick reaps it
                reaper.called_off(world, task, stop)
        raise
    refused = cooling.heard(world, name, agent, seen)
    marked = cooling.marked(task, seen, refused=refused)
    verdict = judge(world, repository, marked, agent, seen, start=site.tree.start_sha)
    return judged(
        world, task, started=started, site=site, seen=seen, verdict=verdict, refused=refused
    )


def launch(
    world: World, repository: RepositoryConfig, task: Task, *, agent: str, site: Site, prompt: str
) -> Launch:
    folder = world.paths.attempt(task.task_id, len(task.attempts))
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
    )


def judge(
    world: World,
    repository: RepositoryConfig,
    task: Task,
    agent: Agent,
    seen: Proof,
    *,
    start: str,
) -> AttemptJudgement:
    failure, problem = agent.read_failure(seen.report), seen.report.result_problem
    left = choose(world, repository, task)
    made = reaper.counted(task)
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
            retry_at=(
                cooldown.staggered(left.until, task.task_id)
                if isinstance(left, routing.AllCooling)
                else None
            ),
            attempts=len(made),
            max_attempts=task.max_attempts or repository.max_attempts,
            idle_repair=(
                start in task.pushed[-1:]
                and not seen.worked
                and answers.undisputed_checks(task.repair_items, seen.result.answers)
            ),
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
    refused: bool,
) -> Task:
    """Commit what is there and write the verdict down, before anything leaves this machine."""
    word = type_of_attempt[type(verdict)]
    deliver = word is AttemptVerdict.DELIVER
    head = ""
    if seen.changes and not seen.refused:
        head = commit(world, task, started, site, seen, deliver=deliver)
    else:
        workspace.of(world).salvage(site.tree)  # no commit takes it; a person may want to look
        task = salvage.noted(world, task)
    now = world.clock.now()
    code = BlockerCode.NONE if deliver else getattr(verdict, "code", BlockerCode.NONE)
    if refused and not deliver:
        code = BlockerCode.QUOTA_LIMITED
        head = "" if head == site.tree.start_sha else head  # what it made itself, nothing else
    done = structs.replace(
        started,
        judged=now,
        verdict=word,
        code=code,
        reason=world.redact(verdict.reason),
        head_sha=head,
        seconds=round(seen.report.seconds, 1),
        result=proof.redacted(world, seen.result),
    )
    task = structs.replace(
        with_attempt(task, done),
        not_before=verdict.until if isinstance(verdict, Defer) else None,
        note=world.redact(seen.test_tail[-2000:]) if code is BlockerCode.TEST_FAILURE else "",
    )
    task = world.mailroom.update(task)
    briefing.measure(world, task, done)
    world.say(
        f"{task.repo} {task.task_id}: attempt {done.n} by {done.agent}: {word}: {done.reason}"
    )
    return task


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
