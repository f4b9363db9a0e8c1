"""Which workflows run for the pull requests that we open."""

from __future__ import annotations

import pytest

from orchestrator.rules import workflows

RUN = {
    "both": "on: [push, pull_request]",
    "one word": "on: pull_request",
    "a table": "on:\n  pull_request:\n  push:\n    branches: [main]",
    "into the base": "on:\n  pull_request:\n    branches: [main, 'release/**']",
    "every push": "on: push",
    "pushes below a folder": "on:\n  push:\n    branches: ['agent/*']",
    "pushes of anything": "on:\n  push:\n    branches: ['**']",
    "the usual types": "on:\n  pull_request:\n    types: [opened, synchronize, reopened]",
}
DO_NOT = {
    "pushes to the base": ("on:\n  push:\n    branches: [main]", "does not run on pull_request"),
    "one star is one part": ("on:\n  push:\n    branches: ['*']", "does not run on pull_request"),
    "by hand": ("on: workflow_dispatch", "does not run on pull_request"),
    "another base": ("on:\n  pull_request:\n    branches: [next]", "only for next"),
    "base left out": ("on:\n  pull_request:\n    branches-ignore: main", "leaves main out"),
    "labels": ("on:\n  pull_request:\n    types: labeled", "only for labeled"),
    "a part of the files": ("on:\n  pull_request:\n    paths: ['docs/**']", "changes of docs/**"),
    "tags": ("on:\n  push:\n    tags: ['v*']", "does not run on pull_request"),
    "no YAML": ("on: [", "cannot be read"),
    "an impossible date": ("on: push\nx: 2020-99-99", "cannot be read"),
    "no table": ("- push", "cannot be read"),
    "nothing": ("", "cannot be read"),
    "a number": ("on: 5", "does not run on pull_request"),
}


@pytest.mark.parametrize("name", RUN)
def test_it_runs(name: str) -> None:
    assert workflows.read("ci.yml", RUN[name], "main").tests


@pytest.mark.parametrize("name", DO_NOT)
def test_it_does_not(name: str) -> None:
    text, why = DO_NOT[name]
    found = workflows.read("ci.yml", text, "main")
    assert not found.tests
    assert why in found.but


@pytest.mark.parametrize("jobs", ["5", "[a]", "{a: 5}", "{a: {steps: 5}}", "{a: {steps: [5]}}"])
def test_jobs_that_are_none_are_passed_over(jobs: str) -> None:
    assert workflows.read("ci.yml", f"on: push\njobs: {jobs}", "main").runs == ()
