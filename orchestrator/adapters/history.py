"""Questions to a store, and merges made in it, without any checkout."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.adapters import ancestry, files, loose, sides
from orchestrator.adapters.git import Git, GitError, Identity, Inline
from orchestrator.records.change import (
    ChangedPath,
    ChangedText,
    Commit,
    Comparison,
    Conflict,
    PathKind,
    Updated,
)
from orchestrator.records.errors import AgentOSError

NEEDED = (2, 38)  # merge-tree --write-tree
BATCHES = (2, 39)  # the same for many pairs in one process, 0.4 ms each instead of 4
TEXT_LIMIT = 1_000_000  # bytes of one side of a changed file that are read as text
MANY = 100  # files from which git reads faster than we do
COMMIT = "%m%x00%H%x00%T%x00%P%x00%ae%x00%ce%x00%ct%x00%B%x00%x01"


class GitTooOld(AgentOSError):
    """This git cannot merge without a checkout."""

    exit_code = 20


def version(git: Git) -> tuple[int, ...]:
    """git's own version, such as (2, 39, 5)."""
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", git.text("version"))
    return tuple(int(part) for part in found.groups() if part) if found else ()


def compare(git: Git, base: str, head: str) -> Comparison:
    """What `head` lacks of `base` and adds to it, in one process at most; raises GitError."""
    with contextlib.suppress(loose.Elsewhere):
        return ancestry.compare(git.git_dir, base, head)
    said = git.text("log", "--left-right", f"--format={COMMIT}", f"{base}...{head}")
    sided = [_commit(line) for line in said.split("\0\x01") if line.strip()]
    return Comparison(
        behind=sum(side == "<" for side, _ in sided),
        commits=tuple(commit for side, commit in sided if side == ">"),
    )


def commits(git: Git, shas: tuple[str, ...]) -> tuple[Commit, ...]:
    """The named commits, in this order; raises GitError for a missing one."""
    with contextlib.suppress(loose.Elsewhere):
        return tuple(ancestry.commit(git.git_dir, sha) for sha in shas)
    said = git.text("show", "--no-patch", f"--format={COMMIT}", *shas)
    return tuple(_commit(line)[1] for line in said.split("\0\x01") if line.strip())


def tree_of(git: Git, sha: str) -> str:
    with contextlib.suppress(loose.Elsewhere):
        return loose.tree_of(git.git_dir, sha)
    return git.text("rev-parse", "--verify", f"{sha}^{{tree}}")


def same_tree(git: Git, one: str, other: str) -> bool:
    """Whether two commits hold exactly the same files (M9)."""
    with contextlib.suppress(loose.Elsewhere):
        return loose.tree_of(git.git_dir, one) == loose.tree_of(git.git_dir, other)
    trees = git.text("rev-parse", f"{one}^{{tree}}", f"{other}^{{tree}}").split()
    return len(set(trees)) == 1


def merge_base(git: Git, one: str, other: str) -> str | None:
    """The best common ancestor, or None for unrelated histories."""
    with contextlib.suppress(loose.Elsewhere):
        return ancestry.merge_base(git.git_dir, one, other)
    done = git.run("merge-base", one, other, ok=(0, 1))
    return done.stdout.decode("ascii").split("\n")[0] or None


def read_file(git: Git, sha: str, path: str) -> str | None:
    """The text of a file in a commit (bytes that are no UTF-8 replaced), None where it has none."""
    with contextlib.suppress(loose.Elsewhere):
        held = loose.file(git.git_dir, sha, path)
        return None if held is None else held.decode("utf-8", "replace")
    done = git.run("cat-file", "blob", f"{sha}:{path}", ok=(0, 128))
    return done.stdout.decode("utf-8", "replace") if done.exit_code == 0 else None


