"""From the trail to the chat: read on, sort, send, and remember what was told (Q11).

No script ever waits for Telegram: what is to be told is taken from the events that all of them
write anyway. A letter counts as sent when Telegram has said so; killed in between, or with no
answer to it, it is sent once more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import msgspec
from msgspec import structs

from orchestrator import alerts, hands, questions, readiness
from orchestrator.adapters import events, files
from orchestrator.adapters.notify import TelegramTrouble
from orchestrator.adapters.reading import NotReadable
from orchestrator.records.config import MergePolicy
from orchestrator.records.desk import Action, Desk
from orchestrator.records.errors import AgentOSError, Trouble
from orchestrator.records.event import Event
from orchestrator.records.letter import Button, Letter
from orchestrator.records.task import State, Task
from orchestrator.rules import notices
from orchestrator.rules.notices import Batch, Buttons, Weight
from orchestrator.texts import letters
from orchestrator.texts import notices as words
from orchestrator.texts.notices import About
from orchestrator.world import World

ALERT = "telegram"
UNDELIVERED = timedelta(hours=2)  # before that is an alert of its own
LONGEST_WAIT = timedelta(hours=1)
BUTTONS_LIVE = timedelta(hours=48)
BUTTONS_KNOWN = timedelta(days=14)
PIECE = 4_000_000  # bytes of the trail that are read at once
CHOICES = 2  # other agents that a button offers
LONGEST_DATA = 64
_LARGEST = 20_000_000


def place(world: World) -> Path:
    return world.paths.state / "chat.json"


def opened(world: World) -> Desk:
    """What is remembered; a first time begins at the end of the trail, not with its history."""
    try:
        return msgspec.json.decode(files.read_bounded(place(world), _LARGEST), type=Desk)
    except (FileNotFoundError, NotReadable, msgspec.MsgspecError, UnicodeError, RecursionError):
        return kept(world, Desk(mark=events.end(world.paths.events)))


def kept(world: World, desk: Desk) -> Desk:
    if not world.dry_run:
        try:
            files.write_durably(place(world), msgspec.json.encode(desk), replace=True)
        except IsADirectoryError:
            said = f"{place(world)} is a folder, where our memory of the chat belongs; move it away"
            raise AgentOSError(f"{said}; until then nothing is sent or heard") from None
    return desk


def collected(world: World, desk: Desk) -> Desk:
    """With what has happened since; of a backlog beyond all measure the newest part."""
    found, mark = events.after(
        world.paths.events, desk.mark or events.end(world.paths.events), most_bytes=PIECE
    )
    if mark == desk.mark:
        return desk
    pending = notices.wanted((*desk.pending, *found))
    # What came back before its end was told is news again, and that end is none any more.
    void = notices.outlived(pending)
    pending = tuple(event for event in pending if event not in void)
    over = max(0, len(pending) - notices.MOST_PENDING)
    return structs.replace(
        desk, mark=mark, pending=pending[over:], missed=desk.missed + over,
        told=notices.noted(desk.told, void, world.clock.now()),
        actions={
            key: action
            for key, action in desk.actions.items()
            if world.clock.now() - action.made < BUTTONS_KNOWN
        },
    )  # fmt: skip


def sent(world: World, desk: Desk) -> Desk:
    """With everything told that may be told now, each letter remembered before the next."""
    now = world.clock.now()
    quiet = notices.is_quiet(world.config.quiet_hours, now.astimezone(world.zone))
    fresh = notices.fresh(desk.pending, desk.told, now)
    sorted_ = notices.sort(fresh, quiet=quiet)
    desk = structs.replace(desk, pending=fresh)
    alone = tuple(one for one in sorted_.now if one.about == notices.DIGEST)
    steps = tuple(one for one in sorted_.now if one not in alone)
    if len(steps) > notices.MOST_LETTERS or (desk.missed and steps):
        everything = tuple(event for batch in steps for event in batch.events)
        letter = summary(world, everything, missed=desk.missed)
        desk = delivered(world, structs.replace(desk, missed=0), letter, everything)
        steps = ()
    for batch in (*steps, *alone):
        letter, action = written(world, batch)
        desk = delivered(world, desk, letter, batch.events, action)
    return desk


def delivered(
    world: World, desk: Desk, letter: Letter, told: Sequence[Event], action: Action | None = None
) -> Desk:
    """With this letter sent; one that Telegram will never take is said and let go.

    Raises TelegramTrouble where it may be sent later.
    """
    if world.dry_run:
        world.say(f"would send:\n{world.redact(letters.plain(letter))}")
    else:
        try:
            number = world.notify.send(world.config.telegram_chat_id or "", letter)
        except TelegramTrouble as trouble:
            if trouble.trouble is not Trouble.VALIDATION:
                raise
            world.say(f"a letter was dropped: {trouble}")
            number = 0
        if action is not None:
            action = structs.replace(action, message=number)
    actions = {**desk.actions, identity(action): action} if action else desk.actions
    left = tuple(event for event in desk.pending if event not in told)
    now_told = notices.noted(desk.told, told, world.clock.now())
    return kept(world, structs.replace(desk, pending=left, told=now_told, actions=actions))


def identity(action: Action) -> str:
    """The short name of an action, the same when its letter has to be sent again."""
    said = f"{action.task_id}#{action.round} {action.made.isoformat()}"
    return hashlib.sha256(said.encode()).hexdigest()[:12]


# --- when it does not go out -----------------------------------------------------------------


def waits(world: World, desk: Desk) -> bool:
    """Whether Telegram is left alone for now; a wait in the far future is a clock put back."""
    if desk.not_before is None:
        return False
    return timedelta() < desk.not_before - world.clock.now() <= LONGEST_WAIT


def failed(world: World, desk: Desk, trouble: TelegramTrouble) -> Desk:
    """After a failure: said, counted, and left alone for a while that grows."""
    now, count = world.clock.now(), desk.failures + 1
    wait = min(timedelta(minutes=2 ** min(count - 1, 10)), LONGEST_WAIT)
    if trouble.trouble is Trouble.RATE:
        wait = min(timedelta(seconds=trouble.wait), LONGEST_WAIT)
    said = f"{trouble}; {len(desk.pending)} steps wait, the next try is in {wait}"
    world.regret(said, trouble.exit_code)
    since = desk.failing_since or now
    desk = structs.replace(desk, failures=count, failing_since=since, not_before=now + wait)
    overdue(world, desk)
    return kept(world, desk)


def overdue(world: World, desk: Desk) -> None:
    """What reaches nobody for hours is an alert, which the log and the watchdog tell."""
    since = desk.failing_since
    if since is not None and world.clock.now() - since >= UNDELIVERED:
        alerts.alert(
            world, ALERT,
            f"nothing has reached the chat since {world.spoken(since)}; nothing is lost: "
            f"{len(desk.pending)} steps wait for Telegram. Look at runtime/logs/telegram.log",
        )  # fmt: skip


def well(world: World, desk: Desk) -> Desk:
    """After Telegram has answered."""
    if not desk.failures:
        return desk
    alerts.recovered(world, ALERT, "the chat is reached again")
    return structs.replace(desk, failures=0, failing_since=None, not_before=None)


# --- what a letter says ----------------------------------------------------------------------


def written(world: World, batch: Batch) -> tuple[Letter, Action | None]:
    """The letter of a batch; where it has buttons, what these will be about."""
    task, state = at_hand(world, batch.about)
    first = batch.events[-1]
    if batch.about == notices.DIGEST and (kept_letter := digest(world)):
        return kept_letter, None
    about = of_task(world, task, state) if task else of_repository(world, first.repo)
    names = [notices.name(event) for event in batch.events]
    letter = words.of_steps(names, batch.events, about)
    letter = structs.replace(letter, quiet=batch.weight is Weight.SILENT)
    if task is None:
        return letter, None
    head = task.pushed[-1] if task.pushed else ""
    action = Action(
        task_id=task.task_id, round=task.round, made=first.at, letter=letter, head=head
    )
    rows = keyboard(world, batch.buttons, task, state, identity(action))
    if not rows:
        return letter, None
    letter = words.with_buttons(letter, rows)
    return letter, structs.replace(action, letter=letter)


def digest_place(world: World) -> Path:
    return world.paths.state / "digest.json"


def digest(world: World) -> Letter | None:
    """The newest digest as it is sent; None where it is gone."""
    try:
        return msgspec.json.decode(files.read_bounded(digest_place(world), _LARGEST), type=Letter)
    except (FileNotFoundError, NotReadable, msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def keyboard(
    world: World, wanted: Buttons, task: Task, state: State | None, short: str
) -> tuple[tuple[Button, ...], ...]:
    """The buttons that make sense for the task where it is now."""
    if wanted is Buttons.ESCALATION and state in {State.ESCALATED, State.FAILED}:
        give = [
            Button(f"Give to {agent}", f"give:{short}:{agent}")
            for agent in others(world, task)
            if len(f"give:{short}:{agent}".encode()) <= LONGEST_DATA
        ]
        retry, close = Button("Retry", f"retry:{short}"), Button("Close", f"close:{short}")
        return tuple(filter(None, ((retry, close), tuple(give))))
    if wanted is Buttons.APPROVAL and state is State.REVIEW and asks_approval(world, task):
        return ((Button("Approve", f"approve:{short}"), Button("Close", f"close:{short}")),)
    return ()


def asks_approval(world: World, task: Task) -> bool:
    repository = world.config.repository(task.repo)
    attempt = next((one for one in reversed(task.attempts) if one.head_sha), None)
    bent = attempt is not None and bool(attempt.suspicions)
    return bent or (repository is not None and repository.merge is MergePolicy.APPROVED)


def at_hand(world: World, task_id: str) -> tuple[Task | None, State | None]:
    found = world.mailroom.locate(task_id) if "-" in task_id else None
    return (found.task, found.state) if found else (None, None)


def of_task(world: World, task: Task, state: State | None) -> About:
    page = f"{world.config.github_web_url}/{task.repo}"
    pull = task.pull_request.number if task.pull_request else None
    asks = state is State.ESCALATED and questions.asks(task)
    result = task.attempt.result if task.attempt else None
    return About(
        name=short_name(world, task),
        title=task.title,
        link=f"{page}/issues/{task.issue}" if task.issue else "",
        pull=pull,
        pull_link=f"{page}/pull/{pull}" if pull else "",
        questions=((result.blockers or (result.summary,)) if result and asks else ()),
    )


def of_repository(world: World, slug: str) -> About:
    link = f"{world.config.github_web_url}/{slug}" if slug else ""
    return About(name=slug, link=link)


def short_name(world: World, task: Task) -> str:
    """`library#12` where that is one repository's name alone, else as everywhere."""
    if task.issue is None:
        return task.task_id
    bare = task.repo.partition("/")[2]
    found = world.config.repository(bare)
    return f"{bare}#{task.issue}" if found and found.slug == task.repo else hands.name_of(task)


