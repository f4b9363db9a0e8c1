"""Searching issues and pull requests by GitHub's words: qualifiers, labels, text and order."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from functools import partial

from orchestrator.forge import accounts, issues, records, reviews
from orchestrator.forge.state import State

# So many results GitHub tells at most.
MOST = 1000
# Every word has to hold; brackets round words of which that is said change nothing.
JOINS = ("(", ")", "AND")
SORTS = {"created": "created_at", "updated": "updated_at"}
Test = Callable[[State, records.Issue, str], bool]


class Strange(Exception):
    """A qualifier that the forge does not know."""


def repo_of(state: State, row: records.Issue) -> records.Repo:
    return state.store.need(records.Repo, row.repo_id)


def by(state: State, identity: int | None, login: str) -> bool:
    user = state.store.get(records.User, identity)
    return user is not None and user.login.lower() == login.lower()


def mentions(state: State, row: records.Issue, login: str) -> bool:
    texts = [row.body or "", *(one.body for one in issues.comments_of(state, row))]
    sign = re.compile(rf"(?<![\w@-])@{re.escape(login)}(?![\w-])", re.IGNORECASE)
    return any(sign.search(text) for text in texts)


def commented(state: State, row: records.Issue, login: str) -> bool:
    return any(by(state, one.author_id, login) for one in issues.comments_of(state, row))


def is_a(state: State, row: records.Issue, word: str) -> bool:
    told = {
        "issue": not row.is_pull, "pr": row.is_pull, "open": row.state == "open",
        "closed": row.state == "closed", "merged": row.merged_at is not None,
        "unmerged": row.is_pull and row.merged_at is None, "draft": row.draft,
        "public": not repo_of(state, row).private, "private": repo_of(state, row).private,
    }
    if word not in told:
        raise Strange(f"is:{word}")
    return told[word]


def labelled(state: State, row: records.Issue, names: str) -> bool:
    wanted = {name.strip().strip('"').lower() for name in names.split(",")}
    return any(label.name.lower() in wanted for label in issues.labels_of(state, row))


TESTS: dict[str, Test] = {
    "is": is_a,
    "state": is_a,
    "type": is_a,
    "repo": lambda state, row, name: repo_of(state, row).full_name.lower() == name.lower(),
    "user": lambda state, row, name: repo_of(state, row).owner.lower() == name.lower(),
    "org": lambda state, row, name: repo_of(state, row).owner.lower() == name.lower(),
    "author": lambda state, row, name: by(state, row.author_id, name),
    "assignee": lambda state, row, name: False,
    "mentions": mentions,
    "commenter": commented,
    "involves": lambda state, row, name: (
        by(state, row.author_id, name) or mentions(state, row, name) or commented(state, row, name)
    ),
    "review-requested": lambda state, row, name: any(
        user.login.lower() == name.lower() for user in reviews.asked(state, row)
    ),
    "label": labelled,
    "head": lambda state, row, name: row.is_pull and row.head_ref == name,
    "base": lambda state, row, name: row.is_pull and row.base_ref == name,
    "draft": lambda state, row, word: row.draft == (word == "true"),
    "archived": lambda state, row, word: repo_of(state, row).archived == (word == "true"),
    "reason": lambda state, row, word: (row.state_reason or "") == word.replace(" ", "_"),
}


def words_of(query: str) -> Sequence[str]:
    """The words of a query; what stands in quotes, also behind a qualifier, is one."""
    lexer = shlex.shlex(query, posix=True, punctuation_chars=False)
    lexer.whitespace_split, lexer.commenters, lexer.quotes = True, "", '"'
    try:
        return list(lexer)
    except ValueError:
        return query.replace('"', "").split()


def passes(state: State, test: Test, value: str, negative: bool, row: records.Issue) -> bool:
    return test(state, row, value) != negative


def in_text(state: State, text: str, places: Sequence[str], row: records.Issue) -> bool:
    told = {"title": row.title, "body": row.body or ""}
    if "comments" in places:
        told["comments"] = "\n".join(one.body for one in issues.comments_of(state, row))
    return any(text.lower() in told[place].lower() for place in places if place in told)


def find(state: State, viewer: accounts.Viewer, query: str) -> list[records.Issue]:
    """What the viewer may see of what the query asks for, best first: the newest.

    Raises Strange for a qualifier that the forge does not know.
    """
    words = words_of(query)
    told = [word.lower().partition(":")[2] for word in words if word.lower().startswith("in:")]
    places = told[-1].split(",") if told else ["title", "body", "comments"]
    tests: list[Callable[[records.Issue], bool]] = []
    key, down = "created_at", True
    for word in words:
        if word in JOINS:
            continue
        if word in ("OR", "NOT"):
            raise Strange(word)
        name, colon, value = word.partition(":")
        negative = name.startswith("-")
        name = name.removeprefix("-").lower()
        value = viewer.login if value == "@me" else value
        if not colon:
            tests.append(partial(in_text, state, word, places))
        elif name == "in":
            continue
        elif name == "sort" and value.partition("-")[0] in SORTS:
            field, _, way = value.partition("-")
            key, down = SORTS[field], way != "asc"
        elif name in TESTS:
            tests.append(partial(passes, state, TESTS[name], value, negative))
        else:
            raise Strange(word)
    rows = [
        row for row in state.store.select(records.Issue, "1 order by id")
        if all(test(row) for test in tests)
        and accounts.allows(state, repo_of(state, row), viewer.user, "read")
    ]
    rows.sort(key=lambda row: (getattr(row, key), row.id), reverse=down)
    return rows[:MOST]
