"""The labels that mean something to us: what each is for, and its colour where we make it."""

from __future__ import annotations

from msgspec import Struct


class Label(Struct, frozen=True, kw_only=True):
    name: str
    color: str
    description: str


LABELS = (
    Label(name="ready", color="0e8a16", description="Agent OS may begin"),
    Label(name="blocked", color="b60205", description="Waits for a person"),
    Label(name="hold", color="d93f0b", description="Agent OS neither begins nor merges it"),
    Label(name="approved", color="0e8a16", description="A maintainer says: merge it"),
    Label(name="needs-approval", color="fbca04", description="Waits for the label approved"),
    Label(name="merged", color="6f42c1", description="Merged by Agent OS, and verified"),
    Label(name="epic", color="3e4b9e", description="To be split into smaller issues"),
    Label(name="prio:high", color="d93f0b", description="Before all others"),
    Label(name="prio:normal", color="c2e0c6", description="In its turn"),
    Label(name="prio:low", color="ededed", description="When nothing else waits"),
)
