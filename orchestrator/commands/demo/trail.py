"""Shows what the scripts decide while they decide it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

COLOURS = {
    "github_dispatcher": "cyan",
    "supervisor": "blue",
    "queue": "magenta",
    "pr_monitor": "green",
}
# Said of every run; the demo says it once, of all, before it begins.
SAID_ALREADY = " ran without a sandbox: "
TASK_ID = re.compile(r"task-\d{8}T\d{6}Z-\S*?(?=\d+-[a-z])")
WIDTH_OF_A_PIPE = 120


def beside(head: Text, tail: Text) -> Table:
    """Both on one line; what of the tail has no room goes on below the tail's beginning."""
    grid = Table.grid()
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(head, tail)
    return grid


class Trail:
    """Prints what a tick said, and follows the logs of workers, which nobody waits for."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        plain = Console()
        self.console = plain if plain.is_terminal else Console(width=WIDTH_OF_A_PIPE)
        self.offsets: dict[Path, int] = {}
        self.before: dict[str, set[str]] = {}
        self.complaint: list[str] = []

    def say(self, words: str, style: str = "") -> None:
        self.console.print(Text(words, style=style), soft_wrap=True)

    def complain(self, lines: list[str]) -> None:
        """Print what a script said as it failed, once where it says the same again."""
        words = [line for line in lines if not line.startswith("===")]
        if words != self.complaint:
            self.complaint = words
            self.say("\n".join(f"  {line}" for line in lines), "yellow")

    def skip_old(self) -> None:
        """What an earlier demo wrote was shown then."""
        self.offsets = {log: log.stat().st_size for log in self.logs.glob("*.log")}

    def follow(self) -> None:
        """Print the new lines of all logs."""
        for log in sorted(self.logs.glob("*.log")):
            self.show(self.new_lines(log))

    def new_lines(self, log: Path) -> list[str]:
        """Whole lines only: the rest of a torn one comes next time."""
        offset = self.offsets.get(log, 0)
        with log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(offset if offset <= size else 0)
            whole, newline, _ = file.read().rpartition(b"\n")
        self.offsets[log] = (offset if offset <= size else 0) + len(whole) + len(newline)
        return whole.decode(errors="replace").splitlines() if newline else []

    def show_tick(self, script: str, lines: Iterable[str]) -> None:
        """Print what a tick decided, but for what the tick before decided in the same words."""
        lines = list(lines)
        known = self.before.get(script, set())
        self.show(line for line in lines if line.partition(" ")[2] not in known)
        self.before[script] = {line.partition(" ")[2] for line in lines}

    def show(self, lines: Iterable[str]) -> None:
        """Print each `TIME script words` with the script's colour; banners are left out.

        Of a task's id only the issue's number and words are shown. On a terminal long lines are
        broken below their own beginning; in a file each stays one line.
        """
        for line in lines:
            moment, _, rest = line.partition(" ")
            script, _, words = rest.partition(" ")
            if script in COLOURS and words and SAID_ALREADY not in words:
                head = Text(f"  {moment[11:19]} ", style="dim")
                head.append(f"{script:<17} ", style=COLOURS[script])
                tail = Text(TASK_ID.sub("…", words))
                if self.console.is_terminal:
                    self.console.print(beside(head, tail))
                else:
                    self.console.print(head + tail, soft_wrap=True)
