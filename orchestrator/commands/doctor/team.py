"""The agents: who could start now, and for which tasks nobody could. No model is asked."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator import readiness
from orchestrator.commands.doctor import machine
from orchestrator.commands.doctor.patient import Patient
from orchestrator.records.config import RepositoryConfig
from orchestrator.records.diagnosis import Diagnosis, Level


def agents(patient: Patient) -> Iterator[Diagnosis]:
    """Each agent of a chain; one that cannot start is wrong where it leaves tasks to nobody."""
    if patient.world is None:
        return
    world = patient.world
    named = machine.in_chains(world)
    why = {name: reason for name in named if (reason := readiness.absent(world, name))}
    for name in named:
        if name not in why:
            yield Diagnosis(check="agent", about=name, level=Level.OK, sentence="can start")
    left = {
        repository.slug: types for repository in world.config.repositories
        if (types := for_nobody(repository, why))
    }  # fmt: skip
    needed = {
        name
        for repository in world.config.repositories if repository.slug in left
        for kind in left[repository.slug] for name in repository.agent_fallbacks[kind]
    }  # fmt: skip
    for name, reason in why.items():
        yield Diagnosis(
            check="agent", about=name, level=Level.WRONG if name in needed else Level.NOTE,
            sentence=f"cannot start: {reason}",
            mend=remedy(reason) if name in needed else "",
        )  # fmt: skip
    for slug, types in left.items():
        yield Diagnosis(
            check="chain", about=slug, level=Level.WRONG,
            sentence=f"no agent can start for {', '.join(types)}: such tasks go to a person",
            mend="log one of them in, or name another in agent_fallbacks",
        )  # fmt: skip


def for_nobody(repository: RepositoryConfig, why: dict[str, str]) -> tuple[str, ...]:
    """The types of task whose whole chain cannot start."""
    chains = repository.agent_fallbacks
    return tuple(kind for kind, chain in chains.items() if all(name in why for name in chain))


def remedy(reason: str) -> str:
    """The command that a reason names in brackets or behind a semicolon, if it does."""
    for mark, end in (("(", ")"), ("; ", "")):
        _, found, rest = reason.partition(mark)
        if found and ("install" in rest or "login" in rest):
            return rest.partition(end)[0] if end else rest
    return ""
