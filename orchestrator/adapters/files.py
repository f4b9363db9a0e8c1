"""The one writer: files are made, replaced, moved and removed here, whole and durably (Q1)."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.adapters import kernel
from orchestrator.adapters.kernel import Rename
from orchestrator.adapters.reading import (
    NotReadable,
    Stamp,
    read_lines,
    read_lines_backwards,
    read_lines_tail,
    read_on,
    stamp_of,
)
from orchestrator.records import regex
from orchestrator.records.errors import AgentOSError

__all__ = [
    "Changed", "NotReadable", "Stamp", "append_line", "is_part", "make_folder", "move_durably",
    "read_bounded", "read_lines", "read_lines_backwards", "read_lines_tail", "read_on",
    "read_stamped", "remove_file", "remove_tree",
    "rotate", "rotated", "stamp_of", "swap_durably", "sweep_temporary", "sync_folder",
    "temporary_folder", "write_cache", "write_durably",
]  # fmt: skip

_TEMPORARY = ".tmp"
TEMPORARY_FOLDER = "agent-os-"  # begins the name of one that goes with its process
_BLOCK = 1 << 16
_PART = regex.late(r".+-\d{8}T\d{6}\.\d{6}Z")  # as `rotate` names it


class Changed(AgentOSError):
    """Somebody wrote the file between our look and our write; nothing was overwritten (I12)."""


def write_durably(path: Path, data: bytes, *, replace: bool) -> None:
    """The whole of `data` under `path`, on the disk when this returns, or no change (Q1, Q13).

    Without `replace` an existing `path` raises FileExistsError. A failing disk raises OSError.
    """
    temporary = _written_beside(path, data, durable=True)
    with _removed_on_failure(temporary):
        if replace:
            os.replace(temporary, path)
        else:
            _rename_without_replacing(temporary, path)
        sync_folder(path.parent)


def swap_durably(path: Path, data: bytes, *, expected: Stamp) -> None:
    """Replace exactly the version `expected` by `data`, so that no person's save is lost (I12).

    Raises Changed where another version stands there, FileNotFoundError where none does. The two
    names are exchanged in one step, so a file that is moved away meanwhile is never made twice.
    """
    temporary = _written_beside(path, data, durable=True)
    with _removed_on_failure(temporary):
        _expect(path, expected)
        try:
            kernel.rename(temporary, path, Rename.EXCHANGE)
        except OSError as refused:
            if refused.errno not in kernel.NOT_OFFERED:
                raise
            os.replace(temporary, path)  # the look above was all the care this disk offers
        else:
            _take_back_unless(expected, temporary, path)
            os.unlink(temporary)
        sync_folder(path.parent)


def write_cache(path: Path, data: bytes) -> None:
    """Atomic for readers but not durable: for what can be computed again."""
    temporary = _written_beside(path, data, durable=False)
    with _removed_on_failure(temporary):
        os.replace(temporary, path)


def move_durably(source: Path, target: Path) -> None:
    """One transition: `source` becomes `target`, never over an existing name (Q2).

    Raises FileNotFoundError when there is no `source`, FileExistsError when there is a `target`.
    """
    _rename_without_replacing(source, target)
    sync_folder(target.parent)
    if source.parent != target.parent:
        sync_folder(source.parent)


def append_line(path: Path, line: bytes, *, durable: bool) -> None:
    """Add `line` (without its newline) by one write; a torn last line is closed first (Q11)."""
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        data = (b"\n" if torn else b"") + line + b"\n"
        if os.write(descriptor, data) != len(data):
            raise OSError(errno.ENOSPC, "Only a part of the line could be written", str(path))
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if durable and size == 0:
        sync_folder(path.parent)


def open_log(path: Path) -> int:
    """A descriptor that appends to a private log, and may shorten it; the caller closes it."""
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    return os.open(path, flags, 0o600)


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
            raise NotReadable(f"{path.name} has {status.st_size} bytes; at most {limit} are read.")
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


def rotate(path: Path, limit_bytes: int, keep: int) -> None:
    """Rename a log past `limit_bytes` to its date, and remove all but the newest `keep` (Q11)."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if status.st_size <= limit_bytes:
        return
    date = datetime.fromtimestamp(status.st_mtime, UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    with contextlib.suppress(FileNotFoundError, FileExistsError):  # another process did it
        _rename_without_replacing(path, path.with_name(f"{path.stem}-{date}{path.suffix}"))
    for old in rotated(path)[:-keep] if keep else rotated(path):
        remove_file(old)


def rotated(path: Path) -> list[Path]:
    """The earlier parts of a rotated log, oldest first."""
    return sorted(path.parent.glob(f"{path.stem}-*Z{path.suffix}"))


def is_part(path: Path) -> bool:
    """Whether this is an earlier part of some rotated log, by its name."""
    return bool(_PART.fullmatch(path.stem))


def make_folder(path: Path) -> None:
    """A private folder and its missing parents, 0700; an existing one stays as it is."""
    if path.is_dir():
        return
    if path.parent != path:
        make_folder(path.parent)
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, 0o700)
    if not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "This is not a folder", str(path))


def space(place: Path) -> tuple[int, int]:
    """Bytes free for us, and bytes in all, of the disk where a path lies or will lie."""
    while not place.exists() and place.parent != place:
        place = place.parent
    found = os.statvfs(place)
    return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize


def space_for_files(place: Path) -> int:
    """How many more files the disk of a path takes; 0 where it knows no number."""
    return os.statvfs(place).f_favail


def count(path: Path) -> int:
    """How many files and folders lie below a path."""
    return sum(len(folders) + len(names) for _, folders, names in os.walk(path))


