"""A pull request that takes a merge of ours back: offered, never merged by us, made once."""

from __future__ import annotations

import itertools
from pathlib import Path

from msgspec import Struct, structs

from orchestrator import codebase_memory, groundwork, tick, workspace
from orchestrator.adapters import files, history, reversal
from orchestrator.adapters.git import Git
from orchestrator.adapters.wire import Refused
from orchestrator.records.change import Reversal
from orchestrator.records.errors import AgentOSError, GitHubTrouble, Trouble
from orchestrator.records.task import RevertEnd, State, Task
from orchestrator.texts import messages
from orchestrator.world import World


class Offer(Struct, frozen=True, kw_only=True):
    """The pull request that takes a merge back; `state` is GitHub's, or "merged".

    It is the `nth` that was offered: the ones before were closed. `remade`: a moment ago, because
    it could not be merged any longer.
    """

    number: int
    url: str
    state: str
    nth: int = 1
    remade: bool = False


class CannotRevert(AgentOSError):
    """No revert can be offered by us; nothing was pushed, and the text says what is left to do."""

    exit_code = 2


def offer(world: World, task: Task, why: str, *, anew: bool = False) -> tuple[Offer, Task]:
    """As `offered`, and its number in the task's file, so that it is known from here too."""
    made = offered(world, task, why, anew=anew)
    return made, noted(world, task, made)


def offered(world: World, task: Task, why: str, *, anew: bool) -> Offer:
    """The revert of a merged task as a pull request, the same one however often it is asked for.

    It is based on the newest tip of the base. With `anew`, a person's own wish, one that is open
    and cannot be merged any longer is remade there, and after one that was closed comes another.
    Raises CannotRevert where later work changed the same lines, where nothing of the merge is
    left, or where the task was not merged; and GitHubTrouble, OutcomeUnknown.
    """
    known = existing(world, task)
    if known is not None and not anew:
        return known
    if known is not None and known.state != "closed":
        return remade(world, task, known) if known.state == "open" else known
    number, merge_sha = merged(task)
    room = workspace.of(world)
    nth = known.nth + 1 if known else 1
    branch = branch_of(task, nth)
    there = world.wire.ls(room.url(task.repo), f"refs/heads/{branch}")
    if there is None:
        made = prepared(world, task)
        outcome = room.push(task.repo, branch, made.sha, expected="")
        if isinstance(outcome, Refused):
            raise CannotRevert(f"GitHub refused the branch {branch}: {outcome.reason}")
    made_as = opened(world, task, why, number=number, merge_sha=merge_sha, nth=nth)
    world.events.add("revert_offered", task=task, reason=why, pull_request=made_as)
    return Offer(number=made_as, url=address(world, task, made_as), state="open", nth=nth)


def remade(world: World, task: Task, known: Offer) -> Offer:
    """The same pull request on the present base, where it clashes with it; never over others' work.

    Raises CannotRevert where somebody else pushed to its branch, or later work stands in the way.
    """
    room, branch = workspace.of(world), branch_of(task, known.nth)
    tip = room.refresh(task.repo, task.base, branch=branch)
    head, git = room.remote_tip(task.repo, branch), room.git(task.repo)
    if head is None or not history.trial(git, tip, head)[1]:
        return known
    if not is_ours(world, git, task, head=head, tip=tip):
        raise CannotRevert(
            f"{known.url} clashes with {task.base}, and its branch {branch} holds commits of "
            "somebody else, so it was left alone: mend it there, or close it and ask again"
        )
    if world.dry_run:
        return structs.replace(known, remade=True)
    made = prepared(world, task)
    outcome = room.push(task.repo, branch, made.sha, expected=head)
    if isinstance(outcome, Refused):
        raise CannotRevert(f"GitHub refused the branch {branch}: {outcome.reason}")
    return structs.replace(known, remade=True)


def is_ours(world: World, git: Git, task: Task, *, head: str, tip: str) -> bool:
    """Whether the branch is one commit of ours on some older base, and nothing else."""
    _, merge_sha = merged(task)
    [commit] = history.commits(git, (head,))
    ours = world.redact(messages.revert_message(task, merge_sha))
    return (
        commit.committer_email == world.config.commit_email
        and commit.message.strip() == ours.strip()
        and len(commit.parents) == 1
        and git.is_ancestor(commit.parents[0], tip)
    )


