"""Where the token comes from when nothing of ours names one."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from orchestrator import paths, settings, tick
from orchestrator import world as worlds
from orchestrator.adapters import gh_keys
from orchestrator.adapters.clock import Clock
from orchestrator.world import World

TOKEN = "gho_" + "k3" * 18
PROGRAM = """#!/bin/sh
echo "$* ($GH_PROMPT_DISABLED)" >> "$HOME/asked"
{answer}
"""


def gh(home: Path, answer: str) -> dict[str, str]:
    """An environment with a `gh` that answers so."""
    place = home / "bin"
    place.mkdir(parents=True)
    (place / "gh").write_text(PROGRAM.format(answer=answer))
    (place / "gh").chmod(0o755)
    return {"HOME": str(home), "PATH": f"{place}:/usr/bin:/bin", "ORCH_ROOT": str(home)}


def asked(home: Path) -> list[str]:
    log = home / "asked"
    return log.read_text().splitlines() if log.exists() else []


def a_world(home: Path, environment: dict[str, str], **more: object) -> World:
    path = home / "config.yaml"
    path.write_text(yaml.safe_dump({"github_repo": "acme/web", **more}))
    path.chmod(0o600)
    config = settings.load(path, environment)
    rooms = paths.build(config)
    tick.prepare(rooms)
    return worlds.build(
        script="test", config=config, paths=rooms, clock=Clock(), environment=environment,
        say=print, dry_run=True, only=None,
    )  # fmt: skip


def test_gh_is_asked_where_nothing_else_gives_a_token_and_its_answer_is_a_secret(
    tmp_path: Path,
) -> None:
    world = a_world(tmp_path, gh(tmp_path, f"echo {TOKEN}"))
    assert world.config.github_token is not None
    assert world.config.github_token.reveal() == TOKEN
    assert asked(tmp_path) == ["auth token --hostname github.com (1)"]
    assert TOKEN not in world.redact(f"it is {TOKEN[4:]}") and TOKEN not in repr(world)
    kept = [p for p in tmp_path.rglob("*") if p.is_file() and p.parent.name != "bin"]
    assert not [p for p in kept if TOKEN.encode() in p.read_bytes()]


@pytest.mark.parametrize(
    "more", [{"github_token": "mine-alone"}, {}], ids=["config", "environment"]
)
def test_gh_is_not_asked_where_there_is_a_token(tmp_path: Path, more: dict[str, str]) -> None:
    environment = gh(tmp_path, f"echo {TOKEN}")
    if not more:
        environment["GH_TOKEN"] = "of-the-environment"
    world = a_world(tmp_path, environment, **more)
    assert world.config.github_token is not None and not asked(tmp_path)


@pytest.mark.parametrize(
    "answer",
    [
        "echo 'no oauth token' >&2; exit 1", "echo", "echo two words of it", "exec sleep 0; exit 1",
        f"echo {TOKEN}; exit 4",
    ],
)  # fmt: skip
def test_a_gh_without_a_login_gives_none(tmp_path: Path, answer: str) -> None:
    assert a_world(tmp_path, gh(tmp_path, answer)).config.github_token is None


def test_a_machine_without_gh_has_none(tmp_path: Path) -> None:
    assert gh_keys.of_gh({"PATH": str(tmp_path)}, "https://api.github.com") is None


@pytest.mark.parametrize(
    ("api", "host"),
    [
        ("https://api.github.com", "github.com"),
        ("https://git.acme.test/api/v3", "git.acme.test"),
        ("https://git.acme.test:8443/api/v3/", "git.acme.test"),
        ("https://api.acme.ghe.com", "acme.ghe.com"),
    ],
)
def test_gh_is_asked_for_the_host_of_that_github(tmp_path: Path, api: str, host: str) -> None:
    environment = gh(tmp_path, f"echo {TOKEN}")
    a_world(tmp_path, environment, github_api_url=api)
    assert asked(tmp_path) == [f"auth token --hostname {host} (1)"]
