"""What crosses the network by git, without a network: the objects are shared, refs are moved.

The store's objects folder is a link to that of the forge's bare repository, so a fetch or a push
is a change of refs with the expected values, by one git process each.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from orchestrator.adapters import process as programs
from orchestrator.adapters.git import ZERO, Git, environment
from orchestrator.adapters.wire import SENTENCES, AlreadyThere, Pushed, Refused, Wire
from orchestrator.forge import accounts, host, server
from orchestrator.records.errors import GitHubTrouble, Trouble
from tests.sim.interface import ROBOT, FaultKind, Push
from tests.sim.processes import Process
from tests.sim.transport import Weather

APPLIED = {FaultKind.APPLIED_DROPPED, FaultKind.APPLIED_SERVER}
BROKEN = {FaultKind.DROPPED, FaultKind.SERVER, *APPLIED}


class SharedWire(Wire):
    """The guards, answers and errors of the real one."""

    def __init__(
        self,
        forge: server.Forge,
        process: Process,
        weather: Weather,
        door: Callable[[Process, str, str], None],
        log: list[Push],
        order: Callable[[], int],
        moved: Callable[[], None],
    ) -> None:
        super().__init__()
        self.forge = forge
        self.process = process
        self.weather = weather
        self.door = door
        self.log = log
        self.order = order
        self.moved = moved

    def ls(self, url: str, ref: str) -> str | None:
        slug = self._reached("ls", url)
        return self._stands(slug, ref)

    def fetch(self, store: Path, url: str, refspecs: tuple[str, ...]) -> None:
        slug = self._reached("fetch", url)
        with self.process.elsewhere():
            share_objects(store, self._bare(slug))
            there = refs_of(self._bare(slug))
            here = refs_of(store)
            lines = []
            for refspec in refspecs:
                source, _, target = refspec.removeprefix("+").partition(":")
                if not source.endswith("*") and source not in there:
                    words = f"{url}: couldn't find remote ref {source}"
                    raise GitHubTrouble(Trouble.NOT_FOUND, words)
                lines += mapped(source, target, there, here)
            if lines:
                update_refs(store, lines, here)
                self.moved()

    def _moved(
        self, store: Path, url: str, ref: str, *, target: str | None, expected: str
    ) -> Pushed | AlreadyThere | Refused:
        what = "push" if target else "delete"
        slug, fault = self._asked(what, url)
        there = self._stands(slug, ref)
        if fault is None or fault in APPLIED:
            if there == target and fault is None:
                return AlreadyThere()
            if there not in (expected or None, target):
                return Refused(there, "stale info")
            self._set(slug, ref, there, target)
            if fault is None:
                return Pushed()
        there = self.ls(url, ref)
        if there == target:
            return AlreadyThere()
        if there == (expected or None):
            raise broken(url)
        return Refused(there, f"the remote stands at {there or 'nothing'}")

    def _set(self, slug: str, ref: str, old: str | None, new: str | None) -> None:
        with self.process.elsewhere():
            line = f"update {ref} {new} {old or ZERO}" if new else f"delete {ref} {old}"
            bare = self._bare(slug)
            if new and not host.rev_parse(bare, f"{new}^{{commit}}"):
                raise AssertionError(f"{new} was pushed and is not in the store")
            update_refs(bare, [line], {ref: old} if old else {})
            self.forge.pushed(slug, ROBOT)
        moved = Push(
            at=self.process.time.moment, process=self.process.name, slug=slug, ref=ref,
            old=old, new=new, order=self.order(),
        )  # fmt: skip
        self.log.append(moved)

    def _reached(self, what: str, url: str) -> str:
        slug, fault = self._asked(what, url)
        if fault is not None:
            raise broken(url)
        return slug

    def _asked(self, what: str, url: str) -> tuple[str, FaultKind | None]:
        """The repository, and how the transfer breaks; raises GitHubTrouble for a refusal."""
        slug = urlsplit(url).path.strip("/").removesuffix(".git")
        self.door(self.process, what, slug)
        fault = self.weather.meets("GIT", f"{what} {slug}")
        if fault is not None and fault not in BROKEN and fault is not FaultKind.UNAUTHORISED:
            fault = None
        if fault is not None:
            self.process.faults += 1
            self.weather.met += 1
        if fault is FaultKind.UNAUTHORISED:
            raise GitHubTrouble(Trouble.AUTH, f"{url}: the token was refused")
        if not self._bare(slug).is_dir():
            raise GitHubTrouble(Trouble.NOT_FOUND, f"{url}: it does not exist")
        if what in {"push", "delete"}:
            self._writable(slug, url)
        return slug, fault

    def _writable(self, slug: str, url: str) -> None:
        state = self.forge.state
        repo = accounts.find_repo(state, *slug.split("/"))
        assert repo is not None
        robot = accounts.find_user(state, ROBOT)
        refusal = Trouble.READ_ONLY if repo.archived else Trouble.PERMISSION
        if repo.archived or not accounts.allows(state, repo, robot, "write"):
            raise GitHubTrouble(refusal, f"{url}: {SENTENCES[refusal]}")

    def _bare(self, slug: str) -> Path:
        return self.forge.state.data / "git" / f"{slug}.git"

    def _stands(self, slug: str, ref: str) -> str | None:
        return Git(self._bare(slug)).ref(ref)


def broken(url: str) -> GitHubTrouble:
    return GitHubTrouble(Trouble.NETWORK, f"{url}: the connection broke")


def share_objects(store: Path, bare: Path) -> None:
    """From now on both have the same objects; what the store had is brought along."""
    ours, theirs = store / "objects", bare / "objects"
    if ours.is_symlink():
        return
    for folder, _, names in os.walk(ours):
        for name in names:
            here = Path(folder) / name
            there = theirs / here.relative_to(ours)
            there.parent.mkdir(parents=True, exist_ok=True)
            if not there.exists():
                shutil.move(here, there)
    shutil.rmtree(ours)
    ours.symlink_to(theirs)


def refs_of(repository: Path) -> dict[str, str]:
    """Every ref by its full name, read as files: nothing here ever packs refs but `gc`."""
    found: dict[str, str] = {}
    packed = repository / "packed-refs"
    if packed.exists():
        for line in packed.read_text().splitlines():
            sha, _, name = line.partition(" ")
            if name.startswith("refs/") and len(sha) == 40:
                found[name] = sha
    prefix = len(str(repository)) + 1
    for folder, _, names in os.walk(repository / "refs"):
        for name in names:
            if not name.endswith(".lock"):
                path = f"{folder}/{name}"
                with open(path) as stream:
                    found[path[prefix:]] = stream.read().strip()
    return dict(sorted(found.items()))


def mapped(source: str, target: str, there: dict[str, str], here: dict[str, str]) -> list[str]:
    """The changes of a refspec, as `git update-ref --stdin` reads them; what is gone is pruned."""
    if not source.endswith("*"):
        wanted = {target: there[source]}
        held = {target: here[target]} if target in here else {}
    else:
        front, back = source[:-1], target[:-1]
        wanted = {back + n[len(front) :]: s for n, s in there.items() if n.startswith(front)}
        held = {name: sha for name, sha in here.items() if name.startswith(back)}
    lines = [
        f"update {name} {sha} {held.get(name, ZERO)}"
        for name, sha in wanted.items()
        if held.get(name) != sha
    ]
    return lines + [f"delete {name} {sha}" for name, sha in held.items() if name not in wanted]


def update_refs(repository: Path, lines: list[str], here: dict[str, str]) -> None:
    """Carry out the changes; nobody acts meanwhile, so that what stood `here` is still there."""
    if any(line.startswith("delete") for line in lines) and (repository / "packed-refs").exists():
        done = programs.run(
            ("git", f"--git-dir={repository}", "update-ref", "--stdin"),
            cwd=repository, environment=environment(), stdin="\n".join([*lines, ""]).encode(),
            timeout_seconds=60,
        )  # fmt: skip
        assert done.exit_code == 0, done.stderr.decode()
        return
    for line in lines:
        what, name, *shas = line.split(" ")
        path = repository / name
        assert here.get(name, ZERO) == shas[-1], f"{name} does not stand at {shas[-1]}"
        assert not path.with_name(f"{path.name}.lock").exists(), f"{name} is locked"
        if what == "delete":
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.lock")
        temporary.write_text(f"{shas[0]}\n")
        os.replace(temporary, path)
