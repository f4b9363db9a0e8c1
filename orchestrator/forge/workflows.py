"""What `.github/workflows/*.yml` asks for: which events start it, and the jobs with their steps."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol

import msgspec
import yaml

FOLDER = ".github/workflows"


class Step(msgspec.Struct, frozen=True):
    """`run` is empty for a step that uses an action, which the forge only notes."""

    name: str
    run: str = ""
    uses: str = ""
    folder: str = ""
    environment: dict[str, str] = {}
    shell: str = ""


class Job(msgspec.Struct, frozen=True):
    key: str
    name: str
    steps: tuple[Step, ...] = ()
    needs: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    minutes: float | None = None
    # What this runner cannot do; such a job fails with these words instead of passing by luck.
    unable: str = ""


class Trigger(msgspec.Struct, frozen=True):
    event: str
    branches: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


class Workflow(msgspec.Struct, frozen=True):
    path: str
    name: str
    triggers: tuple[Trigger, ...]
    jobs: tuple[Job, ...]
    trouble: str = ""


class JobOrder(msgspec.Struct, frozen=True):
    """One job to run: on which commit of which bare repository, where to write its log."""

    check_id: int
    run_id: int
    repository: str
    full_name: str
    sha: str
    branch: str
    event: str
    job: Job
    seconds: float


class JobReport(msgspec.Struct, frozen=True):
    check_id: int
    conclusion: str
    summary: str = ""


class Runner(Protocol):
    """Starts jobs and tells later how they ended; neither call waits."""

    def start(self, order: JobOrder, now: datetime) -> None: ...

    def finished(self, now: datetime) -> Sequence[JobReport]: ...

    def stop(self) -> None: ...


def listed(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    return tuple(str(v) for v in value) if isinstance(value, list) else (str(value),)


def mapping(value: Any) -> Mapping[str, Any]:
    """A mapping, whatever was written there: a workflow may hold anything."""
    return value if isinstance(value, Mapping) else {}


def words(value: Any) -> dict[str, str]:
    pairs = mapping(value).items()
    return {str(k): str(v).lower() if isinstance(v, bool) else str(v) for k, v in pairs}


def triggers(value: Any) -> tuple[Trigger, ...]:
    if not isinstance(value, Mapping):
        return tuple(Trigger(event) for event in listed(value))
    found = []
    for event, told in value.items():
        limits = mapping(told)
        branches, ignored = listed(limits.get("branches")), listed(limits.get("branches-ignore"))
        # A push limited to tags is not started by a branch.
        if event == "push" and "tags" in limits and "branches" not in limits:
            continue
        found.append(Trigger(str(event), branches, ignored))
    return tuple(found)


def step(value: Mapping[str, Any], number: int, defaults: Mapping[str, Any]) -> Step:
    run, uses = str(value.get("run") or ""), str(value.get("uses") or "")
    first_line = run.strip().splitlines()[0] if run.strip() else uses
    return Step(
        name=str(value.get("name") or first_line or f"step {number}"),
        run=run,
        uses=uses,
        folder=str(value.get("working-directory") or defaults.get("working-directory") or ""),
        environment=words(value.get("env")),
        shell=str(value.get("shell") or defaults.get("shell") or ""),
    )


def inability(value: Mapping[str, Any], steps: Sequence[Step]) -> str:
    if "strategy" in value:
        return "the forge runs no job matrix"
    if "uses" in value:
        return "the forge runs no reusable workflow"
    for each in steps:
        texts = [each.run, each.folder, *each.environment.values()]
        if any("${{" in text for text in texts):
            return f"the forge evaluates no expression (step '{each.name}')"
        if each.run and each.shell not in ("", "bash", "sh"):
            return f"the forge has no shell '{each.shell}'"
    return ""


def listed_steps(value: Mapping[str, Any]) -> list[Any]:
    steps = value.get("steps")
    return steps if isinstance(steps, list) else []


def job(key: str, value: Mapping[str, Any], workflow: Mapping[str, Any]) -> Job:
    defaults: dict[str, Any] = {}
    for level in (workflow, value):
        defaults |= mapping(mapping(level.get("defaults")).get("run"))
    steps = tuple(
        step(each, number, defaults)
        for number, each in enumerate(listed_steps(value), 1)
        if isinstance(each, Mapping)
    )
    minutes = value.get("timeout-minutes")
    return Job(
        key=key,
        name=str(value.get("name") or key),
        steps=steps,
        needs=listed(value.get("needs")),
        environment=words(workflow.get("env")) | words(value.get("env")),
        minutes=float(minutes) if isinstance(minutes, int | float) else None,
        unable=inability(value, steps),
    )


@lru_cache(maxsize=64)
def parse(path: str, text: str) -> Workflow:
    """The workflow of a file; one that cannot be read has no jobs and says why in `trouble`.

    The same text is read once: each push and each pull request asks again.
    """
    name = path.rpartition("/")[2]
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        return Workflow(path, name, (Trigger("push"),), (), f"{path} is not YAML: {error}")
    if not isinstance(document, Mapping) or not isinstance(document.get("jobs"), Mapping):
        return Workflow(path, name, (Trigger("push"),), (), f"{path} has no jobs")
    # YAML 1.1 reads the bare word `on` as true.
    events = document.get("on", document.get(True))
    jobs = tuple(
        job(str(key), value, document)
        for key, value in document["jobs"].items()
        if isinstance(value, Mapping)
    )
    return Workflow(path, str(document.get("name") or path), triggers(events), jobs)


def wanted(workflow: Workflow, event: str, branch: str) -> bool:
    """Whether an event on this branch (for a pull request: its base) starts the workflow."""
    for trigger in workflow.triggers:
        if trigger.event != event:
            continue
        if trigger.branches:
            return matches(branch, trigger.branches)
        return not matches(branch, trigger.ignored)
    return False


def matches(branch: str, patterns: Sequence[str]) -> bool:
    chosen = False
    for pattern in patterns:
        if pattern.startswith("!"):
            chosen = chosen and not fnmatch.fnmatchcase(branch, pattern[1:])
        else:
            chosen = chosen or fnmatch.fnmatchcase(branch, pattern)
    return chosen
