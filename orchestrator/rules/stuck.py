"""Work that goes nowhere: the same error again and again, or one that no agent gets past."""

from __future__ import annotations

import re
from collections.abc import Sequence

from orchestrator.records import regex
from orchestrator.records.result import BlockerCode
from orchestrator.records.task import Attempt
from orchestrator.records.verdicts import AttemptVerdict
from orchestrator.rules import routing

LOOP = 3  # the same error by the same agent on the same task: a fourth would be no other
# What says something of this machine or of the task as it is, and not of who tried.
PLAIN = frozenset({
    BlockerCode.TIMEOUT, BlockerCode.PROMPT_TOO_LARGE, BlockerCode.ENVIRONMENT_FAILURE,
})  # fmt: skip
VARIES = regex.late(r"0x[0-9a-f]+|\b[0-9a-f]{7,40}\b|\d+(?:[.,:]\d+)*", re.IGNORECASE)


def loop(history: Sequence[Attempt], agent: str, code: BlockerCode, words: str) -> int:
    """How often in a row this agent ended so, this time included; 0 while that is no loop.

    `history` are the attempts of the round before this one. Numbers, times and commits in the
    closing words do not make another error of it.
    """
    if code is BlockerCode.NONE or code in routing.REFUSALS:
        return 0
    times, said = 1, plain(words)
    own = [one for one in history if one.agent == agent and not delivered(one)]
    for one in reversed(own):
        if one.code is not code or not plain(one.reason).startswith(said):
            break
        times += 1
    return times if times >= LOOP else 0


def common(history: Sequence[Attempt], code: BlockerCode) -> BlockerCode:
    """The one code by which everybody since the last delivery was stopped; NONE without one."""
    if code not in PLAIN:
        return BlockerCode.NONE
    last = max((i for i, one in enumerate(history) if delivered(one)), default=-1)
    tried = [one for one in history[last + 1 :] if one.verdict is not AttemptVerdict.INTERRUPTED]
    others = {one.code for one in tried} - routing.REFUSALS
    return code if others <= {code} else BlockerCode.NONE


def refused_work(attempts: Sequence[Attempt], round_: int) -> Attempt | None:
    """The last attempt of the round, since its last delivery, that added something.

    An attempt that changed nothing names the commit that it began with.
    """
    last, head = None, ""
    for one in attempts:
        if delivered(one) or one.round != round_:
            last = None
        elif one.head_sha and one.head_sha != head:
            last = one
        head = one.head_sha or head
    return last


def delivered(attempt: Attempt) -> bool:
    return attempt.verdict is AttemptVerdict.DELIVER


def plain(words: str) -> str:
    """An error without what changes from one time to the next."""
    return VARIES.sub("#", " ".join(words.lower().split()))
