"""Conflicts are seen before they happen: who merges first, and who does not start yet."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator import foresight, tick
from orchestrator.records.task import State
from orchestrator.rules import conflicts
from tests.stories.test_merge_safety import pushes
from tests.support.office import COMPLETE, SEED, SLUG, Office, an_office

QUICK = {"settle_seconds": 0, "min_head_age_seconds": 0}
FILES = {**SEED["repos"][0]["files"], "a.txt": "one\n", "b.txt": "one\n"}
TWO_FILES = {**SEED, "repos": [{**SEED["repos"][0], "files": FILES}]}


def as_told(folder: Path, prompt: str) -> str:
    """Appends to every file that the title names after "to"."""
    title = next(line for line in prompt.splitlines() if " to: " in line)
    for name in title.partition(" to: ")[2].split():
        path = folder / f"{name}.txt"
        path.write_text(path.read_text() + title + "\n")
    return f"STATUS: complete\nBLOCKER_CODE: none\nSUMMARY: {title}\nDONE:\n- {title}\n"


def attempts(office: Office, issues: list[int]) -> list[int]:
    return [len(office.task(issue).attempts) for issue in issues]


def in_review(office: Office, *titles: str) -> list[int]:
    issues = [office.ready(title) for title in titles]
    office.dispatch()
    office.queue()
    assert {office.state_of(issue) for issue in issues} == {State.REVIEW}, office.told()
    return issues


def test_one_that_would_spoil_two_is_merged_after_them(tmp_path: Path) -> None:
    with an_office(tmp_path, agent=as_told, seed=TWO_FILES, repository=QUICK) as office:
        issues = in_review(office, "Both to: a b", "First to: a", "Second to: b")
        office.pass_time(20)
        office.monitor()
        assert "goes first: it conflicts with #5, #6" in office.told()
        office.work_until_quiet(20)
        assert [office.state_of(issue) for issue in issues] == [State.DONE] * 3, office.told()
        assert attempts(office, issues) == [2, 1, 1], office.told()
        assert "Both" in (office.file("a.txt") or "") and "First" in (office.file("a.txt") or "")


@pytest.mark.parametrize("lost", [False, True])
def test_a_repair_is_not_spoilt_while_it_is_made(tmp_path: Path, lost: bool) -> None:
    """Of three in one file the second is repaired; merged or repaired beside it, the third would
    make that needed again."""
    with an_office(tmp_path, agent=as_told, seed=TWO_FILES, repository=QUICK) as office:
        issues = in_review(office, "First to: a", "Second to: a", "Third to: a")
        for _ in range(5):
            office.pass_time(20)
            office.monitor()
        states = [office.state_of(issue) for issue in issues]
        assert states == [State.DONE, State.INBOX, State.REVIEW], office.told()
        assert "goes first: it would spoil the repair of #5" in office.told()
        if lost:  # an agent that is not to be had holds up nobody for ever
            office.pass_time(conflicts.MENDS.total_seconds())
            office.monitor()
            assert office.state_of(issues[2]) is State.INBOX, office.told()
        office.work_until_quiet(30)
        assert [office.state_of(issue) for issue in issues] == [State.DONE] * 3, office.told()
        assert lost or attempts(office, issues) == [1, 2, 2], office.told()


def test_a_file_name_that_is_no_utf8_stops_nobody(tmp_path: Path) -> None:
    """To git a name is bytes: neither the forecast, nor a repair, nor a log may fail of it."""
    name = os.fsdecode(b"caf\xe9.txt")

    def agent(folder: Path, prompt: str) -> str:
        path = folder / name
        path.write_text((path.read_text() if path.exists() else "") + "ours\n")
        return COMPLETE.format(summary="Wrote it.")

    with an_office(tmp_path, agent=agent, repository=QUICK) as office:
        [issue] = in_review(office, "Write it")
        assert office.monitor() == 0, office.told()
        pushes(office, tmp_path, "main", {name: "theirs\n"})
        codes = [office.monitor() for _ in range(10) if office.pass_time(10) is None]
        assert set(codes) == {0} and office.state_of(issue) is State.INBOX, office.told()
        assert "conflicts with main in caf\\udce9.txt" in office.task(issue).note
        office.work_until_quiet(20)
        assert office.state_of(issue) is State.DONE, office.told()


def test_a_forecast_that_fails_keeps_nobody_from_the_merge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ValueError("no forecast today")

    with an_office(tmp_path, agent=as_told, seed=TWO_FILES, repository=QUICK) as office:
        [issue] = in_review(office, "First to: a")
        office.pass_time(20)
        monkeypatch.setattr(foresight, "look", fails)
        assert office.monitor() == tick.BUG
        assert office.state_of(issue) is State.DONE, office.told()
        assert "conflicts are not foreseen: stopped by a fault of ours" in office.told()


def test_an_urgent_one_goes_first_whatever_it_spoils(tmp_path: Path) -> None:
    with an_office(tmp_path, agent=as_told, seed=TWO_FILES, repository=QUICK) as office:
        issues = [
            office.ready("Both to: a b", labels=("prio:high",)),
            office.ready("First to: a"), office.ready("Second to: b"),
        ]  # fmt: skip
        office.work_until_quiet(20)
        assert [office.state_of(issue) for issue in issues] == [State.DONE] * 3, office.told()
        assert attempts(office, issues) == [1, 2, 2]


def test_what_is_known_is_computed_once_and_may_be_lost(tmp_path: Path) -> None:
    slow = {**QUICK, "settle_seconds": 3600}
    with an_office(tmp_path, agent=as_told, seed=TWO_FILES, repository=slow) as office:
        in_review(office, "Both to: a b", "First to: a")
        office.pass_time(20)
        known = office.world.paths.state / "conflicts.json"
        office.monitor()
        before, text = os.stat(known).st_mtime_ns, known.read_bytes()
        office.monitor()
        assert os.stat(known).st_mtime_ns == before
        known.unlink()
        office.monitor()
        assert known.read_bytes() == text
        known.write_bytes(b'{"branches": 3')
        office.monitor()
        assert known.read_bytes() == text


@pytest.mark.parametrize("urgent", [False, True])
def test_a_task_that_names_a_file_of_an_open_pull_request_waits_for_it(
    tmp_path: Path, urgent: bool
) -> None:
    with an_office(tmp_path, agent=as_told, seed=TWO_FILES, repository=QUICK) as office:
        [first] = in_review(office, "First to: a")
        office.monitor()
        labels = ("prio:high",) if urgent else ()
        second = office.ready("Then to: a", "Mend `a.txt` too.", labels=labels)
        other = office.ready("Also to: b", "Mend `b.txt`.")
        office.dispatch()
        office.queue()
        expected = State.REVIEW if urgent else State.INBOX
        assert office.state_of(second) is expected, office.told()
        assert office.state_of(other) is State.REVIEW
        assert ("waits for #2, which changes a.txt too" in office.told()) is not urgent
        office.work_until_quiet(20)
        issues = [first, second, other]
        assert [office.state_of(issue) for issue in issues] == [State.DONE] * 3, office.told()
        assert attempts(office, issues) == ([2, 1, 1] if urgent else [1, 1, 1])


@pytest.mark.parametrize("gone", ["an hour", "its pull request", "switched off"])
def test_a_task_waits_no_longer_than_for_its_reason(tmp_path: Path, gone: str) -> None:
    config = {**QUICK, "overlap_wait_minutes": 0 if gone == "switched off" else 60}
    with an_office(tmp_path, agent=as_told, seed=TWO_FILES, repository=config) as office:
        [first] = in_review(office, "First to: a")
        office.monitor()
        second = office.ready("Then to: a", "Mend `a.txt` too.")
        office.dispatch()
        if gone == "an hour":
            office.queue()
            assert office.state_of(second) is State.INBOX, office.told()
            office.pass_time(3600)
        elif gone == "its pull request":
            number = office.task(first).pull_request.number  # type: ignore[union-attr]
            office.api.patch(f"/repos/{SLUG}/pulls/{number}", json={"state": "closed"})
            office.monitor()
        office.queue()
        assert office.state_of(second) is State.REVIEW, office.told()
