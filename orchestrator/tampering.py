"""What the rules of tampering get to see, and who is told what they find."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import structs

from orchestrator import github_sync, workspace
from orchestrator.adapters import history
from orchestrator.adapters.git import Git
from orchestrator.records.change import ChangedText
from orchestrator.records.result import AnswerKind, BlockerCode, Result
from orchestrator.records.suspicion import Suspicion
from orchestrator.records.task import RepairItem, RepairKind, Task
from orchestrator.records.verdicts import AttemptVerdict
from orchestrator.rules import tamper
from orchestrator.texts import suspicions as texts
from orchestrator.worktree import Worktree
from orchestrator.world import World

LABEL = "needs-approval"
OURS = "orchestrator/pr_monitor.py"  # a repository that has it is the orchestrator's own
MOST = 40  # findings that are asked about, or named to a person


def of_attempt(
    world: World, task: Task, tree: Worktree, snapshot: str, result: Result
) -> tamper.Verdict:
    """The verdict on a worktree as it would be committed; raises GitError."""
    git = workspace.of(world).git(tree.slug)
    return tamper.judge(
        tamper.Facts(
            files=files(history.texts(git, tree.base_sha, snapshot)),
            task_type=task.task_type,
            issue=f"{task.title}\n{task.body}",
            red=red(task.repair_items),
            reasons=reasons(task, result),
            asked=was_asked(task),
            itself=is_ours(git, tree.base_sha),
        )
    )


def was_asked(task: Task) -> bool:
    """Whether an attempt of this round, since the last delivery, went back with questions."""
    made = [one for one in task.this_round if one.code is BlockerCode.UNEXPLAINED_CHANGE]
    delivered = [one.n for one in task.attempts if one.verdict is AttemptVerdict.DELIVER]
    return any(one.n > max(delivered, default=0) for one in made)


def of_head(
    world: World, task: Task, base_tip: str, heads: tuple[str, ...]
) -> tuple[Suspicion, ...]:
    """What a person must look at in a pull request: `heads` are its head and those it carries.

    An attempt that delivered one of them was judged whole. Work that nobody judged so is judged
    here, without a question to anybody. What is protected by its path is looked up again (S14).
    """
    git = workspace.of(world).git(task.repo)
    ours = is_ours(git, base_tip)
    base = history.merge_base(git, base_tip, heads[0]) or base_tip
    changes = files(history.texts(git, base, history.tree_of(git, heads[0])))
    for attempt in reversed(task.attempts):
        if attempt.head_sha in heads and attempt.suspicions is not None:
            found = (*attempt.suspicions, *tamper.protected(changes, itself=ours))
            return tuple(dict.fromkeys(redacted(world, found)))
    verdict = tamper.judge(
        tamper.Facts(
            files=changes, task_type=task.task_type, issue=f"{task.title}\n{task.body}",
            asked=True, itself=ours,
        )
    )  # fmt: skip
    return left_to_a_person(world, verdict)


def files(changes: Iterable[ChangedText]) -> tuple[tamper.File, ...]:
    """As the rules take them; a path that is no text is written so that it can be told."""
    return tuple(
        tamper.File(
            path=one.path.encode("utf-8", "replace").decode(), before=one.before, after=one.after,
            mode=one.mode, old_mode=one.was, unread=one.unread,
        )
        for one in changes
    )  # fmt: skip


def is_ours(git: Git, base: str) -> bool:
    return history.read_file(git, base, OURS) is not None


def red(items: Iterable[RepairItem]) -> str:
    """What the red checks said that are to be repaired."""
    return "\n".join(f"{one.where}\n{one.text}" for one in items if one.kind is RepairKind.CHECK)


def reasons(task: Task, result: Result) -> tuple[str, ...]:
    """The agent's words for what it did: its decisions, and its answers to what was asked."""
    asked = {one.number: one.where for one in task.repair_items}
    said = tuple(
        f"{asked[one.item]} {one.said}"
        for one in result.answers
        if one.item in asked and one.kind is AnswerKind.DISAGREE and one.said
    )
    return (*result.decisions, *said)


def asked_of(verdict: tamper.Verdict) -> tuple[str, ...]:
    """What the agent owes a reason or a fix for, a clause each."""
    if not isinstance(verdict, tamper.NeedsReason):
        return ()
    return tuple(f"{one.where} {one.said}" for one in verdict.suspicions[:MOST])


def left_to_a_person(world: World, verdict: tamper.Verdict) -> tuple[Suspicion, ...]:
    """What stays, redacted; a question that could not be put any more is a person's as well."""
    return () if isinstance(verdict, tamper.Allow) else redacted(world, verdict.suspicions[:MOST])


def redacted(world: World, found: Iterable[Suspicion]) -> tuple[Suspicion, ...]:
    """They quote lines of the work, and of what stood there before it (S15)."""
    return tuple(
        structs.replace(one, path=world.redact(one.path), said=world.redact(one.said))
        for one in found
    )


def items(world: World, task: Task, verdict: tamper.Verdict) -> tuple[RepairItem, ...]:
    """What the next attempt has to answer: what it had before, and each finding."""
    kept = tuple(one for one in task.repair_items if one.kind is not RepairKind.SUSPICION)
    found = verdict.suspicions[:MOST] if isinstance(verdict, tamper.NeedsReason) else ()
    first = max((one.number for one in kept), default=0) + 1
    return kept + tuple(
        RepairItem(
            number=number, kind=RepairKind.SUSPICION, where=world.redact(one.where),
            text=world.redact(texts.question(one)),
        )
        for number, one in enumerate(found, first)
    )  # fmt: skip


def tell(world: World, task: Task, number: int, found: tuple[Suspicion, ...]) -> None:
    """The label and one comment that names each finding; once for what was found (S13).

    The label goes when a later delivery gives no cause any more.
    """
    label(world, task, number, wanted=bool(found))
    if not found:
        return
    name = texts.digest(found)
    marker = world.markers.line(task, f"suspicions {name}")
    github_sync.comment_below(
        world, task, number, f"suspicions:{name}", texts.comment(found, marker=marker),
        marker=marker, what="telling why a person must look",
    )  # fmt: skip
    world.effects.settled(
        task.task_id, f"{task.key}:approval-asked", name,
        lambda: world.events.add(
            "needs_approval", task=task, reason=found[0].said, pull_request=number, found=len(found)
        ),
    )  # fmt: skip


def label(world: World, task: Task, number: int, *, wanted: bool) -> None:
    key = f"{task.key}:label-{LABEL}"
    last = world.effects.last(task.task_id, key)
    if not wanted and last is None:
        return
    change = world.write.add_label if wanted else world.write.remove_label
    with github_sync.unless_refused(world, task, f"setting the label {LABEL}"):
        world.effects.settled(
            task.task_id, key, str(wanted), lambda: change(task.repo, number, LABEL)
        )

