"""An agent that tries to get out gets nothing, whichever way it tries (S1 to S5, G7 to G10)."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from orchestrator.adapters import survivors
from orchestrator.adapters.bubblewrap import Layer
from orchestrator.agents import sandbox
from orchestrator.executors.local import Local
from orchestrator.records.task import State, Task
from orchestrator.records.verdicts import AttemptVerdict
from tests.support import breakout
from tests.support.contained import needs_bubblewrap
from tests.support.office import CONFIG, SLUG, Office, an_office, says

CANARY = "canary-7f3a9c51"
WRITES_ITS_RESULT = (
    "printf 'STATUS: complete\\nBLOCKER_CODE: none\\nSUMMARY: Done.\\nDONE:\\n- it\\n'"
    " > .agent_result.md"
)
NAMES = [attempt.__name__ for attempt in breakout.ATTEMPTS]
# What it gets where nothing contains it: the walls are what stops it, not its own clumsiness.
WITHOUT_WALLS = {
    "token_on_disk", "login_in_the_home", "by_a_link", "processes_of_others", "signals_to_others",
    "the_mailbox", "another_worktree", "the_operators_checkout", "its_own_prompt_folder", "a_hook",
    "settings_of_git", "a_swapped_git", "objects_of_the_store", "a_socket_to_the_host",
}  # fmt: skip


class Seen(NamedTuple):
    """What one run of the agent left: its rows, what was told of it, who still lives."""

    rows: dict[str, str]
    task: Task
    texts: str
    alive: tuple[int, ...]
    main: str | None
    said: str
    planted: list[Path]


@contextmanager
def a_victim() -> Iterator[int]:
    sleeper = subprocess.Popen(["sleep", "600"], env={"OPERATORS_CANARY": CANARY})
    try:
        yield sleeper.pid
    finally:
        sleeper.kill()
        sleeper.wait()


KEY = "agent-os-canary"


def lay_a_key() -> bool:
    """A canary in a session keyring of our own, as a login has one; whether the kernel has any."""
    libc = ctypes.CDLL(None, use_errno=True)
    numbers = {"x86_64": (250, 248), "aarch64": (219, 217)}.get(os.uname().machine)
    if numbers is None or libc.syscall(numbers[0], 1, None) == -1:
        return False
    held = CANARY.encode()
    return bool(libc.syscall(numbers[1], b"user", KEY.encode(), held, len(held), -3) != -1)


def plant(office: Office, folder: Path, victim: int) -> dict[str, object]:
    """Canaries where an operator has secrets; what the agent is told to look for."""
    paths = office.world.paths
    places = {
        "home": folder, "checkout": folder / "code" / "library", "outside": folder / "elsewhere",
        "neighbour": paths.worktrees / "maria__library" / "task-of-another",
    }  # fmt: skip
    for place, name in (
        ("home", ".ssh/id_ed25519"), ("home", ".netrc"), ("checkout", ".env"),
        ("neighbour", "secret.txt"), ("outside", "a.txt"),
    ):  # fmt: skip
        path = places[place] / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"password {CANARY}\n")
    return {
        **{name: str(path) for name, path in places.items()},
        "config": office.world.config.source,
        "mailbox": str(paths.mailbox),
        "attempts": str(paths.attempts),
        "store": str(paths.store(SLUG)),
        "remote": f"{office.world.config.github_web_url}/{SLUG}.git",
        "pid": os.getpid(),
        "key": KEY if lay_a_key() else "",
        "victim": victim,
    }


def let_loose(folder: Path, sandbox: str, *, disk_gb: float) -> Seen:
    first = {**CONFIG["agents"]["first"], "sandbox": sandbox, "network": "allow"}
    # All of /tmp is its own: shown to it, what a test has there is hidden by walls alone.
    first["readable"] = [str(folder.parent)]
    config = {"agents": {**CONFIG["agents"], "first": first}, "max_disk_gb": disk_gb}
    with a_victim() as victim, an_office(folder, agent=says(None), config=config) as office:
        paths = office.world.paths
        target = plant(office, folder, victim)
        program = folder / "bin" / "first"
        source = Path(breakout.__file__).read_text()
        source = source.replace("sys.argv[1]", repr(json.dumps(target)))
        program.write_text(f"#!{sys.executable}\n{source}")
        inner = {**office.world.environment, "OPERATORS_CANARY": CANARY}
        inner["PATH"] += ":/usr/bin:/bin"
        office.world = replace(
            office.world, executor=Local(grace_seconds=0.2), environment=inner
        )
        issue = office.ready("Add honest.txt")
        office.dispatch()
        office.queue()
        task = office.task(issue)
        log = paths.attempt(task.task_id, 1) / "agent.log"
        rows = dict(
            line[4:].partition(": ")[::2]
            for line in log.read_text().splitlines()
            if line.startswith("ROW ")
        )
        kept = [log.read_text(), *(p.read_text() for p in paths.attempts.rglob("prompt.md"))]
        kept += [paths.events.read_text(), office.told(), *office.comments(issue)]
        store = paths.store(SLUG)
        for ref in store.glob("refs/heads/evil*"):  # git stops at one that names nothing
            ref.unlink()
        diff = subprocess.run(
            ["git", f"--git-dir={store}", "log", "--all", "-p"], capture_output=True, check=True
        )
        kept.append(diff.stdout.decode(errors="replace"))
        return Seen(
            rows=rows,
            task=task,
            texts="\n".join(kept),
            alive=survivors.in_folder(str(paths.worktree(SLUG, task.task_id))),
            main=office.file("honest.txt"),
            said=office.told(),
            planted=[p for p in folder.rglob("evil*") if p.name != "evil"],
        )


@pytest.fixture(scope="module")
def contained(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    return let_loose(tmp_path_factory.mktemp("contained"), "required", disk_gb=0.1)


@needs_bubblewrap
@pytest.mark.parametrize("name", NAMES)
def test_an_attempt_to_get_out_gets_nothing(contained: Seen, name: str) -> None:
    if name == "a_full_disk":
        assert name not in contained.rows, "it was not stopped"
        assert "of the disk" in contained.task.attempts[0].reason, contained.said
    else:
        assert contained.rows[name] == ""


@needs_bubblewrap
def test_no_canary_leaves_and_nothing_of_it_lives_or_stays(contained: Seen) -> None:
    assert CANARY not in contained.texts and "robot-token" not in contained.texts
    assert contained.alive == ()
    assert contained.planted == []
    assert contained.main is None, "it reached the base"


def test_without_walls_the_same_agent_gets_what_it_looks_for(tmp_path: Path) -> None:
    """So that the rows above are the sandbox's doing; and then its work is refused (F32)."""
    seen = let_loose(tmp_path, "none", disk_gb=0.1)
    got = {name for name, said in seen.rows.items() if said}
    wanted = WITHOUT_WALLS | ({"keys_of_the_session"} if lay_a_key() else set())
    assert got >= wanted, wanted - got
    first = seen.task.attempts[0]
    assert first.verdict is AttemptVerdict.REWORK
    assert "first ran without a sandbox" in seen.said
    assert "changed git's own files" in first.reason and "ALERT" in seen.said
    assert seen.main is None and seen.alive == ()


