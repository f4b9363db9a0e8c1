"""What is known of a file that was read, and logs whose last line may be torn."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from orchestrator.records.errors import AgentOSError


class NotReadable(AgentOSError):
    """Something stands at this path that must not or cannot be read; the text says what (Q9)."""


class Stamp(Struct, frozen=True):
    """Which file and which version of it: a rename keeps it, any save changes it."""

    inode: int
    modified_ns: int
    size: int

    @property
    def modified(self) -> datetime:
        return datetime.fromtimestamp(self.modified_ns // 1_000_000 / 1000, UTC)


def stamp_of(status: os.stat_result) -> Stamp:
    return Stamp(status.st_ino, status.st_mtime_ns, status.st_size)


def _opened(path: Path) -> BinaryIO | None:
    """A log to read; None where there is none, or a folder or a pipe in its place."""
    if not path.is_file():  # opening a pipe would wait for somebody who writes
        return None
    try:
        return path.open("rb")
    except FileNotFoundError:
        return None


def read_lines(path: Path) -> Iterator[bytes]:
    """The complete lines of a log, without blank ones and without a torn last one (Q11)."""
    stream = _opened(path)
    if stream is None:
        return
    with stream:
        for line in stream:
            if line.endswith(b"\n") and line.strip():
                yield line.rstrip(b"\r\n")


def read_on(path: Path, offset: int, limit: int) -> tuple[list[bytes], int]:
    """The complete lines from `offset` on, of at most `limit` bytes, and where they end.

    A line that is longer than that is passed over.
    """
    stream = _opened(path)
    if stream is None:
        return [], offset
    with stream:
        stream.seek(offset)
        data = stream.read(limit)
    whole = data[: data.rfind(b"\n") + 1]
    if not whole and len(data) == limit:
        return [], offset + limit
    return [line for line in whole.splitlines() if line.strip()], offset + len(whole)


def read_lines_tail(path: Path, limit_bytes: int) -> list[bytes]:
    """The complete lines among the last `limit_bytes` of a log; [] when there is no log."""
    stream = _opened(path)
    if stream is None:
        return []
    with stream:
        start = max(0, stream.seek(0, os.SEEK_END) - limit_bytes)
        # From one byte earlier, so that a line that begins exactly at `start` is whole.
        stream.seek(max(0, start - 1))
        lines = stream.read(limit_bytes + 1).split(b"\n")
    first = 1 if start else 0
    return [line.rstrip(b"\r") for line in lines[first:-1] if line.strip()]


def read_lines_backwards(path: Path, block: int = 65_536) -> Iterator[bytes]:
    """The complete lines of a log, the newest first, read no further than they are asked for."""
    stream = _opened(path)
    if stream is None:
        return
    with stream:
        left = stream.seek(0, os.SEEK_END)
        rest, torn = b"", True
        while left:
            step = min(block, left)
            left -= step
            stream.seek(left)
            lines = (stream.read(step) + rest).split(b"\n")
            rest = lines.pop(0)
            if torn and lines:
                lines.pop()  # what follows the last newline: nothing, or a line half written
                torn = False
            yield from (line.rstrip(b"\r") for line in reversed(lines) if line.strip())
        if not torn and rest.strip():
            yield rest.rstrip(b"\r")


def newest_change(folder: Path, most: int) -> float:
    """When anything below a folder was last written, by the machine's clock; 0 for nothing there.

    Links are not followed. Of more than `most` entries nothing is known: infinity, for just now.
    """
    newest, seen, waiting = 0.0, 0, [str(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    seen += 1
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    newest = max(newest, entry.stat(follow_symlinks=False).st_mtime)
        except OSError:
            continue  # gone meanwhile, or closed to us
        if seen > most:
            return math.inf
    return newest
