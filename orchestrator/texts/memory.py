"""What a repository remembers of earlier tasks: one bounded file that travels with the work."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator

from msgspec import structs

from orchestrator.records.result import Result
from orchestrator.records.task import Task
from orchestrator.texts import bounded, markdown, memoryfile, quoting, relevance
from orchestrator.texts.memoryfile import (
    Entry,
    Kind,
    KnownIssue,
    Memory,
    Section,
    parse,
    render,
)  # fmt: skip

__all__ = [
    "Entry", "KnownIssue", "Memory", "Section", "entry_for", "excerpt", "known_issues", "parse",
    "render", "with_entry",
]  # fmt: skip

BUDGET = 24_576  # bytes of the whole file
RESERVE = 4_096  # what the memory may take where people's own text fills the budget
FULL, FOLDED, ISSUES = 12, 60, 20
NOTED = 1_000  # bytes of an excerpt from which on it says how much was left out
LINE = 100  # characters of a folded entry's text
TITLE = """\
# Codebase memory

What the next engineer here should know. People may change anything in this file. Each pull request
of the agents adds its entry under Recent changes; entries fold to one line as they age."""
RULES_HINT = "<!-- Rules that every change keeps. Only people write here. -->"
MAP_HINT = "<!-- Where things are, in a few lines. Only people write here. -->"
EMPTY = Memory(
    sections=(
        Section(Kind.OTHER, "", TITLE),
        Section(Kind.RULES, "## House rules", RULES_HINT),
        Section(Kind.MAP, "## Map", MAP_HINT),
        Section(Kind.ISSUES, "## Known issues", ""),
        Section(Kind.RECENT, "## Recent changes", ""),
    )
)


def entry_for(
    task: Task, result: Result, files: tuple[str, ...], date: datetime.date
) -> Entry:
    """The entry of a task: its summary, its decisions, its risks and failed approaches, its files.

    Bounded and neutralised; of the files the first ten, git knows the rest.
    """
    tried = result.attempted_approaches[: memoryfile.FAILURES]
    failures = (f"Tried without success: {approach}" for approach in tried)
    return memoryfile.proper(
        Entry(
            date=date,
            task_id=task.task_id,
            issue=task.issue,
            what=result.summary if result.summary.strip() else task.title,
            why=result.decisions[:memoryfile.WHYS],
            broke=(*result.risks[:memoryfile.RISKS], *failures),
            files=files,
        )
    )


def with_entry(base_text: str | None, entry: Entry) -> str:
    """The base's file plus this entry, at most BUDGET bytes (or people's text and RESERVE more).

    An entry of the same task is replaced where it stands, one that is held already or that a
    person wrote into changes nothing. People's text, house rules and sections of other names are
    never dropped or reordered.
    """
    memory = parse(base_text) if base_text and base_text.strip() else EMPTY
    entry = memoryfile.proper(entry)
    if base_text and (entry in memory.entries or _folded(entry) in memory.folded):
        return base_text
    if base_text and memoryfile.in_peoples_words(memory, entry.task_id):
        return base_text
    return render(_fitted(_added(memory, entry)))


def known_issues(text: str) -> tuple[str, ...]:
    """What people and results say to beware of, one line each, in the order of the file."""
    memory = parse(text)
    written: list[str] = []
    for section in memory.sections:
        if section.kind is Kind.ISSUES:
            written.extend(quoting.items(markdown.without_comments(section.text)))
    return tuple(dict.fromkeys([*written, *(issue.text for issue in memory.issues)]))


def excerpt(text: str, budget_bytes: int, *, about: frozenset[str] = frozenset()) -> str:
    """What fits of the file into so many bytes, whole items only, and how many did not.

    House rules and map come first, then what has to do with the words `about`, then the three
    newest entries, known issues, the other entries, the folded ones and at last people's other
    sections; an item that does not fit is passed over. What is shown stands newest first.
    """
    items = list(_by_worth(parse(text)))
    left = budget_bytes - (bounded.NOTE if budget_bytes >= NOTED else 0)
    chosen: dict[str, list[int]] = {}
    for place in _by_relevance(items, about, budget_bytes * 2 // 3) if about else range(len(items)):
        heading, item, close = items[place]
        apart = 1 if close and chosen.get(heading) else 2
        cost = _size(item) + apart + (0 if heading in chosen else _size(heading) + 2)
        if cost <= left:
            left -= cost
            chosen.setdefault(heading, []).append(place)
    order = [f"## {kind}" for kind in (Kind.RULES, Kind.MAP, Kind.ISSUES, Kind.RECENT)]
    headings = sorted(chosen, key=lambda h: order.index(h) if h in order else len(order))
    told = [f"{h}\n\n" * bool(h) + _listed(items, chosen[h]) for h in headings]
    left_out = len(items) - sum(map(len, chosen.values()))
    if left_out and budget_bytes >= NOTED:
        told.append(f"({left_out} more items of it left out)")
    return "\n\n".join(told)


def _listed(items: list[tuple[str, str, bool]], places: list[int]) -> str:
    lines = list[str]()
    for place in sorted(places):
        _, item, close = items[place]
        lines.append(item if close or not lines else f"\n{item}")
    return "\n".join(lines).strip("\n")


def _by_relevance(
    items: list[tuple[str, str, bool]], about: frozenset[str], most: int
) -> list[int]:
    """The places of the items, the dearest first; rules and map may take `most` bytes at once."""
    scored = relevance.scores([f"{heading}\n{item}" for heading, item, _ in items], about)
    ahead: list[int] = []
    for place, (heading, item, _) in enumerate(items):
        if heading in {f"## {Kind.RULES}", f"## {Kind.MAP}"} and _size(item) <= most:
            most -= _size(item)
            ahead.append(place)
    rest = [place for place in range(len(items)) if place not in set(ahead)]
    return ahead + sorted(rest, key=lambda place: (-scored[place], place))


def _folded(entry: Entry) -> Entry:
    return Entry(
        date=entry.date,
        task_id=entry.task_id,
        issue=entry.issue,
        what=markdown.one_line(entry.what, LINE),
    )


def _added(memory: Memory, entry: Entry) -> Memory:
    """With the entry on top, or in the place of the task's earlier one, and its issues on top."""
    def put(held: tuple[Entry, ...], new: Entry) -> tuple[Entry, ...]:
        return tuple(new if e.task_id == entry.task_id else e for e in held)

    issues = tuple(issue for issue in memory.issues if issue.task_id != entry.task_id)
    said = {_gist(issue.text) for issue in issues}
    for section in memory.sections:
        if section.kind is Kind.ISSUES:
            said.update(_gist(line) for line in section.text.split("\n"))
    new = {_gist(text): KnownIssue(text, entry.task_id) for text in reversed(entry.broke)}
    fresh = [issue for gist, issue in reversed(new.items()) if gist not in said]
    entries, folded = put(memory.entries, entry), put(memory.folded, _folded(entry))
    if entries == memory.entries and folded == memory.folded:
        entries = (entry, *entries)
    return structs.replace(memory, entries=entries, folded=folded, issues=(*fresh, *issues))


