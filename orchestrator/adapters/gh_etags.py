"""REST answers that we have, so that GitHub need only say that they still hold (A5).

An answer of 304 is as fresh as one of 200 and costs none of the hour's requests: GitHub has looked,
and what it would say is what lies here. Without asking nothing is ever taken from here.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import msgspec
from msgspec import Struct

from orchestrator.adapters import files

LARGEST = 200_000  # a longer answer is not kept
MOST = 300  # answers; of more the oldest half goes


class Kept(Struct, frozen=True):
    """One answer: its mark, its body, and where its next page is."""

    etag: str
    link: str
    body: bytes


class Etags:
    """The answers to one key, each in a file that only we may read; a lost one costs a request."""

    def __init__(self, folder: Path, identity: str) -> None:
        self.folder = folder
        self._who = hashlib.sha256(identity.encode()).hexdigest()

    def known(self, url: str) -> Kept | None:
        """What lies here, unless its mark would not tell that more has come after it (A8)."""
        try:
            raw = files.read_bounded(self._place(url), 2 * LARGEST)
            kept = msgspec.json.decode(raw, type=Kept)
            return None if _ends_full(url, kept) else kept
        except (
            OSError, files.NotReadable, msgspec.MsgspecError, UnicodeError, RecursionError
        ):  # fmt: skip
            return None

    def keep(self, url: str, kept: Kept) -> None:
        """Remember an answer; a disk that takes nothing more is no reason to fail a read."""
        if not kept.etag or len(kept.body) > LARGEST:
            return
        try:
            files.make_folder(self.folder)
            self._make_room()
            files.write_cache(self._place(url), msgspec.json.encode(kept))
        except OSError:
            return

    def _make_room(self) -> None:
        names = os.listdir(self.folder)
        if len(names) < MOST:
            return
        known = sorted((self.folder / name for name in names), key=_age)
        for path in known[: len(known) // 2]:
            files.remove_file(path)

    def _place(self, url: str) -> Path:
        name = hashlib.sha256(f"{self._who} {url}".encode()).hexdigest()
        return self.folder / f"{name[:32]}.json"


def _ends_full(url: str, kept: Kept) -> bool:
    """Whether it is the last page of a list and has no room left.

    What is added to such a list changes nothing in this page: GitHub says that it still holds, and
    where the next one is would be told by a new answer alone.
    """
    size = parse_qs(urlsplit(url).query).get("per_page", [""])[0]
    if not size.isdecimal() or 'rel="next"' in kept.link:
        return False
    told = msgspec.json.decode(kept.body)
    parts = told.values() if isinstance(told, dict) else [told]
    return any(isinstance(part, list) and len(part) >= int(size) for part in parts)


def _age(path: Path) -> float:
    """When it was last written; one that another process took away first goes first."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
