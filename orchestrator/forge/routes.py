"""The table of every REST route that the forge knows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from urllib.parse import unquote

from orchestrator.forge.rest import (
    actions,
    apps,
    checks,
    comments,
    commits,
    issues,
    owners,
    people,
    protection,
    pulls,
    refs,
    reviews,
    workflows,
)
from orchestrator.forge.web import Route

# The order decides between patterns that both fit: the longer, more exact ones come first.
ROUTES: tuple[Route, ...] = (
    *apps.ROUTES, *people.ROUTES, *owners.ROUTES, *issues.ROUTES, *comments.ROUTES,
    *reviews.ROUTES, *pulls.ROUTES, *actions.ROUTES, *workflows.ROUTES,
    *checks.ROUTES, *protection.ROUTES, *commits.ROUTES, *refs.ROUTES,
)
NUMBERS = ("issue_number", "pull_number", "comment_id", "check_run_id", "run_id", "job_id",
           "installation_id")


@cache
def pattern(path: str) -> re.Pattern[str]:
    """`{name}` is one segment, `{name+}` may hold slashes, and a number is digits."""
    def part(match: re.Match[str]) -> str:
        name, many = match[1], match[2]
        kind = r"\d+" if name in NUMBERS else ".+" if many else "[^/]+"
        return f"(?P<{name}>{kind})"

    return re.compile(re.sub(r"\{(\w+)(\+?)\}", part, path.replace(".", r"\.")))


@lru_cache(maxsize=1024)
def find(method: str, path: str) -> tuple[Route, Mapping[str, str]] | None:
    for route in ROUTES:
        if route.method == method:
            match = pattern(route.path).fullmatch(path)
            if match:
                return route, {name: unquote(part) for name, part in match.groupdict().items()}
    return None
