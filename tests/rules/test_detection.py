"""What is taken for the command that tests or sets up a repository."""

from __future__ import annotations

import json

import pytest

from orchestrator.rules import detection
from orchestrator.rules.detection import Tree

JEST = json.dumps({"scripts": {"test": "jest"}, "devDependencies": {"jest": "*"}})
UNITTEST = "python3 -m unittest discover -s tests -t ."
CI = """\
on: [push, pull_request]
jobs:
  test:
    steps:
      - uses: actions/checkout@v4
      - run: ./lint ${{ matrix.x }}
      - run: |
          # all of them
          ./prepare
          %s
"""


def a_tree(*names: str, **texts: str) -> Tree:
    named = {name.replace("__", "."): text for name, text in texts.items()}
    return Tree(names=frozenset((*names, *named)), texts=named)


TESTS = {
    "make": (a_tree(Makefile="all: x\ntest: all\n\tgo\n", package__json=JEST), "make test"),
    "make check": (a_tree(Makefile="check:\n\tgo\n"), "make check"),
    "a variable is no target": (a_tree("go.mod", Makefile="test := 1\n"), "go test ./..."),
    "just": (a_tree(justfile="test *args:\n  go\n"), "just test"),
    "npm": (a_tree(package__json=JEST), "npm test"),
    "pnpm": (a_tree("pnpm-lock.yaml", package__json=JEST), "pnpm test"),
    "yarn": (a_tree("yarn.lock", package__json=JEST), "yarn test"),
    "bun": (a_tree("bun.lock", package__json=JEST), "bun run test"),
    "watches": (
        a_tree(package__json='{"scripts": {"test": "react-scripts test"}}'), "CI=true npm test"
    ),
    "what npm init writes": (
        a_tree(package__json='{"scripts": {"test": "echo \\"no test specified\\" && exit 1"}}'),
        None,
    ),
    "broken json": (a_tree(package__json="{"), None),
    "json that is no object": (a_tree(package__json="[1]"), None),
    "scripts that are none": (a_tree(package__json='{"scripts": ["test"]}'), None),
    "pytest.ini": (a_tree("pytest.ini", "setup.py"), "python3 -m pytest -q"),
    "pyproject": (
        a_tree(pyproject__toml="[tool.pytest.ini_options]\n"), "python3 -m pytest -q"
    ),
    "broken toml": (a_tree("tests", pyproject__toml="[[["), UNITTEST),
    "requirements": (a_tree(requirements__txt="pytest\n"), ".venv/bin/python -m pytest -q"),
    "uv": (a_tree("uv.lock", pyproject__toml="dev = ['pytest']"), "uv run pytest -q"),
    "poetry": (a_tree("poetry.lock", "conftest.py", "pyproject.toml"), "poetry run pytest -q"),
    "tox": (a_tree(tox__ini="[testenv]\ncommands = trial\n"), "tox -q"),
    "nox": (a_tree("noxfile.py", "setup.py"), "nox"),
    "unittest": (a_tree("setup.py", "tests"), UNITTEST),
    "go": (a_tree("go.mod"), "go test ./..."),
    "cargo": (a_tree("Cargo.toml"), "cargo test"),
    "mix": (a_tree("mix.exs"), "mix test"),
    "maven wrapper": (a_tree("mvnw", "pom.xml"), "./mvnw -q test"),
    "dotnet": (a_tree("Shop.sln"), "dotnet test"),
    "rspec": (a_tree("spec", Gemfile="gem 'rspec'"), "bundle exec rspec"),
    "rails": (a_tree("bin", Gemfile="gem 'rails'"), "bin/rails test"),
    "rake": (a_tree("Rakefile", "Gemfile"), "bundle exec rake test"),
    "composer": (a_tree(composer__json='{"scripts": {"test": "phpunit"}}'), "composer test"),
    "phpunit": (a_tree("phpunit.xml.dist", "composer.json"), "vendor/bin/phpunit"),
    "deno": (a_tree(deno__json='{"tasks": {"test": "deno test"}}'), "deno task test"),
    "nothing": (a_tree("README.md"), None),
}  # fmt: skip


@pytest.mark.parametrize("name", TESTS)
def test_the_test_command(name: str) -> None:
    tree, wanted = TESTS[name]
    found = detection.found(tree).test
    assert (found.text if found else None) == wanted


@pytest.mark.parametrize(
    ("last", "wanted", "sure"),
    [
        (UNITTEST, UNITTEST, True),
        ("./look-at-links --all", "./look-at-links --all", False),
        ("npm run test:unit && echo", "npm run test:unit && echo", True),
    ],
)  # fmt: skip
def test_where_no_file_tells_ci_does(last: str, wanted: str, sure: bool) -> None:
    path = ".github/workflows/ci.yml"
    found = detection.found(Tree(names=frozenset({"README.md"}), texts={path: CI % last}))
    assert found.test is not None
    assert (found.test.text, found.test.sure, found.test.because) == (wanted, sure, path)


SETUPS = {
    "npm": (a_tree("package-lock.json", package__json=JEST), "npm ci"),
    "npm without a lock": (a_tree(package__json=JEST), "npm install"),
    "nothing to install": (a_tree(package__json='{"scripts": {"test": "node t.js"}}'), None),
    "yarn": (a_tree("yarn.lock", package__json=JEST), "yarn install --frozen-lockfile"),
    "berry": (a_tree("yarn.lock", ".yarnrc.yml", package__json=JEST), "yarn install --immutable"),
    "uv": (a_tree("uv.lock", "pyproject.toml"), "uv sync --frozen"),
    "requirements": (
        a_tree("requirements-dev.txt", requirements__txt="pytest"),
        "python3 -m venv .venv && echo '*' >.venv/.gitignore && "
        ".venv/bin/pip install -q -r requirements.txt -r requirements-dev.txt",
    ),
    "extras, and a pytest that nobody names": (
        a_tree("pytest.ini", pyproject__toml='[build-system]\n[project]\nname = "x"\n'
               "[project.optional-dependencies]\ndev = []\n"),
        "python3 -m venv .venv && echo '*' >.venv/.gitignore && "
        ".venv/bin/pip install -q -e '.[dev]' pytest",
    ),
    "a project that installs nothing": (a_tree(pyproject__toml="[tool.ruff]\n"), None),
    "go": (a_tree("go.mod"), "go mod download"),
    "ruby": (a_tree("Gemfile"), "bundle install"),
}  # fmt: skip


@pytest.mark.parametrize("name", SETUPS)
def test_the_setup_command(name: str) -> None:
    tree, wanted = SETUPS[name]
    found = detection.found(tree).setup
    assert (found.text if found else None) == wanted


def test_python_is_set_up_where_it_is_tested() -> None:
    found = detection.found(a_tree("conftest.py", requirements__txt="flask\n"))
    assert found.setup is not None and found.test is not None
    assert found.setup.text.endswith("-r requirements.txt pytest")
    assert found.test.text == ".venv/bin/python -m pytest -q"


def test_ci_of_others_is_ci() -> None:
    assert detection.found(a_tree(".circleci")).has_ci
    assert not detection.found(a_tree("README.md")).has_ci
