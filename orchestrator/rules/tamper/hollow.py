"""Whether a run of the tests ran the tests of the work: what it changed, or put before them.

A build script or a setup may take tests away, bend them or write settings of the runner, where no
diff shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from orchestrator.records.change import Print
from orchestrator.rules.tamper.diff import File
from orchestrator.rules.tamper.entrances import JAVASCRIPT, PYTEST, RECIPES

# Read by runners wherever they lie; nobody's test run has to make one.
MADE = (
    "conftest.py", "pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml", "tox.ini",
    "sitecustomize.py", "usercustomize.py", ".cargo/config", ".cargo/config.toml", ".mocharc.js",
    ".mocharc.json",
)  # fmt: skip
MOST_NAMED = 5


def watched(path: str) -> bool:
    """What a run has no business to change: code, tests and what they compare with, settings."""
    file = File(path=path)
    starts = any(names.fullmatch(file.name) for names in (RECIPES, PYTEST, JAVASCRIPT))
    made = any(f"/{path}".endswith(f"/{name}") for name in MADE)
    return bool(file.language) or file.is_recorded or starts or made or path.endswith(".sh")


def settings(paths: Iterable[str]) -> tuple[str, ...]:
    """Where in the folders of these paths a setting could appear."""
    folders = {""} | {path.rpartition("/")[0] for path in paths}
    return tuple(f"{folder}/{name}".lstrip("/") for folder in sorted(folders) for name in MADE)


def changed(before: Mapping[str, Print], after: Mapping[str, Print]) -> dict[str, str]:
    """What became of each path that is not as it was, in words.

    A test that holds what it held, but was touched, may have been another one in between.
    """
    said = {path: _became(path, was, after.get(path)) for path, was in before.items()}
    said |= dict.fromkeys(after.keys() - before.keys(), "was put there")
    return {path: words for path, words in sorted(said.items()) if words}


def _became(path: str, was: Print, now: Print | None) -> str:
    if now is None:
        return "is gone"
    if now.held != was.held:
        return "was changed"
    touched = now.touched != was.touched and File(path=path).is_test
    return "was put back as it was" if touched else ""


def told(found: Mapping[str, str]) -> str:
    """A sentence for the agent and the evidence."""
    rest = len(found) - MOST_NAMED
    named = [f"{path} {words}" for path, words in list(found.items())[:MOST_NAMED]]
    named += [f"and {rest} more"] if rest > 0 else []
    return (
        f"It passed, and does not count: while it ran, what it tests was changed "
        f"({', '.join(named)})."
    )


def left(found: Mapping[str, str], on_the_base: Iterable[str]) -> dict[str, str]:
    """Without what the same commands do to the base, too: a habit of the repository's own."""
    usual = frozenset(on_the_base)
    return {path: words for path, words in found.items() if path not in usual}
