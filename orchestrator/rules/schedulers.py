"""Who started a script: a scheduler at its time, or a person's hand."""

from __future__ import annotations

from collections.abc import Sequence

CRON, SYSTEMD = "cron", "systemd"
DAEMONS = frozenset({"cron", "crond", "fcron", "cronie", "busybox", "supercronic"})
# What stands between systemd and a script of ours that it starts.
BETWEEN = frozenset({"timeout", "bash", "sh", "dash", "env", "flock"})


def of(ancestors: Sequence[str]) -> str:
    """`cron`, `systemd`, or "" for a person; `ancestors` are processes' names, the nearest first.

    Almost everything descends from systemd: only what it starts itself, by a timer, is scheduled.
    """
    if any(name in DAEMONS for name in ancestors):
        return CRON
    starter = next((name for name in ancestors if name not in BETWEEN), "")
    return SYSTEMD if starter == SYSTEMD else ""
