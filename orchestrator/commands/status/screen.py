"""The overview on a terminal, and refreshed in place until `q`."""

from __future__ import annotations

import select
import sys
import termios
import tty
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import tzinfo

from orchestrator.records.errors import ConfigError
from orchestrator.records.overview import Overview
from orchestrator.texts import overview, screen
from orchestrator.texts.overview import Section
from orchestrator.texts.screen import Line

SECONDS = 2.0
LEAST = 2  # rows of each kind on a small screen
Look = Callable[[], tuple[Overview, tzinfo]]


def show(headline: str, sections: Sequence[Section]) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    for words, style in screen.lines(headline, sections, console.width):
        console.print(Text(words, style=style), no_wrap=True, crop=True)


def lines(seen: Overview, zone: tzinfo, width: int, most: int) -> list[Line]:
    sections = overview.sections(seen, zone, most=most)
    return list(screen.lines(overview.headline(seen, zone), sections, width))


def watch(look: Look) -> None:
    """Look again every two seconds, in place, until `q` or Ctrl-C; the screen is left as it was."""
    from rich.console import Console, Group
    from rich.live import Live
    from rich.text import Text

    console = Console(highlight=False)
    with keys() as pressed, Live(console=console, screen=True, auto_refresh=False) as live:
        try:
            while True:
                shown = fitted(look, *console.size)
                live.update(Group(*(Text(words, style=style) for words, style in shown)))
                live.refresh()
                if pressed(SECONDS):
                    return
        except KeyboardInterrupt:
            return


def fitted(look: Look, width: int, height: int) -> list[Line]:
    """As many rows of each kind as a screen of that size holds, and how to leave it."""
    try:
        seen, zone = look()
    except ConfigError as error:
        told = [(screen.cut(f"  {problem}", width), "red") for problem in error.problems]
        return [("the config does not load:", "bold red"), *told]
    for most in range(overview.MOST, LEAST - 1, -1):
        shown = lines(seen, zone, width, most)
        if len(shown) < height:
            break
    if len(shown) >= height:
        shown = [*shown[: height - 2], ("… the rest: bin/status.sh", "dim")]
    return [*shown, *[("", "")] * (height - len(shown) - 1), ("q ends it", "dim")]


@contextmanager
def keys() -> Iterator[Callable[[float], bool]]:
    """Waits so many seconds, and says whether `q` was pressed; without a keyboard it only waits."""
    stream = sys.stdin
    if not stream.isatty():
        yield lambda seconds: select.select([], [], [], seconds) is None
        return
    before = termios.tcgetattr(stream)
    tty.setcbreak(stream)

    def pressed(seconds: float) -> bool:
        ready, _, _ = select.select([stream], [], [], seconds)
        return bool(ready) and stream.read(1) in {"q", "Q", "\x03", "\x04", ""}

    try:
        yield pressed
    finally:
        termios.tcsetattr(stream, termios.TCSADRAIN, before)
