"""How the store stood some time ago, for answers that lag behind."""

from __future__ import annotations

import copy
import sqlite3
from datetime import datetime, timedelta

from orchestrator.forge import store
from orchestrator.forge.state import State

# More than any lag that a test asks for; what is older is let go.
KEPT = timedelta(hours=2)


class Past:
    """Copies of the store in memory, taken after each change while somebody watches."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.copies: list[tuple[datetime, sqlite3.Connection]] = []
        self.changes = -1

    def watch(self) -> None:
        with self.state.lock:
            self.remember(watching=True)

    def remember(self, *, watching: bool = False) -> None:
        """Keep how it stands now, if it is another than the last copy.

        Call it with the lock and outside of a transaction, or the copy would wait for its end.
        """
        connection = self.state.store.connection
        assert not connection.in_transaction
        if not (watching or self.copies) or connection.total_changes == self.changes:
            return
        self.changes = connection.total_changes
        taken = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        connection.backup(taken)
        now = self.state.clock()
        self.copies.append((now, taken))
        while len(self.copies) > 1 and self.copies[1][0] < now - KEPT:
            self.copies.pop(0)[1].close()

    def ago(self, seconds: float) -> State:
        """The state as of then, or as of the oldest copy; changes to it are changes to nothing."""
        self.remember()
        then = self.state.clock() - timedelta(seconds=seconds)
        fitting = [taken for moment, taken in self.copies if moment <= then]
        chosen = fitting[-1] if fitting else self.copies[0][1]
        known = copy.copy(self.state)
        known.store = store.Store.over(chosen)
        return known

    def forget(self) -> None:
        with self.state.lock:
            for _, taken in self.copies:
                taken.close()
            self.copies.clear()
            self.changes = -1
