"""The opposite of a merge as one commit on the base's tip, without any checkout."""

from __future__ import annotations

from orchestrator.adapters import history
from orchestrator.adapters.git import Git, Identity, Inline
from orchestrator.records.change import Reversal


def before(git: Git, *, merge_sha: str, head: str, base: str) -> str:
    """The commit whose tree stood on the base before a merge.

    Where the merge holds exactly the tested head's tree, and that head holds `base`, the merge is
    all that lies between the two, however many commits it was made of; else its first parent.
    """
    known = all(git.has_commit(sha) for sha in (head, base) if sha) and head and base
    if known and history.same_tree(git, merge_sha, head) and git.is_ancestor(base, head):
        return base
    return git.text("rev-parse", "--verify", f"{merge_sha}^1")


def make(
    git: Git,
    *,
    merge_sha: str,
    earlier: str,
    tip: str,
    ref: str,
    memory: Inline,
    message: str,
    identity: Identity,
) -> Reversal:
    """Set `ref` to a commit on `tip` that takes back what lies between `earlier` and the merge.

    `memory` is the caller's, and never merged as text. Where later work touched the same
    lines the conflicting paths are told and `ref` is left alone. The same arguments make the same
    SHA. Raises GitTooOld before git 2.38, GitError for a commit that is not there.
    """
    undone = git.commit(
        f"{ref}-undone", tree=history.tree_of(git, earlier), parents=(merge_sha,),
        message="The base as it stood before", identity=identity,
    )  # fmt: skip
    try:
        tree, conflicted = history.trial(git, tip, undone)
    finally:
        git.delete_ref(f"{ref}-undone", expected=undone)
    paths = tuple(path for path in conflicted if path != memory.path)
    if paths:
        return Reversal(conflicts=paths)
    sha = git.commit(
        ref, tree=tree, parents=(tip,), message=message, identity=identity, files=(memory,)
    )
    if history.same_tree(git, sha, tip):
        git.delete_ref(ref, expected=sha)
        return Reversal()
    return Reversal(sha=sha)
