"""Says why an issue or task is where it is: bin/why.sh starts it, and it writes nothing."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TextIO

import msgspec
from msgspec import Struct

from orchestrator import paths as rooms
from orchestrator import settings, tick
from orchestrator import world as worlds
from orchestrator.adapters.clock import Clock
from orchestrator.records.errors import ConfigError
from orchestrator.whereabouts import paper, question, telling
from orchestrator.whereabouts.account import Account, Unknown
from orchestrator.world import World

OFFLINE = "--offline"
FOUND, UNKNOWN, CONFIG = 0, 2, 20
ABOUT = "Why an issue or task is where it is, who tried, and what you can do about it."


class Refused(Struct, frozen=True):
    """Why nothing could be looked at."""

    problems: tuple[str, ...]


def main(argv: Sequence[str] | None = None) -> int:
    asked = arguments(argv)
    world = built(dict(os.environ))
    if isinstance(world, Refused):
        print("why: the config does not load, so nothing can be said:", file=sys.stderr)
        print("\n".join(f"  {problem}" for problem in world.problems), file=sys.stderr)
        return CONFIG
    told = telling.account(world, question.read(asked.what), unasked=OFFLINE * asked.offline)
    if asked.json:
        sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
    else:
        show(world, told, sys.stdout)
    return UNKNOWN if isinstance(told, Unknown) else FOUND


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/why.sh", description=ABOUT)
    parser.add_argument(
        "what", nargs="+",
        help="12, owner/name#12, a link, `pr 34`, a task id or a part of one",
    )  # fmt: skip
    parser.add_argument(OFFLINE, action="store_true", help="ask this machine only")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    return parser.parse_args(argv)


def built(environment: Mapping[str, str]) -> World | Refused:
    """A world that only looks: its mailbox is for reading, its dry run writes nothing."""
    root = settings.root_of(environment)
    try:
        config, _ = tick.readable(settings.find(root, environment), root, environment)
        return worlds.build(
            script="why", config=config, paths=rooms.build(config), clock=Clock(),
            environment=environment, say=lambda line: None, dry_run=True, only=None,
        )  # fmt: skip
    except ConfigError as error:
        return Refused(error.problems)


def show(world: World, told: Account | Unknown, out: TextIO) -> None:
    plain = bool(world.environment.get("NO_COLOR")) or not out.isatty()
    if isinstance(told, Unknown):
        paper.show(paper.unknown(told), out, plain=plain)
        return
    paper.show(paper.lines(told, world.clock.now(), world.spoken), out, plain=plain)


if __name__ == "__main__":
    tick.entry(main)
