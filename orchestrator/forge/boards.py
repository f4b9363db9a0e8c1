"""Projects: boards with a status field, and the items on them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from orchestrator.forge import accounts, cards, records
from orchestrator.forge.state import Refused, State, not_found

SINGLE_SELECT = "SINGLE_SELECT"
MADE = "options made"  # how many there ever were: no option gets the id of one that is gone
DEFAULT_STATUSES = ("Todo", "In Progress", "Done")


def create(
    state: State, owner: records.User, creator: records.User, title: str,
    statuses: Sequence[str] = DEFAULT_STATUSES, number: int | None = None,
) -> cards.Board:
    now = state.now()
    if number is None:
        boards = state.store.select(cards.Board, "owner_id = ?", owner.id)
        number = max((board.number for board in boards), default=0) + 1
    board = state.store.add(
        cards.Board(
            owner_id=owner.id, number=number, title=title, creator_id=creator.id,
            created_at=now, updated_at=now,
        )
    )
    for name, kind in (("Title", "TITLE"), ("Status", SINGLE_SELECT)):
        field = state.store.add(
            cards.Field(
                board_id=board.id, name=name, kind=kind, created_at=now, updated_at=now
            )
        )
        if kind == SINGLE_SELECT:
            put_choices(state, field, [Option(status) for status in statuses])
    return board


class Option(msgspec.Struct, frozen=True):
    """An option as somebody wants it; `key` names the one that it was before."""

    name: str
    color: str = "GRAY"
    description: str = ""
    key: str | None = None


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
    """Show the board among the repository's projects; twice is once."""
    where = "board_id = ? and repo_id = ?"
    if state.store.first(cards.Link, where, board.id, repo.id) is None:
        state.store.add(cards.Link(board_id=board.id, repo_id=repo.id))


def may_write(state: State, board: cards.Board, user: records.User | None) -> bool:
    """The owner, and whoever may write to one of the owner's repositories."""
    if user is None:
        return False
    if user.id == board.owner_id:
        return True
    repos = state.store.select(records.Repo, "owner_id = ?", board.owner_id)
    return any(accounts.allows(state, repo, user, "write") for repo in repos)


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
    now = state.now()
    if found:
        return archive(state, found, archived=False) if found.archived else found
    return state.store.add(
        cards.Item(
            board_id=board.id, issue_id=issue.id, creator_id=creator.id, created_at=now,
            updated_at=now,
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
    *, choice: str | None = None, text: str | None = None,
) -> cards.Item:
    now = state.now()
    value = value_of(state, item, field)
    if value is None:
        state.store.add(
            cards.Value(
                item_id=item.id, field_id=field.id, choice=choice, text=text,
                creator_id=actor.id, created_at=now, updated_at=now,
            )
        )
    elif (value.choice, value.text) != (choice, text):
        state.store.change(
            value, choice=choice, text=text, creator_id=actor.id, updated_at=now
        )
    else:
        return item
    return state.store.change(item, updated_at=now)


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