def others(world: World, task: Task) -> tuple[str, ...]:
    """The agents of its chain that did not make its last attempt, and could start."""
    repository = world.config.repository(task.repo)
    chain = repository.agent_fallbacks.get(task.task_type, ()) if repository else ()
    last = task.attempt.agent if task.attempt else ""
    return tuple(
        name for name in chain
        if name != last and not readiness.absent(world, name, task.task_type)
    )[:CHOICES]  # fmt: skip


def summary(world: World, told: Sequence[Event], *, missed: int) -> Letter:
    names = [notices.name(event) for event in told]
    return words.summary(
        names, told, needs(world, told), missed=missed,
        span=f"{world.spoken(min(event.at for event in told))} to "
        f"{world.spoken(max(event.at for event in told))}",
    )  # fmt: skip


def needs(world: World, told: Sequence[Event]) -> tuple[tuple[str, str], ...]:
    """What of it still waits for a person, called so, for this reason: tasks before alerts."""
    tasks: dict[str, str] = {}
    others: dict[str, str] = {}
    for event in told:
        if event.kind == notices.RECOVERED:
            others.pop(str(event.details.get("key", "")), None)
        if not notices.ROWS[notices.name(event)].needs_you:
            continue
        task, state = at_hand(world, event.task_id)
        if task is None:
            others[str(event.details.get("key", event.reason))] = event.reason
        elif state in {State.ESCALATED, State.FAILED, State.REVIEW}:
            tasks[short_name(world, task)] = event.reason
    return (*tasks.items(), *(("Alert", said) for said in others.values()))
