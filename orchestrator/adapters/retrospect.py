"""What a commit says of itself and of its past, for those who begin to work on it."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from orchestrator.adapters import loose
from orchestrator.adapters.git import Git
from orchestrator.records.change import PastCommit

FIELDS = "%x01%H%x00%ct%x00%s%x00"
PAGE_LIMIT = 400_000  # bytes of one file that are kept
HEADER = re.compile(rb"[0-9a-f]{40,64} (\w+) (\d+)\n")


def read_files(git: Git, sha: str, paths: Sequence[str]) -> dict[str, str]:
    """The texts of those files that a commit has, in one process at most; raises GitError."""
    wanted = [path for path in dict.fromkeys(paths) if path and "\n" not in path]
    with contextlib.suppress(loose.Elsewhere):
        held = {path: loose.file(git.git_dir, sha, path) for path in wanted}
        return {path: _text(data) for path, data in held.items() if data is not None}
    asked = "".join(f"{sha}:{path}\n" for path in wanted)
    told = git.run("cat-file", "--batch", stdin=asked.encode("utf-8", "surrogateescape")).stdout
    found: dict[str, str] = {}
    place = 0
    for path in wanted:
        header = HEADER.match(told, place)
        if header is None:  # "... missing"
            place = told.find(b"\n", place) + 1
            continue
        start, length = header.end(), int(header[2])
        if header[1] == b"blob":
            found[path] = _text(told[start : start + length])
        place = start + length + 1
    return found


def names(git: Git, sha: str) -> tuple[str, ...]:
    """Every path of a commit; raises GitError."""
    said = git.run("ls-tree", "-r", "-z", "--name-only", "--full-tree", sha).stdout
    return tuple(path for path in os.fsdecode(said).split("\0") if path)


def recent(git: Git, sha: str, most: int) -> tuple[PastCommit, ...]:
    """The newest commits up to `sha`, merges apart, each with the paths it changed."""
    said = git.run(
        "log", "-z", f"--max-count={most}", "--no-merges", "--name-only", f"--format={FIELDS}", sha
    ).stdout
    found: list[PastCommit] = []
    for told in os.fsdecode(said).split("\x01")[1:]:
        name, when, subject, *paths = told.split("\0")
        found.append(
            PastCommit(
                sha=name,
                at=datetime.fromtimestamp(int(when), UTC),
                subject=subject,
                paths=tuple(clean for path in paths if (clean := path.strip("\n"))),
            )
        )
    return tuple(found)


def _text(data: bytes) -> str:
    return data[:PAGE_LIMIT].decode("utf-8", "replace")
