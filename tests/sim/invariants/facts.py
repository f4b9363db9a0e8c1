"""What several invariants ask of a Seen: whose act, whose merge, what a commit holds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct

from orchestrator.forge import checks, records
from orchestrator.forge.state import State as ForgeState
from orchestrator.records.task import State, Task
from orchestrator.texts import taskfile
from tests.sim.interface import ROBOT, Act, AgentRun, Filed, Push, Request, Seen
from tests.sim.objects import Objects
from tests.sim.people import Did

T = TypeVar("T")
MERGE = re.compile(r"^/repos/([^/]+/[^/]+)/pulls/(\d+)/merge$")
MARKER = re.compile(r"<!-- aos:fx=([0-9a-f]+) -->")
# How a comment of ours begins that hands a task over: a plea for help, or the agent's question.
CALLS = ("**A person is needed**", "**A question.**")
HEADS = "refs/heads/"
OVER = (State.DONE, State.ESCALATED, State.FAILED, State.CANCELLED)


class Merge(Struct, frozen=True, kw_only=True):
    """A merge that we asked for; `applied` whether the forge carried it out.

    `sha` is the head that was merged, `named` whether the request said so.
    """

    request: Request
    slug: str
    number: int
    sha: str
    named: bool
    applied: bool


def fresh(seen: Seen, name: str, log: Sequence[T]) -> Sequence[T]:
    """What the log holds beyond what was read under this name before."""
    read = int(seen.memory.get(f"read {name}", 0))
    seen.memory[f"read {name}"] = len(log)
    return log[read:]


def as_before(seen: Seen, name: str, *parts: object) -> bool:
    """Whether all that an invariant reads is as it was when it was asked last."""
    before = seen.memory.get(f"read by {name}")
    seen.memory[f"read by {name}"] = parts
    return bool(before == parts)


def forge_version(seen: Seen) -> int:
    return forge(seen).store.connection.total_changes


def kept(seen: Seen, name: str, first: T) -> T:
    """Something that an invariant remembers from step to step."""
    found: T = seen.memory.setdefault(name, first)
    return found


def key(task_id: str) -> str:
    return taskfile.key_of(task_id)


def clock(moment: datetime) -> str:
    return f"{moment:%d %H:%M:%S}"


def files(seen: Seen) -> Iterator[Filed]:
    for found in seen.mailbox.values():
        yield from found


def acts(seen: Seen, *kinds: Did, task_id: str = "", slug: str = "") -> Iterator[Act]:
    for act in seen.acts:
        if (
            (not kinds or act.kind in kinds)
            and (not task_id or key(act.task_id) == key(task_id))
            and (not slug or act.slug == slug)
        ):
            yield act


def meddled(seen: Seen, task_id: str) -> bool:
    """Whether a person made a second file of the task, or took its history away."""
    kinds = (Did.COPIED, Did.BROKE, Did.REMOVED)
    return any(True for _ in acts(seen, *kinds, task_id=task_id))


def concerning(seen: Seen, task: Task) -> list[Act]:
    """What people did to a task: to its file, its issue, its branch, or a pull request from it.

    A file that a person dropped has no name of ours yet: each of them may be that of a task without
    an issue.
    """
    numbers = {task.issue, task.pull_request.number if task.pull_request else None}
    numbers |= {
        pull.number for slug, pull in pulls(seen)
        if slug == task.repo and pull.head_ref == task.branch
    }  # fmt: skip
    numbers.discard(None)
    mine = key(task.task_id)

    def concerns(act: Act) -> bool:
        if act.task_id:
            return key(act.task_id) == mine
        if act.slug != task.repo:
            return False
        if act.kind == Did.DROPPED:
            return task.issue is None
        return act.number in numbers or bool(act.branch and act.branch == task.branch)

    return [act for act in seen.acts if concerns(act)]


# --- the forge -------------------------------------------------------------------------------


def forge(seen: Seen) -> ForgeState:
    return seen.forge.state


def repositories(seen: Seen) -> dict[str, records.Repo]:
    if "repositories" not in seen.memory:
        rows = forge(seen).store.select(records.Repo)
        seen.memory["repositories"] = {row.full_name: row for row in rows}
    found: dict[str, records.Repo] = seen.memory["repositories"]
    return found


def robot(seen: Seen) -> int:
    """The account of our token."""
    if "robot" not in seen.memory:
        row = forge(seen).store.first(records.User, "login = ?", ROBOT)
        seen.memory["robot"] = row.id if row else 0
    return int(seen.memory["robot"])


def unchanged(seen: Seen, name: str) -> dict[Any, Any]:
    """What was read of the forge under this name, as long as no row of it has changed."""
    now = forge_version(seen)
    then, found = seen.memory.get(f"unchanged {name}", (-1, {}))
    if then != now:
        found = {}
        seen.memory[f"unchanged {name}"] = (now, found)
    return found


def place(seen: Seen, slug: str, number: int) -> records.Issue | None:
    """An issue or a pull request by its number."""
    repo = repositories(seen).get(slug)
    if repo is None:
        return None
    known: dict[tuple[str, int], records.Issue | None] = unchanged(seen, "places")
    if (slug, number) not in known:
        where = "repo_id = ? and number = ?"
        known[slug, number] = forge(seen).store.first(records.Issue, where, repo.id, number)
    return known[slug, number]


def pulls(seen: Seen) -> list[tuple[str, records.Issue]]:
    """Every pull request from an agent's branch, with its repository."""
    known: dict[str, list[tuple[str, records.Issue]]] = unchanged(seen, "pulls")
    if "all" not in known:
        slugs = {repo.id: slug for slug, repo in repositories(seen).items()}
        where = "is_pull = 1 and head_ref like 'agent/%' order by id"
        rows = forge(seen).store.select(records.Issue, where)
        known["all"] = [(slugs[row.repo_id], row) for row in rows]
    return list(known["all"])


