"""What a model may say of an issue: words, a type and a name, each bounded; nothing else."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from orchestrator.records.task import TaskType

Sentence = Annotated[str, Meta(min_length=1, max_length=400)]
Sentences = Annotated[tuple[Sentence, ...], Meta(max_length=10)]


class PartRead(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One part of an epic that can be done and checked alone."""

    title: Annotated[str, Meta(min_length=3, max_length=100)]
    goal: Annotated[str, Meta(min_length=1, max_length=2_000)]
    success_criteria: Sentences = ()


class Split(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a model makes of an epic."""

    parts: Annotated[tuple[PartRead, ...], Meta(max_length=8)] = ()


class Reading(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sloppy issue, put in order; what is left out was not to be found in it."""

    goal: Annotated[str, Meta(min_length=1, max_length=2_000)]
    success_criteria: Sentences = ()
    constraints: Sentences = ()
    context: Sentences = ()
    task_type: TaskType | None = None
    agent: Annotated[str, Meta(max_length=60)] | None = None
