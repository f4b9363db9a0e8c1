"""Which of many texts speak of the same things as a task: by its words, the rare ones first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from orchestrator.records import regex

WORD = regex.late(r"[^\W_]{3,}")
HUMP = regex.late(r"(?<=[a-z0-9])(?=[A-Z])")
READ = 60_000  # characters of a text that are looked at
COMMON = frozenset({
    "about", "after", "all", "also", "and", "any", "are", "asks", "because", "been", "before",
    "being", "both", "but", "can", "change", "changes", "code", "constraints", "context", "could",
    "criteria", "did", "does", "done", "each", "else", "every", "file", "files", "for", "found",
    "from", "function", "get", "give", "given", "goal", "goals", "had", "has", "have", "here",
    "how", "into", "issue", "its", "just", "like", "made", "make", "makes", "many", "more",
    "most", "must", "need", "needs", "new", "not", "nothing", "now", "off", "old", "once", "one",
    "only", "open", "other", "our", "out", "over", "own", "repository", "same", "shall", "should",
    "show", "shows", "since", "some", "still", "such", "success", "task", "test", "tests", "than",
    "that", "the", "their", "them", "then", "there", "these", "they", "this", "those", "through",
    "too", "two", "under", "until", "use", "used", "uses", "using", "very", "want", "was", "way",
    "were", "what", "when", "where", "which", "while", "who", "why", "will", "with", "without",
    "work", "worked", "works", "would", "you", "your",
})  # fmt: skip


def words(text: str) -> frozenset[str]:
    """The telling words of a text, parts of names and paths apart, in lower case."""
    said = WORD.findall(HUMP.sub(" ", text[:READ]).casefold())
    return frozenset(said) - COMMON


def scores(texts: Sequence[str], about: frozenset[str]) -> list[float]:
    """How much each text has to do with the words; a word that most of them hold counts little."""
    held = [words(text) & about for text in texts]
    common = Counter(word for found in held for word in found)
    return [sum(1 / common[word] for word in sorted(found)) for found in held]

