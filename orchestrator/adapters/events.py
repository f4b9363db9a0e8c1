"""The trail: one line a step in the events log, one line an attempt in the metrics file (Q11)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import structs

from orchestrator.adapters import files
from orchestrator.adapters.clock import Clock
from orchestrator.records.desk import Mark
from orchestrator.records.event import AttemptStat, Event
from orchestrator.records.task import Task
from orchestrator.texts import quoting

LIMIT_BYTES = 10_000_000
KEPT_PARTS = 5
STRAYS = 50  # older lines in a row that end a search; fewer are of a clock that was wrong
QUARANTINED = "quarantined"
_LONGEST_REASON = 2000

Detail = str | int | float | bool | None


class Events:
    """Writes for one `script`; every word that others wrote passes `redact` before the disk."""

    def __init__(
        self,
        events_path: Path,
        metrics_path: Path,
        clock: Clock,
        script: str,
        *,
        redact: Callable[[str], str],
        say: Callable[[str], None] | None = None,
    ) -> None:
        self.events_path = events_path
        self.metrics_path = metrics_path
        self.clock = clock
        self.script = script
        self.redact = redact
        self.say = say

    def add(
        self,
        kind: str,
        *,
        task: Task | None = None,
        repo: str = "",
        issue: int | None = None,
        reason: str = "",
        **details: Detail,
    ) -> None:
        """Append one step; `task` fills in its id, repository and issue.

        A file that is set aside is also said: nothing on GitHub tells of it.
        """
        event = Event(
            at=self.clock.now(),
            script=self.script,
            kind=kind,
            task_id=task.task_id if task else "",
            repo=repo or (task.repo if task else ""),
            issue=issue if issue is not None or task is None else task.issue,
            reason=self._words(reason),
            details={name: self._clean(value) for name, value in details.items()},
        )
        self._append(self.events_path, msgspec.json.encode(event), f"`{kind}`", "events log")
        if self.say and kind == QUARANTINED:
            self.say(event.reason)

    def attempt_stat(self, stat: AttemptStat) -> None:
        """Append one finished attempt to the metrics."""
        self._append(self.metrics_path, msgspec.json.encode(stat), "an attempt", "metrics")

    def _append(self, path: Path, line: bytes, what: str, where: str) -> None:
        try:
            files.make_folder(path.parent)
            files.append_line(path, line, durable=False)
            files.rotate(path, LIMIT_BYTES, KEPT_PARTS)
        except IsADirectoryError:  # nobody's work may stop at that, tick after tick
            if self.say:
                self.say(f"{what} could not be written to the {where}: {path} is a folder")

    def _clean(self, value: Detail) -> Detail:
        return self._words(value) if isinstance(value, str) else value

    def _words(self, text: str) -> str:
        return quoting.writable(self.redact(text)[:_LONGEST_REASON])


def read(path: Path, since: datetime) -> Iterator[Event]:
    """The events not older than `since`, oldest first, rotated parts included.

    A torn last line and lines that are no event are skipped: a log never stops a reader.
    """
    decoder = msgspec.json.Decoder(Event)
    for part in (*files.rotated(path), path):
        for line in files.read_lines(part):
            try:
                event = decoder.decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                continue
            if event.at >= since:
                yield event


def end(path: Path) -> Mark:
    """Where the trail ends now."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return Mark()
    return Mark(inode=status.st_ino, offset=status.st_size)


def after(path: Path, mark: Mark, *, most_bytes: int) -> tuple[list[Event], Mark]:
    """The events behind the mark, oldest first, and the mark behind them, rotation or not.

    The file of the mark is known by its inode; where it is gone, or shorter than it was, what there
    is counts from its beginning. Lines that are no event are skipped.
    """
    parts = [part for part in (*files.rotated(path), path) if part.exists()]
    inodes = [part.stat().st_ino for part in parts]
    if mark.inode in inodes:
        first = inodes.index(mark.inode)
    else:  # without any file at its time, all there is came later
        first = max(0, len(parts) - 1) if mark.inode else 0
    decoder, found = msgspec.json.Decoder(Event), []
    for part, inode in zip(parts[first:], inodes[first:], strict=True):
        here = inode == mark.inode and mark.offset <= part.stat().st_size
        start = mark.offset if here else 0
        lines, offset = files.read_on(part, start, most_bytes)
        mark = Mark(inode=inode, offset=offset)
        for line in lines:
            try:
                found.append(decoder.decode(line))
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                continue
        if offset - start >= most_bytes // 2:
            break  # a long history comes in several pieces
    return found, mark


def attempts_since(path: Path, since: datetime) -> Iterator[AttemptStat]:
    """The finished attempts not older than `since`, newest first, rotated parts included.

    It reads from the end and stops at what is older: the size of the history costs nothing. Lines
    of the earlier system are read too; its times had no zone and count as UTC.
    """
    decoder = msgspec.json.Decoder(AttemptStat)
    older = 0
    for part in (path, *reversed(files.rotated(path))):
        for line in files.read_lines_backwards(part):
            try:
                stat = decoder.decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                continue
            if stat.timestamp.tzinfo is None:
                stat = structs.replace(stat, timestamp=stat.timestamp.replace(tzinfo=UTC))
            if stat.timestamp >= since:
                older = 0
                yield stat
                continue
            older += 1
            if older > STRAYS:
                return
