"""What is asked for in the chat, carried out: each a change of mailbox, label, issue or switch.

It holds no state: every deed is one of `hands` and `switches`, or a write to GitHub with a key of
the update it came by, so that an update that is seen twice is carried out once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

from msgspec import structs

from orchestrator import github_sync, hands, intake, outbox, questions, switches
from orchestrator.adapters import markers
from orchestrator.adapters.notify import TelegramTrouble
from orchestrator.overview import look
from orchestrator.records.desk import Action, Desk
from orchestrator.records.effect import Stage
from orchestrator.records.errors import AgentOSError, GitHubTrouble, OutcomeUnknown, Trouble
from orchestrator.records.hand import Outcome, Said
from orchestrator.records.letter import Heard, Letter
from orchestrator.records.task import State, Task
from orchestrator.rules import failures, notices, orders
from orchestrator.rules.orders import Order, Unclear, Verb
from orchestrator.texts import letters
from orchestrator.texts import notices as notice_words
from orchestrator.texts import orders as words
from orchestrator.texts import overview as screen
from orchestrator.whereabouts import paper, question, telling
from orchestrator.whereabouts.account import Unknown
from orchestrator.world import World

BY = notices.CHAT
LOG = "chat"  # the effects log of what came by the chat
SCRIPT = "chat"  # what must go on listening while all else is off
STARTS_WORK = ("github_dispatcher", "supervisor", "queue")
KEPT_BY_TELEGRAM = timedelta(hours=25)
MOST_LISTED = 30
MOST_OF_EACH = 4
UNDER_WAY = (
    State.ESCALATED, State.FAILED, State.PROCESSING, State.REVIEW, State.INBOX, State.BLOCKED,
    State.QUARANTINE,
)  # fmt: skip


def admitted(world: World, desk: Desk, heard: Heard) -> tuple[bool, Desk]:
    """Whether this may command: the one chat, and there whom the config names; else told once a
    day to the log, and never answered."""
    config = world.config
    here = heard.chat == config.telegram_chat_id
    if here and (not config.telegram_user_ids or heard.sender in config.telegram_user_ids):
        return True, desk
    key, now = f"stranger {heard.chat} {heard.sender}", world.clock.now()
    before = desk.told.get(key)
    if heard.chat and (before is None or now - before >= notices.AGAIN_AFTER):
        world.say(f"chat {heard.chat}, user {heard.sender}: not admitted, left without an answer")
        desk = structs.replace(desk, told={**desk.told, key: now})
    return False, desk


def obeyed(world: World, desk: Desk, heard: Heard) -> Desk:
    """Carry out one update and answer it. Raises TelegramTrouble where no answer gets through:
    then the same update comes again, and is answered without being carried out twice."""
    may, desk = admitted(world, desk, heard)
    try:
        if may and heard.callback:
            desk = pressed(world, desk, heard)
        elif may and heard.text:
            letter = once(world, heard, lambda: answer(world, heard))
            world.notify.send(heard.chat, letter)
    except TelegramTrouble as trouble:
        if trouble.trouble is not Trouble.VALIDATION:
            raise
        world.say(f"an answer was dropped: {trouble}")  # its message was deleted, or is too old
        return outbox.opened(world)
    return desk


def once(world: World, heard: Heard, act: Callable[[], Letter]) -> Letter:
    """The answer to an update; of one that was carried out before only what was said of it."""
    key = f"update:{heard.update}"
    before = world.effects.last(LOG, key)
    if before is not None and before.stage is Stage.DONE:
        return words.sentence(before.result)
    letter = act()
    world.effects.record(LOG, key, Stage.DONE, world.redact(letters.plain(letter))[:1_000])
    return letter


def answer(world: World, heard: Heard) -> Letter:
    order = orders.read(heard.text)
    if isinstance(order, Unclear):
        return words.ours(order.sentence)
    try:
        letter = ANSWERS[order.verb](world, heard, order)
    except OutcomeUnknown:
        raise  # the same update comes again, and looks what came of it
    except (AgentOSError, OSError) as trouble:
        letter = words.sentence(f"It did not work: {trouble}")
    world.say(f"{heard.name or heard.sender}: /{order.verb} {order.what}".rstrip())
    return letter


# --- commands --------------------------------------------------------------------------------


def helped(world: World, heard: Heard, order: Order) -> Letter:
    forms = orders.FORMS
    return words.help_({verb: (form.usage, form.does) for verb, form in forms.items()})


def deed(world: World, heard: Heard, order: Order) -> Letter:
    """One of the hands on one task."""
    task = meant(world, order.what)
    if isinstance(task, Letter):
        return task
    return words.sentence(carried_out(world, order.verb, task, order.text).sentence)


def carried_out(
    world: World, verb: str, task: Task, agent: str = "", seen: str | None = None
) -> Said:
    acts: Mapping[str, Callable[[], Said]] = {
        Verb.RETRY: lambda: hands.retry(world, task.task_id, by=BY),
        Verb.GIVE: lambda: hands.give(world, task.task_id, agent, by=BY),
        Verb.NEXT: lambda: hands.put_first(world, task.task_id, by=BY),
        Verb.CLOSE: lambda: hands.close(world, task.task_id, by=BY),
        Verb.APPROVE: lambda: hands.approve(world, task.task_id, by=BY, seen=seen),
    }
    return acts[verb]()


def meant(world: World, word: str) -> Task | Letter:
    """The task that is meant, or the answer that says why none is."""
    found = question.subject(world, question.read([word]), telling.everything(world))
    if isinstance(found, Unknown):
        more = "".join(f"\n{one}" for one in found.suggestions)
        return words.sentence(f"{found.asked}: {found.sentence}{more}")
    if found.found is None:
        return words.sentence(f"No task of {found.repo}#{found.number} is here; is it Ready?")
    return found.found.task


def new(world: World, heard: Heard, order: Order) -> Letter:
    """An issue of these words, made once for this update, and set Ready."""
    repository = world.config.repository(order.what)
    if repository is None:
        known = ", ".join(one.name for one in world.config.repositories)
        return words.sentence(f"{order.what}: no such repository; known: {known}")
    slug, now = repository.slug, world.clock.now()
    mark = Task(task_id=LOG, repo=slug, created=now)
    marker = world.markers.line(mark, "new", heard.update, round_=0)
    title, body = words.issue(order.text, heard.name, marker)

    def find() -> str | None:
        since = world.read.issues_since(slug, now - KEPT_BY_TELEGRAM)
        return next(map(str, markers.bearing(marker, since)), None)

    number = int(world.effects.once(
        LOG, f"new:{heard.update}", find=find,
        make=lambda: str(
            world.write.create_issue(slug, title=world.redact(title), body=world.redact(body))
        ),
    ))  # fmt: skip
    trouble = made_ready(world, slug, number, f"new:{heard.update}")
    world.events.add("issue_written", repo=slug, issue=number, reason=title, by=BY)
    where = f"{world.config.github_web_url}/{slug}/issues/{number}"
    said = f"is Ready and will be taken up: {title}"
    if trouble:
        said = f"is not Ready, set its label `{intake.READY_LABEL}` yourself: {trouble}"
    return words.listed("Written down", [(f"{repository.name}#{number}", where, said)], "")


def made_ready(world: World, slug: str, number: int, key: str) -> str:
    """What kept a new issue from being set Ready, "" for nothing. Trouble that passes is tried
    again for a while, by OutcomeUnknown; for no longer, since nothing else is heard meanwhile."""
    made = world.effects.last(LOG, key)
    try:
        world.write.add_label(slug, number, intake.READY_LABEL)
    except GitHubTrouble as trouble:
        young = made is not None and timedelta() <= world.clock.now() - made.at < failures.FRESH
        if young and trouble.trouble in failures.PASSING - {Trouble.AUTH}:
            said = f"{slug}#{number} is made, and not Ready yet: {trouble}"
            raise OutcomeUnknown(said) from trouble
        return str(trouble)
    return ""


def answered(world: World, heard: Heard, order: Order) -> Letter:
    """A comment of the person's on the issue; it does not end with our mark, so it is heard."""
    task = meant(world, order.what)
    if isinstance(task, Letter):
        return task
    name = outbox.short_name(world, task)
    if task.issue is None:
        return words.sentence(f"{name} has no issue to answer on; write it into its file")
    waits = questions.asks(task) and world.mailroom.holds(task.task_id) is State.ESCALATED
    marker = world.markers.line(task, "chat-answer", heard.update, round_=0)
    told = github_sync.comment_below(
        world, task, task.issue, f"chat-answer:{heard.update}",
        words.answer(order.text, heard.name, marker), marker=marker, what="answering on it",
    )  # fmt: skip
    if not told:
        return words.sentence(f"GitHub lets nothing be written on {name}")
    world.events.add("answered_by_chat", task=task, reason=order.text[:200], by=BY)
    follows = "the next round begins in a minute" if waits else "its next attempt will read it"
    return words.sentence(f"Written on {name}; {follows}")


