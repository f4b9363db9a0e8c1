"""What an issue asks for."""

from __future__ import annotations

import pytest

from orchestrator.records.config import RepositoryConfig
from orchestrator.records.task import Deliverable, Priority, TaskType
from orchestrator.rules import classify
from orchestrator.rules.classify import Fields

AGENTS = ("codex", "claude", "patch")
DEFAULTS = RepositoryConfig(slug="o/r", clone_url="", default_agent="patch")


def read(title="Add a thing", labels=(), defaults=DEFAULTS, **sections):
    named = {name.replace("_", " ").strip(): text for name, text in sections.items()}
    return classify.read(Fields(title=title, labels=labels, sections=named), AGENTS, defaults)


@pytest.mark.parametrize(
    ("fields", "task_type"),
    [
        (dict(title="Fix the crash", labels=("docs",), task_type="research"), TaskType.RESEARCH),
        (dict(task_type="- **Browser Automation**\nmore"), TaskType.BROWSER_AUTOMATION),
        (dict(task_type="`debugging`."), TaskType.DEBUGGING),
        (dict(title="Fix the crash", labels=("task:docs",)), TaskType.DOCS),
        (dict(labels=("good first issue", "Bug")), TaskType.DEBUGGING),
        (dict(labels=("enhancement", "task:design")), TaskType.DESIGN),
        (dict(labels=("task:nonsense", "documentation")), TaskType.DOCS),
        (dict(title="Fix typo in README"), TaskType.DOCS),
        (dict(title="Crash while building the docs"), TaskType.DEBUGGING),
        (dict(title="Wrong total in the invoice"), TaskType.DEBUGGING),
        (dict(title="Research rate limiters"), TaskType.RESEARCH),
        (dict(title="Investigate and fix the login"), TaskType.DEBUGGING),
        (dict(title="Write an RFC for plugins"), TaskType.ARCHITECTURE),
        (dict(title="Blog post about the release"), TaskType.CONTENT),
        (dict(title="Wireframe for settings"), TaskType.DESIGN),
        (dict(title="Playwright check of the form"), TaskType.BROWSER_AUTOMATION),
        (dict(title="Prefix the names"), TaskType.IMPLEMENTATION),
        (dict(title="Importer", goal="The importer crashes on empty files."), TaskType.DEBUGGING),
        (dict(title="Importer", _="It fails on Mondays."), TaskType.DEBUGGING),
        (dict(title="Importer", goal="Investigate rate limits"), TaskType.IMPLEMENTATION),
        (dict(title="Importer", context="It crashes."), TaskType.IMPLEMENTATION),
        (dict(title="Importer", goal="x" * 3000 + " crash"), TaskType.IMPLEMENTATION),
    ],
)
def test_the_type_comes_from_the_field_then_labels_then_words_then_the_default(fields, task_type):
    assert read(**fields).task_type is task_type


@pytest.mark.parametrize(
    ("default", "task_type"), [("docs", TaskType.DOCS), ("nonsense", TaskType.IMPLEMENTATION)]
)
def test_the_default_type_is_the_repositorys(default, task_type):
    defaults = RepositoryConfig(slug="o/r", clone_url="", default_task_type=default)
    assert read(defaults=defaults).task_type is task_type


@pytest.mark.parametrize(
    ("fields", "deliverable"),
    [
        ({}, Deliverable.CHANGE),
        (dict(task_type="research"), Deliverable.REPORT),
        (dict(task_type="architecture"), Deliverable.REPORT),
        (dict(task_type="research", deliverable="change"), Deliverable.CHANGE),
        (dict(deliverable="Report"), Deliverable.REPORT),
        (dict(deliverable="a poem"), Deliverable.CHANGE),
    ],
)
def test_research_and_architecture_owe_a_report_unless_stated(fields, deliverable):
    assert read(**fields).deliverable is deliverable


@pytest.mark.parametrize(
    ("fields", "priority"),
    [
        ({}, Priority.NORMAL),
        (dict(labels=("prio:high",)), Priority.HIGH),
        (dict(labels=("prio:low", "Priority: High")), Priority.HIGH),
        (dict(labels=("priority/low",)), Priority.LOW),
        (dict(priority="low"), Priority.LOW),
        (dict(priority="prio:high"), Priority.HIGH),
        (dict(priority="medium"), Priority.NORMAL),
        (dict(labels=("prio:low",), priority="high"), Priority.LOW),
        (dict(priority="yesterday"), Priority.NORMAL),
        (dict(labels=("high-priority-ish",)), Priority.NORMAL),
    ],
)
def test_the_priority_comes_from_labels_then_from_its_section(fields, priority):
    assert read(**fields).priority is priority


@pytest.mark.parametrize(
    ("fields", "agent"),
    [
        ({}, "patch"),
        (dict(labels=("bug", "claude")), "claude"),
        (dict(labels=("codex", "agent:claude")), "claude"),
        (dict(agent_preference="Codex"), "codex"),
        (dict(labels=("claude",), agent_preference="codex"), "claude"),
        (dict(agent_preference="none"), "patch"),
        (dict(agent_preference="auto"), "patch"),
        (dict(agent_preference="$(rm -rf /)"), "patch"),
        (dict(labels=("agent:unknown",)), "patch"),
    ],
)
def test_only_a_known_agent_can_be_asked_for(fields, agent):
    assert read(**fields).agent == agent


def test_outcome_checks_are_ids_and_bounded():
    lines = "- activation_rate\n* `churn`\n- activation_rate\n- not an id\n1. ../x\n"
    assert read(outcome_checks=lines).outcome_check_ids == ("activation_rate", "churn")
    many = "\n".join(f"- id{n}" for n in range(40))
    assert len(read(outcome_checks=many).outcome_check_ids) == classify.OUTCOME_CHECKS


@pytest.mark.parametrize("base", ["main", "release/2.x", "`develop`", "feature_1"])
def test_a_base_branch_is_taken_when_it_is_a_name(base):
    classified = read(base_branch=base)
    assert classified.base == base.strip("`") and not classified.problems


@pytest.mark.parametrize(
    "base", ["-x", "a..b", "/a", "a/", "a b", "a.lock", "a@{1}", "a;b", "$(x)", "a//b", "a/.b"]
)
def test_a_base_branch_that_is_no_name_is_left_out_and_told(base):
    classified = read(base_branch=base)
    assert classified.base == "" and "no name of a branch" in classified.problems[0]


def test_everything_stated_and_not_understood_is_told():
    problems = read(
        task_type="poetry", deliverable="poem", priority="soon", agent_preference="hal"
    ).problems
    assert len(problems) == 4
    assert "'poetry'" in problems[0] and "'hal'" in problems[-1]
