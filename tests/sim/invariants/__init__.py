"""I1 to I12 of RELIABILITY.md, and what must be so at the end: one function for each.

Each is called after every step with the whole world and says in sentences what is broken. They
read the forge's rows, the logs of the engine and files; they never start git and never ask over
HTTP. What one must remember stands in `seen.memory`, so that a seed begins with nothing known.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.sim.interface import Invariant
from tests.sim.invariants import ending, github, machine, mailbox, people, secrets

# By the name that RELIABILITY.md gives it; L is what must be so when all is calm.
BY_RULE: Mapping[str, tuple[Invariant, ...]] = {
    "I1": (mailbox.i1_no_task_is_lost, mailbox.i1_done_is_merged),
    "I2": (mailbox.i2_one_worker_for_each_task,),
    "I3": (github.i3_one_pull_request_for_each_round, github.i3_one_comment_for_each_effect),
    "I4": (
        github.i4_merged_once_and_by_head,
        github.i4_merged_only_what_passed,
        github.i4_merged_only_as_the_config_allows,
        github.i4_bent_checks_need_a_word,
        github.i4_strange_commits_need_a_word,
    ),
    "I5": (github.i5_the_base_holds_what_was_tested,),
    "I6": (secrets.i6_no_commit_of_a_person_is_lost,),
    "I7": (secrets.i7_no_secret_leaves,),
    "I8": (secrets.i8_the_store_is_ours,),
    "I9": (
        mailbox.i9_attempts_are_bounded,
        mailbox.i9_rounds_are_begun_by_people,
        mailbox.i9_escalated_once,
    ),
    "I10": (secrets.i10_strangers_reach_no_agent, secrets.i10_only_our_places_are_written),
    "I11": (
        machine.i11_requests_are_bounded,
        machine.i11_nothing_is_left_open,
        machine.i11_finished_tasks_leave_nothing,
    ),
    "I12": (
        machine.i12_no_tick_ends_with_a_fault_of_ours,
        people.i12_a_closed_issue_is_left_alone,
        people.i12_held_is_not_merged,
        people.i12_a_moved_file_stays,
        people.i12_an_edit_stays,
        people.i12_switched_off_is_off,
        people.i12_whoever_runs_hears_of_a_switch,
    ),
    "L": (
        ending.every_task_came_to_an_end,
        ending.every_ready_issue_is_heard,
        ending.no_ready_is_left_unanswered,
        ending.without_trouble_all_is_done,
        ending.a_third_may_fail,
        ending.idle_ticks_change_nothing,
    ),
}
ALL: tuple[Invariant, ...] = tuple(one for rule in BY_RULE.values() for one in rule)
