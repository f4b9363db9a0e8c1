"""What a check says of its failure: the end of its log, or its own words where there is no log."""

from __future__ import annotations

from msgspec import Struct

from orchestrator.adapters.gh_read import Door
from orchestrator.records.tracker import Check

TAIL_BYTES = 400_000
NOTES = 30  # annotations that are read; the first ones name the cause


class OutputRest(Struct, frozen=True):
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations_count: int = 0


class CheckRunRest(Struct, frozen=True):
    output: OutputRest | None = None


class AnnotationRest(Struct, frozen=True):
    path: str = ""
    start_line: int | None = None
    annotation_level: str | None = None
    title: str | None = None
    message: str | None = None


def of_job(door: Door, slug: str, job_id: int) -> str:
    """The last part of a job's log, "" where it left none; raises GitHubTrouble."""
    return door.tail(f"/repos/{slug}/actions/jobs/{job_id}/logs", TAIL_BYTES)


def of_check_run(door: Door, slug: str, check_run: int) -> str:
    """Title, summary, text and failed annotations of a check run, in that order, raw."""
    path = f"/repos/{slug}/check-runs/{check_run}"
    output = door.get(path, CheckRunRest).output or OutputRest()
    parts = [output.title, output.summary, output.text]
    if output.annotations_count:
        found = door.get(f"{path}/annotations?per_page={NOTES}", list[AnnotationRest])
        failures = [one for one in found if one.annotation_level == "failure"]
        parts += [noted(one) for one in failures or found]
    return "\n".join(part.strip() for part in parts if part and part.strip())


def noted(one: AnnotationRest) -> str:
    place = f"{one.path}:{one.start_line}: " if one.path and one.start_line else ""
    return place + " ".join(filter(None, (one.title, one.message)))


def said(door: Door, slug: str, check: Check) -> str:
    """Whatever the check says of itself, raw: its log, its own words, or its status line.

    An empty log is as good as none. Raises GitHubTrouble.
    """
    if not check.id:
        return check.said
    log = of_job(door, slug, check.id) if check.workflow_run else ""
    return log if log.strip() else of_check_run(door, slug, check.id)
