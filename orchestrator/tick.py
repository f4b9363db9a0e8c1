"""What each script does around its story: arguments, config, switch, lock, and the last net."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn
from zlib import crc32

from orchestrator import conditions, disk, health, settings, tenancy
from orchestrator import paths as rooms
from orchestrator import world as worlds
from orchestrator.adapters import files, signals
from orchestrator.adapters.clock import Clock, FixedClock
from orchestrator.adapters.locks import Locks
from orchestrator.health import Visit
from orchestrator.paths import Paths
from orchestrator.records.config import Config
from orchestrator.records.errors import (
    AgentOSError,
    ConfigError,
    GitHubTrouble,
    Misused,
    Stopped,
    SwitchedOff,
)
from orchestrator.records.scripts import WRAPPERS
from orchestrator.rules import access, failures
from orchestrator.world import World

Story = Callable[[World], None]
CODES = (
    "exit codes: 0 done, or nothing to do; 1 a fault of ours; 10 GitHub or the network, the next "
    "run tries again; 20 the config or this installation needs you; 30 no token, or a refused one"
)

# Exit codes of C13.
OK, BUG, DEGRADED, CONFIG, AUTH = 0, 1, 10, 20, 30
AT_ONCE = object()  # what stands behind a `--now` without a time


def run(
    script: str,
    story: Story,
    argv: Sequence[str] | None,
    *,
    about: str,
    alone: bool = True,
    others: Mapping[str, tuple[Story, str]] | None = None,
    environment: Mapping[str, str] | None = None,
) -> int:
    """Run one tick and return its exit code (C13); `alone` takes the script's lock (C1).

    `others` are stories that an option of its own asks for, each with what its usage says.

    A person at a terminal and a crontab get the same lines. No exception leaves this function,
    and no traceback reaches the user: it goes to `runtime/logs/trouble.log`. A signal ends it in
    order: nothing more is claimed, a running agent is ended, what is held is let go (C14).
    """
    environment = dict(os.environ) if environment is None else environment
    others = others or {}
    options = parsed(script, about, argv, {flag: words for flag, (_, words) in others.items()})
    if options.other:
        story, _ = others[options.other]
    visit = Visit(script, settings.root_of(environment), Clock())
    if options.dry_run or options.at:
        visit.unnoted()
    try:
        with signals.heard():
            code = caught(visit, lambda: visited(visit, story, options, environment, alone=alone))
            visit.end(code)
    except KeyboardInterrupt as stop:
        code = stopped_by(stop)
        visit.end(code)
    return code


def visited(
    visit: Visit,
    story: Story,
    options: argparse.Namespace,
    environment: Mapping[str, str],
    *,
    alone: bool,
) -> int:
    """From the config to the story's end; raises what goes wrong before there is a story."""
    script = visit.script
    clock = FixedClock(options.at) if options.at else Clock()
    root = settings.root_of(environment)
    load = readable if options.dry_run else configured
    config, problems = load(settings.find(root, environment), root, environment)
    paths = rooms.build(config)
    prepare(paths)
    world = worlds.build(
        script=script, config=config, paths=paths, clock=clock, environment=environment,
        say=voice(script, clock), dry_run=options.dry_run, only=options.repo,
        at_once=options.at_once,
    )  # fmt: skip
    visit.meets(world)
    for problem in problems:
        world.regret(f"the config is wrong, its last good copy runs: {problem}", CONFIG)
    by_hand = options.at_once or options.at is not None or options.dry_run
    hurried = by_hand or sys.stdout.isatty()
    return within(world, story, alone=alone, hurried=hurried)


def within(world: World, story: Story, *, alone: bool, hurried: bool) -> int:
    """The story in a world that stands: its switches, its lock, its place in the minute."""
    script, config = world.script, world.config
    world.mailroom.prepare()
    reason = world.stopped(script)
    if reason:
        world.say(f"switched off: {reason}")
        return OK
    taken = tenancy.refusal(world)
    if taken:
        world.regret(taken, CONFIG)
        return CONFIG
    remarks(world, alone=alone)
    if not config.signed_in and script not in worlds.LIFELINES:
        how = access.sign_in(config.github_web_url)
        world.regret(f"there is no token: {how}; nothing was done", AUTH)
        return AUTH
    if not alone:
        return told(world, story)
    code = health.version(world.paths.code)
    locks = Locks(world.paths.locks, what=script, clock=world.clock)
    lock = locks.try_script(script)
    if lock is None:
        health.skipped(world, locks.script_holder(script))
        return OK
    with lock:
        if health.version(world.paths.code) != code:
            world.say("this program was updated a moment ago; the next tick runs the new version")
            return OK
        health.got_its_turn(world)
        if not hurried:
            # Five jobs of one crontab must not meet GitHub in the same second (C6).
            wait = config.jitter_seconds * (crc32(script.encode()) % 100) / 100
            if wait >= 1 and (sys.stdin.isatty() or sys.stderr.isatty()):  # somebody looks on
                complain(f"{script}: waits {wait:.0f} s (jitter; --now skips it)")
            world.clock.sleep(wait)
        return told(world, story)


