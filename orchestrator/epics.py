"""An issue with the label `epic` is split into issues, each made once, and closed with the last.

A task like any other, which no agent works on: it waits in blocked/ and looks at its parts as
often as an hour. The parts are written into its file before the first is made, so that a crash
in between makes none twice and forgets none.
"""

from __future__ import annotations

from datetime import timedelta

from msgspec import structs

from orchestrator import gh_project, github_sync, llm, settle
from orchestrator.adapters import gh_rest, markers
from orchestrator.intake import READY_LABEL
from orchestrator.llm import Question
from orchestrator.records.config import RepositoryConfig
from orchestrator.records.effect import Stage
from orchestrator.records.errors import GitHubTrouble, Trouble
from orchestrator.records.reading import Split
from orchestrator.records.result import BlockerCode
from orchestrator.records.task import Part, State, Task, marked
from orchestrator.records.verdicts import Escalate
from orchestrator.rules import failures, lanes
from orchestrator.rules.lanes import Action
from orchestrator.texts import bounded, epics, prompts, templates
from orchestrator.world import World

PURPOSE = "splitting"
ISSUE_BYTES = 24_000
FEWEST = 2
LOOK_AGAIN = timedelta(hours=1)
CLOCKS_APART = timedelta(hours=1)  # GitHub's and ours, at most
BY = "queue"


def work(world: World, repository: RepositoryConfig, task: Task) -> None:
    """Split it, make what is missing, show how far it is; done when every part is closed.

    Raises GitHubTrouble, OutcomeUnknown.
    """
    if not task.parts:
        parts = split(world, repository, task)
        # A model thinks for minutes, and an issue that is filed cannot be taken back.
        pull = settle.pull_request_now(world, task)
        if settle.ended_by_a_person(world, repository, task, pull):
            return
        if len(parts) < FEWEST:
            reason = (
                "the epic could not be split: it lists no parts as `- [ ] ...`, and no agent of "
                "planner_agents gave any; set it Ready again when one can be asked, or close it "
                "and write the parts as issues"
            )
            settle.escalate(world, repository, task, Escalate(reason, BlockerCode.MISSING_CONTEXT))
            return
        task = world.mailroom.update(structs.replace(task, parts=parts))
        world.say(f"{task.repo} {task.task_id}: the epic has {len(parts)} parts")
    for number, part in enumerate(task.parts, start=1):
        if part.issue is None:
            task = made(world, task, number)
    task = without_twins(world, repository, task)
    numbers = [part.issue for part in task.parts if part.issue is not None]
    facts = world.read.issue_facts(task.repo, numbers)
    for number, found in facts.items():
        link(world, task, number, found.node)
        place(world, repository, task, number, found.node)
        if repository.epic_parts_ready:
            set_ready(world, task, number)
    open_ = {number: found.open for number, found in facts.items()}
    for nth, part in enumerate(task.parts, start=1):
        if part.issue is not None and part.issue not in facts:
            told = by_itself(world, task, part.issue, part_key(task, nth))
            open_ |= {} if told is None else {part.issue: told}
    unknown = [f"#{number}" for number in numbers if number not in open_]
    github_sync.comment_kept(
        world, task, "parts", lambda marker: epics.progress(task, open_, marker=marker)
    )
    if unknown or any(open_.values()):
        until = world.clock.now() + LOOK_AGAIN
        left = sum(open_.values())
        note = f"{left} of {len(numbers)} parts are open"
        if unknown:
            note += f", GitHub does not show {', '.join(unknown)}"
        world.say(f"{task.repo} {task.task_id}: {note}; looks again at {world.spoken(until)}")
        waiting = structs.replace(task, not_before=until, note=note, tries=0)
        world.mailroom.move(waiting, State.BLOCKED, by=BY)
        return
    finish(world, repository, task)


def split(world: World, repository: RepositoryConfig, task: Task) -> tuple[Part, ...]:
    """The parts that its author lists, else those that a model proposes; bounded in number."""
    listed = epics.listed(task.body)
    if len(listed) >= FEWEST:
        return listed[: epics.MOST]
    text = bounded.prose(task.body, ISSUE_BYTES)
    question = Question(
        purpose=PURPOSE,
        prompt=templates.fill(
            "splitting",
            delimiter=prompts.delimiter(task.task_id, f"{task.title}\n{text}", what="issue"),
            title=task.title,
            issue=text,
            most=str(epics.MOST),
        ),
        shape=Split,
        otherwise=Split(),
        model=world.config.decomposer_model,
    )
    return tuple(map(epics.of_model, llm.ask(world, repository, task, question).value.parts))


def made(world: World, task: Task, number: int) -> Task:
    """The issue of one part, made once and found again by its mark; the task that knows it."""
    part = task.parts[number - 1]
    marker = world.markers.line(task, "part", number, round_=0)
    listed = part.text.startswith("## ")
    body = world.redact(epics.issue_body(task, part, by_model=listed, marker=marker))
    result = world.effects.once(
        task.task_id,
        part_key(task, number),
        find=lambda: find(world, task, marker),
        make=lambda: str(
            world.write.create_issue(task.repo, title=world.redact(part.title), body=body)
        ),
    )
    known = structs.replace(part, issue=int(result))
    parts = (*task.parts[: number - 1], known, *task.parts[number:])
    return world.mailroom.update(structs.replace(task, parts=parts))


def part_key(task: Task, number: int) -> str:
    return f"{task.task_id}#0:part:{number}"


