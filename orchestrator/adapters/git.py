"""Every git command of ours: fixed flags, a bare environment, explicit folders, a deadline (G7)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from orchestrator.adapters import ancestry, loose, process
from orchestrator.records.errors import AgentOSError

TIMEOUT_SECONDS = 120.0
ZERO = "0" * 40
# Whatever a repository, an agent or the operator configured, none of it runs in our commands.
FLAGS = tuple(
    word
    for setting in (
        "core.hooksPath=/dev/null",
        "core.fsmonitor=false",
        "core.attributesFile=/dev/null",
        "core.excludesFile=/dev/null",
        "core.sshCommand=ssh",
        "core.quotePath=false",
        # What a task's file names must outlive a power loss as that file does: by itself git
        # makes neither loose objects nor refs durable (some 5 ms for each that is written).
        "core.fsync=committed,loose-object,reference",
        "commit.gpgsign=false",
        "credential.helper=",
        "protocol.ext.allow=never",
        "diff.external=",
        "submodule.recurse=false",
        "gc.auto=0",
        "maintenance.auto=false",
    )
    for word in ("-c", setting)
)


class Identity(Struct, frozen=True, kw_only=True):
    """Author and committer, with the moment (aware) that makes a repeated commit the same SHA."""

    name: str
    email: str
    moment: datetime


class Inline(Struct, frozen=True, kw_only=True):
    """A file that a commit gets besides its tree; None removes it."""

    path: str
    text: str | None


class Placed(Struct, frozen=True, kw_only=True):
    """An object of the store that a commit gets at a path besides its tree; mode "" removes it."""

    path: str
    mode: str
    sha: str


class GitError(AgentOSError):
    """git said no; the text says what was asked for and what git answered."""

    def __init__(self, what: str, done: process.Completed) -> None:
        said = done.stderr.decode("utf-8", "replace").strip()[-2000:]
        answer = "did not finish in time" if done.timed_out else f"failed ({done.exit_code})"
        super().__init__(f"git {what} {answer}: {said}" if said else f"git {what} {answer}")
        self.stderr = said
        self.exit_code_of_git = done.exit_code


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """What git sees: no configuration but the store's, no prompt, no home, no variable of ours."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_LFS_SKIP_SMUDGE": "1",
        **(extra or {}),
    }