def remarks(world: World, *, alone: bool) -> None:
    """What a person may want to put right, said by every tick until it is."""
    config = world.config
    for name in world.idle_switches() if alone else ():
        said = f"runtime/off.d/{name} stops nothing: no script or repository is called so"
        world.regret(said, CONFIG)
    for broken in config.broken:
        said = f"{broken.name}: left alone, its config is wrong: {'; '.join(broken.problems)}"
        world.regret(said, CONFIG)
    for repository in config.repositories:
        if repository.path and not Path(repository.path).is_dir():
            world.say(f"{repository.slug}: its path {repository.path} is not there; work goes on")


def caught(visit: Visit, tick: Callable[[], int]) -> int:
    """The exit code of a tick; one that fails before its story gets a sentence like any other."""
    try:
        return tick()
    except ConfigError as error:
        complain(f"{visit.script}: nothing was done, because of this:")
        for problem in error.problems:
            complain(f"  {problem}")
        visit.said = error.problems[0]
        return CONFIG
    except Misused as error:
        visit.unnoted()
        complain(f"{visit.script}: nothing was done: {error}")
        return error.exit_code
    except AgentOSError as error:
        visit.said = str(error)
        complain(f"{visit.script}: nothing was done: {error}")
        return error.exit_code
    except OSError as error:
        if visit.world is not None and disk.is_full(error):
            disk.failed(visit.world, error)
        else:
            complain(f"{visit.script}: nothing was done: {error}")
        return DEGRADED
    except Exception as error:  # before the story's own net: DESIGN.md, house rule 6
        where = traceback.extract_tb(error.__traceback__)[-1]
        # Without a world nothing can be redacted, and what it says may hold a line of the config.
        said = f": {bug(visit.world, error)}" if visit.world is not None else ""
        place = f"{Path(where.filename).name}:{where.lineno}"
        complain(
            f"{visit.script}: nothing was done, for a fault of ours "
            f"({type(error).__name__} at {place}){said}"
        )
        return BUG


def complain(line: str) -> None:
    """One line to stderr, which needs no disk where it is a terminal or cron's mail."""
    with suppress(OSError):
        print(line, file=sys.stderr, flush=True)


def stopped_by(stop: KeyboardInterrupt) -> int:
    return stop.exit_code if isinstance(stop, Stopped) else 130


def configured(
    path: Path, root: Path, environment: Mapping[str, str]
) -> tuple[Config, tuple[str, ...]]:
    """As `readable`; a config without a fault becomes the last good copy."""
    config, problems = readable(path, root, environment)
    if not problems and not config.broken:
        keep_copy(path, last_good(root))
    return config, problems


def readable(
    path: Path, root: Path, environment: Mapping[str, str]
) -> tuple[Config, tuple[str, ...]]:
    """The config, and why its last good copy runs instead (C12); raises ConfigError without one.

    Writes nothing.
    """
    try:
        return settings.load(path, environment), ()
    except ConfigError as error:
        if settings.too_open(path) or not last_good(root).is_file():
            raise
        text = files.read_bounded(last_good(root), 10_000_000).decode("utf-8", "replace")
        try:
            return settings.load(path, environment, text=text), error.problems
        except ConfigError:
            raise error from None  # what it lacks, the copy lacks as well: a token's file


def last_good(root: Path) -> Path:
    return root / "runtime" / "state" / "last_good_config.yaml"


def keep_copy(path: Path, copy: Path) -> None:
    text = path.read_bytes()
    if not copy.is_file() or files.read_bounded(copy, 10_000_000) != text:
        files.make_folder(copy.parent)
        files.write_cache(copy, text)


def told(world: World, story: Story) -> int:
    """The story under the net: typed trouble gets a sentence, a bug gets one and a log entry."""
    try:
        story(world)
    except SwitchedOff as stop:
        world.say(str(stop))
    except KeyboardInterrupt as stop:
        world.say("stopped from outside; what was under way is kept and goes on at the next tick")
        return stopped_by(stop)
    except disk.NoRoom as error:
        disk.failed(world, error)
        world.troubles.append(DEGRADED)
    except AgentOSError as error:
        world.regret(world.redact(str(error)), error.exit_code)
    except Exception as error:  # the net under every script: DESIGN.md, house rule 6
        if disk.is_full(error):
            disk.failed(world, error)
            world.troubles.append(DEGRADED)
        else:
            world.regret(bug(world, error), BUG)
    conditions.tell(world)
    return worst(world.troubles)


@contextmanager
def isolated(world: World, where: str) -> Iterator[None]:
    """One repository's or task's trouble is told here and never stops the next.

    A refused token, an exhausted limit or a full disk is everybody's and ends the tick (A3, A6).
    """
    try:
        yield
    except SwitchedOff as stop:
        world.say(f"{where}: {stop}")
    except GitHubTrouble as trouble:
        if trouble.trouble in failures.EVERYBODYS:
            raise
        world.regret(f"{where}: {world.redact(str(trouble))}", trouble.exit_code)
    except disk.NoRoom:
        raise  # it is everybody's, and the next task would meet it too (Q10)
    except AgentOSError as error:
        world.regret(f"{where}: {world.redact(str(error))}", error.exit_code)
    except Exception as error:  # DESIGN.md, house rule 6: once per repository
        if isinstance(error, OSError) and disk.is_full(error):
            raise
        world.regret(f"{where}: {bug(world, error)}", BUG)


