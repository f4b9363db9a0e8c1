"""The CODEBASE.md of a repository as values: people's text, and what our entries say."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from enum import StrEnum

from msgspec import Struct, structs

from orchestrator.records import regex
from orchestrator.texts import quoting

HEADING = regex.late(r"^(#{1,2})\s+(.+?)\s*#*\s*$")
DEEPER = regex.late(r"^#{3,6}\s")
ENTRY = regex.late(r"^### (?P<date>\d{4}-\d\d-\d\d) (?P<task>\S+)(?: \(#(?P<issue>[1-9]\d*)\))?$")
FACT = regex.late(r"^- (What|Why|Broke|Files): (\S|\S.*\S)$")
LINE_OF = regex.late(
    r"^- (?P<date>\d{4}-\d\d-\d\d) (?P<task>\S+)(?: \(#(?P<issue>[1-9]\d*)\))?: "
    r"(?P<what>\S|\S.*\S)$"
)
ISSUE = regex.late(r"^- (?P<text>\S|\S.*\S) \(seen in (?P<task>[^\s()]+)\)$")
BULLET = regex.late(r"^[-*+]\s+(.*)$")
# How an earlier system wrote its entries.
EARLIER = regex.late(
    r"^###\s+(?P<date>\d{4}-\d\d-\d\d)\s+\S{1,3}\s+\[(?P<task>\S+)\]"
    r"(?:\s+\(#(?P<issue>\d+)[^)]*\))?\s*$"
)
FOLDED_BELOW = "### Earlier"
WHAT, ITEM = 400, 240  # characters of an entry's text, and of each item
WHYS, RISKS, FAILURES, FILES = 4, 3, 2, 10


class Kind(StrEnum):
    """What a section is for; everything but OTHER is known by its heading."""

    RULES = "House rules"
    MAP = "Map"
    ISSUES = "Known issues"
    RECENT = "Recent changes"
    OTHER = ""


KINDS = {
    "house rules": Kind.RULES, "map": Kind.MAP, "architecture": Kind.MAP, "key files": Kind.MAP,
    "known issues": Kind.ISSUES, "known issues / gotchas": Kind.ISSUES, "gotchas": Kind.ISSUES,
    "recent changes": Kind.RECENT,
}  # fmt: skip


class Entry(Struct, frozen=True, kw_only=True):
    """What one task left behind; every text is one line, `issue` None where there was none."""

    date: datetime.date
    task_id: str
    issue: int | None = None
    what: str
    why: tuple[str, ...] = ()
    broke: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


class KnownIssue(Struct, frozen=True):
    """Something to beware of, and the task that met it."""

    text: str
    task_id: str


class Section(Struct, frozen=True):
    """A heading as it was written ("" before the first) and the text that people wrote below."""

    kind: Kind
    heading: str
    text: str


class Memory(Struct, frozen=True, kw_only=True):
    """The file, people's text apart from ours; entries, folded ones and issues newest first."""

    sections: tuple[Section, ...]
    entries: tuple[Entry, ...] = ()
    folded: tuple[Entry, ...] = ()
    issues: tuple[KnownIssue, ...] = ()
    line_end: str = "\n"


def parse(text: str) -> Memory:
    """The file as values; whatever is not exactly of our making is people's text."""
    line_end = "\r\n" if "\r\n" in text else "\n"
    sections: list[Section] = []
    entries: dict[str, Entry] = {}
    folded: dict[str, Entry] = {}
    issues: list[KnownIssue] = []
    for kind, heading, body in _sections(quoting.closed(text.replace("\r\n", "\n"))):
        kept = body
        if kind is Kind.ISSUES:
            kept, found = _read_issues(body)
            issues.extend(found)
        elif kind is Kind.RECENT:
            kept, full, short = _read_changes(body)
            for entry in full:
                entries.setdefault(entry.task_id, entry)
            for entry in short:
                folded.setdefault(entry.task_id, entry)
        sections.append(Section(kind, heading, kept if kept.strip() else ""))
    return Memory(
        sections=tuple(sections),
        entries=tuple(entries.values()),
        folded=tuple(e for e in folded.values() if e.task_id not in entries),
        issues=tuple(dict.fromkeys(issues)),
        line_end=line_end,
    )


