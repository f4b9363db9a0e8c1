"""Stops everything, a repository or a script, and lets it go on: bin/off.sh and bin/on.sh."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from orchestrator import hands, settings, switches, tick
from orchestrator import paths as rooms
from orchestrator import world as worlds
from orchestrator.adapters.clock import Clock, zone
from orchestrator.adapters.events import Events
from orchestrator.agents import roster
from orchestrator.paths import Paths
from orchestrator.records.config import Config
from orchestrator.records.errors import AgentOSError, ConfigError
from orchestrator.records.hand import Outcome
from orchestrator.records.task import State
from orchestrator.texts import moments
from orchestrator.texts.redact import Redactor

DONE, UNKNOWN = 0, 2
OFF = "Stop everything, one repository or one script; what is under way ends and is kept."
ON = "Let go on what was switched off, and say what it was off for."


class Place(Struct, frozen=True):
    """Where the switches lie; a config that does not load keeps nobody from stopping it all."""

    paths: Paths
    events: Events
    config: Config | None
    environment: Mapping[str, str]
    clock: Clock


def main(argv: Sequence[str] | None = None) -> int:
    asked = arguments(argv)
    try:
        return act(here(dict(os.environ)), asked)
    except (AgentOSError, OSError) as error:
        print(f"{asked.verb}: nothing was changed: {error}", file=sys.stderr)
        return error.exit_code if isinstance(error, AgentOSError) else 1


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, about in (("off", OFF), ("on", ON)):
        one = verbs.add_parser(verb, prog=f"bin/{verb}.sh", description=about)
        what = one.add_mutually_exclusive_group()
        what.add_argument("--repo", metavar="OWNER/NAME", help="this repository alone")
        what.add_argument("--script", metavar="NAME", help="this script alone, such as pr_monitor")
        what.add_argument("--show", action="store_true", help="only tell what is off")
        one.add_argument("--dry-run", action="store_true", help="tell what would be done")
        if verb == "off":
            one.add_argument("why", nargs="*", help="the reason, for whoever meets it")
    return parser.parse_args(argv)


def here(environment: Mapping[str, str]) -> Place:
    root, clock = settings.root_of(environment), Clock()
    config: Config | None = None
    try:
        config, _ = tick.readable(settings.find(root, environment), root, environment)
        paths, secrets = rooms.build(config), known_secrets(config, environment)
    except ConfigError as error:
        print(f"the config does not load ({error.problems[0]}); switches work", file=sys.stderr)
        paths, secrets = bare(root), ()
    redact = Redactor(secrets)
    events = Events(paths.events, paths.agent_stats, clock, "switch", redact=redact)
    return Place(paths, events, config, environment, clock)


def known_secrets(config: Config, environment: Mapping[str, str]) -> tuple[str, ...]:
    return worlds.secrets(config, environment, roster.build(config.agents))


def bare(root: Path) -> Paths:
    """The folders of an installation of which nothing else is known."""
    runtime = root / "runtime"
    return Paths(
        root=root, mailbox=runtime / "mailbox", logs=runtime / "logs",
        worktrees=runtime / "worktrees", objectives=root / "objectives",
        evidence=runtime / "evidence",
    )  # fmt: skip


def act(place: Place, asked: argparse.Namespace) -> int:
    if asked.show:
        show(place)
        return DONE
    word = asked.repo or asked.script or ""
    name = switches.meant(word, place.config) if word else switches.EVERYTHING
    if name is None or (asked.repo and "/" not in name) or (asked.script and "/" in name):
        print(f"{word}: no such {'repository' if asked.repo else 'script'}; nothing was changed")
        print(f"  known: {', '.join(known(place, scripts=bool(asked.script)))}")
        return UNKNOWN
    more = {"by": "cli", "dry_run": asked.dry_run}
    if asked.verb == "off":
        said = switches.off(place.paths, place.events, name, " ".join(asked.why), **more)
    else:
        said = switches.on(place.paths, place.events, name, **more)
    print(said.sentence)
    if asked.verb == "off" and said.outcome is Outcome.DONE and not asked.dry_run:
        under_way(place)
    if asked.verb == "on" or said.outcome is Outcome.ALREADY:
        show(place)
    return UNKNOWN if said.outcome is Outcome.REFUSED else DONE


def known(place: Place, *, scripts: bool) -> list[str]:
    if scripts or place.config is None:
        return list(worlds.SCRIPTS)
    return [repository.slug for repository in place.config.repositories]


def show(place: Place) -> None:
    """What is off, since when and why, and how to let each go on."""
    names = switches.names(place.config) if place.config else worlds.SCRIPTS
    off = switches.standing(place.paths, names)
    if not off:
        print("nothing is off")
    for one in off:
        print(f"off: {one.what}, since {spoken(place, one)}: {one.why or 'no reason was given'}")
        if one.frozen:
            print("  set by Agent OS itself after a merge; look at that first")
        print(f"  to go on: {way_on(one)}")


def way_on(one: switches.Switch) -> str:
    if one.idle:
        return f"rm {one.path} (no script or repository is called so: it stops nothing)"
    which = "" if not one.name else f" --repo {one.name}" if "/" in one.name else (
        f" --script {one.name}"
    )
    return f"bin/on.sh{which}"


def spoken(place: Place, one: switches.Switch) -> str:
    where = zone(place.config.timezone if place.config else "UTC")
    return moments.spoken(one.since, where, now=place.clock.now())


def under_way(place: Place) -> None:
    """Who is still at work: an attempt that has begun is not thrown away."""
    if place.config is None:
        return
    world = worlds.build(
        script="switch", config=place.config, paths=place.paths, clock=place.clock,
        environment=place.environment, say=lambda line: None, dry_run=True, only=None,
    )  # fmt: skip
    for task in world.mailroom.list_state(State.PROCESSING):
        if clause := hands.worker(world, task):
            name = hands.name_of(task)
            print(f"  {name}: {clause}; it ends by itself, or: bin/task.sh cancel {name}")


if __name__ == "__main__":
    tick.entry(main)