def paused(world: World, heard: Heard, order: Order) -> Letter:
    """Without a repository: what starts work is off, what is open is still merged."""
    off = order.verb in {Verb.PAUSE, Verb.OFF}
    names: tuple[str, ...] = (switches.EVERYTHING,)
    why = order.text
    if order.what:
        name = switches.meant(order.what, world.config)
        if name is None and order.verb is Verb.OFF:  # `/off until Monday` means everything
            why = f"{order.what} {order.text}".strip()
        elif name is None:
            return words.sentence(f"{order.what}: no such repository or script")
        elif name == SCRIPT and off:
            return words.sentence("Then nobody would hear you any more; do that in a shell")
        else:
            names = (name,)
    elif order.verb in {Verb.PAUSE, Verb.RESUME}:
        names = STARTS_WORK
    why = why or f"{heard.name or 'a person'}, from the chat"
    said = [switched(world, name, why, off=off).sentence for name in names]
    left = [one.what for one in switches.standing(world.paths, switches.names(world.config))]
    if not off and left:
        said.append(f"Still off: {', '.join(left)}")
    return words.sentence("\n".join(said))


def switched(world: World, name: str, why: str, *, off: bool) -> Said:
    if off:
        return switches.off(world.paths, world.events, name, why, by=BY)
    return switches.on(world.paths, world.events, name, by=BY)


