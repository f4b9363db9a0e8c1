"""A pull request that takes a merge of ours back: offered, never merged by us, made once."""

from __future__ import annotations

from msgspec import Struct, structs

from orchestrator import codebase_memory, groundwork, workspace
from orchestrator.adapters import reversal
from orchestrator.adapters.wire import Refused
from orchestrator.records.change import Reversal
from orchestrator.records.errors import AgentOSError, GitHubTrouble, Trouble
from orchestrator.records.task import Task
from orchestrator.texts import messages
from orchestrator.world import World


class Offer(Struct, frozen=True, kw_only=True):
    """The pull request that takes a merge back; `state` is GitHub's, or "merged"."""

    number: int
    url: str
    state: str


class CannotRevert(AgentOSError):
    """No revert can be offered by us; nothing was pushed, and the text says what is left to do."""

    exit_code = 2


def offer(world: World, task: Task, why: str) -> tuple[Offer, Task]:
    """As `offered`, and its number in the task's file, so that it is known from here too."""
    made = offered(world, task, why)
    assert task.merge is not None  # or it had raised
    if task.merge.revert != made.number:
        mark = structs.replace(task.merge, revert=made.number)
        task = world.mailroom.update(structs.replace(task, merge=mark))
    return made, task


def offered(world: World, task: Task, why: str) -> Offer:
    """The revert of a merged task as a pull request, the same one however often it is asked for.

    It is based on the newest tip of the base. Raises CannotRevert where later work changed the
    same lines, where nothing of the merge is left, or where the task was not merged; and
    GitHubTrouble, OutcomeUnknown.
    """
    known = existing(world, task)
    if known is not None:
        return known
    number, merge_sha = merged(task)
    room = workspace.of(world)
    branch = branch_of(task)
    there = world.wire.ls(room.url(task.repo), f"refs/heads/{branch}")
    if there is None:
        made = prepared(world, task)
        outcome = room.push(task.repo, branch, made.sha, expected="")
        if isinstance(outcome, Refused):
            raise CannotRevert(f"GitHub refused the branch {branch}: {outcome.reason}")
    made_as = opened(world, task, why, number=number, merge_sha=merge_sha)
    world.events.add("revert_offered", task=task, reason=why, pull_request=made_as)
    return Offer(number=made_as, url=address(world, task, made_as), state="open")


def prepared(world: World, task: Task) -> Reversal:
    """The commit of the revert, in our store alone; raises CannotRevert."""
    number, merge_sha = merged(task)
    room = workspace.of(world)
    tip = room.refresh(task.repo, task.base)
    git = room.git(task.repo)
    if not git.has(f"{merge_sha}^{{commit}}") or not git.is_ancestor(merge_sha, tip):
        raise CannotRevert(f"{task.repo}: merge {merge_sha} is not on {task.base}: rewritten?")
    mark = task.merge
    assert mark is not None  # or `merged` had raised
    earlier = reversal.before(git, merge_sha=merge_sha, head=mark.head_sha, base=mark.base_sha)
    with room.hold(task.repo):
        made = reversal.make(
            git,
            merge_sha=merge_sha,
            earlier=earlier,
            tip=tip,
            ref=f"refs/heads/{branch_of(task)}",
            memory=codebase_memory.taken_back(
                git, task, merge_sha=merge_sha, earlier=earlier, tip=tip
            ),
            message=world.redact(messages.revert_message(task, merge_sha)),
            identity=groundwork.identity(world, git, tip),
        )
    if made.conflicts:
        paths = ", ".join(made.conflicts)
        raise CannotRevert(
            f"{task.repo}: later work changed the same lines as #{number}: {paths}. It cannot be "
            f"taken back by itself; do it by hand: git revert {merge_sha}"
        )
    if not made.sha:
        raise CannotRevert(f"{task.repo}: nothing of #{number} is left on {task.base}")
    return made


def merged(task: Task) -> tuple[int, str]:
    """The pull request's number and its merge; raises CannotRevert where there is none."""
    if task.pull_request is None or task.merge is None or not task.merge.sha or not task.base:
        raise CannotRevert(f"{task.repo} {task.task_id}: it was not merged; nothing to take back")
    return task.pull_request.number, task.merge.sha


def existing(world: World, task: Task) -> Offer | None:
    """The newest pull request from the revert's branch, open or not."""
    pulls = world.read.pulls_of_branch(task.repo, branch_of(task), task.base)
    if not pulls:
        return None
    newest = pulls[-1]
    return Offer(
        number=newest.number,
        url=address(world, task, newest.number),
        state="merged" if newest.merged_at else newest.state,
    )


def address(world: World, task: Task, number: int) -> str:
    return f"{world.config.github_web_url.rstrip('/')}/{task.repo}/pull/{number}"


def opened(world: World, task: Task, why: str, *, number: int, merge_sha: str) -> int:
    """Open the pull request, once; its number."""
    marker = world.markers.line(task, "revert")
    body = messages.revert_body(task, why, number=number, merge_sha=merge_sha, marker=marker)

    def find() -> str | None:
        found = existing(world, task)
        return str(found.number) if found else None

    def make() -> str:
        made = world.write.open_pull_request(
            task.repo,
            title=world.redact(messages.revert_title(task, number)),
            body=world.redact(body),
            head=branch_of(task),
            base=task.base,
        )
        return str(made.number)

    try:
        return int(world.effects.once(task.task_id, f"{task.key}:revert", find=find, make=make))
    except GitHubTrouble as trouble:
        # 422: one that is open from this branch already; a list that lagged behind sees it now.
        again = find() if trouble.trouble is Trouble.VALIDATION else None
        if again is None:
            raise
        return int(again)


def branch_of(task: Task) -> str:
    """Of this round: what a later round of the same task merged is another thing to take back."""
    later = f"-{task.round}" if task.round > 1 else ""
    return f"agent/revert-{task.task_id}{later}"
