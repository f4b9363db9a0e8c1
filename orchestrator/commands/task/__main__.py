"""What a person asks of one task, and does to it by hand: bin/task.sh starts it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from orchestrator import hands, reverting, settings, tick
from orchestrator import paths as rooms
from orchestrator import world as worlds
from orchestrator.adapters.clock import Clock
from orchestrator.adapters.mailbox_index import Found
from orchestrator.commands.task import listing, showing
from orchestrator.records.errors import AgentOSError, ConfigError
from orchestrator.records.hand import Outcome, Said
from orchestrator.records.task import State, Task
from orchestrator.whereabouts import question
from orchestrator.whereabouts.account import Unknown
from orchestrator.world import World

DONE, UNKNOWN, BUSY, CONFIG = 0, 2, 10, 20
CODES = {Outcome.DONE: DONE, Outcome.ALREADY: DONE, Outcome.BUSY: BUSY, Outcome.REFUSED: UNKNOWN}
ABOUT = "Ask about one task, or do something with it by hand."
BY_HAND = "Somebody asked for it on the machine where Agent OS runs."
REVERTS = {
    "open": "takes it back once you merge it",
    "merged": "took it back",
}
REMADE = "clashed with its base, was remade on it, and takes it back once you merge it"
CLI = "cli"
WHAT = "12, owner/name#12, a link, `pr 34`, a task id or a part of one"
Verbs: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
Act = Callable[[World, argparse.Namespace], int]


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
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    list_ = verbs.add_parser("list", help="every task that is not over, and why it stands there")
    list_.add_argument("--state", default="", help="inbox,review,...: these alone, done among them")
    list_.add_argument("--repo", default="", help="this repository alone")
    list_.add_argument("--json", action="store_true", help="one JSON object a task, in a list")
    list_.set_defaults(act=listed, dry_run=True)
    show_ = asks(verbs, "show", "everything about a task", shown)
    show_.add_argument("--live", action="store_true", help="ask GitHub as well")
    log_ = asks(verbs, "log", "what the agent printed in the last attempt", logged)
    log_.add_argument("-n", type=int, default=None, help="in this attempt, counted from 1")
    log_.add_argument("--follow", action="store_true", help="go on while the agent does")
    log_.add_argument("--raw", action="store_true", help="as printed, events as JSON")
    changes(verbs, "retry", "begin a new round, or go on at once", retry)
    give_ = changes(verbs, "give", "as retry, and ask this agent first", give, agent=True)
    give_.epilog = "bin/task.sh give claude 12"
    give_.add_argument("--force", action="store_true", help="also one that cannot start here now")
    changes(verbs, "next", "take it up before all others", put_first)
    ends = (
        changes(verbs, "cancel", "end it; its issue and pull request stay open", cancel),
        changes(verbs, "close", "end it, and close its pull request and its issue", close),
    )
    for one in ends:
        one.add_argument("--why", default="", help="the reason, told on the issue")
    changes(verbs, "approve", "say that a person has looked at its pull request", approve)
    revert_ = changes(
        verbs, "revert", "offer a pull request that takes a merged task back; you merge it", revert
    )
    revert_.add_argument("--why", default=BY_HAND, help="what the pull request gives as its reason")
    return parser.parse_args(argv)


def asks(verbs: Verbs, name: str, about: str, act: Act) -> argparse.ArgumentParser:
    """A verb that reads about one task and changes nothing."""
    one = verbs.add_parser(name, help=about)
    one.add_argument("what", nargs="+", help=WHAT)
    one.set_defaults(act=act, dry_run=True)
    return one


def changes(
    verbs: Verbs, name: str, about: str, act: Act, *, agent: bool = False
) -> argparse.ArgumentParser:
    """A verb that does something to one task, or foretells it."""
    one = verbs.add_parser(name, help=about)
    if agent:
        one.add_argument("agent", metavar="AGENT", help="its name in the config")
    one.add_argument("what", nargs="+", help=WHAT)
    one.add_argument("--dry-run", action="store_true", help="tell what would be done")
    one.set_defaults(act=act)
    return one


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
    found = meant(world, asked.what, merged_first=True)
    if isinstance(found, Unknown):
        return unknown(world, asked, found)
    task = found.task
    number, sha = reverting.merged(task)
    where = f"{task.repo}#{number}"
    if world.dry_run:
        world.say(f"{where}, merged as {sha[:12]}: {foretold(world, task)} [dry run]")
        return DONE
    lock = world.locks.try_task(task.task_id)
    if lock is None:
        world.say(f"{where}: another script works on this task; try again in a minute")
        return BUSY
    with lock:
        offer, _ = reverting.offer(world, task, asked.why, anew=True)
    said = REMADE if offer.remade else REVERTS.get(offer.state, "is to take it back")
    world.say(f"{where}, merged as {sha[:12]}: {offer.url} ({offer.state}) {said}")
    return DONE


def foretold(world: World, task: Task) -> str:
    """What `revert` would do now; raises CannotRevert."""
    known = reverting.existing(world, task)
    if known is None or known.state == "closed":
        reverting.prepared(world, task)
        before = f"; {known.url} was closed, so by a new pull request" if known else ""
        return f"it would be taken back{before}"
    if known.state == "open" and reverting.remade(world, task, known).remade:
        return f"{known.url} (open) clashes with {task.base} and would be remade"
    return f"it is there: {known.url} ({known.state})"


def listed(world: World, asked: argparse.Namespace) -> int:
    """Every task of the states and the repository that were named."""
    states = listing.states(asked.state)
    if states is None:
        known = ", ".join(State)
        world.say(f"--state {asked.state}: no such state; known: {known}")
        return UNKNOWN
    slug = ""
    if asked.repo:
        configured = world.config.repository(asked.repo)
        slug = configured.slug if configured else asked.repo
    listing.show(world, states, slug, sys.stdout, json=asked.json)
    return DONE


def shown(world: World, asked: argparse.Namespace) -> int:
    found = meant(world, asked.what)
    if isinstance(found, Unknown):
        return unknown(world, asked, found)
    showing.show(world, found, sys.stdout, live=asked.live)
    return DONE


def logged(world: World, asked: argparse.Namespace) -> int:
    found = meant(world, asked.what)
    if isinstance(found, Unknown):
        return unknown(world, asked, found)
    told = showing.log(world, found, asked.n, sys.stdout, raw=asked.raw, follow=asked.follow)
    return DONE if told else UNKNOWN


def retry(world: World, asked: argparse.Namespace) -> int:
    return done(world, asked, lambda task_id: hands.retry(world, task_id, by=CLI))


def give(world: World, asked: argparse.Namespace) -> int:
    """The agent may be named last as well."""
    if asked.agent not in world.agents and asked.what[-1] in world.agents:
        asked.agent, asked.what = asked.what[-1], [asked.agent, *asked.what[:-1]]
    return done(
        world, asked,
        lambda task_id: hands.give(world, task_id, asked.agent, by=CLI, force=asked.force),
    )  # fmt: skip


def put_first(world: World, asked: argparse.Namespace) -> int:
    return done(world, asked, lambda task_id: hands.put_first(world, task_id, by=CLI))


def cancel(world: World, asked: argparse.Namespace) -> int:
    return done(world, asked, lambda task_id: hands.cancel(world, task_id, by=CLI, why=asked.why))


def close(world: World, asked: argparse.Namespace) -> int:
    return done(world, asked, lambda task_id: hands.close(world, task_id, by=CLI, why=asked.why))


def approve(world: World, asked: argparse.Namespace) -> int:
    return done(world, asked, lambda task_id: hands.approve(world, task_id, by=CLI))


def done(world: World, asked: argparse.Namespace, deed: Callable[[str], Said]) -> int:
    """Do it to the one task that is meant, and say what came of it."""
    found = meant(world, asked.what)
    if isinstance(found, Unknown):
        return unknown(world, asked, found)
    said = deed(found.task.task_id)
    world.say(said.sentence)
    return CODES[said.outcome]


def unknown(world: World, asked: argparse.Namespace, told: Unknown) -> int:
    """What may have been meant, each as the command that says it."""
    world.say(told.sentence)
    verb = f"{asked.verb} {asked.agent}" if asked.verb == "give" else asked.verb
    for suggestion in told.suggestions:
        world.say(f"  bin/task.sh {verb} {suggestion.replace(' ', '    ', 1)}")
    return UNKNOWN


def meant(world: World, words: Sequence[str], *, merged_first: bool = False) -> Found | Unknown:
    """The task that is meant; of an issue's several the one that goes on, or was merged."""
    asked = question.read(words)
    files: list[Found] = [f for state in State for f in world.mailroom.read_state(state)]
    over = [found for found in files if found.task.merge and found.task.merge.sha]
    for those in (over, files) if merged_first else (files,):
        subject = question.subject(world, asked, those)
        if not isinstance(subject, Unknown) and subject.found is not None:
            return subject.found
    if isinstance(subject, Unknown):
        return subject
    return Unknown(asked=asked.text, sentence="no task here is about that; nothing was done")


if __name__ == "__main__":
    tick.entry(main)