def render(memory: Memory) -> str:
    """The text of the file; sections that are needed and missing are added at the end."""
    ours = {
        Kind.ISSUES: "\n".join(f"- {i.text} (seen in {i.task_id})" for i in memory.issues),
        Kind.RECENT: "\n\n".join(_changes(memory)),
    }
    sections = list(memory.sections)
    kinds = [section.kind for section in sections]
    for kind in (Kind.RECENT, Kind.ISSUES):
        if ours[kind] and kind not in kinds:
            place = kinds.index(Kind.RECENT) if Kind.RECENT in kinds else len(kinds)
            sections.insert(place, Section(kind, f"## {kind}", ""))
            kinds.insert(place, kind)
    parts: list[str] = []
    for section in sections:
        parts += [section.heading, section.text, ours.pop(section.kind, "")]
    whole = "\n\n".join(part for part in parts if part) + "\n"
    return whole.replace("\n", memory.line_end)


def proper(entry: Entry) -> Entry:
    """The entry as it can be written and read again: single lines, bounded, harmless."""
    def lines(items: tuple[str, ...], most: int) -> tuple[str, ...]:
        said = (quoting.flat(item, ITEM) for item in items)
        return tuple(dict.fromkeys(line for line in said if line))[:most]

    return structs.replace(
        entry,
        what=quoting.flat(entry.what, WHAT) or "no summary",
        why=lines(entry.why, WHYS),
        broke=lines(entry.broke, RISKS + FAILURES),
        files=tuple(name for name in map(quoting.bare_path, entry.files) if name)[:FILES],
    )


def in_peoples_words(memory: Memory, task_id: str) -> bool:
    """Whether an entry of the task stands there that a person wrote into."""
    changes = [s.text for s in memory.sections if s.kind is Kind.RECENT]
    for line, prose in quoting.outside_code("\n".join(changes)):
        heading = (ENTRY.match(line) or EARLIER.match(line)) if prose else None
        if heading and heading["task"] == task_id:
            return True
    return False


def _changes(memory: Memory) -> Iterator[str]:
    yield from map(entry_text, memory.entries)
    if memory.folded:
        yield FOLDED_BELOW
        yield "\n".join(line_text(entry) for entry in memory.folded)


def _named(entry: Entry) -> str:
    return f"{entry.date.isoformat()} {entry.task_id}" + (f" (#{entry.issue})" * bool(entry.issue))


def entry_text(entry: Entry) -> str:
    facts = [f"- What: {entry.what}"]
    facts += [f"- Why: {why}" for why in entry.why]
    facts += [f"- Broke: {broke}" for broke in entry.broke]
    if entry.files:
        facts.append(f"- Files: {', '.join(f'`{name}`' for name in entry.files)}")
    return f"### {_named(entry)}\n\n" + "\n".join(facts)


def line_text(entry: Entry) -> str:
    return f"- {_named(entry)}: {entry.what}"


def _sections(text: str) -> Iterator[tuple[Kind, str, str]]:
    kind, heading, body = Kind.OTHER, "", list[str]()
    for line, prose in quoting.outside_code(text):
        match = HEADING.match(line) if prose else None
        if match is None:
            body.append(line)
            continue
        if heading or any(map(str.strip, body)):
            yield kind, heading, "\n".join(body).strip("\n")
        known = KINDS.get(match[2].strip("*_: ").lower(), Kind.OTHER)
        kind, heading, body = known if match[1] == "##" else Kind.OTHER, line, []
    yield kind, heading, "\n".join(body).strip("\n")


