"""Our lines in the person's crontab: shown, put in with consent, and taken out again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from orchestrator.adapters import crontab
from orchestrator.adapters.crontab import Crontab, NoCrontab
from orchestrator.commands.init.scene import Scene
from orchestrator.commands.init.steps import Step
from orchestrator.commands.init.voice import Voice
from orchestrator.texts import cron

# What leads the scripts to this installation where it is not the checkout's own.
ELSEWHERE = ("ORCH_ROOT", "AGENT_OS_CONFIG")


def root() -> str:
    """The checkout whose wrappers cron starts."""
    return str(Path(__file__).resolve().parents[3])


def elsewhere(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that lead there, absolute: cron starts in the home folder."""
    return {
        name: str(Path(value).expanduser().absolute())
        for name in ELSEWHERE
        if (value := environment.get(name))
    }


def step(scene: Scene, voice: Voice) -> Step | None:
    """What is to be put in; None where it cannot be, which is told with what mends it."""
    tab = Crontab(scene.world.environment)
    try:
        before = tab.read()
    except NoCrontab as trouble:
        voice.item("note", f"no crontab: {trouble}", "yellow")
        voice.remains(f"Nothing starts the scripts: {trouble}", "bin/init.sh --cron")
        return None
    remarks(voice, before)
    said = elsewhere(scene.world.environment)
    after = cron.with_block(before, root(), said)
    if after == before:
        return Step(said="our lines are in your crontab")
    if started(before, root()):
        return Step(said="your crontab starts bin/run_dispatcher.sh by lines of your own")

    def install() -> str:
        # Read again: a person may have changed it while this one thought.
        tab.write(cron.with_block(tab.read(), root(), said))
        return "put our lines into your crontab (bin/init.sh --remove-cron takes them out)"

    return Step(
        said="put these lines into your crontab; your own stay as they are",
        lines=cron.block(root(), said), act=install,
    )  # fmt: skip


def unwanted(scene: Scene, voice: Voice) -> None:
    """Nobody wants lines of ours: say who starts the scripts then, unless cron does already."""
    try:
        text = Crontab(scene.world.environment).read()
    except NoCrontab:
        text = ""
    if any(block.root == root() for block in cron.blocks(text)) or started(text, root()):
        return
    voice.remains(
        "Nothing but you starts the scripts, as you say. By hand: bin/run_dispatcher.sh, "
        "bin/run_queue.sh, bin/run_pr_monitor.sh, in turn; or leave it to cron after all:",
        "bin/init.sh --cron",
    )


def started(text: str, where: str) -> bool:
    """Whether jobs outside of our block start our dispatcher."""
    outside = cron.without_block(text, where)
    return any(f"{where}/bin/run_dispatcher.sh" in job for job in crontab.commands(outside))


def remarks(voice: Voice, text: str) -> None:
    for block in cron.blocks(text):
        if block.root != root():
            voice.item("note", f"your crontab also starts {block.root}, another installation; it "
                       "stays. Two must not share a repository.", "yellow")  # fmt: skip
            if not Path(block.root).is_dir():
                gone = f"Your crontab has a block of {block.root}, which is gone: remove it"
                voice.remains(gone, "crontab -e")


def remove(voice: Voice, environment: Mapping[str, str], *, dry_run: bool) -> int:
    """Take our block out; 0 also where there is none."""
    tab = Crontab(environment)
    try:
        before = tab.read()
        after = cron.without_block(before, root())
        if after == before:
            voice.say("There are no lines of ours in your crontab; nothing was changed.")
        elif dry_run:
            voice.say("Our lines would be taken out of your crontab [dry run].")
        else:
            tab.write(after)
            voice.say("Our lines are out of your crontab; your own are as they were.")
    except NoCrontab as trouble:
        voice.say(str(trouble), "red")
        return trouble.exit_code
    return 0
