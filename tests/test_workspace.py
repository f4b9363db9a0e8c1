"""Stores, worktrees and commits on real repositories."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from orchestrator.adapters import files, history, inheritance
from orchestrator.adapters import store as stores
from orchestrator.adapters.files import NotReadable
from orchestrator.adapters.git import Git, GitError
from orchestrator.adapters.wire import Pushed
from orchestrator.records.change import PathKind
from orchestrator.records.errors import GitHubTrouble, Trouble, UnsafeName
from orchestrator.workspace import CannotPrepare, Workspace
from orchestrator.worktree import Worktree
from tests.support import repos
from tests.support.repos import Origin


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return repos.origin(tmp_path)


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    return repos.workspace(tmp_path)


@pytest.fixture
def tree(origin: Origin, space: Workspace) -> Worktree:
    return space.prepare(repos.task(), space.refresh(origin.slug, "main"))


def deliver(space: Workspace, tree: Worktree, message: str = "Work") -> str:
    seen = space.look(tree)
    assert seen.changes
    sha = space.commit(tree, seen, message, repos.WHO)
    assert sha is not None
    assert isinstance(space.push(tree.slug, tree.branch, sha, expected=""), Pushed)
    return sha


def test_a_task_travels_from_store_to_origin(
    origin: Origin, space: Workspace, tree: Worktree
) -> None:
    assert (tree.path / "calculator.py").exists()
    (tree.path / "calculator.py").write_text("def add(a, b):\n    return b + a\n")
    (tree.path / ".agent_result.md").write_text("STATUS: complete\n")
    seen = space.look(tree)
    assert [(c.path, c.kind, c.was) for c in seen.changes] == [
        ("calculator.py", PathKind.FILE, "100644")
    ]
    extra = {"CODEBASE.md": "# Codebase\n\nNew\n"}
    sha = str(space.commit(tree, seen, "Turn", repos.WHO, extra_files=extra))
    assert space.push(tree.slug, tree.branch, sha, expected="") == Pushed()
    assert origin.tip(tree.branch) == sha
    assert origin.read("CODEBASE.md", tree.branch) == "# Codebase\n\nNew"
    (commit,) = history.compare(space.git(tree.slug), tree.base_sha, sha).commits
    assert commit.author_email == commit.committer_email == "agent-os@localhost"
    assert commit.message == "Turn"
    space.discard(tree)
    assert not tree.path.exists()
    assert not list(space.ensure_store(tree.slug).folder.glob("worktrees/*"))


def test_the_operator_s_own_checkout_is_not_touched(origin: Origin, tmp_path: Path) -> None:
    def picture() -> dict[str, bytes]:
        return {
            str(path.relative_to(origin.clone)): path.read_bytes()
            for path in sorted(origin.clone.rglob("*"))
            if path.is_file()
        }

    before = picture()
    space = repos.workspace(tmp_path)
    tree = space.prepare(repos.task(), space.refresh(origin.slug, "main"))
    (tree.path / "new.txt").write_text("new\n")
    deliver(space, tree)
    space.discard(tree)
    assert picture() == before


def test_the_store_knows_no_remote_no_template_and_no_gc(origin: Origin, space: Workspace) -> None:
    store = space.ensure_store(origin.slug)
    config = (store.folder / "config").read_text()
    assert "auto = 0" in config
    assert "remote" not in config
    assert not (store.folder / "hooks").exists()


@pytest.mark.parametrize("slug", ["../x", "a/..", "a", "a/b/c", "/a", "a/b\n", ".a/b"])
def test_a_repository_name_cannot_leave_the_folder(space: Workspace, slug: str) -> None:
    with pytest.raises(UnsafeName):
        space.ensure_store(slug)


def test_a_half_made_store_is_made_whole(origin: Origin, space: Workspace) -> None:
    folder = space.stores / "acme__calculator.git"
    (folder / "objects").mkdir(parents=True)
    (folder / "HEAD").write_text("ref: refs/heads/main\n")
    assert space.refresh(origin.slug, "main") == origin.tip()


def test_refresh_sees_the_base_and_the_branch(origin: Origin, space: Workspace) -> None:
    branch = repos.task().branch
    assert space.refresh(origin.slug, "main", branch=branch) == origin.tip()
    assert space.remote_tip(origin.slug, branch) is None
    pushed = origin.commit({"x": "x"}, branch=branch)
    moved = origin.commit({"y": "y"})
    assert space.refresh(origin.slug, "main", branch=branch) == moved
    assert space.remote_tip(origin.slug, branch) == pushed
    repos.git(origin.bare, "update-ref", "-d", f"refs/heads/{branch}")
    space.refresh(origin.slug, "main", branch=branch)
    assert space.remote_tip(origin.slug, branch) is None


def test_a_base_that_is_not_there_is_told(origin: Origin, space: Workspace) -> None:
    with pytest.raises(GitHubTrouble) as told:
        space.refresh(origin.slug, "develop")
    assert told.value.trouble is Trouble.NOT_FOUND


@pytest.mark.parametrize(("before", "after"), [("release", "release/2"), ("v/2/1", "v/2")])
def test_a_base_that_cannot_be_beside_the_one_before_is_fetched(
    origin: Origin, space: Workspace, before: str, after: str
) -> None:
    for branch in (before, "release-1", "v/20"):
        origin.commit({"a": "a"}, branch=branch)
        space.refresh(origin.slug, branch)
    for folder, ref in ((origin.bare, "refs/heads/"), (origin.clone, "refs/remotes/origin/")):
        repos.git(folder, "update-ref", "-d", f"{ref}{before}")
    repos.git(origin.clone, "checkout", "-q", "--detach")
    repos.git(origin.clone, "branch", "-q", "-D", before)
    moved = origin.commit({"b": "b"}, branch=after)
    assert space.refresh(origin.slug, after) == moved
    assert space.remote_tip(origin.slug, before) is None
    assert space.remote_tip(origin.slug, "release-1") and space.remote_tip(origin.slug, "v/20")


# --- prepare, from every leftover ---------------------------------------------------------------


def nothing(space: Workspace, tree: Worktree) -> None: ...


def directory_only(space: Workspace, tree: Worktree) -> None:
    space.ensure_store(tree.slug).forget(tree.path)


def registration_only(space: Workspace, tree: Worktree) -> None:
    subprocess.run(["rm", "-rf", str(tree.path)], check=True)


def branch_only(space: Workspace, tree: Worktree) -> None:
    directory_only(space, tree)
    registration_only(space, tree)


def half_checkout(space: Workspace, tree: Worktree) -> None:
    (tree.path / "calculator.py").unlink()
    space.ensure_store(tree.slug).index(tree.task_id).unlink()


def locked_by_the_dead(space: Workspace, tree: Worktree) -> None:
    store = space.ensure_store(tree.slug)
    (store.folder / "worktrees" / tree.task_id / "index.lock").touch()
    (store.folder / f"refs/heads/{tree.branch}.lock").touch()
    store.index(tree.task_id).with_suffix(".index.lock").touch()
    old = store.folder / "packed-refs.lock"
    old.touch()
    os.utime(old, (0, 0))


def a_file_in_its_place(space: Workspace, tree: Worktree) -> None:
    registration_only(space, tree)
    tree.path.write_text("?")


def a_link_in_its_place(space: Workspace, tree: Worktree) -> None:
    registration_only(space, tree)
    tree.path.symlink_to(space.stores)


def git_swapped(space: Workspace, tree: Worktree) -> None:
    (tree.path / ".git").unlink()
    subprocess.run(["git", "init", "-q", "."], cwd=tree.path, env=repos.ENVIRONMENT, check=True)


def registration_torn(space: Workspace, tree: Worktree) -> None:
    admin = space.ensure_store(tree.slug).folder / "worktrees" / tree.task_id
    (admin / "commondir").write_text("")
    (admin / "HEAD").unlink()


def registration_begun(space: Workspace, tree: Worktree) -> None:
    """Killed between two files of it, before any file of the checkout."""
    admin = space.ensure_store(tree.slug).registration(tree.path)
    branch_only(space, tree)
    repos.git(admin.parent, "update-ref", "-d", f"refs/heads/{tree.branch}")
    admin.mkdir(parents=True)
    (admin / "locked").write_text(tree.task_id)
    tree.path.mkdir()
    (tree.path / ".git").touch()


def read_only_folder(space: Workspace, tree: Worktree) -> None:
    (tree.path / "cache").mkdir()
    (tree.path / "cache" / "x").touch()
    (tree.path / "cache").chmod(0o500)


def config_planted(space: Workspace, tree: Worktree) -> None:
    config = space.ensure_store(tree.slug).folder / "config"
    config.write_text(config.read_text() + f"[core]\n\tfsmonitor = touch {tree.path}/../evil\n")


@pytest.mark.parametrize("name", ["hooks/post-checkout", "config.worktree", "info/attributes"])
def test_what_an_agent_plants_in_the_store_does_not_outlive_the_attempt(
    space: Workspace, tree: Worktree, name: str
) -> None:
    """I8: our own git would heed none of it, but a person's is not that careful."""
    (tree.path / "new.txt").write_text("work\n")
    store = space.ensure_store(tree.slug)
    planted = store.folder / name
    planted.parent.mkdir(exist_ok=True)
    planted.write_text("#!/bin/sh\ntouch /tmp/evil\n")
    assert [change.path for change in space.look(tree).changes] == ["new.txt"]
    assert not planted.exists()
    assert not store.mend()