def _read_issues(body: str) -> tuple[str, list[KnownIssue]]:
    """People's text and our lines; a line of ours that a person went on with is theirs."""
    kept, found = list[str](), list[KnownIssue]()
    lines = list(quoting.outside_code(body))
    for i, (line, prose) in enumerate(lines):
        after = lines[i + 1][0] if i + 1 < len(lines) else ""
        match = ISSUE.match(line) if prose and (not after.strip() or BULLET.match(after)) else None
        if match:
            found.append(KnownIssue(match["text"], match["task"]))
        else:
            kept.append(line)
    return "\n".join(kept).strip("\n"), found


def _read_changes(body: str) -> tuple[str, list[Entry], list[Entry]]:
    """People's text, our entries and our folded lines; a block that holds more is theirs."""
    kept, entries, folded = list[str](), list[Entry](), list[Entry]()
    for block in _by_subheading(body):
        heading, _, rest = block.partition("\n")
        entry = _read_entry(heading, block) or _read_earlier(heading, rest)
        if entry:
            entries.append(entry)
            continue
        lines = [line for line in rest.split("\n") if line.strip()]
        short = [_read_line(line) for line in lines] if heading == FOLDED_BELOW else [None]
        read = [entry for entry in short if entry]
        if len(read) == len(short):
            folded.extend(read)
        elif block.strip():
            kept.append(block)
    return "\n\n".join(kept), entries, folded


def _by_subheading(body: str) -> Iterator[str]:
    block: list[str] = []
    for line, prose in quoting.outside_code(body):
        if prose and DEEPER.match(line) and block:
            yield "\n".join(block).strip("\n")
            block = []
        block.append(line)
    yield "\n".join(block).strip("\n")


def _read_entry(heading: str, block: str) -> Entry | None:
    named = ENTRY.match(heading)
    date = _day(named["date"]) if named else None
    if named is None or date is None:
        return None
    facts: dict[str, list[str]] = {"What": [], "Why": [], "Broke": [], "Files": []}
    for line in block.split("\n")[1:]:
        fact = FACT.match(line)
        if fact:
            facts[fact[1]].append(fact[2])
    entry = Entry(
        date=date,
        task_id=named["task"],
        issue=int(named["issue"]) if named["issue"] else None,
        what="".join(facts["What"]),
        why=tuple(facts["Why"]),
        broke=tuple(facts["Broke"]),
        files=tuple(re.findall(r"`([^`]+)`", "".join(facts["Files"]))),
    )
    return entry if entry.what and entry_text(entry) == block else None


def _read_line(line: str) -> Entry | None:
    match = LINE_OF.match(line)
    date = _day(match["date"]) if match else None
    if match is None or date is None:
        return None
    issue = int(match["issue"]) if match["issue"] else None
    return Entry(date=date, task_id=match["task"], issue=issue, what=match["what"])


def _read_earlier(heading: str, rest: str) -> Entry | None:
    """An entry of the earlier system in our form; None where somebody wrote more into it."""
    named = EARLIER.match(heading)
    date = _day(named["date"]) if named else None
    if named is None or date is None:
        return None
    said: dict[str, list[str]] = {"": [], "**Files:**": [], "**Decisions:**": []}
    label = ""
    for line in filter(None, map(str.strip, rest.split("\n"))):
        bullet = BULLET.match(line)
        if line in said:
            label = line
        elif label and not bullet:
            return None
        else:
            said[label].append(bullet[1] if bullet and label else line)
    issue = int(named["issue"]) if named["issue"] and int(named["issue"]) else None
    files = tuple(name.strip("`") for name in said["**Files:**"])
    return proper(
        Entry(
            date=date,
            task_id=named["task"],
            issue=issue,
            what=" ".join(said[""]),
            why=tuple(said["**Decisions:**"]),
            files=files,
        )
    )


def _day(text: str) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        return None
