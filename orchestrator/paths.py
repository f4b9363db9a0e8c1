"""Where everything lies: the one place that knows the folders below the root."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from msgspec import Struct

from orchestrator.records import regex
from orchestrator.records.config import Config
from orchestrator.records.errors import UnsafeName
from orchestrator.records.task import State

CLEAN = "clean."  # begins the name of a folder of clean checkouts
FOLDERS = tuple(state.value for state in State)
COMPONENT = regex.late(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}")
OWNER = regex.late(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
NAME = regex.late(r"(?!\.\.?$)[A-Za-z0-9._-]{1,100}")


class Paths(Struct, frozen=True, kw_only=True, dict=True):
    """Paths by their purpose; nothing here asks whether they exist."""

    root: Path
    mailbox: Path
    logs: Path
    worktrees: Path
    objectives: Path
    evidence: Path

    @cached_property
    def code(self) -> Path:
        """The checkout that this program runs from; another place than `root` in the demo."""
        return Path(__file__).resolve().parents[1]

    @cached_property
    def runtime(self) -> Path:
        return self.root / "runtime"

    @cached_property
    def bytecode(self) -> Path:
        """Where bin/common.sh has Python keep it."""
        return self.runtime / "pycache"

    @cached_property
    def inbox(self) -> Path:
        return self.mailbox / "inbox"

    @cached_property
    def processing(self) -> Path:
        return self.mailbox / "processing"

    @cached_property
    def blocked(self) -> Path:
        return self.mailbox / "blocked"

    @cached_property
    def review(self) -> Path:
        return self.mailbox / "review"

    @cached_property
    def done(self) -> Path:
        return self.mailbox / "done"

    @cached_property
    def escalated(self) -> Path:
        return self.mailbox / "escalated"

    @cached_property
    def failed(self) -> Path:
        return self.mailbox / "failed"

    @cached_property
    def cancelled(self) -> Path:
        return self.mailbox / "cancelled"

    @cached_property
    def quarantine(self) -> Path:
        return self.mailbox / "quarantine"

    @cached_property
    def marker_key(self) -> Path:
        return self.mailbox / ".key"

    @cached_property
    def attempts(self) -> Path:
        return self.runtime / "attempts"

    @cached_property
    def locks(self) -> Path:
        return self.runtime / "locks"

    @cached_property
    def effects(self) -> Path:
        return self.runtime / "effects"

    @cached_property
    def events(self) -> Path:
        return self.runtime / "events.jsonl"

    @cached_property
    def metrics(self) -> Path:
        return self.runtime / "metrics"

    @cached_property
    def agent_stats(self) -> Path:
        return self.metrics / "agent_stats.jsonl"

    @cached_property
    def requests(self) -> Path:
        return self.metrics / "requests.jsonl"

    @cached_property
    def checks(self) -> Path:
        return self.metrics / "checks.jsonl"

    @cached_property
    def repos(self) -> Path:
        return self.runtime / "repos"

    @cached_property
    def cache(self) -> Path:
        return self.runtime / "cache"

    @cached_property
    def state(self) -> Path:
        return self.runtime / "state"

    @cached_property
    def health(self) -> Path:
        return self.runtime / "health"

    @cached_property
    def prompts(self) -> Path:
        return self.runtime / "prompts"

    @cached_property
    def off(self) -> Path:
        return self.runtime / "off"

    @cached_property
    def off_d(self) -> Path:
        return self.runtime / "off.d"

    def folder(self, name: str) -> Path:
        """One of the nine folders of the mailbox."""
        if name not in FOLDERS:
            raise UnsafeName(f"the mailbox has no folder {name!r}")
        return self.mailbox / name

    def task(self, folder: str, task_id: str) -> Path:
        return self.folder(folder) / f"{component(task_id)}.md"

    def store(self, slug: str) -> Path:
        """The bare store of one repository, ours alone."""
        return self.repos / f"{flat(slug)}.git"

    def worktree(self, slug: str, task_id: str) -> Path:
        return self.worktrees / flat(slug) / component(task_id)

    def clean(self, slug: str, task_id: str) -> Path:
        """Where a task's work is tested, beside its worktree; no owner's name has a dot in it."""
        return self.worktrees / f"{CLEAN}{flat(slug)}" / component(task_id)

    def attempt(self, task_id: str, number: int) -> Path:
        """The folder of one attempt: its prompt, log, result and bundles."""
        if number < 1:
            raise UnsafeName(f"attempts count from 1, not {number}")
        return self.attempts / component(task_id) / str(number)

    def prompt(self, task_id: str, part: str) -> Path:
        """The copy of a prompt that was sent; `part` is the number of an attempt, or a purpose."""
        return self.prompts / f"{component(task_id)}.{component(part)}.md"

    def log(self, script: str) -> Path:
        return self.logs / f"{component(script)}.log"

    def lock(self, name: str) -> Path:
        return self.locks / f"{component(name)}.lock"

    def switch(self, name: str) -> Path:
        """The file that stops one script, or one repository by its slug."""
        return self.off_d / (flat(name) if "/" in name else component(name))


def build(config: Config) -> Paths:
    """The paths of this installation."""
    return Paths(
        root=Path(config.root_dir),
        mailbox=Path(config.mailbox_dir),
        logs=Path(config.logs_dir),
        worktrees=Path(config.worktrees_dir),
        objectives=Path(config.objectives_dir),
        evidence=Path(config.evidence_dir),
    )


def component(name: str) -> str:
    """The name itself, if it is one plain part of a path and so cannot leave its folder."""
    if not COMPONENT.fullmatch(name):
        raise UnsafeName(f"{name[:80]!r} cannot be the name of a file of ours")
    return name


def flat(slug: str) -> str:
    """`owner/name` as one part of a path: `owner__name`."""
    owner, _, name = slug.partition("/")
    if not (OWNER.fullmatch(owner) and NAME.fullmatch(name)):
        raise UnsafeName(f"{slug[:80]!r} is no repository; write owner/name")
    return f"{owner}__{name}"
