"""Once a day: what was shipped, what needs a person, what it cost, and what comes next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import msgspec

from orchestrator import outbox, tick, timetable
from orchestrator.adapters import events, files
from orchestrator.overview import look
from orchestrator.records.letter import Letter
from orchestrator.records.overview import Overview
from orchestrator.records.task import State
from orchestrator.rules import budget, notices
from orchestrator.texts import digest, letters
from orchestrator.texts.digest import Call, Shipped
from orchestrator.whereabouts import place
from orchestrator.world import World

ABOUT = (
    "Write the digest of a day to runtime/digest, from digest_hour on and once a day; where "
    "Telegram is configured, the chat gets it. Cron starts it every hour; --now writes it at once."
)
JOB = "daily_digest"
LONGEST = timedelta(days=7)  # that one digest looks back
KEPT = 60  # digests in runtime/digest


def main(argv: Sequence[str] | None = None) -> int:
    return tick.run("daily_digest", story, argv, about=ABOUT)


def story(world: World) -> None:
    """Written to runtime/digest; the chat script sends it, as it sends everything else."""
    if not world.dry_run and not timetable.is_due_today(world, JOB, hour=world.config.digest_hour):
        return
    letter = made(world)
    said = world.redact(letters.plain(letter))
    if world.dry_run:
        world.say(f"the digest would be:\n{said}")
        return
    folder = world.paths.runtime / "digest"
    day = f"{world.clock.now().astimezone(world.zone):%Y-%m-%d}"
    files.make_folder(folder)
    files.write_cache(folder / f"{day}.txt", said.encode("utf-8", "replace") + b"\n")
    files.write_cache(outbox.digest_place(world), msgspec.json.encode(letter))
    for old in sorted(folder.glob("*.txt"))[:-KEPT]:
        files.remove_file(old)
    timetable.succeeded(world, JOB)
    world.events.add(notices.DIGEST, reason=day)
    world.say(f"the digest of {day} is {folder / f'{day}.txt'}")


def made(world: World) -> Letter:
    now = world.clock.now()
    last = timetable.last_success(world, JOB)
    since = max(last if last and last < now else now - timedelta(days=1), now - LONGEST)
    seen = look.look(world)
    return digest.letter(
        seen, world.zone, tuple(shipped(world, since)), tuple(calls(world, seen)),
        cost(world, since),
    )  # fmt: skip


def shipped(world: World, since: datetime) -> Iterator[Shipped]:
    """Every task that was done since then, once."""
    done = {e.task_id: e for e in events.read(world.paths.events, since) if e.kind == "done"}
    for task_id in done:
        task, state = outbox.at_hand(world, task_id)
        if task is not None:
            about = outbox.of_task(world, task, state)
            yield Shipped(name=about.name, title=task.title, link=about.pull_link or about.link)


def calls(world: World, seen: Overview) -> Iterator[Call]:
    """What waits for a person, with the command: of the chat, where there is one."""
    by_chat = bool(world.config.telegram_chat_id)
    for one in seen.calling:
        task, _ = outbox.at_hand(world, one.task_id)
        name = outbox.short_name(world, task) if task else one.name
        command = one.commands[0]
        if command.startswith(place.ANSWER):
            command = f"/answer {name} ..." if by_chat else command
        elif by_chat:
            command = f"/retry {name}"
        yield Call(name=name, why=one.why, command=command)
    for task in world.mailroom.list_state(State.REVIEW):
        if outbox.asks_approval(world, task):
            name = outbox.short_name(world, task)
            command = f"/approve {name}" if by_chat else f"bin/task.sh approve {name}"
            yield Call(name=name, why=f"waits for your approval: {task.title}", command=command)
    for left in seen.steps:
        said = f"steps for you: {'; '.join(left.steps)}"
        yield Call(name=left.name, why=said, command=f"bin/why.sh {left.name}")


def cost(world: World, since: datetime) -> str:
    """What was used since then, whatever nobody told of it."""
    used = budget.spent(events.attempts_since(world.paths.agent_stats, since))
    unknown = f", of {used.unknown_costs} the cost is unknown" if used.unknown_costs else ""
    runs = f"{used.attempts} attempt{'s' * (used.attempts != 1)}"
    begun = world.spoken(since)
    return f"{used.usd:.2f} USD, {used.tokens:,} tokens, {runs}{unknown}, since {begun}"


if __name__ == "__main__":
    tick.entry(main)