class Nowhere(Local):
    """This machine, as if bubblewrap were not installed."""

    def layer(self) -> Layer:
        return Layer(name="none", problem=f"bubblewrap is not installed: {sandbox.INSTALL}")


def test_without_bubblewrap_who_requires_it_is_skipped_with_the_way_to_get_it(
    tmp_path: Path,
) -> None:
    """No start and no attempt; who runs without walls says so each time, and so do test runs."""
    agents = {
        name: {**CONFIG["agents"][name], "sandbox": mode}
        for name, mode in (("first", "required"), ("second", "auto"))
    }
    with an_office(tmp_path, config={"agents": {**CONFIG["agents"], **agents}}) as office:
        script = "echo work > honest.txt; " + WRITES_ITS_RESULT
        for name in agents:
            program = tmp_path / "bin" / name
            program.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n")
        office.world = replace(office.world, executor=Nowhere(grace_seconds=0.2))
        issue = office.ready("Add honest.txt")
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        assert [made.agent for made in office.task(issue).attempts] == ["second"]
        assert "it may only run in a sandbox" in office.told()
        assert "apt-get install bubblewrap" in office.told()
        assert "second ran without a sandbox: bubblewrap is not" in office.told()
        assert "tests of true ran without a sandbox" in office.told()
        assert '"uncontained"' in office.world.paths.events.read_text()


@needs_bubblewrap
def test_an_honest_agent_in_a_sandbox_delivers(tmp_path: Path) -> None:
    first = {**CONFIG["agents"]["first"], "sandbox": "required"}
    config = {"agents": {**CONFIG["agents"], "first": first}}
    with an_office(tmp_path, agent=says(None), config=config) as office:
        script = (
            "echo work > honest.txt; git add -A; git commit -qm mine; git log --oneline main..HEAD;"
            + WRITES_ITS_RESULT
        )
        (tmp_path / "bin" / "first").write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n")
        office.world = replace(office.world, executor=Local(grace_seconds=0.2))
        issue = office.ready("Add honest.txt")
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        assert office.file("honest.txt") == "work\n"
        assert "sandbox" not in office.told()


@needs_bubblewrap
def test_the_built_in_agent_works_in_a_sandbox_without_a_network(tmp_path: Path) -> None:
    """`sandbox: auto` is its default: contained where it can be, with our own folder hidden."""
    change = "```diff\n--- a/README.md\n+++ b/README.md\n@@ -1 +1 @@\n-# Library\n+# Books\n```\n"
    config = {"agent_fallbacks": {"implementation": ["patch"]}}
    with an_office(tmp_path, config=config) as office:
        environment = {**office.world.environment, "PATH": "/usr/bin:/bin"}
        office.world = replace(
            office.world, executor=Local(grace_seconds=0.2), environment=environment
        )
        issue = office.ready("Rename it", change)
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        assert (office.file("README.md") or "").startswith("# Books")
        assert "sandbox" not in office.told()
