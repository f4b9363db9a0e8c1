"""Plays seeds of the simulator: `python -m tests.sim --seeds 200 --first-seed 1 --processes 2`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from tests.sim import plan, planted, run, whole
from tests.sim.interface import Content

SHOWN = 5
EVERY_LINES = 50


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many seeds to play")
    parser.add_argument("--first-seed", type=int, default=1, help="the first of them")
    parser.add_argument("--processes", type=int, default=2, help="how many processes play")
    parser.add_argument("--history", type=int, metavar="SEED", help="print one seed's history")
    parser.add_argument("--planted", action="store_true", help="hunt the bugs planted on purpose")
    parser.add_argument("--kind", choices=list(plan.Kind), help="only plans of this kind")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="the history of failed seeds")
    options = parser.parse_args(argv)
    if options.planted:
        return min(planted.table(), 1)
    content = whole.content()
    if options.kind:
        content = replace(content, draw=partial(plan.draw_kind, kind=plan.Kind(options.kind)))
    if options.history is not None:
        return history(options.history, content)
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    more = f" --kind {options.kind}" if options.kind else ""
    total = played(seeds, options.processes, content, partial(kept, options.keep, more))
    for failed in total.failed[:SHOWN]:
        print(run.told(failed, more))
    if len(total.failed) > SHOWN:
        print("further seeds:", *(failed.seed for failed in total.failed[SHOWN:]))
    by_name: dict[str, list[int]] = {}
    for failed in total.failed:
        for name in dict.fromkeys(name for name, _ in failed.violations):
            by_name.setdefault(name, []).append(failed.seed)
    for name, violated in by_name.items():
        print(f"violated {len(violated)} times: {name}; seeds {violated[:10]}")
    print(total.line())
    return 1 if total.failed else 0


def history(seed: int, content: Content) -> int:
    with run.player(content) as player:
        told = player.play(seed, history=True)
    print("\n".join(told.history))
    for name, words in told.violations:
        print(f"VIOLATED {name}: {words}")
    return 1 if told.violations else 0


def kept(folder: Path | None, more: str, one: run.Played) -> None:
    """A failed seed's history in a file of its own."""
    if folder and one.violations:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{one.seed}.txt").write_text(run.told(one, more) + "\n")


def played(
    seeds: range, processes: int, content: Content, keep: Callable[[run.Played], None]
) -> run.Sum:
    """With a bar on a terminal, with plain lines elsewhere."""
    if not sys.stdout.isatty():

        def line(one: run.Played, total: run.Sum) -> None:
            keep(one)
            if one.violations:
                print(f"seed {one.seed}: VIOLATED {one.violations[0][0]}", flush=True)
            if total.seeds % EVERY_LINES == 0:
                print(total.line(), flush=True)

        return run.many(seeds, processes, line, content)
    from rich.progress import Progress

    with Progress() as progress:
        bar = progress.add_task("seeds", total=len(seeds))

        def move(one: run.Played, total: run.Sum) -> None:
            keep(one)
            progress.update(bar, advance=1, description=f"{len(total.failed)} failed")

        return run.many(seeds, processes, move, content)


if __name__ == "__main__":
    sys.exit(main())
