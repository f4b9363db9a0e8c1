"""Whose mailbox this is: two installations with one would not see each other's locks."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from orchestrator.adapters import files
from orchestrator.adapters.reading import NotReadable
from orchestrator.world import World

NAME = ".installation"
MACHINE_IDS = ("/etc/machine-id", "/var/lib/dbus/machine-id")
_LARGEST = 10_000


class Tenant(Struct, frozen=True, kw_only=True):
    """The installation that works with a mailbox: its `runtime/`, where its locks are."""

    runtime: str
    machine: str
    since: datetime


def ours(world: World) -> Tenant:
    return Tenant(
        runtime=str(world.paths.runtime.resolve()), machine=machine(), since=world.clock.now()
    )


def other(world: World) -> Tenant | None:
    """The installation of this machine that this mailbox belongs to, if it is not this one.

    One whose folder is gone, or that was on another machine, was moved here and is none.
    """
    return _rival(read(world), ours(world))


def _rival(written: Tenant | None, mine: Tenant) -> Tenant | None:
    if written is None or written.runtime == mine.runtime or written.machine != mine.machine:
        return None
    return written if (Path(written.runtime) / "locks").is_dir() else None


def refusal(world: World) -> str:
    """Why this installation must leave the mailbox alone, "" where it is ours from now on."""
    written, mine = read(world), ours(world)
    found = _rival(written, mine)
    if found is not None:
        return sentence(world, found)
    known = written and (written.runtime, written.machine) == (mine.runtime, mine.machine)
    if not known and not world.dry_run:
        files.write_cache(place(world), msgspec.json.encode(mine))
    return ""


def sentence(world: World, found: Tenant) -> str:
    return (
        f"the mailbox {world.paths.mailbox} belongs to the installation with {found.runtime} "
        f"since {world.spoken(found.since)}. Two of them would take each other's tasks, so this "
        f"one does nothing. Give it a mailbox_dir of its own, or, if the other one is given up: "
        f"rm {place(world)}"
    )


def place(world: World) -> Path:
    return world.paths.mailbox / NAME


def read(world: World) -> Tenant | None:
    """What is written there; a file that nobody can read names nobody."""
    try:
        return msgspec.json.decode(files.read_bounded(place(world), _LARGEST), type=Tenant)
    except (OSError, NotReadable, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def machine() -> str:
    """What tells this machine from others: its id, else its name."""
    for path in MACHINE_IDS:
        try:
            return files.read_bounded(Path(path), 100).decode("ascii").strip()
        except (OSError, NotReadable, UnicodeDecodeError):
            continue
    return os.uname().nodename
