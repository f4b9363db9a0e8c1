"""An alert is heard once a day for each cause, by whichever process is first, on any disk."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from orchestrator import alerts
from orchestrator.adapters import events
from orchestrator.adapters.clock import FixedClock
from orchestrator.world import World
from tests.support.office import an_office


def told(world: World, kind: str) -> list[str]:
    since = world.clock.now() - timedelta(days=30)
    return [event.reason for event in events.read(world.paths.events, since) if event.kind == kind]


def later(world: World, **time: float) -> World:
    return replace(world, clock=FixedClock(world.clock.now() + timedelta(**time)))


def test_a_cause_is_told_once_a_day(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        for hours in (0, 1, 23.9):
            alerts.alert(later(office.world, hours=hours), "disk", "The disk is full.\nClean up.")
        alerts.alert(office.world, "token", "The token is refused.")
        assert told(office.world, "alert") == [
            "The disk is full. Clean up.", "The token is refused.",
        ]  # fmt: skip
        alerts.alert(later(office.world, hours=24.1), "disk", "The disk is full.")
        assert len(told(office.world, "alert")) == 3
        assert office.told().count("ALERT ") == 3


def test_the_end_of_a_trouble_is_told_once_and_only_after_an_alert(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        alerts.recovered(office.world, "disk", "There is room again.")
        alerts.alert(office.world, "disk", "The disk is full.")
        alerts.recovered(office.world, "disk", "There is room again.")
        alerts.recovered(office.world, "disk", "There is room again.")
        assert told(office.world, "recovered") == ["There is room again."]
        alerts.alert(office.world, "disk", "The disk is full.")
        assert len(told(office.world, "alert")) == 2


def test_secrets_are_not_alerted(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        alerts.alert(office.world, "push", "git said ghp_0123456789abcdefghijABCDEFGHIJ012345")
        assert "ghp_0123456789" not in office.told() + office.world.paths.events.read_text()


def test_of_many_at_once_one_is_heard_and_none_forgets_anothers_cause(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        keys = [f"{kind}:{n}" for n in range(5) for kind in ("a", "b")] * 4
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda key: alerts.alert(office.world, key, key), keys))
        assert sorted(told(office.world, "alert")) == sorted(set(keys))


def test_names_of_every_kind_are_kept_apart(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        keys = ("a/b", "a.b", "../../a", "é", "è", "x" * 300, "x" * 301, "")
        assert len({alerts.place(office.world, key) for key in keys}) == len(keys)
        for key in keys:
            assert alerts.place(office.world, key).parent == office.world.paths.state / "alerts"
            alerts.alert(office.world, key, "text")
        assert len(told(office.world, "alert")) == len(keys)


def test_a_clock_that_was_put_back_hushes_nothing(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        alerts.alert(later(office.world, days=300), "disk", "The disk is full.")
        alerts.alert(office.world, "disk", "The disk is full.")
        assert len(told(office.world, "alert")) == 2


def test_what_was_remembered_may_be_lost_or_torn(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        alerts.alert(office.world, "disk", "one")
        alerts.place(office.world, "disk").write_bytes(b'{"key": "di')
        alerts.alert(office.world, "disk", "two")
        alerts.place(office.world, "disk").unlink()
        alerts.alert(office.world, "disk", "three")
        assert told(office.world, "alert") == ["one", "two", "three"]


def test_a_disk_that_takes_nothing_costs_the_record_and_not_the_alert(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        world = office.world
        (world.paths.state / "alerts").write_text("no folder can be made here")
        world.events.say = office.said.append
        world.paths.events.unlink(missing_ok=True)
        world.paths.events.mkdir()
        alerts.alert(world, "disk", "The disk is full.")
        alerts.recovered(world, "disk", "There is room again.")
        assert "ALERT The disk is full." in office.told()
        assert "could not be written to the events log" in office.told()


def test_a_word_that_no_file_can_hold_is_alerted_all_the_same(tmp_path: Path) -> None:
    """As in the name of a file that is no UTF-8."""
    with an_office(tmp_path) as office:
        assert alerts.alert(office.world, "conflict", "It conflicts in caf\udce9.txt.")
        alerts.recovered(office.world, "conflict", "caf\udce9.txt is mended.")
        assert told(office.world, "alert") == [r"It conflicts in caf\udce9.txt."]
        assert told(office.world, "recovered") == [r"caf\udce9.txt is mended."]


def test_a_dry_run_only_says_it(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        alerts.alert(replace(office.world, dry_run=True), "disk", "The disk is full.")
        assert "ALERT The disk is full. [dry run]" in office.told()
        assert not told(office.world, "alert")