def find(world: World, task: Task, marker: str) -> str | None:
    """The issue that bears the mark, of several the oldest."""
    return next((str(number) for number in markers.bearing(marker, filed(world, task))), None)


def filed(world: World, task: Task) -> tuple[gh_rest.MadeRest, ...]:
    """Every issue that may be a part, oldest first: none is older than the task."""
    since = (task.marks[0].at if task.marks else task.created) - CLOCKS_APART
    return world.read.issues_since(task.repo, since)


def without_twins(world: World, repository: RepositoryConfig, task: Task) -> Task:
    """Look once, when no list can lag any more, for a part that was filed twice (F16).

    The older one counts; the other gets a word, and is closed where the lane lets us.
    """
    key, looked = f"{task.task_id}#0:part-twins", "looked"
    last = world.effects.last(task.task_id, key)
    if last is not None and last.result == looked:
        return task
    numbers = range(1, len(task.parts) + 1)
    sent = (world.effects.last(task.task_id, part_key(task, number)) for number in numbers)
    now = world.clock.now()
    if any(one is not None and now - one.at < LOOK_AGAIN / 2 for one in sent):
        return task
    issues, parts = filed(world, task), []
    for number, part in zip(numbers, task.parts, strict=True):
        marker = world.markers.line(task, "part", number, round_=0)
        ours = sorted({*markers.bearing(marker, issues), *filter(None, [part.issue])})
        for twin in ours[1:]:
            close_twin(world, repository, task, twin, ours[0])
        parts.append(structs.replace(part, issue=ours[0] if ours else None))
    if (*parts,) != task.parts:
        task = world.mailroom.update(structs.replace(task, parts=(*parts,)))
    world.effects.record(task.task_id, key, Stage.DONE, looked, durable=False)
    return task


def close_twin(
    world: World, repository: RepositoryConfig, task: Task, twin: int, counts: int
) -> None:
    if not world.read.issue_is_open(task.repo, twin):
        return
    marker = world.markers.line(task, "twin", twin, round_=0)
    world.effects.once(
        task.task_id,
        f"{task.task_id}#0:twin:{twin}",
        find=lambda: github_sync.find_comment(world, task.repo, twin, marker),
        make=lambda: str(
            world.write.create_comment(task.repo, twin, epics.twin(counts, marker=marker))
        ),
    )
    if lanes.may(repository.automation_mode, Action.CLOSE_REPORTED_ISSUE):
        world.write.close_issue(task.repo, twin, "not_planned")
    world.say(f"{task.repo}#{twin}: filed twice by a late answer; #{counts} is the one that counts")


def by_itself(world: World, task: Task, number: int, key: str) -> bool | None:
    """Whether a part is open that was left out of a longer answer; None while nobody knows (A8).

    One is gone, and so not open, when GitHub knows it no longer, though it has had the time to
    show it (A7) and shows the epic. Raises GitHubTrouble where it does not, or waiting helps.
    """
    try:
        return world.read.issue_is_open(task.repo, number)
    except GitHubTrouble as trouble:
        if trouble.trouble in failures.PASSING:
            raise
        sent = world.effects.last(task.task_id, key)
        early = failures.too_early(trouble.trouble, sent.at if sent else None, world.clock.now())
        if early or trouble.trouble is not Trouble.NOT_FOUND:
            return None
    if task.issue is not None:
        world.read.issue_is_open(task.repo, task.issue)
    return False


def link(world: World, task: Task, number: int, node: str) -> None:
    """GitHub's own link between epic and part, made once; "Part of #N" stands where it refuses.

    One that is there already is refused too: that is what was wanted.
    """

    def make() -> None:
        try:
            world.write.add_sub_issue(task.issue_node, node)
        except GitHubTrouble as trouble:
            if trouble.ambiguous or trouble.trouble in failures.PASSING:
                raise
            world.say(f"{task.repo}#{number}: it belongs to its epic by its text alone: {trouble}")

    if task.issue_node:
        world.effects.settled(task.task_id, f"{task.task_id}#0:part-link:{number}", "linked", make)


def place(
    world: World, repository: RepositoryConfig, task: Task, number: int, node: str
) -> None:
    """Put it on the board, once: a card that a person moves or takes off is theirs."""
    config = gh_project.board_of(repository, task)
    if config is None:
        return
    status = config.ready if repository.epic_parts_ready else config.backlog
    gh_project.told(
        world, config, f"{task.repo}#{number}", status,
        lambda: world.effects.settled(
            task.task_id, f"{task.task_id}#0:part-card:{number}", status,
            lambda: gh_project.new_card(world, config, node, status),
        ),
    )  # fmt: skip


def set_ready(world: World, task: Task, number: int) -> None:
    """Only where the config says so, and once: a label that a person takes off stays off."""
    world.effects.settled(
        task.task_id, f"{task.task_id}#0:part-ready:{number}", READY_LABEL,
        lambda: world.write.add_label(task.repo, number, READY_LABEL),
    )  # fmt: skip


def finish(world: World, repository: RepositoryConfig, task: Task) -> None:
    """Every part is closed: so is the epic, where the lane lets us close issues."""
    if lanes.may(repository.automation_mode, Action.CLOSE_REPORTED_ISSUE):
        github_sync.close(world, task)
        task = github_sync.done(world, repository, task)
    task = github_sync.tell(world, marked(task, State.DONE, world.clock.now(), BY))
    world.mailroom.move(task, State.DONE, by=BY)
    world.events.add("done", task=task, reason="every part of the epic is closed")
