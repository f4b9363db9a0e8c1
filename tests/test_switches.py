"""Off and on, by hand."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator import aftermath, switches
from orchestrator.adapters import events
from orchestrator.records.hand import Outcome
from tests.support.office import SLUG, Office, an_office

NAMES = ["", "pr_monitor", SLUG]


@pytest.fixture
def office(tmp_path: Path):
    with an_office(tmp_path) as office:
        yield office


def off(office: Office, name: str, why: str = "", **more: bool) -> switches.Said:
    return switches.off(office.world.paths, office.world.events, name, why, by="cli", **more)


def on(office: Office, name: str, **more: bool) -> switches.Said:
    return switches.on(office.world.paths, office.world.events, name, by="cli", **more)


def standing(office: Office) -> tuple[switches.Switch, ...]:
    return switches.standing(office.world.paths, switches.names(office.world.config))


@pytest.mark.parametrize("name", NAMES)
def test_off_stops_it_and_on_lets_it_go_on(office: Office, name: str) -> None:
    assert off(office, name, "looking  into\nit").outcome is Outcome.DONE
    assert "looking into it" in office.world.stopped(name or "queue")
    [switch] = standing(office)
    assert (switch.name, switch.why, switch.idle) == (name, "looking into it", False)
    again = off(office, name, "another reason")
    assert again.outcome is Outcome.ALREADY and "looking into it" in again.sentence
    said = on(office, name)
    assert said.outcome is Outcome.DONE and "it was off for: looking into it" in said.sentence
    assert not office.world.stopped(name or "queue") and not standing(office)
    assert on(office, name).outcome is Outcome.ALREADY


def test_both_leave_a_line_that_says_who(office: Office) -> None:
    off(office, SLUG, "why")
    on(office, SLUG)
    since = office.world.clock.now() - timedelta(days=1)
    told = [e for e in events.read(office.world.paths.events, since) if "switched" in e.kind]
    assert [e.kind for e in told] == ["switched_off", "switched_on"]
    assert all(e.details["by"] == "cli" and e.repo == SLUG and e.reason == "why" for e in told)


def test_a_freeze_of_ours_is_told_apart(office: Office) -> None:
    issue = office.ready("Add first.txt")
    office.dispatch()
    aftermath.freeze(office.world, office.task(issue), "main fails ci since #4 was merged as abc")
    [switch] = standing(office)
    assert switch.frozen and switch.name == SLUG
    assert off(office, SLUG, "mine").outcome is Outcome.ALREADY, "its words are needed"
    assert "main fails ci since #4" in on(office, SLUG).sentence


def test_a_dry_run_changes_nothing(office: Office) -> None:
    assert "[dry run]" in off(office, SLUG, "why", dry_run=True).sentence and not standing(office)
    off(office, SLUG, "why")
    assert "[dry run]" in on(office, SLUG, dry_run=True).sentence and standing(office)


def test_odd_files_stop_all_the_same_and_are_told(office: Office) -> None:
    folder = office.world.paths.off_d
    folder.mkdir()
    (folder / "old__repository").write_bytes(b"\xff\xfe")
    (folder / "queue").mkdir()
    found = {switch.name: switch for switch in standing(office)}
    assert found["old/repository"].idle and not found["queue"].idle
    assert found["queue"].why == "no reason can be read"


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("queue", "queue"), ("Dispatcher", "github_dispatcher"), ("monitor", "pr_monitor"),
        (SLUG.upper(), SLUG), ("library", SLUG), ("nothing", None), ("", None),
    ],
)  # fmt: skip
def test_what_a_person_means(office: Office, word: str, name: str | None) -> None:
    assert switches.meant(word, office.world.config) == name


def test_without_a_config_a_repository_is_taken_at_its_word() -> None:
    assert switches.meant("a/b", None) == "a/b" and switches.meant("b", None) is None


def test_a_reason_that_is_no_text_stops_it_all_the_same(office: Office) -> None:
    assert off(office, "", "why\udcff").outcome is Outcome.DONE
    assert "why?" in office.world.stopped("queue")


def test_a_link_to_nowhere_is_a_switch_like_any_other(office: Office) -> None:
    office.world.paths.off.symlink_to("nowhere")
    assert office.world.stopped("queue") and [switch.name for switch in standing(office)] == [""]
