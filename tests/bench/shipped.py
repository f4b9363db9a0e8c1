"""One shipped task: `python -m tests.bench.shipped`, CPU against a shell script with git and curl.

From a card set Ready to a merged, verified, closed issue with its card on Done: a tick of the
dispatcher, one of the supervisor with the worker that it starts, and, when CI is green, one of
pr_monitor; real processes, a real forge, an agent that is a shell script. CPU is that of all
processes of ours with all their children, the agent's shell among them, less the imports that any
such Python program pays once for each of ours: `requests, msgspec, yaml`, and `github` where it
writes. Waiting for CI is nobody's CPU on either side.

Beside it, in turns and on the same forge, two POSIX shell scripts. The strict one does the least
that ships the same change: fetch into a bare store, worktree, file, commit, push, pull request,
one look at its checks, which are green by then, and merge. Its ratio is the one that is wanted.
The other one does, unconditionally and unproven, the rest of what ours does: the status comment
and its edits, the cards, a look at the base after the merge, the branch and the worktree gone.
Requests are counted in a round of its own, by a proxy.
"""

from __future__ import annotations

import re
import shutil
import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from orchestrator.adapters import gh_documents
from tests.bench import cost
from tests.bench.cost import Cost
from tests.bench.proxy import Request, recording
from tests.support import forge

ROUNDS = 9
SLUG = "maria/library"
TOKEN = "maria-token"
WORKFLOW = """\
name: CI
on: [pull_request]
jobs:
  test:
    runs-on: ubuntu-latest
    steps: [{run: "true"}]
"""
SEED: dict[str, Any] = {
    "users": [{"login": "maria", "token": TOKEN, "name": "Maria"}],
    "repos": [{
        "name": SLUG,
        "files": {
            ".github/workflows/ci.yml": WORKFLOW,
            "README.md": "# Library\n\nBooks.\n",
            **{f"library/part{n}.py": f"def part{n}():\n    return {n}\n" for n in range(20)},
        },
    }],
    "boards": [{"owner": "maria", "title": "Work"}],
    "issues": [
        {"repo": SLUG, "title": f"Write the note {n}", "status": "Backlog",
         "body": "## Goal\n\nThe note is there.\n\n## Success criteria\n\n- It can be read.\n"}
        for n in range(3 * ROUNDS + 4)
    ],
}  # fmt: skip
AGENT = """\
#!/bin/sh
name=note-$(basename "$PWD").txt
cat >/dev/null
echo "A note." >"$name"
cat >.agent_result.md <<END
STATUS: complete
BLOCKER_CODE: none
SUMMARY: Wrote the note.
DONE:
- Wrote the note.
FILES_CHANGED:
- $name
END
"""
WRITER = "import requests, msgspec, yaml, github"
READER = "import requests, msgspec, yaml"
AT_ONCE = "; import os; os._exit(0)"  # as our scripts end, for a second, harder reading

