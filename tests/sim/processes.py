"""Simulated processes: threads of which only the one that holds the baton runs."""

from __future__ import annotations

import contextlib
import os
import queue
import random
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from orchestrator.adapters.clock import Clock

# Whoever sleeps for less sleeps so long: a poll for a lock need not be simulated in slices.
SHORTEST_SLEEP = 1.0


class Killed(BaseException):
    """kill -9: no Exception, so that no net of ours can catch it."""


class Time:
    """The one moment of a simulated world; it moves when the engine says so."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def __call__(self) -> datetime:
        return self.moment


class Threads:
    """Threads that have played a process to its end and wait for the next: starting one costs more
    than most ticks do."""

    def __init__(self) -> None:
        self._idle: list[queue.SimpleQueue[Callable[[], None]]] = []
        # A fork takes none of them along.
        os.register_at_fork(after_in_child=self._idle.clear)

    def play(self, act: Callable[[], None]) -> None:
        """Have it done by a thread of its own, which starts at once."""
        if not self._idle:
            door: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
            threading.Thread(target=self._wait, args=(door,), daemon=True).start()
            self._idle.append(door)
        self._idle.pop().put(act)

    def _wait(self, door: queue.SimpleQueue[Callable[[], None]]) -> None:
        while True:
            door.get()()
            self._idle.append(door)


THREADS = Threads()


class Process:
    """A program of ours that runs, waits until `wakes`, has ended, or was killed.

    `main` returns its exit code. After the kill every door raises Killed, and its locks are free
    before another line of it runs.
    """

    def __init__(self, name: str, script: str, main: Callable[[Process], int], time: Time) -> None:
        self.name = name
        self.script = script
        self.time = time
        self.wakes = time.moment
        self.ended = False
        self.dead = False
        self.exit_code: int | None = None
        self.failure: BaseException | None = None
        self.said: list[str] = []
        self.faults = 0
        self.requests = 0
        # How often it was handed the baton.
        self.turns = 0
        # Inside the forge, an agent or the engine no door is a door of this process.
        self.outside = 0
        self.ident: int | None = None
        self._main = main
        self._go = threading.Lock()
        self._stop = threading.Lock()
        self._go.acquire()
        self._stop.acquire()

    def resume(self) -> None:
        """Hand over the baton, and have it back when this returns; for the engine."""
        if self.ident is None:
            THREADS.play(self._live)
        self._go.release()
        self._stop.acquire()

    def wait(self, seconds: float) -> None:
        """Let the others run, and so much time pass; for the process itself."""
        if self.dead:
            raise Killed(self.name)
        self.wakes = self.time.moment + timedelta(seconds=seconds)
        self._stop.release()
        self._go.acquire()
        if self.dead:
            raise Killed(self.name)

    @contextlib.contextmanager
    def elsewhere(self) -> Iterator[None]:
        """What is done here is not this process's doing."""
        self.outside += 1
        try:
            yield
        finally:
            self.outside -= 1

    def _live(self) -> None:
        self._go.acquire()
        self.ident = threading.get_ident()
        try:
            if not self.dead:
                self.exit_code = self._main(self)
        except Killed:
            pass
        except BaseException as error:  # noqa: BLE001 - told as a violation by the engine
            self.failure = error
        self.ended = True
        self._stop.release()


class SimClock(Clock):
    """The world's time for one process; who sleeps hands the baton on."""

    def __init__(self, process: Process) -> None:
        self.process = process

    def now(self) -> datetime:
        moment = self.process.time.moment
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def monotonic(self) -> float:
        return self.process.time.moment.timestamp()

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            self.process.wait(max(seconds, SHORTEST_SLEEP))


class Flocks:
    """Which simulated process last locked a descriptor, so that a kill lets go of its locks."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._owner: dict[int, Process] = {}

    def taken(self, descriptor: int, process: Process) -> None:
        self._owner[descriptor] = process

    def free(self, process: Process) -> None:
        """Replace each lock file's descriptor by nothing: its number stays the process's own.

        Closing it would let another process get the number, which the dying one still closes.
        """
        mine = [number for number, owner in self._owner.items() if owner is process]
        for number in mine:
            del self._owner[number]
            with contextlib.suppress(OSError):
                place = os.readlink(f"/proc/self/fd/{number}")
                if place.startswith(self.folder):
                    nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
                    os.dup2(nothing, number, inheritable=False)
                    os.close(nothing)


def chosen(ready: list[Process], rng: random.Random) -> Process:
    """Who runs next of those that could; the order of the list is the order of their birth."""
    return ready[0] if len(ready) == 1 else rng.choice(ready)
