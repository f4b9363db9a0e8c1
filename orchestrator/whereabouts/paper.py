"""An account on paper: plain lines for pipes and logs, colours on a terminal, JSON for programs."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TextIO

from orchestrator.texts import chatter, moments
from orchestrator.texts.repeats import Page
from orchestrator.whereabouts.account import Account, Finding, Reason, Try, Unknown

WIDTH = 96
TOLD = 200  # characters by which a reason is known again
HELD = "\x00"  # a space at which no line ends
Spoken = Callable[[datetime], str]
CALM = frozenset({Reason.NOTHING, Reason.WORKING, Reason.DONE, Reason.SETTLING})


def lines(told: Account, now: datetime, spoken: Spoken) -> Iterator[tuple[str, str]]:
    """Each line with its style; the style is for a terminal only."""
    yield f"{told.asked} {told.title}".rstrip(), "bold"
    if told.task_id:
        since = f" since {moment(told.since, now, spoken)}" if told.since else ""
        pull = f", pull request {told.pull_request}" if told.pull_request else ""
        yield f"{told.task_id}: in {told.state}/{since}{pull}", "dim"
    yield "", ""
    yield "Why", "bold"
    page = Page()
    for finding in told.findings:
        yield from wrapped("- ", page.once(sentence(finding, now, spoken)), style_of(finding))
    if told.machine:
        yield "", ""
        yield "And on this machine", "bold"
        for finding in told.machine:
            yield from wrapped("- ", page.once(sentence(finding, now, spoken)), style_of(finding))
    every = (*told.findings, *told.machine)
    steps = list(dict.fromkeys(finding.step for finding in every if finding.step))
    if steps:
        yield "", ""
        yield "What you can do", "bold"
        for step in steps:
            yield f"  {step}", "cyan"
    above = [finding.text for finding in every]
    if told.tried:
        yield "", ""
        yield "Who tried", "bold"
        for one in told.tried:
            code = f" ({one.code})" if one.code else ""
            took = f" in {moments.length(one.seconds)}" if one.seconds else ""
            again = one is told.tried[-1] and said(one.reason, above)  # for it is why
            reason = f": {one.reason}" if one.reason and not again else ""
            began, ended = moment(one.began, now, spoken), verdict(one, now, spoken)
            head = f"{one.n}. {began} {one.agent}{took}: {ended}"
            yield from wrapped("  ", f"{head}{code}{reason}", "")
    if told.said:
        yield "", ""
        yield "What was said last (times as in the logs, UTC)", "bold"
        above += [one.reason for one in told.tried]
        for line in told.said:
            head, _, rest = line.partition(": ")
            event = head.count(" ") == 1  # a moment and a kind; else it is a line of a log
            yield from wrapped("  ", head if event and said(rest, above) else line, "dim")
    if told.others:
        yield "", ""
        yield "Other tasks of it", "bold"
        yield from ((f"  {name}", "dim") for name in told.others)


def said(reason: str, above: Sequence[str]) -> bool:
    """Whether it was told further up, perhaps as the beginning of a sentence."""
    words = " ".join(reason.split())[:TOLD].rstrip(".").casefold()
    return any(words in " ".join(text.split()).casefold() for text in above)


def verdict(one: Try, now: datetime, spoken: Spoken) -> str:
    if one.times == 1:
        return one.verdict
    return f"refused {one.times} times since {moment(one.since or one.began, now, spoken)}"


def unknown(told: Unknown) -> Iterator[tuple[str, str]]:
    yield f"{told.asked}: {told.sentence}", "bold"
    if told.suggestions:
        yield "Perhaps one of these:", ""
        yield from ((f"  bin/why.sh {name.partition(' ')[0]}{rest(name)}", "cyan")
                    for name in told.suggestions)  # fmt: skip


def rest(name: str) -> str:
    _, _, more = name.partition(" ")
    return f"    {more}" if more else ""


def sentence(finding: Finding, now: datetime, spoken: Spoken) -> str:
    until = f" (until {moment(finding.until, now, spoken)})" if finding.until else ""
    return " ".join((finding.text + until).split())


def moment(when: datetime, now: datetime, spoken: Spoken) -> str:
    """`14:02 CET (in 12 min)`, as the config's timezone has it."""
    away = (when - now).total_seconds()
    length = moments.length(abs(away))
    far = f"in {length}" if away > 0 else f"{length} ago" if away else "now"
    return f"{spoken(when)} ({far})"


def wrapped(lead: str, text: str, style: str) -> Iterator[tuple[str, str]]:
    """What stands there as code is never broken: somebody copies it."""
    held = chatter.CODE.sub(lambda found: found[0].replace(" ", HELD), text)
    broken = textwrap.wrap(held, WIDTH - 2, break_long_words=False, break_on_hyphens=False)
    for index, line in enumerate(broken or [""]):
        yield (lead if index == 0 else " " * len(lead)) + line.replace(HELD, " "), style


def style_of(finding: Finding) -> str:
    return "green" if finding.reason in CALM else "yellow"


def show(lines_: Iterator[tuple[str, str]], out: TextIO, *, plain: bool) -> None:
    """Colours only where somebody looks."""
    seen = ((chatter.visible(text), style) for text, style in lines_)
    if plain:
        out.writelines(f"{text}\n" for text, _ in seen)
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(file=out, highlight=False, soft_wrap=True)
    for text, style in seen:
        console.print(Text(text, style=style))