def bug(world: World, error: Exception) -> str:
    """Keep the traceback for a report; the sentence for the reader."""
    said = world.redact("".join(traceback.format_exception(error)))
    stamp = f"--- {world.clock.now():%Y-%m-%dT%H:%M:%SZ} {world.script}\n"
    log = world.paths.logs / "trouble.log"
    try:
        files.append_line(log, (stamp + said).encode(), durable=False)
    except OSError:
        complain(stamp + said)
    return (
        f"stopped by a fault of ours ({type(error).__name__}: {world.redact(str(error))[:200]}); "
        f"nothing was lost, the next tick tries again; details in {log}"
    )


def worst(troubles: Sequence[int]) -> int:
    for code in (AUTH, CONFIG, BUG, DEGRADED):
        if code in troubles:
            return code
    return OK


def prepare(paths: Paths) -> None:
    for folder in (paths.runtime, paths.logs, paths.locks, paths.state, paths.effects):
        files.make_folder(folder)


def voice(script: str, clock: Clock) -> Callable[[str], None]:
    def say(line: str) -> None:
        said = f"{clock.now():%Y-%m-%dT%H:%M:%SZ} {script} {line}"
        try:
            print(said, flush=True)
        except OSError:  # the log's disk is full: what it cannot take, stderr may
            complain(said)

    return say


def parsed(
    script: str, about: str, argv: Sequence[str] | None, own: Mapping[str, str]
) -> argparse.Namespace:
    typed = f"bin/{WRAPPERS[script]}" if script in WRAPPERS else f"python -m orchestrator.{script}"
    parser = argparse.ArgumentParser(prog=typed, description=about, epilog=CODES)
    parser.set_defaults(other="")
    for flag, words in own.items():
        parser.add_argument(flag, dest="other", action="store_const", const=flag, help=words)
    parser.add_argument("--dry-run", action="store_true", help="tell the decisions, do nothing")
    parser.add_argument("--repo", metavar="OWNER/NAME", help="only this repository")
    parser.add_argument(
        "--now", metavar="TIME", dest="at", type=moment, nargs="?", const=AT_ONCE,
        help="run at once: no pause before it, and what is done once an hour or day is done now; "
        "with a TIME (ISO 8601), as if it were then; with --dry-run besides it only tells",
    )  # fmt: skip
    options = parser.parse_args(argv)
    options.at_once = options.at is AT_ONCE
    options.at = None if options.at_once else options.at
    return options


def moment(text: str) -> datetime:
    """An ISO 8601 time; one without a zone is UTC."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        when = datetime.min.replace(tzinfo=UTC)
    if not 1970 < when.year < 9999:  # what is reckoned from it must be a time as well
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write it as 2026-11-29T23:00:00Z")
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def entry(main: Callable[[], int]) -> NoReturn:
    """How `python -m` starts a script: what it said is out, then this process ends at once.

    Everything a script does is durable when it returns and its locks go with the process, so
    taking the interpreter apart would only cost: a third of the CPU of an idle tick.
    """
    code = answered(main)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(code)


def answered(main: Callable[[], int]) -> int:
    """The exit code; what neither a script's own net nor a command foresaw is a sentence too."""
    try:
        return main()
    except KeyboardInterrupt as stop:  # in the moment before a script listens, or after
        return stopped_by(stop)
    except BrokenPipeError:  # whoever read our lines has seen enough, as `head` does
        return OK
    except Exception as error:  # the net under the commands: DESIGN.md, house rule 6
        return unforeseen(error)


def unforeseen(error: Exception) -> int:
    """One sentence to stderr, where it happened to the log: without a world nothing of what the
    exception says can be redacted."""
    started = Path(sys.argv[0])
    name = started.parent.name if started.stem == "__main__" else started.stem
    if isinstance(error, AgentOSError | OSError):
        complain(f"{name}: {error}")
        return error.exit_code if isinstance(error, AgentOSError) else DEGRADED
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{type(error).__name__} at {Path(frames[-1].filename).name}:{frames[-1].lineno}"
    log = settings.root_of(os.environ) / "runtime" / "logs" / "trouble.log"
    told = f"--- {Clock().now():%Y-%m-%dT%H:%M:%SZ} {name}: {place}\n{''.join(frames.format())}"
    with suppress(OSError):
        files.make_folder(log.parent)
        files.append_line(log, told.encode("utf-8", "replace"), durable=False)
    complain(f"{name}: stopped by a fault of ours ({place}); where it came from stands in {log}")
    return BUG


__all__ = ["Path", "Story", "entry", "isolated", "run"]
