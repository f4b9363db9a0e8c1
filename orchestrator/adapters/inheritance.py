"""What a damaged store holds of ours comes along into the one that took its place, ref by ref.

The folder is the state: an `.owing` store may hold what the new one lacks, and a `.broken` one does
not. Whatever ends a run on the way, the next one begins again, and finds done what was done.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from orchestrator.adapters import files, history, process
from orchestrator.adapters.files import NotReadable
from orchestrator.adapters.git import Git, GitError, Identity
from orchestrator.adapters.store import BROKEN, OURS, OWING, Store
from orchestrator.records import regex

# All at once may be the whole of a history, where the base could not be fetched before.
SECONDS = 900.0
# What did not come is tried again when this has passed: each ref of it costs a process.
AGAIN_SECONDS = 600.0
LARGEST = 100_000_000
NOTE = "not-taken"  # in an owing store: what did not come along, and why, a line for each
PACKED = regex.late(r"(?P<sha>[0-9a-f]{40}) (?P<ref>\S+)")
SHA = regex.late(r"[0-9a-f]{40}")
# By name no ref would be asked for: one that is torn ends a git that lists them.
FETCH = (
    "-c", "protocol.version=2", "fetch", "--quiet", "--no-tags", "--no-auto-gc",
    "--no-write-fetch-head", "--stdin", "--",
)  # fmt: skip


def take_along(store: Store) -> None:
    """Bring into a store all that earlier ones of its name owe it; the caller holds its lock.

    One that owes nothing any more is called `.broken` from then on, the latest alone, and goes
    with other leftovers. What could not be brought is noted in it (`left_in`) and tried again.
    """
    for aside in store.asides(OWING):
        if _tried_lately(aside):
            continue
        missed = _brought(store, aside)
        if missed:
            lines = "".join(f"{ref}: {why}\n" for ref, why in missed.items())
            files.write_cache(aside / NOTE, lines.encode("utf-8", "replace"))
            continue
        files.remove_file(aside / NOTE)
        settled = store.folder.with_suffix(BROKEN)
        files.remove_tree(settled, inside=store.folder.parent)
        files.move_durably(aside, settled)


def left_in(aside: Path) -> dict[str, str]:
    """The refs of an owing store that did not come along at the last try, and why."""
    lines = (line.partition(": ") for line in _text(aside / NOTE).splitlines())
    return {ref: why for ref, _, why in lines}


def _tried_lately(aside: Path) -> bool:
    try:
        return 0 <= time.time() - (aside / NOTE).lstat().st_mtime < AGAIN_SECONDS
    except FileNotFoundError:
        return False


def _brought(store: Store, aside: Path) -> dict[str, str]:
    """Take along what the store lacks; the refs that did not come, with the reason."""
    refs, missed = _refs(aside)
    # What came along at an earlier try is the new store's since, to move and to delete.
    owed = left_in(aside) or refs
    lacking = {r: sha for r, sha in refs.items() if r in owed and store.git.ref(r) != sha}
    if not lacking:
        return missed
    _make_readable(aside)
    together = _fetch(store.git, aside, *lacking.values())
    for ref, sha in lacking.items():
        done = together
        # One that cannot be read keeps no other from coming.
        if done.exit_code != 0 and not done.timed_out:
            done = _fetch(store.git, aside, sha)
        try:
            if done.exit_code == 0 or _is_whole(store.git, sha):
                _place(store.git, ref, sha)
            else:
                missed[ref] = str(GitError("fetch", done))
        except GitError as error:
            missed[ref] = str(error)
    return {ref: " ".join(why.split())[:300] for ref, why in missed.items()}


def _fetch(git: Git, aside: Path, *shas: str) -> process.Completed:
    wanted = "".join(f"{sha}\n" for sha in shas).encode()
    return git.attempt(*FETCH, str(aside), stdin=wanted, timeout_seconds=SECONDS)


def _is_whole(git: Git, sha: str) -> bool:
    """Whether the store has a commit and all that belongs to it, as after a fetch of the base."""
    done = git.attempt("rev-list", "--objects", "--quiet", sha, "--not", "--all")
    return done.exit_code == 0


def _place(git: Git, ref: str, sha: str) -> None:
    """Have a ref hold what it held; what has been made by its name since is not replaced.

    Then the earlier commit becomes a parent of the task's salvaged work, as what was kept before
    always does. What an update or an attempt began with is made again, and needs no keeping.
    """
    here = git.ref(ref)
    if here is None:
        git.write_ref(ref, sha, expected="")
    elif not ref.startswith("refs/agent-os/") and not git.is_ancestor(sha, here):
        _keep(git, ref.rpartition("/")[2], sha)


def _keep(git: Git, task_id: str, sha: str) -> None:
    """Have refs/salvage/<task> hold a commit too, whatever it holds."""
    name = f"refs/salvage/{task_id}"
    here = git.ref(name)
    if here is None:
        git.write_ref(name, sha, expected="")
    elif not git.is_ancestor(sha, here):
        newer, earlier = history.commits(git, (here, sha))
        moment = max(newer.committed, earlier.committed)
        git.commit(
            name,
            tree=newer.tree,
            parents=(here, sha),
            message=f"Work of {task_id} that was not delivered",
            identity=Identity(name="Agent OS", email="agent-os@localhost", moment=moment),
        )


def _refs(aside: Path) -> tuple[dict[str, str], dict[str, str]]:
    """The refs of ours with their commits, and the torn ones with a sentence; no git is asked."""
    refs = {ref: sha for ref, sha in _packed(aside).items() if ref.startswith(OURS)}
    torn = {}
    for top in OURS:
        for folder, _, names in os.walk(aside / top):
            for path in (Path(folder, name) for name in names if not name.endswith(".lock")):
                ref, sha = path.relative_to(aside).as_posix(), _text(path).strip()
                if SHA.fullmatch(sha):
                    refs[ref] = sha
                elif not ref.startswith("refs/agent-os/"):
                    torn[ref] = "its file is torn and names no commit"
    return refs, torn


def _packed(aside: Path) -> dict[str, str]:
    found = (PACKED.fullmatch(line) for line in _text(aside / "packed-refs").splitlines())
    return {one["ref"]: one["sha"] for one in found if one}


def _make_readable(aside: Path) -> None:
    """Write anew what may be torn, and without which git reads none of the objects."""
    Store(aside).mend()
    for needed in ("objects", "refs"):
        files.make_folder(aside / needed)
    files.write_durably(aside / "HEAD", b"ref: refs/heads/main\n", replace=True)
    lines = "".join(f"{sha} {ref}\n" for ref, sha in sorted(_packed(aside).items()))
    files.write_durably(aside / "packed-refs", os.fsencode(lines), replace=True)


def _text(path: Path) -> str:
    try:
        return files.read_bounded(path, LARGEST).decode("utf-8", "surrogateescape")
    except (FileNotFoundError, NotReadable):
        return ""
