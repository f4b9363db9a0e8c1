"""What a seed's world is furnished with: config, issues as they arrive, the calm, the end."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from orchestrator import paths, settings
from orchestrator.adapters import files
from orchestrator.adapters.clock import zone
from orchestrator.forge import records
from orchestrator.records.config import Config
from orchestrator.records.task import TaskType
from orchestrator.rules import cadence
from orchestrator.timetable import LastSuccess
from orchestrator.world import World
from tests.sim import forges, owners, people
from tests.sim.interface import AGENT_KEY, AGENT_KEY_NAME, OWNER, Plan
from tests.sim.transport import URL

if TYPE_CHECKING:
    from tests.sim.engine import Simulation

# Where the simulation begins on a Monday morning, it is still night, or Sunday.
ZONES = ("UTC", "UTC", "America/Denver", "America/Los_Angeles", "Pacific/Honolulu")
REPOSITORY: dict[str, Any] = {"test_command": "true", "trust": "actor"}
ADD_CARD = """mutation($board: ID!, $issue: ID!) {
  addProjectV2ItemById(input: {projectId: $board, contentId: $issue}) { item { id } } }"""
SET_STATUS = """mutation($board: ID!, $item: ID!, $field: ID!, $option: String!) {
  updateProjectV2ItemFieldValue(input: {projectId: $board, itemId: $item, fieldId: $field,
    value: {singleSelectOptionId: $option}}) { projectV2Item { id } } }"""
BOARD = """query($owner: String!) { user(login: $owner) { projectV2(number: 1) {
  id field(name: "Status") { ... on ProjectV2SingleSelectField { id options { id name } } } } } }"""


def made(plan: Plan, folder: Path) -> tuple[Config, Mapping[str, str]]:
    """The config of the plan, read from its file as production reads it, and the environment."""
    root, programs = folder / "root", folder / "bin"
    for place in (root, programs):
        place.mkdir()
    for name in plan.agents:
        program = programs / name
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    repositories = [
        {**REPOSITORY, "github_repo": repo.slug, **repo.overrides} for repo in plan.repositories
    ]
    data = {
        "github_owner": OWNER,
        "github_token": "robot-token",
        "github_api_url": URL,
        "timezone": random.Random(f"{plan.seed}:zone").choice(ZONES),
        "jitter_seconds": 0,
        "agents": {
            name: {"command": [name], "sandbox": "none", "environment": [AGENT_KEY_NAME]}
            for name in plan.agents
        },
        "agent_fallbacks": {kind.value: list(plan.fallbacks) for kind in TaskType},
        "github_projects": {"work": {"project_number": 1, "repos": repositories}},
        **plan.config,
    }
    path = root / "config.yaml"
    # JSON is YAML, and written a hundred times faster.
    path.write_text(json.dumps(data))
    path.chmod(0o600)
    environment = {"ORCH_ROOT": str(root), "HOME": str(folder), "PATH": str(programs)}
    environment[AGENT_KEY_NAME] = AGENT_KEY
    config = settings.load(path, environment)
    packed_before(plan, config)
    # One key for all seeds, so that a seed's comments are the same each time.
    key = Path(config.mailbox_dir) / ".key"
    key.parent.mkdir(parents=True)
    key.write_text("5eed" * 16)
    key.chmod(0o600)
    return config, environment


def packed_before(plan: Plan, config: Config) -> None:
    """Some stores were packed this week, and some are due: at once, or when it is night there.

    A world of one issue begins with an empty state, so that its way has the steps of that too.
    """
    if len(plan.issues) == 1:
        return
    dice = random.Random(f"{plan.seed}:packed")
    places = paths.build(config)
    folder = places.state / "cadence"
    files.make_folder(folder)
    # The 50 MB that a full disk would release cost more in memory than many a tick.
    (places.runtime / "ballast").touch()
    for repo in plan.repositories:
        last = forges.START - dice.choice((timedelta(0), timedelta(weeks=1)))
        mark = LastSuccess(at=last, week=cadence.week(last, zone(config.timezone)))
        place = folder / f"maintenance-{paths.flat(repo.slug)}.json"
        place.write_bytes(msgspec.json.encode(mark))


def replaced(world: World, **parts: Any) -> World:
    return replace(world, **parts)


def open_issue(house: Simulation, number: int) -> None:
    plan = house.plan.issues[number]
    body = plan.body
    if plan.agent:
        body += f"\nagent: {plan.agent}\n"
    for earlier in plan.after:
        if (known := house.issue_numbers[earlier]) is not None:
            body += f"\nDepends on: #{known}\n"
    told = house.hands.session(plan.author).post(
        f"/repos/{plan.slug}/issues",
        json={"title": plan.title, "body": body, "labels": list(plan.labels)},
    )
    assert told.status_code == 201, told.text
    house.issue_numbers[number] = int(told.json()["number"])
    said = f"{plan.author} opens {plan.slug}#{told.json()['number']}: {plan.title}"
    house.person_acted(said, here=False)


def set_ready(house: Simulation, number: int) -> None:
    plan, issue = house.plan.issues[number], house.issue_numbers[number]
    assert issue is not None
    session = house.hands.session(OWNER)
    if plan.on_board:
        node = session.get(f"/repos/{plan.slug}/issues/{issue}").json()["node_id"]
        board = session.query(BOARD, owner=OWNER)["data"]["user"]["projectV2"]
        field = board["field"]
        ready = next(option["id"] for option in field["options"] if option["name"] == "Ready")
        card = session.query(ADD_CARD, board=board["id"], issue=node)
        item = card["data"]["addProjectV2ItemById"]["item"]["id"]
        session.query(SET_STATUS, board=board["id"], item=item, field=field["id"], option=ready)
    else:
        session.post(f"/repos/{plan.slug}/issues/{issue}/labels", json={"labels": ["ready"]})
    house.hands.act(people.Did.READY, slug=plan.slug, number=issue)
    house.person_acted(f"{OWNER} sets {plan.slug}#{issue} Ready", here=False)


def calm(house: Simulation) -> None:
    """Whoever switched us off switches us on again; what the weather owes is paid."""
    for switch in (house.paths.off, *sorted(house.paths.off_d.glob("*"))):
        if switch.exists():
            switch.unlink()
            house.hands.act("on", file=switch.name)
    house.forge.faults.clear()
    owners.content_again(house.hands)


def final(house: Simulation) -> dict[str, Any]:
    """What the world has come to, without what differs by chance: for comparing two runs."""
    store = house.forge.state.store
    tasks = {
        one.path.name: state.value
        for state, files in house.eyes.mailbox().items()
        for one in files
    }
    issues = [
        (issue.repo_id, issue.number, issue.is_pull, issue.state, bool(issue.merged_at))
        for issue in store.select(records.Issue, "1 order by id")
    ]
    comments = [
        (comment.issue_id, comment.body.split("<!--")[0][:60])
        for comment in store.select(records.Comment, "1 order by id")
    ]
    return {"tasks": tasks, "issues": issues, "comments": comments}


