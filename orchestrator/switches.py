"""What is switched off, since when and why, and the two hands that change it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from orchestrator.adapters import files
from orchestrator.adapters.events import Events
from orchestrator.adapters.reading import NotReadable
from orchestrator.paths import Paths
from orchestrator.records.config import Config
from orchestrator.records.hand import Outcome, Said
from orchestrator.world import SCRIPTS

EVERYTHING = ""  # the name of `runtime/off`
# How the file begins that stops a repository after a merge of ours broke its base.
FROZEN = "frozen by Agent OS: "
BY_HAND = "a person stopped it"
LARGEST = 20_000
# What cron's wrappers are called, beside the scripts behind them.
NICKNAMES = {"dispatcher": "github_dispatcher", "monitor": "pr_monitor", "telegram": "chat"}


class Switch(Struct, frozen=True, kw_only=True):
    """One file that stops something; `name` is "" for everything, else a script or owner/name.

    `frozen` is one that we set ourselves after a merge, `idle` one that stops nothing known.
    """

    name: str
    path: str
    since: datetime
    why: str
    frozen: bool = False
    idle: bool = False

    @property
    def what(self) -> str:
        return self.name or "everything"


def standing(paths: Paths, known: Iterable[str]) -> tuple[Switch, ...]:
    """Every switch that is set, the one for everything first; `known` are scripts and slugs."""
    names = {paths.switch(name).name: name for name in known}
    found = [read(paths.off, EVERYTHING)]
    for path in sorted(paths.off_d.glob("[!.]*")):
        name = names.get(path.name)
        found.append(read(path, name or path.name.replace("__", "/", 1), idle=name is None))
    return tuple(switch for switch in found if switch is not None)


def read(path: Path, name: str, *, idle: bool = False) -> Switch | None:
    """The switch in that file; one that cannot be read stops all the same. None without a file."""
    try:
        since = datetime.fromtimestamp(path.lstat().st_mtime, UTC)
        why = " ".join(files.read_bounded(path, LARGEST).decode("utf-8", "replace").split())
    except FileNotFoundError:
        return None
    except (OSError, NotReadable):
        why = "no reason can be read"
    return Switch(
        name=name, path=str(path), since=since, why=why, frozen=why.startswith(FROZEN), idle=idle
    )


def names(config: Config) -> tuple[str, ...]:
    """What a switch may be called for: each script, and each repository of the config."""
    return (*SCRIPTS, *(repository.slug for repository in config.repositories))


def meant(word: str, config: Config | None) -> str | None:
    """The script or repository that a person means by a word; None for nobody.

    Without a config that loads, any owner/name is taken at its word: stopping must always work.
    """
    plain = word.strip()
    script = NICKNAMES.get(plain.lower(), plain.lower())
    if script in SCRIPTS:
        return script
    if config is None:
        return plain if "/" in plain else None
    found = config.repository(plain)
    broken = [one.name for one in config.broken if one.name.lower() == plain.lower()]
    return found.slug if found else broken[0] if broken else None


def place(paths: Paths, name: str) -> Path:
    return paths.switch(name) if name else paths.off


def off(
    paths: Paths, events: Events, name: str, why: str, *, by: str, dry_run: bool = False
) -> Said:
    """Stop everything, a script or a repository; one that stands already is left as it is.

    Raises UnsafeName, and OSError where the file cannot be written.
    """
    path = place(paths, name)
    there = read(path, name)
    if there is not None:
        said = f"{there.what} is off already: {there.why or 'no reason was given'} ({there.path})"
        return Said(outcome=Outcome.ALREADY, sentence=said)
    # A shell's bytes that are no UTF-8 must not keep anything from being stopped.
    reason = " ".join(why.encode(errors="replace").decode().split()) or BY_HAND
    what = name or "everything"
    if dry_run:
        return Said(outcome=Outcome.DONE, sentence=f"{what} would be stopped: {reason} [dry run]")
    files.make_folder(path.parent)
    try:
        files.write_durably(path, f"{events.redact(reason)}\n".encode(), replace=False)
    except FileExistsError:  # another hand, this moment
        return Said(outcome=Outcome.ALREADY, sentence=f"{what} is off already ({path})")
    audit(events, "switched_off", name, reason, by)
    said = f"{what} is off: nothing new begins there, what is under way is kept ({path})"
    return Said(outcome=Outcome.DONE, sentence=said)


def on(paths: Paths, events: Events, name: str, *, by: str, dry_run: bool = False) -> Said:
    """Take one switch away, and say what it was for. Raises UnsafeName and OSError."""
    path = place(paths, name)
    there = read(path, name)
    what = name or "everything"
    if there is None:
        said = f"{what} is not switched off" + ("" if name else " as a whole")
        return Said(outcome=Outcome.ALREADY, sentence=said)
    was = there.why or "no reason was given"
    if dry_run:
        return Said(outcome=Outcome.DONE, sentence=f"{what} would go on; off for: {was} [dry run]")
    try:
        files.remove_file(path)
    except IsADirectoryError:
        said = f"{what} stays off: {path} is a folder, whose content is yours to remove"
        return Said(outcome=Outcome.REFUSED, sentence=said)
    audit(events, "switched_on", name, was, by)
    said = f"{what} goes on at the next tick; it was off for: {was}"
    return Said(outcome=Outcome.DONE, sentence=said)


def audit(events: Events, kind: str, name: str, reason: str, by: str) -> None:
    """The line that says who did it; what stops everything must work where no log does."""
    try:
        events.add(kind, repo=name if "/" in name else "", reason=reason, name=name, by=by)
    except OSError:
        return

