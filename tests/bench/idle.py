"""Idle ticks: `python -m tests.bench.idle`, CPU against a bare process with the same requests.

50 configured repositories, one board with 500 open issues of which none is Ready, 100 of them In
Progress with an open pull request of ours each, whose file is in review/ and whose check runs.

The forge's data are made inside this process, because that is quick: branches by one fast-import
for each repository, told to the forge as one push; pull requests and statuses by its REST routes
without a socket. Everything measured is real: `python -m orchestrator.forge` on those data, the
real scripts, real HTTP. One tick of each script goes through a proxy that writes down its
requests; the bare process sends the same bytes by `requests` over one session, and decodes each
answer. Ours and bare are run in turns, with a warm bytecode cache as bin/ keeps it; the median of
the ratios counts.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from msgspec import structs

from orchestrator import paths, settings
from orchestrator import world as worlds
from orchestrator.adapters.clock import Clock
from orchestrator.forge import seed, server
from orchestrator.forge.state import Settings
from orchestrator.records.result import Result, Status
from orchestrator.records.task import Attempt, PullRequestLink, State, Task, marked
from orchestrator.records.verdicts import AttemptVerdict
from orchestrator.texts import messages, taskname
from orchestrator.world import World
from tests.bench import cost
from tests.bench.proxy import Recorded, recording
from tests.support import forge

REPOSITORIES, ISSUES, PULLS = 50, 500, 100
SCRIPTS = {"github_dispatcher": 5, "pr_monitor": 1}  # requests a tick, by DESIGN.md
ROUNDS = 9
READY = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
TOKEN = "maria-token"
SEED: dict[str, Any] = {
    "users": [{"login": "maria", "token": TOKEN, "name": "Maria"}],
    "repos": [
        {"name": f"maria/part-{number:02}", "files": {"README.md": f"# Part {number}\n"}}
        for number in range(REPOSITORIES)
    ],
    "boards": [{"owner": "maria", "title": "Work"}],
    "issues": [
        {
            "repo": f"maria/part-{number % REPOSITORIES:02}",
            "title": f"Make part {number % REPOSITORIES} better in respect {number}",
            "body": "## Goal\n\nIt is better.\n\n## Success criteria\n\n- It is measured.\n" * 3,
            "status": "In Progress" if number < PULLS else "Backlog",
        }
        for number in range(ISSUES)
    ],
}  # fmt: skip
BARE = """
import json, sys
import requests
url, wanted = sys.argv[1:]
session = requests.Session()
session.trust_env = False
with open(wanted) as file:
    for method, path, headers, body in json.load(file):
        answer = session.request(
            method, url + path, data=body.encode(), headers=headers, timeout=(5, 30)
        )
        answer.raise_for_status()
        json.loads(answer.content)
"""


def main() -> int:
    place = Path(tempfile.mkdtemp(prefix="agent-os-bench-"))
    try:
        return measured(place)
    finally:
        shutil.rmtree(place)


def measured(place: Path) -> int:
    root = place / "root"
    root.mkdir()
    world = office(root, "http://127.0.0.1:1")
    fill(place / "forge", world)
    served = forge.Process(place / "forge", place / "no.seed.yaml")
    (place / "no.seed.yaml").write_text("{}\n")
    served.start()
    try:
        print(
            f"{REPOSITORIES} repositories, one board, {ISSUES} open items, {PULLS} open pull "
            f"requests of ours; {ROUNDS} paired runs"
        )
        kept = [held(place, root, served.url, script, n) for script, n in SCRIPTS.items()]
    finally:
        served.end()
    return 0 if all(kept) else 1


def held(place: Path, root: Path, url: str, script: str, wanted: int) -> bool:
    """Measure one script, print its line, and say whether it keeps to all three numbers."""
    argv = [sys.executable, "-m", f"orchestrator.{script}"]
    environment = cost.environment(root, GITHUB_TOKEN=TOKEN)
    tick = partial(cost.measure, argv, environment=environment, scratch=place)
    with recording(url) as recorded:
        configure(root, recorded.url)
        tick()
    configure(root, url)
    bare = partial(replay, place, url, recorded, environment)
    imports = partial(
        cost.measure, [sys.executable, "-c", "import requests, msgspec, yaml"],
        environment=environment, scratch=place,
    )  # fmt: skip
    cost.together(1, tick, bare, imports)  # what is compiled and cached once is not measured
    ours, theirs, loaded = cost.together(ROUNDS, tick, bare, imports)
    ratio = cost.ratio(ours, theirs)
    peak = statistics.median(each.peak for each in ours)
    print(
        f"{script}: {len(recorded.requests)} requests (wanted {wanted}); "
        f"CPU {cost.cpu(ours) * 1e3:.0f} ms, bare {cost.cpu(theirs) * 1e3:.0f} ms, "
        f"ratio {ratio:.2f} (wanted <= 2.0); "
        f"peak {peak:.1f} MB (wanted <= 45; bare {theirs[0].peak:.1f} MB); "
        f"only `import requests, msgspec, yaml`: {cost.cpu(loaded) * 1e3:.0f} ms"
    )
    return len(recorded.requests) == wanted and ratio <= 2.0 and peak <= 45


def replay(place: Path, url: str, recorded: Recorded, environment: dict[str, str]) -> cost.Cost:
    wanted = place / "requests.json"
    wanted.write_text(json.dumps([each for each in recorded.requests]))
    argv = [sys.executable, "-c", BARE, url, str(wanted)]
    return cost.measure(argv, environment=environment, scratch=place)


# --- what is there --------------------------------------------------------------------------


def configure(root: Path, url: str) -> Path:
    slugs = [{"github_repo": repo["name"], "test_command": "make test"} for repo in SEED["repos"]]
    path = root / "config.yaml"
    path.write_text(
        yaml.safe_dump({
            "github_owner": "maria",
            "github_api_url": url,
            "jitter_seconds": 0,
            "agent_fallbacks": {"implementation": ["patch"]},
            "github_projects": {"work": {"project_number": 1, "repos": slugs}},
        })
    )  # fmt: skip
    path.chmod(0o600)
    return path


def office(root: Path, url: str) -> World:
    environment = {"ORCH_ROOT": str(root), "HOME": str(root), "GITHUB_TOKEN": TOKEN}
    config = settings.load(configure(root, url), environment)
    world = worlds.build(
        script="bench", config=config, paths=paths.build(config), clock=Clock(),
        environment=environment, say=print, dry_run=False, only=None,
    )  # fmt: skip
    world.mailroom.prepare()
    return world


def fill(data: Path, world: World) -> None:
    """The forge's data, and for each pull request its file in review/."""
    built = server.build(
        data, ci_runner=forge.PretendedRunner(), settings=Settings(rest_limit=10**6)
    )
    try:
        seed.apply(built.state, seed.read(SEED), data)
        session = forge.Session(forge.INSIDE, TOKEN)
        session.mount("http://", forge.Transport(built.wsgi))
        tasks = [task(number) for number in range(PULLS)]
        for repo in {task.repo for task in tasks}:
            branches(built, data, repo, [task for task in tasks if task.repo == repo])
        for task_ in tasks:
            review(world, session, task_)
        built.advance()
    finally:
        built.close()


