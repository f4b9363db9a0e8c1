"""Paths that a person must look at: CI, ownership, the settings of agents (S9, S13, S14)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from orchestrator.records import regex
from orchestrator.records.suspicion import Suspicion
from orchestrator.rules.tamper.diff import GONE, SUBMODULE, SYMLINK, Facts, File, person

CI_FOLDERS = frozenset({
    ".github", ".circleci", ".buildkite", ".ci", ".gitlab", ".forgejo", ".gitea", ".teamcity",
    ".azure-pipelines", ".woodpecker", ".tekton",
})  # fmt: skip
CI_FILES = regex.late(
    r"\.gitlab-ci\.ya?ml|\.travis\.ya?ml|azure-pipelines.*\.ya?ml|jenkinsfile.*|"
    r"\.?appveyor\.ya?ml|bitbucket-pipelines\.ya?ml|\.drone\.(?:ya?ml|star)|\.woodpecker.*\.ya?ml|"
    r"\.cirrus\.(?:ya?ml|star)|\.?codecov\.ya?ml|\.coveralls\.ya?ml|sonar-project\.properties|"
    r"renovate\.json5?|\.renovaterc.*|\.mergify\.ya?ml|\.semaphore\.ya?ml|cloudbuild\.ya?ml",
    re.IGNORECASE,
)
AGENT_FOLDERS = frozenset({
    ".claude", ".codex", ".gemini", ".husky", ".cursor", ".aider", ".continue", ".opencode",
    ".qwen", ".roo", ".kiro", ".windsurf", ".devcontainer", ".vscode", ".idea", ".githooks",
})  # fmt: skip
AGENT_FILES = regex.late(
    r"\.mcp\.json|claude(?:\.local)?\.md|agents(?:\.override)?\.md|gemini\.md|qwen\.md|"
    r"\.cursorrules|\.windsurfrules|\.clinerules|\.aider\.conf\.ya?ml|opencode\.jsonc?|\.envrc|"
    r"\.gitattributes|\.gitmodules|\.gitconfig|\.lfsconfig|\.mailmap",
    re.IGNORECASE,
)
OWN = ("orchestrator/", "bin/")


def suspicions(facts: Facts) -> Iterator[Suspicion]:
    """One finding at most for each path, whatever was changed there."""
    for file in facts.files:
        said = kind(file) or (facts.itself and own(file.path)) or protected(file.path)
        if said:
            yield person(file.path, "protected_path", said)


def kind(file: File) -> str:
    if SUBMODULE in {file.mode, file.old_mode}:
        return "changes a submodule"
    if SYMLINK in {file.mode, file.old_mode} and file.mode != GONE:
        return "is or was a symbolic link"
    return ""


def protected(path: str) -> str:
    """Why a path is protected in every repository, or ""."""
    *folders, name = path.lower().split("/")
    if name == "codeowners":
        return "decides whose review a change needs"
    if not CI_FOLDERS.isdisjoint(folders) or CI_FILES.fullmatch(name):
        return "decides what is checked before a merge"
    if not AGENT_FOLDERS.isdisjoint(folders) or AGENT_FILES.fullmatch(name):
        return "tells agents, editors or git what to do or to run"
    return ""


def own(path: str) -> str:
    """Why a path of the orchestrator's own repository is protected, or ""."""
    if path.startswith(OWN) or path == "config.yaml":
        return "is a part of the orchestrator that judges it"
    return ""
