"""The agents: who could start now, and for which tasks nobody could. No model is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from orchestrator import readiness
from orchestrator.commands.doctor import machine
from orchestrator.commands.doctor.patient import Patient
from orchestrator.records.config import RepositoryConfig
from orchestrator.records.diagnosis import Diagnosis, Level
from orchestrator.rules.routing import Unavailable

MOST = 5  # repositories that one line names


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
    for found, missed in dict.fromkeys((found, name in needed) for name, found in why.items()):
        names = [n for n, one in why.items() if one == found and (n in needed) == missed]
        yield Diagnosis(
            check="agent", about=", ".join(names), level=Level.WRONG if missed else Level.NOTE,
            sentence=found.reason, mend=found.mend,
        )  # fmt: skip
    for types in dict.fromkeys(left.values()):
        slugs = [slug for slug, lacking in left.items() if lacking == types]
        yield Diagnosis(
            check="chain", about=few(slugs), level=Level.WRONG,
            sentence=f"nobody for {', '.join(types)}: such tasks go to a person",
            mend="let one of those above start, or name another in agent_fallbacks",
        )  # fmt: skip


def few(slugs: Sequence[str]) -> str:
    shown = ", ".join(slugs[:MOST])
    return shown if len(slugs) <= MOST else f"{shown} and {len(slugs) - MOST} more"


def for_nobody(
    repository: RepositoryConfig, why: Mapping[str, Unavailable]
) -> tuple[str, ...]:
    """The types of task whose whole chain cannot start."""
    chains = repository.agent_fallbacks
    return tuple(kind for kind, chain in chains.items() if all(name in why for name in chain))

