"""The shape of the house, as a test: who imports whom, and by which door the world is touched."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parents[1] / "orchestrator"

SCRIPTS = {
    "github_dispatcher", "supervisor", "queue", "pr_monitor", "strategic_planner",
    "backlog_groomer", "agent_scorer", "log_analyzer", "daily_digest", "chat", "autopull",
}  # fmt: skip
FLOORS = (
    {"records"},
    {"rules", "texts", "agents"},
    {"paths", "settings", "adapters", "executors"},
    {"world", "tick", "alerts", "health", "conditions", "disk", "tenancy", "switches"},
    {
        "task_formatter", "workspace", "briefing", "attempts", "settle", "reaper", "github_sync",
        "gh_project", "codebase_memory", "objectives", "llm", "evidence",
        # What a verdict needs to know, what it does, whom it calls, where work begins.
        "scrutiny", "landing", "escalation", "cancellation", "groundwork", "intake", "proof",
        "housekeeping", "timetable", "foresight", "salvage", "reverting", "checkups", "repairs",
        "choosing", "preparing", "reviewing", "answering", "cooling", "questions", "aftermath",
        "checklists", "worktree", "containment", "surroundings", "epics", "testing",
        "readiness", "sessions", "tampering", "metering", "admission", "standing", "ledger",
        "outbox", "remote",
        "hands", "rereading", "whereabouts",
        "overview",
        "updating", "readonly",
    },
    SCRIPTS | {"commands"},
)  # fmt: skip
PURE = FLOORS[0] | FLOORS[1]
SIBLINGS_MAY_MEET = {2, 3, 4}
OUTSIDE = {"forge"}
# One door each: the only modules that may import these.
DOORS = {
    "subprocess": {"adapters.process", "forge.host", "forge.ci"},
    "shutil": {"adapters.files", "forge.host", "forge.ci"},
    "tempfile": {"adapters.files", "forge.host", "forge.ci"},
    # gh_write sends nothing with it: PyGithub lets the exceptions of requests through.
    "requests": {"adapters.gh_read", "adapters.web", "adapters.gh_write"},
    "github": {"adapters.gh_write"},
    "telegram": {"adapters.notify"},
    "crontab": {"adapters.crontab"},
    "httpx": {"adapters.notify"},
    "fcntl": {"adapters.locks"},
    "jwt": {"adapters.gh_app", "forge.apps"},
    "dask": {"executors.dask_cluster"},
    "distributed": {"executors.dask_cluster"},
}
# What an idle tick must not pay for: loaded inside the function that needs it.
# `requests` is most of what the supervisor would load, and it asks GitHub nothing.
LAZY = {
    "requests", "github", "telegram", "rich", "jsonschema", "dask", "distributed", "graphql",
    "zoneinfo", "crontab", "httpx", "http", "asyncio", "logging", "jwt",
}  # fmt: skip
WORLDLY = {
    "os", "subprocess", "socket", "shutil", "tempfile", "time", "random", "fcntl", "glob",
    "requests", "github", "telegram", "logging",
}  # fmt: skip
ASKS_THE_WORLD = {
    "now", "today", "utcnow", "cwd", "home", "exists", "is_file", "is_dir", "iterdir", "stat",
    "lstat", "resolve", "expanduser", "getenv", "read_text", "read_bytes", "write_text", "print",
}  # fmt: skip
READS_PACKAGE_DATA = {"texts.templates"}
BROAD = {"tick", "texts.redact", "forge.server"}
EVERYTHING = {"Exception", "BaseException"}
WRITERS = {"adapters.files", "adapters.mailroom", "adapters.locks"}
CHANGES_FILES = {
    "write_text", "write_bytes", "unlink", "rename", "replace_file", "mkdir", "rmdir", "rmtree",
    "touch", "symlink_to", "hardlink_to",
}  # fmt: skip
CHANGES_FILES_IN_OS = {
    "os.replace", "os.remove", "os.link", "os.symlink", "os.open", "os.rename", "os.mkdir",
    "os.makedirs", "os.unlink", "os.rmdir", "os.truncate",
}  # fmt: skip
SHADOWS_ALLOWED = {"queue"}
VAGUE = {"utils", "helpers", "common", "manager", "handler"}


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(HOUSE.rglob("*.py")):
        name = ".".join(path.relative_to(HOUSE).with_suffix("").parts)
        yield name.removesuffix(".__init__"), path


MODULES = {name: path for name, path in modules() if name != "__init__"}
SOURCES = {name: path.read_text(encoding="utf-8") for name, path in MODULES.items()}


def room(name: str) -> str:
    return name.partition(".")[0]


def floor(name: str) -> int:
    """The floor of a module; one that stands on none has no place in the house yet."""
    found = [number for number, rooms in enumerate(FLOORS) if room(name) in rooms]
    assert found, f"{name} stands on no floor: give it one in FLOORS and in DESIGN.md"
    return found[0]


def imported(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(tree: ast.AST, known: Iterable[str]) -> Iterator[str]:
    for target in imported(ast.walk(tree)):
        if target.startswith("orchestrator."):
            name = target.removeprefix("orchestrator.")
            yield name if name in known else name.rpartition(".")[0] or name


def calls(tree: ast.AST) -> Iterator[tuple[ast.Call, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node, ast.unparse(node.func)


# --- the rules: each looks at one module's source and says what breaks it ---------------------


def absolute_imports(name: str, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield f"imports {node.module} relatively"


def only_from_below(name: str, tree: ast.Module) -> Iterator[str]:
    for target in ours(tree, MODULES):
        if OUTSIDE & {room(name), room(target)}:
            if room(name) != room(target):
                yield f"meets {target}, which is only to be met over HTTP"
        elif room(name) != room(target):
            here, there = floor(name), floor(target)
            if there > here or (there == here and here not in SIBLINGS_MAY_MEET):
                yield f"stands on floor {here} and imports {target} of floor {there}"


def no_script_imports_a_script(name: str, tree: ast.Module) -> Iterator[str]:
    if name in SCRIPTS:
        yield from (f"imports the script {t}" for t in SCRIPTS & set(ours(tree, MODULES)) - {name})


def pure_rooms_import_no_world(name: str, tree: ast.Module) -> Iterator[str]:
    if room(name) in PURE:
        yield from (f"imports {t}" for t in WORLDLY & {room(t) for t in imported(ast.walk(tree))})


def pure_rooms_ask_nobody(name: str, tree: ast.Module) -> Iterator[str]:
    if room(name) not in PURE or name in READS_PACKAGE_DATA:
        return
    for _, called in calls(tree):
        if called.rpartition(".")[2] in ASKS_THE_WORLD or called == "open":
            yield f"calls {called}"


def imports_at_the_top(name: str, tree: ast.Module) -> Iterator[str]:
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            late = {room(target) for target in imported(ast.walk(function))} - LAZY
            yield from (f"imports {target} inside {function.name}" for target in late)


def heavy_libraries_late(name: str, tree: ast.Module) -> Iterator[str]:
    if room(name) in OUTSIDE:
        return
    at_once = {room(target) for target in imported(tree.body)} & LAZY
    allowed = {"rich"} if room(name) == "commands" else set()
    yield from (f"imports {target} at its top" for target in at_once - allowed)


def one_door_each(name: str, tree: ast.Module) -> Iterator[str]:
    for target in {room(t) for t in imported(ast.walk(tree))} & DOORS.keys():
        if name not in DOORS[target]:
            yield f"imports {target}; only {sorted(DOORS[target])} may"


def few_rooms_change_files(name: str, tree: ast.Module) -> Iterator[str]:
    if room(name) in OUTSIDE or name in WRITERS:
        return
    for node, called in calls(tree):
        of, _, method = called.rpartition(".")
        through_the_door = of.endswith(("files", "mailroom"))
        if (method in CHANGES_FILES and not through_the_door) or called in CHANGES_FILES_IN_OS:
            yield f"calls {called}"
        elif method == "open" and not through_the_door:
            given = [*node.args, *(keyword.value for keyword in node.keywords)]
            modes = [str(value.value) for value in given if isinstance(value, ast.Constant)]
            if any(set(mode) & set("wax+") and len(mode) <= 3 for mode in modes):
                yield f"opens a file for writing: {ast.unparse(node)}"


def broad_catches_only_where_named(name: str, tree: ast.Module) -> Iterator[str]:
    if name in BROAD:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            if node.type is None:
                yield "catches everything"
            else:
                caught = getattr(node.type, "elts", [node.type])
                yield from (f"catches {t}" for t in {ast.unparse(t) for t in caught} & EVERYTHING)
    for node, called in calls(tree):
        if called.endswith("suppress"):
            caught = {ast.unparse(argument) for argument in node.args}
            yield from (f"suppresses {t}" for t in caught & EVERYTHING)


def a_name_of_its_own(name: str, tree: ast.Module) -> Iterator[str]:
    last = name.rpartition(".")[2]
    if last in VAGUE:
        yield "has a name that says nothing"
    if "." not in name and last in set(sys.stdlib_module_names) - SHADOWS_ALLOWED:
        yield "hides a standard module"


def opens_with_a_sentence(name: str, tree: ast.Module) -> Iterator[str]:
    words = ast.get_docstring(tree)
    if not words or not words.splitlines()[0].endswith((".", "?")):
        yield "does not open with a sentence that says what it is"


RULES: tuple[Callable[[str, ast.Module], Iterator[str]], ...] = (
    absolute_imports,
    only_from_below,
    no_script_imports_a_script,
    pure_rooms_import_no_world,
    pure_rooms_ask_nobody,
    imports_at_the_top,
    heavy_libraries_late,
    one_door_each,
    few_rooms_change_files,
    broad_catches_only_where_named,
    a_name_of_its_own,
    opens_with_a_sentence,
)


@cache
def parsed(source: str) -> ast.Module:
    """Once for all rules; none of them changes it."""
    return ast.parse(source)


def cycle(sources: dict[str, str]) -> list[str]:
    """The modules of one import cycle, or none."""
    graph = {n: set(ours(parsed(s), sources)) - {n} for n, s in sources.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


# --- the house as it is -----------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_module_keeps(rule: Callable[[str, ast.Module], Iterator[str]]) -> None:
    broken = [
        f"{name} {trouble}"
        for name, source in SOURCES.items()
        for trouble in rule(name, parsed(source))
    ]
    assert not broken, "\n".join(broken)


def test_no_imports_go_round_in_a_circle() -> None:
    assert not cycle(SOURCES)


def test_every_module_stands_on_a_floor() -> None:
    for name in MODULES:
        if room(name) not in OUTSIDE:
            floor(name)


# --- each rule goes red ------------------------------------------------------------------------

PLANTED = (
    (absolute_imports, "rules.merge", "from . import gate"),
    (only_from_below, "rules.merge", "from orchestrator.adapters import files"),
    (only_from_below, "rules.merge", "from orchestrator.texts import messages"),
    (only_from_below, "adapters.files", "import orchestrator.world"),
    (only_from_below, "commands.demo", "from orchestrator.pr_monitor import story"),
    (only_from_below, "adapters.files", "from orchestrator.forge import server"),
    (only_from_below, "forge.server", "from orchestrator.records import task"),
    (no_script_imports_a_script, "queue", "from orchestrator import supervisor"),
    (pure_rooms_import_no_world, "records.task", "import os.path"),
    (pure_rooms_import_no_world, "agents.base", "from time import sleep"),
    (pure_rooms_ask_nobody, "rules.merge", "limit = datetime.now(UTC)"),
    (pure_rooms_ask_nobody, "texts.prompts", "text = open(name).read()"),
    (pure_rooms_ask_nobody, "records.task", "found = path.exists()"),
    (imports_at_the_top, "settle", "def f():\n    import json"),
    (heavy_libraries_late, "settle", "import jsonschema"),
    (heavy_libraries_late, "world", "from rich.table import Table"),
    (heavy_libraries_late, "commands.demo", "import github"),
    (one_door_each, "adapters.git", "import subprocess"),
    (one_door_each, "adapters.wire", "from requests import get"),
    (one_door_each, "adapters.gh_read", "import github"),
    (one_door_each, "adapters.mailroom", "import fcntl"),
    (one_door_each, "workspace", "def f():\n    import shutil"),
    (few_rooms_change_files, "settle", "path.unlink()"),
    (few_rooms_change_files, "settle", "os.replace(a, b)"),
    (few_rooms_change_files, "settle", "path.open('a')"),
    (few_rooms_change_files, "settle", "open(path, mode='wb')"),
    (broad_catches_only_where_named, "settle", "try: f()\nexcept Exception: pass"),
    (broad_catches_only_where_named, "settle", "try: f()\nexcept: pass"),
    (broad_catches_only_where_named, "settle", "try: f()\nexcept (OSError, BaseException): pass"),
    (broad_catches_only_where_named, "settle", "with contextlib.suppress(Exception): f()"),
    (a_name_of_its_own, "logging", ""),
    (a_name_of_its_own, "adapters.utils", ""),
    (opens_with_a_sentence, "settle", '"""Settling"""'),
    (opens_with_a_sentence, "settle", "x = 1"),
)
INNOCENT = (
    (only_from_below, "adapters.files", "from orchestrator.adapters import kernel"),
    (only_from_below, "queue", "from orchestrator.rules import merge\nimport json"),
    (imports_at_the_top, "settings", "def f():\n    import jsonschema"),
    (heavy_libraries_late, "commands.demo", "from rich.table import Table"),
    (one_door_each, "adapters.process", "import subprocess"),
    (few_rooms_change_files, "settle", "files.rename(a, b)\npath.open('rb')\nopen(path)"),
    (broad_catches_only_where_named, "settle", "try: f()\nexcept OSError: pass"),
    (broad_catches_only_where_named, "tick", "try: f()\nexcept Exception: pass"),
    (a_name_of_its_own, "queue", ""),
    (opens_with_a_sentence, "settle", '"""One attempt ends here."""'),
)


@pytest.mark.parametrize(("rule", "name", "source"), PLANTED)
def test_a_planted_violation_turns_red(
    rule: Callable[[str, ast.Module], Iterator[str]], name: str, source: str
) -> None:
    assert list(rule(name, ast.parse(source)))


@pytest.mark.parametrize(("rule", "name", "source"), INNOCENT)
def test_what_is_allowed_stays_green(
    rule: Callable[[str, ast.Module], Iterator[str]], name: str, source: str
) -> None:
    assert not list(rule(name, ast.parse(source)))


def test_every_rule_has_a_planted_violation() -> None:
    assert {rule for rule, _, _ in PLANTED} == set(RULES)


def test_a_planted_circle_is_found() -> None:
    there_and_back = {
        "settle": "from orchestrator import attempts",
        "attempts": "from orchestrator.settle import settle",
    }
    assert set(cycle(there_and_back)) == {"settle", "attempts"}
    assert not cycle({"settle": "", "attempts": "from orchestrator import settle"})


def test_a_module_without_a_floor_is_refused() -> None:
    with pytest.raises(AssertionError, match="stands on no floor"):
        floor("attic")
