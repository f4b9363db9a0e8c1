"""Off and on, as a person says it at the command line."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from orchestrator import aftermath
from orchestrator.commands import switch
from tests.support.office import SLUG
from tests.support.still import a_task, a_world, environment

CODE = Path(__file__).resolve().parents[2]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The root of an installation, which the commands find."""
    a_world(tmp_path)
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    return tmp_path / "root"


def test_everything_is_stopped_by_one_word_and_let_go_on(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert switch.main(["off", "moving", "house"]) == 0
    assert (here / "runtime" / "off").read_text() == "moving house\n"
    assert switch.main(["off"]) == 0
    told = capsys.readouterr().out
    assert "off is" not in told and "moving house" in told and "to go on: bin/on.sh" in told
    assert switch.main(["on"]) == 0
    told = capsys.readouterr().out
    assert "it was off for: moving house" in told and "nothing is off" in told
    assert not (here / "runtime" / "off").exists()


def test_one_repository_and_one_script(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert switch.main(["off", "--repo", "library", "why"]) == 0
    assert switch.main(["off", "--script", "monitor"]) == 0
    assert sorted(os.listdir(here / "runtime" / "off.d")) == ["maria__library", "pr_monitor"]
    assert switch.main(["off", "--show"]) == 0
    told = capsys.readouterr().out
    assert f"bin/on.sh --repo {SLUG}" in told and "bin/on.sh --script pr_monitor" in told
    assert switch.main(["on"]) == 0, "what is off is shown, though not all of it"
    assert f"off: {SLUG}" in capsys.readouterr().out
    assert switch.main(["on", "--repo", SLUG]) == 0
    assert os.listdir(here / "runtime" / "off.d") == ["pr_monitor"]


@pytest.mark.parametrize(
    "words", [["--repo", "nobody/nothing"], ["--script", "cron"], ["--repo", "queue"]]
)
def test_what_is_not_here_is_not_switched(
    here: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert switch.main(["off", *words]) == 2
    assert "nothing was changed" in capsys.readouterr().out
    assert not (here / "runtime" / "off.d").exists()


def test_a_freeze_of_ours_says_that_it_is_one(
    here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = a_world(tmp_path)
    aftermath.freeze(world, a_task(world, 1), "main fails ci since #4 was merged as abc")
    assert switch.main(["off", "--show"]) == 0
    assert "set by Agent OS itself after a merge" in capsys.readouterr().out
    assert switch.main(["on", "--repo", SLUG]) == 0
    assert "main fails ci since #4" in capsys.readouterr().out


def test_a_switch_that_is_a_folder_stops_and_is_its_owners_to_remove(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "runtime" / "off").mkdir()
    assert switch.main(["on"]) == 2
    assert "stays off" in capsys.readouterr().out and (here / "runtime" / "off").is_dir()


def test_a_script_goes_by_its_wrappers_name_too(here: Path) -> None:
    assert switch.main(["off", "--script", "telegram"]) == 0
    assert os.listdir(here / "runtime" / "off.d") == ["chat"]


def test_a_dry_run_changes_nothing(here: Path) -> None:
    assert switch.main(["off", "--dry-run", "why"]) == 0
    assert not (here / "runtime" / "off").exists()


def test_a_broken_config_keeps_nobody_from_stopping_it_all(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "config.yaml").write_text("nonsense: [1\n")
    assert switch.main(["off", "why"]) == 0
    assert switch.main(["off", "--repo", SLUG]) == 0
    said = capsys.readouterr()
    assert "switches work" in said.err and (here / "runtime" / "off").exists()
    assert switch.main(["on", "--repo", SLUG]) == 0 and switch.main(["on"]) == 0
    assert not (here / "runtime" / "off").exists()


def test_the_programs_stand_in_bin(here: Path) -> None:
    found = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/bin:/bin"}
    for program, there in (("off.sh", True), ("on.sh", False)):
        ended = subprocess.run(
            [CODE / "bin" / program], env=found, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
        assert (here / "runtime" / "off").exists() is there
