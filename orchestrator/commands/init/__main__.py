"""Sets an installation up: bin/init.sh starts it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

from orchestrator import tick
from orchestrator.adapters.clock import Clock
from orchestrator.commands.init import (
    boards,
    first,
    machine,
    repositories,
    scene,
    schedule,
    steps,
    telegram,
    wishes,
    writing,
)
from orchestrator.commands.init.boards import Place
from orchestrator.commands.init.repositories import Chosen
from orchestrator.commands.init.scene import Scene
from orchestrator.commands.init.steps import Step
from orchestrator.commands.init.voice import Voice
from orchestrator.commands.init.wishes import Wishes
from orchestrator.records.config import AutomationMode
from orchestrator.records.errors import AgentOSError, ConfigError, GitHubTrouble, Trouble
from orchestrator.texts.labels import LABELS

BUSY, CONFIG, STOPPED = 10, 20, 130
HELLO = """\
Agent OS, set up in a few answers. Nothing is changed before you have seen what would be done, and
run again it leaves alone what is there."""
LANES = (
    "dispatcher_only: up to the pull request, and you merge (recommended for a first week)",
    "full: green checks merge, the issue is closed, its card goes to Done",
)
GRADUATE = "After a good week: automation_mode: full in config.yaml."
NEXT = (
    ("bin/doctor.sh", "looks at everything that must be right"),
    ("bin/run_dispatcher.sh --dry-run", "what would begin, and why; nothing does"),
    ("bin/status.sh", "what runs, what waits and why"),
    ("bin/why.sh NUMBER", "why an issue is where it is"),
)


def main(argv: Sequence[str] | None = None) -> int:
    wanted = wishes.read(argv)
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    return told(wanted, dict(os.environ), Voice(asks=terminal and not wanted.yes))


def told(wanted: Wishes, environment: Mapping[str, str], voice: Voice) -> int:
    """The whole of it; whatever goes wrong is a sentence and an exit code."""
    if wanted.remove_cron:
        return schedule.remove(voice, environment, dry_run=wanted.dry_run)
    try:
        return played(wanted, environment, voice)
    except (EOFError, KeyboardInterrupt):
        voice.say("\nStopped. What was done stays; bin/init.sh goes on from here.", "yellow")
        return STOPPED
    except ConfigError as error:
        voice.say("This must be mended first; nothing was changed:", "red")
        for problem in error.problems:
            voice.item("wrong", problem, "red")
        return CONFIG
    except AgentOSError as error:
        voice.say(str(error), "red")
        return error.exit_code


def played(wanted: Wishes, environment: Mapping[str, str], voice: Voice) -> int:
    voice.say(HELLO, "bold")
    here = scene.enter(wanted, environment, voice, Clock())
    if here.text and wanted.only_cron:
        todo = schedule.step(here, voice)
        return finish(here, voice, [todo] if todo else [])
    able = machine.look(here, voice)
    login = machine.who(here, voice)
    wants = repositories.choose(here, voice)
    with voice.looking("reading what lies in them"):
        chosen = tuple(repositories.look(here, one) for one in wants)
    repositories.tell(here, voice, chosen)
    places = {
        owner: boards.choose(here, voice, owner)
        for owner in dict.fromkeys(one.repository.owner for one in chosen)
    }
    mode = lane(here, voice)
    with voice.looking("reading their rules"):
        objections = repositories.objections(here, chosen, mode)
    for found in objections:
        machine.told(voice, found)
    ignored(here, voice)
    bot = telegram.pair(here, voice)
    issue = first.ask(here, voice, chosen[0], able) if chosen else None
    with voice.looking("looking what is there already"):
        plan = planned(here, chosen, places, mode, bot)
        if chosen and issue:
            one = chosen[0]
            place = places[one.repository.owner]
            plan.append(first.step(here, voice, one, place, login, issue, able))
    if wanted.cron is False:
        schedule.unwanted(here, voice)
    elif cron := schedule.step(here, voice):
        plan.append(cron)
    return finish(here, voice, plan, mode)


def lane(here: Scene, voice: Voice) -> AutomationMode:
    """How far it goes by itself: as the config says, as a flag does, or asked."""
    if here.text:
        known = [repository.automation_mode for repository in here.config.repositories]
        return known[0] if known else AutomationMode.FULL
    if here.wishes.lane is not None:
        return here.wishes.lane
    if not voice.asks:
        return AutomationMode.DISPATCHER_ONLY
    voice.title("How far on its own")
    number = voice.choose("Which lane?", LANES)
    return AutomationMode.DISPATCHER_ONLY if number == 1 else AutomationMode.FULL


def ignored(here: Scene, voice: Voice) -> None:
    """Flags that a config which is there has answered already: it is not overwritten."""
    if not here.text:
        return
    said = {"--lane": here.wishes.lane is not None, "--agents": bool(here.wishes.agents)}
    for flag in (flag for flag, given in said.items() if given):
        key = {"--lane": "automation_mode", "--agents": "agent_fallbacks"}[flag]
        said_there = f"{flag} changes nothing: {here.source} is yours; see {key} in it"
        voice.item("note", said_there, "cyan")


def planned(
    here: Scene, chosen: Sequence[Chosen], places: Mapping[str, Place], mode: AutomationMode,
    bot: Mapping[str, str],
) -> list[Step]:  # fmt: skip
    """Everything in its order: a config is written last, so that it names only what is there."""
    plan = writing.keep_token(here)
    for one in chosen:
        plan.append(labels(here, one.slug))
    for owner, place in places.items():
        plan += boards.steps(here, place, [o.slug for o in chosen if o.repository.owner == owner])
    files, names = writing.objectives(here, chosen)
    if chosen or bot:
        plan += [*files, writing.config(here, chosen, places, mode, names, bot)]
    return plan


def labels(here: Scene, slug: str) -> Step:
    there = here.account.labels(slug)
    missing = [label for label in LABELS if label.name.lower() not in there]
    if not missing:
        return Step(said=f"{slug} has the labels")

    def make() -> str:
        for label in missing:
            try:
                here.founding.create_label(slug, label)
            except GitHubTrouble as trouble:
                raced = trouble.trouble is Trouble.VALIDATION
                if not (raced and label.name.lower() in here.account.labels(slug)):
                    raise
        return ""

    names = ", ".join(label.name for label in missing)
    return Step(said=f"make labels in {slug}: {names}", act=make)


def finish(
    here: Scene, voice: Voice, plan: Sequence[Step], mode: AutomationMode | None = None
) -> int:
    """Show it, have it confirmed, do it, and say what is left."""
    voice.title("What there is, and what would be done")
    consented, plan = agreed(here, voice, plan)
    if not consented:
        dry = " [dry run]" if here.wishes.dry_run else ""
        voice.say(f"Nothing was changed{dry}.")
        return 0
    code = 0
    if any(step.act for step in plan):
        lock = here.world.locks.try_script("init")
        if lock is None:
            voice.say("Another bin/init.sh is at work here; nothing was changed.", "yellow")
            return BUSY
        voice.title("Doing it")
        with lock:
            code = steps.carry_out(voice, plan, here.world.redact)
    told_at_the_end(voice, mode)
    return code


def agreed(here: Scene, voice: Voice, plan: Sequence[Step]) -> tuple[bool, Sequence[Step]]:
    """Whether to go on, and with what: the crontab only where somebody said so."""
    wants = here.wishes
    cron = [step for step in plan if step.lines and step.act]
    without = [step for step in plan if step not in cron]
    if cron and not voice.asks and not wants.cron:
        voice.remains("Nothing starts the scripts yet; this puts them into your crontab:",
                      "bin/init.sh --cron")  # fmt: skip
        plan = without
    steps.show(voice, plan)
    todo = [step for step in plan if step.act]
    if wants.dry_run or not todo:
        return (not wants.dry_run, plan)
    if not voice.asks:
        if wants.yes or wants.only_cron:
            return True, plan
        raise ConfigError(("there is no terminal to ask at: --yes says that this may be done",))
    if cron and wants.cron is None:
        said = voice.ask("Do all of this? y: yes, c: all but the crontab, n: nothing", usual="y")
        if said.lower().startswith("c"):
            voice.remains("Nothing starts the scripts yet:", "bin/init.sh --cron")
            return True, without
    else:
        said = voice.ask("Do all of this? y: yes, n: nothing", usual="y")
    return said.lower().startswith("y"), plan


def told_at_the_end(voice: Voice, mode: AutomationMode | None) -> None:
    if voice.left:
        voice.title("Left to you")
        for told in voice.left:
            said, _, command = told.partition("\n")
            voice.item("•", said)
            for line in command.splitlines():
                voice.command(line)
    voice.title("Next")
    for command, about in NEXT:
        voice.item("", f"{command:<34} {about}")
    if mode is AutomationMode.DISPATCHER_ONLY:
        voice.say(GRADUATE, "dim")


if __name__ == "__main__":
    tick.entry(main)
