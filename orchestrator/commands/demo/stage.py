"""Where the demo plays: its folder, its config, its forge, and the end of everything it started."""

from __future__ import annotations

import os
import secrets
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from string import Template

import yaml
from msgspec import Struct

from orchestrator.adapters import files, process, survivors
from orchestrator.adapters.clock import Clock
from orchestrator.records.errors import AgentOSError

FORGE_PATIENCE_SECONDS = 20.0
LOOK_SECONDS = 0.05
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


def open_forge(stage: Stage, surroundings: Mapping[str, str]) -> Forge:
    """The forge, listening: on the port it had before, else on a free one."""
    before = last_port(stage)
    for port in dict.fromkeys((before, 0)):
        files.remove_file(stage.port_file)
        argv = [
            sys.executable, "-m", "orchestrator.forge", "--data", str(stage.root / "forge"),
            "--seed", str(stage.seed), "--port", str(port), "--port-file", str(stage.port_file),
        ]  # fmt: skip
        pid = process.spawn_detached(argv, environment=surroundings, log_path=stage.forge_log)
        if listens(stage, pid):
            token = files.read_bounded(stage.token_file, SMALL_FILE).decode()
            return Forge(pid, f"http://127.0.0.1:{last_port(stage)}", token)
    raise CannotPlay(f"the forge did not start; the reason stands in {stage.forge_log}")


def last_port(stage: Stage) -> int:
    try:
        return int(files.read_bounded(stage.port_file, SMALL_FILE))
    except (FileNotFoundError, ValueError):
        return 0


def listens(stage: Stage, pid: int) -> bool:
    deadline = stage.clock.monotonic() + FORGE_PATIENCE_SECONDS
    while stage.clock.monotonic() < deadline and alive(pid):
        if stage.port_file.exists():
            return True
        stage.clock.sleep(LOOK_SECONDS)
    end(stage, pid)
    return False


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