@pytest.mark.parametrize(
    "leftover",
    [
        nothing, directory_only, registration_only, branch_only, half_checkout,
        locked_by_the_dead, a_file_in_its_place, a_link_in_its_place, git_swapped,
        registration_torn, registration_begun, read_only_folder, config_planted,
    ],
)  # fmt: skip
def test_prepare_converges_from_any_leftover(
    space: Workspace, tree: Worktree, leftover: Callable[[Workspace, Worktree], None]
) -> None:
    leftover(space, tree)
    again = space.prepare(repos.task(), tree.base_sha)
    assert again == tree
    assert (tree.path / "calculator.py").read_text() == repos.CALCULATOR["calculator.py"]
    assert space.look(again).changes == ()
    assert repos.git(tree.path, "status", "--porcelain") == ""
    assert repos.git(tree.path, "symbolic-ref", "--short", "HEAD") == tree.branch
    assert len(list(space.ensure_store(tree.slug).folder.glob("worktrees/*"))) == 1
    assert not (tree.path.parent / "evil").exists()
    assert repos.git(tree.path, "fsck", "--no-dangling") == ""


@pytest.mark.parametrize(
    "midst",
    [
        [],
        [["-c", "sequence.editor=echo break >", "rebase", "-q", "-i", "--root"]],
        [["bisect", "start"], ["checkout", "-q", "--detach"]],
    ],
    ids=["", "rebase", "bisect"],
)
def test_a_branch_that_a_person_has_checked_out_is_not_moved_under_them(
    space: Workspace, tree: Worktree, tmp_path: Path, midst: list[list[str]]
) -> None:
    space.discard(tree)
    store = space.ensure_store(tree.slug).folder
    look = tmp_path / "a-look"
    repos.git(store, "worktree", "add", "-q", str(look), tree.branch)
    for step in midst:
        repos.git(look, *step)
    assert (repos.git(look, "rev-parse", "--abbrev-ref", "HEAD") == "HEAD") is bool(midst)
    with pytest.raises(CannotPrepare, match=f"{tree.branch} is checked out in a-look"):
        space.prepare(repos.task(), tree.base_sha)
    assert not tree.path.exists()


def test_git_knows_our_worktree_as_one_of_its_own(space: Workspace, tree: Worktree) -> None:
    store = space.ensure_store(tree.slug).folder
    known = repos.git(store, "worktree", "list", "--porcelain")
    assert f"worktree {tree.path}\nHEAD {tree.base_sha}\nbranch refs/heads/{tree.branch}\n" in known
    assert f"locked {tree.task_id}" in known
    assert repos.git(tree.path, "rev-parse", "--show-toplevel") == str(tree.path)
    assert repos.git(store, "worktree", "prune", "--expire=now", "--verbose") == ""