STRICT_OPEN = """\
set -e
git -C "$STORE" fetch -q "$URL" "+refs/heads/main:refs/remotes/origin/main"
git -C "$STORE" worktree add -q --no-track -b "$BRANCH" "$TREE" refs/remotes/origin/main
echo "A note." >"$TREE/note-$N.txt"
git -C "$TREE" add -A
git -C "$TREE" commit -q -m "Write the note $N"
git -C "$TREE" push -q "$URL" "$BRANCH"
curl -fsS -o "$TREE.pull" -H "Authorization: token $TOKEN" "$API/repos/$SLUG/pulls" \
  -d '{"title": "Write the note '$N'", "head": "'$BRANCH'", "base": "main",
       "body": "Closes #'$N'"}'
"""
STRICT_MERGE = """\
set -e
HEAD=$(git -C "$TREE" rev-parse HEAD)
PULL=$(sed -n 's|.*/issues/\\([0-9]*\\)/comments".*|\\1|p' "$TREE.pull")
until curl -fsS -H "Authorization: token $TOKEN" "$API/repos/$SLUG/commits/$HEAD/check-runs" |
  grep -q '"conclusion": "success"'; do sleep 1; done
curl -fsS -o /dev/null -X PUT -H "Authorization: token $TOKEN" \
  "$API/repos/$SLUG/pulls/$PULL/merge" -d '{"merge_method": "squash", "sha": "'$HEAD'"}'
"""
CARD = """\
set -e
move="mutation(\\$p: ID!, \\$i: ID!, \\$f: ID!, \\$o: String!) {"
move="$move updateProjectV2ItemFieldValue(input: {projectId: \\$p, itemId: \\$i, fieldId: \\$f,"
move="$move value: {singleSelectOptionId: \\$o}}) {projectV2Item {id}}}"
card() {
  curl -fsS -o "$TREE.card" -H "Authorization: token $TOKEN" "$API/graphql" \\
    -d '{"query": "'"$move"'", "variables":
         {"p": "'$PROJECT'", "i": "'$ITEM'", "f": "'$FIELD'", "o": "'$1'"}}'
  ! grep -q '"errors"' "$TREE.card"
}
comment() {
  curl -fsS -o "$TREE.said" -X "$1" -H "Authorization: token $TOKEN" "$API/repos/$SLUG/issues/$2" \
    -d '{"body": "'"$3"'"}'
}
"""
FULL_OPEN = (
    CARD
    + "comment POST $N/comments Taken\ncard $IN_PROGRESS\n"
    + STRICT_OPEN
    + 'id=$(sed -n \'s/^{"id": \\([0-9]*\\).*/\\1/p\' "$TREE.said")\n'
    + "comment PATCH comments/$id Opened\n"
)
FULL_MERGE = (
    CARD
    + STRICT_MERGE
    + """\
git -C "$STORE" fetch -q "$URL" "+refs/heads/main:refs/remotes/origin/main"
git -C "$STORE" push -q "$URL" ":refs/heads/$BRANCH"
git -C "$STORE" worktree remove --force "$TREE"
git -C "$STORE" branch -q -D "$BRANCH"
card $DONE
id=$(sed -n 's/^{"id": \\([0-9]*\\).*/\\1/p' "$TREE.said")
comment PATCH comments/$id Done
"""
)


class Board(NamedTuple):
    """Ids of the one board: its project, its status field, its options, and a card per issue."""

    project: str
    field: str
    options: dict[str, str]
    items: dict[int, str]


