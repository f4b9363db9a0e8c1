"""Which agent works next, and what becomes of a task that none can work on now."""

from __future__ import annotations

from msgspec import structs

from orchestrator import (
    admission,
    briefing,
    cooling,
    github_sync,
    readiness,
    reaper,
    settle,
    standing,
)
from orchestrator.readiness import Ready
from orchestrator.records.config import RepositoryConfig
from orchestrator.records.errors import GitHubTrouble
from orchestrator.records.result import BlockerCode
from orchestrator.records.task import State, Task, marked
from orchestrator.records.verdicts import Escalate
from orchestrator.rules import cooldown, routing
from orchestrator.world import World

TRIES = 10  # to be the one that starts an agent after its rest


def choose(
    world: World, repository: RepositoryConfig, task: Task, *, refused_now: bool = False
) -> routing.Start | routing.AllCooling | routing.Exhausted:
    """The next agent of the chain that may run here and has not tried since the last delivery.

    `refused_now`: its provider has ended the attempt that is being judged.
    """
    wanted, fallbacks = briefing.first_choice(task), repository.agent_fallbacks
    chain = routing.chain(wanted, task.task_type, fallbacks, world.agents)
    chain = standing.ordered(world, repository, task, chain, first=wanted)
    refused = admission.refusals(world, repository, task, chain)
    if nobody := admission.closed(refused):
        return nobody
    looked = {name: readiness.look(world, name, task.task_type) for name in chain}
    unavailable = {
        name: found for name, found in looked.items() if isinstance(found, routing.Unavailable)
    }
    unavailable = {
        name: routing.Unavailable(one.reason, one.until) for name, one in refused.items()
    } | unavailable
    made = reaper.counted(task)
    # Who is asked for a reason answers it: that was no turn of its own, if it can.
    tried = {
        one.agent for one in made
        if one.code is not BlockerCode.UNEXPLAINED_CHANGE or deaf(world, one.agent)
    }  # fmt: skip
    choice = routing.next_agent(chain, tried, unavailable)
    if isinstance(choice, routing.Exhausted):
        # A crash may be the machine's fault, and a quota comes back: whose every attempt ended so
        # gets another turn, after those who have had none; `max_attempts` bounds it.
        had_a_turn = {
            one.agent for one in made
            if routing.had_its_turn(one) and not (refused_now and one is task.attempt)
        }  # fmt: skip
        again = routing.next_agent(chain, had_a_turn, unavailable)
        choice = choice if isinstance(again, routing.Exhausted) else again
    unknown = routing.strangers(wanted, task.task_type, fallbacks, world.agents)
    if isinstance(choice, routing.Exhausted) and unknown:
        named = ", ".join(unknown)
        return routing.Exhausted(f"{choice.reason}; not known here: {named} (config: agents)")
    return choice


def deaf(world: World, name: str) -> bool:
    """Whether the agent does the same again, whatever it is asked."""
    agent = world.agents.get(name)
    return agent is not None and agent.deaf


def opening(
    world: World, repository: RepositoryConfig, task: Task
) -> tuple[routing.Start, Ready] | routing.AllCooling | routing.Exhausted:
    """Who starts, and with which login; of an agent after its rest, one start at a time."""
    for _ in range(TRIES):
        choice = choose(world, repository, task)
        if not isinstance(choice, routing.Start):
            return choice
        ready = readiness.look(world, choice.agent, task.task_type)
        if isinstance(ready, Ready) and cooling.may_start(world, choice.agent, ready.account):
            return choice, ready
    # Each time another worker was quicker: looked at again when its start has shown something.
    until = world.clock.now() + cooldown.PROBE
    return routing.AllCooling(until, ("another worker tries whether they are served again",))


def stand_by(
    world: World,
    repository: RepositoryConfig,
    task: Task,
    choice: routing.AllCooling | routing.Exhausted,
) -> None:
    if isinstance(choice, routing.AllCooling):
        until = cooldown.staggered(choice.until, task.task_id)
        note = choice.reason or f"every agent rests; {'; '.join(choice.skipped)}"
        world.say(f"{task.repo} {task.task_id}: waits until {world.spoken(until)}: {note}")
        # GitHub was read to get here: what failed before that was no row of tries.
        task = structs.replace(task, not_before=until, note=note, tries=0)
        if choice.reason:
            world.events.add("deferred", task=task, reason=note)
            task = told(world, task)
        world.mailroom.move(task, State.BLOCKED, by=world.script)
        return
    verdict = Escalate(choice.reason, choice.code)
    escalation_line = f"{task.repo} {task.task_id}: escalated: {choice.reason}"
    world.say(escalation_line)
    settle.escalate(world, repository, task, verdict)


def told(world: World, task: Task) -> Task:
    """The issue's status line says what it waits for; GitHub's trouble does not hold it up."""
    waiting = marked(task, State.BLOCKED, world.clock.now(), world.script)
    try:
        return github_sync.tell(world, waiting)
    except GitHubTrouble as trouble:
        world.say(f"{task.repo}#{task.issue}: its status comment is old for now: {trouble}")
        return waiting
