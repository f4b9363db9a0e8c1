"""Everything lies below the root, and no name leads out of its folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator import paths, settings
from orchestrator.records.errors import UnsafeName


def built(root: Path) -> paths.Paths:
    root.mkdir(exist_ok=True)
    (root / "config.yaml").write_text("github_owner: me\n")
    return paths.build(settings.load(root / "config.yaml", {"ORCH_ROOT": str(root)}))


def test_everything_has_its_place(tmp_path: Path) -> None:
    here = built(tmp_path)
    runtime = tmp_path / "runtime"
    assert [here.folder(name) for name in paths.FOLDERS] == [
        here.inbox, here.processing, here.blocked, here.review, here.done,
        here.escalated, here.failed, here.cancelled, here.quarantine,
    ]  # fmt: skip
    assert here.inbox == runtime / "mailbox/inbox"
    assert here.store("me/web.js") == runtime / "repos/me__web.js.git"
    assert here.worktree("me/web", "task-1") == runtime / "worktrees/me__web/task-1"
    assert here.attempt("task-1", 2) == runtime / "attempts/task-1/2"
    assert here.agent_stats == runtime / "metrics/agent_stats.jsonl"
    assert here.switch("me/web") == runtime / "off.d/me__web"
    assert here.switch("queue") == runtime / "off.d/queue"
    assert here.task("done", "task-1") == runtime / "mailbox/done/task-1.md"
    assert not runtime.exists()


BAD = ["", ".", "..", "../x", "a/b", "/etc", "a\0b", "a b", "-rf", ".git", "x" * 300, "é"]


@pytest.mark.parametrize("name", BAD)
def test_no_task_leaves_its_folder(tmp_path: Path, name: str) -> None:
    here = built(tmp_path)
    places = (
        lambda: here.attempt(name, 1),
        lambda: here.task("inbox", name),
        lambda: here.worktree("me/web", name),
    )
    for place in places:
        with pytest.raises(UnsafeName):
            place()


@pytest.mark.parametrize(
    "slug", ["web", "me/", "/web", "me/..", "../me", "me/a/b", "me/a\n", "m e/x"]
)
def test_no_repository_leaves_its_folder(tmp_path: Path, slug: str) -> None:
    with pytest.raises(UnsafeName):
        built(tmp_path).store(slug)


@given(st.text())
def test_whatever_is_accepted_stays_inside(name: str) -> None:
    try:
        whole = Path("/a/b") / paths.component(name)
    except UnsafeName:
        return
    assert whole.resolve().parent == Path("/a/b")


def test_other_nonsense(tmp_path: Path) -> None:
    here = built(tmp_path)
    with pytest.raises(UnsafeName):
        here.attempt("task-1", 0)
    with pytest.raises(UnsafeName):
        here.folder("outbox")