def task(number: int) -> Task:
    repo = f"maria/part-{number % REPOSITORIES:02}"
    issue = number // REPOSITORIES + 1
    ready = READY + timedelta(seconds=number)
    task_id = taskname.new_id(ready, repo, issue, f"Make part {number % REPOSITORIES} better")
    return Task(
        task_id=task_id, repo=repo, issue=issue, issue_node=f"I_{number}", project="work",
        title=f"Make part {number % REPOSITORIES} better in respect {number}",
        branch=taskname.new_branch(task_id), base="main", created=ready, ready_at=ready,
        status_comment=number + 1, body="## Goal\n\nIt is better.\n\n## Constraints\n\n- None.\n",
    )  # fmt: skip


def branches(built: server.Forge, data: Path, repo: str, tasks: list[Task]) -> None:
    """Every branch of a repository in one go, and one push told to the forge."""
    stream = "".join(
        f"commit refs/heads/{task.branch}\n"
        f"committer Agent OS <agent-os@localhost> {int(task.created.timestamp())} +0000\n"
        f"data 4\nWork\nfrom refs/heads/main^0\n"
        f"M 100644 inline work-{task.issue}.txt\ndata 5\nwork\n\n"
        for task in tasks
    )
    git = ["git", f"--git-dir={data}/git/{repo}.git", "fast-import", "--quiet"]
    subprocess.run(git, input=stream.encode(), check=True)
    built.pushed(repo, "maria")


def review(world: World, session: forge.Session, opened: Task) -> None:
    """Its pull request with one green and one running check, and its file as we leave it."""
    world.mailroom.enqueue(opened, by="bench")
    body = messages.pull_request_body(
        opened, marker=world.markers.line(opened, "pull-request"), tests="tests passed",
        files=("work.txt",),
    )  # fmt: skip
    pull = {"title": opened.title, "body": body, "head": opened.branch, "base": "main"}
    answer = session.post(f"/repos/{opened.repo}/pulls", json=pull)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    sha = made["head"]["sha"]
    for name, state in (("lint", "success"), ("test", "pending")):
        session.post(
            f"/repos/{opened.repo}/statuses/{sha}", json={"context": name, "state": state}
        ).raise_for_status()
    result = Result(
        status=Status.COMPLETE, summary="It is better.", done=("Made it better.",),
        files_changed=("work.txt",), tests_run=("make test: passed",),
    )  # fmt: skip
    attempt = Attempt(
        n=1, agent="patch", started=opened.created, judged=opened.created, head_sha=sha,
        settled=opened.created, verdict=AttemptVerdict.DELIVER, reason="done, and tests pass",
        result=result,
    )  # fmt: skip
    link = PullRequestLink(number=made["number"], node_id=made["node_id"])
    opened = structs.replace(opened, attempts=(attempt,), pushed=(sha,), pull_request=link)
    for state in (State.PROCESSING, State.REVIEW):
        opened = marked(opened, state, world.clock.now(), "bench")
    world.mailroom.move(opened, State.REVIEW, by="bench")


if __name__ == "__main__":
    sys.exit(main())
