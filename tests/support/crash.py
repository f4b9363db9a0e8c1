"""Doors that die: the process ends before the k-th step, and nothing tidies up after it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from orchestrator.world import World
from tests.support import office as offices
from tests.support.office import Office

# What changes the world, by the name of its door.
STEPS = {
    "write": {
        "create_comment", "edit_comment", "create_issue",
        "open_pull_request", "edit_pull_request", "merge",
        "close_issue", "add_label", "remove_label", "add_to_board", "set_status",
        "add_sub_issue",
        "reply_to_thread", "resolve_thread", "ask_for_review",
        "run_again", "ask_again",
    },
    "wire": {"push", "delete", "fetch"},
    "executor": {"run"},
    "mailroom": {"enqueue", "claim", "update", "move"},
    "effects": {"record"},
}  # fmt: skip


class Killed(BaseException):
    """kill -9: not an Exception, so that no net of ours can catch it."""


class Reaper:
    """Counts steps; before number `at` the process dies."""

    def __init__(self, at: int | None = None) -> None:
        self.at = at
        self.names: list[str] = []
        self.dead = False

    def step(self, name: str, call: Any) -> Any:
        if self.dead:
            raise Killed(f"a dead process called {name}")
        self.names.append(name)
        if len(self.names) == self.at:
            self.dead = True
            raise Killed(f"before {name}")
        return call()


class Door:
    """One adapter with its steps counted; everything else passes through."""

    def __init__(self, inner: Any, name: str, reaper: Reaper) -> None:
        self._inner = inner
        self._name = name
        self._reaper = reaper

    def __getattr__(self, attribute: str) -> Any:
        found = getattr(self._inner, attribute)
        if attribute not in STEPS[self._name]:
            return found
        name = f"{self._name}.{attribute}"
        return lambda *args, **more: self._reaper.step(name, lambda: found(*args, **more))


class Effects(Door):
    """`once` and `settled` call `record` on themselves, so the counted one must be their own."""

    def __init__(self, inner: Any, reaper: Reaper) -> None:
        super().__init__(inner, "effects", reaper)
        plain = inner.record
        inner.record = lambda *args, **more: reaper.step(
            "effects.record", lambda: plain(*args, **more)
        )

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self._inner, attribute)


def fresh(office: Office) -> World:
    """The world of a new process: nothing remembered, no lock held."""
    root = office.world.paths.root.parent
    made = offices.a_world(root, office.github, office.executor, office.repository)
    return replace(made, say=office.said.append)


def a_new_process(office: Office) -> None:
    """What the last one held is free, and what it remembered is gone."""
    office.world.locks.release_all()
    office.world = fresh(office)


def crash(
    office: Office, at: int, run: Callable[[Office], object] = lambda o: o.work_until_quiet(6)
) -> Reaper:
    """Run until the k-th step kills the process; what it held is released by its death."""
    reaper = Reaper(at)
    office.world = with_reaper(fresh(office), reaper)
    with contextlib.suppress(Killed):
        run(office)
    a_new_process(office)
    return reaper


def with_reaper(world: World, reaper: Reaper) -> World:
    return replace(
        world,
        write=Door(world.write, "write", reaper),  # type: ignore[arg-type]
        wire=Door(world.wire, "wire", reaper),  # type: ignore[arg-type]
        executor=Door(world.executor, "executor", reaper),  # type: ignore[arg-type]
        mailroom=Door(world.mailroom, "mailroom", reaper),  # type: ignore[arg-type]
        effects=Effects(world.effects, reaper),  # type: ignore[arg-type]
    )
