"""What a repository's own files say of how it is set up and tested."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from orchestrator.records import regex
from orchestrator.rules import workflows
from orchestrator.rules.workflows import Workflow

# What is worth reading, where it lies at the top.
TELLING = (
    "Makefile", "makefile", "GNUmakefile", "justfile", "package.json", "pyproject.toml", "tox.ini",
    "setup.cfg", "requirements.txt", "requirements-dev.txt", "Gemfile", "composer.json",
    "deno.json", "deno.jsonc", "README.md",
)  # fmt: skip
NO_TEST = "no test specified"  # what `npm init` writes
TARGET = regex.late(r"(?m)^(test|tests|check)\s*:(?!=)")
RECIPE = regex.late(r"(?m)^(test|tests|check)\b[^:=\n]*:(?!=)")
PYTEST = regex.late(r"\bpytest\b")
TESTS = regex.late(
    r"(?<![\w-])(pytest|unittest|tox|nox|jest|vitest|mocha|rspec|phpunit|ctest|minitest"
    r"|(?:npm|yarn|pnpm|bun|deno|go|cargo|make|just|mix|dotnet|swift|composer|rake|gradlew?|mvnw?)"
    r"(?: \S+)*? (?:test|tests|check))\b"
)


class Command(Struct, frozen=True, kw_only=True):
    """A command and the file that speaks for it; `sure` is false for a guess."""

    text: str
    because: str
    sure: bool = True


class Found(Struct, frozen=True, kw_only=True):
    """All that was found out of one repository's files."""

    setup: Command | None = None
    test: Command | None = None
    workflows: tuple[Workflow, ...] = ()
    other_ci: tuple[str, ...] = ()
    heading: str = ""  # of README.md, where that line stands there once

    @property
    def has_ci(self) -> bool:
        """Whether something reports on a pull request of ours, as far as files can tell."""
        return bool(self.other_ci) or any(one.tests for one in self.workflows)


class Tree(Struct, frozen=True, kw_only=True):
    """The names at the top of a repository, folders among them, and the texts that were read."""

    names: frozenset[str]
    texts: Mapping[str, str] = {}
    base: str = "main"

    def has(self, *names: str) -> str:
        """The first of the names that is there, or ""."""
        return next((name for name in names if name in self.names), "")

    def text(self, *names: str) -> str:
        return "\n".join(self.texts.get(name, "") for name in names)

    def data(self, name: str) -> dict[str, Any]:
        """A JSON or TOML file as its keys; {} where it is not there or cannot be read."""
        text = self.texts.get(name, "")
        try:
            told = tomllib.loads(text) if name.endswith(".toml") else json.loads(text or "{}")
        except (ValueError, RecursionError):
            return {}
        return told if isinstance(told, dict) else {}


def found(tree: Tree) -> Found:
    there = tuple(
        workflows.read(path, text, tree.base)
        for path, text in sorted(tree.texts.items())
        if path.startswith(workflows.FOLDER)
    )
    return Found(
        setup=next(filter(None, (look(tree) for look in SETUPS)), None),
        test=next(filter(None, (look(tree) for look in TEST_RULES)), None) or of_ci(there),
        workflows=there,
        other_ci=tuple(name for name in workflows.OTHERS if name in tree.names),
        heading=heading(tree.text("README.md")),
    )


def heading(readme: str) -> str:
    """The first line that is a heading, if one line of code can name it and nothing else."""
    line = next((line.rstrip() for line in readme.splitlines() if line.startswith("# ")), "")
    return line if line and "`" not in line and readme.count(line) == 1 else ""


# --- tests ------------------------------------------------------------------------------------


def of_make(tree: Tree) -> Command | None:
    for name in ("Makefile", "makefile", "GNUmakefile"):
        if target := TARGET.search(tree.texts.get(name, "")):
            return Command(text=f"make {target[1]}", because=name)
    if recipe := RECIPE.search(tree.texts.get("justfile", "")):
        return Command(text=f"just {recipe[1]}", because="justfile")
    return None


