"""What ticks ask of GitHub: `python -m tests.bench.budget`, in requests and points.

A whole month of them: `python -m tests.bench.month`.

Counts, not seconds: real stories over a served forge whose clock is moved by hand, a minute at a
time, each script when cron would start it, in a world of its own as a process has it. GitHub's
points are as it documents them: a request for each connection of each parent, every connection
full, by hundreds, at least one. A request that was answered 304 costs GitHub nothing and is counted
all the same, by itself.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from msgspec import Struct, structs

from orchestrator import github_dispatcher, paths, pr_monitor, settings, supervisor, tick
from orchestrator import world as worlds
from orchestrator.forge.state import Settings
from orchestrator.records.task import Task
from orchestrator.world import World
from tests.bench import idle
from tests.support import forge
from tests.support.office import HandClock

MINUTE, HOUR, DAY = 60, 3600, 86_400
# Every script that cron starts and that looks at GitHub, and how often.
CRON: dict[str, tuple[int, tick.Story]] = {
    "github_dispatcher": (MINUTE, github_dispatcher.story),
    "supervisor": (MINUTE, supervisor.story),
    "pr_monitor": (5 * MINUTE, pr_monitor.story),
}
NUMBERS = re.compile(r"(?<=/)(?:\d+|[0-9a-f]{40})(?=/|$)")


class Spent(Struct, frozen=True):
    """One request: in which hour, of which kind, for how many points."""

    hour: int
    what: str
    points: int
    free: bool


class Meter:
    """Stands before the forge and counts what passes to it; git's transfers are counted apart."""

    def __init__(self, github: forge.Github) -> None:
        self.github = github
        self.began = forge.START
        self.spent: list[Spent] = []
        self.transfers = 0

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        told: dict[str, str] = {}
        status: list[str] = []

        def heard(code: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            status.append(code)
            told.update((name.lower(), value) for name, value in headers)
            return start(code, headers, *rest)

        used = self._points()
        body = self.github.app(environ, heard)
        path = environ["PATH_INFO"]
        if ".git/" in path:
            self.transfers += 1
            return body
        assert self.github.clock is not None
        hour = int((self.github.clock.moment - self.began).total_seconds() // HOUR)
        points = 0
        if path == "/graphql":
            points = max(1, self._points() - used)
        what = f"{environ['REQUEST_METHOD']} {NUMBERS.sub('N', path)}"
        self.spent.append(Spent(hour, what, points, free=status[0].startswith("304")))
        return body

    def _points(self) -> int:
        windows = self.github.forge.quotas.windows
        return sum(used for (_, kind), (used, _) in windows.items() if kind == "graphql")

    def hours(self) -> list[int]:
        return sorted({one.hour for one in self.spent})

    def worst(self, count: Callable[[Spent], int]) -> int:
        by_hour: Counter[int] = Counter()
        for one in self.spent:
            by_hour[one.hour] += count(one)
        return max(by_hour.values(), default=0)

    @property
    def most_points(self) -> int:
        return self.worst(lambda one: one.points)

    @property
    def most_requests(self) -> int:
        """Of both kinds, what costs nothing left out."""
        return self.worst(lambda one: not one.free)

    @property
    def most_rest(self) -> int:
        return self.worst(lambda one: not one.points and not one.free)


class Scene(Struct, frozen=True, kw_only=True):
    """`merging`: there is CI, which is green, and green merges; else a person is waited for.

    `inside`: the forge is in this process, without a socket, and git does not reach it.
    """

    repositories: int
    pulls: int
    closed: int = 0
    merging: bool = False
    inside: bool = False


class Office:
    """Repositories with open pull requests of ours, and cron over them."""

    def __init__(self, place: Path, github: forge.Github, scene: Scene) -> None:
        repositories, pulls = scene.repositories, scene.pulls
        self.github = github
        self.scene = scene
        self.meter = Meter(github)
        self.root = place / "root"
        self.root.mkdir()
        self.started: list[str] = []
        self.executor: worlds.Executor | None = None
        self._configure(repositories)
        clock = github.clock
        assert clock is not None
        self.clock = HandClock(clock)
        world = self.world("bench")
        world.mailroom.prepare()
        tasks = [idle.task(r + idle.REPOSITORIES * k) for r in range(repositories)
                 for k in range(pulls)]  # fmt: skip
        session = github.session(idle.TOKEN)
        for repo in {task.repo for task in tasks}:
            mine = [task for task in tasks if task.repo == repo]
            idle.branches(github.forge, github.data, repo, mine)
        for number, task in enumerate(tasks):
            idle.review(world, session, self._known(task, session))
            self._vary(number, task.repo, task.branch, session)
        github.forge.advance()
        github.front = self.meter

    def _configure(self, repositories: int) -> None:
        repos = [
            {
                "github_repo": f"maria/part-{number:02}",
                "merge": "auto" if self.scene.merging else "approved",
            }
            for number in range(repositories)
        ]
        path = self.root / "config.yaml"
        path.write_text(
            yaml.safe_dump({
                "github_owner": "maria", "jitter_seconds": 0,
                "github_api_url": "http://localhost" if self.scene.inside else self.github.url,
                "min_free_disk_percent": 0, "min_free_disk_gb": 0,
                "agent_fallbacks": {"implementation": ["patch"]},
                "github_projects": {"work": {"project_number": 1, "repos": repos}},
            })
        )  # fmt: skip
        path.chmod(0o600)

    def _known(self, task: Task, session: forge.Session) -> Task:
        """With what a merge writes to, where there are merges."""
        if not self.scene.merging:
            return task
        issue = session.get(f"/repos/{task.repo}/issues/{task.issue}").json()
        return structs.replace(task, issue_node=issue["node_id"], status_comment=None)

    def _vary(self, number: int, repo: str, branch: str, session: forge.Session) -> None:
        """Of ten: six whose check runs, three that wait for a person, one whose review is open."""
        pulls = session.get(f"/repos/{repo}/pulls?head=maria:{branch}&state=open").json()
        head, pull = pulls[0]["head"]["sha"], pulls[0]["number"]
        if number % 10 >= 6 or self.scene.merging:
            session.post(
                f"/repos/{repo}/statuses/{head}", json={"context": "test", "state": "success"}
            ).raise_for_status()
        if number % 10 == 9 and not (self.scene.merging or self.scene.inside):
            review = {"event": "REQUEST_CHANGES", "body": "Not like this."}
            self.github.session("eve-token").post(
                f"/repos/{repo}/pulls/{pull}/reviews", json=review
            ).raise_for_status()

    def world(self, script: str) -> World:
        environment = {
            "ORCH_ROOT": str(self.root), "HOME": str(self.root), "GITHUB_TOKEN": idle.TOKEN,
            "PATH": "",
        }  # fmt: skip
        config = settings.load(self.root / "config.yaml", environment)
        rooms = paths.build(config)
        tick.prepare(rooms)
        world = worlds.build(
            script=script, config=config, paths=rooms, clock=self.clock, environment=environment,
            say=lambda line: None, dry_run=False, only=None,
            transport=forge.Transport(self.meter) if self.scene.inside else None,
        )  # fmt: skip
        object.__setattr__(world, "spawn", lambda argv, **_: self.started.append(script) or 1)
        return replace(world, executor=self.executor or world.executor)

    def tick(self, script: str) -> None:
        """One run, in a world of its own, as a process has it."""
        assert tick.told(self.world(script), CRON[script][1]) in {tick.OK, tick.DEGRADED}

    def run(self, minutes: int) -> None:
        """Cron for so long."""
        for minute in range(minutes):
            for script, (every, _) in CRON.items():
                if minute * MINUTE % every == 0:
                    self.tick(script)
            assert self.github.clock is not None
            self.github.clock.advance(MINUTE)
            self.github.forge.tick()


@contextmanager
def an_office(place: Path, scene: Scene) -> Iterator[Office]:
    hand = forge.Clock()
    names = [f"maria/part-{number:02}" for number in range(scene.repositories)]
    files = {"README.md": "# It\n"}
    if scene.merging:
        files[".github/workflows/ci.yml"] = forge.GREEN_WORKFLOW
    issues = [
        {"repo": name, "title": f"Make it better {k}", "body": "Better.", "status": "In Progress"}
        for name in names for k in range(max(1, scene.pulls))
    ]  # fmt: skip
    issues += [
        {"repo": names[n % scene.repositories], "title": f"Was {n}", "state": "closed"}
        for n in range(scene.closed)
    ]
    seed = {
        "users": [
            {"login": "maria", "token": idle.TOKEN, "name": "Maria"},
            {"login": "eve", "token": "eve-token"},
        ],
        "repos": [{"name": name, "files": files, "collaborators": {"eve": "write"}}
                  for name in names],
        "boards": [{"owner": "maria", "title": "Work"}],
        "issues": issues,
    }  # fmt: skip
    limits = Settings(mergeable_delay=0.05, rest_limit=10**6, graphql_limit=10**6)
    runner = forge.PretendedRunner()
    start = forge.inside if scene.inside else forge.served
    with start(place / "forge", seed, clock=hand, runner=runner, settings=limits) as github:
        yield Office(place, github, scene)


def told(name: str, office: Office) -> None:
    meter = office.meter
    print(
        f"{name}: at most {meter.most_points} points, {meter.most_rest} REST requests and "
        f"{meter.most_requests} requests of both kinds an hour, {meter.transfers} git transfers"
    )
    hours = max(1, len(meter.hours()))
    for what, count in Counter(one.what for one in meter.spent).most_common(9):
        points = sum(one.points for one in meter.spent if one.what == what)
        free = sum(one.free for one in meter.spent if one.what == what)
        print(f"    {count / hours:8.1f} an hour ({points / hours:.1f} points, {free} free) {what}")


def merged(office: Office) -> int:
    """How many pull requests GitHub has merged."""
    rows = office.github.forge.state.store.connection.execute(
        "select count(*) from issues where merged_at is not null"
    )
    return int(rows.fetchone()[0])


def main() -> int:
    held: list[tuple[str, bool]] = []
    ten, ten_each = Scene(repositories=1, pulls=10), Scene(repositories=10, pulls=10)
    scenes: list[tuple[str, Scene, Callable[[Meter], bool]]] = [
        ("10 repositories, 10 pull requests each", ten_each, lambda m: m.most_points <= 600),
        ("the same, merged as they are green", structs.replace(ten_each, merging=True),
         lambda m: m.most_points <= 600),
        ("1 repository, 10 pull requests", ten, lambda m: m.most_requests <= 80),
        ("the same with 500 closed issues", structs.replace(ten, closed=500),
         lambda m: m.most_requests <= 80),
        ("the same, merged as they are green", structs.replace(ten, merging=True),
         lambda m: m.most_points <= 600),
    ]  # fmt: skip
    for name, scene, kept in scenes:
        place = Path(tempfile.mkdtemp(prefix="agent-os-budget-"))
        try:
            with an_office(place, scene) as office:
                office.run(120)
                told(name, office)
                print(f"    {merged(office)} pull requests were merged in the two hours")
                held.append((name, kept(office.meter)))
        finally:
            shutil.rmtree(place)
    for name, good in held:
        print(f"{'kept' if good else 'MISSED'}: {name}")
    return 0 if all(good for _, good in held) else 1


if __name__ == "__main__":
    sys.exit(main())
