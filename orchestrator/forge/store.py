"""The SQLite file: Structs in, Structs out, one transaction around what belongs together."""

from __future__ import annotations

import re
import sqlite3
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from orchestrator.forge import cards, records

R = TypeVar("R", bound=records.Row)
T = TypeVar("T")
# How many SQLite keeps ready: more than there are questions.
STATEMENTS = 512
# How many answers from the same tables are kept until one of these is changed.
ANSWERS = 2_000
# How many rows of a table are kept as Structs.
ROWS = 2_000
SQL_TYPES = {int: "INTEGER", str: "TEXT", bool: "INTEGER", float: "REAL"}
KINDS: tuple[type[records.Row], ...] = (*records.TABLES, *cards.TABLES)
TABLES = frozenset(kind.TABLE for kind in KINDS)
WORD = re.compile(r"\w+")


class Question(NamedTuple):
    sql: str
    tables: frozenset[str]


@cache
def columns(kind: type[records.Row]) -> tuple[str, ...]:
    return tuple(field.name for field in msgspec.structs.fields(kind))


@cache
def truths(kind: type[records.Row]) -> tuple[str, ...]:
    """The columns that hold a yes or no, which SQLite only knows as 1 and 0."""
    fields = msgspec.structs.fields(kind)
    return tuple(f.name for f in fields if f.type is bool or bool in typing.get_args(f.type))


def column_type(annotation: Any) -> str:
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        inner = next(a for a in typing.get_args(annotation) if a is not type(None))
        return SQL_TYPES[inner]
    return SQL_TYPES[annotation] + " NOT NULL"


def statements(kind: type[records.Row]) -> Iterator[str]:
    fields = msgspec.structs.fields(kind)[1:]
    body = ", ".join(f"{field.name} {column_type(field.type)}" for field in fields)
    # AUTOINCREMENT: an id that was deleted must never name something else later.
    yield f"create table if not exists {kind.TABLE} (id integer primary key autoincrement, {body})"
    for unique, listed in ((" unique", kind.UNIQUE), ("", kind.INDEXES)):
        for number, names in enumerate(listed):
            name = f"{kind.TABLE}{unique.strip()}{number}"
            yield f"create{unique} index if not exists {name} on {kind.TABLE} ({names})"


@cache
def definition(kind: type[records.Row]) -> tuple[str, ...]:
    return tuple(statements(kind))


@lru_cache(maxsize=1024)
def question(kind: type[records.Row], where: str, counted: bool = False) -> Question:
    names = ", ".join(f"{kind.TABLE}.{name}" for name in columns(kind))
    shown = "count(*)" if counted else names
    sql = f"select {shown} from {kind.TABLE} where {where}"
    # Each table that is named anywhere in it, also in a part of its condition.
    return Question(sql, TABLES.intersection(WORD.findall(sql)))


@cache
def builder(kind: type[R]) -> Callable[[tuple[Any, ...]], R]:
    """From the values of a row, in the order of its columns, to the Struct."""
    names, booleans = columns(kind), truths(kind)

    # A Struct is frozen, so the same values may be the same one.
    @lru_cache(maxsize=ROWS)
    def build(values: tuple[Any, ...]) -> R:
        row: dict[str, Any] = dict(zip(names, values, strict=True))
        for name in booleans:
            if row[name] is not None:
                row[name] = bool(row[name])
        return kind(**row)

    return build


@cache
def insertion(kind: type[records.Row], unless: str = "") -> str:
    names = columns(kind)[1:]
    marks = ", ".join("?" for _ in names)
    return f"insert {unless} into {kind.TABLE} ({', '.join(names)}) values ({marks})"


def inserted(row: records.Row) -> tuple[Any, ...]:
    """What is inserted of a row: everything but its id, which is given to it."""
    return msgspec.structs.astuple(row)[1:]


