"""The board: which option means what, and the one write that moves a card."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct, structs

from orchestrator import alerts, timetable
from orchestrator.adapters import files
from orchestrator.adapters.gh_answers import Project
from orchestrator.adapters.gh_queries import BoardPage
from orchestrator.records.config import BoardConfig, RepositoryConfig
from orchestrator.records.errors import ConfigError, GitHubTrouble, Trouble
from orchestrator.records.task import Task
from orchestrator.records.tracker import Board
from orchestrator.rules import archive, failures
from orchestrator.rules.diagnosis import github as diagnosis
from orchestrator.world import World

T = TypeVar("T")
# Options may be renamed by a person at any time, so ids are looked up anew each hour (A10).
KEEP = timedelta(hours=1)
RETRY = timedelta(days=1)
MEANINGS = ("backlog", "ready", "in_progress", "blocked", "done")


class Known(Struct, frozen=True, kw_only=True):
    read: datetime
    board: Board


def look(world: World, config: BoardConfig, begun: Project | None = None) -> BoardPage:
    """The board with its open issues, whole; what it looks like is remembered for the writers."""
    page = world.read.board(config.owner, config.number, config.status_field, begun=begun)
    remember(world, config, page.board)
    return page


def remember(world: World, config: BoardConfig, board: Board) -> None:
    known = Known(read=world.clock.now(), board=board)
    files.write_cache(cache_file(world, config), msgspec.json.encode(known))


def shape(world: World, config: BoardConfig) -> Board:
    """Ids of the board, its status field and its options, at most an hour old."""
    path = cache_file(world, config)
    try:
        known = msgspec.json.decode(path.read_bytes(), type=Known)
    except (OSError, msgspec.MsgspecError, RecursionError):
        known = None
    if known is not None and timedelta(0) <= world.clock.now() - known.read < KEEP:
        return known.board
    return look(world, config).board


def move(world: World, repository: RepositoryConfig, task: Task, status: str) -> Task:
    """Bring the issue's card to `status` (one of the BoardConfig's words); the task as updated.

    An issue off the board is added first. Without a board nothing happens.
    """
    config = board_of(repository, task)
    if config is None or not task.issue_node:
        return task
    return place_card(world, config, task, status)


def board_of(repository: RepositoryConfig, task: Task) -> BoardConfig | None:
    """The board on which the task's card is, or is to be."""
    boards = repository.boards
    return next((one for one in boards if one.name == task.board), boards[0] if boards else None)


def place_card(
    world: World, config: BoardConfig, task: Task, status: str, *, seen_elsewhere: bool = False
) -> Task:
    """As `move`; a board that is closed to us or lacks that option is told, the task goes on.

    `seen_elsewhere`: the board was just read and shows another status, whatever our log says.
    """
    made = told(
        world, config, f"{task.repo}#{task.issue}", status,
        lambda: placed(world, config, task, status, seen_elsewhere=seen_elsewhere),
    )  # fmt: skip
    return task if made is None else made


def told(
    world: World, config: BoardConfig, whose: str, status: str, write: Callable[[], T]
) -> T | None:
    """What the write gives; where the board is closed to us or lacks that option, None and a word.

    A person hears once of a column that is not there, or closed to us (A10): until they mend it no
    card comes there.
    Raises GitHubTrouble where waiting helps.
    """
    try:
        return write()
    except ConfigError as error:
        trouble: ConfigError | GitHubTrouble = error
    except GitHubTrouble as error:
        if error.trouble in failures.PASSING:
            raise
        trouble = error
    said = f"{whose}: its card was not moved to {status}: {trouble}"
    world.regret(said, trouble.exit_code)
    if isinstance(trouble, ConfigError) or trouble.trouble is Trouble.PERMISSION:
        said = f"board {config.name}: no card is moved to {status}: {trouble}"
        alerts.alert(world, column(config, status), said)
    return None


def column(config: BoardConfig, status: str) -> str:
    """How the alert of a column that takes no cards is called."""
    return f"board {config.name} {status}"


def works(world: World, config: BoardConfig, status: str) -> None:
    """A card was moved there just now, by GitHub's own word."""
    said = f"board {config.name}: cards are moved to {status} again"
    alerts.recovered(world, column(config, status), said)


def new_card(world: World, config: BoardConfig, node: str, status: str) -> None:
    """Put an issue on the board, in that column."""
    board = shape(world, config)
    option = option_id(board, config, status)
    item = world.write.add_to_board(board.id, node)
    world.write.set_status(board.id, item, board.field_id, option)
    works(world, config, status)


def placed(
    world: World, config: BoardConfig, task: Task, status: str, *, seen_elsewhere: bool
) -> Task:
    """The write itself, unless our log says that this transition was shown already."""
    board = shape(world, config)
    option = option_id(board, config, status)
    item = task.board_item or world.write.add_to_board(board.id, task.issue_node)

    def write() -> None:
        nonlocal item
        try:
            world.write.set_status(board.id, item, board.field_id, option)
        except GitHubTrouble as trouble:
            if trouble.trouble is not Trouble.NOT_FOUND or item != task.board_item:
                raise
            # A person took the card off the board; the issue gets a new one.
            item = world.write.add_to_board(board.id, task.issue_node)
            world.write.set_status(board.id, item, board.field_id, option)
        works(world, config, status)

    if seen_elsewhere:
        write()
    else:
        shown = f"{status}@{len(task.marks) + task.marks_left_out}"
        world.effects.settled(task.task_id, f"{task.key}:board", shown, write)
    return structs.replace(task, board_item=item, board=config.name)


def tidy(world: World, config: BoardConfig, page: BoardPage) -> None:
    """Archive what is done for long, a few cards a tick, so that reading the board stays cheap.

    Only cards of repositories that this board is for; refused, it is tried again a day later.
    """
    ours = {repo.slug.lower() for repo in world.repositories if config in repo.boards}
    closed = (entry.item for entry in page.closed if entry.repo.lower() in ours)
    days, now = world.config.archive_done_days, world.clock.now()
    found = archive.due(closed, done=config.done, days=days, now=now)
    if not found or not timetable.is_due(world, "archive", RETRY, repo=config.name):
        return
    if not world.decided(f"board {config.name}", f"archived: {len(found)} cards long done"):
        return
    try:
        for item in found:
            world.write.archive_card(page.board.id, item.id)
    except GitHubTrouble as trouble:
        if trouble.trouble in failures.PASSING:
            raise
        world.say(f"board {config.name}: what is done stays on it for a day more: {trouble}")
        timetable.succeeded(world, "archive", repo=config.name)


def option_id(board: Board, config: BoardConfig, status: str) -> str:
    """The option called `status`; raises ConfigError with the names that are there (A10)."""
    for option in board.options:
        if option.name == status:
            return option.id
    names = [option.name for option in board.options]
    keys = {getattr(config, key): f"{key}_value" for key in MEANINGS}
    mend = diagnosis.suggestion(keys.get(status, "ready_value"), status, names)
    raise ConfigError(
        (
            f"board {config.name} has no option '{status}' in the field '{config.status_field}' "
            f"(there: {', '.join(names) or 'none'}). In the project's part of the config: {mend}",
        )
    )


def cache_file(world: World, config: BoardConfig) -> Path:
    return world.paths.state / f"board-{config.owner}-{config.number}.json"
