"""Where a merge needs somebody: what each side has at a path, and a tree without git's own marks.

Words of `git merge-tree`: stage 2 is the branch, stage 3 the base. Where two kinds of thing meet at
one path, git records one of them as `<path>~<commit>`; here both stand under the path again.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from orchestrator.adapters import loose
from orchestrator.adapters.git import Git, Placed
from orchestrator.records.change import ConflictedPath, PathKind

SIDE_LIMIT = 200_000  # characters of one side of a conflict
NOT_TEXT = "(this file is not text; compare the two versions with git)\n"
BRANCH, BASE = "2", "3"
KINDS = {
    "100644": PathKind.FILE,
    "100755": PathKind.EXECUTABLE,
    "120000": PathKind.SYMLINK,
    "160000": PathKind.SUBMODULE,
    "000000": PathKind.DELETED,
}


class Meeting(Struct, kw_only=True):
    """One path: mode and object of each side that has something there, and git's names for it."""

    sides: dict[str, tuple[str, str]]
    names: list[str]


def of(lines: Sequence[str], head: str, base: str) -> Mapping[str, Meeting]:
    """The lines of conflicting stages by the path they are about."""
    found: dict[str, Meeting] = {}
    for line in lines:
        fields, _, name = line.partition("\t")
        if not name:
            continue
        mode, sha, stage = fields.split(" ")
        meeting = found.setdefault(real(name, head, base), Meeting(sides={}, names=[]))
        if name not in meeting.names:
            meeting.names.append(name)
        if stage in {BRANCH, BASE}:
            meeting.sides[stage] = (mode, sha)
    return found


def real(name: str, *commits: str) -> str:
    """A path as both sides know it, without the commit that git adds to tell two things apart."""
    return re.sub(rf"~(?:{'|'.join(commits)})(?:_\d+)?$", "", name)


def paths(names: Sequence[str], head: str, base: str) -> tuple[str, ...]:
    """git's names of conflicting paths, each path once."""
    return tuple(dict.fromkeys(real(name, head, base) for name in names))


def as_base(meetings: Mapping[str, Meeting]) -> tuple[Placed, ...]:
    """What makes the base's side of git's half-made merge, so that no marker is in it."""
    names = [name for meeting in meetings.values() for name in meeting.names]
    gone = tuple(Placed(path=name, mode="", sha="") for name in names)
    there = ((path, meeting.sides[BASE]) for path, meeting in meetings.items()
             if BASE in meeting.sides)  # fmt: skip
    return gone + tuple(Placed(path=path, mode=mode, sha=sha) for path, (mode, sha) in there)


def told(git: Git, meetings: Mapping[str, Meeting], head: str) -> tuple[ConflictedPath, ...]:
    """Both sides of each path, for whoever puts them together."""
    found = {}
    for path, meeting in meetings.items():
        moved = path not in meeting.names
        found[path] = _path(git, path, meeting, folder=moved)
        if moved and BASE in meeting.sides and BRANCH not in meeting.sides:
            # The base's file stands where the branch has a folder: all of that is its side.
            found |= {
                below: _path(git, below, Meeting(sides={BRANCH: side}, names=[below]))
                for below, side in _below(git, head, path)
                if below not in meetings
            }
    return tuple(found.values())


def _path(git: Git, path: str, meeting: Meeting, *, folder: bool = False) -> ConflictedPath:
    """`folder` says that a side which has no file of that name has a folder."""
    nothing = PathKind.FOLDER if folder else PathKind.DELETED
    sides = [meeting.sides.get(stage) for stage in (BRANCH, BASE)]
    branch, base = (_text(git, *side) if side else None for side in sides)
    of_branch, of_base = (KINDS.get(side[0], PathKind.FILE) if side else nothing for side in sides)
    return ConflictedPath(
        path=path, branch=branch, base=base, branch_kind=of_branch, base_kind=of_base
    )


def _below(git: Git, commit: str, folder: str) -> Iterator[tuple[str, tuple[str, str]]]:
    listed = git.run("ls-tree", "-r", "-z", "--full-tree", commit, "--", f"{folder}/").stdout
    for line in filter(None, os.fsdecode(listed).split("\0")):
        fields, _, path = line.partition("\t")
        mode, _, sha = fields.split(" ")
        yield path, (mode, sha)


def _text(git: Git, mode: str, sha: str) -> str:
    """A file's text, a link's target, a submodule's commit."""
    if KINDS.get(mode) is PathKind.SUBMODULE:
        return sha
    blob = _blob(git, sha)[: 4 * SIDE_LIMIT]
    return NOT_TEXT if b"\0" in blob else blob.decode("utf-8", "replace")[:SIDE_LIMIT]


def _blob(git: Git, sha: str) -> bytes:
    with contextlib.suppress(loose.Elsewhere):
        kind, content = loose.read(git.git_dir, sha)
        if kind == b"blob":
            return content
    return git.run("cat-file", "blob", sha).stdout
