"""What a look at an installation found, one thing at a time, and what mends it."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Level(StrEnum):
    """How much it matters: nothing to do, good to know, must be mended, could not be looked at."""

    OK = "ok"
    NOTE = "note"
    WRONG = "wrong"
    UNKNOWN = "unknown"


class Diagnosis(Struct, frozen=True, kw_only=True):
    """One line of the doctor's.

    `check` is a word that stays the same whatever the sentence says; `about` is whom it concerns,
    a repository, an agent or a file, "" for all; `mend` is the command or the step that helps.
    """

    check: str
    level: Level
    sentence: str
    about: str = ""
    mend: str = ""


class BranchRule(Struct, frozen=True, kw_only=True):
    """What protection asks of a branch, classic rules and rulesets together."""

    approvals: int = 0
    code_owners: bool = False
    conversations: bool = False
    signatures: bool = False
    linear: bool = False
    locked: bool = False
    merge_queue: bool = False
    deployments: bool = False
    pull_request: bool = False
    creation: bool = False
    patterns: bool = False
    checks: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()  # () where every way of merging is allowed


class Survey(Struct, frozen=True, kw_only=True):
    """A repository as its settings are, for somebody who wants to work in it."""

    slug: str
    base: str
    empty: bool = False
    archived: bool = False
    issues: bool = True
    methods: tuple[str, ...] = ()
    base_rule: BranchRule = BranchRule()
    branch_rule: BranchRule = BranchRule()  # of the branches that we push
    checks_seen: tuple[str, ...] = ()
    workflows: tuple[str, ...] = ()
