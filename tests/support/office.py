"""The whole organisation in one process: the real stories, a served forge, real git, one clock.

    with an_office(tmp_path) as office:
        issue = office.ready("Add a file", agent=writes("a.txt", "hello"))
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE

Agents and test runs are functions behind `ScriptedExecutor`, the only thing that is replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from orchestrator import github_dispatcher, pr_monitor, queue, reaper, settings, supervisor, tick
from orchestrator import paths as rooms
from orchestrator import world as worlds
from orchestrator.adapters.clock import Clock
from orchestrator.forge.state import Settings
from orchestrator.records.order import AttemptOrder, AttemptReport
from orchestrator.records.task import State, Task
from orchestrator.world import World
from tests.support import forge

SLUG = "maria/library"
# What an agent does in its folder, and what it says of it, or how its program ended.
AgentScript = Callable[[Path, str], str | bytes | AttemptReport | None]

COMPLETE = """\
STATUS: complete
BLOCKER_CODE: none
SUMMARY: {summary}
DONE:
- {summary}
"""


def writes(path: str, text: str, summary: str = "Wrote the file.") -> AgentScript:
    def work(folder: Path, prompt: str) -> str:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        return COMPLETE.format(summary=summary)

    return work


def appends(path: str, text: str) -> AgentScript:
    def work(folder: Path, prompt: str) -> str:
        target = folder / path
        target.write_text(target.read_text() + text)
        return COMPLETE.format(summary=f"Added to {path}.")

    return work


def says(result: str | bytes | None) -> AgentScript:
    return lambda folder, prompt: result


def writes_anew(path: str) -> AgentScript:
    """Its agent writes something new each time."""
    count = iter(range(100))

    def work(folder: Path, prompt: str) -> str | bytes | AttemptReport | None:
        return writes(path, f"{next(count)}\n")(folder, prompt)

    return work


def meanwhile(happens: Callable[[], object], script: AgentScript) -> AgentScript:
    """Somebody does something while the agent works."""

    def work(folder: Path, prompt: str) -> str | bytes | AttemptReport | None:
        happens()
        return script(folder, prompt)

    return work


class HandClock(Clock):
    """The forge's clock as ours: time passes when a test says so, and while somebody sleeps.

    `wrong` is how far this machine's time of day is off; what is elapsed is never off.
    """

    def __init__(self, hand: forge.Clock) -> None:
        self.hand = hand
        self.wrong = timedelta(0)

    def now(self) -> datetime:
        return self.hand.moment + self.wrong

    def monotonic(self) -> float:
        return self.hand.moment.timestamp()

    def sleep(self, seconds: float) -> None:
        self.hand.advance(seconds)


class ScriptedExecutor:
    """Runs `scripts[agent]` in the worktree, and `tests` for the repository's commands."""

    def __init__(self, scripts: Mapping[str, AgentScript]) -> None:
        self.scripts = dict(scripts)
        self.tests: Callable[[Path], int] = lambda folder: 0
        self.orders: list[AttemptOrder] = []

    def run(self, order: AttemptOrder) -> AttemptReport:
        self.orders.append(order)
        folder = Path(order.folder)
        Path(order.home).mkdir(0o700, parents=True, exist_ok=True)  # as every executor does
        if order.argv[0] == "/bin/sh":
            code = self.tests(folder)
            return AttemptReport(exit_code=code, seconds=1, output_tail="1 test\n")
        said = self.scripts[order.argv[0]](folder, order.stdin.decode())
        if isinstance(said, AttemptReport):
            return said
        raw = said.encode() if isinstance(said, str) else said
        return AttemptReport(exit_code=0, seconds=1, result=raw)

    @property
    def agent_runs(self) -> list[str]:
        return [order.argv[0] for order in self.orders if order.argv[0] != "/bin/sh"]


