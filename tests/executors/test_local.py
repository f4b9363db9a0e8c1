"""An order is run here, and whatever its program leaves as a result is taken or refused."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from orchestrator.executors.local import Local
from orchestrator.records.order import AttemptOrder, AttemptReport


def run(tmp_path: Path, script: str, **changes: object) -> AttemptReport:
    (tmp_path / "tree").mkdir(parents=True, exist_ok=True)
    given: dict[str, object] = {
        "argv": ("sh", "-c", script),
        "folder": str(tmp_path / "tree"),
        "home": str(tmp_path / "attempt" / "home"),
        "environment": {"PATH": os.environ["PATH"]},
        "timeout_seconds": 30.0,
        "log_path": str(tmp_path / "attempt" / "agent.log"),
        "result_file": ".agent_result.md",
    }
    return Local(grace_seconds=0.3).run(AttemptOrder(**(given | changes)))  # type: ignore[arg-type]


def test_a_result_comes_back_with_the_end_of_the_program(tmp_path: Path) -> None:
    report = run(tmp_path, "echo working; echo 'STATUS: complete' > .agent_result.md; exit 4")
    assert report.exit_code == 4
    assert report.result == b"STATUS: complete\n"
    assert report.result_problem == ""
    assert report.output_tail == "working\n"


def test_standard_error_is_kept_apart_where_the_order_says_so(tmp_path: Path) -> None:
    where = str(tmp_path / "attempt" / "agent.err")
    report = run(tmp_path, "echo fact; echo trouble >&2", error_path=where)
    assert (report.output_tail, report.error_tail) == ("fact\n", "trouble\n")
    mixed = run(tmp_path / "other", "echo fact; echo trouble >&2")
    assert (mixed.output_tail, mixed.error_tail) == ("fact\ntrouble\n", "")


def test_a_program_finds_the_files_of_its_order_in_its_home(tmp_path: Path) -> None:
    given = {".tool/settings": "mine"}
    assert run(tmp_path, 'cat "$HOME/.tool/settings"', home_files=given).output_tail == "mine"
    kept = tmp_path / "attempt" / "home" / ".tool" / "settings"
    kept.write_text("kept")
    again = run(tmp_path, 'cat "$HOME/.tool/settings"', home_files=given)
    assert again.output_tail.endswith("kept")


def test_a_log_that_lost_its_beginning_says_so(tmp_path: Path) -> None:
    whole = run(tmp_path / "a", "echo whole")
    short = run(tmp_path / "b", "echo 0123456789", tail_limit=4)
    full = run(tmp_path / "c", "yes | head -c 5000", output_limit=1000, tail_limit=100_000)
    assert [report.dropped for report in (whole, short, full)] == [False, True, True]
    assert short.output_tail == "789\n"


def test_no_result_is_no_problem_of_the_file(tmp_path: Path) -> None:
    report = run(tmp_path, "true")
    assert (report.exit_code, report.result, report.result_problem) == (0, None, "")


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("mkfifo .agent_result.md", "not a regular file"),
        ("ln -s /etc/passwd .agent_result.md", "symbolic link"),
        ("mkdir .agent_result.md", "not a regular file"),
        ("truncate -s 10G .agent_result.md", "10737418240 bytes"),
        ("yes | head -c 300000 > .agent_result.md", "300000 bytes"),
    ],
)
def test_an_evil_result_is_refused_at_once(tmp_path: Path, script: str, words: str) -> None:
    report = run(tmp_path, script)
    assert report.exit_code == 0
    assert report.result is None
    assert words in report.result_problem


def test_an_evil_result_costs_no_time(tmp_path: Path) -> None:
    began = time.process_time()
    run(tmp_path, "truncate -s 10G .agent_result.md")
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    "leftover",
    ["echo 'STATUS: complete' > {}", "mkfifo {}", "mkdir -p {}/sub", "ln -s /etc/passwd {}"],
)
def test_a_stale_result_is_not_taken_for_a_new_one(tmp_path: Path, leftover: str) -> None:
    run(tmp_path, leftover.format(".agent_result.md"))
    report = run(tmp_path, "true")
    assert (report.exit_code, report.result, report.result_problem) == (0, None, "")
    assert Path("/etc/passwd").exists()


def test_a_missing_program_is_told_and_not_raised(tmp_path: Path) -> None:
    report = run(tmp_path, "", argv=("no-such-agent", "--go"))
    assert report.exit_code is None
    assert "no-such-agent could not be started" in report.problem


def test_a_timeout_is_told_and_a_result_written_before_it_is_kept(tmp_path: Path) -> None:
    report = run(tmp_path, "echo early > .agent_result.md; sleep 60", timeout_seconds=0.5)
    assert report.timed_out
    assert report.result == b"early\n"


def test_a_test_command_is_an_order_without_a_result(tmp_path: Path) -> None:
    report = run(tmp_path, "echo failed; exit 1", result_file=None)
    assert (report.exit_code, report.result, report.output_tail) == (1, None, "failed\n")
