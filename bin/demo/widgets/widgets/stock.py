"""How many widgets of each kind lie on the shelf."""

from __future__ import annotations


class NotEnough(Exception):
    """Somebody asked for more than there is."""


class Stock:
    def __init__(self, low: int = 3) -> None:
        self.low = low
        self.counts: dict[str, int] = {}

    def add(self, name: str, count: int = 1) -> None:
        if count < 1:
            raise ValueError(f"cannot add {count} of {name}")
        self.counts[name] = self.counts.get(name, 0) + count

    def take(self, name: str, count: int = 1) -> None:
        """Take that many off the shelf, all or none."""
        there = self.counts.get(name, 0)
        if count > there:
            raise NotEnough(f"{count} of {name} wanted, {there} there")
        self.counts[name] = there - count

    def running_low(self) -> list[str]:
        """The kinds to order again, the scarcest first."""
        scarce = [name for name, count in self.counts.items() if count <= self.low]
        return sorted(scarce, key=lambda name: (self.counts[name], name))

    def report(self) -> str:
        """One line for each kind, in alphabetical order."""
        return "\n".join(f"{name}: {count}" for name, count in sorted(self.counts.items()))
