"""kill -9 of every process of the demo, ten times at random moments, then to its end; by hand.

    python -m tests.bench.kill [--kills 10] [--seed N] [--longest SECONDS]

Each time all processes of the demo die at once: the driver, the forge, the wrappers, the workers,
their agents, git. Afterwards it must end by itself with every issue merged and verified, one pull
request an issue, no doubled comment, and no agent run twice for one attempt.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "runtime" / "demo"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--longest", type=float, default=4, help="seconds between two kills")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    print(f"seed {options.seed}")
    began = time.monotonic()
    killed = 0
    for number in range(options.kills):
        demo = start("--fresh" if number == 0 else "--keep")
        wait = chance.uniform(1, options.longest)
        ended = over(demo, wait)
        if ended:
            print(f"after {killed} kills the demo ended by itself with {demo.returncode}")
            break
        gone = kill_all(demo)
        killed += 1
        print(f"kill {number + 1}: after {wait:.1f} s, {gone} processes; {done()} of 6 done")
    last = start("--stay", "--keep")
    last.wait(300)
    problems = list(check())
    kill_all(last)
    seconds = time.monotonic() - began
    print(f"{killed} kills, {seconds:.0f} s; the demo ended with {last.returncode}")
    for problem in problems:
        print(f"WRONG: {problem}")
    print("same final state" if not problems and last.returncode == 0 else "FAILED")
    return int(bool(problems) or last.returncode != 0)


def start(*arguments: str) -> subprocess.Popen[bytes]:
    log = (ROOT / "runtime" / "demo-kill.log").open("ab")
    return subprocess.Popen(
        ["bin/demo.sh", *arguments], cwd=ROOT, stdout=log, stderr=log, start_new_session=True
    )


def over(demo: subprocess.Popen[bytes], seconds: float) -> bool:
    try:
        demo.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def kill_all(demo: subprocess.Popen[bytes]) -> int:
    """SIGKILL for everything that belongs to the demo, until nothing of it is left."""
    gone: set[int] = set()
    for _ in range(50):
        left = set(belongings())
        if not left:
            break
        for pid in left:
            gone.add(pid)
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.02)
    demo.wait()
    return len(gone)


def belongings() -> Iterator[int]:
    """Processes whose words, folder or environment name the demo; never this one."""
    mine = {os.getpid(), os.getppid()}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) in mine:
            continue
        try:
            words = (entry / "cmdline").read_bytes()
            surroundings = (entry / "environ").read_bytes()
            folder = os.readlink(entry / "cwd")
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        named = f"{DEMO}".encode()
        if state != "Z" and (
            b"commands.demo" in words or b"bin/demo.sh" in words
            or named in words or named in surroundings or folder.startswith(str(DEMO))
        ):  # fmt: skip
            yield int(entry.name)


def done() -> int:
    return len(list((DEMO / "runtime" / "mailbox" / "done").glob("*.md")))


def check() -> Iterator[str]:
    if done() != 6:
        yield f"{done()} of 6 tasks are done"
    yield from doubled_runs()
    yield from doubled_on_github()


def doubled_runs() -> Iterator[str]:
    """An attempt's number is written before its agent starts, so each may stand there once."""
    started: Counter[tuple[str, str]] = Counter()
    for line in (DEMO / "runtime" / "events.jsonl").read_text().splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue  # torn by a kill
        if event["kind"] == "started":
            started[event["task_id"], event["reason"]] += 1
    for (task, attempt), times in started.items():
        if times > 1:
            yield f"{task}: {attempt} ran {times} times"


def doubled_on_github() -> Iterator[str]:
    config = (DEMO / "config.yaml").read_text()
    said = {name: value.strip(" '\"") for name, _, value in map(split, config.splitlines())}
    api, token = said["github_api_url"], said["github_token"]

    def get(path: str) -> list[dict[str, object]]:
        request = Request(f"{api}{path}", headers={"Authorization": f"token {token}"})
        with urlopen(request, timeout=30) as answer:
            return json.load(answer)  # type: ignore[no-any-return]

    for repo in ("demo/widgets", "demo/site"):
        pulls = get(f"/repos/{repo}/pulls?state=all&per_page=100")
        heads = Counter(str(pull["head"]["ref"]) for pull in pulls)  # type: ignore[index]
        for head, times in heads.items():
            if times > 1:
                yield f"{repo}: {times} pull requests from {head}"
        for pull in pulls:
            if not pull["merged_at"]:
                yield f"{repo}#{pull['number']} is not merged"
        for issue in get(f"/repos/{repo}/issues?state=all&per_page=100"):
            if "pull_request" in issue:
                continue
            comments = get(f"/repos/{repo}/issues/{issue['number']}/comments?per_page=100")
            if issue["state"] != "closed" or len(comments) != 1:
                yield f"{repo}#{issue['number']}: {issue['state']}, {len(comments)} comments"


def split(line: str) -> tuple[str, str, str]:
    return line.partition(":")


if __name__ == "__main__":
    sys.exit(main())
