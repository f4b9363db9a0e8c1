"""The doctor's findings on paper: plain lines for pipes, colours at a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from msgspec import structs
from rich.console import Console
from rich.text import Text

from orchestrator.records.diagnosis import Diagnosis, Level
from orchestrator.texts.repeats import Page

WIDTH = 96
STYLES = {Level.OK: "green", Level.NOTE: "cyan", Level.WRONG: "bold red", Level.UNKNOWN: "yellow"}
MARK = 8  # the width of the word in front


class Sheet:
    """Writes to `out`; nothing at all where `quiet`."""

    def __init__(self, out: TextIO, *, quiet: bool, plain: bool) -> None:
        self.out = out
        self.page = Page()
        self.quiet = quiet
        self.coloured = not quiet and not plain and out.isatty()
        self.console = Console(file=out, highlight=False, soft_wrap=True) if self.coloured else None

    @contextmanager
    def looking(self, title: str) -> Iterator[None]:
        """At a terminal one sees that something is being looked at."""
        if self.console is None:
            yield
            return
        with self.console.status(f"looking at: {title}"):
            yield

    def part(self, title: str, found: Sequence[Diagnosis]) -> None:
        if not found:
            return
        self.line(title, "bold")
        for one in found:
            once = structs.replace(one, sentence=self.page.once(one.sentence))
            for text, style in lines(once):
                self.line(text, style)

    def end(self, found: Sequence[Diagnosis]) -> None:
        counted = {level: sum(one.level is level for one in found) for level in Level}
        wrong, unseen = counted[Level.WRONG], counted[Level.UNKNOWN]
        told = f"{counted[Level.OK]} ok, {counted[Level.NOTE]} to know"
        if unseen:
            told += f", {unseen} could not be looked at"
        if wrong:
            told += f", {wrong} to mend: do what stands behind the arrows, then look again"
        self.line("", "")
        for text in textwrap.wrap(told, WIDTH):
            self.line(text, "bold red" if wrong else "bold green")

    def line(self, text: str, style: str) -> None:
        if self.quiet:
            return
        if self.console is None:
            self.out.write(f"{text}\n")
            return
        self.console.print(Text(text, style=style))


def lines(one: Diagnosis) -> Iterator[tuple[str, str]]:
    """A finding, and below it what mends it; wrapped, a command so that it still can be copied."""
    said = " ".join(f"{one.about}: {one.sentence}".split()) if one.about else one.sentence
    broken = textwrap.wrap(
        said, WIDTH - MARK, break_long_words=False, break_on_hyphens=False
    ) or [""]
    for index, text in enumerate(broken):
        lead = f"  {one.level.value}" if index == 0 else ""
        yield f"{lead:<{MARK + 2}}{text}", STYLES[one.level]
    for index, text in enumerate(remedy(one.mend)):
        yield f"{'':<{MARK + 2}}{'→' if index == 0 else ' '} {text}", "cyan"


def remedy(mend: str) -> list[str]:
    """The lines of what mends it; a lone command goes on behind a backslash."""
    command = not any(mark in mend for mark in (", ", "; ", ": "))
    end = " \\" if command else ""
    broken = textwrap.wrap(
        mend, WIDTH - MARK - 2 - len(end), break_long_words=False, break_on_hyphens=False
    )
    return [f"{text}{end}" for text in broken[:-1]] + broken[-1:]
