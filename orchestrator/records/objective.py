"""What a product is for, and by which numbers one would know."""

from __future__ import annotations

from msgspec import Struct


class Metric(Struct, frozen=True, kw_only=True):
    """One number of an objective; the keys that say where it is read are other rooms' business."""

    id: str
    name: str = ""
    weight: float = 0.0
    direction: str = "increase"


class Objective(Struct, frozen=True, kw_only=True):
    """A file of `objectives/`, as far as an agent is told of it."""

    product_name: str = ""
    primary_outcome: str = ""
    metrics: tuple[Metric, ...] = ()
