"""What bin/init.sh writes is enough: the scripts go on from there to a merged pull request."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from orchestrator import paths as rooms
from orchestrator import settings, tick
from orchestrator import world as worlds
from orchestrator.commands.init import __main__ as command
from orchestrator.commands.init import wishes
from orchestrator.commands.init.voice import Voice
from orchestrator.forge.state import Settings
from orchestrator.records.task import State
from tests.bench import first_merge
from tests.support import forge
from tests.support.office import HandClock, Office, ScriptedExecutor


def test_from_nothing_to_the_first_merge_in_four_answers(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    around = first_merge.environment(root)
    out = io.StringIO()
    voice = Voice(asks=False, console=Console(file=out, width=200, soft_wrap=True))
    quick, hand = Settings(mergeable_delay=0.05), forge.Clock()
    with forge.served(
        tmp_path / "forge", first_merge.SEED, clock=hand, runner=forge.PretendedRunner(),
        settings=quick,
    ) as github:  # fmt: skip
        wanted = wishes.read(first_merge.flags(github.url))
        assert command.told(wanted, around, voice) == 0, out.getvalue()
        config = root / "config.yaml"
        config.write_text(config.read_text() + first_merge.SETTLES)
        loaded = settings.load(config, around)
        paths = rooms.build(loaded)
        tick.prepare(paths)
        world = worlds.build(
            script="test", config=loaded, paths=paths, clock=HandClock(hand), environment=around,
            say=lambda line: None, dry_run=False, only=None,
        )  # fmt: skip
        world.mailroom.prepare()
        runner = ScriptedExecutor({})
        office = Office(github, world, runner)
        office.world = replace(world, say=office.said.append)
        office.work_until_quiet()
        assert office.state_of(1) is State.DONE, office.told()
        (pull,) = github.session().get(f"/repos/{first_merge.SLUG}/pulls?state=all").json()
        assert pull["merged_at"]
        issue = github.session().get(f"/repos/{first_merge.SLUG}/issues/1").json()
        assert issue["state"] == "closed"
    assert len(first_merge.ANSWERS) <= first_merge.MOST_ANSWERS
