"""Where the demo plays: its folder, its config, its forge, and the end of everything it started."""

from __future__ import annotations

import os
import secrets
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from string import Template

import yaml
from msgspec import Struct

from orchestrator.adapters import files, process, reading, survivors
from orchestrator.adapters.clock import Clock
from orchestrator.records.errors import AgentOSError

# A forge that lives is waited for: on a loaded machine it takes its time to start.
FORGE_PATIENCE_SECONDS = 300.0
WORD_SECONDS = 10.0
LOOK_SECONDS = 0.05
LAST_WORDS = 6
SMALL_FILE = 1_000_000
# What would lead the scripts of the demo to a person's own installation or account.
NOT_FOR_THE_DEMO = ("GITHUB_TOKEN", "GH_TOKEN", "AGENT_OS_CONFIG", "ORCH_ROOT")


class CannotPlay(AgentOSError):
    """The demo cannot begin or go on; the text says why."""


class Stage(Struct, frozen=True):
    """`code` is this checkout, `root` the demo's folder, an installation of its own."""

    code: Path
    root: Path
    clock: Clock

    @property
    def props(self) -> Path:
        return self.code / "bin" / "demo"

    @property
    def config(self) -> Path:
        return self.root / "config.yaml"

    @property
    def seed(self) -> Path:
        return self.root / "seed.yaml"

    @property
    def forge_log(self) -> Path:
        return self.root / "forge.log"

    @property
    def port_file(self) -> Path:
        return self.root / "port"

    @property
    def token_file(self) -> Path:
        return self.root / "token"

    @property
    def finished(self) -> Path:
        return self.root / "finished"


class Forge(Struct, frozen=True):
    pid: int
    url: str
    token: str


def unfinished(stage: Stage) -> bool:
    """Whether an earlier demo was interrupted and can go on."""
    return stage.token_file.exists() and not stage.finished.exists()


def clear(stage: Stage) -> None:
    """An empty folder with a seed and a token of its own; the token is written last."""
    files.remove_file(stage.token_file)  # first, so that half a clearing is no unfinished demo
    if stage.root.exists():
        files.remove_tree(stage.root, inside=stage.root.parent)
    files.make_folder(stage.root)
    token = secrets.token_hex(20)
    seed = yaml.safe_load(files.read_bounded(stage.props / "forge.yaml", SMALL_FILE))
    for user in seed["users"]:
        user["token"] = token
    for repository in seed["repos"]:
        repository["from"] = str(stage.props / repository["from"])
    text = yaml.safe_dump(seed, sort_keys=False, allow_unicode=True)
    files.write_durably(stage.seed, text.encode(), replace=True)
    files.write_durably(stage.token_file, token.encode(), replace=True)


def environment(stage: Stage, base: Mapping[str, str]) -> dict[str, str]:
    """What everything that the demo starts gets: the demo's root, and the mark it is found by."""
    kept = {name: value for name, value in base.items() if name not in NOT_FOR_THE_DEMO}
    return kept | {
        "ORCH_ROOT": str(stage.root),
        "PYTHONPATH": str(stage.code),
        survivors.MARKER: os.path.realpath(stage.root),
    }


def write_config(stage: Stage, forge: Forge) -> None:
    template = Template(files.read_bounded(stage.props / "config.yaml", SMALL_FILE).decode())
    text = template.substitute(token=forge.token, api=forge.url)
    files.write_durably(stage.config, text.encode(), replace=True)


def open_forge(stage: Stage, surroundings: Mapping[str, str], say: Callable[[str], None]) -> Forge:
    """The forge, listening: on the port it had before, else on a free one."""
    before = last_port(stage)
    why = ""
    for port in dict.fromkeys((before, 0)):
        files.remove_file(stage.port_file)
        argv = [
            sys.executable, "-m", "orchestrator.forge", "--data", str(stage.root / "forge"),
            "--seed", str(stage.seed), "--port", str(port), "--port-file", str(stage.port_file),
        ]  # fmt: skip
        pid = process.spawn_detached(argv, environment=surroundings, log_path=stage.forge_log)
        if listens(stage, pid, say):
            token = files.read_bounded(stage.token_file, SMALL_FILE).decode()
            return Forge(pid, f"http://127.0.0.1:{last_port(stage)}", token)
        why = fate(stage, pid)
        end(stage, pid)
    raise CannotPlay(f"the forge did not start: {why}")


def last_port(stage: Stage) -> int:
    try:
        return int(files.read_bounded(stage.port_file, SMALL_FILE))
    except (FileNotFoundError, ValueError):
        return 0


def listens(stage: Stage, pid: int, say: Callable[[str], None]) -> bool:
    """Wait for it as long as it lives, with a word now and then; False where it never does."""
    began = stage.clock.monotonic()
    words = 1
    while alive(pid) and (waited := stage.clock.monotonic() - began) < FORGE_PATIENCE_SECONDS:
        if stage.port_file.exists():
            return True
        if waited >= words * WORD_SECONDS:
            words += 1
            say(f"The forge is still starting after {waited:.0f} s; this machine is busy or slow.")
        stage.clock.sleep(LOOK_SECONDS)
    return False


def fate(stage: Stage, pid: int) -> str:
    """What became of a forge that is not there as it should be, and what it said last."""
    code = process.exit_code(pid)
    if code is None and alive(pid):
        how = f"it has not listened after {FORGE_PATIENCE_SECONDS:.0f} s and was ended"
    else:
        how = "it ended" + (f" with exit code {code}" if code is not None else "")
    lines = (line.decode(errors="replace").strip() for line in
             reading.read_lines_tail(stage.forge_log, SMALL_FILE))  # fmt: skip
    said = [line for line in lines if line][-LAST_WORDS:]
    told = "\n  ".join(("; the end of its log:", *said)) if said else ", and said nothing"
    return f"{how}{told}\n  ({stage.forge_log})"


def alive(pid: int) -> bool:
    found = survivors.process(pid)
    return found is not None and found.state not in "ZX"


def end(stage: Stage, forge: int | None) -> None:
    """Nothing of the demo runs when this returns; the forge may close its books first."""
    if forge is not None and alive(forge):
        os.kill(forge, signal.SIGTERM)
        deadline = stage.clock.monotonic() + 5
        while alive(forge) and stage.clock.monotonic() < deadline:
            stage.clock.sleep(LOOK_SECONDS)
    process.kill_processes_in(stage.root)
