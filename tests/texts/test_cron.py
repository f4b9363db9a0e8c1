"""Our lines in a person's crontab, and that person's own lines around them."""

from __future__ import annotations

import pytest

from orchestrator.texts import cron

ROOT, ELSEWHERE = "/srv/agent-os", "/home/maria/agent-os"
OTHERS = (
    "",
    "MAILTO=maria\n*/7  3 * *  *\t/usr/bin/backup   --all # daily\n\n",
    "# a comment\n#0 5 * * 1 off\n0 9 * * 1-5  echo 100\\% done\n   \nnonsense\n@reboot   /x\n",
    cron.with_block("", ELSEWHERE),
    "x\r\n",
)


@pytest.mark.parametrize("before", OTHERS)
def test_the_rest_stays_byte_for_byte(before: str) -> None:
    installed = cron.with_block(before, ROOT)
    assert installed.startswith(before)
    assert cron.with_block(installed, ROOT) == installed
    assert cron.without_block(installed, ROOT) == before
    assert cron.without_block(before, ROOT) == before


def test_a_block_is_renewed_in_its_place() -> None:
    old = f"# mine\n{cron.BEGIN} {ROOT}\n* * * * * old\n{cron.END} {ROOT}\na\n"
    renewed = cron.with_block(old, ROOT)
    assert renewed.splitlines()[0] == "# mine"
    assert renewed.splitlines()[-1] == "a"
    assert "old" not in renewed
    assert [block.root for block in cron.blocks(renewed)] == [ROOT]


def test_a_last_line_that_does_not_end_is_ended() -> None:
    assert cron.with_block("0 0 * * * x", ROOT).startswith("0 0 * * * x\n# agent-os begin")


def test_a_block_whose_end_somebody_took_away_is_not_ours_to_change() -> None:
    torn = f"{cron.BEGIN} {ROOT}\n* * * * * x\n"
    assert cron.without_block(torn, ROOT) == torn


def test_odd_folders_survive_the_shell_and_cron() -> None:
    line = cron.jobs("/srv/my 100% agent")[0]
    assert line == (
        r"* * * * * '/srv/my 100\% agent/bin/run_dispatcher.sh' >> "
        r"'/srv/my 100\% agent/runtime/logs/dispatcher.log' 2>&1"
    )
