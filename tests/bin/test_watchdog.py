"""The watchdog wakes a person for silence and for failure, once, and stays quiet otherwise."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from orchestrator.adapters import events
from orchestrator.records.event import Event
from orchestrator.records.health import Health

WATCHDOG = Path(__file__).resolve().parents[2] / "bin" / "watchdog"
UPTIME = float(Path("/proc/uptime").read_text().split()[0])
NEEDS_UPTIME = pytest.mark.skipif(UPTIME < 3600, reason="this machine runs for less than an hour")


def watch(root: Path, *words: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-I", str(WATCHDOG), str(root), *words],
        env={}, cwd="/", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def fared(root: Path, script: str, *, minutes_ago: float, code: int = 0, for_: float = 0) -> Path:
    ended = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    health = Health(
        script=script, pid=1, started=ended, ended=ended, exit_code=code, seconds=1,
        failing_since=ended - timedelta(minutes=for_) if code else None,
    )  # fmt: skip
    path = root / "runtime" / "health" / f"{script}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.encode(health))
    return path


def told(root: Path) -> list[Event]:
    return list(events.read(root / "runtime" / "events.jsonl", datetime(2020, 1, 1, tzinfo=UTC)))


@pytest.mark.parametrize(
    ("line", "zone"),
    [("timezone: Asia/Tokyo  # ours", "JST"), ('timezone: "Nowhere/Town"', "UTC"), ("", "UTC")],
)
def test_times_are_told_in_the_zone_of_the_config(tmp_path: Path, line: str, zone: str) -> None:
    (tmp_path / "config.yaml").write_text(f"root_dir: {tmp_path}\n{line}\n")
    path = fared(tmp_path, "queue", minutes_ago=1, code=1, for_=50_000)
    failing = datetime.fromisoformat(json.loads(path.read_bytes())["failing_since"])
    there = failing.astimezone(ZoneInfo("Asia/Tokyo") if zone == "JST" else UTC)
    assert f"at every run since {there:%Y-%m-%d %H:%M} {zone}, the last " in watch(tmp_path)


def test_all_is_well_is_not_a_word(tmp_path: Path) -> None:
    fared(tmp_path, "supervisor", minutes_ago=1)
    fared(tmp_path, "pr_monitor", minutes_ago=30)
    fared(tmp_path, "queue", minutes_ago=50_000)  # workers run when there is work
    fared(tmp_path, "github_dispatcher", minutes_ago=1, code=10, for_=10)
    (tmp_path / "runtime/health/supervisor.overlap.json").write_text("{}")
    assert watch(tmp_path) == ""
    assert not (tmp_path / "runtime" / "state").exists()


def test_nothing_installed_is_nothing_wrong(tmp_path: Path) -> None:
    assert watch(tmp_path) == ""


@NEEDS_UPTIME
def test_silence_is_told_once_and_so_is_its_end(tmp_path: Path) -> None:
    fared(tmp_path, "supervisor", minutes_ago=25)
    assert "watchdog ALERT supervisor has said nothing since" in watch(tmp_path)
    assert watch(tmp_path) == ""
    fared(tmp_path, "supervisor", minutes_ago=0)
    assert "recovered: supervisor is well again" in watch(tmp_path)
    assert watch(tmp_path) == ""
    assert [(event.kind, event.script) for event in told(tmp_path)] == [
        ("alert", "watchdog"), ("recovered", "watchdog"),
    ]  # fmt: skip


@NEEDS_UPTIME
def test_a_script_that_runs_seldom_may_be_silent_for_longer(tmp_path: Path) -> None:
    fared(tmp_path, "supervisor", minutes_ago=25)
    assert watch(tmp_path, "--every", "supervisor=600") == ""


def test_failing_for_long_is_told_whatever_the_script(tmp_path: Path) -> None:
    fared(tmp_path, "supervisor", minutes_ago=1, code=20, for_=30)
    fared(tmp_path, "queue", minutes_ago=1, code=1, for_=60 * 24)
    said = watch(tmp_path)
    assert "supervisor has failed at every run since" in said and "exit code 20" in said
    assert "queue has failed" in said


def test_a_clock_that_was_put_back_alarms_nobody(tmp_path: Path) -> None:
    fared(tmp_path, "supervisor", minutes_ago=-120)
    assert watch(tmp_path) == ""


def test_a_box_that_was_off_is_given_time_after_it_starts(tmp_path: Path) -> None:
    fared(tmp_path, "supervisor", minutes_ago=UPTIME / 60 + 3 * 24 * 60)
    said = watch(tmp_path, "--every", f"supervisor={int(UPTIME)}")
    assert said == ""


def test_a_note_that_is_torn_is_told(tmp_path: Path) -> None:
    fared(tmp_path, "supervisor", minutes_ago=1).write_text('{"script": "super')
    assert "supervisor.json cannot be read" in watch(tmp_path)


def test_a_disk_that_takes_nothing_costs_the_record_and_not_the_alert(tmp_path: Path) -> None:
    fared(tmp_path, "supervisor", minutes_ago=1, code=20, for_=30)
    (tmp_path / "runtime" / "events.jsonl").mkdir()
    (tmp_path / "runtime" / "state").write_text("")
    assert "ALERT supervisor has failed" in watch(tmp_path)


@contextmanager
def listening(status: int) -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *words: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/alive", asked
        server.shutdown()


@pytest.mark.parametrize("status", [200, 500])
def test_the_url_is_asked_for_only_when_all_is_well_and_its_answer_fails_nothing(
    tmp_path: Path, status: int
) -> None:
    with listening(status) as (url, asked):
        (tmp_path / "config.yaml").write_text(
            f'github_owner: me\nhealthcheck_url: "{url}"  # mine\n'
        )
        fared(tmp_path, "supervisor", minutes_ago=1)
        watch(tmp_path)
        assert asked == ["/alive"]
        fared(tmp_path, "supervisor", minutes_ago=1, code=20, for_=30)
        watch(tmp_path)
        assert asked == ["/alive"]


def test_a_root_dir_elsewhere_is_followed(tmp_path: Path) -> None:
    fared(tmp_path / "else where", "supervisor", minutes_ago=1, code=1, for_=60)
    (tmp_path / "config.yaml").write_text(f"root_dir: '{tmp_path / 'else where'}'\n")
    assert "ALERT supervisor" in watch(tmp_path)
    assert told(tmp_path / "else where")


def test_its_events_are_ours(tmp_path: Path) -> None:
    fared(tmp_path, "supervisor", minutes_ago=1, code=1, for_=60)
    watch(tmp_path)
    line = (tmp_path / "runtime" / "events.jsonl").read_bytes()
    event = msgspec.json.decode(line, type=Event)
    assert event.details == {"key": "failing:supervisor"}
    assert json.loads(line)["at"].endswith("Z")
