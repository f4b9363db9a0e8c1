"""What the chat answers to a command."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from orchestrator.records.letter import Letter, Row, Span, Style
from orchestrator.texts import letters, markdown

LONGEST_LINE = 400
DO = "cyan"  # how bin/why.sh sets what a person can do
TITLE = 120  # characters of a new issue's


def sentence(text: str) -> Letter:
    """One answer of ours, in which others' words may stand."""
    return Letter(lines=tuple(letters.spans(line, 1_000) for line in text.split("\n")))


def ours(text: str) -> Letter:
    """Words of ours alone: a command in them may be touched."""
    return Letter(lines=((Span(text),),))


def help_(forms: Mapping[str, tuple[str, str]]) -> Letter:
    """`forms` say by each verb how it is written and what it does."""
    lines: list[Row] = [(Span("What you can ask for", Style.BOLD),)]
    for verb, (usage, does) in forms.items():
        lines.append((Span(f"/{verb}"), Span(f" {usage}".rstrip(), Style.CODE), Span(f": {does}")))
    lines.append((Span("TASK is 12, web#12 or a part of its name. I look once a minute."),))
    return Letter(lines=tuple(lines))


def listed(heading: str, lines: Iterable[tuple[str, str, str]], empty: str) -> Letter:
    """A list: what each is called, where it leads, and what is said of it."""
    rows: list[Row] = [(Span(heading, Style.BOLD),)]
    for called, link, said in lines:
        words = letters.spans(said, LONGEST_LINE)
        rows.append((Span(called, link=link), Span(" "), *words) if called else words)
    if len(rows) == 1:
        rows.append((Span(empty),))
    return Letter(lines=tuple(rows))


def screen(headline: str, sections: Iterable[tuple[str, Iterable[str]]]) -> Letter:
    """A line on everything, and under bold headings what is told of each."""
    rows: list[Row] = [(Span(letters.strange(headline, LONGEST_LINE)),)]
    for title, lines in sections:
        rows.append((Span(title, Style.BOLD),))
        rows += [letters.spans(line, LONGEST_LINE) for line in lines]
    return Letter(lines=tuple(rows))


def account(lines: Iterable[tuple[str, str]]) -> Letter:
    """What bin/why.sh says, its headings bold; what a person can do is for a shell, as code."""
    return Letter(lines=tuple(
        (Span(markdown.one_line(markdown.clean(text), LONGEST_LINE), Style.CODE),)
        if style == DO
        else letters.spans(text, LONGEST_LINE, Style.BOLD if style == "bold" else Style.PLAIN)
        for text, style in lines
    ))  # fmt: skip


def issue(text: str, name: str, marker: str) -> tuple[str, str]:
    """Title and body of an issue that came from the chat: its first line or sentence, and all."""
    first = text.strip().split("\n", 1)[0]
    title = markdown.one_line(markdown.clean(first), TITLE)
    return title, f"{text.strip()}\n\nWritten by {name} in the chat.\n\n{marker}"


def answer(text: str, name: str, marker: str) -> str:
    """A comment that counts as a person's: our mark stands first, where it only makes it known."""
    return f"{marker}\n{text.strip()}\n\n({name}, from the chat)"
