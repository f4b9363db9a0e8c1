"""What an agent is told of the repository and of the work around its task, read from the base."""

from __future__ import annotations

import os
from collections.abc import Iterator

from orchestrator import codebase_memory, foresight, objectives, workspace
from orchestrator.adapters import retrospect
from orchestrator.adapters.git import Git
from orchestrator.records.change import PastCommit
from orchestrator.records.config import RepositoryConfig
from orchestrator.records.task import State, Task
from orchestrator.rules import conflicts, strategic
from orchestrator.texts import background, relevance
from orchestrator.texts.background import Background, NamedFile, Neighbour, Page
from orchestrator.worktree import Worktree
from orchestrator.world import World

README = "README.md"
DIRECTION = ("STRATEGY.md", "PLANNING_PRINCIPLES.md")
EVIDENCE = ("PRODUCTION_FEEDBACK.md", "PLANNING_RESEARCH.md")
COMMITS = 40  # that are looked at; the newest are shown, and who changed a named file last
NAMED = 15  # files that a task names
NEIGHBOURS = 8
WITH = {State.PROCESSING: "an agent works on it", State.REVIEW: "its pull request is open"}


def look(world: World, repository: RepositoryConfig, task: Task, tree: Worktree) -> Background:
    """Everything that may be told besides the task; from the base commit, never from a folder.

    Three questions to git at most, and one more where the task names files. Raises GitError.
    """
    git = workspace.of(world).git(tree.slug)
    evidence = EVIDENCE if strategic.needs_evidence(task) else ()
    pages = retrospect.read_files(
        git, tree.base_sha, (codebase_memory.PAGE, README, *DIRECTION, *evidence)
    )
    commits = retrospect.recent(git, tree.base_sha, COMMITS)
    named = _named(git, tree.base_sha, task)
    return Background(
        memory=pages.get(codebase_memory.PAGE, ""),
        about=relevance.words(f"{task.title}\n{task.body}"),
        commits=commits[: background.COMMITS],
        named=tuple(_changed_last(path, commits) for path in named[:NAMED]),
        named_more=max(0, len(named) - NAMED),
        direction=tuple(_direction(pages)),
        evidence=tuple(Page(name, pages[name]) for name in evidence if name in pages),
        objective=objectives.of(world, repository),
        neighbours=tuple(_neighbours(world, task)),
    )


def _direction(pages: dict[str, str]) -> Iterator[Page]:
    goal = background.goal_of(pages.get(README, ""))
    if goal:
        yield Page(f"Goal ({README})", goal)
    yield from (Page(name, pages[name]) for name in DIRECTION if name in pages)


def _named(git: Git, sha: str, task: Task) -> tuple[str, ...]:
    """The files of the base that the task speaks of; git is asked only where it names some."""
    footprint = conflicts.surely(conflicts.named(f"{task.title}\n{task.body}"))
    return conflicts.overlap(footprint, retrospect.names(git, sha)) if footprint else ()


def _changed_last(path: str, commits: tuple[PastCommit, ...]) -> NamedFile:
    return NamedFile(path=path, commits=tuple(one for one in commits if path in one.paths)[:1])


def _neighbours(world: World, task: Task) -> Iterator[Neighbour]:
    """Other tasks of the repository that are at work or in review, the first few by name."""
    room = world.mailroom
    paths = {one.task_id: one.paths for one in foresight.read(foresight.where(world)).branches}
    told = 0
    for state, words in WITH.items():
        for line in room.lines(state):
            entry = line.entry
            if entry.repo.lower() != task.repo.lower() or entry.task_id == task.task_id:
                continue
            if told >= NEIGHBOURS or not os.path.lexists(line.path):
                continue
            found = room.fit(line.path)
            if found is None:
                continue
            told += 1
            files = tuple(paths.get(entry.task_id, ()))
            title = found.task.title or entry.task_id
            yield Neighbour(title=title, issue=entry.issue, state=words, files=files)
