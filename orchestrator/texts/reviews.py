"""What a review asks as items of a repair, and what we answer it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orchestrator.records.result import Answer, AnswerKind
from orchestrator.records.task import RepairItem
from orchestrator.records.tracker import ThreadComment
from orchestrator.texts import markdown, quoting

SAID = 600  # characters of one answer
MORE = "(%d older comments left out)"


def conversation(comments: Sequence[ThreadComment], limit: int) -> str:
    """The comments of a thread, oldest first, by name; at most about `limit` bytes.

    The first one, which says what it is about, is always there, and of the others the newest.
    Only what a reader sees is taken (S8).
    """
    told = [
        f"{one.author}, {one.created:%Y-%m-%d %H:%M} UTC:\n{visible(one.body, limit // 2)}"
        for one in comments
    ]
    first, rest = told[:1], told[1:]
    room = limit - sum(len(text.encode("utf-8", "replace")) + 2 for text in first) - len(MORE)
    kept: list[str] = []
    for text in reversed(rest):
        room -= len(text.encode("utf-8", "replace")) + 2
        if room < 0:
            break
        kept.insert(0, text)
    left_out = len(rest) - len(kept)
    return "\n\n".join([*first, *([MORE % left_out] if left_out else []), *kept])


def visible(body: str, limit: int) -> str:
    """What a reader of a comment sees, by whole lines."""
    return markdown.truncated(markdown.visible(body).strip("\n"), limit)


def answered(answer: Answer, sha: str, *, changed: bool) -> str:
    """One answer in words; `changed` is what we saw ourselves, whatever the agent says."""
    said = quoting.flat(answer.said, SAID)
    if answer.kind is AnswerKind.FIXED and changed:
        return f"Fixed in {sha[:12]}{': ' if said else '.'}{said}"
    if answer.kind is AnswerKind.FIXED:
        return f"The agent says that it is fixed, but changed nothing in this round: {said}"
    if answer.kind is AnswerKind.DISAGREE:
        why = said[len("because") :].strip(" ,:") if said.lower().startswith("because") else said
        return f"Not changed, because {why}"
    return f"A person is needed{': ' if said else '.'}{said}"


def thread_reply(answer: Answer, sha: str, *, changed: bool, marker: str) -> str:
    return f"{answered(answer, sha, changed=changed)}\n\n{marker}"


def review_reply(
    pairs: Iterable[tuple[RepairItem, Answer]], sha: str, *, changed: bool, marker: str
) -> str:
    """The answers to what was said outside of threads, in one comment."""
    lines = "\n".join(
        f"- {quoting.flat(item.where, 60).capitalize()} by {quoting.flat(item.author, 60)}: "
        f"{answered(answer, sha, changed=changed)}"
        for item, answer in pairs
    )
    return f"{lines}\n\n{marker}"


def silent_reply(sha: str, *, marker: str) -> str:
    return (
        f"The work was changed in {sha[:12]}; the agent did not say which of the points above "
        f"that settles.\n\n{marker}"
    )


def for_a_person(pairs: Iterable[tuple[RepairItem, Answer]]) -> str:
    """The items that only a person can settle, in one sentence."""
    told = (
        f"{quoting.flat(item.where, 120)}{': ' if answer.said else ''}"
        f"{quoting.flat(answer.said, 200)}"
        for item, answer in pairs
    )
    return "of the review only a person can settle: " + "; ".join(told)
