"""The crontab program is asked and told, and its refusals are sentences."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.adapters import crontab
from orchestrator.adapters.crontab import Crontab, NoCrontab
from tests.support.crontabs import FakeCrontab


@pytest.fixture
def fake(tmp_path: Path) -> FakeCrontab:
    return FakeCrontab(tmp_path / "bin")


def opened(fake: FakeCrontab) -> Crontab:
    return Crontab({"PATH": f"{fake.folder}:/usr/bin:/bin", "GITHUB_TOKEN": "not-its-business"})


def test_what_is_written_is_read(fake: FakeCrontab) -> None:
    tab = opened(fake)
    assert tab.read() == ""
    tab.write("0 1 * * * caf\udce9 \\%\n")
    assert tab.read() == "0 1 * * * caf\udce9 \\%\n"
    tab.write("")
    assert fake.text is None
    assert "GITHUB_TOKEN" not in tab.environment


def test_what_it_does_not_take_changes_nothing(fake: FakeCrontab) -> None:
    fake.text = "0 1 * * * x\n"
    with pytest.raises(NoCrontab, match="bad minute; it is as it was"):
        opened(fake).write("BROKEN\n")
    assert fake.text == "0 1 * * * x\n"


def test_a_user_who_may_not_is_told(fake: FakeCrontab) -> None:
    fake.refuse()
    with pytest.raises(NoCrontab, match="not allowed"):
        opened(fake).read()


def test_no_program_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoCrontab, match="apt-get install cron"):
        Crontab({"PATH": str(tmp_path)}).read()


def test_the_commands_that_cron_would_start() -> None:
    text = "A=b\n*/5 * * * * /x/bin/run_queue.sh >> y 2>&1\n#* * * * * /off\nnonsense\n@daily /z\n"
    assert crontab.commands(text) == ("/x/bin/run_queue.sh >> y 2>&1", "/z")
