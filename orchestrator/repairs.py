"""What is done about red checks: run again, told on the issue, handed to an agent or a person."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from msgspec import structs

from orchestrator import alerts, escalation, github_sync
from orchestrator.records.effect import Stage
from orchestrator.records.errors import GitHubTrouble, Trouble
from orchestrator.records.task import RepairItem, RepairKind, Rerun, State, Task
from orchestrator.records.tracker import Check
from orchestrator.records.verdicts import Escalate, Rework, RunAgain
from orchestrator.rules import checks, ci, failures, obstacles, redness
from orchestrator.rules.facts import Facts, Obstacle
from orchestrator.texts import markdown, repairs
from orchestrator.world import World

BY = "pr_monitor"
ITEMS_BYTES = 20_000  # of all texts together: they ride in the task file and in the prompt
MOST_ITEMS = 20


def do_run_again(world: World, facts: Facts, verdict: RunAgain) -> bool:
    """Write down which outcomes are not believed, then have them run again, each once.

    What GitHub will not run again is repaired as if nobody had tried.
    """
    task = ordered(world, facts.task, verdict)
    facts = structs.replace(facts, task=task)
    world.check_switches(task.repo)
    for target, (about, make) in orders(world, task, verdict).items():
        key = f"{task.key}:run-again:{verdict.head_sha[:12]}:{target}"
        find = partial(begun, world, structs.replace(verdict, checks=about), task.repo)
        try:
            world.effects.once(task.task_id, key, find=find, make=make)
        except GitHubTrouble as trouble:
            if trouble.trouble in failures.PASSING:
                raise
            if "running" in str(trouble).lower():
                world.say(f"{task.repo}: {verdict.head_sha[:12]} is being checked already")
                return False
            world.effects.record(task.task_id, key, Stage.DONE, f"refused: {trouble.status}")
            return refused(world, facts, trouble)
    return False


def ordered(world: World, task: Task, verdict: RunAgain) -> Task:
    """The task with the orders in it, before any of them leaves: a crash forgets none (M14)."""
    known = {(one.head, one.check, one.run) for one in task.reruns}
    now, head = world.clock.now(), verdict.head_sha
    new = tuple(
        Rerun(head=head, check=check.name, run=check.run, at=now)
        for check in verdict.checks
        if (head, check.name, check.run) not in known
    )
    if not new:
        return task
    task = world.mailroom.update(structs.replace(task, reruns=(*task.reruns, *new)))
    named = redness.named(verdict.checks)
    world.events.add("run_again", task=task, reason=verdict.reason, sha=head, checks=named)
    return task


def orders(
    world: World, task: Task, verdict: RunAgain
) -> dict[str, tuple[tuple[Check, ...], Callable[[], str]]]:
    """What to send and for which checks, by a name for the run and the outcome not believed.

    The failed jobs of an Actions run go together: while one is being repeated, GitHub refuses
    the next.
    """
    write = world.write
    found: dict[str, tuple[tuple[Check, ...], Callable[[], str]]] = {}
    workflows: dict[int, list[Check]] = {}
    for check in sorted(verdict.checks, key=lambda one: one.run):
        if check.workflow_run:
            workflows.setdefault(check.workflow_run, []).append(check)
        else:
            found[f"check-{check.run}"] = (check,), partial(write.ask_again, task.repo, check.id)
    for run, about in workflows.items():
        make = partial(write.run_again, task.repo, run)
        found[f"run-{run}-{about[-1].run}"] = tuple(about), make
    return found


def begun(world: World, verdict: RunAgain, repo: str) -> str | None:
    """Whether GitHub shows another run of these checks already."""
    now = world.read.commit_checks(repo, verdict.head_sha) or ()
    runs = {(one.group, one.name): one.run for one in checks.latest(now)}
    newer = [c.name for c in verdict.checks if runs.get((c.group, c.name), c.run) != c.run]
    return f"seen: {', '.join(newer)}" if newer else None


def refused(world: World, facts: Facts, trouble: GitHubTrouble) -> bool:
    """Told once a day for a repository, then the usual way; what nobody can repair waits."""
    repo = facts.task.repo
    said = f"{repo}: GitHub will not run checks again for us: {trouble}; they are repaired instead"
    if trouble.trouble is Trouble.PERMISSION:
        said += " (the token lacks the permission to write Actions)"
    alerts.alert(world, f"run-again {repo}", said, task=facts.task)
    if not redness.reds(facts.pull.checks or ()):
        return False
    verdict = ci.repair(facts, f"failed: {redness.named(own_reds(facts))}")
    if isinstance(verdict, Escalate):
        return hand_over(world, facts, verdict)
    return send_back(world, facts, verdict)


def own_reds(facts: Facts) -> tuple[Check, ...]:
    """The red checks that are this pull request's own, and not its base's."""
    return ruling(facts).checks


def reds_to_mend(facts: Facts) -> tuple[Check, ...]:
    """What a round that is made anyway should mend too: nothing while it may be the base's."""
    if not redness.reds(facts.pull.checks or ()):
        return ()
    found = ruling(facts)
    return () if found.course in redness.OF_THE_BASE else found.checks


