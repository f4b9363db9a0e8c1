"""Writes to the outside, each done once: intent before, result after, doubt resolved by reading."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import msgspec

from orchestrator.adapters import files
from orchestrator.adapters.clock import Clock
from orchestrator.records.effect import Effect, Stage
from orchestrator.records.errors import GitHubTrouble, OutcomeUnknown

# A list may lag behind a create by a minute (E1, F16): look twice, further apart than that.
SECOND_LOOK = timedelta(seconds=90)


class Effects:
    """One log a task or script under `folder`; a log may be deleted, then GitHub is asked (E5)."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.folder = folder
        self.clock = clock

    def once(
        self, log: str, key: str, *, find: Callable[[], str | None], make: Callable[[], str]
    ) -> str:
        """The result of the effect `key`, made at most once; `find` and `make` give its identity.

        Raises OutcomeUnknown while an earlier or this call may or may not have happened: nothing
        is sent again before GitHub was read twice, 90 seconds apart, without a trace of it.
        Raises GitHubTrouble where GitHub refused, so that nothing happened.
        """
        last = self.last(log, key)
        if last is not None and last.stage is Stage.DONE:
            return last.result
        found = find()
        if found is not None:
            self.record(log, key, Stage.DONE, found)
            return found
        if last is not None and not self._looked_twice(log, last):
            raise OutcomeUnknown(
                f"{key}: sent without an answer and not seen on GitHub yet; "
                "nothing is repeated before a second look"
            )
        self.record(log, key, Stage.INTENT)
        try:
            result = make()
        except GitHubTrouble as trouble:
            if not trouble.ambiguous:
                self.forget(log, key)
                raise
            self.record(log, key, Stage.UNKNOWN)
            raise OutcomeUnknown(f"{key}: {trouble}; the next tick looks what came of it") from (
                trouble
            )
        self.record(log, key, Stage.DONE, result)
        return result

    def _looked_twice(self, log: str, last: Effect) -> bool:
        """Whether an earlier look, made long enough ago, found nothing either; else notes this one.

        A time in the future is a clock that was put back, and the count begins anew.
        """
        since = self.clock.now() - last.at
        looked = last.result == LOOKED and since >= timedelta()
        if not looked:
            self.record(log, last.key, Stage.UNKNOWN, LOOKED)
        return looked and since >= SECOND_LOOK

    def settled(self, log: str, key: str, value: str, make: Callable[[], None]) -> bool:
        """Bring an idempotent effect to `value`; False when the log says that it is there."""
        last = self.last(log, key)
        if last is not None and last.stage is Stage.DONE and last.result == value:
            return False
        make()
        self.record(log, key, Stage.DONE, value, durable=False)
        return True

    def last(self, log: str, key: str) -> Effect | None:
        """The newest line for the key; a refused intent was taken back and counts as none."""
        found = None
        for line in files.read_lines(self.path(log)):
            try:
                effect = msgspec.json.decode(line, type=Effect)
            except (msgspec.MsgspecError, RecursionError):
                continue  # a torn last line, or a person's note
            if effect.key == key:
                found = effect
        return None if found is not None and found.result == TAKEN_BACK else found

    def record(
        self, log: str, key: str, stage: Stage, result: str = "", *, durable: bool = True
    ) -> None:
        effect = Effect(key=key, stage=stage, at=self.clock.now(), result=result)
        files.append_line(self.path(log), msgspec.json.encode(effect), durable=durable)

    def forget(self, log: str, key: str) -> None:
        self.record(log, key, Stage.INTENT, TAKEN_BACK)

    def path(self, log: str) -> Path:
        return self.folder / f"{log}.jsonl"


TAKEN_BACK = "refused"
LOOKED = "not seen"