def merges(seen: Seen) -> list[Merge]:
    """The merges that we asked for so far, in their order."""
    found: list[Merge] = kept(seen, "merges", [])
    for request in fresh(seen, "merges", seen.requests):
        match = MERGE.match(request.path) if request.method == "PUT" else None
        if match:
            told = json.loads(request.body or b"{}")
            slug, number = match[1], int(match[2])
            pull, wanted = place(seen, slug, number), str(told.get("sha") or "")
            applied = request.applied and carried_out(seen, request, pull)
            found.append(
                Merge(
                    request=request, slug=slug, number=number, named=bool(wanted),
                    sha=wanted or (pull.head_sha if pull else ""), applied=applied,
                )
            )  # fmt: skip
    return found


def carried_out(seen: Seen, request: Request, pull: records.Issue | None) -> bool:
    """Whether the forge merged; where it did and said otherwise, its own row tells."""
    if request.fault is None:
        return request.answered == 200
    return pull is not None and pull.merged_at is not None and pull.merged_by_id == robot(seen)


def new_merges(seen: Seen, name: str) -> list[Merge]:
    """The merges that were carried out since `name` asked last."""
    return [merge for merge in fresh(seen, f"merges of {name}", merges(seen)) if merge.applied]


def commit(seen: Seen, slug: str, sha: str) -> tuple[str, tuple[str, ...]] | None:
    """Tree and parents of a commit, from the forge's rows, else from its files."""
    known: dict[str, tuple[str, tuple[str, ...]]] = kept(seen, "commits", {})
    if sha not in known:
        repo = repositories(seen)[slug]
        where = "repo_id = ? and sha = ?"
        row = forge(seen).store.first(records.Commit, where, repo.id, sha)
        read = (row.tree, tuple(row.parents.split())) if row else objects(seen).commit(
            bare(seen, slug), sha
        )  # fmt: skip
        if read is None:
            return None
        known[sha] = read
    return known[sha]


