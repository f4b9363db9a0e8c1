"""Objects and refs read as files say what git says; what is packed is left to git."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.forge import host, objects
from tests.support import forge as forge_support


@pytest.fixture
def bare(github: forge_support.Github, push: Callable[..., str]) -> Path:
    push("agent/one")
    push("agent/two")
    return github.bare("maria/library")


def asked(bare: Path) -> list[object]:
    refs = host.refs(bare)
    main, one, two = (refs[f"refs/heads/{name}"] for name in ("main", "agent/one", "agent/two"))
    return [
        refs,
        [host.is_ancestor(bare, a, b) for a in (main, one, two) for b in (main, one, two)],
        [host.merge_base(bare, a, b) for a in (main, one, two) for b in (main, one, two)],
        [host.rev_parse(bare, f"{sha}^{{commit}}") for sha in (main, one, "0" * 40)],
        host.rev_parse(bare, "refs/heads/main"),
        [host.tree_files(bare, main, folder) for folder in (".github/workflows", "x", "README.md")],
        [host.blob(bare, main, path) for path in ("README.md", ".github", "none", "README.md/x")],
    ]


def test_loose_and_packed_give_the_same_answers(bare: Path) -> None:
    loose = asked(bare)
    assert objects.refs(bare) is not None
    host.git(bare, "gc", "--quiet", "--prune=now")
    objects.READ.clear()
    assert objects.refs(bare) is None
    with pytest.raises(objects.Packed):
        objects.loose(bare, host.refs(bare)["refs/heads/main"])
    assert asked(bare) == loose


def test_half_packed_history_is_left_to_git(bare: Path, push: Callable[..., str]) -> None:
    old = host.refs(bare)["refs/heads/main"]
    host.git(bare, "gc", "--quiet", "--prune=now")
    objects.READ.clear()
    new = push("agent/three")
    assert objects.is_ancestor(bare, old, new) is None or objects.is_commit(bare, old)
    assert host.is_ancestor(bare, old, new)
    assert not host.is_ancestor(bare, new, old)
