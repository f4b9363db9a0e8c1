"""What is said of work that bends what judges it: to the agent, and on the pull request."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from orchestrator.records.suspicion import Suspicion, Weight
from orchestrator.texts import quoting

MOST = 30  # findings that are named; of more, their number
SAID = 300  # characters of one of them
OWED = {
    Weight.REASON: (
        "Undo it, or answer `disagree` with the reason why it must be so; the reason is shown to "
        "the maintainers."
    ),
    Weight.MEND: (
        "Undo it, or do it honestly: no reason is enough here. What stays is shown to a "
        "maintainer, and is not merged before they agree."
    ),
    Weight.PERSON: "A maintainer decides on it. Undo it if the task does not need it.",
}


def question(one: Suspicion) -> str:
    """What an agent is asked about one finding."""
    return f"{one.where} {one.said}.\n{OWED[one.weight]}"


def comment(found: tuple[Suspicion, ...], *, marker: str) -> str:
    """Each finding with its place, and how it is let through."""
    named = [
        f"- {quoting.path(one.path)}{f', line {one.line}' if one.line else ''}: "
        f"{quoting.flat(one.said, SAID)}"
        for one in found[:MOST]
    ]
    if len(found) > MOST:
        named.append(f"- and {len(found) - MOST} more")
    return "\n\n".join((
        "**A person must look at this before it is merged.** The work changes what is there to "
        "judge it, or is not shown to do what it is for:",
        "\n".join(named),
        "An approving review, or the label `approved`, of somebody who may write lets it through; "
        "so does a later change that leaves these places alone. Nothing else does.",
        marker,
    ))


def digest(found: Iterable[Suspicion]) -> str:
    """A short name for what was found; the same findings have the same."""
    said = "\n".join(f"{one.where} {one.rule} {one.said}" for one in found)
    return hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()[:12]