def ancestors(seen: Seen, slug: str, sha: str) -> frozenset[str]:
    """The commit and all that came before it, as far as it can be read."""
    known: dict[str, frozenset[str]] = kept(seen, "ancestors", {})
    if sha not in known:
        found, waiting = set[str](), [sha]
        while waiting:
            one = waiting.pop()
            if one in found:
                continue
            found.add(one)
            read = commit(seen, slug, one)
            waiting.extend(read[1] if read else ())
        known[sha] = frozenset(found)
    return known[sha]


def objects(seen: Seen) -> Objects:
    return kept(seen, "objects", Objects())


def bare(seen: Seen, slug: str) -> Path:
    return forge(seen).path(repositories(seen)[slug])


def on_base(seen: Seen, slug: str, base: str, head: str) -> bool:
    """Whether the base holds every file of the head as it is there."""
    tip = bare(seen, slug) / "refs/heads" / base
    if not tip.is_file():
        return True  # packed: not to be told without git
    theirs = dict(objects(seen).files(bare(seen, slug), tip.read_text().strip()))
    ours = dict(objects(seen).files(bare(seen, slug), head))
    if not theirs:
        return True  # packed as well
    return all(theirs.get(path) == blob for path, blob in ours.items() if path != "CODEBASE.md")


# --- order and people ------------------------------------------------------------------------


def by_person(push: Push) -> bool:
    return push.process.startswith("person:")


def last_look(seen: Seen, process: str, before: int, path: str) -> Request | None:
    """The last read of that path by the process before a moment; a 304 is a look like any other."""
    for request in reversed(seen.requests):
        if (
            request.process == process
            and request.order < before
            and request.method == "GET"
            and request.path == path
            and request.status in {200, 304}
        ):
            return request
    return None


def agent_runs(seen: Seen) -> list[AgentRun]:
    return [run for run in seen.runs if not run.is_test]


def task_of_branch(seen: Seen, branch: str) -> Task | None:
    wanted = branch.removeprefix("agent/")
    for _, task in seen.tasks():
        if task.branch == branch or task.task_id == wanted:
            return task
    return None


def comments(seen: Seen, issue: records.Issue) -> list[records.Comment]:
    """Our account's comments on an issue."""
    known: dict[int, list[records.Comment]] = unchanged(seen, "comments")
    if issue.id not in known:
        where = "issue_id = ? and author_id = ? order by id"
        known[issue.id] = forge(seen).store.select(records.Comment, where, issue.id, robot(seen))
    return known[issue.id]


def calls(seen: Seen, issue: records.Issue) -> int:
    """How many of our comments on an issue hand it to a person."""
    return sum(any(one in told.body for one in CALLS) for told in comments(seen, issue))


def last_words(seen: Seen, pull: records.Issue) -> list[records.Review]:
    """Each reviewer's last word on a pull request; a comment takes none back."""
    last: dict[int, records.Review] = {}
    for one in forge(seen).store.select(records.Review, "issue_id = ? order by id", pull.id):
        if one.state in {"APPROVED", "CHANGES_REQUESTED", "DISMISSED"}:
            last[one.author_id] = one
    return list(last.values())


def failed_on_base(seen: Seen, task: Task) -> list[str]:
    """The checks whose last run on the base's tip failed, as the forge holds them."""
    repo = repositories(seen)[task.repo]
    where = "repo_id = ? and name = ?"
    tip = forge(seen).store.first(records.Ref, where, repo.id, f"{HEADS}{task.base}")
    if tip is None:
        return []
    runs = checks.latest_runs(forge(seen), repo.id, tip.sha)
    bad = {"failure", "cancelled", "timed_out", "action_required", "startup_failure"}
    return [run.name for run in runs if run.conclusion in bad]


def fields(**told: Any) -> str:
    return ", ".join(f"{name} {value}" for name, value in told.items())
