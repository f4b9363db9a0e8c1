"""How it speaks and asks: at a terminal in colours, elsewhere in plain lines and without asking."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.prompt import Prompt
from rich.text import Text

from orchestrator.records.errors import AgentOSError

PAGE = 12


class Unasked(AgentOSError):
    """An answer is needed and nobody can be asked; `flag` is how to give it."""

    exit_code = 20

    def __init__(self, question: str, flag: str) -> None:
        super().__init__(f"{question} {flag} is missing, and there is no terminal to ask at.")


class Voice:
    """`answers` counts what a person was asked; `left` is what remains for that person to do."""

    def __init__(self, *, asks: bool, console: Console | None = None) -> None:
        self.asks = asks
        self.console = console or Console(highlight=False, soft_wrap=not sys.stdout.isatty())
        self.answers = 0
        self.left: list[str] = []

    def title(self, words: str) -> None:
        self.console.print(Text(f"\n{words}", style="bold"))

    def say(self, words: str, style: str = "") -> None:
        self.console.print(Text(words, style=style))

    def item(self, mark: str, words: str, style: str = "") -> None:
        """A line of a list, wrapped below its own beginning."""
        lead = f"  {mark:<8}"
        if self.console.soft_wrap:
            self.console.print(Text(lead + words, style=style))
            return
        wrapped = Text(words, style=style).wrap(self.console, self.console.width - len(lead))
        for index, line in enumerate(wrapped):
            self.console.print(Text(lead if index == 0 else " " * len(lead), style=style) + line)

    def command(self, words: str) -> None:
        """Something to copy: never broken, whatever the width."""
        self.console.print(Text(f"          → {words}", style="cyan"), soft_wrap=True)

    @contextmanager
    def looking(self, what: str) -> Iterator[None]:
        """At a terminal one sees that something is being looked at."""
        if not self.console.is_terminal:
            yield
            return
        with self.console.status(what):
            yield

    def remains(self, words: str, command: str = "") -> None:
        """Something that only a person can do; told again at the end."""
        told = f"{words}\n{command}" if command else words
        if told not in self.left:
            self.left.append(told)

    def ask(self, question: str, *, usual: str = "", secret: bool = False) -> str:
        """One line of a person's; Enter is `usual`."""
        self.answers += 1
        told = Text(question)
        answer = Prompt.ask(
            told, console=self.console, password=secret, default=usual or "",
            show_default=bool(usual),
        )  # fmt: skip
        return str(answer).strip()

    def choose(self, question: str, options: Sequence[str], *, usual: int = 1) -> int:
        """The number of one option, from 1; asked again until it is one."""
        for number, option in enumerate(options, 1):
            self.item(f"{number}", option, "" if number != usual else "bold")
        said = self.ask(question, usual=str(usual))
        while not (said.isdecimal() and 1 <= int(said) <= len(options)):
            self.say(f"  {said!r} is none of 1 to {len(options)}.", "yellow")
            said = self.again(question, usual=str(usual))
        return int(said)

    def again(self, question: str, *, usual: str = "") -> str:
        """The same question once more: it is still one answer."""
        self.answers -= 1
        return self.ask(question, usual=usual)

    def choose_many(
        self, question: str, options: Sequence[str], shown: Callable[[str], str],
        *, known: Sequence[str] = (), called: str = "",
    ) -> tuple[str, ...]:  # fmt: skip
        """Some of many options, a page at a time; words that are none of them search.

        Enter is the `known` ones, which are answered already and `called` so; else the first.
        """
        found = list(options)
        page = 0
        self.answers += 1
        while True:
            pages = max(1, -(-len(found) // PAGE))
            here = found[page * PAGE : (page + 1) * PAGE]
            for number, option in enumerate(here, page * PAGE + 1):
                self.item(f"{number}", shown(option))
            if pages > 1:
                self.say(f"  page {page + 1} of {pages}: n and p turn it", "dim")
            said = self.again(question, usual=called if known else "1" if found else "")
            if known and said == called:
                return tuple(known)
            words = said.replace(",", " ").split()
            if words in (["n"], ["p"]):
                page = (page + (1 if words == ["n"] else -1)) % pages
                continue
            chosen = picked(words, found, options)
            if chosen:
                return chosen
            found = matching(said, options) or list(options)
            page = 0
            if not matching(said, options):
                self.say(f"  Nothing is called {said!r}; here is everything again.", "yellow")


def picked(words: Sequence[str], found: Sequence[str], options: Sequence[str]) -> tuple[str, ...]:
    """What the words name, by number or by whole name; () where one of them names nothing."""
    by_name = {option.lower(): option for option in options}
    chosen = []
    for word in words:
        if word.isdecimal() and 1 <= int(word) <= len(found):
            chosen.append(found[int(word) - 1])
        elif word.lower() in by_name:
            chosen.append(by_name[word.lower()])
        else:
            return ()
    return tuple(dict.fromkeys(chosen))


def matching(said: str, options: Sequence[str]) -> list[str]:
    return [option for option in options if said.lower() in option.lower()] if said else []
