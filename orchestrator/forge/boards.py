"""Projects: boards with fields, and the items on them with their values."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from orchestrator.forge import accounts, cards, records
from orchestrator.forge.state import Refused, State, invalid, not_found

SINGLE_SELECT = "SINGLE_SELECT"
MADE = "options made"  # how many there ever were: no option gets the id of one that is gone


class Option(msgspec.Struct, frozen=True):
    """An option as somebody wants it; `key` names the one that it was before."""

    name: str
    color: str = "GRAY"
    description: str = ""
    key: str | None = None


# What GitHub puts on a new board.
BUILT_IN = (
    ("Title", "TITLE"), ("Assignees", "ASSIGNEES"), ("Status", SINGLE_SELECT),
    ("Labels", "LABELS"), ("Linked pull requests", "LINKED_PULL_REQUESTS"),
    ("Milestone", "MILESTONE"), ("Repository", "REPOSITORY"), ("Reviewers", "REVIEWERS"),
    ("Parent issue", "PARENT_ISSUE"), ("Sub-issues progress", "SUB_ISSUES_PROGRESS"),
)
DEFAULT_STATUSES: tuple[Option, ...] = (
    Option("Todo", "GREEN", "This item hasn't been started"),
    Option("In Progress", "YELLOW", "This is actively being worked on"),
    Option("Done", "PURPLE", "This has been completed"),
)
CUSTOM = (SINGLE_SELECT, "TEXT", "NUMBER", "DATE")


def create(
    state: State, owner: records.User, creator: records.User, title: str,
    statuses: Sequence[Option] = DEFAULT_STATUSES, number: int | None = None,
    *, public: bool = False,
) -> cards.Board:
    if not title.strip():
        raise invalid("ProjectV2", "title", "missing_field", "Title can't be blank")
    now = state.now()
    if number is None:
        boards = state.store.select(cards.Board, "owner_id = ?", owner.id)
        number = max((board.number for board in boards), default=0) + 1
    board = state.store.add(
        cards.Board(
            owner_id=owner.id, number=number, title=title, creator_id=creator.id,
            created_at=now, updated_at=now, public=public,
        )
    )
    for name, kind in BUILT_IN:
        field = new_field(state, board, name, kind)
        if kind == SINGLE_SELECT:
            put_choices(state, field, statuses)
    return board


def delete(state: State, board: cards.Board) -> None:
    for item in state.store.select(cards.Item, "board_id = ?", board.id):
        remove(state, item)
    for field in fields_of(state, board):
        put_choices(state, field, [])
        state.store.delete(field)
    for link in state.store.select(cards.Link, "board_id = ?", board.id):
        state.store.delete(link)
    state.store.delete(board)


def new_field(state: State, board: cards.Board, name: str, kind: str) -> cards.Field:
    now = state.now()
    return state.store.add(
        cards.Field(board_id=board.id, name=name, kind=kind, created_at=now, updated_at=now)
    )


def add_field(
    state: State, board: cards.Board, name: str, kind: str, options: Sequence[Option]
) -> cards.Field:
    """A field that people thought of; only a single-select one has options, and it needs some."""
    if not name.strip():
        raise Refused(422, "Name can't be blank")
    if field_named(state, board, name):
        raise Refused(422, "Name has already been taken")
    if kind == SINGLE_SELECT and not options:
        raise Refused(422, "At least one single select option is required")
    field = new_field(state, board, name, kind)
    if kind == SINGLE_SELECT:
        put_choices(state, field, options)
    return field


def delete_field(state: State, field: cards.Field) -> None:
    if field.kind not in CUSTOM or (field.name, field.kind) in BUILT_IN:
        raise Refused(422, "This field cannot be deleted")
    for value in state.store.select(cards.Value, "field_id = ?", field.id):
        state.store.delete(value)
    put_choices(state, field, [])
    state.store.delete(field)


def put_choices(state: State, field: cards.Field, wanted: Sequence[Option]) -> None:
    """Give a field these options and no others.

    One that is not named by its id is made anew: the items that had it have no value any more,
    whatever it is called. GitHub does so too.
    """
    present = {choice.key: choice for choice in choices_of(state, field)}
    for position, one in enumerate(wanted):
        known = present.pop(one.key, None) if one.key else None
        if known is None:
            ever = state.store.recall(MADE) or "0"
            state.store.remember(MADE, str(int(ever) + 1))
            key = hashlib.sha256(f"{field.id}/{ever}".encode()).hexdigest()[:8]
            known = state.store.add(
                cards.Choice(field_id=field.id, key=key, name=one.name, position=position)
            )
        state.store.change(
            known, name=one.name, color=one.color, description=one.description, position=position
        )
    for gone in present.values():
        where = "field_id = ? and choice = ?"
        for value in state.store.select(cards.Value, where, field.id, gone.key):
            state.store.delete(value)
        state.store.delete(gone)


def fields_of(state: State, board: cards.Board) -> list[cards.Field]:
    return state.store.select(cards.Field, "board_id = ? order by id", board.id)


def field_named(state: State, board: cards.Board, name: str) -> cards.Field | None:
    where = "board_id = ? and name = ? collate nocase"
    return state.store.first(cards.Field, where, board.id, name)


def choices_of(state: State, field: cards.Field) -> list[cards.Choice]:
    return state.store.select(cards.Choice, "field_id = ? order by position", field.id)


def items_of(state: State, board: cards.Board) -> list[cards.Item]:
    """What the board shows; archived items are out of sight."""
    return state.store.select(
        cards.Item, "board_id = ? and archived = 0 order by id", board.id
    )


def link(state: State, board: cards.Board, repo: records.Repo) -> None:
    """Show the board among those of a repository, which has to be of the same owner."""
    if repo.owner_id != board.owner_id:
        raise Refused(422, "The repository and the project must belong to the same owner")
    state.store.add_missing([cards.Link(board_id=board.id, repo_id=repo.id)])


def unlink(state: State, board: cards.Board, repo: records.Repo) -> None:
    where = "board_id = ? and repo_id = ?"
    for found in state.store.select(cards.Link, where, board.id, repo.id):
        state.store.delete(found)


def of_repo(state: State, repo: records.Repo) -> list[cards.Board]:
    where = "id in (select board_id from board_links where repo_id = ?) order by number desc"
    return state.store.select(cards.Board, where, repo.id)


def repos_of(state: State, board: cards.Board) -> list[records.Repo]:
    where = "id in (select repo_id from board_links where board_id = ?) order by id"
    return state.store.select(records.Repo, where, board.id)


def may_write(state: State, board: cards.Board, user: records.User | None) -> bool:
    """The owner, a member of it, and whoever may write to one of the owner's repositories."""
    if user is None:
        return False
    if accounts.role(state, board.owner_id, user):
        return True
    repos = state.store.select(records.Repo, "owner_id = ?", board.owner_id)
    return any(accounts.allows(state, repo, user, "write") for repo in repos)


