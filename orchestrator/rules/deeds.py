"""What a person's hand may do to a task where it stands, and why not."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from orchestrator.records.task import State, Task


class Deed(StrEnum):
    """What a person may want of a task."""

    RETRY = "retry"
    GIVE = "give"
    NEXT = "next"
    CANCEL = "cancel"
    CLOSE = "close"
    APPROVE = "approve"


class How(StrEnum):
    """How it is carried out."""

    NEW_ROUND = "new_round"  # the same file to inbox/, counted from zero
    GO_ON = "go_on"  # the same round in inbox/, without a time to wait for
    END = "end"  # to cancelled/
    ORDER = "order"  # to cancelled/, by the worker that holds it
    LABEL = "label"  # the word of approval on its pull request


class Facts(Struct, frozen=True, kw_only=True):
    """`name` is how a person names the task, `worker` a clause that tells who works on it now, and
    since when: "" where nobody does. `waits` is for a time, and `ordered` says that an order to end
    it waits for its next worker. `wanted` is the agent that is to be given it, and `cannot` why it
    could not start; `agents` are those that exist here, `able` those of the chain that could start,
    `tried` those that had their turn in this round. `reopen` is the command that opens its issue
    again, `issue_open` and `pull_state` (open, closed or merged) are what GitHub says, where the
    deed hangs on it: None and "" where it was not asked, or did not answer.
    """

    name: str
    state: State
    worker: str = ""
    waits: bool = False
    ordered: bool = False
    wanted: str = ""
    cannot: str = ""
    agents: tuple[str, ...] = ()
    able: tuple[str, ...] = ()
    tried: frozenset[str] = frozenset()
    pull: int | None = None
    reopen: str = ""
    issue_open: bool | None = None
    pull_state: str = ""


class Do(Struct, frozen=True, tag=True):
    """It may be done, and how."""

    how: How


class Already(Struct, frozen=True, tag=True):
    """Nothing is to be done: it is so already."""

    reason: str


class Refuse(Struct, frozen=True, tag=True):
    """It cannot be done where the task stands; `later` says that waiting may help."""

    reason: str
    later: bool = False


Verdict = Do | Already | Refuse

ENDED = frozenset({State.ESCALATED, State.FAILED, State.CANCELLED})
WAITING = frozenset({State.INBOX, State.BLOCKED})
ENDINGS = frozenset({Deed.CANCEL, Deed.CLOSE})
BEGINNINGS = frozenset({Deed.RETRY, Deed.GIVE})


def judge(deed: Deed, facts: Facts) -> Verdict:
    """Whether the deed fits the state; a refusal says what a person can do instead."""
    name = facts.name
    if deed is Deed.GIVE and facts.wanted not in facts.agents:
        known = ", ".join(facts.agents) or "none"
        return Refuse(f"{facts.wanted or 'nobody'} is no agent of this config; known: {known}")
    if facts.state is State.QUARANTINE:
        return Refuse("its file could not be read and was set aside: mend it there first")
    if facts.state is State.DONE:
        return Refuse(
            f"it is done; {once_more(facts)} for a new task, or take it back: "
            f"bin/task.sh revert {name}"
        )
    if deed is Deed.APPROVE:
        return approval(facts)
    if facts.state is State.PROCESSING:
        return under_way(deed, facts)
    if deed in ENDINGS:
        return ending(deed, facts)
    if facts.state is State.REVIEW:
        return Refuse(
            f"its pull request #{facts.pull} is open and watched: a review there that asks for "
            f"changes sends it back to an agent; bin/task.sh cancel {name} ends it"
        )
    if deed is Deed.GIVE and facts.cannot:
        return unable(facts)
    if facts.state in ENDED:
        if deed in BEGINNINGS:
            return shut(facts) if facts.issue_open is False else Do(How.NEW_ROUND)
        return Refuse(f"it is in {facts.state}/: begin a new round, bin/task.sh retry {name}")
    return waiting(deed, facts)


def once_more(facts: Facts) -> str:
    """A done task's issue is closed, and no Ready of a closed one is heard."""
    if not facts.reopen:
        return "drop another file into inbox/"
    return f"reopen its issue ({facts.reopen}) and set it Ready"


def ending(deed: Deed, facts: Facts) -> Verdict:
    if facts.state is State.CANCELLED and deed is Deed.CANCEL:
        return Already("it is cancelled already")
    if facts.state is State.CANCELLED and facts.issue_open is False and facts.pull_state != "open":
        return Already("it is cancelled and closed already")
    return Do(How.END)


def shut(facts: Facts) -> Verdict:
    """A round of a closed issue would end as it begins, but for one that was merged meanwhile."""
    if facts.pull_state == "merged":
        return Do(How.NEW_ROUND if facts.state in ENDED else How.GO_ON)
    return Refuse(
        "nothing was done, for its issue is closed, and a new round would be cancelled at once. "
        f"Reopen it first:\n  {facts.reopen}"
    )


def is_newer(task: Task, seen: str, head: str) -> bool:
    """Whether `head` may hold work that was not in `seen`; our own Updates bring none."""
    if seen not in task.pushed or head not in task.pushed:
        return True
    before, now = task.pushed.index(seen), task.pushed.index(head)
    worked = {attempt.head_sha for attempt in task.attempts}
    return now < before or not worked.isdisjoint(task.pushed[before + 1 : now + 1])


def unable(facts: Facts) -> Refuse:
    """It would be passed over, so that the task came to others, or back to the person."""
    able = ", ".join(facts.able)
    others = f"Of its chain can: {able}." if able else "Nor can another of its chain."
    forced = f"bin/task.sh give --force {facts.wanted} {facts.name}"
    return Refuse(
        f"nothing was done, for {facts.wanted} cannot start here: {facts.cannot}\n"
        f"{others} Where cron has what is missing here:\n  {forced}"
    )


def waiting(deed: Deed, facts: Facts) -> Verdict:
    """In inbox/ or blocked/: the round goes on, now, first, or by somebody else."""
    if deed in BEGINNINGS and facts.ordered and facts.issue_open is False:
        return shut(facts)
    if deed is Deed.GIVE and facts.wanted in facts.tried:
        return Refuse(
            f"{facts.wanted} has had its turn in this round, and each agent has one; a new round "
            f"begins from zero: bin/task.sh cancel {facts.name}, then bin/task.sh give "
            f"{facts.wanted} {facts.name}"
        )
    at_once = facts.state is State.INBOX and not facts.waits and not facts.ordered
    if deed is Deed.RETRY and at_once:
        return Already(f"it waits in inbox/ already; bin/why.sh {facts.name} says for what")
    return Do(How.GO_ON)


def under_way(deed: Deed, facts: Facts) -> Verdict:
    """In processing/: only its own worker may end it."""
    if deed in ENDINGS:
        return Do(How.ORDER)
    if not facts.worker:
        return Refuse(
            "its worker is gone, and the next tick of run_queue.sh returns it to inbox/", later=True
        )
    if deed is Deed.NEXT:
        return Already(facts.worker)
    return Refuse(
        f"{facts.worker}; if that fails, the next agent takes over by itself, or end it now: "
        f"bin/task.sh cancel {facts.name}",
        later=True,
    )


def approval(facts: Facts) -> Verdict:
    if facts.state is State.REVIEW and facts.pull is not None:
        return Do(How.LABEL)
    if facts.state is State.PROCESSING and facts.worker:
        return Refuse(f"{facts.worker}: approve what comes of that", later=True)
    return Refuse(f"it is in {facts.state}/, and no pull request of it waits for a word")
