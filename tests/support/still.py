"""A world without a GitHub: a config, a mailbox, files, and one moment of time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from orchestrator import paths as rooms
from orchestrator import settings, tick
from orchestrator import world as worlds
from orchestrator.adapters.clock import FixedClock
from orchestrator.records.task import Mark, State, Task
from orchestrator.texts import taskname
from orchestrator.world import World
from tests.support.office import CONFIG, REPOSITORY, SLUG

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def environment(tmp_path: Path) -> dict[str, str]:
    root, programs = str(tmp_path / "root"), str(tmp_path / "bin")
    return {"ORCH_ROOT": root, "HOME": str(tmp_path), "PATH": programs}


def a_world(tmp_path: Path, **config: Any) -> World:
    """With the office's repository and its three agents, whose programs are there."""
    place = tmp_path / "root" / "config.yaml"
    place.parent.mkdir(exist_ok=True)
    (tmp_path / "bin").mkdir(exist_ok=True)
    for name in ("first", "second", "third"):
        program = tmp_path / "bin" / name
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    projects = {"work": {"project_number": 1, "repos": [REPOSITORY]}}
    place.write_text(yaml.safe_dump({**CONFIG, "github_projects": projects, **config}))
    place.chmod(0o600)
    loaded = settings.load(place, environment(tmp_path))
    paths = rooms.build(loaded)
    tick.prepare(paths)
    world = worlds.build(
        script="test", config=loaded, paths=paths, clock=FixedClock(NOW),
        environment=environment(tmp_path), say=lambda line: None, dry_run=False, only=None,
    )  # fmt: skip
    world.mailroom.prepare()
    return world


def a_task(world: World, number: int, state: State = State.INBOX, **more: Any) -> Task:
    """A task of the issue `number`, in its folder since half an hour."""
    ready = NOW - timedelta(minutes=60 - number % 50)
    title = more.pop("title", f"Task number {number}")
    task_id = taskname.new_id(ready, SLUG, number, title)
    marks = tuple(
        Mark(state=one, at=NOW - timedelta(minutes=30 + 1 * (one is not state)), by="queue")
        for one in dict.fromkeys((State.INBOX, state))
    )
    values: Mapping[str, Any] = {
        "task_id": task_id, "repo": SLUG, "issue": number, "title": title, "created": ready,
        "branch": f"agent/{task_id}", "base": "main", "marks": marks, **more,
    }  # fmt: skip
    task = Task(**values)
    world.mailroom.enqueue(task, by="queue")
    return task if state is State.INBOX else world.mailroom.move(task, state, by="queue")
