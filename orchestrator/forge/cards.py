"""What the forge remembers of boards: their fields, choices, items and values."""

from __future__ import annotations

from orchestrator.forge.records import Row


class Board(Row, frozen=True, kw_only=True):
    TABLE = "boards"
    UNIQUE = ("owner_id, number",)
    owner_id: int
    number: int
    title: str
    closed: bool = False
    public: bool = False
    short_description: str | None = None
    readme: str | None = None
    creator_id: int
    created_at: str
    updated_at: str


class Field(Row, frozen=True, kw_only=True):
    TABLE = "fields"
    INDEXES = ("board_id",)
    board_id: int
    name: str
    kind: str
    created_at: str
    updated_at: str


class Choice(Row, frozen=True, kw_only=True):
    """One option of a single-select field; GitHub calls its eight hex digits the option id."""

    TABLE = "choices"
    INDEXES = ("field_id",)
    field_id: int
    key: str
    name: str
    color: str = "GRAY"
    description: str = ""
    position: int


class Item(Row, frozen=True, kw_only=True):
    TABLE = "items"
    INDEXES = ("board_id", "issue_id")
    board_id: int
    issue_id: int | None = None
    draft_title: str | None = None
    draft_body: str | None = None
    archived: bool = False
    creator_id: int
    created_at: str
    updated_at: str


class Value(Row, frozen=True, kw_only=True):
    TABLE = "item_values"
    UNIQUE = ("item_id, field_id",)
    item_id: int
    field_id: int
    choice: str | None = None
    text: str | None = None
    number: float | None = None
    date: str | None = None
    creator_id: int
    created_at: str
    updated_at: str


class Link(Row, frozen=True, kw_only=True):
    """A repository that lists the board among its own."""

    TABLE = "board_links"
    UNIQUE = ("board_id, repo_id",)
    board_id: int
    repo_id: int


TABLES: tuple[type[Row], ...] = (Board, Field, Choice, Item, Value, Link)
