"""The lines of a crontab that start our scripts, and the block of them in a person's crontab."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

# When each wrapper runs, and the log that cron opens for it: README shows the same.
JOBS = (
    ("* * * * *", "run_dispatcher.sh", "dispatcher.log"),
    ("* * * * *", "run_queue.sh", "cron.log"),
    ("*/5 * * * *", "run_pr_monitor.sh", "pr_monitor.log"),
    ("*/5 * * * *", "run_watchdog.sh", "watchdog.log"),
    ("* * * * *", "run_telegram.sh", "telegram.log"),
    ("7 * * * *", "run_daily_digest.sh", "daily_digest.log"),
)
# What a person may want besides, and adds by hand.
OFFERED = (("17 * * * *", "run_autopull.sh", "autopull.log"),)
BEGIN, END = "# agent-os begin", "# agent-os end"
ABOUT = "written by bin/init.sh; bin/init.sh --remove-cron takes this block out"


class Block(Struct, frozen=True):
    """A block of ours in a crontab: the installation that it starts, and its lines."""

    root: str
    lines: tuple[str, ...]


def jobs(
    root: str, which: Sequence[tuple[str, str, str]] = JOBS, said: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """The lines for a checkout, without the marks around them; `said` are variables they need.

    The logs lie where that installation has its own.
    """
    home = (said or {}).get("ORCH_ROOT", root)
    first = "".join(f"{name}={quoted(value)} " for name, value in (said or {}).items())
    return tuple(
        f"{when} {first}{quoted(f'{root}/bin/{wrapper}')} >> "
        f"{quoted(f'{home}/runtime/logs/{log}')} 2>&1"
        for when, wrapper, log in which
    )


def quoted(path: str) -> str:
    """For the shell that cron starts; to cron itself a percent sign is the end of the line."""
    return shlex.quote(path).replace("%", r"\%")


def block(root: str, said: Mapping[str, str] | None = None) -> tuple[str, ...]:
    return (f"{BEGIN} {root}", f"# {ABOUT}", *jobs(root, JOBS, said), f"{END} {root}")


def blocks(text: str) -> Iterator[Block]:
    """Every block of ours, whichever installation wrote it."""
    lines = text.split("\n")
    for index, line in enumerate(lines):
        if line.startswith(f"{BEGIN} "):
            root = line.removeprefix(f"{BEGIN} ")
            if f"{END} {root}" in lines[index:]:
                last = lines.index(f"{END} {root}", index)
                yield Block(root, tuple(lines[index : last + 1]))


def with_block(text: str, root: str, said: Mapping[str, str] | None = None) -> str:
    """The crontab with our block, in its place where it stands already; the rest byte for byte."""
    new = "\n".join(block(root, said))
    old = next((one for one in blocks(text) if one.root == root), None)
    if old is not None:
        return text.replace("\n".join(old.lines), new, 1)
    gap = "\n" if text and not text.endswith("\n") else ""
    return f"{text}{gap}{new}\n"


def without_block(text: str, root: str) -> str:
    """The crontab as it was before; the rest byte for byte."""
    for one in blocks(text):
        if one.root == root:
            before, _, after = text.partition("\n".join(one.lines))
            return before + after.removeprefix("\n")
    return text