def of_node(tree: Tree) -> Command | None:
    scripts = tree.data("package.json").get("scripts")
    script = scripts.get("test") if isinstance(scripts, dict) else None
    if not isinstance(script, str) or not script.strip() or NO_TEST in script:
        return None
    runner = {"bun": "bun run"}.get(node_manager(tree), node_manager(tree))
    once = "CI=true " if "react-scripts test" in script else ""  # else it waits for changes
    return Command(text=f"{once}{runner} test", because="package.json")


def node_manager(tree: Tree) -> str:
    locks = {
        "pnpm-lock.yaml": "pnpm", "yarn.lock": "yarn", "bun.lock": "bun", "bun.lockb": "bun",
    }  # fmt: skip
    return locks.get(tree.has(*locks), "npm")


def of_python(tree: Tree) -> Command | None:
    python = tree.has("pyproject.toml", "setup.py", "setup.cfg", "tox.ini", "requirements.txt",
                      "requirements-dev.txt", "pytest.ini", "conftest.py")  # fmt: skip
    if not python:
        return None
    told = ("pyproject.toml", "tox.ini", "setup.cfg", "requirements.txt", "requirements-dev.txt")
    speaks = [name for name in told if PYTEST.search(tree.texts.get(name, ""))]
    because = tree.has("pytest.ini", "conftest.py") or next(iter(speaks), "")
    if because:
        python = ".venv/bin/python" if of_pip(tree) else "python3"
        runner = python_runner(tree) or f"{python} -m"
        return Command(text=f"{runner} pytest -q", because=because)
    if "[testenv" in tree.text("tox.ini"):
        return Command(text="tox -q", because="tox.ini")
    if tree.has("noxfile.py"):
        return Command(text="nox", because="noxfile.py")
    if tests := tree.has("tests", "test"):
        unit = f"python3 -m unittest discover -s {tests} -t ."
        return Command(text=unit, because=f"{tests}/", sure=False)
    return None


def python_runner(tree: Tree) -> str:
    locks = {"uv.lock": "uv run", "poetry.lock": "poetry run", "Pipfile.lock": "pipenv run",
             "pdm.lock": "pdm run"}  # fmt: skip
    return locks.get(tree.has(*locks), "")


def of_ruby(tree: Tree) -> Command | None:
    if not tree.has("Gemfile"):
        return None
    if tree.has(".rspec", "spec") or "rspec" in tree.text("Gemfile"):
        return Command(text="bundle exec rspec", because=tree.has(".rspec", "spec", "Gemfile"))
    if tree.has("bin") and "rails" in tree.text("Gemfile"):
        return Command(text="bin/rails test", because="Gemfile")
    if tree.has("Rakefile"):
        return Command(text="bundle exec rake test", because="Rakefile")
    return None


def of_php(tree: Tree) -> Command | None:
    scripts = tree.data("composer.json").get("scripts")
    if isinstance(scripts, dict) and scripts.get("test"):
        return Command(text="composer test", because="composer.json")
    told = tree.has("phpunit.xml", "phpunit.xml.dist")
    return Command(text="vendor/bin/phpunit", because=told) if told else None


def of_deno(tree: Tree) -> Command | None:
    tasks = tree.data("deno.json").get("tasks")
    if isinstance(tasks, dict) and tasks.get("test"):
        return Command(text="deno task test", because="deno.json")
    told = tree.has("deno.json", "deno.jsonc")
    return Command(text="deno test", because=told) if told else None


def of_builders(tree: Tree) -> Command | None:
    """Languages whose one tool knows how to test."""
    for name, command in BUILDERS.items():
        if name in tree.names:
            return Command(text=command, because=name)
    for name in sorted(tree.names):
        if name.endswith((".sln", ".csproj", ".fsproj")):
            return Command(text="dotnet test", because=name)
    return None