def test_a_clean_leftover_leaves_no_salvage(space: Workspace, tree: Worktree) -> None:
    for leftover in (half_checkout, registration_begun, nothing, branch_only):
        leftover(space, tree)
        space.prepare(repos.task(), tree.base_sha)
    assert space.git(tree.slug).ref(f"refs/salvage/{tree.task_id}") is None


def test_work_that_exists_nowhere_else_is_kept(space: Workspace, tree: Worktree) -> None:
    (tree.path / "first.txt").write_text("first\n")
    space.prepare(repos.task(), tree.base_sha)
    assert not (tree.path / "first.txt").exists()
    (tree.path / "second.txt").write_text("second\n")
    (tree.path / ".agent_result.md").write_text("STATUS: partial\n")
    kept = space.salvage(tree)
    assert kept is not None
    assert space.salvage(tree) == kept
    git = space.git(tree.slug)
    assert git.ref(f"refs/salvage/{tree.task_id}") == kept
    assert history.read_file(git, kept, "second.txt") == "second\n"
    assert history.read_file(git, kept, ".agent_result.md") is None
    (newest,) = history.commits(git, (kept,))
    earlier = newest.parents[1]
    assert history.read_file(git, earlier, "first.txt") == "first\n"


def test_what_was_just_seen_is_kept_as_it_would_be_read_again(
    space: Workspace, tree: Worktree
) -> None:
    assert space.salvage(tree, seen=space.look(tree)) is None
    (tree.path / "first.txt").write_text("first\n")
    (tree.path / ".agent_result.md").write_text("STATUS: partial\n")
    kept = space.salvage(tree, seen=space.look(tree))
    assert kept is not None and kept == space.salvage(tree)
    assert history.read_file(space.git(tree.slug), kept, "first.txt") == "first\n"


@pytest.mark.parametrize("committed", [True, False], ids=["committed", "begun"])
@pytest.mark.parametrize("place", ["backend", "a b/-n\u00e4me", "bad \udcff:(top)*"])
def test_the_files_of_a_repository_within_are_kept(
    space: Workspace, tree: Worktree, place: str, committed: bool
) -> None:
    """git itself would keep the SHA of its HEAD, or nothing."""
    inner = tree.path / place
    for folder in (inner, inner / "deeper", tree.path / "build" / "left out"):
        folder.mkdir(parents=True)
        repos.git(folder, "init", "-q", ".")
        (folder / "app.py").write_text("a day's work\n")
        if committed:
            repos.git(folder, "add", "--all", "--", "app.py")
            repos.git(folder, "commit", "-q", "-m", "by a tool")
    (inner / ".gitignore").write_text("*.log\n")
    (inner / "run.log").write_text("noise\n")
    (tree.path / ".gitignore").write_text("/build\n")
    (tree.path / "empty").mkdir()
    repos.git(tree.path / "empty", "init", "-q", ".")
    space.prepare(repos.task(), tree.base_sha)
    kept, git = space.salvaged(tree.slug, tree.task_id), space.git(tree.slug)
    listed = git.run("ls-tree", "-r", "-z", "--name-only", kept).stdout
    names = set(os.fsdecode(listed).split("\0")) - {""}
    files = {f"{place}/{name}" for name in (".gitignore", "app.py", "deeper/app.py")}
    assert names == {*repos.CALCULATOR, ".gitignore", *files}


def test_no_worktree_goes_of_which_the_store_took_only_a_part(
    space: Workspace, tree: Worktree
) -> None:
    """As where no file can be made any more: git goes on with the next, and ends with 1."""
    for name in ("one.txt", "two.txt"):
        (tree.path / name).write_text(f"{name}\n")
    blob = repos.git(tree.path, "hash-object", "one.txt")
    in_the_way = space.ensure_store(tree.slug).folder / "objects" / blob[:2]
    assert not in_the_way.exists()
    in_the_way.write_text("no folder\n")
    for end in (space.discard, lambda tree: space.prepare(repos.task(), tree.base_sha)):
        with pytest.raises(GitError, match="failed to insert into database"):
            end(tree)
        assert (tree.path / "one.txt").exists()


def test_what_git_cannot_convert_is_kept_by_its_bytes(space: Workspace, tree: Worktree) -> None:
    """One such file ends `git add`, whatever it was told of errors, and nothing is taken."""
    names = {".gitattributes": "*.rc working-tree-encoding=UTF-16\n*.txt eol=crlf\n", "a.rc": "z",
             "new.txt": "a\r\nday\n", "bad \udcff/-n.sh": "#!/bin/sh\n", "run.log": "noise\n",
             ".gitignore": "*.log\n", "inner/.agent_result.md": "theirs\n"}  # fmt: skip
    for name, text in names.items():
        (tree.path / name).parent.mkdir(exist_ok=True)
        (tree.path / name).write_bytes(text.encode())
    (tree.path / "bad \udcff/-n.sh").chmod(0o755)
    (tree.path / ".agent_result.md").write_text("STATUS: partial\n")
    (tree.path / "link").symlink_to("bad \udcff/-n.sh")
    gone = next(iter(repos.CALCULATOR))
    (tree.path / gone).unlink()
    (tree.path / gone).mkdir()
    (tree.path / gone / "now").write_text("a folder\n")
    repos.git(tree.path, "init", "-q", "within")
    (tree.path / "within" / "b.rc").write_text("z")
    with pytest.raises(GitError):
        space.look(tree)
    again = space.prepare(repos.task(), tree.base_sha)
    assert not (again.path / "a.rc").exists()
    kept, git = space.salvaged(tree.slug, tree.task_id), space.git(tree.slug)
    listed = os.fsdecode(git.run("ls-tree", "-r", "-z", kept).stdout).split("\0")
    modes = {line.partition("\t")[2]: line[:6] for line in listed if line}
    expected = {*repos.CALCULATOR, *names, "link", f"{gone}/now", "within/b.rc"}
    assert modes.keys() == expected - {gone, "run.log"}
    assert modes["link"] == "120000" and modes["bad \udcff/-n.sh"] == "100755"
    assert git.run("cat-file", "blob", f"{kept}:new.txt").stdout == b"a\r\nday\n"


