"""What a workflow file asks for, and that no file can stop the forge."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.forge import workflows
from tests.support import forge as forge_support

WORDS = st.sampled_from(
    ["on", "jobs", "steps", "run", "env", "needs", "defaults", "uses", "a", "push", "branches"]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=25,
)


@given(ANYTHING)
def test_any_document_is_a_workflow_or_trouble(document: Any) -> None:
    found = workflows.parse("w.yml", yaml.safe_dump(document))
    assert bool(found.trouble) == (not found.jobs) or not found.trouble
    workflows.wanted(found, "push", "main")


def test_text_that_is_not_yaml() -> None:
    assert "not YAML" in workflows.parse("w.yml", "a: [").trouble


@pytest.mark.parametrize(
    ("on", "event", "branch", "yes"),
    [
        ("push", "push", "any", True),
        ("push", "pull_request", "any", False),
        ("[push, pull_request]", "pull_request", "main", True),
        ("{push: {branches: [main]}}", "push", "main", True),
        ("{push: {branches: [main]}}", "push", "other", False),
        ("{push: {branches: ['release/**', '!release/old']}}", "push", "release/a/b", True),
        ("{push: {branches: ['release/**', '!release/old']}}", "push", "release/old", False),
        ("{push: {branches-ignore: ['agent/*']}}", "push", "agent/x", False),
        ("{push: {tags: [v1]}}", "push", "main", False),
        ("{pull_request: }", "pull_request", "main", True),
        ("workflow_dispatch", "push", "main", False),
    ],
)
def test_triggers(on: str, event: str, branch: str, yes: bool) -> None:
    found = workflows.parse("w.yml", f"on: {on}\njobs: {{a: {{steps: [{{run: x}}]}}}}\n")
    assert workflows.wanted(found, event, branch) is yes


@pytest.mark.parametrize(
    "part", ["strategy: {matrix: {a: [1]}}", "uses: a/b@c", "steps: [{run: x, shell: python}]"]
)
def test_what_the_runner_cannot_do_is_told(part: str) -> None:
    found = workflows.parse("w.yml", f"on: push\njobs:\n  a:\n    {part}\n")
    assert found.jobs[0].unable.startswith("the forge")


def test_a_job_that_cannot_start_does_not_hold_the_others(tmp_path: Path) -> None:
    flow = "on: push\njobs: {a: {env: {'x=y': '1'}, steps: [{run: x}]}, b: {steps: [{run: ':'}]}}\n"
    repo = {"name": "maria/library", "ci": True, "files": {".github/workflows/w.yml": flow}}
    seed = {"users": forge_support.SEED["users"], "repos": [repo]}
    with forge_support.served(tmp_path / "forge", seed) as github:
        maria = github.session()

        def conclusions() -> Any:
            runs = maria.get("/repos/maria/library/commits/main/check-runs").json()["check_runs"]
            found = {run["name"]: run["conclusion"] for run in runs}
            return found if all(found.values()) else None

        assert forge_support.eventually(conclusions) == {"a": "failure", "b": "success"}


def test_an_archived_repository_is_read_only(
    github: forge_support.Github, push: Callable[..., str]
) -> None:
    maria = github.session()
    repo = "/repos/maria/library"
    assert maria.patch(repo, json={"archived": True}).json()["archived"] is True
    assert maria.post(f"{repo}/issues", json={"title": "x"}).status_code == 403
    assert maria.get(f"{repo}/collaborators/eve/permission").ok
    assert maria.patch(repo, json={"archived": False}).ok
    assert maria.post(f"{repo}/issues", json={"title": "x"}).ok
