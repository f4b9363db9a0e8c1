"""One repository's bare store on the disk: made, put right, and tidied of what a kill left (G1)."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path

from msgspec import Struct

from orchestrator.adapters import files, survivors
from orchestrator.adapters.files import NotReadable
from orchestrator.adapters.git import Git
from orchestrator.records import regex
from orchestrator.records.errors import UnsafeName

STALE_LOCK_SECONDS = 600.0
# Where gits of a bare store lock a file, besides its own folder.
LOCKED_BELOW = ("refs", "objects/info", "objects/pack")
HALVES = ("tmp_", ".tmp-")  # begins the name of an object or a pack that is being written
INDEX_LIMIT = 500_000_000
# What a damaged store is called beside the one that took its place: as long as that one may lack
# something of ours, and from then on.
OWING, BROKEN = ".owing", ".broken"
SLUG = regex.late(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")
# Written by us alone: any other text in it was put there by somebody else, and is put right.
CONFIG = b"""\
[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = true
\tlogAllRefUpdates = false
[gc]
\tauto = 0
[maintenance]
\tauto = false
[fetch]
\tunpackLimit = 1
"""
# None of these is ours: made without a template, a store has no hooks, attributes or second config.
PLANTED = (
    "hooks", "config.worktree", "info/attributes", "info/grafts", "info/exclude",
    "objects/info/alternates", "objects/info/http-alternates",
)  # fmt: skip
# Sections of a config that name people and colours and make git do nothing: an agent that was
# asked for its name before it could commit has not attacked anybody.
HARMLESS = regex.late(
    r'^\[(?:user|author|committer|color|advice|init|branch(?: "[^"\\\n]*")?)\][ \t]*\n'
    r"(?:[ \t]*[a-z][a-z0-9-]*[ \t]*(?:=[^\\\n]*)?(?:\n|\Z))*",
    re.IGNORECASE | re.MULTILINE,
)
# Refs that exist nowhere else; branches of a remote are fetched again.
OURS = ("refs/heads/agent/", "refs/salvage/", "refs/agent-os/")
DAMAGE = regex.late(
    r"corrupt|bad object|bad tree|missing (?:blob|tree|commit|object)|inflate:|broken link"
    r"|unable to (?:read (?:tree|sha1|object)|find [0-9a-f]{40}|parse (?:object|commit))"
    r"|not a git repository|invalid object|could not (?:parse|read) (?:object|[0-9a-f]{40})"
    r"|object file [^\n]* is empty|cannot read existing object"
    r"|did not send all necessary objects|unresolved deltas|not a valid object"
)
# A change of one of these asks for the setup command again.
LOCK_FILES = (
    "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock",
    "bun.lockb", "package.json", "requirements.txt", "pyproject.toml", "poetry.lock", "uv.lock",
    "Pipfile.lock", "Cargo.lock", "go.sum", "Gemfile.lock", "composer.lock", "mix.lock",
)  # fmt: skip
LOCK_FILE_LIMIT = 50_000_000
# Left by tools and editors, never work; a repository whose .gitignore forgets them is spared.
LITTER = """\
__pycache__/
*.py[co]
.pytest_cache/
.mypy_cache/
.ruff_cache/
.DS_Store
*.swp
*~
"""


def folder_name(slug: str) -> str:
    """`owner/name` as one folder; raises UnsafeName for what GitHub could not have named so."""
    if not SLUG.fullmatch(slug) or slug.startswith(".") or slug.endswith(("/.", "/..")):
        raise UnsafeName(f"{slug!r} is not the name of a repository.")
    return slug.replace("/", "__")


class Fingerprint(Struct, frozen=True, kw_only=True):
    """What stood where git looks for settings and programs, by name, and a worktree's `.git`."""

    marks: dict[str, str]
    pointer: bytes


class Store:
    """A bare repository of ours; whoever changes it holds its lock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git = Git(folder)

    @property
    def made(self) -> bool:
        return os.path.exists(f"{self.folder}/HEAD") and os.path.isdir(f"{self.folder}/agent-os")

    def make(self) -> None:
        """Make the store, or finish one whose making was cut short."""
        files.make_folder(self.folder)
        self.remove_stale_locks()
        self.git.run("init", "--bare", "--quiet", "--template=", str(self.folder))
        files.write_durably(self.folder / "config", CONFIG, replace=True)
        for aside in self.asides(OWING):
            self._move_in(aside)
        files.make_folder(self.folder / "agent-os")

    def mend(self) -> bool:
        """Put the config back as we wrote it, and remove what git would run or heed besides it;
        True where somebody had changed anything (I8).

        A linked worktree shares this folder, so an agent can write to it (finding 0.6): to be
        called when an agent has ended and before git runs.
        """
        planted = [path for name in PLANTED if os.path.lexists(path := self.folder / name)]
        for path in planted:
            if path.is_dir() and not path.is_symlink():
                files.remove_tree(path, inside=self.folder)
            else:
                files.remove_file(path)
        config = self.folder / "config"
        try:
            if files.read_bounded(config, 65_536) == CONFIG:
                return bool(planted)
        except (NotReadable, FileNotFoundError):
            pass
        files.write_durably(config, CONFIG, replace=True)
        return True

    def fingerprint(self, worktree: Path) -> Fingerprint:
        """The state of all that git heeds or runs here, of a store just mended (G8)."""
        names = ("config", *PLANTED)
        return Fingerprint(
            marks={name: _mark(self.folder / name) for name in names},
            pointer=_content(worktree / ".git"),
        )

    def tampered(self, worktree: Path, before: Fingerprint) -> tuple[str, ...]:
        """Which of it is not as it was; names of people in the config are nobody's attack."""
        now = self.fingerprint(worktree)
        changed = [name for name, mark in now.marks.items() if mark != before.marks.get(name)]
        settings = _content(self.folder / "config").decode("latin-1")
        if "config" in changed and HARMLESS.sub("", settings).strip() == CONFIG.decode().strip():
            changed.remove("config")
        swapped = worktree.is_dir() and now.pointer != before.pointer
        return (*changed, ".git") if swapped else tuple(changed)

    def point(self, worktree: Path, before: Fingerprint) -> None:
        """Have a worktree's `.git` lead here again, whatever stands in its place."""
        pointer = worktree / ".git"
        if not worktree.is_dir() or worktree.is_symlink() or _content(pointer) == before.pointer:
            return
        if pointer.is_dir() and not pointer.is_symlink():
            files.remove_tree(pointer, inside=worktree)
        else:
            files.remove_file(pointer)
        files.write_cache(pointer, before.pointer)

    def index(self, task_id: str) -> Path:
        """Our own index of a task's worktree, which its agent does not use."""
        return self.folder / "agent-os" / f"{task_id}.index"

    def setup_stamp(self, task_id: str) -> Path:
        return self.folder / "agent-os" / f"{task_id}.setup"

    def needs_setup(self, worktree: Path, command: str) -> bool:
        """Whether no setup is noted for this worktree with this command and these lock files."""
        try:
            stamp = files.read_bounded(self.setup_stamp(worktree.name), 1000)
        except (FileNotFoundError, NotReadable):
            return True
        return stamp != _setup_key(worktree, command)

    def note_setup(self, worktree: Path, command: str) -> None:
        files.write_cache(self.setup_stamp(worktree.name), _setup_key(worktree, command))

    def excludes(self, task_id: str) -> Path:
        """What of a task's worktree is never committed unless it is tracked, as a .gitignore."""
        return self.folder / "agent-os" / f"{task_id}.exclude"

    def exclude(self, task_id: str, names: tuple[str, ...]) -> None:
        """Besides the litter, leave out these paths from the top of the tree."""
        lines = "".join(f"/{_literal(name)}\n" for name in names)
        files.write_cache(self.excludes(task_id), os.fsencode(LITTER + lines))

    def registration(self, worktree: Path) -> Path:
        """Where git keeps HEAD and index of a worktree of ours."""
        return self.folder / "worktrees" / worktree.name

    def add_worktree(self, worktree: Path, branch: str, sha: str) -> None:
        """A checkout of a commit on a branch, made or moved there: `git worktree add --lock -B`.

        The branch first, as git has it: by it a later look at a folder that was filled in part
        knows what is work. For a path where nothing stands, registered or not.
        """
        self.git.run("update-ref", f"refs/heads/{branch}", sha)
        entry = self.registration(worktree)
        registered = {
            "locked": worktree.name, "HEAD": f"ref: refs/heads/{branch}", "commondir": "../..",
            "gitdir": f"{worktree}/.git",
        }  # fmt: skip
        files.make_folder(entry)
        for name, text in registered.items():
            files.write_cache(entry / name, os.fsencode(f"{text}\n"))
        files.make_folder(worktree)
        # Not by a file beside it: one that a crash leaves there would be taken for work.
        files.append_line(worktree / ".git", os.fsencode(f"gitdir: {entry}"), durable=False)
        Git(entry, worktree).run("reset", "--hard", "--quiet", sha)

    def worktree_on(self, branch: str) -> str:
        """The name of a worktree that has a branch checked out, "" where none has.

        One in the midst of a rebase or a bisection has it too, as git sees it (`branch.c`).
        """
        signs = {
            "HEAD": f"ref: refs/heads/{branch}\n",
            "rebase-merge/head-name": f"refs/heads/{branch}\n",
            "rebase-apply/head-name": f"refs/heads/{branch}\n",
            "BISECT_START": f"{branch}\n",
        }
        for entry in self.folder.glob("worktrees/*"):
            if any(_content(entry / at) == os.fsencode(sign) for at, sign in signs.items()):
                return entry.name
        return ""

    def keep_index(self, task_id: str, worktree: Path) -> None:
        """Copy a fresh worktree's index: what it knows of the files saves reading them again."""
        fresh = files.read_bounded(self.registration(worktree) / "index", INDEX_LIMIT)
        files.write_cache(self.index(task_id), fresh)

    def indexed(self, task_id: str, worktree: Path, start_sha: str) -> Git:
        """git over the store and a worktree's files, by our own index of them.

        The worktree's `.git`, HEAD and index, which an agent may have changed, play no part.
        """
        git = Git(
            self.folder, worktree, index=self.index(task_id), excludes=self.excludes(task_id)
        )
        if not self.index(task_id).exists():
            git.run("read-tree", start_sha)
        return git

    def registrations(self, worktree: Path) -> Iterator[Path]:
        """What git keeps of a worktree: by its path, and by the name it would get."""
        for entry in self.folder.glob("worktrees/*"):
            try:
                named = files.read_bounded(entry / "gitdir", 8192).decode("utf-8", "replace")
            except (NotReadable, FileNotFoundError, NotADirectoryError):
                named = ""
            if named.strip() == f"{worktree}/.git" or entry.name == worktree.name:
                yield entry

    def forget(self, worktree: Path) -> None:
        """Remove all that is kept of a worktree that is gone, and nothing of any other."""
        for entry in tuple(self.registrations(worktree)):
            files.remove_tree(entry, inside=self.folder / "worktrees")
        files.remove_file(self.index(worktree.name))
        files.remove_file(self.excludes(worktree.name))
        files.remove_file(self.setup_stamp(worktree.name))

    def remove_stale_locks(self) -> None:
        """Locks of the store that killed gits left: old, and open in no process (G5).

        `packed-refs.new` is one too: while it stands no ref can be packed.
        """
        locks = [self.folder / "packed-refs.new"]
        below = (os.walk(self.folder / name) for name in LOCKED_BELOW)
        for folder, _, names in (*islice(os.walk(self.folder), 1), *chain.from_iterable(below)):
            locks += [Path(folder, name) for name in names if name.endswith(".lock")]
        _remove_abandoned(locks)

    def remove_halves(self, *, all_objects: bool = False) -> None:
        """Packs that killed gits left half written: old, and open in no process (G5).

        A fetch that is cut short leaves all that it got, and git keeps it for two weeks. Single
        objects are small, and many folders to look into.
        """
        below = "objects" if all_objects else "objects/pack"
        for folder, _, names in os.walk(self.folder / below):
            _remove_abandoned(Path(folder, name) for name in names if name.startswith(HALVES))

    def make_way(self, branch: str) -> bool:
        """Forget where branches stood that cannot be beside this one; whether there were any.

        A remote that has `release/2` has no `release` any more, but ours still has its ref.
        """
        tracked = "refs/remotes/origin/"
        top, wanted = f"{tracked}{branch.partition('/')[0]}", f"{tracked}{branch}/"
        named = self.git.attempt("for-each-ref", "--format=%(refname)", top)
        found = named.stdout.decode("utf-8", "replace").split()
        others = [ref for ref in found if f"{ref}/" != wanted]
        over = [ref for ref in others if wanted.startswith(f"{ref}/") or ref.startswith(wanted)]
        for ref in over:
            self.git.run("update-ref", "-d", ref)
        return bool(over)

    @property
    def condemned(self) -> bool:
        """Whether git met damage in it, so that the next fetch is into a new one."""
        return (self.folder / "agent-os" / "condemned").exists()

    def condemn(self) -> None:
        files.write_cache(self.folder / "agent-os" / "condemned", b"")

    def remake(self) -> None:
        """A new store in place of a damaged one, which stays beside it and owes what it holds.

        The caller fetches the base anew, and then has `inheritance` take along what is ours. One
        that was ended on the way is gone on with by whoever makes the store next.
        """
        moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        aside = self.folder.with_name(f"{self.folder.stem}+{moment}{OWING}")
        files.move_durably(self.folder, aside)
        self.make()

    def asides(self, suffix: str) -> list[Path]:
        """The earlier stores of this repository, the latest first; no other name has a `+`."""
        return sorted(self.folder.parent.glob(f"{self.folder.stem}+*{suffix}"), reverse=True)

    def _move_in(self, aside: Path) -> None:
        """Worktrees keep their registrations, so that attempts under way go on.

        What condemned the old store does not come along. Nor does the commit of a worktree that
        is on no branch: every fetch fails as long as the new store lacks it.
        """
        files.remove_file(aside / "agent-os" / "condemned")
        for head in aside.glob("worktrees/*/HEAD"):
            if not _content(head).startswith(b"ref: "):
                named = f"ref: refs/heads/agent/{head.parent.name}\n"
                files.write_cache(head, os.fsencode(named))
        for kept in ("worktrees", "agent-os"):
            if (aside / kept).is_dir() and not os.path.lexists(self.folder / kept):
                files.move_durably(aside / kept, self.folder / kept)

    def remove_locks(self, task_id: str, branch: str) -> None:
        """Locks that killed gits left: a task's own at once, the store's by the rule of G5."""
        files.remove_file(self.folder / f"refs/heads/{branch}.lock")
        files.remove_file(self.folder / f"agent-os/{task_id}.index.lock")
        self.remove_stale_locks()


def _remove_abandoned(paths: Iterable[Path]) -> None:
    for path in paths:
        if survivors.is_abandoned(path, STALE_LOCK_SECONDS):
            files.remove_file(path)


def _content(path: Path) -> bytes:
    """The bytes of a small regular file; b"" for anything else."""
    try:
        return files.read_bounded(path, 65_536)
    except (FileNotFoundError, NotADirectoryError, NotReadable):
        return b""


def _mark(path: Path) -> str:
    """A digest of a file, or of a folder's names and files; "" where nothing stands."""
    if not os.path.lexists(path):
        return ""
    inner = sorted(path.rglob("*"))[:1000] if path.is_dir() and not path.is_symlink() else []
    found = hashlib.sha256()
    for one in (path, *inner):
        found.update(b"%s\0%s\0" % (os.fsencode(one), _content(one)))
    return found.hexdigest()


def is_damage(said: str) -> bool:
    """Whether git's words speak of a store that lost or spoilt something of its own."""
    return DAMAGE.search(said.lower()) is not None


def _literal(name: str) -> str:
    """A path as a pattern that means only itself."""
    return re.sub(r"([\\*?\[ ])", r"\\\1", name)


def _setup_key(folder: Path, command: str) -> bytes:
    key = hashlib.sha256(command.encode())
    for name in LOCK_FILES:
        with contextlib.suppress(FileNotFoundError, NotReadable):
            key.update(name.encode() + files.read_bounded(folder / name, LOCK_FILE_LIMIT))
    return key.hexdigest().encode()
