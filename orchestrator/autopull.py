"""Keeps this installation itself up to date: fast-forward, green, tested, never under work."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Sequence

import orchestrator
from orchestrator import tick, updating
from orchestrator.records.task import State
from orchestrator.world import World

ABOUT = "Go on to the newest green version of this program; --back goes to the one before."
APART = ("orchestrator.queue", "orchestrator.forge")  # not to be loaded by who runs something else


def main(argv: Sequence[str] | None = None) -> int:
    asked = list(sys.argv[1:] if argv is None else argv)
    for word, story in (("--back", updating.back), ("--self-test", self_test)):
        if word in asked:
            asked.remove(word)
            more = ["--dry-run"] if word == "--self-test" else []
            return tick.run("autopull", story, asked + more, about=ABOUT, alone=not more)
    return tick.run("autopull", updating.update_now, asked, about=ABOUT)


def self_test(world: World) -> None:
    """Whether this version loads, takes this installation's config and reads its tasks."""
    for module in pkgutil.walk_packages(orchestrator.__path__, "orchestrator."):
        if not module.name.startswith(APART) and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    tasks = sum(len(world.mailroom.list_state(state)) for state in State)
    world.say(f"self-test: every module loads, the config is right, {tasks} tasks are read")


if __name__ == "__main__":
    tick.entry(main)