class Store:
    def __init__(self, path: Path | str) -> None:
        self.connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, cached_statements=STATEMENTS
        )
        self.depth = 0
        self._forget()
        self.connection.execute("pragma journal_mode = wal")
        self.connection.execute("pragma synchronous = normal")
        with self.transaction():
            for kind in KINDS:
                for statement in definition(kind):
                    self.connection.execute(statement)
                self.widen(kind)

    def widen(self, kind: type[records.Row]) -> None:
        """Give a table that an older forge made the columns that came since."""
        rows = self.connection.execute(f"pragma table_info({kind.TABLE})")
        present = {name for _, name, *_ in rows}
        if present.issuperset(columns(kind)):
            return
        for field in msgspec.structs.fields(kind):
            if field.name not in present:
                told = column_type(field.type)
                if told.endswith("NOT NULL"):
                    told += f" default {msgspec.json.encode(field.default).decode()}"
                self.connection.execute(
                    f"alter table {kind.TABLE} add column {field.name} {told}"
                )

    @classmethod
    def over(cls, connection: sqlite3.Connection) -> Store:
        """A store on a connection whose tables are there."""
        made = cls.__new__(cls)
        made.connection, made.depth = connection, 0
        made._forget()
        return made

    def _forget(self) -> None:
        self._told: dict[frozenset[str], dict[tuple[str, tuple[Any, ...]], tuple[Any, ...]]] = {}
        self._told_at = self.connection.total_changes

    def _ask(
        self, asked: Question, arguments: tuple[Any, ...], made: Callable[[tuple[Any, ...]], T]
    ) -> tuple[T, ...]:
        """What a question finds; while its tables are not changed, it is asked once."""
        if self._told_at != self.connection.total_changes:
            self._forget()  # Somebody wrote past this store.
        told = self._told.setdefault(asked.tables, {})
        known = told.get((asked.sql, arguments))
        if known is None:
            if len(told) > ANSWERS:
                told.clear()
            known = tuple(map(made, self.connection.execute(asked.sql, arguments)))
            told[(asked.sql, arguments)] = known
        return known

    def _tell(self, table: str, sql: str, arguments: Sequence[Any]) -> sqlite3.Cursor:
        """Change one table; what was read from others alone still stands."""
        if self._told_at != self.connection.total_changes:
            self._forget()
        cursor = self.connection.execute(sql, arguments)
        self._told_at = self.connection.total_changes
        for tables in [tables for tables in self._told if table in tables]:
            del self._told[tables]
        return cursor

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Whatever is changed inside a transaction's part is as it was afterwards."""
        self.connection.execute("savepoint undone")
        try:
            yield
        finally:
            self.connection.execute("rollback to undone")
            self.connection.execute("release undone")
            self._forget()

    def close(self) -> None:
        self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is kept, or nothing; an inner one joins the outer one."""
        if self.depth == 0:
            self.connection.execute("begin immediate")
        self.depth += 1
        outcome = "rollback"
        try:
            yield
            outcome = "commit"
        finally:
            self.depth -= 1
            if self.depth == 0:
                self.connection.execute(outcome)
                if outcome == "rollback":
                    self._forget()

    def checkpoint(self) -> None:
        """Keep what was written so far, also when the rest of this transaction never comes."""
        if self.depth:
            self.connection.execute("commit")
            self.connection.execute("begin immediate")

    def select(self, kind: type[R], where: str = "1", *arguments: Any) -> list[R]:
        """The rows that fit."""
        return [*self._ask(question(kind, where), arguments, builder(kind))]

    def first(self, kind: type[R], where: str, *arguments: Any) -> R | None:
        rows = self._ask(question(kind, f"{where} limit 1"), arguments, builder(kind))
        return rows[0] if rows else None

    def get(self, kind: type[R], identity: int | None) -> R | None:
        return None if identity is None else self.first(kind, "id = ?", identity)

    def need(self, kind: type[R], identity: int) -> R:
        row = self.get(kind, identity)
        if row is None:
            raise LookupError(f"no row {identity} in {kind.TABLE}")
        return row

    def count(self, kind: type[records.Row], where: str = "1", *arguments: Any) -> int:
        return int(self._ask(question(kind, where, counted=True), arguments, itemgetter(0))[0])

    def add(self, row: R) -> R:
        cursor = self._tell(row.TABLE, insertion(type(row)), inserted(row))
        return msgspec.structs.replace(row, id=cursor.lastrowid)

    def add_missing(self, rows: Iterable[records.Row]) -> None:
        """Add what is not there yet, by the table's unique columns."""
        for row in rows:
            self._tell(row.TABLE, insertion(type(row), "or ignore"), inserted(row))

    def change(self, row: R, **fields: Any) -> R:
        assignments = ", ".join(f"{name} = ?" for name in fields)
        sql = f"update {row.TABLE} set {assignments} where id = ?"
        self._tell(row.TABLE, sql, [*fields.values(), row.id])
        return msgspec.structs.replace(row, **fields)

    def delete(self, row: records.Row) -> None:
        self._tell(row.TABLE, f"delete from {row.TABLE} where id = ?", [row.id])

    def remember(self, key: str, value: str) -> None:
        sql = "replace into meta (key, value) values (?, ?)"
        self._tell(records.Meta.TABLE, sql, [key, value])

    def recall(self, key: str) -> str | None:
        meta = self.first(records.Meta, "key = ?", key)
        return meta.value if meta else None
