"""Which level of the config wins: repository over project over global, decided here alone."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

from orchestrator.records.config import (
    PRIORITY_WEIGHTS,
    BoardConfig,
    Budget,
    Period,
    RepositoryConfig,
)
from orchestrator.records.config_file import (
    BudgetFile,
    EveryLevel,
    GlobalFile,
    ProjectFile,
    RepositoryFile,
)

LEVELLED = tuple(EveryLevel.__struct_fields__)
BLOCKS = LEVELLED[LEVELLED.index("planning_research") :]
SPECIAL = frozenset({
    *BLOCKS, "agent_timeout_minutes", "priority_weights",
    "sprint_cadence_days", "groomer_cadence_days", "test_command",
})  # fmt: skip
NEAREST = tuple(name for name in LEVELLED if name not in SPECIAL)
ADDRESS = ("visibility", "website_repo_key", "website_github_repo")

Levels = tuple[EveryLevel, ...]  # the nearest first


def repository(
    top: GlobalFile, project: ProjectFile | None, entry: RepositoryFile, known: Mapping[str, Any]
) -> RepositoryConfig:
    """One value for one repository; `known` is its slug and what follows from it."""
    levels: Levels = (entry, project, top) if project else (entry, top)
    values = {name: first(levels, name) for name in NEAREST}
    values |= {
        "max_attempts": values["max_attempts"] or top.default_max_attempts,
        "base_branch": values["base_branch"] or top.default_base_branch,
        "agent_timeout_minutes": merged(levels, "agent_timeout_minutes"),
        "priority_weights": PRIORITY_WEIGHTS | merged(levels, "priority_weights"),
        "test_command": test_command(top, project, entry, known["slug"], known.get("path")),
        "objective": top.repo_objectives and by_name(top.repo_objectives, known),
        "repository_budget": own_budget(top, project, entry, "repository"),
        "task_budget": own_budget(top, project, entry, "task"),
        "blocks": blocks(levels),
        **cadences(levels),
        **{name: getattr(entry, name) for name in ADDRESS},
        **known,
    }
    return RepositoryConfig(**{name: value for name, value in values.items() if value is not None})


def first(levels: Levels, name: str) -> Any:
    """What the nearest level says; an empty map says nothing, an empty list says none."""
    said = (getattr(level, name) for level in levels)
    return next((value for value in said if value is not None and value != {}), None)


def merged(levels: Levels, name: str) -> dict[str, Any]:
    """All levels' maps in one; a nearer level replaces single keys, never parts of their values."""
    whole: dict[str, Any] = {}
    for level in reversed(levels):
        whole |= getattr(level, name) or {}
    return whole


def blocks(levels: Levels) -> dict[str, dict[str, Any]]:
    return {name: block for name in BLOCKS if (block := merged(levels, name))}


def own_budget(
    top: GlobalFile, project: ProjectFile | None, entry: RepositoryFile, name: str
) -> Budget | None:
    """The nearest level's budget for each repository or task; one counts as a whole."""
    levels = (entry.budgets, project.budgets if project else None, top.budgets)
    said = (getattr(level, name) for level in levels if level)
    return budget(next((one for one in said if one is not None), None), Period.DAY)


def budget(said: BudgetFile | None, usual: Period) -> Budget | None:
    """One entry of `budgets`, for its own period or the usual one."""
    if said is None:
        return None
    numbers = {n: getattr(said, n) for n in Budget.__struct_fields__ if n != "period"}
    return Budget(**numbers, period=said.period or usual)


def cadences(levels: Levels) -> dict[str, float | None]:
    """The groomer follows the sprint of its own level before it asks a level further away."""
    grooming = (
        cadence
        for level in levels
        for cadence in (level.groomer_cadence_days, level.sprint_cadence_days)
        if cadence is not None
    )
    return {
        "sprint_cadence_days": first(levels, "sprint_cadence_days"),
        "groomer_cadence_days": next(grooming, None),
    }


def test_command(
    top: GlobalFile, project: ProjectFile | None, entry: RepositoryFile, slug: str, path: str | None
) -> str | None:
    """The entry's own, then `repo_configs` by checkout or folder name, then project and global."""
    configs = {name.rstrip("/"): said for name, said in (top.repo_configs or {}).items()}
    names = [path, posixpath.basename(path) if path else None, slug, slug.partition("/")[2]]
    found = (configs[name] for name in names if name in configs)
    by_checkout = (checkout.test_command for checkout in found if checkout)
    shared = (project.test_command if project else None, top.test_command)
    said = (entry.test_command, *by_checkout, *shared)
    return next((command for command in said if command is not None), None)


def by_name(table: Mapping[str, str], known: Mapping[str, Any]) -> str | None:
    """A repository's value in a table that goes by slug, key, checkout folder or name."""
    slug, path = known["slug"], known.get("path")
    folder = posixpath.basename(path) if path else ""
    names: tuple[str, ...] = (slug, known.get("key") or "", folder, slug.partition("/")[2])
    return next((table[name] for name in names if name in table), None)


def board(top: GlobalFile, project: ProjectFile, owner: str) -> BoardConfig | None:
    """The project's board, its words by the project's keys, else by the older global ones."""
    number = project.project_number or top.github_project_number
    if number is None:
        return None
    words = {
        word: getattr(project, f"{word}_value") or getattr(top, f"github_project_{word}_value")
        for word in ("backlog", "ready", "in_progress", "blocked", "done")
    }
    words["status_field"] = project.status_field or top.github_project_status_field
    said = {word: value for word, value in words.items() if value is not None}
    owner = project.github_owner or top.github_owner or owner
    return BoardConfig(owner=owner, number=number, **said)
