"""Regular expressions that their first use compiles, and not the loading of their module."""

from __future__ import annotations

import re
from typing import Any, cast


class Late:
    """Answers like a compiled pattern; a tick that never asks it pays nothing for it."""

    def __init__(self, text: str, flags: int) -> None:
        self._text = text
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        # Only for names that are not there yet: each method is looked up once.
        found = getattr(re.compile(self._text, self._flags), name)
        setattr(self, name, found)
        return found


def late(text: str, flags: int = 0) -> re.Pattern[str]:
    """The pattern, for its own methods only: the functions of `re` do not take it."""
    return cast("re.Pattern[str]", Late(text, flags))