def paths_between(git: Git, base: str, head: str) -> tuple[str, ...]:
    """Every path that `head` changes since it left `base`, in git's order."""
    with contextlib.suppress(loose.Elsewhere):
        if left := ancestry.merge_base(git.git_dir, base, head):
            trees = [loose.tree_of(git.git_dir, sha) for sha in (left, head)]
            return tuple(path for path, _, _ in loose.differing(git.git_dir, *trees))
    named = git.run("diff", "--name-only", "--no-renames", "-z", f"{base}...{head}").stdout
    return tuple(path for path in os.fsdecode(named).split("\0") if path)


def same_patch(git: Git, base: str, one: str, other: str, *, besides: str) -> bool:
    """Whether two heads change the same lines in the same way since each left `base`.

    What they do to the path `besides` does not count, nor where in a file a change stands.
    """
    return _patch(git, base, one, besides) == _patch(git, base, other, besides)


def _patch(git: Git, base: str, head: str, besides: str) -> tuple[str, ...]:
    text = git.text(
        "diff", "--no-ext-diff", "--no-textconv", "--no-color", "--no-renames", "--binary",
        "--unified=0", f"{base}...{head}", "--", ".", f":(exclude){besides}",
    )  # fmt: skip
    return tuple(line for line in text.split("\n") if not line.startswith(("@@ ", "index ")))


def changed(git: Git, base: str, tree: str) -> tuple[ChangedPath, ...]:
    """Every path in which a tree differs from a commit, as it stands in the work tree of `git`."""
    folder = git.work_tree or git.git_dir
    return tuple(_changed(folder, *found) for found in _differing(git, base, tree))


def _differing(git: Git, base: str, tree: str) -> list[tuple[str, str, str]]:
    with contextlib.suppress(loose.Elsewhere):
        return loose.differing(git.git_dir, loose.tree_of(git.git_dir, base), tree)
    raw = git.run("diff-tree", "-r", "--raw", "-z", "--no-renames", "--no-abbrev", base, tree)
    words = os.fsdecode(raw.stdout).split("\0")
    modes = [fields.lstrip(":").split(" ")[:2] for fields in words[0:-1:2]]
    return [(path, was, now) for path, (was, now) in zip(words[1::2], modes, strict=True)]


def texts(git: Git, base: str, tree: str) -> tuple[ChangedText, ...]:
    """Every path in which a tree differs from a commit, with both texts as far as they are text.

    Loose files are read as files, the others in two processes; none over `TEXT_LIMIT` bytes.
    Raises GitError.
    """
    found = _differing(git, base, tree)
    wanted = [
        (of, path)
        for path, was, now in found
        for of, mode in ((base, was), (tree, now))
        if sides.KINDS.get(mode) in {PathKind.FILE, PathKind.EXECUTABLE} and "\n" not in path
    ]
    blobs = _blobs(git, base, wanted)
    changes = []
    for path, was, now in found:
        before, after = blobs.get((base, path)), blobs.get((tree, path))
        changes.append(
            ChangedText(
                path=path, mode=now, was=was, before=_text(before), after=_text(after),
                unread=any(
                    one in wanted and one not in blobs for one in ((base, path), (tree, path))
                ),
            )
        )
    return tuple(changes)


def _text(blob: bytes | None) -> str | None:
    return None if blob is None or b"\0" in blob else blob.decode("utf-8", "replace")


def _blobs(
    git: Git, commit: str, wanted: list[tuple[str, str]]
) -> dict[tuple[str, str], bytes]:
    """The contents of files by commit or tree and path; those that are too large are left out."""
    found: dict[tuple[str, str], bytes] = {}
    for of, path in wanted[:MANY]:
        with contextlib.suppress(loose.Elsewhere):
            top = loose.tree_of(git.git_dir, of) if of == commit else of
            held = loose.file_in(git.git_dir, top, path)
            if held is not None and len(held) <= TEXT_LIMIT:
                found[of, path] = held
    left = [one for one in wanted if one not in found]
    if not left:
        return found
    names = [f"{of}:{path}" for of, path in left]
    asked = git.run("cat-file", "--batch-check=%(objecttype) %(objectsize)", stdin=_lines(names))
    said = os.fsdecode(asked.stdout).splitlines()
    left = [
        one for one, line in zip(left, said, strict=False)
        if line.startswith("blob ") and int(line.split(" ")[1]) <= TEXT_LIMIT
    ]  # fmt: skip
    names = [f"{of}:{path}" for of, path in left]
    raw = git.run("cat-file", "--batch=%(objectsize)", stdin=_lines(names)).stdout if left else b""
    place = 0
    for one in left:
        end = raw.find(b"\n", place)
        if end < 0:
            break  # more than we take of one process; the rest counts as unread
        size = int(raw[place:end])
        found[one] = raw[end + 1 : end + 1 + size]
        place = end + 2 + size
    return found