BUILDERS = {
    "go.mod": "go test ./...", "Cargo.toml": "cargo test", "mix.exs": "mix test",
    "mvnw": "./mvnw -q test", "pom.xml": "mvn -q test", "gradlew": "./gradlew test",
    "build.gradle": "gradle test", "build.gradle.kts": "gradle test", "Package.swift": "swift test",
    "stack.yaml": "stack test",
}  # fmt: skip
TEST_RULES: Sequence[Callable[[Tree], Command | None]] = (
    of_make, of_node, of_python, of_builders, of_ruby, of_php, of_deno,
)  # fmt: skip


def of_ci(there: Sequence[Workflow]) -> Command | None:
    """What CI itself runs to test, where nothing else tells; else the last thing that it runs."""
    lines = [(one, run) for one in there if one.tests for run in one.runs]
    for one, run in lines:
        if TESTS.search(run):
            return Command(text=run, because=one.path)
    for one, run in lines[-1:]:
        return Command(text=run, because=one.path, sure=False)
    return None


# --- setting up -------------------------------------------------------------------------------


def of_node_lock(tree: Tree) -> Command | None:
    if not tree.has("package.json"):
        return None
    berry = "--immutable" if tree.has(".yarnrc.yml") else "--frozen-lockfile"
    for lock, command in (
        ("pnpm-lock.yaml", "pnpm install --frozen-lockfile"),
        ("yarn.lock", f"yarn install {berry}"),
        ("bun.lock", "bun install --frozen-lockfile"),
        ("bun.lockb", "bun install --frozen-lockfile"),
        ("package-lock.json", "npm ci"), ("npm-shrinkwrap.json", "npm ci"),
    ):  # fmt: skip
        if lock in tree.names:
            return Command(text=command, because=lock)
    told = tree.data("package.json")
    needs = any(told.get(key) for key in ("dependencies", "devDependencies"))
    return Command(text="npm install", because="package.json") if needs else None


def of_python_lock(tree: Tree) -> Command | None:
    for lock, command in (
        ("uv.lock", "uv sync --frozen"), ("poetry.lock", "poetry install --no-interaction"),
        ("Pipfile.lock", "pipenv sync --dev"), ("pdm.lock", "pdm sync"),
    ):  # fmt: skip
        if lock in tree.names:
            return Command(text=command, because=lock)
    return None


def of_pip(tree: Tree) -> Command | None:
    """Into an environment of its own in the worktree, which hides itself from git."""
    if python_runner(tree):
        return None
    listed = [name for name in ("requirements.txt", "requirements-dev.txt") if name in tree.names]
    what = " ".join(f"-r {name}" for name in listed)
    because = listed[0] if listed else "pyproject.toml"
    project = tree.data("pyproject.toml").get("project")
    if not listed:
        if not isinstance(project, dict) or "build-system" not in tree.data("pyproject.toml"):
            return None
        extras = project.get("optional-dependencies")
        known = [e for e in ("test", "tests", "dev") if isinstance(extras, dict) and e in extras]
        what = f"-e '.[{known[0]}]'" if known else "-e ."
    named = "pytest" in tree.text(*listed, "pyproject.toml")
    if not named and tree.has("pytest.ini", "conftest.py"):
        what += " pytest"
    make = "python3 -m venv .venv && echo '*' >.venv/.gitignore"
    return Command(text=f"{make} && .venv/bin/pip install -q {what}", because=because)


def of_others(tree: Tree) -> Command | None:
    told = {
        "Gemfile": "bundle install", "composer.json": "composer install --no-interaction",
        "mix.exs": "mix deps.get", "go.mod": "go mod download", "Cargo.toml": "cargo fetch",
    }  # fmt: skip
    name = tree.has(*told)
    return Command(text=told[name], because=name) if name else None


SETUPS: Sequence[Callable[[Tree], Command | None]] = (
    of_node_lock, of_python_lock, of_pip, of_others,
)  # fmt: skip