def ruling(facts: Facts) -> redness.Ruling:
    return redness.judge(
        facts.pull.checks or (), facts.task, facts.pull.head_sha, facts.sightings, facts.base
    )


def begun_at(facts: Facts) -> Task:
    """The task whose repair begins at the head it is about, also at a person's that was approved.

    What is made on top still holds their commits, and so waits for a maintainer again (M13).
    """
    task, head = facts.task, facts.pull.head_sha
    return task if head in task.pushed else structs.replace(task, pushed=(*task.pushed, head))


def send_back(world: World, facts: Facts, verdict: Rework) -> bool:
    """Told on the issue once for the head, then the same file to the inbox with what to repair."""
    task, head = begun_at(facts), facts.pull.head_sha
    items = check_items(world, task.repo, own_reds(facts))
    tell(world, facts, items, "An agent is going to repair them on the same pull request.")
    task = structs.replace(
        task,
        reworks=task.reworks + 1,
        note=verdict.reason,
        repair=verdict.reason,
        repair_items=items,
        red_heads=(*task.red_heads, head),
    )
    task = github_sync.label(world, task, wanted=True)
    world.mailroom.move(task, State.INBOX, by=BY)
    world.events.add("rework", task=task, reason=verdict.reason, code=verdict.code, sha=head)
    return False


def hand_over(world: World, facts: Facts, verdict: Escalate) -> bool:
    """A person's turn, with the same words on the issue about the checks.

    They stay in the file too, for the agent of the round that a person may begin.
    """
    items = check_items(world, facts.task.repo, own_reds(facts))
    tell(world, facts, items, "No agent repairs them any more: a person is needed.")
    task = facts.task
    task = structs.replace(
        task, repair=verdict.reason, repair_items=items,
        red_heads=(*task.red_heads, facts.pull.head_sha),
    )  # fmt: skip
    escalation.escalate(world, facts.repository, task, verdict, by=BY)
    return False


def check_items(
    world: World, repo: str, red: Iterable[Check], *, first: int = 1
) -> tuple[RepairItem, ...]:
    """One numbered item for each red check, redacted, with the end of its log as far as it fits.

    A log that cannot be read never keeps a repair from being made.
    """
    named = sorted(red, key=lambda check: (check.name, check.group))[:MOST_ITEMS]
    share = ITEMS_BYTES // max(1, len(named))
    return tuple(
        RepairItem(
            number=number,
            kind=RepairKind.CHECK,
            where=markdown.one_line(world.redact(check.name), 200),
            text=markdown.last_lines(words_of(world, repo, check), share),
            url=check.url,
            ref=str(check.id or ""),
        )
        for number, check in enumerate(named, first)
    )


def words_of(world: World, repo: str, check: Check) -> str:
    """What the check says, redacted whole before anything of it is cut off (S15)."""
    try:
        said = world.read.check_log(repo, check)
    except GitHubTrouble as trouble:
        if trouble.trouble in failures.EVERYBODYS:
            raise
        said = f"(its log could not be read: {trouble})"
    return repairs.log_text(world.redact(said))


def tell(world: World, facts: Facts, items: tuple[RepairItem, ...], course: str) -> None:
    """One comment for each head, brought up to date when it is said again (M14)."""
    task, head = facts.task, facts.pull.head_sha
    kind = f"checks-{head[:12]}"

    def said(marker: str) -> str:
        return repairs.failure_comment(items, head, course, marker=marker)

    github_sync.comment_kept(world, task, kind, said)


def tell_of_red_bases(world: World, looked: Iterable[Facts]) -> None:
    """One alert a day for each base that is red itself for long; its end is told too."""
    waiting: dict[tuple[str, str], list[Facts]] = {}
    for facts in looked:
        stuck = waiting.setdefault((facts.pull.repo, facts.pull.base), [])
        if obstacles.view(facts).obstacle is Obstacle.BASE_RED:
            stuck.append(facts)
    for (repo, base), stuck in waiting.items():
        key = f"red base {repo} {base}"
        if not stuck:
            alerts.recovered(world, key, f"{repo}: {base} is in nobody's way any more")
            continue
        since = min(facts.held_since or world.clock.now() for facts in stuck)
        if world.clock.now() - since >= ci.BASE_RED:
            numbers = ", ".join(f"#{facts.pull.number}" for facts in stuck)
            why = obstacles.view(stuck[0]).verdict.reason
            said = f"{repo}: {why}; {numbers} wait until somebody repairs {base}"
            alerts.alert(world, key, said)