def _lines(names: list[str]) -> bytes:
    return b"".join(os.fsencode(name) + b"\n" for name in names)


def oversized(git: Git, limit: int) -> tuple[ChangedPath, ...]:
    """New and changed files of the work tree with more than `limit` bytes, none of them read."""
    folder = git.work_tree or git.git_dir
    if not _holds_more_than(folder, limit):
        return ()  # no process for what nearly every tree can answer by itself
    listed = git.run("ls-files", "--others", "--modified", "--exclude-standard", "-z").stdout
    found = []
    for path in dict.fromkeys(os.fsdecode(listed).split("\0")):
        try:
            status = os.lstat(folder / path)
        except OSError:
            continue  # deleted, or a parent that is no folder any more
        if stat.S_ISREG(status.st_mode) and status.st_size > limit:
            found.append(
                ChangedPath(
                    path=path, kind=PathKind.FILE, mode="100644", was="000000", size=status.st_size
                )
            )
    return tuple(found)


def untracked(git: Git) -> tuple[str, ...]:
    """What stands in the work tree beside the index and is not ignored; a folder ends in "/"."""
    listed = git.run("ls-files", "--others", "--exclude-standard", "--directory", "-z").stdout
    return tuple(name for name in os.fsdecode(listed).split("\0") if name)


def update(
    git: Git,
    *,
    head: str,
    base_tip: str,
    ref: str,
    memory: Inline,
    message: str,
    identity: Identity,
) -> Updated | Conflict:
    """Merge the base's tip into a branch and set `ref` to it, with `memory` as given.

    The memory file is rebuilt by the caller and never merged as text; any other path that both
    sides changed is a Conflict with the text of both. Raises GitTooOld before git 2.38.
    """
    tree, *conflicted = _merged_tree(git, head, base_tip)
    met = sides.of(conflicted, head, base_tip)
    others = {path: meeting for path, meeting in met.items() if path != memory.path}
    if others:
        return Conflict(sides.told(git, others, head))
    sha = git.commit(
        ref,
        tree=tree,
        parents=(head, base_tip),
        message=message,
        identity=identity,
        files=(memory,),
    )
    return Updated(sha)


def half_merged(
    git: Git, *, head: str, base_tip: str, ref: str, memory: Inline, identity: Identity
) -> str:
    """Set `ref` to the merge as far as git can make it, and the base's side of the rest; its SHA.

    So no marker is ever in a worktree. `memory` as given; the commit is never pushed.
    """
    tree, *conflicted = _merged_tree(git, head, base_tip)
    return git.commit(
        ref, tree=tree, parents=(head, base_tip), message="A start that is never pushed",
        identity=identity,
        files=(*sides.as_base(sides.of(conflicted, head, base_tip)), memory),
    )  # fmt: skip


def clashes(
    git: Git, pairs: tuple[tuple[str, str], ...], *, besides: Collection[str] = ()
) -> tuple[tuple[str, ...], ...]:
    """Of each pair of commits the paths in which they cannot be merged, without any checkout.

    The files `besides` may clash as they like: they are told of none.
    What git builds on the way goes to a folder that is gone afterwards, so that the store does
    not grow; most pairs need nothing of the kind. Raises GitTooOld before git 2.38, GitError for
    a commit that is not there.
    """
    unsure = tuple(pair for pair in pairs if not _fit(git, *pair, besides))
    found = dict(zip(unsure, _met(git, unsure) if unsure else (), strict=True))
    return tuple(
        tuple(path for path in found.get(pair, ()) if path not in besides) for pair in pairs
    )


