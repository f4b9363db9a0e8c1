"""What a person does with one task by hand: bin/task.sh starts it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence

from orchestrator import paths as rooms
from orchestrator import reverting, settings, tick
from orchestrator import world as worlds
from orchestrator.adapters.clock import Clock
from orchestrator.adapters.mailbox_index import Found
from orchestrator.records.errors import AgentOSError, ConfigError
from orchestrator.records.task import State, Task
from orchestrator.whereabouts import question
from orchestrator.whereabouts.account import Unknown
from orchestrator.world import World

DONE, UNKNOWN, BUSY, CONFIG = 0, 2, 10, 20
ABOUT = "Do something with one task by hand."
BY_HAND = "Somebody asked for it on the machine where Agent OS runs."


def main(argv: Sequence[str] | None = None) -> int:
    asked = arguments(argv)
    environment = dict(os.environ)
    try:
        world = built(environment, asked)
    except ConfigError as error:
        print("task: the config does not load, so nothing was done:", file=sys.stderr)
        print("\n".join(f"  {problem}" for problem in error.problems), file=sys.stderr)
        return CONFIG
    try:
        return int(asked.act(world, asked))
    except AgentOSError as error:
        world.say(world.redact(str(error)))
        return error.exit_code


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/task.sh", description=ABOUT)
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    revert_ = verbs.add_parser(
        "revert", help="offer a pull request that takes a merged task back; you merge it"
    )
    revert_.add_argument(
        "what", nargs="+",
        help="12, owner/name#12, a link, `pr 34`, a task id or a part of one",
    )  # fmt: skip
    revert_.add_argument("--why", default=BY_HAND, help="what the pull request gives as its reason")
    revert_.add_argument("--dry-run", action="store_true", help="tell what would be done")
    revert_.set_defaults(act=revert)
    return parser.parse_args(argv)


def built(environment: Mapping[str, str], asked: argparse.Namespace) -> World:
    root = settings.root_of(environment)
    config, _ = tick.readable(settings.find(root, environment), root, environment)
    paths = rooms.build(config)
    tick.prepare(paths)
    return worlds.build(
        script="task", config=config, paths=paths, clock=Clock(), environment=environment,
        say=print, dry_run=asked.dry_run, only=None,
    )  # fmt: skip


def revert(world: World, asked: argparse.Namespace) -> int:
    """Tell the address of the revert, which is made where there is none; idempotent."""
    if world.paths.off.exists():
        world.say(f"nothing was done: {world.stopped('task')}")
        return BUSY
    task = meant(world, asked.what)
    if isinstance(task, Unknown):
        world.say(task.sentence)
        for suggestion in task.suggestions:
            world.say(f"  bin/task.sh revert {suggestion.replace(' ', '    ', 1)}")
        return UNKNOWN
    number, sha = reverting.merged(task)
    where = f"{task.repo}#{number}"
    if world.dry_run:
        known = reverting.existing(world, task)
        if known is None:
            reverting.prepared(world, task)
        said = f"it is there: {known.url} ({known.state})" if known else "it would be taken back"
        world.say(f"{where}, merged as {sha[:12]}: {said} [dry run]")
        return DONE
    lock = world.locks.try_task(task.task_id)
    if lock is None:
        world.say(f"{where}: another script works on this task; try again in a minute")
        return BUSY
    with lock:
        offer = reverting.offer(world, task, asked.why)
    world.say(f"{where}, merged as {sha[:12]}, is taken back by {offer.url} ({offer.state})")
    if offer.state == "closed":
        world.say("somebody closed it without a merge; reopen it there to go on")
    return DONE


def meant(world: World, words: Sequence[str]) -> Task | Unknown:
    """The task that is meant, merged ones before all others."""
    asked = question.read(words)
    files: list[Found] = [f for state in State for f in world.mailroom.read_state(state)]
    over = [found for found in files if found.task.merge and found.task.merge.sha]
    for those in (over, files):
        subject = question.subject(world, asked, those)
        if not isinstance(subject, Unknown) and subject.found is not None:
            return subject.found.task
    if isinstance(subject, Unknown):
        return subject
    return Unknown(asked=asked.text, sentence="no task here is about that; nothing was done")


if __name__ == "__main__":
    tick.entry(main)
