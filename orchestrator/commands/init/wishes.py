"""What was said on the command line: every question that could be asked has its answer here."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

from msgspec import Struct

from orchestrator.records import regex
from orchestrator.records.config import AutomationMode

ABOUT = """\
Sets this installation up: looks at the machine and the token, asks which repositories, makes labels
and a board, writes config.yaml, and offers a crontab, Telegram and a first issue. It shows what it
would do before it does anything, and run again it leaves alone what is there."""
CODES = """\
exit codes: 0 done, or nothing to do; 10 a part was not done, run it again; 20 something is missing
or must be mended; 30 there is no token, or GitHub refuses it; 130 stopped"""
OF_ONE = regex.late(r"([A-Za-z0-9][A-Za-z0-9_-]*/[A-Za-z0-9._-]+)=(.+)")
TITLE = "Agent OS"


class Wishes(Struct, frozen=True, kw_only=True):
    """None, "" or () is what was left open; `commands` go by repository, "" for all of them."""

    yes: bool = False
    dry_run: bool = False
    repos: tuple[str, ...] = ()
    board: str = ""
    board_title: str = TITLE
    lane: AutomationMode | None = None
    agents: tuple[str, ...] = ()
    test_commands: Mapping[str, str] = {}
    setup_commands: Mapping[str, str] = {}
    cron: bool | None = None
    remove_cron: bool = False
    token_file: str = ""
    telegram_token_file: str = ""
    telegram_chat_id: str = ""
    telegram: bool | None = None
    first_issue: str | None = None
    api_url: str = ""

    @property
    def only_cron(self) -> bool:
        """Whether nothing but the crontab is meant: `--cron` alone, on a config that is there."""
        others = self.repos or self.yes or self.telegram_token_file or self.first_issue
        return self.cron is True and not others


def read(argv: Sequence[str] | None) -> Wishes:
    said = arguments().parse_args(argv)
    return Wishes(
        yes=said.yes,
        dry_run=said.dry_run,
        repos=tuple(one for word in said.repo for one in word.split(",") if one),
        board=said.board,
        board_title=said.board_title,
        lane=AutomationMode(said.lane) if said.lane else None,
        agents=tuple(one.strip() for one in said.agents.split(",") if one.strip()),
        test_commands=by_repository(said.test_command),
        setup_commands=by_repository(said.setup_command),
        cron=said.cron,
        remove_cron=said.remove_cron,
        token_file=said.token_file,
        telegram_token_file=said.telegram_token_file,
        telegram_chat_id=said.telegram_chat_id,
        telegram=said.telegram,
        first_issue=said.first_issue,
        api_url=said.api_url.rstrip("/"),
    )


def by_repository(words: Sequence[str]) -> dict[str, str]:
    """`OWNER/NAME=COMMAND` is for that one, anything else for all."""
    told = {}
    for word in words:
        one = OF_ONE.fullmatch(word)
        told[one[1].lower() if one else ""] = one[2] if one else word
    return told


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bin/init.sh", description=ABOUT, epilog=CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add = parser.add_argument
    add("--yes", action="store_true", help="ask nothing: what no flag says is as recommended")
    add("--dry-run", action="store_true", help="show what would be done, and do nothing")
    add("--repo", action="append", default=[], metavar="OWNER/NAME",
        help="a repository to work in; may be given several times, or with commas")  # fmt: skip
    add("--board", default="", metavar="new|none|NUMBER|LINK",
        help="the Projects board: a new one, none (labels only), or one that is there")  # fmt: skip
    add("--board-title", default=TITLE, metavar="TEXT", help="what a new board is called")
    add("--lane", choices=[lane.value for lane in AutomationMode], default="",
        help="dispatcher_only: up to the pull request (for a first week); full: merges too")
    add("--agents", default="", metavar="A,B",
        help="who works, the first one first; left out: codex, claude, gemini, deepseek")
    for name in ("test", "setup"):
        add(f"--{name}-command", action="append", default=[], metavar="[OWNER/NAME=]COMMAND",
            help=f"the {name} command, where the one that is found is not right")  # fmt: skip
    add("--cron", action=argparse.BooleanOptionalAction, default=None,
        help="put our lines into your crontab, or do not; alone: do only that")  # fmt: skip
    add("--remove-cron", action="store_true", help="take our lines out of your crontab again")
    add("--token-file", default="", metavar="PATH",
        help="where GitHub's token is kept, mode 0600; made from GITHUB_TOKEN if it is not "
        "there")  # fmt: skip
    add("--telegram-token-file", default="", metavar="PATH", help="where the bot's token is kept")
    add("--telegram-chat-id", default="", metavar="ID", help="the chat, where you know it already")
    add("--telegram", action=argparse.BooleanOptionalAction, default=None,
        help="whether to pair a Telegram bot")  # fmt: skip
    add("--first-issue", default=None, metavar="TEXT",
        help="an issue to begin with: its title, and after a line break its text; `suggested` "
        "takes our suggestion, `none` files none")  # fmt: skip
    add("--api-url", default="", metavar="URL",
        help="another GitHub: https://HOST/api/v3, or the address of a local forge")  # fmt: skip
    return parser
