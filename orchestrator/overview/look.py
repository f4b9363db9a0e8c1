"""One look at everything, from the files of this machine; GitHub is asked only where it is said."""

from __future__ import annotations

from orchestrator import switches
from orchestrator.overview import machine, tasks
from orchestrator.records.overview import Off, Overview
from orchestrator.world import World


def look(world: World, *, problems: tuple[str, ...] = (), live: bool = False) -> Overview:
    """Everything at once; what cannot be read is told as such, and nothing is written.

    `problems` are those of a config whose last good copy runs. With `live` GitHub is asked what
    stands in the way of each pull request now, and which steps for a person are ticked. Without it
    no request is made and no error raised, but for a disk that fails.
    """
    shelf = tasks.Shelf(world)
    broken = (f"{one.name}: {'; '.join(one.problems)}" for one in world.config.broken)
    agents = machine.agents(world, shelf.named_agents())
    return Overview(
        at=world.clock.now(),
        root=str(world.paths.root),
        config=(*problems, *broken),
        off=off(world),
        running=tasks.running(world, shelf),
        waiting=tasks.waiting(world, shelf),
        pull_requests=tasks.pull_requests(world, shelf, live=live),
        calling=tasks.calling(world, shelf),
        steps=tasks.steps(world, shelf, live=live),
        finished=tasks.finished(world, shelf),
        agents=agents,
        quotas=machine.quotas(world),
        cost=machine.cost(world),
        budgets=machine.budgets(world, [one.name for one in agents]),
        scripts=machine.scripts(world),
        alerts=machine.called_out(world),
        github=machine.github(world),
        disk=machine.disk_room(world),
        odd=tuple(shelf.odd),
        folders=shelf.folders,
    )


def off(world: World) -> tuple[Off, ...]:
    return tuple(
        Off(name=one.what, since=one.since, why=one.why, frozen=one.frozen, idle=one.idle)
        for one in switches.standing(world.paths, switches.names(world.config))
    )