def test_a_submodule_of_the_base_that_was_checked_out_is_no_work(
    space: Workspace, tree: Worktree, tmp_path: Path
) -> None:
    lib = tmp_path / "lib"
    lib.mkdir()
    repos.git(lib, "init", "-q")
    (lib / "lib.c").write_text("int x;\n")
    repos.git(lib, "add", "lib.c")
    repos.git(lib, "commit", "-q", "-m", "theirs")
    link = f"160000,{repos.git(lib, 'rev-parse', 'HEAD')},vendor"
    repos.git(tree.path, "update-index", "--add", "--cacheinfo", link)
    repos.git(tree.path, "commit", "-q", "-m", "a base with a submodule")
    with_it = repos.git(tree.path, "rev-parse", "HEAD")
    base = structs.replace(space.prepare(repos.task(), with_it), base_sha=with_it)
    kept = space.salvaged(tree.slug, tree.task_id)
    repos.git(base.path, "clone", "-q", str(lib), "vendor")
    space.discard(base)
    assert space.salvaged(tree.slug, tree.task_id) == kept
    assert history.read_file(space.git(tree.slug), kept, "vendor/lib.c") is None


def test_a_folder_of_the_base_that_became_a_repository_is_kept(
    space: Workspace, tree: Worktree
) -> None:
    (tree.path / "src").mkdir()
    (tree.path / "src/old.py").write_text("old\n")
    head = deliver(space, tree)
    again = space.prepare(repos.task(), tree.base_sha, head)
    repos.git(again.path / "src", "init", "-q", ".")
    (again.path / "src/new.py").write_text("new\n")
    kept, git = space.salvage(again), space.git(tree.slug)
    assert kept is not None
    assert [history.read_file(git, kept, f"src/{name}.py") for name in ("old", "new")] == [
        "old\n", "new\n",
    ]  # fmt: skip


@pytest.mark.parametrize("then", ["prepare", "look"])
def test_what_an_attempt_had_staged_outlives_the_packing_of_its_store(
    space: Workspace, tree: Worktree, then: str
) -> None:
    """Nothing names it but our index, which git's pruning does not know."""
    made = tree.path / "thought.txt"
    made.write_text("a day's work\n")
    os.utime(made, (0, 0))
    assert space.look(tree).changes
    store = space.ensure_store(tree.slug).folder
    for loose in store.glob("objects/??/*"):
        os.utime(loose, (0, 0))
    space.maintain(tree.slug)
    if then == "look":
        assert [change.path for change in space.look(tree).changes] == ["thought.txt"]
    else:
        space.prepare(repos.task(), tree.base_sha)
        kept = space.salvaged(tree.slug, tree.task_id)
        assert history.read_file(space.git(tree.slug), kept, "thought.txt") == "a day's work\n"


def test_what_an_agent_committed_itself_is_kept(space: Workspace, tree: Worktree) -> None:
    (tree.path / "own.txt").write_text("own\n")
    repos.git(tree.path, "add", "own.txt")
    repos.git(tree.path, "commit", "-q", "-m", "by the agent")
    space.prepare(repos.task(), tree.base_sha)
    kept = space.git(tree.slug).ref(f"refs/salvage/{tree.task_id}")
    assert kept is not None
    assert history.read_file(space.git(tree.slug), kept, "own.txt") == "own\n"


def test_work_that_was_pushed_is_not_kept_twice(space: Workspace, tree: Worktree) -> None:
    (tree.path / "new.txt").write_text("new\n")
    head = deliver(space, tree)
    again = space.prepare(repos.task(), tree.base_sha, head)
    assert (again.path / "new.txt").exists()
    assert space.git(tree.slug).ref(f"refs/salvage/{tree.task_id}") is None


def test_a_worktree_is_not_removed_before_its_work_is_kept(
    space: Workspace, tree: Worktree
) -> None:
    (tree.path / "new.txt").write_text("new\n")
    space.discard(tree)
    kept = space.salvaged(tree.slug, tree.task_id)
    assert history.read_file(space.git(tree.slug), kept, "new.txt") == "new\n"
    assert not tree.path.exists()


def test_what_stands_beside_a_commit_of_all_work_is_no_work(
    space: Workspace, tree: Worktree
) -> None:
    (tree.path / "new.txt").write_text("new\n")
    head = deliver(space, tree)
    (tree.path / "coverage.xml").write_text("left by a test run\n")
    space.discard(tree, committed=head)
    assert not space.salvaged(tree.slug, tree.task_id) and not tree.path.exists()


def test_a_branch_is_not_deleted_before_what_it_holds_alone_is_kept(
    space: Workspace, tree: Worktree
) -> None:
    (tree.path / "new.txt").write_text("new\n")
    head = deliver(space, tree)
    again = space.prepare(repos.task(), tree.base_sha, head)
    (again.path / "more.txt").write_text("more\n")
    seen = space.look(again)
    assert seen.changes
    more = str(space.commit(again, seen, "More", repos.WHO))
    space.discard(again, committed=more)
    assert not space.salvaged(tree.slug, tree.task_id)
    assert space.delete_branch(tree.slug, tree.branch, expected=head) == Pushed()
    git = space.git(tree.slug)
    assert git.ref(f"refs/heads/{tree.branch}") is None
    kept = space.salvaged(tree.slug, tree.task_id)
    assert history.read_file(git, kept, "more.txt") == "more\n"
    (commit,) = history.commits(git, (kept,))
    (work,) = history.commits(git, (more,))
    assert commit.committed == work.committed  # so that its age can be told from it


def test_a_fresh_young_lock_of_the_store_is_left_to_its_owner(
    space: Workspace, tree: Worktree
) -> None:
    lock = space.ensure_store(tree.slug).folder / "packed-refs.lock"
    lock.touch()
    space.prepare(repos.task(), tree.base_sha)
    assert lock.exists()


def test_an_old_lock_that_a_process_has_open_is_left_to_it(
    space: Workspace, tree: Worktree
) -> None:
    lock = space.ensure_store(tree.slug).folder / "shallow.lock"
    with lock.open("wb") as held:
        os.utime(lock, (0, 0))
        with subprocess.Popen(["sleep", "60"], stdout=held) as holder:
            held.close()
            space.prepare(repos.task(), tree.base_sha)
            assert lock.exists()
            holder.kill()
    space.prepare(repos.task(), tree.base_sha)
    assert not lock.exists()


