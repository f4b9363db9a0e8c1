"""Node ids: opaque to the client, and for us the kind and the row number."""

from __future__ import annotations

import base64
import binascii

from orchestrator.forge import records

PREFIXES: dict[str, str] = {
    "User": "U", "Organization": "O", "Bot": "BOT", "Repository": "R", "Issue": "I",
    "PullRequest": "PR", "IssueComment": "IC", "Label": "LA", "LabeledEvent": "LE",
    "UnlabeledEvent": "UNLE", "ClosedEvent": "CE", "ReopenedEvent": "REE",
    "RenamedTitleEvent": "RTE", "Ref": "REF", "Commit": "C", "Tree": "T", "CheckRun": "CR",
    "CheckSuite": "CS", "StatusContext": "SC", "StatusCheckRollup": "SR", "App": "A",
    "WorkflowRun": "WFR", "Workflow": "W", "PullRequestReview": "PRR",
    "PullRequestReviewThread": "PRRT", "PullRequestReviewComment": "PRRC",
    "PullRequestCommit": "PURC",
    "ReviewRequest": "RR", "BranchProtectionRule": "BPR",
    "ProjectV2": "PVT", "ProjectV2Item": "PVTI", "ProjectV2SingleSelectField": "PVTSSF",
    "ProjectV2Field": "PVTF", "ProjectV2ItemFieldSingleSelectValue": "PVTFSV",
    "ProjectV2ItemFieldTextValue": "PVTFTV", "ProjectV2ItemFieldNumberValue": "PVTFNV",
    "ProjectV2ItemFieldDateValue": "PVTFDV", "DraftIssue": "DI", "Event": "EV",
}
KINDS = {prefix: kind for kind, prefix in PREFIXES.items()}
ACCOUNTS = {"User": "User", "Organization": "Organization", "Bot": "Bot"}


def make(kind: str, number: int) -> str:
    digits = base64.urlsafe_b64encode(f"forge:{number}".encode()).decode().rstrip("=")
    return f"{PREFIXES[kind]}_{digits}"


def parse(node_id: str) -> tuple[str, int] | None:
    """The kind and number behind an id, or None for what we never gave out."""
    prefix, _, digits = node_id.partition("_")
    try:
        words = base64.urlsafe_b64decode(digits + "=" * (-len(digits) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    marker, _, number = words.partition(":")
    if marker != "forge" or not number.isdecimal() or prefix not in KINDS:
        return None
    return KINDS[prefix], int(number)


def of_issue(issue: records.Issue) -> str:
    return make("PullRequest" if issue.is_pull else "Issue", issue.id)


def of_user(user: records.User) -> str:
    return make(ACCOUNTS[user.kind], user.id)
