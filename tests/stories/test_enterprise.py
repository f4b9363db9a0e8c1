"""The same work on a GitHub of a company's own, and on one at ghe.com."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import requests
import yaml

from orchestrator import paths, settings, tick
from orchestrator import world as worlds
from orchestrator.records.task import State
from tests.support import enterprise, forge
from tests.support.forge import Session, Transport
from tests.support.office import SLUG, HandClock, a_world, an_office

QUICK = {"settle_seconds": 0, "min_head_age_seconds": 0}


def test_a_task_is_done_on_a_server_of_ones_own(tmp_path: Path) -> None:
    with an_office(tmp_path, repository=QUICK) as office:
        github = office.github
        github.front = enterprise.mounted(github.app)
        api = f"{github.url}{enterprise.REST}"
        world = a_world(tmp_path, github, office.executor, QUICK, {"github_api_url": api})
        office.world = replace(world, say=office.said.append)
        office.api = Session(api, "maria-token")
        assert world.config.github_web_url == github.url
        told = office.api.post(f"/repos/{SLUG}/issues", json={"title": "Add a file"})
        issue = int(told.json()["number"])
        for number in range(101):  # more than a page, so that links lead further
            office.api.post(f"/repos/{SLUG}/issues/{issue}/comments", json={"body": f"{number}"})
        office.api.post(f"/repos/{SLUG}/issues/{issue}/labels", json={"labels": ["ready"]})
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        assert office.file("first.txt") == "done\n"
        found = office.world.read.board("maria", 1, "Status")
        assert [entry.number for entry in found.entries] == []
        assert len(office.world.read.comments(SLUG, issue)) == 102


class Hosts(Transport):
    """A forge that answers as whatever host is asked, and who was."""

    def __init__(self, app: object) -> None:
        super().__init__(app)  # type: ignore[arg-type]
        self.asked: list[str] = []

    def send(self, request: requests.PreparedRequest, *a: object, **b: object) -> requests.Response:
        parts = urlsplit(request.url or "")
        self.asked.append(f"{parts.scheme}://{parts.netloc}{parts.path}")
        return super().send(request, *a, **b)


def test_ghe_com_is_asked_at_its_own_doors(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        yaml.safe_dump({
            "github_api_url": "https://api.acme.ghe.com", "github_token": "robot-token",
            "github_repo": SLUG,
        })
    )  # fmt: skip
    path.chmod(0o600)
    environment = {"ORCH_ROOT": str(tmp_path), "HOME": str(tmp_path), "PATH": ""}
    with forge.inside(tmp_path / "forge") as github:
        assert github.clock is not None
        way = Hosts(github.app)
        config = settings.load(path, environment)
        rooms = paths.build(config)
        tick.prepare(rooms)
        world = worlds.build(
            script="test", config=config, paths=rooms, clock=HandClock(github.clock),
            environment=environment, say=print, dry_run=False, only=None, transport=way,
        )  # fmt: skip
        assert config.repositories[0].clone_url == f"https://acme.ghe.com/{SLUG}.git"
        board = world.read.board("maria", 1, "Status").board
        assert world.read.shape(SLUG).default_branch == "main"
        card = world.write.add_to_board(board.id, world.read.issue_node(SLUG, 1))
        world.write.set_status(board.id, card, board.field_id, board.options[0].id)
        world.write.create_comment(SLUG, 1, "Hello")
    asked = [each.replace(":443", "") for each in way.asked]
    assert all(each.startswith("https://api.acme.ghe.com/") for each in asked)
    for path in ("graphql", f"repos/{SLUG}", f"repos/{SLUG}/issues/1/comments"):
        assert f"https://api.acme.ghe.com/{path}" in asked
