"""The hands of a person, or of bad luck: what a deed may touch, in one step and by no door."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from orchestrator.adapters.git import Git, Identity, Inline
from orchestrator.forge import server
from orchestrator.paths import Paths
from orchestrator.records.task import State, Task
from orchestrator.world import World
from tests.sim.interface import OWNER, Act, Plan, Push
from tests.sim.processes import Time
from tests.sim.seeing import Eyes
from tests.sim.transport import URL
from tests.support.forge import Session, Transport

# How long ago a person saved what they save now: longer than any patience with half a save.
AGO_SECONDS = 60.0


class House(Protocol):
    """What the stage needs of the engine."""

    plan: Plan
    time: Time
    forge: server.Forge
    paths: Paths
    eyes: Eyes
    issue_numbers: list[int | None]
    pushes: list[Push]
    acts: list[Act]
    deed_rng: random.Random

    def tell(self, who: str, what: str) -> None: ...
    def kill_all(self, script: str) -> int: ...
    def live(self) -> tuple[str, ...]: ...
    def start_by_hand(self, act: Callable[[World], int]) -> None: ...
    def next_order(self) -> int: ...


class Hands:
    """The Stage of tests.sim.interface."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.plan: Plan = house.plan
        self.rng: random.Random = house.deed_rng
        self.paths: Paths = house.paths
        self.root: Path = house.paths.root
        self.mailbox: Path = house.paths.mailbox
        self.forge: server.Forge = house.forge
        self.issue_numbers: Sequence[int | None] = house.issue_numbers
        self._sessions: dict[str, Session] = {}

    @property
    def live(self) -> tuple[str, ...]:
        return self.house.live()

    def now(self) -> datetime:
        return self.house.time.moment

    def session(self, login: str = OWNER) -> Session:
        if login not in self._sessions:
            self._sessions[login] = Session(URL, f"{login}-token")
            self._sessions[login].mount("http://", Transport(self.forge.wsgi))
        return self._sessions[login]

    def tasks(self) -> list[tuple[State, Path, Task | None]]:
        found = [one for files in self.house.eyes.mailbox().values() for one in files]
        return [(one.state, one.path, one.task) for one in sorted(found, key=lambda f: f.path.name)]

    def bare(self, slug: str) -> Path:
        return self.forge.state.data / "git" / f"{slug}.git"

    def tip(self, slug: str, branch: str) -> str | None:
        return Git(self.bare(slug)).ref(f"refs/heads/{branch}")

    def commit(
        self,
        slug: str,
        branch: str,
        files: Mapping[str, str | None],
        *,
        message: str = "A person's commit",
        login: str = OWNER,
        parent: str | None = None,
        force: bool = False,
    ) -> str:
        git, ref, old = Git(self.bare(slug)), f"refs/heads/{branch}", self.tip(slug, branch)
        before = parent or old
        assert before is not None, f"{slug} has no branch {branch}"
        assert force or old is None or git.is_ancestor(old, before), f"{branch} would be forced"
        made = git.commit(
            ref, tree=git.text("rev-parse", f"{before}^{{tree}}"), parents=(before,),
            message=message,
            identity=Identity(name=login, email=f"{login}@example.org", moment=self.now()),
            files=[Inline(path=path, text=text) for path, text in files.items()],
        )  # fmt: skip
        self._pushed(slug, ref, old, made, login)
        return made

    def delete_branch(self, slug: str, branch: str, *, login: str = OWNER) -> None:
        ref, old = f"refs/heads/{branch}", self.tip(slug, branch)
        if old is not None:
            Git(self.bare(slug)).delete_ref(ref, expected=old)
            self._pushed(slug, ref, old, None, login)

    def move(self, file: Path, to: State) -> Path:
        target = self.mailbox / to.value / file.name
        os.rename(file, target)
        aged(target)
        return target

    def save(self, file: Path, text: str) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_name(f".{file.name}.swp")
        temporary.write_text(text)
        temporary.chmod(0o600)
        os.replace(temporary, file)
        aged(file)

    def remove(self, path: Path) -> None:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    def kill(self, script: str = "") -> int:
        return self.house.kill_all(script)

    def command(self, what: str, act: Callable[[World], int]) -> None:
        self.note(f"task.sh {what}")
        self.house.start_by_hand(act)

    def act(self, kind: str, **facts: Any) -> None:
        order = self.house.next_order()
        self.house.acts.append(Act(order=order, at=self.now(), kind=kind, **facts))

    def note(self, line: str) -> None:
        self.house.tell("person", line)

    def _pushed(self, slug: str, ref: str, old: str | None, new: str | None, login: str) -> None:
        self.forge.pushed(slug, login)
        self.house.pushes.append(
            Push(
                at=self.now(), process=f"person:{login}", slug=slug, ref=ref, old=old, new=new,
                order=self.house.next_order(),
            )  # fmt: skip
        )


def aged(file: Path | str) -> None:
    """The file's own time before its inode's, as of one that is left alone since it was written.

    A time that is older still was given on purpose, and stays.
    """
    then = time.time() - AGO_SECONDS
    if os.stat(file).st_mtime > then:
        os.utime(file, (then, then))


