"""Shows what runs, waits and needs a person: bin/status.sh starts it, and it changes nothing."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import TextIO

import msgspec
from msgspec import Struct

from orchestrator import paths as rooms
from orchestrator import settings, tick
from orchestrator import world as worlds
from orchestrator.adapters.clock import Clock
from orchestrator.commands.status import screen
from orchestrator.overview import look, requests
from orchestrator.records.errors import ConfigError
from orchestrator.records.overview import Overview
from orchestrator.texts import overview as texts
from orchestrator.texts import requests as spending
from orchestrator.world import World

SHOWN, CONFIG = 0, 20
ABOUT = "What runs, what waits and why, what needs you: one screen, from this machine's files."
IN_A_PIPE = "In a pipe each record is one line, however long, with nothing cut off."
MANY = 100_000


class View(Struct, frozen=True):
    """A world that only looks; `problems` where the last good copy of the config is used."""

    world: World
    problems: tuple[str, ...]


def main(argv: Sequence[str] | None = None) -> int:
    asked = arguments(argv)
    environment = dict(os.environ)
    try:
        view = built(environment)
    except ConfigError as error:
        print("status: the config does not load, so nothing can be said:", file=sys.stderr)
        print("\n".join(f"  {problem}" for problem in error.problems), file=sys.stderr)
        return CONFIG
    out = sys.stdout
    if asked.api:
        return api(environment, view, asked, out)
    if asked.json:
        out.write(msgspec.json.encode(seen(view, asked)).decode() + "\n")
    elif plainly(environment, out):
        if asked.watch:
            print("status: --watch needs a terminal; this is how it stands now", file=sys.stderr)
        most = MANY if asked.all else texts.MOST
        out.writelines(f"{line}\n" for line in plain(view, seen(view, asked), most))
    else:
        on_screen(environment, view, asked)
    return SHOWN


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/status.sh", description=ABOUT, epilog=IN_A_PIPE)
    parser.add_argument("--watch", action="store_true", help="stay, and look again; q ends it")
    parser.add_argument("--all", action="store_true", help="every task, however many")
    parser.add_argument("--live", action="store_true", help="ask GitHub as well")
    parser.add_argument("--api", action="store_true", help="where the requests to GitHub go")
    parser.add_argument("--json", action="store_true", help="one JSON object, for programs")
    return parser.parse_args(argv)


def built(environment: Mapping[str, str]) -> View:
    """A world whose mailbox is for reading and whose dry run writes nothing. Raises ConfigError."""
    root = settings.root_of(environment)
    config, problems = tick.readable(settings.find(root, environment), root, environment)
    world = worlds.build(
        script="status", config=config, paths=rooms.build(config), clock=Clock(),
        environment=environment, say=lambda line: None, dry_run=True, only=None,
    )  # fmt: skip
    return View(world, problems)


def api(
    environment: Mapping[str, str], view: View, asked: argparse.Namespace, out: TextIO
) -> int:
    """Where GitHub's allowance goes, by script and kind of request."""
    used, zone = requests.look(view.world), view.world.zone
    told = spending.headline(used, zone), spending.sections(used, zone)
    if asked.json:
        out.write(msgspec.json.encode(used).decode() + "\n")
    elif plainly(environment, out):
        out.writelines(f"{line}\n" for line in texts.printed(*told))
    else:
        screen.show(*told)
    return SHOWN


def seen(view: View, asked: argparse.Namespace) -> Overview:
    return look.look(view.world, problems=view.problems, live=asked.live)


def plain(view: View, overview: Overview, most: int) -> list[str]:
    return list(texts.plain(overview, view.world.zone, most=most))


def plainly(environment: Mapping[str, str], out: TextIO) -> bool:
    """Whether nobody looks, or nobody wants colours: then lines are all that is printed."""
    wanted = not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
    return not (wanted and out.isatty())


def on_screen(environment: Mapping[str, str], view: View, asked: argparse.Namespace) -> None:
    if not asked.watch:
        most = MANY if asked.all else texts.MOST
        overview, zone = seen(view, asked), view.world.zone
        screen.show(texts.headline(overview, zone), texts.sections(overview, zone, most=most))
        return

    def again() -> tuple[Overview, tzinfo]:
        now = built(environment)
        return seen(now, asked), now.world.zone

    screen.watch(again)


if __name__ == "__main__":
    tick.entry(main)