def _fit(git: Git, one: str, other: str, besides: Collection[str]) -> bool:
    with contextlib.suppress(loose.Elsewhere):
        return ancestry.fit(git.git_dir, one, other, besides=besides)
    return False


def _met(git: Git, pairs: tuple[tuple[str, str], ...]) -> tuple[tuple[str, ...], ...]:
    options = ("--write-tree", "--name-only", "--no-messages", "-z", "--allow-unrelated-histories")
    with files.temporary_folder() as scratch:
        objects = {
            "GIT_OBJECT_DIRECTORY": str(scratch),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(git.git_dir / "objects"),
        }
        probe = Git(git.git_dir, extra=objects)
        asked = "".join(f"{one} {other}\n" for one, other in pairs).encode()
        done = probe.attempt("merge-tree", *options, "--stdin", stdin=asked)
        if done.exit_code == 0 and not done.timed_out:
            answers = os.fsdecode(done.stdout).split("\0\0")
            return tuple(
                sides.paths(answer.split("\0")[2:], *pair)
                for answer, pair in zip(answers, pairs, strict=False)
            )
        if (found := version(git)) < NEEDED:
            raise _too_old(found, "compare open branches")
        if found >= BATCHES:
            raise GitError("merge-tree", done)
        each = [probe.run("merge-tree", *options, *pair, ok=(0, 1)).stdout for pair in pairs]
        return tuple(
            sides.paths(os.fsdecode(said).rstrip("\0").split("\0")[1:], *pair)
            for said, pair in zip(each, pairs, strict=True)
        )


def _too_old(found: tuple[int, ...], what: str) -> GitTooOld:
    have = ".".join(map(str, found)) or "unknown"
    return GitTooOld(f"git {have} is too old to {what}; 2.38 or newer is needed.")


def trial(git: Git, one: str, other: str) -> tuple[str, tuple[str, ...]]:
    """The tree of a merge that nobody makes, and the paths in which it needs somebody."""
    tree, *conflicted = _merged_tree(git, one, other)
    return tree, tuple(sides.of(conflicted, one, other))


def _merged_tree(git: Git, head: str, base_tip: str) -> list[str]:
    """The words of `merge-tree`: the tree, then a line for each conflicting stage."""
    done = git.attempt("merge-tree", "--write-tree", "--no-messages", "-z", head, base_tip)
    if done.exit_code not in {0, 1} or done.timed_out:
        if (found := version(git)) < NEEDED:
            raise _too_old(found, "update branches")
        raise GitError("merge-tree", done)
    return os.fsdecode(done.stdout).split("\0")


def _commit(line: str) -> tuple[str, Commit]:
    side, sha, tree, parents, author, committer, moment, message = line.lstrip("\n").split("\0", 7)
    return side, Commit(
        sha=sha,
        tree=tree,
        parents=tuple(parents.split()),
        author_email=author,
        committer_email=committer,
        committed=datetime.fromtimestamp(int(moment), UTC),
        message=message.rstrip("\n"),
    )


def _holds_more_than(folder: Path, limit: int) -> bool:
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                status = os.lstat(os.path.join(place, name))
            except OSError:
                continue
            if status.st_size > limit and stat.S_ISREG(status.st_mode):
                return True
    return False


def _changed(folder: Path, path: str, was: str, mode: str) -> ChangedPath:
    size, target = 0, ""
    try:
        status = os.lstat(folder / path)
        size = status.st_size
        target = os.readlink(folder / path) if stat.S_ISLNK(status.st_mode) else ""
    except OSError:
        pass  # deleted, or a parent that is no folder any more
    kind = sides.KINDS.get(mode, PathKind.FILE)
    return ChangedPath(
        path=path,
        kind=kind,
        mode=mode,
        was=was,
        size=0 if kind is PathKind.DELETED else size,
        target=target,
    )
