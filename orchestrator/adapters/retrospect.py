"""What a commit says of itself and of its past, for those who begin to work on it."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.adapters import ancestry, loose
from orchestrator.adapters.git import Git
from orchestrator.records.change import PastCommit

FIELDS = "%x01%H%x00%ct%x00%s%x00"
NONE = loose.ABSENT.decode()
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
    """Every path of a commit or a tree; raises GitError."""
    with contextlib.suppress(loose.Elsewhere):
        tree = loose.tree_of(git.git_dir, sha)
        return tuple(path for path, _, _ in loose.differing(git.git_dir, "", tree))
    said = git.run("ls-tree", "-r", "-z", "--name-only", "--full-tree", sha).stdout
    return tuple(path for path in os.fsdecode(said).split("\0") if path)


def recent(git: Git, sha: str, most: int) -> tuple[PastCommit, ...]:
    """The newest commits up to `sha`, merges apart, each with the paths it changed."""
    with contextlib.suppress(loose.Elsewhere):
        return tuple(_walked(git.git_dir, sha, most))
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


def _walked(git_dir: Path, sha: str, most: int) -> Iterator[PastCommit]:
    """The same from loose objects; raises Elsewhere, also where a file may have been renamed."""
    found = 0
    for commit in ancestry.youngest_first(git_dir, sha):
        if len(commit.parents) > 1:
            continue
        if found == most:
            return
        found += 1
        before = ancestry.commit(git_dir, commit.parents[0]).tree if commit.parents else ""
        changes = loose.differing(git_dir, before, commit.tree)
        come, gone = (any(side[place] == NONE for side in changes) for place in (1, 2))
        if come and gone:
            raise loose.Elsewhere(commit.sha)
        yield PastCommit(
            sha=commit.sha, at=commit.committed, subject=_subject(commit.message),
            paths=tuple(path for path, _, _ in changes),
        )  # fmt: skip


def _subject(message: str) -> str:
    """The first paragraph on one line, as git tells it."""
    lines = [line.rstrip() for line in message.lstrip("\n").split("\n")]
    return " ".join(lines[: lines.index("")] if "" in lines else lines)


def _text(data: bytes) -> str:
    return data[:PAGE_LIMIT].decode("utf-8", "replace")
