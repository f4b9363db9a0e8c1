"""The hidden line by which we know our own comments and pull requests again (E4)."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from pathlib import Path

from orchestrator.adapters import files
from orchestrator.adapters.gh_rest import MadeRest
from orchestrator.records import regex
from orchestrator.records.task import Task
from orchestrator.records.tracker import Comment

OPENING = "<!-- aos:fx="
MARKER = regex.late(rf"{OPENING}[0-9a-f]{{40}} -->")


class Markers:
    """Markers under one key: `runtime/mailbox/.key`, 0600, made once and never rotated.

    The login behind a comment is never asked: many run this with their own token. A copy that a
    person pasted is younger than the original, so of several the oldest counts. With `read_only`
    (a dry run) no key is made.
    """

    def __init__(self, key_file: Path, *, read_only: bool = False) -> None:
        self.key_file = key_file
        self.read_only = read_only

    def line(self, task: Task, kind: str, ordinal: int = 0, *, round_: int | None = None) -> str:
        """The marker for one effect of a task; `round_` 0 for what spans all rounds."""
        counted = task.round if round_ is None else round_
        what = (task.repo.lower(), task.issue or 0, task.task_id, counted, kind, ordinal)
        said = "\n".join(map(str, what))
        digest = hmac.new(self._key(), said.encode(), hashlib.sha256).hexdigest()[:40]
        return f"{OPENING}{digest} -->"

    def _key(self) -> bytes:
        if not self.key_file.exists():
            if self.read_only:
                return secrets.token_bytes(32)  # as good as any: nothing bears our mark yet
            # Where another process makes it in the same moment, that one counts.
            with contextlib.suppress(FileExistsError):
                files.write_durably(self.key_file, secrets.token_hex(32).encode(), replace=False)
        return self.key_file.read_bytes().strip()


def oldest(marker: str, comments: Iterable[Comment]) -> Comment | None:
    """Of the comments that carry the marker, the one that was there first."""
    ours = [comment for comment in comments if marker in comment.body]
    return min(ours, key=lambda comment: (comment.created, comment.id), default=None)


def bearing(marker: str, issues: Iterable[MadeRest]) -> list[int]:
    """The numbers of the issues that carry the marker, in the order in which they are given."""
    return [one.number for one in issues if marker in (one.body or "")]


def signed(body: str) -> bool:
    """Whether a text ends with a marker, as ours do; one that only quotes ours does not.

    What only looks like one is a person's words. A true one that was copied is not told apart: the
    effect that it names may be any task's.
    """
    return MARKER.fullmatch(body.rstrip().rpartition("\n")[2]) is not None
