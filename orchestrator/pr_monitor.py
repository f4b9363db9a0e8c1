"""From an open pull request of ours to a verified merge, or to the person who is needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from msgspec import structs

from orchestrator import (
    aftermath,
    alerts,
    foresight,
    landing,
    repairs,
    reverting,
    scrutiny,
    tick,
    workspace,
)
from orchestrator.adapters.git import GitError
from orchestrator.records.errors import GitHubTrouble
from orchestrator.records.task import State, Task
from orchestrator.records.tracker import PullRequest
from orchestrator.records.verdicts import (
    Cancelled,
    Escalate,
    Merged,
    PullRequestVerdict,
    Rework,
)
from orchestrator.rules import failures, lanes, merge
from orchestrator.rules.conflicts import Ahead
from orchestrator.rules.facts import Facts
from orchestrator.rules.lanes import Action
from orchestrator.world import World

ABOUT = (
    "Merge, update, repair, wait for or hand over every open pull request of ours; cron starts it "
    "every five minutes."
)
GONE_KEY = "gone "  # and a task: the alert of its pull request
GONE = timedelta(hours=24)  # so long a pull request may be missing before a person hears of it


def main(argv: Sequence[str] | None = None) -> int:
    return tick.run("pr_monitor", story, argv, about=ABOUT)


def story(world: World) -> None:
    """One request for all pull requests, a verdict for each, at most one merge for each base."""
    aftermath.watch(world)
    reverting.follow(world)
    tasks = watched(world)
    if not tasks:
        tell_of_what_is_back(world, ())
        return
    asked = world.clock.now()
    pulls = world.read.pull_requests_or_why([link(task) for task in tasks])
    tell_of_what_is_back(world, [one for one in tasks if is_seen(pulls.get(link(one)))])
    looked: list[Facts] = []
    with scrutiny.Scrutiny(world, tasks) as scrutiny_:
        for task in tasks:
            pull = pulls.get(link(task))
            with minded(world, task):
                if pull is None:
                    world.say(f"{where(task)}: its pull request was not in GitHub's answer; waits")
                    if scrutiny_.missing(task) >= GONE and task.state is State.REVIEW:
                        tell_of_what_is_gone(world, task)
                    continue
                if isinstance(pull, GitHubTrouble):
                    raise pull
                facts = scrutiny_.facts(task, pull)
                looked.append(structs.replace(facts, read_at=asked))
        # Who is only watched is nobody's front: the others would wait for it for ever.
        candidates = [facts for facts in looked if not hands_off(facts)]
        ahead = foreseen(world, looked, fetched=bool(scrutiny_.tips))
        turns = merge.turns(candidates, ahead, world.clock.now())
        fronts = merge.order(candidates, world.clock.now(), turns)
        merged_bases: set[tuple[str, str]] = set()
        for facts in looked:
            with minded(world, facts.task):
                place = (facts.pull.repo, facts.pull.base)
                front = fronts.get(place) == facts.pull.number and place not in merged_bases
                turn = turns.get((facts.pull.repo, facts.pull.number), merge.NOBODY)
                placed = structs.replace(facts, front=front, gives_way=turn.reason)
                verdict = merge.judge(placed, world.clock.now())
                scrutiny_.decided(facts.task, spoken(only_recorded(placed, verdict)))
                if act(world, placed, verdict):
                    merged_bases.add(place)
        repairs.tell_of_red_bases(world, candidates)


def foreseen(world: World, looked: Sequence[Facts], *, fetched: bool) -> Ahead:
    """What will conflict; its trouble costs a better order of merges, and never a merge."""
    with tick.isolated(world, "conflicts are not foreseen"):
        return foresight.look(world, looked, fetched=fetched)
    return Ahead()


def tell_of_what_is_gone(world: World, task: Task) -> None:
    """Where the repository is not closed to us it was made anew, and no look brings it back."""
    if landing.waits_for_the_repository(world, task):
        return
    alerts.alert(
        world,
        GONE_KEY + task.task_id,
        f"{where(task)}: GitHub has not shown its pull request for a day. If it is gone for good: "
        f"bin/task.sh cancel {task.task_id}, and set its issue Ready again for a new one.",
        task=task,
    )


def is_seen(pull: PullRequest | GitHubTrouble | None) -> bool:
    return pull is not None and not isinstance(pull, GitHubTrouble)


def tell_of_what_is_back(world: World, seen: Sequence[Task]) -> None:
    """What was gone is over where it is seen again, or where nobody waits for it any more."""
    back = {task.task_id for task in seen}
    for raised in alerts.raised(world, GONE_KEY):
        task_id = raised.key.removeprefix(GONE_KEY)
        if task_id in back:
            alerts.recovered(world, raised.key, f"GitHub shows the pull request of {task_id} again")
        elif world.mailroom.holds(task_id) is not State.REVIEW:
            alerts.recovered(world, raised.key, f"{task_id} waits for its pull request no more")


@contextmanager
def minded(world: World, task: Task) -> Iterator[None]:
    """One task's trouble never stops the next; a store that git finds damaged is made anew."""
    with tick.isolated(world, where(task)):
        try:
            yield
        except GitError as error:
            if workspace.of(world).doubt(task.repo, error):
                world.say(f"{task.repo}: its store is damaged; the next fetch makes it anew")
            raise


