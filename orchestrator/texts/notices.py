"""What a person reads in their chat: a letter for the steps of a task, or for one kind of thing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec import Struct

from orchestrator.records.event import Event
from orchestrator.records.letter import Button, Letter, Row, Span, Style
from orchestrator.texts import letters

# By the names of rules/notices.py: a sign, and what has happened.
SAID: Mapping[str, tuple[str, str]] = {
    "dispatched": ("📥", "Dispatched"),
    "new_round": ("📥", "A new round"),
    "started": ("🚀", "Started"),
    "fallback": ("🔁", "The program failed, the next agent is asked"),
    "next_agent": ("⏸️", "Not finished, the next agent is asked"),
    "opened": ("✅", "Complete, the pull request is open"),
    "needs_approval": ("🔧", "Waits for your approval"),
    "manual_steps": ("🔧", "Manual action required"),
    "escalated": ("🛑", "Escalated: it needs you"),
    "failed": ("❌", "Failed before an agent could start"),
    "infra_retry": ("🔄", "A fault of the machine, it is tried again"),
    "ci_failed": ("⚠️", "Its checks failed, an agent repairs it"),
    "rework": ("↩️", "Sent back to an agent"),
    "run_again": ("↩️", "Its red checks are run again"),
    "merged": ("🔀", "Merged"),
    "done": ("🎉", "Done and verified"),
    "cancelled": ("🚫", "Cancelled"),
    "quarantined": ("🗃️", "A file could not be read as a task"),
    "cooling": ("💤", "An agent rests"),
    "frozen": ("🧊", "The repository is frozen"),
    "revert_offered": ("↩️", "A revert is offered, for you to merge"),
    "urgent_alert": ("🚨", "Alert"),
    "alert": ("⚠️", "Alert"),
    "recovered": ("👍", "Over"),
    "digest": ("📬", "The daily digest"),
    "agent_underperforming": ("📉", "An agent underperforms"),
    "failure_pattern": ("🔍", "A pattern of failures"),
    "log_analysis": ("📊", "The weekly analysis"),
    "groomed": ("🧹", "The backlog was groomed"),
    "sprint_planned": ("📋", "A sprint is planned"),
}
MOST_STEPS = 12
MOST_NAMED = 15
REASON = 600


class About(Struct, frozen=True, kw_only=True):
    """The task or repository that a letter is about, as it stands now.

    `questions` are what its agent asks.
    """

    name: str = ""
    title: str = ""
    link: str = ""
    pull: int | None = None
    pull_link: str = ""
    questions: tuple[str, ...] = ()


def of_steps(names: Sequence[str], events: Sequence[Event], about: About) -> Letter:
    """One letter for `events`; `names` are their rows, in the same order."""
    lines: list[Row] = [_heading(about)] if about.name else []
    steps = list(zip(names, events, strict=True))
    if len(steps) > MOST_STEPS:
        lines.append((Span(f"({len(steps) - MOST_STEPS} earlier steps left out)"),))
    lines += [_step(name, event) for name, event in steps[-MOST_STEPS:]]
    for question in about.questions[:5]:
        lines.append((Span("It asks: ", Style.BOLD), *letters.spans(question, REASON)))
    if about.questions:
        lines.append((Span("Answer with: "), Span(f"/answer {about.name} ...", Style.CODE)))
    return Letter(lines=tuple(lines), ending=_ending(events, about))


def summary(
    names: Sequence[str],
    events: Sequence[Event],
    needs: Sequence[tuple[str, str]],
    *,
    missed: int,
    span: str,
) -> Letter:
    """Everything in one letter, after a time in which nothing could be said.

    `needs` is what waits for a person: what it is called, and why. `span` is from when to when.
    """
    count = len(events) + missed
    lines: list[Row] = [(Span(f"{count} steps in one letter", Style.BOLD), Span(f" ({span})"))]
    for name, count in Counter(names).most_common():
        sign, words = SAID[name]
        lines.append((Span(f"{sign} {words}: {count}"),))
    if missed:
        lines.append((Span(f"and {missed} older ones, of which runtime/events.jsonl tells"),))
    if needs:
        lines += [(Span(""),), (Span("This needs you:", Style.BOLD),)]
        for called, why in needs[:MOST_NAMED]:
            lines.append((Span(f"{called}: ", Style.BOLD), *letters.spans(why, 160)))
        if len(needs) > MOST_NAMED:
            lines.append((Span(f"and {len(needs) - MOST_NAMED} more; /tasks lists them"),))
    return Letter(lines=tuple(lines))


def with_buttons(letter: Letter, buttons: tuple[tuple[Button, ...], ...]) -> Letter:
    return Letter(lines=letter.lines, ending=letter.ending, buttons=buttons, quiet=letter.quiet)


def answered(letter: Letter, said: str, *, open_: bool) -> Letter:
    """The letter as it stands after a button was pressed: who did what, and what came of it."""
    told = letters.spans(said, REASON, Style.ITALIC)
    ending = (*letter.ending, (Span("➜ ", Style.ITALIC), *told))
    return Letter(lines=letter.lines, ending=ending, buttons=letter.buttons if open_ else ())


def _heading(about: About) -> Row:
    title = letters.strange(about.title, 120)
    return (Span(about.name, link=about.link), *((Span(f" {title}", Style.BOLD),) if title else ()))


def _step(name: str, event: Event) -> Row:
    sign, words = SAID[name]
    reason = letters.spans(event.reason, REASON)
    return (Span(f"{sign} {words}{': ' if reason else ''}"), *reason)


def _ending(events: Sequence[Event], about: About) -> tuple[Row, ...]:
    """Where to look: the pull request, the issue, or the page that an event names."""
    pages = [str(event.details["url"]) for event in events if event.details.get("url")]
    if pages and pages[-1].startswith(("https://", "http://")):
        return ((Span("Open it", link=pages[-1]),),)
    if about.pull and about.pull_link:
        return ((Span(f"Pull request #{about.pull}", link=about.pull_link),),)
    return ()
