"""Which agent works next, and what becomes of a task that none can work on now."""

from __future__ import annotations

from msgspec import structs

from orchestrator import briefing, containment, cooling, reaper, settle
from orchestrator.adapters import files
from orchestrator.agents.base import Agent
from orchestrator.records.config import RepositoryConfig
from orchestrator.records.result import BlockerCode
from orchestrator.records.task import State, Task
from orchestrator.records.verdicts import AttemptVerdict, Escalate
from orchestrator.rules import cooldown, routing
from orchestrator.world import World


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
    if reason := containment.missing(world, agent.name):
        return reason
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
