"""Going on to a newer version of this program itself, and back again (C10)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from msgspec import Struct

from orchestrator import alerts
from orchestrator.adapters import checkout, files, process
from orchestrator.adapters.checkout import Checkout, Unmovable
from orchestrator.adapters.git import GitError
from orchestrator.adapters.locks import Locks
from orchestrator.rules import update
from orchestrator.rules.update import Candidate, GoTo, Stay
from orchestrator.world import PACKING, SCRIPTS, World

ALERT = "update"
SELF_TEST_SECONDS = 300.0
WAITING = "update_waits"  # in runtime/state, while an update waits for work to end
PATIENCE_MINUTES = 30
GIVES_UP_MINUTES = 360
PROGRAMS = (("orchestrator.autopull", "--self-test"), ("orchestrator.supervisor", "--dry-run"))


class Standing(Struct, frozen=True, kw_only=True):
    """Where this installation is, and what it could go on to."""

    slug: str
    branch: str
    head: str


def update_now(world: World) -> None:
    """Look for a newer version that is green; test it beside this one; then exchange them."""
    here = Checkout(world.paths.code)
    at = standing(world, here)
    fetch(world, here, at)
    found = choose(world, here, at)
    if isinstance(found, Stay):
        world.decided(at.slug, f"stays at {at.head[:12]}: {found.reason}")
        forget_waiting(world)
        alerts.recovered(world, ALERT, "this installation can be updated again")
        return
    if not world.decided(at.slug, f"goes on to {found.sha[:12]}"):
        return
    with files.temporary_folder(world.paths.runtime) as folder:
        here.lay_out(found.sha, folder)
        venv = here.venv_for(folder)
        problem = self_test(world, folder, venv)
        kept = world.paths.bytecode
        files.remove_tree(kept / folder.relative_to(folder.anchor), inside=kept)
    if problem:
        alerts.alert(
            world, ALERT, f"version {found.sha[:12]} was not taken, its self-test fails: {problem}"
        )
        forget_waiting(world)  # for an older one, which is not taken either
        return
    with stillness(world) as busy:
        if busy:
            wait(world, found.sha, busy)
            return
        exchange(world, here, found.sha, venv)
    forget_waiting(world)


def standing(world: World, here: Checkout) -> Standing:
    remote = checkout.remote(here.code)
    slug = update.slug_of(remote, world.config.github_web_url)
    if not slug:
        web = world.config.github_web_url
        raise Unmovable(
            f"{here.code} does not update itself: its remote `origin` ({remote or 'none'}) is no "
            f"repository at {web}, whose checks could be asked. Update it by hand, or take the "
            f"line of run_autopull.sh out of the crontab; run: git -C {here.code} "
            + ("pull --ff-only" if remote else f"remote add origin {web}/OWNER/NAME.git")
        )
    return Standing(slug=slug, branch=here.branch(), head=here.head())


def fetch(world: World, here: Checkout, at: Standing) -> None:
    url = f"{world.config.github_web_url}/{at.slug}.git"
    world.wire.fetch(
        here.code / ".git", url, (f"+refs/heads/{at.branch}:{checkout.UPSTREAM}",)
    )


def choose(world: World, here: Checkout, at: Standing) -> GoTo | Stay:
    avoid = here.known(checkout.AVOID)
    found: list[Candidate] = []
    for sha in here.ahead():
        found.append(Candidate(sha=sha, checks=world.read.commit_checks(at.slug, sha)))
        if sha == avoid or isinstance(update.choice(found, avoid, world.clock.now()), GoTo):
            break
    return update.choice(found, avoid, world.clock.now())


def self_test(world: World, folder: Path, venv: Path) -> str:
    """What goes wrong when that version looks at this installation; "" when nothing does."""
    environment = {
        **world.environment,
        **checkout.plain(folder),
        "PATH": world.environment.get("PATH", ""),
        "HOME": world.environment.get("HOME", ""),
        "ORCH_ROOT": str(world.paths.root),
        "AGENT_OS_CONFIG": world.config.source,
        "PYTHONPATH": str(folder),
        "PYTHONPYCACHEPREFIX": str(world.paths.bytecode),
    }
    for module, option in PROGRAMS:
        done = process.run(
            (str(venv / "bin" / "python"), "-m", module, option), cwd=folder,
            environment=environment, timeout_seconds=SELF_TEST_SECONDS,
        )  # fmt: skip
        if done.exit_code or done.timed_out:
            said = (done.stderr or done.stdout).decode("utf-8", "replace").strip()[-400:]
            how = "takes too long" if done.timed_out else f"ends with {done.exit_code}"
            return world.redact(f"{module} {how}: {said}")
    return ""


@contextmanager
def stillness(world: World) -> Iterator[str]:
    """Every lock of every script and worker, so that none runs and none starts; or who is busy.

    Each in a collection of its own: the order of locks is for one that waits, and nobody waits.
    """
    with ExitStack() as held:
        for name in (*SCRIPTS, PACKING):
            if name in {world.script, "queue"}:
                continue
            lock = Locks(world.paths.locks, what=world.script, clock=world.clock).try_script(name)
            if lock is None:
                yield f"{name} runs"
                return
            held.enter_context(lock)
        slots = max(world.config.max_parallel_workers, world.locks.most_worker_slots())
        for number in range(slots):
            own = Locks(world.paths.locks, what=world.script, clock=world.clock)
            slot = own.try_worker_slot(slots)
            if slot is None:
                yield f"{slots - number} workers are at work"
                return
            held.enter_context(slot)
        yield ""


def exchange(world: World, here: Checkout, sha: str, venv: Path) -> None:
    """The new version in the place of this one; back at once if it does not run there."""
    before = here.head()
    try:
        here.move(sha, venv=venv)
    except GitError as error:
        raise Unmovable(f"{here.code} stays at {before[:12]}: {error}") from error
    problem = self_test(world, here.code, here.venv)
    if problem:
        return_to(here, before, away_from=sha)
        alerts.alert(
            world, ALERT,
            f"version {sha[:12]} did not run in place and was taken back: {problem}",
        )  # fmt: skip
        return
    news = "; ".join(here.subjects(before, sha))
    world.events.add("updated", reason=world.redact(f"{before[:12]} to {sha[:12]}: {news}"[:2000]))
    world.say(f"updated from {before[:12]} to {sha[:12]}; back: bin/run_autopull.sh --back")
    alerts.recovered(world, ALERT, f"updated to {sha[:12]}")


def back(world: World) -> None:
    """The version before this one, until the remote has one that is newer than this one."""
    here = Checkout(world.paths.code)
    here.branch()
    head, before = here.head(), here.known(checkout.PREVIOUS)
    if not before or before == head:
        raise Unmovable(f"{here.code} has no version before this one to go back to")
    with stillness(world) as busy:
        if busy:
            raise Unmovable(f"nothing was changed: {busy}; try again, or bin/off.sh first")
        if not world.decided(str(here.code), f"goes back from {head[:12]} to {before[:12]}"):
            return
        return_to(here, before, away_from=head)
    world.events.add("updated", reason=f"back from {head[:12]} to {before[:12]}, by hand")


def return_to(here: Checkout, sha: str, *, away_from: str) -> None:
    here.git.run("update-ref", checkout.AVOID, away_from)
    with files.temporary_folder() as folder:
        here.lay_out(sha, folder)
        here.move(sha, venv=earlier(here, folder))


def earlier(here: Checkout, folder: Path) -> Path:
    """The environment of an earlier version: the one kept beside, else one made anew."""
    if here.last.is_dir() and here.needs(folder, here.last):
        files.remove_tree(here.next, inside=here.code)
        files.move_durably(here.last, here.next)
    return here.venv_for(folder)


def wait(world: World, sha: str, busy: str) -> None:
    world.say(f"{sha[:12]} waits: {busy}; it is taken when nothing runs")
    path = world.paths.state / WAITING
    if not path.exists():
        files.write_cache(path, sha.encode())


def forget_waiting(world: World) -> None:
    if not world.dry_run:
        files.remove_file(world.paths.state / WAITING)


def held_back(world: World) -> str:
    """Why no new work begins for a while: an update has waited for long enough; else ""."""
    try:
        since = (world.paths.state / WAITING).stat().st_mtime
    except OSError:
        return ""
    minutes = (world.clock.now().timestamp() - since) / 60
    if PATIENCE_MINUTES <= minutes < GIVES_UP_MINUTES:
        return f"an update has waited for {minutes:.0f} minutes; what is under way goes on"
    return ""
