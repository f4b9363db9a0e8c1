"""The correspondence with a person's chat: what they ask for is done, what happened is told."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from orchestrator import outbox, remote, tick
from orchestrator.adapters.notify import TelegramTrouble
from orchestrator.records.desk import Desk
from orchestrator.records.errors import OutcomeUnknown
from orchestrator.world import World

ABOUT = (
    "Do what the Telegram chat asks for, and tell it what has happened; cron starts it every "
    "minute."
)


def main(argv: Sequence[str] | None = None) -> int:
    return tick.run("chat", story, argv, about=ABOUT)


def story(world: World) -> None:
    """Read on in the trail, listen, send; whatever Telegram does, nothing of it is lost."""
    if world.config.telegram_bot_token is None or not world.config.telegram_chat_id:
        world.say("no telegram_bot_token and telegram_chat_id are set; nobody is written to")
        return
    before = outbox.opened(world)
    desk = outbox.collected(world, before)
    if desk != before:
        outbox.kept(world, desk)
    if outbox.waits(world, desk):
        said = f"Telegram is left alone for now; {len(desk.pending)} steps wait"
        world.regret(said, tick.DEGRADED)
        outbox.overdue(world, desk)
        return
    try:
        if not world.dry_run:
            desk = listened(world, desk)
        desk = outbox.sent(world, desk)
        if desk.failures:
            outbox.kept(world, outbox.well(world, desk))
    except TelegramTrouble as trouble:
        outbox.failed(world, outbox.opened(world), trouble)
    finally:
        world.notify.close()


def listened(world: World, desk: Desk) -> Desk:
    """With every update dealt with, each remembered before the next.

    One that cannot be answered, or of which is not known what came of it, comes again at the next
    tick; one that meets a fault of ours is told and passed over, or nothing would be heard again.
    """
    for heard in world.notify.updates(desk.heard):
        if heard.broken:
            said = f"cannot be read ({heard.broken}) and is passed over"
            world.say(f"update {heard.update}: {said}")
        again: TelegramTrouble | OutcomeUnknown | None = None
        with tick.isolated(world, f"update {heard.update}"):
            try:
                desk = remote.obeyed(world, desk, heard)
            except (TelegramTrouble, OutcomeUnknown) as error:
                again = error
        if isinstance(again, TelegramTrouble):
            raise again
        if again is not None:
            world.say(f"update {heard.update}: {again}")
            break
        desk = outbox.kept(world, structs.replace(desk, heard=heard.update))
    return desk


if __name__ == "__main__":
    tick.entry(main)
