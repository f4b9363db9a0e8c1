"""The search over GraphQL."""

from __future__ import annotations

from typing import Any

from orchestrator.forge import searching
from orchestrator.forge.queries.ask import Args, Ask, Fields, Page, attribute, connection
from orchestrator.forge.web import Unknown


def search(root: Any, ask: Ask, args: Args) -> Page:
    try:
        rows = searching.find(ask.state, ask.viewer, args["query"])
    except searching.Strange as strange:
        raise Unknown(f"how to search by {strange}") from None
    return connection("search", rows, args)


FIELDS: dict[str, Fields] = {"SearchResultItemConnection": {"issueCount": attribute("total")}}