def watched(world: World) -> list[Task]:
    """Every file with a pull request that may still change: in review/, and in escalated/.

    A repository that is switched off, by a person or frozen by us, is left as it is.
    """
    found = list(world.mailroom.list_state(State.REVIEW))
    # What a person put there a moment ago says still that it is in review: it is left to them
    # until the reaper has written down where it is.
    found += [
        task for task in world.mailroom.list_state(State.ESCALATED)
        if task.pull_request and task.state is State.ESCALATED
    ]  # fmt: skip
    kept = []
    off = {repo: world.stopped(repo) for repo in dict.fromkeys(task.repo for task in found)}
    for repo in filter(off.get, off):
        world.say(f"{repo}: switched off: {off[repo]}")
    for task in found:
        if off[task.repo]:
            continue
        if world.repository_of(task) is None:
            if world.only is None:
                world.say(f"{where(task)}: kept as it is, its repository is not in the config")
        elif task.pull_request is None:
            world.say(f"{where(task)}: in review/ without a pull request; move it to inbox/")
        else:
            kept.append(task)
    return kept


def act(world: World, facts: Facts, verdict: PullRequestVerdict) -> bool:
    """Carry out one verdict while its file is where we saw it; True when the base was changed."""
    verdict = only_recorded(facts, verdict)
    if not world.decided(where(facts.task), spoken(verdict)):
        return False
    lock = world.locks.try_task(facts.task.task_id)
    if lock is None:
        world.say(f"{where(facts.task)}: somebody else works on it; the next tick looks again")
        return False
    with lock:
        if objection := landing.called_off(world, facts.task):
            world.say(f"{where(facts.task)}: {objection}; the next tick looks again")
            return False
        if isinstance(verdict, Rework | Escalate | Cancelled):
            world.check_switches(facts.task.repo)  # set, or frozen by us, since the tick began
        try:
            return landing.ACTIONS[type(verdict)](world, facts, verdict)
        except GitHubTrouble as trouble:
            passing = trouble.trouble in failures.PASSING
            if passing or not landing.waits_for_the_repository(world, facts.task):
                raise
            world.say(f"{where(facts.task)}: waits: {world.redact(str(trouble))}")
            return False


def only_recorded(facts: Facts, verdict: PullRequestVerdict) -> PullRequestVerdict:
    """An escalated task, or one in lane dispatcher_only, is watched and not touched."""
    if not hands_off(facts) or isinstance(verdict, Merged | Cancelled):
        return verdict
    return landing.wait("only watched: " + spoken(verdict))


def hands_off(facts: Facts) -> bool:
    return facts.task.state is State.ESCALATED or not lanes.may(
        facts.repository.automation_mode, Action.MERGE
    )


def spoken(verdict: PullRequestVerdict) -> str:
    return f"{type(verdict).__name__.lower()}: {verdict.reason}"


def where(task: Task) -> str:
    number = f"#{task.pull_request.number}" if task.pull_request else ""
    return f"{task.repo}{number} {task.task_id}"


def link(task: Task) -> str:
    return task.pull_request.node_id if task.pull_request else ""


if __name__ == "__main__":
    tick.entry(main)