class Bench:
    """The forge, the root of our installation, and the shell scripts' own store."""

    def __init__(self, place: Path, served: forge.Process) -> None:
        self.place = place
        self.url = served.url
        self.api = served.session(TOKEN)
        self.board = board_of(self.api)
        self.numbers = iter(sorted(self.board.items))
        self.root = place / "root"
        self.root.mkdir()
        self.environment = cost.environment(self.root, GITHUB_TOKEN=TOKEN)
        self.agent = place / "agent.sh"
        self.agent.write_text(AGENT)
        self.agent.chmod(0o755)
        self.store = place / "store.git"
        forge.clone(served.git_url(SLUG, TOKEN), place / "clone").git(
            "clone", "-q", "--bare", served.git_url(SLUG, TOKEN), str(self.store)
        )

    def configure(self, url: str) -> None:
        path = self.root / "config.yaml"
        path.write_text(
            yaml.safe_dump({
                "github_owner": "maria",
                "github_api_url": url,
                "jitter_seconds": 0,
                "settle_seconds": 0,
                "min_head_age_seconds": 0,
                "agents": {"shell": {"command": [str(self.agent)], "sandbox": "none"}},
                "agent_fallbacks": {"implementation": ["shell"]},
                "github_projects": {
                    "work": {"project_number": 1, "repos": [{"github_repo": SLUG}]}
                },
            })
        )  # fmt: skip
        path.chmod(0o600)

    def python(self, *words: str) -> Cost:
        argv = [sys.executable, *words]
        return cost.measure(argv, environment=self.environment, scratch=self.place)

    def script(self, name: str) -> Cost:
        return self.python("-m", f"orchestrator.{name}")

    def ours(self, parts: dict[str, list[float]]) -> Cost:
        """One issue through our scripts; what each of them took goes into `parts`."""
        number = next(self.numbers)
        self.set_status(number, "Ready")
        spent = cost.NOTHING
        for name in ("github_dispatcher", "supervisor", "pr_monitor"):
            if name == "pr_monitor":
                self.green(number)
            took = self.script(name)
            parts.setdefault(name, []).append(took.cpu)
            spent = spent + took
        done = list((self.root / "runtime/mailbox/done").glob(f"*-{number}-*.md"))
        if len(done) != 1:
            log = (self.place / "cost.log").read_text()
            queue = (self.root / "runtime/logs/queue.log").read_text()
            raise cost.Failed(f"#{number} was not shipped:\n{queue}\n{log}")
        return spent

    def shell(self, opening: str, merging: str) -> Cost:
        """One issue through a shell script, in two halves around the wait for CI."""
        number = next(self.numbers)
        tree = self.place / f"tree-{number}"
        given = {
            "PATH": self.environment["PATH"], "HOME": str(self.root), "LC_ALL": "C",
            "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@localhost", "GIT_COMMITTER_NAME": "A",
            "GIT_COMMITTER_EMAIL": "a@localhost", "GIT_TERMINAL_PROMPT": "0",
            "STORE": str(self.store), "TREE": str(tree), "N": str(number), "SLUG": SLUG,
            "URL": f"{self.url}/{SLUG}.git".replace("://", f"://x:{TOKEN}@"), "API": self.url,
            "BRANCH": f"work-{number}", "TOKEN": TOKEN, "PROJECT": self.board.project,
            "FIELD": self.board.field, "ITEM": self.board.items[number],
            "IN_PROGRESS": self.board.options["In Progress"], "DONE": self.board.options["Done"],
        }  # fmt: skip
        run = partial(cost.measure, scratch=self.place)
        spent = run(["/bin/sh", "-c", opening], environment=given)
        self.green(number)
        return spent + run(["/bin/sh", "-c", merging], environment=given)

    def set_status(self, number: int, status: str) -> None:
        given = {
            "project": self.board.project, "item": self.board.items[number],
            "field": self.board.field, "option": self.board.options[status],
        }  # fmt: skip
        assert "errors" not in self.api.query(gh_documents.SET_STATUS, **given)

    def green(self, number: int) -> dict[str, Any]:
        """Wait for the pull request of an issue: its checks done and its mergeability known."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            for pull in self.api.get(f"/repos/{SLUG}/pulls?state=open&per_page=100").json():
                if f"#{number}" not in (pull["body"] or "").replace(f"#{number}0", ""):
                    continue
                one = self.api.get(f"/repos/{SLUG}/pulls/{pull['number']}").json()
                runs = self.api.get(f"/repos/{SLUG}/commits/{one['head']['sha']}/check-runs").json()
                done = [run["conclusion"] == "success" for run in runs["check_runs"]]
                if one["mergeable"] and done and all(done):
                    return dict(one)
            time.sleep(0.1)
        log = self.root / "runtime/logs/queue.log"
        said = log.read_text() if log.exists() else ""
        raise cost.Failed(f"#{number} never had a green pull request:\n{said}")


def board_of(api: forge.Session) -> Board:
    given = {"login": "maria", "number": 1, "field": "Status", "first": 100, "after": None}
    project = api.query(gh_documents.BOARD, **given)["data"]["repositoryOwner"]["projectV2"]
    return Board(
        project=project["id"],
        field=project["field"]["id"],
        options={option["name"]: option["id"] for option in project["field"]["options"]},
        items={node["content"]["number"]: node["id"] for node in project["items"]["nodes"]},
    )


def main() -> int:
    place = Path(tempfile.mkdtemp(prefix="agent-os-bench-"))
    try:
        with forge.process(place / "forge", SEED) as served:
            return measured(Bench(place, served))
    finally:
        shutil.rmtree(place)


def measured(bench: Bench) -> int:
    bench.configure(bench.url)
    parts: dict[str, list[float]] = {}
    ours = partial(bench.ours, parts)
    strict = partial(bench.shell, STRICT_OPEN, STRICT_MERGE)
    full = partial(bench.shell, FULL_OPEN, FULL_MERGE)
    writer, reader = partial(bench.python, "-c", WRITER), partial(bench.python, "-c", READER)
    hard_writer = partial(bench.python, "-c", WRITER + AT_ONCE)
    hard_reader = partial(bench.python, "-c", READER + AT_ONCE)
    runs = (ours, writer, reader, strict, full, hard_writer, hard_reader)
    cost.together(1, *runs)  # the store is made, bytecode compiled, once
    parts.clear()
    shipped, written, read, least, most, *hard = cost.together(ROUNDS, *runs)
    imports = [3 * w.cpu + r.cpu for w, r in zip(written, read, strict=True)]
    net = [mine.cpu - paid for mine, paid in zip(shipped, imports, strict=True)]
    bare = [3 * w.cpu + r.cpu for w, r in zip(*hard, strict=True)]
    ratio = over(net, least)
    print(
        f"one shipped task, {ROUNDS} paired runs: CPU {cost.cpu(shipped) * 1e3:.0f} ms, less "
        f"{statistics.median(imports) * 1e3:.0f} ms of imports (4 Pythons, 3 of them with github): "
        f"{statistics.median(net) * 1e3:.0f} ms"
    )
    for name, spent in parts.items():
        what = f"{name} and its worker" if name == "supervisor" else name
        print(f"  {what}: {statistics.median(spent) * 1e3:.0f} ms with imports")
    harder = [mine.cpu - paid for mine, paid in zip(shipped, bare, strict=True)]
    for name, shell, wanted in (("strict", least, " (wanted <= 2.0)"), ("full", most, "")):
        print(
            f"{name} script with git and curl: {cost.cpu(shell) * 1e3:.0f} ms, "
            f"ratio {over(net, shell):.2f}{wanted}; less imports that end at once as ours do: "
            f"{over(harder, shell):.2f}"
        )
    print(
        f"wall without CI: ours {wall(shipped):.1f} s, strict {wall(least):.1f} s, full "
        f"{wall(most):.1f} s; processes: {shipped[0].processes}, {least[0].processes}, "
        f"{most[0].processes}; peak of a script {max(c.peak for c in shipped):.0f} MB"
    )
    return 0 if writes(bench) and ratio <= 2.0 else 1


def over(net: list[float], shell: list[Cost]) -> float:
    return statistics.median(n / s.cpu for n, s in zip(net, shell, strict=True))


def wall(costs: list[Cost]) -> float:
    return statistics.median(each.wall for each in costs)


def writes(bench: Bench) -> bool:
    """One task with a proxy in between: its writes told one by one, and whether they are few."""
    with recording(bench.url) as recorded:
        bench.configure(recorded.url)
        bench.ours({})
    sent = [said for request in recorded.requests if (said := written(request))]
    creating = [said for said in sent if said.startswith("POST") and "graphql" not in said]
    reads = [request for request in recorded.requests if not written(request)]
    print(f"writes: {len(sent)} (wanted <= 8), content-creating {len(creating)} (wanted <= 3)")
    print("".join(f"  {said}\n" for said in sent), end="")
    print(f"reads: {len(reads)}; git requests: {len(recorded.transfers)}")
    for request in reads:
        print(f"  {request.method} {request.path} {graphql_name(request)}")
    return len(sent) <= 8 and len(creating) <= 3


def written(request: Request) -> str:
    """The write that a request is, in a line; "" for a read."""
    if request.path == "/graphql":
        return f"POST /graphql {graphql_name(request)}" if "mutation" in request.body else ""
    return "" if request.method == "GET" else f"{request.method} {request.path}"


def graphql_name(request: Request) -> str:
    found = re.search(r"(?:query|mutation) (\w+)", request.body)
    return found[1] if found else ""


if __name__ == "__main__":
    sys.exit(main())
