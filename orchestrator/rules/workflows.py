"""Which of a repository's CI runs for the pull requests that we open."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml
from msgspec import Struct

FOLDER = ".github/workflows/"
# CI that is not GitHub's own: it reports by checks or statuses all the same.
OTHERS = (
    ".circleci", ".travis.yml", "azure-pipelines.yml", "Jenkinsfile", ".drone.yml", ".buildkite",
    ".cirrus.yml", "appveyor.yml", ".appveyor.yml", "bitrise.yml", ".woodpecker.yml",
)  # fmt: skip
OURS = "agent/task"  # how the branches that we push begin


class Workflow(Struct, frozen=True, kw_only=True):
    """One workflow file; `tests` says whether it runs for our pull requests, `but` when not."""

    path: str
    tests: bool
    but: str = ""
    runs: tuple[str, ...] = ()


def read(path: str, text: str, base: str) -> Workflow:
    """Whether a workflow runs for a pull request of ours into `base`."""
    try:
        told = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError, KeyError, AttributeError):
        told = None
    if not isinstance(told, dict):
        return Workflow(path=path, tests=False, but="it cannot be read")
    events = told.get("on", told.get(True))  # YAML takes the word `on` for true
    reasons = []
    for event, refs in (("pull_request", base), ("push", OURS)):
        reason = why_not(event, events, refs)
        if not reason:
            return Workflow(path=path, tests=True, runs=tuple(steps(told)))
        reasons.append(reason)
    return Workflow(path=path, tests=False, but=reasons[0])


def why_not(event: str, events: Any, branch: str) -> str:
    """Why an event of that name, which concerns the branch, does not start it; "" where it does."""
    if event not in listed(events):
        return f"it does not run on {event}"
    said = events.get(event) if isinstance(events, dict) else None
    if not isinstance(said, dict):
        return ""
    if said.get("types") and not {"opened", "synchronize"} <= set(listed(said["types"])):
        return f"it runs on {event} only for {', '.join(listed(said['types']))}"
    if event == "push" and ("tags" in said or "tags-ignore" in said) and "branches" not in said:
        return "it runs on tags"
    if "branches" in said and not any(matches(branch, one) for one in listed(said["branches"])):
        return f"it runs on {event} only for {', '.join(listed(said['branches']))}"
    if any(matches(branch, one) for one in listed(said.get("branches-ignore"))):
        return f"it leaves {branch} out"
    if "paths" in said:
        return f"it runs only for changes of {', '.join(listed(said['paths']))[:60]}"
    return ""


def listed(value: Any) -> list[str]:
    """What may stand alone or in a list, as a list; of a table its keys."""
    many = value if isinstance(value, list | dict) else [value]
    return [str(one) for one in many if one is not None]


def matches(branch: str, pattern: str) -> bool:
    """As GitHub reads a pattern: one star stays within a part of the name, two do not."""
    stars = {"**": ".*", "*": "[^/]*"}
    parts = re.split(r"(\*\*|\*)", pattern)
    wanted = "".join(stars.get(part) or re.escape(part) for part in parts)
    return re.fullmatch(wanted, branch) is not None


def steps(told: dict[str, Any]) -> Iterator[str]:
    """The single lines that its jobs run."""
    jobs = told.get("jobs")
    for job in jobs.values() if isinstance(jobs, dict) else ():
        there = job.get("steps") if isinstance(job, dict) else None
        for step in there if isinstance(there, list) else ():
            run = step.get("run") if isinstance(step, dict) else None
            if isinstance(run, str) and run.strip() and "${{" not in run:
                lines = [line.strip() for line in run.strip().splitlines()]
                yield from (line for line in lines if line and not line.startswith("#"))
