"""Which version a program is: asked once for each installation of it, not at each tick."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from orchestrator.adapters import files, process, slips
from orchestrator.adapters.files import NotReadable
from orchestrator.adapters.process import CannotStart
from orchestrator.records import regex

SECONDS = 20.0
LARGEST = 10_000
NUMBERS = regex.late(r"\b(\d{1,9})\.(\d{1,9})(?:\.(\d{1,9}))?")


class Known(Struct, frozen=True, kw_only=True):
    """What an installation said: its file, that file's time, size and number, and the version."""

    path: str
    stamp: tuple[int, int, int]
    version: tuple[int, ...]


class Versions:
    """What is remembered under `folder`; lost, each program is asked once more."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def of(self, program: str, search: str) -> tuple[int, ...]:
        """The numbers of its version, () where it does not tell; `program` is a path to it.

        It runs alone, with nothing but `search` as its PATH and a home of ours.
        """
        real = Path(program).resolve()
        try:
            status = real.stat()
        except OSError:
            return ()
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        slip = slips.path(self.folder, program)
        known = self._known(slip)
        if known is not None and (known.path, known.stamp) == (str(real), stamp):
            return known.version
        version = self._asked(program, search)
        if version:
            said = Known(path=str(real), stamp=stamp, version=version)
            files.write_cache(slip, msgspec.json.encode(said))
        return version

    def _known(self, slip: Path) -> Known | None:
        try:
            return msgspec.json.decode(files.read_bounded(slip, LARGEST), type=Known)
        except (OSError, NotReadable, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None

    def _asked(self, program: str, search: str) -> tuple[int, ...]:
        home = self.folder / "home"
        files.make_folder(home)
        try:
            ended = process.run(
                (program, "--version"), cwd=home, timeout_seconds=SECONDS,
                environment={"PATH": search, "HOME": str(home), "TERM": "dumb", "LANG": "C.UTF-8"},
            )  # fmt: skip
        except CannotStart:
            return ()
        found = NUMBERS.search(ended.stdout.decode("utf-8", "replace"))
        return tuple(int(part) for part in found.groups() if part) if found else ()
