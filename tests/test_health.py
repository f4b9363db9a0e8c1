"""Every script leaves word of how it went, and a skipped one says who is in its way."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from msgspec import structs

from orchestrator import alerts, health, tick, timetable
from orchestrator.adapters.clock import FixedClock
from orchestrator.adapters.locks import Locks
from orchestrator.records.errors import AgentOSError
from orchestrator.records.health import Health
from orchestrator.world import World
from tests.support.office import Office, an_office


class Hindered(AgentOSError):
    exit_code = 10


def quiet(world: World) -> None:
    """A story in which nothing happens."""


def hindered(world: World) -> None:
    raise Hindered("GitHub is slow today")


def ran(office: Office, story: tick.Story, *words: str) -> int:
    return tick.run(
        "pr_monitor", story, list(words), about="", environment=office.world.environment
    )


def word(office: Office) -> Health:
    path = office.world.paths.health / "pr_monitor.json"
    return msgspec.json.decode(path.read_bytes(), type=Health)


class Keyboard(io.StringIO):
    """A terminal's, at which somebody sits."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("looked_at", [True, False])
def test_whoever_looks_on_hears_of_the_wait(
    tmp_path: Path, looked_at: bool, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with an_office(tmp_path, config={"jitter_seconds": 20}) as office:
        monkeypatch.setattr(sys, "stdin", Keyboard() if looked_at else io.StringIO())
        before = office.world.clock.now()
        assert tick.within(office.world, quiet, alone=True, hurried=False) == 0
        waited = round((office.world.clock.now() - before).total_seconds())
        said = f"test: waits {waited} s (jitter; --now skips it)"
        assert (said in capsys.readouterr().err) is looked_at and waited > 0


def test_a_run_is_told_with_what_it_did_and_when_it_last_went_well(tmp_path: Path) -> None:
    def decides(world: World) -> None:
        for verdict in ("merge: green", "wait: checks run", "wait: behind"):
            world.decided("somewhere", verdict)
        world.read.viewer()

    with an_office(tmp_path) as office:
        assert ran(office, decides) == 0
        first = word(office)
        assert first.verdicts == {"merge": 1, "wait": 2}
        assert (first.exit_code, first.pid, first.requests) == (0, os.getpid(), 1)
        assert first.started <= first.ended == first.last_success and first.failing_since is None
        for _ in range(2):
            assert ran(office, hindered) == 10
        second = word(office)
        assert second.exit_code == 10 and second.troubles == (10,)
        assert (first.said, second.said) == ("", "GitHub is slow today")
        assert second.last_success == first.last_success
        assert second.failing_since is not None and second.failing_since < second.ended
        assert ran(office, quiet) == 0
        assert word(office).failing_since is None


def test_who_started_it_last_at_its_time_outlives_a_run_by_hand(
    tmp_path: Path,
) -> None:
    with an_office(tmp_path) as office:
        ran(office, quiet)
        assert word(office).scheduled is None  # whoever runs the tests is no scheduler
        by_cron = structs.replace(word(office), scheduler="cron", scheduled=word(office).ended)
        (office.world.paths.health / "pr_monitor.json").write_bytes(msgspec.json.encode(by_cron))
        ran(office, quiet)
        assert (word(office).scheduler, word(office).scheduled) == ("cron", by_cron.scheduled)
        assert word(office).ended > by_cron.ended


def test_a_process_knows_what_it_came_of(tmp_path: Path) -> None:
    shell = shutil.copy(os.path.realpath("/bin/sh"), tmp_path / "cron")
    code = "from orchestrator.adapters import survivors; print(*survivors.ancestors())"
    said = subprocess.run(
        [shell, "-c", '"$@"; exit $?', "sh", sys.executable, "-c", code],
        cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert said[0] == "cron" and len(said) > 1


def test_a_dry_run_and_a_time_of_its_own_say_nothing_of_the_scripts_health(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        ran(office, quiet, "--dry-run")
        ran(office, quiet, "--now", "2031-01-01")
        assert not office.world.paths.health.exists()


def test_a_run_at_once_is_a_run_like_any_other(tmp_path: Path) -> None:
    """On the machine's own clock, noted, and what is done once an hour is due."""
    seen: list[World] = []

    with an_office(tmp_path) as office:
        timetable.succeeded(office.world, "housekeeping")
        for words in ((), ("--now",)):
            assert ran(office, seen.append, *words) == 0
        assert word(office).exit_code == 0 and word(office).ended == word(office).last_success
        assert [world.at_once for world in seen] == [False, True]
        assert not any(isinstance(world.clock, FixedClock) for world in seen)
        hourly = [timetable.is_due(world, "housekeeping", timedelta(days=9e4)) for world in seen]
        weekly = [timetable.is_due_this_week(world, "plan", weekday=1, hour=0) for world in seen]
        assert hourly == [False, True] and weekly[1]
        ran(office, seen.append, "--now", "2031-01-01")
        assert seen[-1].clock.now().year == 2031 and not seen[-1].at_once


def test_a_script_that_is_switched_off_or_has_no_config_is_not_silent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with an_office(tmp_path) as office:
        office.world.paths.off.write_text("holiday")
        assert ran(office, hindered) == 0
        assert word(office).exit_code == 0
        (tmp_path / "root" / "config.yaml").write_text("nonsense: 1\n")
        (office.world.paths.state / "last_good_config.yaml").unlink()
        assert ran(office, quiet) == 20
        assert word(office).exit_code == 20
        assert "Traceback" not in capsys.readouterr().err


def test_where_nothing_is_installed_no_folder_is_made(tmp_path: Path) -> None:
    environment = {"ORCH_ROOT": str(tmp_path / "nowhere"), "HOME": str(tmp_path)}
    assert tick.run("supervisor", quiet, [], about="", environment=environment) == 20
    assert not (tmp_path / "nowhere").exists()


def test_a_note_that_cannot_be_written_costs_nothing_else(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        office.world.paths.health.write_text("not a folder")
        assert ran(office, quiet) == 0


def test_an_overlap_says_who_and_since_when_and_the_tenth_is_an_alert(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with an_office(tmp_path) as office:
        with Locks(office.world.paths.locks).try_script("pr_monitor") or pytest.fail("taken"):
            for number in range(1, health.HUNG_AFTER + 3):
                assert ran(office, hindered) == 0
                said = capsys.readouterr().out
                assert f"the one before still runs (process {os.getpid()} since " in said
                assert ("ALERT" in said) == (number == health.HUNG_AFTER)
        assert not (office.world.paths.health / "pr_monitor.json").exists()
        assert ran(office, quiet) == 0
        assert "recovered: pr_monitor has its turn again" in capsys.readouterr().out
        assert not alerts.place(office.world, "overlap:pr_monitor").exists()


def test_overlaps_with_different_runs_are_no_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with an_office(tmp_path) as office:
        for _ in range(health.HUNG_AFTER + 2):
            with Locks(office.world.paths.locks).try_script("pr_monitor") or pytest.fail("taken"):
                assert ran(office, quiet) == 0
        assert "ALERT" not in capsys.readouterr().out


def test_times_are_told_in_the_zone_of_the_config(tmp_path: Path) -> None:
    with an_office(tmp_path, config={"timezone": "Asia/Kathmandu"}) as office:
        now = office.world.clock.now()
        there = now + timedelta(hours=5, minutes=45)
        assert office.world.spoken(now) == f"{there:%H:%M} UTC+05:45"
        assert office.world.spoken(now - timedelta(days=40)).startswith("20")


def test_the_version_is_the_commit_of_the_checkout(tmp_path: Path) -> None:
    assert health.version(tmp_path) == ""
    (tmp_path / ".git" / "refs" / "heads").mkdir(parents=True)
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (tmp_path / ".git" / "refs" / "heads" / "main").write_text("0123456789abcdef" * 2 + "\n")
    assert health.version(tmp_path) == "0123456789ab"
    (tmp_path / ".git" / "HEAD").write_text("fedcba9876543210" * 2 + "\n")
    assert health.version(tmp_path) == "fedcba987654"
