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

ABOUT = (
    "Go on to the newest version of this program whose checks are green: by a fast-forward only, "
    "after it was tested beside this one, and while nothing runs."
)
BACK = "return to the version before the last update, until there is one newer than this"
APART = ("orchestrator.queue", "orchestrator.forge")  # not to be loaded by who runs something else


def main(argv: Sequence[str] | None = None) -> int:
    asked = list(sys.argv[1:] if argv is None else argv)
    if "--self-test" in asked:  # an update asks this of the version that it would go on to
        return tick.run("autopull", self_test, ["--dry-run"], about=ABOUT, alone=False)
    others = {"--back": (updating.back, BACK)}
    return tick.run("autopull", updating.update_now, asked, about=ABOUT, others=others)


def self_test(world: World) -> None:
    """Whether this version loads, takes this installation's config and reads its tasks."""
    for module in pkgutil.walk_packages(orchestrator.__path__, "orchestrator."):
        if not module.name.startswith(APART) and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    tasks = sum(len(world.mailroom.list_state(state)) for state in State)
    world.say(f"self-test: every module loads, the config is right, {tasks} tasks are read")


if __name__ == "__main__":
    tick.entry(main)
