"""What a person means by `12`, `owner/name#12`, a link, `pr 34` or a part of a task's id."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from msgspec import Struct

from orchestrator.adapters.mailbox_index import Found
from orchestrator.records import regex
from orchestrator.records.task import UNDER_WAY, State
from orchestrator.texts import taskfile
from orchestrator.whereabouts.account import Unknown
from orchestrator.world import World

LINK = regex.late(r"https?://[^/\s]+/([\w.-]+/[\w.-]+)/(issues|pull)/(\d{1,9})(?:[/?#].*)?")
NAMED = regex.late(r"(?:([\w.-]+(?:/[\w.-]+)?)?#)?(\d{1,9})")
PULL_REQUEST = frozenset({"pr", "pull", "pull-request"})
MOST_SUGGESTIONS = 8


class Question(Struct, frozen=True, kw_only=True):
    """A number, with a repository where one was named, or a word that a task's id holds."""

    text: str
    repo: str = ""
    number: int | None = None
    pull: bool = False
    word: str = ""


class Subject(Struct, frozen=True, kw_only=True):
    """The issue and the task file that the answer is about; one of the two may be missing."""

    repo: str = ""
    number: int | None = None
    pull: bool = False
    found: Found | None = None
    others: tuple[Found, ...] = ()


def read(words: Sequence[str]) -> Question:
    """The question in its parts; never wrong, at worst a word that nothing holds."""
    text = " ".join(words).strip()
    pull = words[0].lower() in PULL_REQUEST and len(words) > 1
    rest = " ".join(words[1:] if pull else words).strip()
    if link := LINK.fullmatch(rest):
        return Question(text=text, repo=link[1], number=int(link[3]), pull=link[2] == "pull")
    named = NAMED.fullmatch(rest)
    if named:
        return Question(text=text, repo=named[1] or "", number=int(named[2]), pull=pull)
    return Question(text=text, word=rest.removesuffix(".md").rpartition("/")[2])


def subject(world: World, asked: Question, files: Sequence[Found]) -> Subject | Unknown:
    """The one thing that is meant; else what may be."""
    configured = world.config.repository(asked.repo) if asked.repo else None
    repo = configured.slug if configured else asked.repo
    hits = [found for found in files if fits(asked, repo, found)]
    exact = [found for found in hits if asked.word in {found.task.task_id, found.path.stem}]
    hits = exact or hits
    places = {place(found) for found in hits}
    if len(places) > 1:
        return Unknown(
            asked=asked.text, sentence="that fits several tasks; which one?",
            suggestions=names(hits),
        )  # fmt: skip
    if hits:
        first, *others = sorted(hits, key=standing, reverse=True)
        return Subject(
            repo=first.task.repo, number=first.task.issue, found=first, others=tuple(others)
        )
    if asked.number is None:
        return Unknown(
            asked=asked.text, sentence="no task here is called so", suggestions=like(asked, files)
        )
    known = [repository.slug for repository in world.config.repositories]
    if not repo and len(known) == 1:
        repo = known[0]
    if "/" not in repo:
        return Unknown(
            asked=asked.text, sentence=f"no task is about #{asked.number}; of which repository?",
            suggestions=tuple(f"{slug}#{asked.number}" for slug in known),
        )  # fmt: skip
    return Subject(repo=repo, number=asked.number, pull=asked.pull)


def fits(asked: Question, repo: str, found: Found) -> bool:
    task = found.task
    if asked.number is None:
        word = asked.word.lower()
        return len(word) > 2 and word in f"{task.task_id} {found.path.stem}".lower()
    if repo and task.repo.lower() != repo.lower():
        return False
    ours = (task.pull_request and task.pull_request.number, task.merge and task.merge.revert)
    return asked.number in ours or (not asked.pull and task.issue == asked.number)


def place(found: Found) -> str:
    """What the files of one issue share."""
    task = found.task
    if task.issue is None:
        return taskfile.key_of(task.task_id)
    return f"{task.repo.lower()}#{task.issue}"


def standing(found: Found) -> tuple[bool, bool, str]:
    """Under way first, then the newest."""
    return found.state in UNDER_WAY, found.state is not State.QUARANTINE, found.task.task_id


def like(asked: Question, files: Iterable[Found]) -> tuple[str, ...]:
    """The tasks whose titles hold the word, and those with a word that is spelled nearly so."""
    files, word = list(files), asked.word.lower()

    def words(found: Found) -> list[str]:
        return found.task.task_id.lower().split("-") + found.task.title.lower().split()

    titled = [found for found in files if word in found.task.title.lower()]
    near = [found for found in files if difflib.get_close_matches(word, words(found), 1, 0.7)]
    return names([*titled, *near])


def names(files: Iterable[Found]) -> tuple[str, ...]:
    told = []
    for found in files:
        issue = f"{found.task.repo}#{found.task.issue}" if found.task.issue else ""
        told.append(" ".join(filter(None, (issue, found.task.task_id, f"({found.state})"))))
    return tuple(dict.fromkeys(told))[:MOST_SUGGESTIONS]
