"""Plays the demo: bin/demo.sh starts it, a person watches."""

from __future__ import annotations

import argparse
import os
import signal
from collections.abc import Sequence
from pathlib import Path

from orchestrator.adapters.clock import Clock
from orchestrator.adapters.locks import Locks
from orchestrator.commands.demo import stage as stages
from orchestrator.commands.demo import story
from orchestrator.commands.demo.stage import Stage
from orchestrator.commands.demo.trail import Trail
from orchestrator.records.errors import AgentOSError

INTERRUPTED = 130


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/demo.sh", description=__doc__)
    again = parser.add_mutually_exclusive_group()
    again.add_argument("--fresh", action="store_true", help="begin anew in any case")
    again.add_argument("--keep", action="store_true", help="go on with a finished demo's data")
    parser.add_argument("--stay", action="store_true", help="leave the forge running at the end")
    parser.add_argument(
        "--limit", type=float, default=None, metavar="SECONDS",
        help=f"give up after this long; left out: {story.QUIET_SECONDS:.0f} after the last step",
    )  # fmt: skip
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    asked = arguments(argv)
    code = Path(__file__).resolve().parents[3]
    stage = Stage(code, code / "runtime" / "demo", Clock())
    trail = Trail(stage.root / "runtime" / "logs")
    plan = story.Plan(
        fresh=asked.fresh, keep=asked.keep, stay=asked.stay, limit_seconds=asked.limit
    )
    for asking in (signal.SIGTERM, signal.SIGINT):  # the latter is ignored in what `cmd &` starts
        signal.signal(asking, signal.default_int_handler)
    lock = Locks(code / "runtime" / "locks").try_script("demo")
    if lock is None:
        trail.say("A demo is playing here already; wait for its end, or end it.", "red")
        return 1
    with lock:
        try:
            return story.play(stage, trail, plan, dict(os.environ))
        except KeyboardInterrupt:
            stages.end(stage, None)
            trail.say("Stopped; nothing of it runs any more. bin/demo.sh goes on from here.")
            return INTERRUPTED
        except AgentOSError as error:
            stages.end(stage, None)
            trail.say(f"The demo stopped: {error}", "red")
            return 1


if __name__ == "__main__":
    raise SystemExit(main())