def why(world: World, heard: Heard, order: Order) -> Letter:
    """What bin/why.sh says, which changes nothing."""
    looking = replace(world, dry_run=True)
    told = telling.account(looking, question.read([order.what]))
    if isinstance(told, Unknown):
        return words.account(paper.unknown(told))
    return words.account(paper.lines(told, world.clock.now(), world.spoken))


def tasks(world: World, heard: Heard, order: Order) -> Letter:
    """Every task that is not over, those first that need a person."""
    lines = []
    for state in UNDER_WAY:
        for task in world.mailroom.list_state(state):
            about = outbox.of_task(world, task, state)
            lines.append((about.name, about.pull_link or about.link, f"{state}: {task.title}"))
    more = [("...", "", f"and {len(lines) - MOST_LISTED} more")] if lines[MOST_LISTED:] else []
    return words.listed("Tasks", [*lines[:MOST_LISTED], *more], "None is waiting or at work.")


def status(world: World, heard: Heard, order: Order) -> Letter:
    """What bin/status.sh shows, a little less of each."""
    seen = look.look(world)
    return words.screen(
        screen.headline(seen, world.zone),
        [
            (one.title, [" ".join(filter(None, row.cells)) for row in one.rows])
            for one in screen.sections(seen, world.zone, most=MOST_OF_EACH)
            if one.title != "Scripts"  # a person hears by an alert when one of them is in trouble
        ],
    )


ANSWERS: dict[Verb, Callable[[World, Heard, Order], Letter]] = {
    Verb.STATUS: status, Verb.TASKS: tasks, Verb.NEW: new, Verb.NEXT: deed, Verb.ANSWER: answered,
    Verb.RETRY: deed, Verb.GIVE: deed, Verb.CLOSE: deed, Verb.APPROVE: deed, Verb.PAUSE: paused,
    Verb.RESUME: paused, Verb.OFF: paused, Verb.ON: paused, Verb.WHY: why, Verb.HELP: helped,
}  # fmt: skip


# --- buttons ---------------------------------------------------------------------------------


def pressed(world: World, desk: Desk, heard: Heard) -> Desk:
    """One press: carried out once, written below the letter, answered where it was pressed."""
    verb, short, agent = orders.pressed(heard.data)
    action = desk.actions.get(short)
    if action is None:
        world.notify.answer(heard.callback, "This button is not known any more. /tasks lists all.")
        return desk
    if not action.done and world.clock.now() - action.made > outbox.BUTTONS_LIVE:
        world.notify.answer(heard.callback, "It is older than 48 hours. /tasks lists what waits.")
        return desk
    answer = f"Done already: {action.done}"
    if not action.done:
        said = chosen(world, action, verb, agent)
        answer = said.sentence
        action = settled(action, heard, verb, agent, said)
        desk = structs.replace(desk, actions={**desk.actions, short: action})
        outbox.kept(world, desk)
        world.say(f"{heard.name or heard.sender} presses {verb} {agent}: {said.sentence}")
    world.notify.edit(heard.chat, heard.message, action.letter)
    world.notify.answer(heard.callback, letters.strange(answer, 190))
    return desk


def chosen(world: World, action: Action, verb: str, agent: str) -> Said:
    """Carry it out, if the task is where it was when the button was made.

    What is approved is the work that its letter was about, and no later one.
    """
    found = world.mailroom.locate(action.task_id)
    if found is None:
        return Said(outcome=Outcome.REFUSED, sentence="The task is not here any more")
    if found.task.round != action.round:
        said = f"{hands.name_of(found.task)} is in round {found.task.round} by now"
        return Said(outcome=Outcome.REFUSED, sentence=said)
    try:
        return carried_out(world, verb, found.task, agent, seen=action.head)
    except (AgentOSError, OSError) as trouble:
        return Said(outcome=Outcome.BUSY, sentence=f"It did not work: {world.redact(str(trouble))}")


def settled(action: Action, heard: Heard, verb: str, agent: str, said: Said) -> Action:
    """What the letter says now; after a deed that may be tried again its buttons stay."""
    open_ = said.outcome is Outcome.BUSY
    who = f"{heard.name or heard.sender}: {verb} {agent}".rstrip()
    note = f"{who}: {said.sentence}"
    letter = notice_words.answered(action.letter, note, open_=open_)
    return structs.replace(action, letter=letter, done="" if open_ else note)
