"""Prices in whole cents, so that no sum is ever a cent off."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

WRITTEN = re.compile(r"(\d+)(?:\.(\d{2}))?")


@dataclass(frozen=True, order=True)
class Price:
    cents: int

    @classmethod
    def parse(cls, text: str) -> Price:
        """The price that somebody wrote as `12` or `12.50`."""
        match = WRITTEN.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"{text!r} is no price; write it like 12.50")
        whole, part = match.groups()
        return cls(int(whole) * 100 + int(part or 0))

    def __add__(self, other: Price) -> Price:
        return Price(self.cents + other.cents)

    def __mul__(self, count: int) -> Price:
        return Price(self.cents * count)

    def __str__(self) -> str:
        return f"{self.cents // 100}.{self.cents % 100:02d}"


def less(price: Price, percent: int) -> Price:
    """The price after a discount, rounded in the customer's favour."""
    if not 0 <= percent <= 100:
        raise ValueError(f"a discount of {percent} percent makes no sense")
    return Price(price.cents * (100 - percent) // 100)


def total(prices: Iterable[Price], discount: int = 0) -> Price:
    """The sum of all prices, with the discount taken off."""
    prices = [less(price, discount) for price in prices]
    return less(sum(prices, Price(0)), discount)