def size_of(path: Path) -> int:
    """Bytes on the disk of a file or of a folder with all in it; links are not followed."""
    total = _blocks(path)
    for folder, folders, names in os.walk(path):
        total += sum(_blocks(os.path.join(folder, name)) for name in (*folders, *names))
    return total


def _blocks(path: Path | str) -> int:
    try:
        return os.lstat(path).st_blocks * 512
    except OSError:
        return 0  # gone meanwhile, or closed to us


def reserve(path: Path, size: int) -> None:
    """A file that occupies `size` bytes on the disk, or none; raises OSError."""
    temporary = path.with_name(f".{path.name}{_TEMPORARY}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with _removed_on_failure(str(temporary)):
        try:
            os.posix_fallocate(descriptor, 0, size)
        finally:
            os.close(descriptor)
        os.replace(temporary, path)


def try_out(folder: Path) -> None:
    """Make a file of one block in a folder and remove it; raises OSError where it takes none."""
    path = folder / f".try-{os.getpid()}{_TEMPORARY}"
    reserve(path, 4096)
    remove_file(path)


def disk_sentence(error: OSError) -> str:
    """What a person is told where the disk itself fails, and "" for any other trouble (Q10)."""
    said = _DISK.get(error.errno or 0)
    return f"{said}: {error.filename or 'a file of ours'}" if said else ""


_DISK = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "this user's share of the disk is used up",
    errno.EIO: "the disk reports errors",
    errno.EROFS: "the disk has become read-only",
}


def find_program(name: str, search: str) -> str | None:
    """Where a program lies on the given PATH, or None."""
    return shutil.which(name, path=search)


def link(path: Path, *, to: Path) -> None:
    """A symbolic link at `path`; raises FileExistsError."""
    os.symlink(to, path)


def tell_kernel(path: Path, word: bytes) -> None:
    """Write to a file of /proc or /sys that is there; what may not be written stays as it is."""
    with contextlib.suppress(OSError), open(path, "r+b", buffering=0) as handle:
        handle.write(word)


def remove_file(path: Path) -> bool:
    """Whether there was a file to remove."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    return True


def remove_tree(path: Path, *, inside: Path) -> None:
    """Remove a folder and all in it, but only one that really lies below `inside`.

    A link in its place is removed, its target is not touched. Raises NotReadable for any path
    that is not strictly inside, so that a wrong name removes nothing.
    """
    real = Path(os.path.realpath(path.parent)) / path.name
    fence = Path(os.path.realpath(inside))
    if path.name in {"", ".", ".."} or fence not in real.parents:
        raise NotReadable(f"{path} does not lie inside {inside}; it was not removed.")
    if real.is_symlink():
        os.unlink(real)
    elif real.exists():
        shutil.rmtree(real, onerror=_open_up_and_retry)


def sweep_temporary(folder: Path, older_than_seconds: float, now: datetime) -> int:
    """Remove what crashed writers left in `folder` that long ago, and count it (F1)."""
    swept = 0
    for entry in os.scandir(folder):
        if not (entry.name.startswith(".") and entry.name.endswith(_TEMPORARY)):
            continue
        with contextlib.suppress(FileNotFoundError):
            status = entry.stat(follow_symlinks=False)
            old = now.timestamp() - max(status.st_mtime, status.st_ctime) > older_than_seconds
            if old and stat.S_ISREG(status.st_mode):
                os.unlink(entry.path)
                swept += 1
    return swept


@contextlib.contextmanager
def temporary_folder(parent: Path | None = None) -> Iterator[Path]:
    """A private folder that is gone, with all in it, when the block ends."""
    folder = Path(tempfile.mkdtemp(prefix=TEMPORARY_FOLDER, dir=parent))
    try:
        yield folder
    finally:
        remove_tree(folder, inside=folder.parent)


def sync_folder(folder: Path) -> None:
    """Names made or removed in `folder` survive a power loss once this returns."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _written_beside(path: Path, data: bytes, *, durable: bool) -> str:
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name[:120]}.{os.urandom(6).hex()}{_TEMPORARY}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(temporary, flags, 0o600)
    with _removed_on_failure(temporary):
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
    return temporary


@contextlib.contextmanager
def _removed_on_failure(temporary: str) -> Iterator[None]:
    try:
        yield
    except (OSError, AgentOSError):
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _rename_without_replacing(source: Path | str, target: Path) -> None:
    try:
        kernel.rename(source, target, Rename.NO_REPLACE)
    except OSError as refused:
        if refused.errno not in kernel.NOT_OFFERED:
            raise
        # Both names for a moment: Q3 finishes the move if we die here.
        os.link(source, target, follow_symlinks=False)
        os.unlink(source)


def _expect(path: Path, expected: Stamp) -> None:
    if stamp_of(os.lstat(path)) != expected:
        raise Changed(f"{path.name} was saved by somebody else meanwhile; nothing was overwritten.")


def _take_back_unless(expected: Stamp, taken: str, path: Path) -> None:
    if stamp_of(os.lstat(taken)) != expected:
        kernel.rename(taken, path, Rename.EXCHANGE)
        raise Changed(f"{path.name} was saved by somebody else meanwhile; nothing was overwritten.")


def _open_up_and_retry(remove: Callable[[str], object], name: str, _: object) -> None:
    """Tools leave read-only folders in their caches; opening the parent lets them go."""
    if not os.path.lexists(name):
        return
    for folder in (os.path.dirname(name), name):
        if os.path.isdir(folder) and not os.path.islink(folder):
            os.chmod(folder, 0o700)
    if remove is os.unlink or remove is os.remove:
        os.unlink(name)
    else:
        shutil.rmtree(name)