@pytest.mark.parametrize(
    "name",
    [
        "packed-refs.lock", "gc.pid.lock", "objects/info/commit-graph.lock",
        "objects/info/commit-graphs/commit-graph-chain.lock", "objects/pack/multi-pack-index.lock",
    ],
)  # fmt: skip
def test_an_old_lock_of_a_killed_gc_does_not_stop_the_next_one(
    space: Workspace, tree: Worktree, name: str
) -> None:
    lock = space.ensure_store(tree.slug).folder / name
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.touch()
    os.utime(lock, (0, 0))
    space.maintain(tree.slug)
    assert not lock.exists()


def test_a_lock_of_a_task_s_own_index_keeps_no_worktree_for_ever(
    space: Workspace, tree: Worktree
) -> None:
    (tree.path / "thought.txt").write_text("not delivered\n")
    space.ensure_store(tree.slug).index(tree.task_id).with_suffix(".index.lock").touch()
    kept = space.give_up(tree.slug, tree.task_id)
    assert kept and history.read_file(space.git(tree.slug), kept, "thought.txt")
    assert not tree.path.exists()


def test_what_a_fetch_that_was_cut_short_left_behind_is_removed(
    origin: Origin, space: Workspace, tree: Worktree
) -> None:
    objects = space.ensure_store(tree.slug).folder / "objects"
    (objects / "ab").mkdir(exist_ok=True)
    halves = [objects / "pack" / name for name in ("tmp_pack_a1b2c3", ".tmp-17-pack-0f.pack")]
    one = objects / "ab" / "tmp_obj_d4e5f6"
    young = objects / "pack" / "tmp_pack_x9y8z7"
    packs = {*objects.glob("pack/*.pack")}
    branch = "refs/remotes/origin/tmp_branch"
    repos.git(objects.parent, "update-ref", branch, tree.base_sha)
    fetch, pack = (lambda: space.refresh(origin.slug, "main")), lambda: space.maintain(tree.slug)
    for again, left in ((fetch, halves), (pack, [*halves, one])):
        for half in (*left, young):
            half.write_bytes(b"x")
        for old in (*left, *packs, objects.parent / branch):
            os.utime(old, (0, 0))
        again()
        assert not [half for half in left if half.exists()]
        assert young.exists() and space.git(tree.slug).ref(branch)
    assert repos.git(objects.parent, "fsck", "--no-dangling") == ""


# --- the store itself is spoilt -------------------------------------------------------------------


def gone(store: Path) -> None:
    store.rename(store.with_suffix(".away"))


def headless(store: Path) -> None:
    (store / "HEAD").unlink()


def torn_head(store: Path) -> None:
    (store / "HEAD").write_bytes(b"")


def without_objects(store: Path) -> None:
    subprocess.run(["rm", "-rf", str(store / "objects")], check=True)


def bitten_objects(store: Path) -> None:
    for part in [*store.glob("objects/pack/*.pack"), *store.glob("objects/??/*")]:
        part.chmod(0o600)
        part.write_bytes(part.read_bytes()[:20])


def torn_refs(store: Path) -> None:
    for ref in store.glob("refs/remotes/origin/*"):
        ref.write_bytes(b"")


def old_locks(store: Path) -> None:
    for name in ("packed-refs", "config", "shallow", "HEAD", "refs/remotes/origin/main"):
        lock = store / f"{name}.lock"
        lock.touch()
        os.utime(lock, (0, 0))


@pytest.mark.parametrize(
    "spoil",
    [gone, headless, torn_head, without_objects, bitten_objects, torn_refs, old_locks],
)
def test_a_spoilt_store_is_made_anew_and_work_goes_on(
    origin: Origin, space: Workspace, tree: Worktree, spoil: Callable[[Path], None]
) -> None:
    """The universal repair: whatever is left, a new store is fetched and the task goes on."""
    (tree.path / "thought.txt").write_text("not committed\n")
    spoil(space.ensure_store(tree.slug).folder)
    origin.commit({"more.txt": "more\n"})
    for _ in range(3):
        try:
            base = space.refresh(origin.slug, "main", branch=tree.branch)
            again = space.prepare(repos.task(), base)
            break
        except (GitError, CannotPrepare) as error:
            assert space.doubt(origin.slug, error), error
    assert base == origin.tip()
    (again.path / "new.txt").write_text("new\n")
    head = deliver(space, again)
    assert origin.tip(tree.branch) == head
    # A pack that nothing needs any more may stay spoilt; whatever a ref names is whole.
    assert repos.git(space.git(tree.slug).git_dir, "rev-list", "--objects", "--all")
    kept = space.git(tree.slug).ref(f"refs/salvage/{tree.task_id}")
    assert kept and history.read_file(space.git(tree.slug), kept, "thought.txt")


def test_what_can_be_read_of_a_damaged_store_is_taken_along(
    origin: Origin, space: Workspace, tree: Worktree
) -> None:
    (tree.path / "thought.txt").write_text("not delivered\n")
    kept = space.salvage(tree)
    store = space.ensure_store(tree.slug)
    store.condemn()
    space.refresh(origin.slug, "main")
    assert not store.condemned
    assert store.git.ref(f"refs/salvage/{tree.task_id}") == kept
    assert store.git.ref(f"refs/heads/{tree.branch}") == tree.base_sha
    assert [entry.name for entry in store.folder.glob("worktrees/*")] == [tree.task_id]
    assert repos.git(tree.path, "status", "--porcelain") == "?? thought.txt"


class Killed(BaseException):
    """kill -9."""


STEPS = ("move_durably", "write_durably", "write_cache", "remove_file", "remove_tree")