def prepared(world: World, task: Task) -> Reversal:
    """The commit of the revert, in our store alone; raises CannotRevert."""
    number, merge_sha = merged(task)
    room = workspace.of(world)
    tip = room.refresh(task.repo, task.base)
    git = room.git(task.repo)
    if not git.has_commit(merge_sha) or not git.is_ancestor(merge_sha, tip):
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
            memory=codebase_memory.left_alone(git, tip),
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
        said = "it was not merged; nothing to take back"
        if task.pull_request is not None and task.round > 1:  # a new round forgets a merge
            said = (
                f"it was not merged in round {task.round}; if it was before, Revert on pull "
                f"request #{task.pull_request.number} takes it back on GitHub"
            )
        raise CannotRevert(f"{task.repo} {task.task_id}: {said}")
    return task.pull_request.number, task.merge.sha


def existing(world: World, task: Task) -> Offer | None:
    """The newest pull request that was to take it back, open or not: each has its own branch."""
    found = None
    for nth in itertools.count(1):
        pulls = world.read.pulls_of_branch(task.repo, branch_of(task, nth))
        if not pulls:
            return found
        newest = pulls[-1]
        found = Offer(
            number=newest.number,
            url=address(world, task, newest.number),
            state="merged" if newest.merged_at else newest.state,
            nth=nth,
        )
        if found.state != "closed":
            return found
    return None


def address(world: World, task: Task, number: int) -> str:
    return f"{world.config.github_web_url.rstrip('/')}/{task.repo}/pull/{number}"


def opened(
    world: World, task: Task, why: str, *, number: int, merge_sha: str, nth: int
) -> int:
    """Open the pull request, once; its number."""
    marker = world.markers.line(task, "revert")
    body = messages.revert_body(task, why, number=number, merge_sha=merge_sha, marker=marker)
    key = f"{task.key}:revert{nth if nth > 1 else ''}"

    def find() -> str | None:
        found = existing(world, task)
        return str(found.number) if found and found.nth == nth else None

    def make() -> str:
        made = world.write.open_pull_request(
            task.repo,
            title=world.redact(messages.revert_title(task, number)),
            body=world.redact(body),
            head=branch_of(task, nth),
            base=task.base,
        )
        return str(made.number)

    try:
        return int(world.effects.once(task.task_id, key, find=find, make=make))
    except GitHubTrouble as trouble:
        # 422: one that is open from this branch already; a list that lagged behind sees it now.
        again = find() if trouble.trouble is Trouble.VALIDATION else None
        if again is None:
            raise
        return int(again)


def branch_of(task: Task, nth: int = 1) -> str:
    """Of this round: what a later round of the same task merged is another thing to take back."""
    later = f"-{task.round}" if task.round > 1 else ""
    again = f"-again{nth}" if nth > 1 else ""
    return f"agent/revert-{task.task_id}{later}{again}"


# --- what becomes of it --------------------------------------------------------------------------


def follow(world: World) -> None:
    """Note the end of each revert that is open, in its task's file; a request for each."""
    for task_id in open_ones(world):
        place = following(world) / task_id
        found = world.mailroom.fit(world.mailroom.path(State.DONE, task_id))
        if found is None or found.task.merge is None or found.task.merge.revert is None:
            files.remove_file(place)
            continue
        task = found.task
        if world.repository_of(task) is None or world.dry_run:
            continue
        with tick.isolated(world, f"{task.repo} {task.task_id}"):
            known = existing(world, task)
            lock = world.locks.try_task(task.task_id) if known else None
            if known is not None and lock is not None:
                with lock:
                    noted(world, world.mailroom.see(found), known)


def noted(world: World, task: Task, known: Offer) -> Task:
    """The revert and its end in the task's file; an open one is followed from now on."""
    assert task.merge is not None  # or there were none
    end = RevertEnd(known.state) if known.state != "open" else None
    place = following(world) / task.task_id
    if end is None and not place.exists():
        open_ones(world)  # makes the folder
        files.write_durably(place, b"", replace=True)
    mark = task.merge
    if mark.revert != known.number:
        mark = structs.replace(mark, revert=known.number, revert_made=world.clock.now())
    if (mark := structs.replace(mark, revert_end=end)) != task.merge:
        task = world.mailroom.update(structs.replace(task, merge=mark))
    if end is not None:
        files.remove_file(place)
    return task


def open_ones(world: World) -> list[str]:
    """The tasks whose revert is followed, a file for each; searched for once, where it is lost."""
    folder = following(world)
    if not folder.is_dir() and not world.dry_run:
        marks = ((task.task_id, task.merge) for task in world.mailroom.list_state(State.DONE))
        lost = [name for name, mark in marks if mark and mark.revert and not mark.revert_end]
        files.make_folder(folder)
        for name in lost:
            files.write_durably(folder / name, b"", replace=True)
    return sorted(path.name for path in folder.glob("[!.]*"))


def following(world: World) -> Path:
    return world.paths.state / "reverts"
