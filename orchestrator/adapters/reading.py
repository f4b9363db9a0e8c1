"""Reading without trust: regular files of a sane size, and logs whose last line may be torn."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from orchestrator.records.errors import AgentOSError

_BLOCK = 1 << 16


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


def read_lines(path: Path) -> Iterator[bytes]:
    """The complete lines of a log, without blank ones and without a torn last one (Q11)."""
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        return
    with stream:
        for line in stream:
            if line.endswith(b"\n") and line.strip():
                yield line.rstrip(b"\r\n")


def read_lines_tail(path: Path, limit_bytes: int) -> list[bytes]:
    """The complete lines among the last `limit_bytes` of a log; [] when there is no log."""
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        return []
    with stream:
        start = max(0, stream.seek(0, os.SEEK_END) - limit_bytes)
        # From one byte earlier, so that a line that begins exactly at `start` is whole.
        stream.seek(max(0, start - 1))
        lines = stream.read(limit_bytes + 1).split(b"\n")
    first = 1 if start else 0
    return [line.rstrip(b"\r") for line in lines[first:-1] if line.strip()]


def read_bounded(path: Path, limit: int) -> bytes:
    """The bytes of a regular file of at most `limit` bytes, never through a link (Q9).

    Raises NotReadable for a link, a folder, a FIFO, a file too large or closed to us;
    FileNotFoundError when nothing is there; OSError when the disk or the process is in trouble.
    """
    return read_stamped(path, limit)[0]


def read_stamped(path: Path, limit: int) -> tuple[bytes, Stamp]:
    """As `read_bounded`, with the version that was read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as refused:
        sentence = _UNREADABLE.get(refused.errno or 0)
        if sentence is None:
            raise
        raise NotReadable(f"{path.name} {sentence}.") from refused
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise NotReadable(f"{path.name} is not a regular file.")
        if status.st_size > limit:
            raise NotReadable(
                f"{path.name} has {status.st_size} bytes; at most {limit} are read."
            )
        data = os.read(descriptor, status.st_size + 1)
        # A short read is the end of a regular file; a full one means that it has grown.
        while status.st_size < len(data) <= limit and (more := os.read(descriptor, _BLOCK)):
            data += more
    finally:
        os.close(descriptor)
    if len(data) > limit:
        raise NotReadable(f"{path.name} grew beyond {limit} bytes while it was read.")
    return data, stamp_of(status)


_UNREADABLE = {
    errno.ELOOP: "is a symbolic link; links are not followed",
    errno.EACCES: "may not be read by this user",
    errno.EPERM: "may not be read by this user",
    errno.ENXIO: "is a socket or a device",
    errno.ENODEV: "is a device",
}
