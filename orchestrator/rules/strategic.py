"""Which tasks are decided by evidence, and so are told what was measured and found out."""

from __future__ import annotations

from orchestrator.records import regex
from orchestrator.records.task import Task, TaskType

TYPES = frozenset({
    TaskType.ARCHITECTURE, TaskType.RESEARCH, TaskType.DESIGN, TaskType.CONTENT,
})  # fmt: skip
READ = 8_000  # characters of a task in which words are looked for
WORDS = regex.late(
    r"\b(?i:strategy|strategic|roadmap|analytics|metrics?|kpis?|conversion|retention|churn|funnel"
    r"|adoption|growth|onboarding|user feedback|user research|production feedback|incidents?|slos?"
    r"|reliability|market|competitors?|positioning|pricing|a/b tests?|experiments?)\b"
)


def needs_evidence(task: Task) -> bool:
    """By its type, by an outcome that will be measured, or because it speaks of such things."""
    if task.task_type in TYPES or task.outcome_check_ids:
        return True
    return bool(WORDS.search(f"{task.title}\n{task.body}"[:READ]))
