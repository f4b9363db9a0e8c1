"""What must not leave the machine: the last look at a diff before it is pushed (G10)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from msgspec import Struct

from orchestrator.records import regex

LARGEST = 10_000_000
TOLD = 20  # reasons that are named; of more, their number
SYMLINK, SUBMODULE = "120000", "160000"
RESULT_FILE = ".agent_result.md"
CONTROL = regex.late(r"[\x00-\x1f\x7f\\]")
# Names that some file system takes for .git: other cases, short names, ignored endings.
GIT_FOLDER = regex.late(r"\.git[. ]*(?::.*)?|git~\d+", re.IGNORECASE)

GITMODULES = regex.late(r"\.gitmodules[. ]*(?::.*)?|gitmod~\d+|gi7eb[0-9a-f]~\d+", re.IGNORECASE)


class Change(Struct, frozen=True, kw_only=True):
    """One path of the diff; modes as git writes them, "000000" where there is no file.

    `size` is in bytes after the change, `target` where a symbolic link leads.
    """

    path: str
    mode: str = "100644"
    old_mode: str = "000000"
    size: int = 0
    target: str = ""

    @property
    def deleted(self) -> bool:
        return self.mode == "000000"

    @property
    def added(self) -> bool:
        return self.old_mode == "000000" and not self.deleted


class Facts(Struct, frozen=True, kw_only=True):
    """The whole diff of base..head, and what else must hold; `secrets` are findings by name.

    `names` are all paths after it, where it adds any.
    """

    changes: tuple[Change, ...]
    names: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    commits_ours: bool
    base_is_ancestor: bool


class Pass(Struct, frozen=True, tag=True):
    """It may be pushed."""


class Refused(Struct, frozen=True, tag=True):
    """It stays here; each reason is a sentence."""

    reasons: tuple[str, ...]


def judge(facts: Facts) -> Pass | Refused:
    """Pass only for a diff in which nothing was found; all findings are told at once (G10)."""
    reasons = tuple(_reasons(facts))
    if len(reasons) > TOLD:
        reasons = (*reasons[:TOLD], f"and {len(reasons) - TOLD} more")
    return Refused(reasons) if reasons else Pass()


def _reasons(facts: Facts) -> Iterator[str]:
    if not facts.changes:
        yield "the diff is empty"
    if not facts.base_is_ancestor:
        yield "the branch does not begin at its base"
    if not facts.commits_ours:
        yield "the branch holds commits that are not ours"
    for finding in facts.secrets:
        yield f"it holds what looks like a secret: {finding}"
    twins = _twins(facts)
    for change in facts.changes:
        reason = _path(change.path) or _kind(change) or twins.get(change.path)
        if reason:
            yield f"{change.path!r} {reason}"


def _twins(facts: Facts) -> dict[str, str]:
    """New paths that many file systems take for another path, so that one hides the other."""
    added = {change.path for change in facts.changes if change.added}
    if not added:
        return {}
    alike: dict[str, list[str]] = {}
    for name in facts.names:
        alike.setdefault(_folded(name), []).append(name)
    return {
        path: f"differs from {other!r} only by case, and many systems can hold only one of them"
        for path in added
        for other in alike.get(_folded(path), ())
        if other != path
    }


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


def _path(path: str) -> str:
    parts = path.split("/")
    if CONTROL.search(path):
        return "has a backslash or a control character in its name"
    if not path or path.startswith("/") or {"", ".", ".."} & set(parts):
        return "is no path inside the repository"
    if any(map(_is_gits, parts)):
        return "lies in a folder that git keeps for itself"
    return ""


def _is_gits(part: str) -> bool:
    return GIT_FOLDER.fullmatch(_visible(part)) is not None


def _visible(part: str) -> str:
    """Invisible characters do not count: some file systems drop them (CVE-2014-9390)."""
    return "".join(c for c in part if unicodedata.category(c) != "Cf")


def _kind(change: Change) -> str:
    name = change.path.rpartition("/")[2]
    if SUBMODULE in {change.mode, change.old_mode} or GITMODULES.fullmatch(_visible(name)):
        return "changes a submodule"
    if change.deleted:
        return ""
    if name == RESULT_FILE:
        return "is the agent's note to us, not part of the work"
    if change.mode == SYMLINK:
        return _link(change)
    if change.size > LARGEST:
        return f"has {change.size / 1e6:.0f} MB, more than {LARGEST / 1e6:.0f} MB"
    return ""


def _link(change: Change) -> str:
    """Steps up may only come first: behind a name they could pass through another link."""
    if CONTROL.search(change.target) or change.target.startswith("/"):
        return f"is a link to {change.target[:80]!r}, outside the repository"
    steps = [part for part in change.target.split("/") if part not in {"", "."}]
    up = 0
    while up < len(steps) and steps[up] == "..":
        up += 1
    deep = change.path.count("/")
    if not steps or up > deep or ".." in steps[up:]:
        return f"is a link to {change.target[:80]!r}, outside the repository"
    if any(map(_is_gits, steps)):
        return f"is a link to {change.target[:80]!r}, which git keeps for itself"
    return ""
