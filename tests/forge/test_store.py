"""What the store remembers of its answers, and when it has to ask again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.forge import records, store

OF_MARIA = "id in (select organization_id from members where user_id = ?)"


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[store.Store]:
    made = store.Store(tmp_path / "forge.sqlite")
    yield made
    made.close()


def user(login: str) -> records.User:
    return records.User(login=login, email=f"{login}@example.org", created_at="2026-01-05")


def test_an_answer_stands_until_one_of_its_tables_is_changed(kept: store.Store) -> None:
    maria, team = kept.add(user("maria")), kept.add(user("team"))
    assert kept.select(records.User, OF_MARIA, maria.id) == []
    assert kept.count(records.Member) == 0
    asked: list[str] = []
    kept.connection.set_trace_callback(asked.append)
    assert kept.select(records.User, OF_MARIA, maria.id) == []
    kept.remember("anything", "else")
    assert kept.select(records.User, OF_MARIA, maria.id) == []
    assert [sql for sql in asked if sql.startswith("select")] == []
    member = records.Member(organization_id=team.id, user_id=maria.id, role="member")
    member = kept.add(member)
    assert kept.select(records.User, OF_MARIA, maria.id) == [team]
    assert kept.count(records.Member) == 1
    team = kept.change(team, name="Team")
    assert kept.select(records.User, OF_MARIA, maria.id) == [team]
    kept.delete(member)
    assert kept.select(records.User, OF_MARIA, maria.id) == []


def test_what_was_taken_back_or_written_past_it_is_asked_again(kept: store.Store) -> None:
    maria = kept.add(user("maria"))
    with pytest.raises(ZeroDivisionError), kept.transaction():
        kept.change(maria, name="Maria")
        assert kept.need(records.User, maria.id).name == "Maria"
        raise ZeroDivisionError
    assert kept.need(records.User, maria.id) == maria
    with kept.transaction(), kept.undone():
        kept.connection.execute("update users set name = 'M'")
        kept.remember("anything", "else")
        assert kept.need(records.User, maria.id).name == "M"
    assert kept.need(records.User, maria.id) == maria