class Git:
    """git in one repository, named by its folder and never searched for."""

    def __init__(
        self,
        git_dir: Path,
        work_tree: Path | None = None,
        *,
        index: Path | None = None,
        excludes: Path | None = None,
        extra: Mapping[str, str] | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self.git_dir = git_dir
        self.work_tree = work_tree
        self.timeout_seconds = timeout_seconds
        indexed = {"GIT_INDEX_FILE": str(index)} if index else {}
        self._flags = (*FLAGS, "-c", f"core.excludesFile={excludes}") if excludes else FLAGS
        self._environment = environment({**indexed, **(extra or {})})

    def argv(self, *args: str) -> tuple[str, ...]:
        tree = (f"--work-tree={self.work_tree}",) if self.work_tree else ()
        return ("git", *self._flags, f"--git-dir={self.git_dir}", *tree, *args)

    def attempt(
        self, *args: str, stdin: bytes = b"", timeout_seconds: float | None = None
    ) -> process.Completed:
        """Run git and return whatever came of it; raises CannotStart where git is missing."""
        return process.run(
            self.argv(*args),
            cwd=self.work_tree or self.git_dir,
            environment=self._environment,
            stdin=stdin,
            timeout_seconds=timeout_seconds or self.timeout_seconds,
        )

    def run(self, *args: str, stdin: bytes = b"", ok: tuple[int, ...] = (0,)) -> process.Completed:
        """Run git; raises GitError for an exit code that is not in `ok`, and for a timeout."""
        done = self.attempt(*args, stdin=stdin)
        if done.timed_out or done.exit_code not in ok:
            raise GitError(args[0], done)
        return done

    def text(self, *args: str, stdin: bytes = b"") -> str:
        return self.run(*args, stdin=stdin).stdout.decode("utf-8", "replace").rstrip("\n")

    def commit(
        self,
        ref: str,
        *,
        tree: str,
        parents: tuple[str, ...],
        message: str,
        identity: Identity,
        files: Iterable[Inline | Placed] = (),
    ) -> str:
        """Set `ref` to a new commit of `tree` with `files` put in; returns its SHA.

        One process, by fast-import: no index, no checkout, no hook. The same arguments make the
        same SHA. Moves `ref` from wherever it stood; the caller knows what was there.
        """
        stream = _import_stream(
            ref, tree=tree, parents=parents, message=message, identity=identity, files=files
        )
        done = self.run(
            "fast-import", "--quiet", "--force", "--done", "--date-format=raw", stdin=stream
        )
        return done.stdout.decode("ascii").strip()

    def ref(self, name: str) -> str | None:
        """The SHA a ref of ours has now, read from the store without a process."""
        try:
            with open(f"{self.git_dir}/{name}", encoding="ascii", errors="replace") as stream:
                return _sha(stream.read().strip())
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            pass
        try:
            with open(f"{self.git_dir}/packed-refs", encoding="utf-8", errors="replace") as stream:
                packed = stream.read().splitlines()
        except FileNotFoundError:
            return None
        for line in packed:
            sha, _, name_there = line.partition(" ")
            if name_there == name:
                return _sha(sha)
        return None

    def write_ref(self, name: str, sha: str, *, expected: str) -> None:
        """Set a ref that now stands at `expected` ("" for not at all); raises GitError."""
        self.run("update-ref", name, sha, expected or ZERO)

    def delete_ref(self, name: str, *, expected: str) -> None:
        self.run("update-ref", "-d", name, expected)

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether `newer` contains `older`; raises GitError where the store lacks one of them."""
        if older == newer:
            return True
        with contextlib.suppress(loose.Elsewhere):
            return ancestry.is_ancestor(self.git_dir, older, newer)
        return self.run("merge-base", "--is-ancestor", older, newer, ok=(0, 1)).exit_code == 0

    def has_commit(self, sha: str) -> bool:
        """Whether the store has this commit, without asking any remote."""
        if loose.is_commit(self.git_dir, sha):
            return True
        done = self.run("cat-file", "-e", f"{sha}^{{commit}}", ok=(0, 1, 128))
        return done.exit_code == 0


def _sha(word: str) -> str | None:
    return word if len(word) == 40 and set(word) <= set("0123456789abcdef") else None


def _import_stream(
    ref: str,
    *,
    tree: str,
    parents: tuple[str, ...],
    message: str,
    identity: Identity,
    files: Iterable[Inline | Placed],
) -> bytes:
    who = f"{_plain(identity.name)} <{_plain(identity.email)}>".encode()
    when = f" {int(identity.moment.timestamp())} +0000\n".encode()
    lines = [f"commit {ref}\nmark :1\n".encode()]
    lines += [b"author ", who, when, b"committer ", who, when, _data(message)]
    for word, parent in zip(("from", *["merge"] * len(parents)), parents, strict=False):
        lines.append(f"{word} {parent}\n".encode())
    lines.append(f'M 040000 {tree} ""\n'.encode())
    for file in files:
        if isinstance(file, Placed) and file.mode:
            lines.append(f"M {file.mode} {file.sha} ".encode() + _quoted(file.path) + b"\n")
        elif isinstance(file, Placed) or file.text is None:
            lines.append(b"D " + _quoted(file.path) + b"\n")
        else:
            lines.append(b"M 100644 inline " + _quoted(file.path) + b"\n" + _data(file.text))
    lines.append(b"\nget-mark :1\ndone\n")
    return b"".join(lines)


def _data(text: str) -> bytes:
    raw = text.encode("utf-8", "surrogateescape")
    return f"data {len(raw)}\n".encode() + raw + b"\n"


def _quoted(path: str) -> bytes:
    return b'"' + b"".join(b"\\%03o" % byte for byte in os.fsencode(path)) + b'"'


def _plain(word: str) -> str:
    """A name without the letters that end it in a commit's header."""
    return "".join(letter for letter in word if letter not in "<>\n\0").strip()
