"""How a task is named: a time, a repository, an issue, and words that are only decoration."""

from __future__ import annotations

import re
import shlex
import unicodedata
import zlib
from datetime import UTC, datetime

from orchestrator.records import regex

LONGEST_SLUG = 40
# In a slug no word is a bare number, so the last one in an id is the issue.
_NAMED = regex.late(r"(task-\d{8}T\d{6}Z-.+-([1-9]\d*))(?:-.*)?")
_SAFE = regex.late(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
LONGEST_ID = 230
_STAMP = "%Y%m%dT%H%M%SZ"


def new_id(ready_at: datetime, repo: str, issue: int | None, title: str) -> str:
    """`task-20261122T205000Z-owner-name-12-slug`; time, repository and issue alone decide (Q3)."""
    stamp = ready_at.astimezone(UTC).strftime(_STAMP)
    return f"task-{stamp}{place_of(repo, issue)}-{slug(title)}"


def ready_at(task_id: str) -> datetime | None:
    """The time in its id, which is that of its first Ready; None where it bears none."""
    try:
        return datetime.strptime(task_id[5:21], _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def place_of(repo: str, issue: int | None) -> str:
    """How the key of every task of an issue ends: `-owner-name-12`."""
    place = re.sub(r"\.{2,}", ".", re.sub(r"[^a-z0-9_.-]", "-", repo.lower())).strip(".-")
    return f"-{place}-{issue or 0}"


def new_branch(task_id: str) -> str:
    return f"agent/{task_id}"


def key_of(task_id: str) -> str:
    """The id without its slug: the same Ready of the same issue gives the same key.

    Without an issue the words are part of the identity, and the whole id is the key.
    """
    named = _NAMED.fullmatch(task_id)
    return named[1] if named else task_id


def is_safe(task_id: str) -> bool:
    """Whether the id can be a file name and the end of a branch name."""
    return (
        len(task_id) <= LONGEST_ID
        and _SAFE.fullmatch(task_id) is not None
        and not task_id.startswith("-")
        and not task_id.endswith(".lock")
    )


def is_ours(branch: str) -> bool:
    """Whether work may be pushed there: a branch of any other name is somebody else's."""
    owner, _, name = branch.partition("/")
    return f"{owner}/" == new_branch("") and is_safe(name)


def slug(title: str) -> str:
    """At most 40 ASCII letters, digits and hyphens, never empty, no word a bare number."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    joined = ""
    for word in re.findall(r"[a-z0-9]+", plain):
        if not joined:
            joined = _not_a_number(word[:LONGEST_SLUG])
            continue
        longer = joined + ("" if word.isdigit() else "-") + word
        if len(longer) > LONGEST_SLUG:
            break
        joined = longer
    return joined or "task"


def slug_of_file(stem: str) -> str:
    """The slug of a file's name, with a check sum where words of the name were lost."""
    words = slug(stem)
    return words if words == stem else f"{words}-x{zlib.crc32(stem.encode('utf-8', 'replace')):08x}"


def _not_a_number(word: str) -> str:
    return f"n{word[: LONGEST_SLUG - 1]}" if word.isdigit() else word


def ignored(name: str, *, inbox: str, folder: bool) -> str:
    """What is wrong with something in the inbox that no task is called like, and what helps."""
    there = shlex.quote(f"{inbox}/{name}")
    if folder:
        put = f"put its files into {inbox} itself"
        return f"{name}/ is a folder, which nobody looks into: {put}; run: mv -n {there}/* {inbox}/"
    called = shlex.quote(f"{inbox}/{name.partition('.')[0]}.md")
    return f"{name} is not taken up: a task's file is called *.md; run: mv -n {there} {called}"
