"""The daily digest: once a day, in one letter, with the command for what needs a person."""

from __future__ import annotations

from pathlib import Path

from orchestrator import daily_digest
from tests.support.office import an_office
from tests.support.phone import Room, a_room


def digested(room: Room) -> int:
    return room.office._tick("daily_digest", daily_digest.story)


def pages(room: Room) -> list[Path]:
    return sorted((room.world.paths.runtime / "digest").glob("*.txt"))


def test_it_says_what_was_shipped_what_needs_a_person_and_what_comes_next(tmp_path: Path) -> None:
    budgets = {"budgets": {"day": {"hard_stop_attempts": 10}}}
    with a_room(tmp_path, config=budgets) as room:
        done = room.office.ready("Add a file")
        room.office.work_until_quiet()
        stuck = room.escalated()
        waits = room.office.ready("Add a third")
        room.office.dispatch()
        assert digested(room) == 0, room.office.told()
        room.tick()
        text = room.shown[-1]
        for words in (
            "Daily digest, Monday, 05 January 2026", "Shipped: 1", f"library#{done} Add a file",
            "Needs you: 1", f"/retry library#{stuck}", "1 attempt", "1 of 10 attempts (10%)",
            f"maria/library#{waits} Add a third", "Agents: first (",
        ):  # fmt: skip
            assert words in text, text
        assert len(text.splitlines()) <= 39
        assert pages(room)[0].read_text().splitlines()[0] == text.splitlines()[0]


def test_once_a_day_from_its_hour_on_and_a_missed_day_once(tmp_path: Path) -> None:
    late = {"digest_hour": 11, "timezone": "Europe/Berlin"}  # it is 10:00 there
    with a_room(tmp_path, config=late) as room:
        digested(room)
        assert pages(room) == []
        for _ in range(3):
            room.later(3600)
            digested(room)
        assert len(pages(room)) == 1
        room.later(3 * 24 * 3600)
        digested(room)
        digested(room)
        assert [page.stem for page in pages(room)] == ["2026-01-05", "2026-01-08"]
        room.tick()
        assert len(room.shown) == 1, "of several that could not be sent the newest"


def test_without_telegram_it_is_a_page_and_a_dry_run_only_shows_it(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        object.__setattr__(office.world, "dry_run", True)
        assert office._tick("daily_digest", daily_digest.story) == 0
        assert "Daily digest" in office.told() and not (tmp_path / "root/runtime/digest").exists()
        object.__setattr__(office.world, "dry_run", False)
        assert office._tick("daily_digest", daily_digest.story) == 0
        assert list((tmp_path / "root/runtime/digest").glob("2026-01-05.txt"))


def test_however_much_there_is_it_stays_one_letter(tmp_path: Path) -> None:
    with a_room(tmp_path) as room:
        for number in range(12):
            room.office.ready(f"A thing to do {number} " + "long " * 40)
            room.happens("alert", f"alert {number} " + "words " * 90, key=f"k{number}")
        room.world.paths.off_d.mkdir()
        room.world.paths.switch("autopull").write_text("no")
        for _ in range(3):
            room.office.dispatch()
        for issue in range(1, 9):
            room.gives_up(issue, "it is too hard " * 30)
        digested(room)
        [page] = pages(room)
        lines = page.read_text().splitlines()
        assert len(lines) <= 39 and lines[-1].startswith("Agents: ")
        room.tick()
        assert len(room.shown[-1]) <= 4096 and "Agents: " in room.shown[-1]