def deadly(patch: pytest.MonkeyPatch, at: int, moment: str) -> None:
    """Die before or after the step of that number: a change of a file, or a git."""
    left = iter(range(at - 1, -1, -1))

    def dying(step: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*args: Any, **more: Any) -> Any:
            dead = next(left, None) == 0
            if dead and moment == "before":
                raise Killed
            done = step(*args, **more)
            if dead:
                raise Killed
            return done

        return stepped

    for name in STEPS:
        patch.setattr(files, name, dying(getattr(files, name)))
    patch.setattr(Git, "attempt", dying(Git.attempt))


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_any_step_of_making_a_store_anew_the_next_one_takes_all_along(
    origin: Origin, space: Workspace, tree: Worktree, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    (tree.path / "thought.txt").write_text("not delivered\n")
    head = space.commit(tree, space.look(tree), "Not pushed", repos.WHO)
    (tree.path / "more.txt").write_text("nor committed\n")
    kept = space.salvage(tree)
    store, at, died = space.ensure_store(tree.slug), 0, True
    while died:
        at += 1
        store.condemn()
        with monkeypatch.context() as patch:
            deadly(patch, at, moment)
            died = False
            try:
                space.refresh(origin.slug, "main")
            except Killed:
                died = True
        assert space.refresh(origin.slug, "main") == origin.tip()
        assert space.salvaged(tree.slug, tree.task_id) == kept, at
        assert store.git.ref(f"refs/heads/{tree.branch}") == head, at
        assert store.registration(tree.path).is_dir() and not store.condemned, at
        left = sorted(path.suffix for path in space.stores.iterdir())
        assert left == [".broken", ".git"], at
    assert at > 15
    assert repos.git(store.folder, "rev-list", "--objects", "--all")
    assert repos.git(tree.path, "status", "--porcelain")


def kept_of(space: Workspace, tree: Worktree, task_id: str, text: str) -> str:
    """Work of a task by that name that is nowhere but in the store."""
    (tree.path / "thought.txt").write_text(text)
    kept = space.salvage(structs.replace(tree, task_id=task_id))
    assert kept
    return kept


def time_passes(aside: Path) -> None:
    os.utime(aside / inheritance.NOTE, (0, 0))


def test_what_could_not_be_taken_along_is_taken_later(
    origin: Origin, space: Workspace, tree: Worktree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk, or a history whose copy takes too long."""
    kept = kept_of(space, tree, tree.task_id, "not delivered\n")
    store, real = space.ensure_store(tree.slug), Git.attempt
    store.condemn()

    def no_room(self: Git, *words: str, **more: Any) -> Any:
        local = "--stdin" in words
        return real(self, "cat-file", "-e", "no room") if local else real(self, *words, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Git, "attempt", no_room)
        space.refresh(origin.slug, "main")
    [aside] = store.asides(stores.OWING)
    [(ref, why)] = inheritance.left_in(aside).items()
    assert ref == f"refs/salvage/{tree.task_id}" and "no room" in why
    space.refresh(origin.slug, "main")
    assert not space.salvaged(tree.slug, tree.task_id)  # a process for each, but not each minute
    time_passes(aside)
    space.refresh(origin.slug, "main")
    assert space.salvaged(tree.slug, tree.task_id) == kept
    assert not store.asides(stores.OWING)


def test_what_is_ours_comes_along_whatever_the_remote_does(
    origin: Origin, space: Workspace, tree: Worktree
) -> None:
    kept = kept_of(space, tree, tree.task_id, "not delivered\n")
    space.ensure_store(tree.slug).condemn()
    origin.bare.rename(origin.bare.with_suffix(".away"))
    with pytest.raises(GitHubTrouble):
        space.refresh(origin.slug, "main")
    assert space.salvaged(tree.slug, tree.task_id) == kept


def test_work_that_cannot_be_read_keeps_no_other_and_stays_with_the_old_store(
    origin: Origin, space: Workspace, tree: Worktree
) -> None:
    kept, lost = (kept_of(space, tree, name, f"{name}\n") for name in ("whole", "spoilt"))
    store = space.ensure_store(tree.slug)
    blob = repos.git(store.folder, "rev-parse", f"{lost}:thought.txt")
    (store.folder / "objects" / blob[:2] / blob[2:]).unlink()
    (store.folder / "refs" / "salvage" / "torn").write_bytes(b"")
    for _ in range(2):  # the store that took its place is damaged in its turn
        store.condemn()
        space.refresh(origin.slug, "main")
        assert space.salvaged(tree.slug, "whole") == kept
        [aside] = store.asides(stores.OWING)
        left = inheritance.left_in(aside)
        assert [*left] == ["refs/salvage/torn", "refs/salvage/spoilt"], left
        assert repos.git(aside, "rev-parse", "refs/salvage/spoilt") == lost
        time_passes(aside)
    store.git.delete_ref("refs/salvage/whole", expected=kept)
    space.refresh(origin.slug, "main")
    assert not space.salvaged(tree.slug, "whole") and not space.salvaged(tree.slug, "spoilt")
    assert repos.git(store.folder, "rev-list", "--objects", "--all")


def torn_packed_refs(store: Path) -> None:
    repos.git(store, "pack-refs", "--all")
    with (store / "packed-refs").open("a") as stream:
        stream.write("0d4fe139d711ed")


@pytest.mark.parametrize("spoil", [torn_head, headless, torn_packed_refs])
def test_of_a_store_in_which_git_finds_nothing_the_refs_are_taken_along(
    origin: Origin, space: Workspace, tree: Worktree, spoil: Callable[[Path], None]
) -> None:
    kept = kept_of(space, tree, tree.task_id, "not delivered\n")
    store = space.ensure_store(tree.slug)
    spoil(store.folder)
    store.condemn()
    space.refresh(origin.slug, "main")
    assert space.salvaged(tree.slug, tree.task_id) == kept


def test_a_worktree_on_no_branch_does_not_stop_the_new_store(
    origin: Origin, space: Workspace, tree: Worktree
) -> None:
    kept = kept_of(space, tree, tree.task_id, "not delivered\n")
    repos.git(tree.path, "checkout", "-q", "--detach")
    repos.git(tree.path, "commit", "-q", "--allow-empty", "-m", "own")
    space.ensure_store(tree.slug).condemn()
    assert space.refresh(origin.slug, "main") == origin.tip()
    assert space.salvaged(tree.slug, tree.task_id) == kept
    assert repos.git(tree.path, "symbolic-ref", "--short", "HEAD") == tree.branch


def test_what_was_made_in_the_new_store_is_not_replaced_by_the_old_one_s(
    origin: Origin, space: Workspace, tree: Worktree
) -> None:
    (tree.path / "own.txt").write_text("own\n")
    head = space.commit(tree, space.look(tree), "Not pushed", repos.WHO)
    earlier = kept_of(space, tree, tree.task_id, "earlier\n")
    store = space.ensure_store(tree.slug)
    store.remake()
    space.wire.fetch(store.folder, space.url(tree.slug), ("+refs/heads/*:refs/remotes/origin/*",))
    again = space.prepare(repos.task(), tree.base_sha)  # before a refresh, as after a kill
    later = kept_of(space, again, tree.task_id, "later\n")
    space.refresh(origin.slug, "main")
    assert store.git.ref(f"refs/heads/{tree.branch}") == tree.base_sha
    kept = space.salvaged(tree.slug, tree.task_id)
    assert history.read_file(store.git, kept, "thought.txt") == "later\n"
    for sha in (later, earlier, str(head)):
        assert store.git.is_ancestor(sha, kept)
    assert not store.asides(stores.OWING)


def test_trouble_with_the_remote_is_no_doubt_of_the_store(space: Workspace, origin: Origin) -> None:
    space.refresh(origin.slug, "main")
    for words in ("could not resolve host", "the remote end hung up", "No space left on device"):
        assert not space.doubt(origin.slug, CannotPrepare(words))
    assert not space.ensure_store(origin.slug).condemned


def prepare_in_a_process(folder: str, base_sha: str, number: int) -> str:
    space = repos.workspace(Path(folder))
    tree = space.prepare(repos.task(number=number), base_sha)
    (tree.path / f"{number}.txt").write_text("x\n")
    seen = space.look(tree)
    assert seen.changes
    assert space.commit(tree, seen, f"Work {number}", repos.WHO)
    return tree.branch


def test_forty_worktrees_by_eight_processes_all_succeed(
    origin: Origin, space: Workspace, tmp_path: Path
) -> None:
    """G3: without --no-track and the lock, 21 of 40 failed and left 21 orphan branches."""
    base = space.refresh(origin.slug, "main")
    with ProcessPoolExecutor(8, mp_context=get_context("spawn")) as pool:
        made = pool.map(prepare_in_a_process, [str(tmp_path)] * 40, [base] * 40, range(1, 41))
        branches = set(made)
    store = space.ensure_store(origin.slug).folder
    listed = repos.git(store, "for-each-ref", "--format=%(refname:short)", "refs/heads").split()
    assert set(listed) == branches
    assert len(branches) == 40
    assert len(list(store.glob("worktrees/*"))) == 40
    assert list(store.rglob("*.lock")) == []


# --- what an attempt made -----------------------------------------------------------------------


def test_every_kind_of_change_is_a_fact(space: Workspace, tree: Worktree) -> None:
    (tree.path / "README.md").unlink()
    (tree.path / "run.sh").write_text("#!/bin/sh\n")
    (tree.path / "run.sh").chmod(0o755)
    (tree.path / "out").symlink_to("/etc/passwd")
    (tree.path / "f\u00fcr \"dich\"\n.txt").write_text("12345")
    (tree.path / "calculator.py").chmod(0o755)
    os.mkfifo(tree.path / "fifo")
    (tree.path / "__pycache__").mkdir()
    (tree.path / "__pycache__" / "x.pyc").write_bytes(b"x")
    facts = {c.path: (c.kind, c.was, c.mode, c.size, c.target) for c in space.look(tree).changes}
    size = len(repos.CALCULATOR["calculator.py"])
    assert facts == {
        "README.md": (PathKind.DELETED, "100644", "000000", 0, ""),
        "run.sh": (PathKind.EXECUTABLE, "000000", "100755", 10, ""),
        "out": (PathKind.SYMLINK, "000000", "120000", 11, "/etc/passwd"),
        "f\u00fcr \"dich\"\n.txt": (PathKind.FILE, "000000", "100644", 5, ""),
        "calculator.py": (PathKind.EXECUTABLE, "100644", "100755", size, ""),
    }


def test_a_repository_inside_is_a_submodule_to_the_gate(space: Workspace, tree: Worktree) -> None:
    inner = tree.path / "vendor"
    inner.mkdir()
    repos.git(inner, "init", "-q", ".")
    repos.git(inner, "commit", "-q", "--allow-empty", "-m", "x")
    (fact,) = space.look(tree).changes
    assert fact.kind is PathKind.SUBMODULE


def test_nothing_an_agent_did_to_git_changes_what_is_seen(space: Workspace, tree: Worktree) -> None:
    """Its index, its HEAD, its branch, its `.git`, filters and attributes play no part (0.6)."""
    evil = tree.path.parent / "evil"
    repos.git(tree.path, "config", "filter.evil.clean", f"touch {evil}; cat")
    repos.git(tree.path, "config", "core.fsmonitor", f"touch {evil}")
    (tree.path / ".gitattributes").write_text("* filter=evil\n")
    (tree.path / "calculator.py").write_text("# changed\n")
    repos.git(tree.path, "-c", "core.fsmonitor=", "update-index", "--assume-unchanged",
              "calculator.py")  # fmt: skip
    repos.git(tree.path, "-c", "core.fsmonitor=", "checkout", "-q", "--orphan", "elsewhere")
    (tree.path / ".git").unlink()
    (tree.path / ".git").mkdir()
    evil.unlink(missing_ok=True)
    assert {c.path for c in space.look(tree).changes} == {".gitattributes", "calculator.py"}
    sha = space.commit(tree, space.look(tree), "Work", repos.WHO)
    assert sha is not None
    (commit,) = history.commits(space.git(tree.slug), (sha,))
    assert commit.parents == (tree.base_sha,)
    assert not evil.exists()


def test_a_tracked_result_file_is_never_committed(origin: Origin, space: Workspace) -> None:
    origin.commit({".agent_result.md": "STATUS: complete\n"})
    tree = space.prepare(repos.task(), space.refresh(origin.slug, "main"))
    (tree.path / ".agent_result.md").write_text("STATUS: blocked\n")
    assert space.look(tree).changes == ()
    (tree.path / ".agent_result.md").unlink()
    assert space.look(tree).changes == ()
    assert space.commit(tree, space.look(tree), "Work", repos.WHO) is None


def test_the_same_commit_made_twice_has_the_same_sha(space: Workspace, tree: Worktree) -> None:
    (tree.path / "new.txt").write_text("new\n")
    seen = space.look(tree)
    extra = {"docs/a b.md": "text\n", "README.md": None}
    first = space.commit(tree, seen, "Wörk\n\nwith a body", repos.WHO, extra_files=extra)
    assert first == space.commit(tree, seen, "Wörk\n\nwith a body", repos.WHO, extra_files=extra)
    git = space.git(tree.slug)
    assert git.ref(f"refs/heads/{tree.branch}") == first
    assert history.read_file(git, str(first), "docs/a b.md") == "text\n"
    assert history.read_file(git, str(first), "README.md") is None
    (commit,) = history.commits(git, (str(first),))
    assert commit.message == "Wörk\n\nwith a body"


def test_a_second_attempt_without_new_work_makes_no_commit(
    space: Workspace, tree: Worktree
) -> None:
    (tree.path / "new.txt").write_text("new\n")
    head = deliver(space, tree)
    again = space.prepare(repos.task(), tree.base_sha, head)
    seen = space.look(again)
    assert {c.path for c in seen.changes} == {"new.txt"}
    assert space.commit(again, seen, "Again", repos.WHO, extra_files={"CODEBASE.md": "x"}) is None


def test_a_commit_may_have_the_parents_of_a_merge(
    origin: Origin, space: Workspace, tree: Worktree
) -> None:
    (tree.path / "new.txt").write_text("new\n")
    head = deliver(space, tree)
    tip = origin.commit({"other.txt": "other\n"})
    space.refresh(origin.slug, "main")
    again = space.prepare(repos.task(), tip, head)
    seen = space.look(again)
    sha = space.commit(again, seen, "Merge", repos.WHO, parents=(head, tip))
    (commit,) = history.commits(space.git(tree.slug), (str(sha),))
    assert commit.parents == (head, tip)


def test_a_worktree_outside_its_folder_is_never_removed(
    space: Workspace, tree: Worktree, tmp_path: Path
) -> None:
    (tmp_path / "precious").mkdir()
    link = tree.path.parent / "link"
    link.symlink_to(tmp_path)
    up = tree.path / ".." / ".."
    for path in (tmp_path / "precious", link / "precious", space.worktrees, up):
        with pytest.raises(NotReadable):
            space.discard(structs.replace(tree, path=path))
    assert (tmp_path / "precious").is_dir()
    assert tree.path.is_dir()


# --- setup --------------------------------------------------------------------------------------


def test_setup_runs_once_and_again_when_a_lock_file_changes(
    space: Workspace, tree: Worktree
) -> None:
    assert space.needs_setup(tree, "make deps")
    (tree.path / "deps").mkdir()
    (tree.path / "deps" / "big.bin").write_text("x")
    (tree.path / "odd [name]*.txt").write_text("x")
    space.note_setup(tree, "make deps")
    assert not space.needs_setup(tree, "make deps")
    assert space.needs_setup(tree, "make other")
    assert space.look(tree).changes == ()
    (tree.path / "requirements.txt").write_text("new==1\n")
    assert space.needs_setup(tree, "make deps")
    assert [c.path for c in space.look(tree).changes] == ["requirements.txt"]
    space.prepare(repos.task(), tree.base_sha)
    assert space.needs_setup(tree, "make deps")


def test_a_file_too_large_for_the_gate_is_told_and_not_stored(
    space: Workspace, tree: Worktree
) -> None:
    with (tree.path / "core").open("wb") as stream:
        stream.truncate(10_000_001)
    (tree.path / "new.txt").write_text("new\n")
    assert [(c.path, c.size) for c in space.look(tree).changes] == [("core", 10_000_001)]
    kept = space.salvage(tree)
    listed = repos.git(space.git(tree.slug).git_dir, "ls-tree", "--name-only", str(kept))
    assert "new.txt" in listed.split() and "core" not in listed.split()


# --- a whole shipped task -----------------------------------------------------------------------


def test_a_shipped_task_takes_few_git_processes(
    origin: Origin, space: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fetch, worktree, commit, push, look, merge, proof, delete, remove: counted by a shim."""
    space.refresh(origin.slug, "main")
    shim, written, real = tmp_path / "shim", tmp_path / "written", os.environ["PATH"]
    shim.mkdir()
    (shim / "git").write_text(f'#!/bin/sh\necho x >> {written}\nPATH={real} exec git "$@"\n')
    (shim / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{shim}:{real}")
    git = space.git(origin.slug)

    base = space.refresh(origin.slug, "main", branch=repos.task().branch)
    tree = space.prepare(repos.task(), base)
    (tree.path / "new.txt").write_text("new\n")
    seen = space.look(tree)
    assert seen.changes
    head = str(space.commit(tree, seen, "Work", repos.WHO, extra_files={"CODEBASE.md": "x\n"}))
    assert space.push(tree.slug, tree.branch, head, expected="") == Pushed()
    space.discard(tree, committed=head)

    tip = space.refresh(origin.slug, "main")
    assert history.compare(git, tip, head).behind == 0
    squashed = merged_by_github(origin, head, tip)

    tip = space.refresh(origin.slug, "main")
    assert git.is_ancestor(squashed, tip)
    ours, theirs = history.commits(git, (head, squashed))
    assert ours.tree == theirs.tree
    assert space.delete_branch(tree.slug, tree.branch, expected=head) == Pushed()
    count = len(written.read_text().split())
    print("git processes:", count)
    assert count <= 14


def merged_by_github(origin: Origin, head: str, tip: str) -> str:
    tree = repos.git(origin.bare, "rev-parse", f"{head}^{{tree}}")
    squashed = repos.git(origin.bare, "commit-tree", tree, "-p", tip, "-m", "Work (#2)")
    repos.git(origin.bare, "update-ref", "refs/heads/main", squashed)
    return squashed