def _gist(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


def _fitted(memory: Memory) -> Memory:
    over = max(0, len(memory.entries) - FULL)
    entries = memory.entries[: len(memory.entries) - over]
    folded = (*map(_folded, memory.entries[len(entries) :]), *memory.folded)[:FOLDED]
    memory = structs.replace(
        memory, entries=entries, folded=folded, issues=memory.issues[:ISSUES]
    )
    people = structs.replace(memory, entries=(), folded=(), issues=())
    limit = max(BUDGET, _size(render(people)) + RESERVE)
    while _size(render(memory)) > limit:
        smaller = _smaller(memory)
        if smaller == memory:
            break
        memory = smaller
    return memory


def _smaller(memory: Memory) -> Memory:
    """One step less: the oldest go first, and of the two newest entries a line always stays."""
    full, folded, issues = len(memory.entries), len(memory.folded), len(memory.issues)
    without_oldest = structs.replace(memory, folded=memory.folded[:-1])
    folding = structs.replace(
        memory,
        entries=memory.entries[:-1],
        folded=(*map(_folded, memory.entries[-1:]), *memory.folded),
    )
    if folded > FOLDED // 3:
        return without_oldest
    if full > FULL // 2:
        return folding
    if issues > ISSUES // 2:
        return structs.replace(memory, issues=memory.issues[:-1])
    if full > 1:
        return folding
    if folded and full + folded > 2:
        return without_oldest
    if issues:
        return structs.replace(memory, issues=memory.issues[:-1])
    return folding


def _by_worth(memory: Memory) -> Iterator[tuple[str, str, bool]]:
    """Heading, item, and whether it stands right below the one before it; the dearest first."""
    recent, beware = f"## {Kind.RECENT}", f"## {Kind.ISSUES}"
    for kind in (Kind.RULES, Kind.MAP):
        yield from _written(memory, kind)
    for entry in memory.entries[:3]:
        yield recent, memoryfile.entry_text(entry), False
    yield from _written(memory, Kind.ISSUES)
    for issue in memory.issues:
        yield beware, f"- {issue.text}", True
    for entry in memory.entries[3:]:
        yield recent, memoryfile.entry_text(entry), False
    for entry in memory.folded:
        yield memoryfile.FOLDED_BELOW, memoryfile.line_text(entry), True
    for kind in (Kind.RECENT, Kind.OTHER):
        yield from _written(memory, kind)


def _written(memory: Memory, kind: Kind) -> Iterator[tuple[str, str, bool]]:
    for section in memory.sections:
        if section.kind is kind and section.text != TITLE:
            heading = f"## {kind}" if kind else section.heading
            for block in quoting.passages(markdown.without_comments(section.text)):
                yield heading, block, False


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
