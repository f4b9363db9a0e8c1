"""The door to git: bare repositories, look-ups, merges without a checkout, fetches and pushes."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, NamedTuple

from orchestrator.forge import joining, making, objects
from orchestrator.forge.making import Identity

CHUNK = 1 << 16
ZERO = "0" * 40
BARE = """\
[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = true
\tlogAllRefUpdates = false
[http]
\treceivepack = true
[gc]
\tauto = 0
[receive]
\tautogc = false
[uploadpack]
\tallowAnySHA1InWant = true
"""
# The forge says in the environment which branches this push may not touch, and why.
OUR_HOOK = "update"
UPDATE_HOOK = """#!/bin/sh
printf '%s\\n' "$FORGE_REFUSED" | while IFS="$(printf '\\t')" read -r ref rule reason; do
    [ "$ref" = "$1" ] || continue
    case "$rule" in
        deleted)
            [ "$3" = 0000000000000000000000000000000000000000 ] || continue
            ;;
        forced)
            [ "$3" = 0000000000000000000000000000000000000000 ] && continue
            git merge-base --is-ancestor "$2" "$3" 2>/dev/null && continue
            ;;
    esac
    echo "error: GH006: Protected branch update failed for $1."
    echo "error: $reason"
    exit 1
done
"""


class GitError(Exception):
    """git answered with an error; the text is what it said."""


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": "/nonexistent",
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        # The repositories belong to whoever runs the forge, also when that is not their owner.
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
        **(extra or {}),
    }


def run(
    repository: Path, *arguments: str, stdin: bytes = b"", extra: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    command = ["git", "--git-dir", str(repository), *arguments]
    return subprocess.run(
        command, input=stdin, capture_output=True, env=environment(extra), check=False
    )


def git(
    repository: Path, *arguments: str, stdin: bytes = b"", extra: Mapping[str, str] | None = None
) -> str:
    done = run(repository, *arguments, stdin=stdin, extra=extra)
    if done.returncode:
        raise GitError(done.stderr.decode(errors="replace").strip() or f"git {arguments[0]} failed")
    return done.stdout.decode(errors="surrogateescape")


def create(repository: Path, default_branch: str) -> None:
    """A bare repository that accepts pushes over HTTP, as git lays one out; safe to repeat."""
    for folder in ("hooks", "info", "objects/info", "objects/pack", "refs/heads", "refs/tags"):
        (repository / folder).mkdir(parents=True, exist_ok=True)
    (repository / "config").write_text(BARE)
    hook = repository / "hooks" / OUR_HOOK
    hook.write_text(UPDATE_HOOK)
    hook.chmod(0o755)
    # Last: what has no HEAD is no repository.
    (repository / "HEAD").write_text(f"ref: refs/heads/{default_branch}\n")


def refs(repository: Path) -> dict[str, str]:
    known = objects.refs(repository)
    if known is not None:
        return known
    listing = git(repository, "for-each-ref", "--format=%(objectname) %(refname)")
    pairs = (line.split(" ", 1) for line in listing.splitlines())
    return {name: sha for sha, name in pairs}


def update_ref(repository: Path, name: str, new: str, old: str) -> bool:
    """Move a ref from old to new; False when it is no longer at old (zeros: does not exist)."""
    done = making.move_ref(repository, name, new, old)
    if done is not None:
        return done
    change = ("-d", name, old) if new == ZERO else (name, new, old)
    return run(repository, "update-ref", *change).returncode == 0


def rev_parse(repository: Path, expression: str) -> str | None:
    sha = expression.removesuffix("^{commit}")
    if objects.is_commit(repository, sha):
        return sha
    done = run(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", expression)
    return done.stdout.decode().strip() if done.returncode == 0 else None


def is_ancestor(repository: Path, older: str, newer: str) -> bool:
    known = objects.is_ancestor(repository, older, newer)
    if known is not None:
        return known
    return run(repository, "merge-base", "--is-ancestor", older, newer).returncode == 0


def merge_base(repository: Path, one: str, other: str) -> str | None:
    if objects.is_ancestor(repository, one, other):
        return one
    with contextlib.suppress(objects.Packed):
        return objects.common(repository, one, other)
    done = run(repository, "merge-base", one, other)
    return done.stdout.decode().strip() if done.returncode == 0 else None


def commits(repository: Path, *selection: str) -> list[list[str]]:
    """sha, tree, parents, author, committer and message of each selected commit, newest first."""
    fields = "%H%x00%T%x00%P%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B%x01"
    text = git(repository, "log", f"--format={fields}", *selection, "--")
    return [entry.lstrip("\n").split("\0") for entry in text.split("\1") if entry.strip()]


def own_commits(repository: Path, base: str, head: str) -> list[list[str]]:
    """As `commits`, those that a head adds to a base, oldest first."""
    with contextlib.suppress(objects.Packed):
        added = objects.own(repository, base, head)
        return [objects.facts(repository, sha) for sha in added]
    return commits(repository, "--reverse", "--topo-order", head, f"^{base}")


def count_own(repository: Path, base: str, head: str) -> int:
    with contextlib.suppress(objects.Packed):
        return len(objects.reached(repository, head) - objects.reached(repository, base))
    return int(git(repository, "rev-list", "--count", head, f"^{base}"))


def sizes(repository: Path, base: str, head: str) -> list[tuple[int, int]]:
    """How many lines each file that differs has more and fewer; none of one that is no text."""
    with contextlib.suppress(objects.Packed):
        return joining.sizes(repository, base, head)
    told = git(repository, "diff", "--numstat", "--no-renames", base, head)
    counts = [line.split("\t")[:2] for line in told.splitlines() if line]
    return [(0, 0) if "-" in pair else (int(pair[0]), int(pair[1])) for pair in counts]


def history(
    repository: Path, tips: Sequence[str], known: Callable[[str], bool]
) -> list[list[str]]:
    """As `commits`, all that these contain, back to those that are known with all of theirs."""
    with contextlib.suppress(objects.Packed):
        return objects.history(repository, tips, known)
    rows = commits(repository, *tips)
    return [row for row in rows if not known(row[0])]


def merge_tree(repository: Path, ours: str, theirs: str) -> str | None:
    """The tree of a merge, or None where the two sides conflict."""
    with contextlib.suppress(objects.Packed):
        return joining.merged(repository, ours, theirs)
    done = run(repository, "merge-tree", "--write-tree", "--no-messages", ours, theirs)
    if done.returncode not in (0, 1):
        raise GitError(done.stderr.decode(errors="replace").strip())
    return done.stdout.decode().split("\n", 1)[0] if done.returncode == 0 else None


def commit_tree(
    repository: Path, tree: str, parents: Iterable[str], message: str,
    author: Identity, committer: Identity,
) -> str:
    parents = [*parents]
    made = making.commit(repository, tree, parents, message, author, committer)
    if made is not None:
        return made
    who = {
        "GIT_AUTHOR_NAME": author.name, "GIT_AUTHOR_EMAIL": author.email,
        "GIT_AUTHOR_DATE": f"{int(author.moment.timestamp())} +0000",
        "GIT_COMMITTER_NAME": committer.name, "GIT_COMMITTER_EMAIL": committer.email,
        "GIT_COMMITTER_DATE": f"{int(committer.moment.timestamp())} +0000",
    }
    options = [word for parent in parents for word in ("-p", parent)]
    return git(
        repository, "commit-tree", tree, *options, stdin=message.encode(), extra=who
    ).strip()


def write_tree(repository: Path, files: Mapping[str, tuple[bytes, bool]]) -> str:
    """A tree of these files (text and whether it may be executed), built without a checkout."""
    for path in files:
        parts = path.split("/")
        above = {"/".join(parts[:depth]) for depth in range(1, len(parts))}
        if not {"", ".", "..", ".git"}.isdisjoint(parts) or above & files.keys():
            raise GitError(f"no file can be named '{path}' there")
    return making.tree(repository, files)


def changes(repository: Path, base: str, head: str) -> list[tuple[str, str, int, int, str]]:
    """status letter, path, added, removed and patch of each file that differs."""
    span = (base, head)
    letters = git(repository, "diff", "--no-renames", "--name-status", "-z", *span).split("\0")
    counts = git(repository, "diff", "--no-renames", "--numstat", "-z", *span).split("\0")
    patches = git(repository, "diff", "--no-renames", "--no-ext-diff", "--no-color", *span)
    parts = ["diff --git " + part for part in patches.split("diff --git ")[1:]]
    found = []
    for number, count in enumerate(filter(None, counts)):
        added, removed, path = count.split("\t", 2)
        text = parts[number] if number < len(parts) else ""
        patch = text[text.find("\n@@") + 1 :] if "\n@@" in text else ""
        sizes = (0 if added == "-" else int(added), 0 if removed == "-" else int(removed))
        found.append((letters[2 * number], path, *sizes, patch))
    return found


def shown(repository: Path, form: str, base: str, head: str) -> str:
    """What a branch adds to its base, as one diff or as a patch for each commit."""
    common = merge_base(repository, base, head) or base
    if form == "patch":
        return git(repository, "format-patch", "--stdout", f"{common}..{head}")
    return git(repository, "diff", "--no-color", common, head)


def tree_files(repository: Path, commit: str, folder: str) -> list[str]:
    try:
        found = objects.entry(repository, commit, folder)
        inside = objects.entries(repository, found[1]) if found and found[0] == "40000" else {}
        return [f"{folder}/{name}" for name in inside]
    except objects.Packed:
        pass
    done = run(repository, "ls-tree", "--name-only", "-z", commit, f"{folder}/")
    return [name for name in done.stdout.decode().split("\0") if name]


class Entry(NamedTuple):
    """One line of a tree: blob, tree or commit, by its path in the repository."""

    kind: str
    path: str
    sha: str
    size: int


def entries(repository: Path, commit: str, folder: str) -> list[Entry] | None:
    """What is in a folder of a commit, "" for the top, by name; None where there is none."""
    done = run(repository, "ls-tree", "-l", "-z", f"{commit}:{folder}")
    if done.returncode:
        return None
    found = []
    for line in done.stdout.decode(errors="replace").split("\0"):
        head, _, name = line.partition("\t")
        if name:
            _, kind, sha, size = head.split()
            path = f"{folder}/{name}" if folder else name
            found.append(Entry(kind, path, sha, int(size) if size.isdecimal() else 0))
    return found


def blob(repository: Path, commit: str, path: str) -> bytes | None:
    try:
        found = objects.entry(repository, commit, path)
        if found is None:
            return None
        kind, content = objects.loose(repository, found[1])
        return content if kind == "blob" else None
    except objects.Packed:
        pass
    done = run(repository, "cat-file", "blob", f"{commit}:{path}")
    return done.stdout if done.returncode == 0 else None


def remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def copy_in(body: IO[bytes], length: int | None, target: IO[bytes], *, gzipped: bool) -> None:
    opened, left = zlib.decompressobj(wbits=31), length
    while left is None or left > 0:
        block = body.read(CHUNK if left is None else min(CHUNK, left))
        if not block:
            return
        target.write(opened.decompress(block) if gzipped else block)
        left = None if left is None else left - len(block)


def serving(repository: Path, service: str, protocol: str, refused: str = "") -> Serving:
    """How git serves one request; our hook has something to do where a branch may not be moved."""
    needed = refused or os.listdir(repository / "hooks") != [OUR_HOOK]
    unhooked = [] if needed else ["-c", f"core.hooksPath={os.devnull}"]
    argv = ["git", *unhooked, service.removeprefix("git-"), "--stateless-rpc"]
    return Serving(argv, repository, {"GIT_PROTOCOL": protocol, "FORGE_REFUSED": refused})


class Serving(NamedTuple):
    argv: list[str]
    repository: Path
    extra: dict[str, str]

    def advertised(self) -> bytes:
        """What it offers: by the second protocol no refs, so the same for every repository."""
        second = "version=2" in self.extra["GIT_PROTOCOL"].split(":")
        if second and "upload-pack" in self.argv:
            return capabilities()
        done = subprocess.run(
            [*self.argv, "--advertise-refs", str(self.repository)], check=True,
            capture_output=True, env=environment(self.extra),
        )
        line = f"# service=git-{self.argv[-2]}\n"
        head = b"" if second else f"{len(line) + 4:04x}{line}0000".encode()
        return head + done.stdout

    def answered(self, body: IO[bytes], length: int | None, *, gzipped: bool) -> Iterator[bytes]:
        """The body is spooled first, so no pipe can fill up."""
        with tempfile.TemporaryFile() as spool:
            copy_in(body, length, spool, gzipped=gzipped)
            spool.seek(0)
            process = subprocess.Popen(
                [*self.argv, str(self.repository)], stdin=spool, stdout=subprocess.PIPE,
                env=environment(self.extra),
            )
        return drain(process)


@cache
def capabilities() -> bytes:
    """What this machine's git offers by the second protocol, of a repository as we make them."""
    with tempfile.TemporaryDirectory() as folder:
        create(Path(folder), "main")
        done = subprocess.run(
            ["git", "upload-pack", "--stateless-rpc", "--advertise-refs", folder], check=True,
            capture_output=True, env=environment({"GIT_PROTOCOL": "version=2"}),
        )
    return done.stdout


def drain(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    assert process.stdout is not None
    with process.stdout:
        while block := process.stdout.read(CHUNK):
            yield block
    process.wait()
