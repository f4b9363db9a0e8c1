"""Which items of a repair were answered, and how: the agent's words against what was asked."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.records.result import Answer, AnswerKind
from orchestrator.records.task import RepairItem, RepairKind


def belonging(items: Sequence[RepairItem], answers: Sequence[Answer]) -> tuple[Answer, ...]:
    """The answers to items that exist, in the order of their numbers."""
    numbers = {item.number for item in items}
    return tuple(answer for answer in answers if answer.item in numbers)


def for_a_person(items: Sequence[RepairItem], answers: Sequence[Answer]) -> tuple[RepairItem, ...]:
    """The items of which the agent says that only a person can settle them."""
    wanted = {answer.item for answer in answers if answer.kind is AnswerKind.NEEDS_PERSON}
    return tuple(item for item in items if item.number in wanted)


def undisputed_checks(items: Sequence[RepairItem], answers: Sequence[Answer]) -> bool:
    """Whether red checks alone are to be mended, and the agent does not say that they are right."""
    disputed = any(answer.kind is not AnswerKind.FIXED for answer in answers)
    return bool(items) and not disputed and {item.kind for item in items} == {RepairKind.CHECK}
