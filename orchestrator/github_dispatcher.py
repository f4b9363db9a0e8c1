"""From a Ready issue to a task in the inbox."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from msgspec import structs

from orchestrator import (
    conditions,
    disk,
    gh_project,
    github_sync,
    intake,
    questions,
    rereading,
    tick,
)
from orchestrator.adapters import mailroom
from orchestrator.adapters.gh_queries import BoardPage, Labelled
from orchestrator.intake import Asked, Candidate
from orchestrator.records.config import BoardConfig, RepositoryConfig
from orchestrator.records.errors import GitHubTrouble, Trouble
from orchestrator.records.task import ENDED, PERSON, UNDER_WAY, State, marked
from orchestrator.records.tracker import Issue
from orchestrator.rules import failures, rounds
from orchestrator.rules.pacing import Purpose
from orchestrator.world import World

ABOUT = (
    "Turn every Ready issue into a task in runtime/mailbox/inbox, as many as one run may. It "
    "starts no agent; cron starts it every minute."
)


def main(argv: Sequence[str] | None = None) -> int:
    return tick.run("github_dispatcher", story, argv, about=ABOUT)


def story(world: World) -> None:
    """Look at boards and labels, decide for each Ready issue, dispatch as many as a tick may."""
    waits = questions.Waits(world)
    candidates = {one.issue_node: one for one in look(world, waits)}
    found = world.read.issues_or_why(list(candidates)) if candidates else {}
    ready = [
        (candidates[node], issue) for node, issue in found.items()
        if isinstance(issue, Issue) and issue.open
    ]  # fmt: skip
    for node, why in found.items():
        if isinstance(why, GitHubTrouble):
            with tick.isolated(world, f"{candidates[node].where}: left alone, not readable whole"):
                raise why
    if world.dry_run and not ready:
        world.say("nothing is Ready")
    asked = Asked(world)
    asked.look_ahead(issue for _, issue in ready)
    left = world.config.max_dispatch_per_tick
    for candidate, issue in sorted(ready, key=lambda pair: intake.urgency(*pair)):
        where = f"{issue.repo}#{issue.number}"
        with tick.isolated(world, where):
            if left > 0:
                left -= dispatch(world, asked, candidate, issue)
            elif intake.new(world, candidate, issue):
                world.say(f"{where}: waits for the next tick (max_dispatch_per_tick)")
    for task in waits.dropped():
        with tick.isolated(world, f"{task.repo}#{task.issue}"):
            questions.drop(world, task)
    for task, comment in questions.answered(world, waits):
        where = f"{task.repo}#{task.issue}"
        # One that was set Ready as well has its new round already.
        if task.issue_node in candidates or left <= 0 or not disk.may_start(world):
            continue
        with tick.isolated(world, where):
            scarce = world.limits.reserved(Purpose.NEW_WORK)
            if scarce:
                world.say(f"{where}: an answer waits: {scarce}")
                continue
            left -= questions.resume(world, task, comment)


# --- look -----------------------------------------------------------------------------------


def look(world: World, waits: questions.Waits) -> Iterator[Candidate]:
    """Everything Ready: on the boards, and by label on issues that may be off them.

    What is heard of the issues that wait for a person is put into `waits`, at no further request.
    """
    for repository in (world.only,) if world.only else world.config.repositories:
        if reason := world.stopped(repository.slug):
            world.say(f"{repository.slug}: switched off: {reason}")
    repositories = {repo.slug.lower(): repo for repo in world.repositories}
    cards: dict[str, intake.Card] = {}
    unread: set[BoardConfig] = set()
    boards = tuple(dict.fromkeys(one for repo in world.repositories for one in repo.boards))
    by_label = at_once(world, list(repositories.values()), waits, boards)
    for slug in told_closed(world, by_label):
        repositories.pop(slug.lower())  # what is Ready there stays so, and nothing is written
    for board in boards:
        with tick.isolated(world, f"board {board.name}"):
            unread.add(board)
            page = gh_project.look(world, board, by_label.boards.get(board.name))
            gh_project.option_id(page.board, board, board.ready)
            unread.discard(board)
            for entry in page.entries:
                its = repositories.get(entry.repo.lower())
                if its is not None and board in its.boards:
                    cards.setdefault(entry.issue_node, (board, entry))
            yield from on_board(world, board, page, repositories)
            gh_project.tidy(world, board, page)
    tell_of_unheard(world, waits, by_label)
    waits.answers |= by_label.answers
    waits.closed |= by_label.closed
    for slug, nodes in by_label.found.items():
        its = repositories.get(slug.lower())
        if its is None:
            continue
        if not unread.isdisjoint(its.boards):
            if nodes:
                world.say(f"{slug}: {len(nodes)} with the label ready wait for their board")
            continue  # absence from a board that was not read whole means nothing (A8)
        for node in nodes:
            number = by_label.numbers.get(node, 0)
            yield intake.candidate(its, node, cards.get(node), by_label=True, number=number)


def on_board(
    world: World,
    board: BoardConfig,
    page: BoardPage,
    repositories: dict[str, RepositoryConfig],
) -> Iterator[Candidate]:
    for card in page.unseen:
        if card.status == board.ready:
            said = f"its card {card.id} is Ready and shows the token no issue; left alone"
            world.say(f"board {board.name}: {said}")
    for entry in page.entries:
        if entry.item.status != board.ready:
            continue
        repository = repositories.get(entry.repo.lower())
        if repository is not None and board in repository.boards:
            yield intake.candidate(repository, entry.issue_node, (board, entry))
        elif repository is not None:
            world.say(
                f"{entry.repo}#{entry.number}: left alone on the board {board.name}, which is not "
                "its; name the repository under that project too, or use the label ready"
            )
        elif world.only is None and world.config.repository(entry.repo) is None:
            world.say(f"{entry.repo}#{entry.number}: left alone, not a repository of the config")


def at_once(
    world: World,
    repositories: list[RepositoryConfig],
    waits: questions.Waits,
    boards: Sequence[BoardConfig],
) -> Labelled:
    """All labels and each board's first page in one request: most ticks need no other one.

    A board that is closed to us, or too large, must not hide the labels: then it is asked for by
    itself.
    """
    slugs = [repository.slug for repository in repositories]
    if not slugs:
        return Labelled(found={}, sights={}, answers={})
    ask = partial(
        world.read.labelled, slugs, intake.READY_LABEL,
        questions=waits.turn(waits.asking), states=waits.turn(waits.others),
    )  # fmt: skip
    try:
        told = ask(boards=boards)
    except GitHubTrouble as trouble:
        if not boards or trouble.trouble in failures.EVERYBODYS | {Trouble.NETWORK}:
            raise
        told = ask()
    return told


def told_closed(world: World, by_label: Labelled) -> list[str]:
    """The repositories in which we cannot work, each told why."""
    found = [
        slug for slug, sight in by_label.sights.items()
        if conditions.tell_the_sight(world, slug, sight)
    ]
    # With others beside it that go on, this is a degraded tick; alone, it needs a person.
    world.troubles.extend(tick.CONFIG if world.only else tick.DEGRADED for _ in found)
    unread = [one.slug for one in world.repositories if one.slug in by_label.unread]
    for slug in unread:
        with tick.isolated(world, f"{slug}: not looked at"):
            raise by_label.unread[slug]
    return list(dict.fromkeys([*found, *unread]))


def tell_of_unheard(world: World, waits: questions.Waits, by_label: Labelled) -> None:
    """Nothing is known of an issue that GitHub does not tell of: its task goes on waiting."""
    for node, task in {**waits.others, **waits.asking}.items():
        if node in by_label.unread:
            with tick.isolated(world, f"{task.repo}#{task.issue}: not heard"):
                raise by_label.unread[node]


# --- act ------------------------------------------------------------------------------------


def dispatch(world: World, asked: Asked, candidate: Candidate, issue: Issue) -> int:
    """Carry out what this Ready means; how many tasks were started, 0 or 1."""
    where = f"{issue.repo}#{issue.number}"
    world.check_switches(issue.repo)
    intake.mark_what_was_put_aside(world, issue)
    meant = intake.plan(world, candidate, issue)
    if isinstance(meant, rounds.Nothing):
        world.say(f"{where}: nothing: {meant.reason}")
        return 0
    if isinstance(meant, rounds.RepairBoard):
        why = f"its Ready {meant.why} ({meant.task_id}); shown as {meant.shown} again"
        if world.decided(where, why):
            repair(world, candidate, issue, meant)
        return 0
    scarce = world.limits.reserved(Purpose.NEW_WORK)
    if scarce:
        world.say(f"{where}: waits: {scarce}")
        return 0
    refused = intake.objection(world, asked, candidate, issue)
    if refused:
        world.say(f"{where}: {refused}")
        return 0
    if not disk.may_start(world):
        world.say(f"{where}: waits for room on the disk")
        return 0
    if isinstance(meant, rounds.NewRound):
        return begin_round(world, candidate, issue, meant)
    task = intake.new_task(world, candidate, issue, meant.at)
    if github_sync.was_told(world, task) and world.mailroom.holds(task.task_id) is None:
        if world.decided(where, f"a person removed {task.task_id}, which its Ready had begun"):
            unlabel(world, candidate, issue)
        return 0
    if world.decided(where, f"dispatched as {task.task_id} ({task.task_type}, {task.priority})"):
        if not world.mailroom.enqueue(task, by=world.script):
            world.say(f"{where}: {task.task_id} exists already")
        show_taken_up(world, candidate, issue, task.task_id)
        world.events.add("dispatched", task=task, reason=f"{task.task_type}, {task.deliverable}")
    return 1


def show_taken_up(world: World, candidate: Candidate, issue: Issue, task_id: str) -> None:
    """After the file is durable: the comment, the board, the label; each may be repeated.

    The file is read again under the lock: a worker may have come and gone since it was queued.
    """
    lock = world.locks.try_task(task_id)
    if lock is None:
        return  # a worker has it already; the next tick repairs what GitHub shows
    with lock:
        files = world.mailroom.find(issue.repo, issue.number)
        found = next((one for one in files if one.task.task_id == task_id), None)
        if found is not None and found.state in UNDER_WAY:
            task = github_sync.tell(world, found.task)
            task = github_sync.in_progress(world, candidate.repository, task)
            if task != found.task:
                world.mailroom.update(task)
        unlabel(world, candidate, issue)


def unlabel(world: World, candidate: Candidate, issue: Issue) -> None:
    if candidate.by_label:
        world.write.remove_label(issue.repo, issue.number, intake.READY_LABEL)


def repair(world: World, candidate: Candidate, issue: Issue, meant: rounds.RepairBoard) -> None:
    """The Ready was used up, and what GitHub shows was not written, or a person set it again."""
    there = world.mailroom.done_of if meant.shown is rounds.Shown.DONE else world.mailroom.find
    for found in there(issue.repo, issue.number):
        if found.task.task_id != meant.task_id:
            continue
        lock = world.locks.try_task(meant.task_id)
        if lock is None:
            return
        with lock:
            task = github_sync.tell(world, found.task)
            board = candidate.board
            if candidate.by_board and board is not None:
                task = structs.replace(task, board_item=candidate.item_id, board=board.name)
                shown = getattr(board, meant.shown)
                gh_project.place_card(world, board, task, shown, seen_elsewhere=True)
            if task != found.task:
                world.mailroom.update(task)
    unlabel(world, candidate, issue)


def begin_round(world: World, candidate: Candidate, issue: Issue, meant: rounds.NewRound) -> int:
    """The same file back to the inbox, counted from zero, its history kept; 1 when it is there.

    Not where a person's hand was quicker since it was judged: the next tick judges anew.
    """
    where, said = f"{issue.repo}#{issue.number}", f"new round of {meant.task_id}"
    if world.dry_run:
        return int(not world.decided(where, said))
    lock = world.locks.try_task(meant.task_id)
    if lock is None:
        world.say(f"{where}: deferred: {questions.BUSY}")
        return 0
    with lock:
        there = world.mailroom.find(issue.repo, issue.number)
        found = next((one for one in there if one.task.task_id == meant.task_id), None)
        if found is None or intake.plan(world, candidate, issue) != meant:
            world.say(f"{where}: deferred: its task has moved on")
            return 0
        world.decided(where, said)
        before = found.task
        if found.state in ENDED:  # a move by hand that no mark tells of yet is part of its history
            at = world.mailroom.moved_at(found)
            before = marked(before, found.state, at, PERSON)
        task = rereading.taken(world, candidate, issue, before)
        task = structs.replace(mailroom.new_round(task), ready_at=meant.at)
        if candidate.board is not None:
            task = structs.replace(task, board_item=candidate.item_id, board=candidate.board.name)
        task = world.mailroom.move(task, State.INBOX, by=world.script)
    show_taken_up(world, candidate, issue, task.task_id)
    world.events.add("new_round", task=task, reason=f"round {task.round}")
    return 1


if __name__ == "__main__":
    tick.entry(main)