def may_read(state: State, board: cards.Board, user: records.User | None) -> bool:
    return board.public or may_write(state, board, user)


def writer(state: State, board: cards.Board, viewer: accounts.Viewer) -> records.User:
    user = accounts.signed_in(viewer)
    if not may_write(state, board, user):
        text = f"{user.login} does not have the correct permissions to execute this mutation"
        raise Refused(403, text, kind="FORBIDDEN")
    return user


def add_issue(
    state: State, board: cards.Board, issue: records.Issue, creator: records.User
) -> cards.Item:
    """Put an issue on the board; twice gives the same item, unarchived."""
    where = "board_id = ? and issue_id = ?"
    found = state.store.first(cards.Item, where, board.id, issue.id)
    if found:
        return archive(state, found, archived=False) if found.archived else found
    now = state.now()
    return state.store.add(
        cards.Item(
            board_id=board.id, issue_id=issue.id, creator_id=creator.id, created_at=now,
            updated_at=now,
        )
    )


def add_draft(
    state: State, board: cards.Board, creator: records.User, title: str, body: str
) -> cards.Item:
    if not title.strip():
        raise invalid("DraftIssue", "title", "missing_field", "Title can't be blank")
    now = state.now()
    return state.store.add(
        cards.Item(
            board_id=board.id, draft_title=title, draft_body=body, creator_id=creator.id,
            created_at=now, updated_at=now,
        )
    )


def archive(state: State, item: cards.Item, *, archived: bool) -> cards.Item:
    return state.store.change(item, archived=archived, updated_at=state.now())


def remove(state: State, item: cards.Item) -> None:
    for value in state.store.select(cards.Value, "item_id = ?", item.id):
        state.store.delete(value)
    state.store.delete(item)


def value_of(
    state: State, item: cards.Item, field: cards.Field
) -> cards.Value | None:
    return state.store.first(
        cards.Value, "item_id = ? and field_id = ?", item.id, field.id
    )


def choose(
    state: State, item: cards.Item, field: cards.Field, key: str, actor: records.User
) -> cards.Item:
    """Set a single-select value; the same choice again leaves its time as it was."""
    choice = state.store.first(
        cards.Choice, "field_id = ? and key = ?", field.id, key
    )
    if field.kind != SINGLE_SELECT or choice is None:
        raise Refused(422, "The single select option Id does not belong to the field")
    return write_value(state, item, field, actor, choice=key)


def write_value(
    state: State, item: cards.Item, field: cards.Field, actor: records.User,
    **told: str | float,
) -> cards.Item:
    """Set one of choice, text, number and date."""
    now = state.now()
    value = value_of(state, item, field)
    if value is None:
        state.store.add(
            cards.Value(
                item_id=item.id, field_id=field.id, creator_id=actor.id, created_at=now,
                updated_at=now, **told,  # type: ignore[arg-type]
            )
        )
    elif any(getattr(value, name) != wanted for name, wanted in told.items()):
        state.store.change(value, creator_id=actor.id, updated_at=now, **told)
    else:
        return item
    return state.store.change(item, updated_at=now)


def clear_value(state: State, item: cards.Item, field: cards.Field) -> cards.Item:
    value = value_of(state, item, field)
    if value is None:
        return item
    state.store.delete(value)
    return state.store.change(item, updated_at=state.now())


def choose_by_name(
    state: State, item: cards.Item, status: str, actor: records.User
) -> cards.Item:
    board = state.store.need(cards.Board, item.board_id)
    field = field_named(state, board, "Status")
    choices = choices_of(state, field) if field else []
    choice = next((c for c in choices if c.name == status), None)
    if field is None or choice is None:
        raise not_found(f"the board has no status '{status}'")
    return choose(state, item, field, choice.key, actor)
