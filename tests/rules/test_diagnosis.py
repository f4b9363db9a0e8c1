"""What keeps a repository from being worked in, and what a crontab starts, as tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import structs

from orchestrator.adapters import gh_survey
from orchestrator.records.config import (
    AutomationMode,
    BoardConfig,
    MergeMethod,
    MergePolicy,
    RepositoryConfig,
)
from orchestrator.records.diagnosis import BranchRule, Level, Survey
from orchestrator.rules import schedulers
from orchestrator.rules.diagnosis import cron, github, machine

CONFIG = RepositoryConfig(slug="o/n", clone_url="https://github.com/o/n.git")
SURVEY = Survey(
    slug="o/n", base="main", methods=("squash", "merge", "rebase"), checks_seen=("test",),
    workflows=("ci.yml",),
)  # fmt: skip
NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
WEB = "https://github.example.com"


def by_systemd(minutes: float) -> cron.Start:
    return cron.Start("systemd", NOW - timedelta(minutes=minutes))


def told(config: RepositoryConfig, survey: Survey, level: Level = Level.WRONG) -> list[str]:
    return [one.sentence for one in github.repository(config, survey, WEB) if one.level is level]


def test_a_repository_like_most_is_well() -> None:
    [one] = github.repository(CONFIG, SURVEY, WEB)
    assert one.level is Level.OK


@pytest.mark.parametrize(
    ("rule", "config", "words"),
    [
        ({"merge_queue": True}, {}, "merge queue"),
        ({"locked": True}, {}, "is locked"),
        ({"approvals": 1}, {}, "1 approving review,"),
        ({"approvals": 2}, {}, "2 approving reviews,"),
        ({"code_owners": True}, {}, "code owners"),
        ({"linear": True}, {"merge_method": MergeMethod.MERGE}, "linear history"),
        ({"signatures": True}, {"merge_method": MergeMethod.REBASE}, "signed commits"),
        ({"methods": ("merge",)}, {}, "it allows merge"),
    ],
)
def test_a_rule_of_the_base_that_stops_every_merge(
    rule: dict[str, Any], config: dict[str, Any], words: str
) -> None:
    ours = structs.replace(CONFIG, **config)
    survey = structs.replace(SURVEY, base_rule=BranchRule(**rule))
    [sentence] = told(ours, survey)
    assert words in sentence
    assert not told(structs.replace(ours, automation_mode=AutomationMode.DISPATCHER_ONLY), survey)


@pytest.mark.parametrize(
    ("rule", "config"),
    [
        ({"approvals": 1}, {"merge": MergePolicy.APPROVED}),
        ({"linear": True}, {}),
        ({"signatures": True}, {}),
        ({"checks": ("test",)}, {}),
        ({"methods": ("squash", "merge")}, {}),
        ({"deployments": True}, {}),
        ({"conversations": True}, {}),
    ],
)
def test_a_rule_of_the_base_that_we_can_live_with(
    rule: dict[str, Any], config: dict[str, Any]
) -> None:
    survey = structs.replace(SURVEY, base_rule=BranchRule(**rule))
    assert not told(structs.replace(CONFIG, **config), survey)


@pytest.mark.parametrize(
    "rule", [{"creation": True}, {"signatures": True}, {"pull_request": True}, {"checks": ("t",)}]
)
def test_a_ruleset_over_our_own_branches_stops_every_push(rule: dict[str, Any]) -> None:
    survey = structs.replace(SURVEY, branch_rule=BranchRule(**rule))
    [sentence] = told(CONFIG, survey)
    assert "no work can be pushed" in sentence


def test_a_required_check_that_never_reports_is_told() -> None:
    survey = structs.replace(SURVEY, base_rule=BranchRule(checks=("test", "deploy")))
    [sentence] = told(CONFIG, survey, Level.NOTE)
    assert sentence.startswith("main requires deploy, which did not report")


def test_rules_of_both_kinds_are_put_together() -> None:
    found = gh_survey.together(
        BranchRule(approvals=1, checks=("test",)),
        [
            gh_survey.Rule(
                type="pull_request",
                parameters=gh_survey.Parameters(
                    required_approving_review_count=2, allowed_merge_methods=("squash", "rebase")
                ),
            ),
            gh_survey.Rule(
                type="pull_request",
                parameters=gh_survey.Parameters(allowed_merge_methods=("rebase", "merge")),
            ),
            gh_survey.Rule(
                type="required_status_checks",
                parameters=gh_survey.Parameters(
                    required_status_checks=(gh_survey.Context("lint"), gh_survey.Context("test"))
                ),
            ),
            gh_survey.Rule(type="commit_message_pattern"),
        ],
    )
    assert found.approvals == 2 and found.checks == ("test", "lint")
    assert found.methods == ("rebase",) and found.patterns and not found.merge_queue


def test_an_option_that_is_nearly_ours_is_suggested() -> None:
    board = BoardConfig(owner="o", number=1)
    names = ("📋 Backlog", "ready", "In progress", "Blocked", "Done")
    found = github.board("o/1", board, "field", names)
    assert found.mend == (
        "backlog_value: 📋 Backlog; ready_value: ready; in_progress_value: In progress"
    )


CRONTAB = """\
MAILTO=""
# * * * * * /a/bin/run_queue.sh
* * * * *   /a/bin/run_dispatcher.sh >> /a/logs/d.log 2>&1
*/5 * * * * cd /a && /a/bin/run_pr_monitor.sh >>logs/p.log 2>&1
@hourly /a/bin/run_watchdog.sh
0 5 * * 1 tar "unbalanced
"""


def test_the_jobs_of_a_crontab() -> None:
    assert [(line.program, line.output) for line in cron.jobs(CRONTAB)] == [
        ("/a/bin/run_dispatcher.sh", "/a/logs/d.log"),
        ("/a/bin/run_pr_monitor.sh", "logs/p.log"),
        ("/a/bin/run_watchdog.sh", ""),
    ]


@pytest.mark.parametrize(
    ("starts", "absent"),
    [
        ({}, "run_queue.sh, run_pr_monitor.sh"),
        ({"supervisor": by_systemd(2)}, "run_pr_monitor.sh"),
        ({"supervisor": by_systemd(120)}, "run_queue.sh, run_pr_monitor.sh"),
        ({"supervisor": by_systemd(0), "pr_monitor": by_systemd(0)}, ""),
    ],
)
def test_what_nothing_starts(starts: dict[str, cron.Start], absent: str) -> None:
    lines = (cron.Line(program="/a/bin/run_dispatcher.sh"),)
    wrong = [
        one.sentence
        for one in cron.scheduled(lines, "/a", starts, NOW)
        if one.level is Level.WRONG
    ]
    assert wrong == ([f"nothing starts {absent}"] if absent else [])


@pytest.mark.parametrize(
    ("running", "starts", "ended", "level"),
    [
        (True, {}, {}, Level.OK),
        # A person's hand, and a cron that has died since, are no proof of anything.
        (False, {}, {"supervisor": NOW}, Level.WRONG),
        (False, {"supervisor": cron.Start("cron", NOW)}, {"supervisor": NOW}, Level.WRONG),
        (False, {"supervisor": by_systemd(1)}, {"supervisor": NOW}, Level.OK),
        (False, {"supervisor": by_systemd(90)}, {"supervisor": NOW}, Level.WRONG),
        (None, {}, {"supervisor": NOW}, Level.OK),
        (None, {}, {"supervisor": NOW - timedelta(hours=1)}, Level.WRONG),
    ],
)
def test_whether_something_starts_the_scripts(
    running: bool | None, starts: dict[str, cron.Start], ended: dict[str, datetime], level: Level
) -> None:
    assert cron.daemon(running, True, starts, ended, NOW, "i").level is level


@pytest.mark.parametrize(
    ("ancestors", "scheduler"),
    [
        (("timeout", "bash", "sh", "cron", "cron", "systemd"), "cron"),
        (("timeout", "bash", "sh", "crond"), "cron"),
        (("timeout", "bash", "systemd"), "systemd"),
        (("timeout", "bash", "bash", "sshd", "sshd", "systemd"), ""),
        (("bash", "tmux: server", "systemd"), ""),
        ((), ""),
    ],
)
def test_who_started_a_script(ancestors: tuple[str, ...], scheduler: str) -> None:
    assert schedulers.of(ancestors) == scheduler


def test_a_script_that_fails_says_why_and_what_helps() -> None:
    failing = {"autopull": cron.Failing(20, "09:00", "/a does not update itself; run: git pull")}
    [one] = cron.silent(failing, {}, "/logs")
    assert one.sentence.endswith("with exit code 20: /a does not update itself")
    assert one.mend == "git pull"


@pytest.mark.parametrize(
    ("runs", "logs", "said", "mend"),
    [
        (True, "/logs", "has failed at every run since 09:00", "tail /logs/*.log"),
        (False, "", "failed at its last run, 09:00, with exit code 1", "bin/run_queue.sh --now"),
    ],
)
def test_one_failure_is_not_many_and_no_log_is_not_read(
    runs: bool, logs: str, said: str, mend: str
) -> None:
    [one] = cron.silent({"supervisor": cron.Failing(1, "09:00", runs=runs)}, {}, logs)
    assert said in one.sentence and one.mend == mend


def test_the_hints_name_the_github_of_the_config() -> None:
    archived = structs.replace(SURVEY, archived=True, branch_rule=BranchRule(creation=True))
    mends = [one.mend for one in github.repository(CONFIG, archived, WEB)]
    assert [WEB in mend for mend in mends] == [True, True]
    assert "-h github.example.com" in github.scopes(("repo",), WEB).mend
    assert "-h" not in github.scopes(("repo",), "https://github.com").mend


def test_a_log_is_looked_for_where_cron_would_open_it() -> None:
    assert cron.parent("logs/x.log", "/home/me") == "/home/me/logs"
    assert cron.parent("~/x.log", "/home/me") == "/home/me"
    assert cron.parent("/var/log/x.log", "/home/me") == "/var/log"


def test_only_agents_that_need_walls_make_their_lack_a_fault() -> None:
    assert machine.sandbox("none here", ("codex",), "i").level is Level.WRONG
    assert machine.sandbox("none here", (), "i").level is Level.NOTE
    assert machine.sandbox("", ("codex",), "i").level is Level.OK
    unfiltered = machine.sandbox("", ("codex",), "i", "no filter is known for riscv64")
    assert unfiltered.level is Level.NOTE and "riscv64: they reach" in unfiltered.sentence