class Office:
    """`github` is the forge, `world` what the scripts get, `said` every line they printed."""

    def __init__(self, github: forge.Github, world: World, executor: ScriptedExecutor) -> None:
        self.github = github
        self.world = world
        self.executor = executor
        self.said: list[str] = []
        self.repository: Mapping[str, Any] | None = None
        self.api = github.session("maria-token")

    # --- what people do ---------------------------------------------------------------------

    def issue(
        self, title: str, body: str = "", *, labels: tuple[str, ...] = (), **more: Any
    ) -> int:
        token = more.pop("token", "maria-token")
        made = self.github.session(token).post(
            f"/repos/{SLUG}/issues", json={"title": title, "body": body, "labels": list(labels)}
        )
        return int(made.json()["number"])

    def ready(self, title: str, body: str = "", **more: Any) -> int:
        labels = (*more.pop("labels", ()), "ready")
        return self.issue(title, body, labels=labels, **more)

    def close(self, number: int, reason: str = "completed") -> None:
        self.api.patch(
            f"/repos/{SLUG}/issues/{number}", json={"state": "closed", "state_reason": reason}
        )

    # --- what cron does, each with the exit code of its tick ---------------------------------

    def dispatch(self) -> int:
        return self._tick("github_dispatcher", github_dispatcher.story)

    def queue(self) -> int:
        """The supervisor's reaping and returning, and one worker to its end."""

        def story(world: World) -> None:
            reaper.reap(world)
            supervisor.return_due(world)
            queue.story(world)

        return self._tick("queue", story)

    def monitor(self) -> int:
        return self._tick("pr_monitor", pr_monitor.story)

    def round(self, seconds: float = 30) -> None:
        self.dispatch()
        self.queue()
        self.pass_time(seconds)
        self.monitor()

    def work_until_quiet(self, rounds: int = 12) -> None:
        for _ in range(rounds):
            before = self.folders()
            self.round()
            under_way = sum(len(v) for s, v in self.folders().items() if s in WORK)
            if not under_way and before == self.folders():
                return

    def pass_time(self, seconds: float) -> None:
        """Second by second, so that the forge does what is due on the way."""
        hand = self.github.clock
        assert hand is not None
        target = hand.moment + timedelta(seconds=seconds)
        while hand.moment < target:
            left = (target - hand.moment).total_seconds()
            hand.advance(max(1, left) if self.github.at_rest() else 1)
            self.github.forge.tick()

    def _tick(self, script: str, story: tick.Story) -> int:
        world = replace(self.world, script=script, troubles=[])
        return tick.told(world, story)

    # --- what there is ----------------------------------------------------------------------

    def folders(self) -> dict[State, list[str]]:
        return {
            state: sorted(p.name for p in self.world.mailroom.folder(state).glob("*.md"))
            for state in State
        }

    def task(self, issue: int) -> Task:
        for state in State:
            for task in self.world.mailroom.list_state(state):
                if task.issue == issue:
                    return task
        raise LookupError(f"no task for #{issue}")

    def state_of(self, issue: int) -> State:
        for state in State:
            if any(task.issue == issue for task in self.world.mailroom.list_state(state)):
                return state
        raise LookupError(f"no task for #{issue}; said: {self.told()}")

    def pulls(self) -> list[dict[str, Any]]:
        return list(self.api.get(f"/repos/{SLUG}/pulls?state=all&per_page=100").json())

    def comments(self, issue: int) -> list[str]:
        found = self.api.get(f"/repos/{SLUG}/issues/{issue}/comments?per_page=100").json()
        return [str(comment["body"]) for comment in found]

    def file(self, path: str, ref: str = "main") -> str | None:
        answer = self.api.get(f"/repos/{SLUG}/contents/{path}?ref={ref}")
        if answer.status_code != 200:
            return None
        import base64

        return base64.b64decode(answer.json()["content"]).decode()

    def told(self) -> str:
        return "\n".join(self.said)


WORK = {State.INBOX, State.PROCESSING, State.REVIEW}

SEED: dict[str, Any] = {
    **forge.SEED,
    "issues": [],
}
CONFIG: dict[str, Any] = {
    "github_owner": "maria",
    "github_token": "robot-token",
    "jitter_seconds": 0,
    "min_free_disk_percent": 0,  # of whatever machine the tests run on
    "min_free_disk_gb": 0,
    "format_issues": False,  # whoever may be on the PATH of the tests
    "agents": {
        name: {"command": [name], "sandbox": "none"} for name in ("first", "second", "third")
    },
    "agent_fallbacks": {
        kind: ["first", "second", "third"]
        for kind in ("implementation", "debugging", "docs", "research", "architecture")
    },
}
REPOSITORY: dict[str, Any] = {"github_repo": SLUG, "test_command": "true", "trust": "actor"}


@contextmanager
def an_office(
    tmp_path: Path,
    *,
    agent: AgentScript | None = None,
    agents: Mapping[str, AgentScript] | None = None,
    seed: Mapping[str, Any] | None = None,
    repository: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | None = None,
    verdict: Callable[[Any], str] = forge.green,
) -> Iterator[Office]:
    """A forge with one repository, and a World over it; `agents` by name, `agent` the first."""
    usual: dict[str, AgentScript] = {
        "first": agent or writes("first.txt", "done\n"), "second": says(None), "third": says(None),
    }  # fmt: skip
    hand = forge.Clock()
    runner = forge.PretendedRunner(verdict)
    quick = Settings(mergeable_delay=0.05)
    with forge.served(
        tmp_path / "forge", seed or SEED, clock=hand, runner=runner, settings=quick
    ) as github:
        executor = ScriptedExecutor({**usual, **(agents or {})})
        office = Office(github, a_world(tmp_path, github, executor, repository, config), executor)
        office.repository = repository
        object.__setattr__(office.world, "say", office.said.append)
        yield office
        assert "defect of ours" not in office.told(), office.told()


def a_world(
    tmp_path: Path,
    github: forge.Github,
    executor: ScriptedExecutor,
    repository: Mapping[str, Any] | None = None,
    more: Mapping[str, Any] | None = None,
) -> World:
    root = tmp_path / "root"
    root.mkdir(exist_ok=True)
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir(exist_ok=True)
    for name in executor.scripts:
        program = bin_folder / name
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    project = {"project_number": 1, "repos": [{**REPOSITORY, **(repository or {})}]}
    data = {
        **CONFIG,
        "github_api_url": github.url,
        "github_projects": {"work": project},
        **(more or {}),
    }
    path = root / "config.yaml"
    path.write_text(yaml.safe_dump(data))
    path.chmod(0o600)
    environment = {"ORCH_ROOT": str(root), "HOME": str(tmp_path), "PATH": str(bin_folder)}
    config = settings.load(path, environment)
    paths = rooms.build(config)
    tick.prepare(paths)
    assert github.clock is not None
    world = worlds.build(
        script="test",
        config=config,
        paths=paths,
        clock=HandClock(github.clock),
        environment=environment,
        say=lambda line: None,
        dry_run=False,
        only=None,
    )
    world.mailroom.prepare()
    return replace(world, executor=executor)
