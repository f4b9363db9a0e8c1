"""What stands at the paths of a folder, to see later whether it still does."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from orchestrator.adapters import files
from orchestrator.adapters.files import NotReadable
from orchestrator.records.change import Print

LARGEST = 10_000_000  # bytes of a file that is read; of a larger one its size counts
GIT = ".git"


def of_folder(folder: Path, wanted: Callable[[str], bool]) -> dict[str, Print]:
    """Every wanted path below a folder, git's own apart."""
    return of_paths(folder, filter(wanted, _below(folder)))


def of_paths(folder: Path, paths: Iterable[str]) -> dict[str, Print]:
    """What stands at each of these paths now; those at which nothing does are left out."""
    found = ((path, _print(folder / path)) for path in paths)
    return {path: one for path, one in found if one is not None}


def _below(folder: Path) -> Iterator[str]:
    for place, folders, names in os.walk(folder):
        inside = os.path.relpath(place, folder)
        if inside == ".":
            folders[:] = [name for name in folders if name != GIT]
        yield from (os.path.normpath(os.path.join(inside, name)) for name in names)


def _print(path: Path) -> Print | None:
    """Its bytes, where they are a file's, and what the kernel counts with every change to it."""
    try:
        status = path.lstat()
        held = hashlib.sha256(files.read_bounded(path, LARGEST)).hexdigest()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    except NotReadable:
        held = f"{status.st_mode} {status.st_size}"
    return Print(held=held, touched=f"{status.st_ino} {status.st_ctime_ns}")
