"""The SQLite file: Structs in, Structs out, one transaction around what belongs together."""

from __future__ import annotations

import sqlite3
import types
import typing
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from orchestrator.forge import cards, records

R = TypeVar("R", bound=records.Row)
# How many SQLite keeps ready: more than there are questions.
STATEMENTS = 512
# How many answers are kept until something is changed.
ANSWERS = 2_000
SQL_TYPES = {int: "INTEGER", str: "TEXT", bool: "INTEGER", float: "REAL"}


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
def question(kind: type[records.Row], where: str) -> str:
    names = ", ".join(f"{kind.TABLE}.{name}" for name in columns(kind))
    return f"select {names} from {kind.TABLE} where {where}"


@cache
def builder(kind: type[R]) -> Callable[[tuple[Any, ...]], R]:
    """From the values of a row, in the order of its columns, to the Struct."""
    names, booleans = columns(kind), truths(kind)

    def build(values: tuple[Any, ...]) -> R:
        row: dict[str, Any] = dict(zip(names, values, strict=True))
        for name in booleans:
            if row[name] is not None:
                row[name] = bool(row[name])
        return kind(**row)

    return build


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
            for kind in (*records.TABLES, *cards.TABLES):
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
        self._told: dict[tuple[str, tuple[Any, ...]], tuple[Any, ...]] = {}
        self._told_at = self.connection.total_changes

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
        """The rows that fit; while nothing is changed, the same question is asked once."""
        sql = question(kind, where)
        if self._told_at != self.connection.total_changes or len(self._told) > ANSWERS:
            self._forget()
        asked = (sql, arguments)
        if asked not in self._told:
            rows = self.connection.execute(sql, arguments)
            self._told[asked] = tuple(map(builder(kind), rows))
        return [*self._told[asked]]

    def first(self, kind: type[R], where: str, *arguments: Any) -> R | None:
        rows = self.select(kind, f"{where} limit 1", *arguments)
        return rows[0] if rows else None

    def get(self, kind: type[R], identity: int | None) -> R | None:
        return None if identity is None else self.first(kind, "id = ?", identity)

    def need(self, kind: type[R], identity: int) -> R:
        row = self.get(kind, identity)
        if row is None:
            raise LookupError(f"no row {identity} in {kind.TABLE}")
        return row

    def count(self, kind: type[records.Row], where: str = "1", *arguments: Any) -> int:
        sql = f"select count(*) from {kind.TABLE} where {where}"
        return int(self.connection.execute(sql, arguments).fetchone()[0])

    def add(self, row: R) -> R:
        names = columns(type(row))[1:]
        marks = ", ".join("?" for _ in names)
        sql = f"insert into {row.TABLE} ({', '.join(names)}) values ({marks})"
        cursor = self.connection.execute(sql, [getattr(row, name) for name in names])
        return msgspec.structs.replace(row, id=cursor.lastrowid)

    def add_missing(self, rows: Iterable[records.Row]) -> None:
        """Add what is not there yet, by the table's unique columns."""
        for row in rows:
            names = columns(type(row))[1:]
            marks = ", ".join("?" for _ in names)
            sql = f"insert or ignore into {row.TABLE} ({', '.join(names)}) values ({marks})"
            self.connection.execute(sql, [getattr(row, name) for name in names])

    def change(self, row: R, **fields: Any) -> R:
        assignments = ", ".join(f"{name} = ?" for name in fields)
        sql = f"update {row.TABLE} set {assignments} where id = ?"
        self.connection.execute(sql, [*fields.values(), row.id])
        return msgspec.structs.replace(row, **fields)

    def delete(self, row: records.Row) -> None:
        self.connection.execute(f"delete from {row.TABLE} where id = ?", [row.id])

    def remember(self, key: str, value: str) -> None:
        self.connection.execute("replace into meta (key, value) values (?, ?)", [key, value])

    def recall(self, key: str) -> str | None:
        meta = self.first(records.Meta, "key = ?", key)
        return meta.value if meta else None
