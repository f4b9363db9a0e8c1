"""What kind of request to GitHub one is: its route without names and numbers, or its query."""

from __future__ import annotations

from orchestrator.records import regex

# The words of GitHub's routes that we ask; whatever else stands in one is somebody's name.
WORDS = frozenset({
    "access_tokens", "actions", "app", "attempts", "branches", "check-runs", "check-suites",
    "collaborators", "comments", "commits", "compare", "contents", "installation", "installations",
    "issues", "jobs", "labels", "logs", "merge", "permission", "projects", "protection", "pulls",
    "rate_limit", "repos", "repositories", "requested_reviewers", "rerequest",
    "rerun-failed-jobs", "rules", "rulesets", "runs", "status", "statuses", "user", "users",
    "workflows",
})  # fmt: skip
NAMED = regex.late(r"\s*(query|mutation)\s+(\w+)")
MOST_WORDS = 7
# Words that lead to what was written to, which is left out.
LEADING = frozenset({"a", "again", "from", "in", "of", "on", "the", "to"})


def of_rest(method: str, path: str) -> str:
    """`GET repos/*/issues/*/comments`: all requests of a kind have one name."""
    parts = path.partition("?")[0].strip("/").split("/")
    shown: list[str] = []
    for part in parts:
        word = part if part in WORDS else "*"
        if word != "*" or shown[-1:] != ["*"]:
            shown.append(word)
    return f"{method} {'/'.join(shown)}"


def of_query(document: str) -> str:
    """`query Board`, by the name that our document gives it."""
    found = NAMED.match(document)
    return f"{found[1]} {found[2]}" if found else "query"


def of_write(what: str) -> str:
    """`write: comment`: a write as it is told, without what it was written to."""
    plain = [word for word in what.split() if word.replace("-", "").isalpha()][:MOST_WORDS]
    while plain and plain[-1] in LEADING:
        plain.pop()
    return f"write: {' '.join(plain)}"
