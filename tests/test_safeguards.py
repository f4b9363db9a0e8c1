"""A guard that nobody watched fail is no guard: each is broken once, and its test must go red (T7).

`AGENT_OS_BREAK_SAFEGUARDS=1 pytest tests/test_safeguards.py` breaks them, one after the other, in
a copy of the tree; it takes some minutes. What is cheap runs always: the guard stands where the
table says, and the test that watches it exists.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
SWITCH = "AGENT_OS_BREAK_SAFEGUARDS"
PATIENCE = 120
ASKED = bool(os.environ.get(SWITCH))
BY_HAND = pytest.mark.skipif(
    not ASKED, reason=f"takes minutes; set {SWITCH}=1 to break every guard"
)


class Guard(NamedTuple):
    """A line of ours, what makes it useless, and the test that must notice."""

    file: str
    line: str
    broken: str
    test: str


MERGING = "tests/stories/test_merge_safety.py::"
AGENTS = "tests/stories/test_hostile_agents.py::"
GITHUB = "tests/stories/test_failing_github.py::"
LIMITS = "tests/stories/test_limits_and_tokens.py::"
SWITCHES = "tests/stories/test_switches_and_dry_runs.py::"
USUAL = "tests/stories/test_issue_to_merge.py::"
BAD = "tests/stories/test_bad_input.py::"
REVIEWS = "tests/stories/test_reviews.py::"
RED = "tests/stories/test_red_checks.py::"
QUESTIONS = "tests/stories/test_questions.py::"
TAMPER = "tests/stories/test_tampering.py::"
CORPUS = "tests/rules/test_tamper_corpus.py::"
QUOTA = "tests/stories/test_quota.py::"
BUDGETS = "tests/stories/test_budgets.py::"
FAULTS = "tests/stories/faults/"
ARCHIVED = "tests/stories/test_archived_repositories.py::"

CONTAINED = "tests/executors/test_contained.py::"
BREAK_OUTS = "tests/stories/test_break_outs.py::"

PROOF = "tests/stories/test_proof.py::"
HANDS = "tests/test_hands.py::"
WORDS = "tests/stories/test_later_words.py::"
INIT = "tests/commands/test_init.py::"

CANCELLED = "tests/stories/test_cancelled.py::"
CHAT = "tests/stories/test_chat_commands.py::"
DOOR = "tests/adapters/test_notify.py::"

GUARDS = {
    "nobody's crontab is written without a word for it": Guard(
        "commands/init/__main__.py",
        "    if cron and not voice.asks and not wants.cron:\n",
        "    if False:\n",
        INIT + "test_nothing_is_put_into_a_crontab_that_nobody_asked_for",
    ),
    "cards of a board keep their status when it gets more of them": Guard(
        "commands/init/boards.py",
        "    lost = [card for card in kept if card.item not in now and card.status in ids]\n",
        "    lost: list[Card] = []\n",
        INIT + "test_a_board_that_is_there_gets_what_it_lacks_and_keeps_its_cards[an older server]",
    ),
    "a config that a person wrote is extended only where it then says all that it said": Guard(
        "texts/configuration.py",
        "        if longer is None or parsed(longer) != merged(parsed(text), project, owner):\n",
        "        if longer is None:\n",
        "tests/texts/test_configuration.py::test_what_an_edit_would_change_is_shown_instead",
    ),
    "no config counts before the loader has taken it": Guard(
        "commands/init/writing.py",
        "            raise AgentOSError(\"; \".join(problems))\n",
        "            pass\n",
        INIT + "test_a_config_that_would_not_load_replaces_nothing",
    ),
    "one chat alone commands": Guard(
        "remote.py", "here = heard.chat == config.telegram_chat_id", "here = True",
        CHAT + "test_another_chat_is_never_answered_and_told_once_a_day",
    ),
    "in a group the named people alone command": Guard(
        "remote.py",
        "if here and (not config.telegram_user_ids or heard.sender in config.telegram_user_ids):",
        "if here:", CHAT + "test_in_a_group_only_the_configured_people_are_heard",
    ),
    "a command that is seen twice is carried out once": Guard(
        "remote.py", "if before is not None and before.stage is Stage.DONE:", "if False:",
        CHAT + "test_a_command_that_is_seen_twice_is_carried_out_once",
    ),
    "an issue of the chat becomes Ready though its label met trouble": Guard(
        "remote.py", "            raise OutcomeUnknown(said) from trouble\n", "            pass\n",
        CHAT + "test_an_issue_from_the_phone_is_set_ready_though_its_label_met_trouble[done]",
    ),
    "an issue that is not set Ready makes nobody deaf": Guard(
        "remote.py", "timedelta() <= world.clock.now() - made.at < failures.FRESH", "True",
        CHAT + "test_an_issue_that_is_not_set_ready_holds_up_no_other_command[502-6]",
    ),
    "a button that is pressed twice does it once": Guard(
        "remote.py", "    if not action.done:", "    if True:",
        CHAT + "test_a_button_pressed_twice_does_it_once_and_says_who",
    ),
    "trouble that comes back before its end was told is told": Guard(
        "outbox.py", "told=notices.noted(desk.told, void, world.clock.now()),", "told=desk.told,",
        "tests/stories/test_chat.py::"
        "test_trouble_that_comes_back_before_its_end_was_told_is_the_last_word",
    ),
    "an end that is none any more is not told": Guard(
        "outbox.py", "void = notices.outlived(pending)", "void = ()",
        "tests/stories/test_chat.py::"
        "test_trouble_that_comes_back_before_its_end_was_told_is_the_last_word",
    ),
    "letters wait for a chat in which the bot may not write": Guard(
        "adapters/notify.py", "any(words in detail.lower() for words in CLOSED)", "False",
        "tests/stories/test_chat.py::"
        "test_after_an_outage_nothing_is_lost_and_nothing_told_twice[the bot may not write]",
    ),
    "an old button approves no work that was made since": Guard(
        "hands.py", "if self.seen is not None and deeds.is_newer(", "if False and deeds.is_newer(",
        CHAT + "test_an_old_button_approves_no_work_that_was_made_since",
    ),
    "letters are redacted in their door": Guard(
        "adapters/notify.py", "said = letters.written(letter, self.redact)",
        "said = letters.written(letter, str)",
        DOOR + "test_a_secret_and_the_token_itself_are_never_sent",
    ),
    "no log shows the address that holds the bot's token": Guard(
        "adapters/notify.py", "logging.getLogger(name).setLevel(logging.WARNING)", "pass",
        DOOR + "test_the_token_is_in_no_log_at_any_level",
    ),
    "an order to end a task is heard before anything of it is pushed": Guard(
        "settle.py", "why = there.task.cancel or moved", "why = moved",
        HANDS + "test_an_order_during_the_work_ends_it_before_anything_is_pushed",
    ),
    "a file that a person moved to cancelled/ is not pushed": Guard(
        "settle.py", "why = there.task.cancel or moved", "why = there.task.cancel",
        "tests/stories/test_cancelled.py::"
        "test_a_file_moved_to_cancelled_while_its_agent_works_brings_no_pull_request",
    ),
    "a file that a person moved elsewhere is not pushed": Guard(
        "settle.py", "return bool(why) or there.state in PUT_ASIDE", "return bool(why)",
        "tests/stories/test_cancelled.py::"
        "test_a_file_moved_by_hand_while_its_agent_works_stays_there_and_nothing_is_pushed",
    ),
    "a closing from before a round does not end it": Guard(
        "rules/rounds.py", "return since is None or closed > since", "return True",
        "tests/stories/test_second_rounds.py::"
        "test_closed_just_before_its_ready_it_begins_anew",
    ),
    "a later round is told which checks are red": Guard(
        "adapters/custody.py", "repair_items=red,", "repair_items=(),",
        "tests/stories/test_second_rounds.py::"
        "test_a_new_round_is_told_what_is_red_on_its_pull_request",
    ),
    "what was red in an earlier round may have been mended": Guard(
        "attempts.py", "task.reworks > 0\n                and ", "",
        "tests/stories/test_second_rounds.py::"
        "test_what_a_person_has_mended_since_needs_no_change",
    ),
    "I3 one Ready is one task, in a later round too": Guard(
        "intake.py", "undone or room.done_of(repo, number)", "undone",
        "tests/stories/test_second_rounds.py::"
        "test_a_ready_whose_label_stayed_begins_no_second_task[2]",
    ),
    "E8 a closing in a later round ends it": Guard(
        "rules/rounds.py", "return since is None or closed > since", "return since is None",
        "tests/stories/test_second_rounds.py::test_closed_after_its_ready_no_agent_runs",
    ),
    "an order that came too late for the worker is heard by the monitor": Guard(
        "rules/obstacles.py", "    if not facts.task.cancel:", "    if True:",
        HANDS + "test_an_order_that_met_the_file_on_its_way_to_review_is_honoured_there",
    ),
    "a hand moves nothing that somebody holds": Guard(
        "hands.py", "    if lock is None:\n        return hand.busy(found)\n    with lock:",
        "    if True:",
        HANDS + "test_a_lock_that_is_held_moves_nothing",
    ),
    "agents that share an account rest together": Guard(
        "cooling.py", 'own = (config.account if config else "") or (', "own = (",
        "tests/stories/test_ledger.py::"
        "test_agents_that_share_an_account_cost_it_one_failed_start",
    ),
    "the plan of an account is kept to": Guard(
        "admission.py", "plan=metering.of_plan(world, agent, books),", "plan=(),",
        "tests/stories/test_ledger.py::"
        "test_the_plan_that_the_config_tells_is_kept_to_until_its_window_frees",
    ),
    "a chain that is exhausted lowers nobody": Guard(
        "rules/health.py", "return Outcome.NOTHING if stat.blocker_code in NOBODYS else",
        "return Outcome.FAILURE if stat.blocker_code in NOBODYS else",
        "tests/rules/test_health.py::test_a_chain_that_is_exhausted_lowers_nobody",
    ),
    "little evidence moves nobody": Guard(
        "rules/health.py", "min(a.judged, b.judged) < LEAST", "min(a.judged, b.judged) < 1",
        "tests/rules/test_health.py::test_who_is_certainly_better_goes_first",
    ),
    "who goes in circles is stopped": Guard(
        "rules/stuck.py", "return times if times >= LOOP else 0", "return 0",
        "tests/rules/test_stuck.py::test_the_same_error_by_the_same_agent_three_times_is_a_loop",
    ),
    "a prompt that does not fit kills no worker": Guard(
        "attempts.py", "except PromptTooLarge as large:", "except ZeroDivisionError as large:",
        "tests/stories/test_stuck.py::test_a_prompt_that_fits_nobody_is_a_persons_turn",
    ),
    "who is cut off by its quota is waited for": Guard(
        "rules/routing.py", "refused = made.code in REFUSALS and not made.claimed",
        "refused = False",
        "tests/rules/test_routing.py::"
        "test_who_crashed_or_was_refused_by_its_provider_had_no_turn",
    ),
    "who is cut off by its quota is waited for at once": Guard(
        "choosing.py", "not (refused_now and one is task.attempt)", "True",
        QUOTA + "test_the_only_agent_is_waited_for_when_its_quota_ends_in_the_middle",
    ),
    "nobody starts who was not admitted": Guard(
        "choosing.py", "refused = admission.refusals(world, repository, task, chain)",
        "refused: dict[str, admission.Refuse] = {}",
        QUOTA + "test_many_tasks_that_wait_cost_one_failed_start_for_each_agent_and_window",
    ),
    "a spent budget starts nothing": Guard(
        "choosing.py", "    if nobody := admission.closed(refused):",
        "    nobody = admission.closed(refused)\n    if False:",
        BUDGETS + "test_a_days_budget_is_reached_and_the_next_day_goes_on",
    ),
    "a task's own budget is a person's turn": Guard(
        "rules/admission.py",
        "if facts.task is not None and (reason := budget.over(facts.task)):",
        'if (reason := "") and facts.task is not None:',
        BUDGETS + "test_a_task_whose_own_budget_is_spent_is_a_persons_turn",
    ),
    "an unknown cost is not nothing": Guard(
        "rules/budget.py", "unpriced += served and stat.cost_usd is None", "unpriced += 0",
        BUDGETS + "test_a_limit_in_money_without_a_known_cost_is_said_and_not_taken_for_nothing",
    ),
    "a run under way counts": Guard(
        "rules/budget.py", "usd, untold, unpriced = under_way, 0, 0.0, 0, 0",
        "usd, untold, unpriced = 0, 0, 0.0, 0, 0",
        "tests/rules/test_budget.py::test_what_attempts_used_together",
    ),
    "a crash between verdict and metrics loses no line": Guard(
        "attempts.py", "        metering.measure_once(world, task, last)\n", "",
        BUDGETS + "test_a_worker_that_dies_before_the_line_is_written_loses_it_not",
    ),
    "E1 a part of an epic is made once": Guard(
        "epics.py", "find=lambda: find(world, task, marker),", "find=lambda: None,",
        "tests/stories/test_epics.py::"
        "test_a_killed_process_makes_no_part_twice_and_forgets_none",
    ),
    "A8 a part that no answer shows is not closed": Guard(
        "epics.py", "if unknown or any(open_.values()):", "if any(open_.values()):",
        "tests/stories/test_epics.py::test_a_part_that_github_does_not_show_yet_is_not_closed",
    ),
    "A7 a part is not gone because it is new": Guard(
        "epics.py", "if early or trouble.trouble is not Trouble.NOT_FOUND:",
        "if trouble.trouble is not Trouble.NOT_FOUND:",
        "tests/stories/test_epics.py::test_a_part_that_github_does_not_show_yet_is_not_closed",
    ),
    "A8 a part that may not be read is not gone": Guard(
        "epics.py", "if early or trouble.trouble is not Trouble.NOT_FOUND:", "if early:",
        "tests/stories/test_epics.py::test_the_last_part_is_closed_or_gone_before_the_epic_is",
    ),
    "S17 a part is set Ready by a person": Guard(
        "epics.py", "if repository.epic_parts_ready:", "if True:",
        "tests/stories/test_epics.py::"
        "test_an_epic_that_lists_its_parts_is_split_by_its_list_and_closed_with_the_last",
    ),
    "I12 an epic that a person ended while it was split files no issues": Guard(
        "epics.py", "if settle.ended_by_a_person(world, repository, task, pull):", "if False:",
        "tests/stories/test_epics.py::"
        "test_an_epic_that_a_person_ends_while_it_is_split_makes_no_issues",
    ),
    "S8 a model names no agent that the issue does not": Guard(
        "task_formatter.py", "reading.agent in named(world, task):", "reading.agent:",
        "tests/stories/test_sloppy_issues.py::test_a_model_has_no_authority",
    ),
    "S8 a model changes not what is owed": Guard(
        "task_formatter.py",
        "return found if reports == (task.deliverable is Deliverable.REPORT) else task.task_type",
        "return found", "tests/stories/test_sloppy_issues.py::test_a_model_has_no_authority",
    ),
    "S8 what the author said is not replaced": Guard(
        "texts/issues.py", "if Assumed.GOAL in assumed and body.startswith(GOAL_OPENS):",
        "if body.startswith(GOAL_OPENS):", "tests/stories/test_sloppy_issues.py::"
        "test_of_an_issue_that_says_half_the_said_half_holds",
    ),
    "what an agent reads of the repository is the base's": Guard(
        "surroundings.py", "        git, tree.base_sha, (codebase_memory.PAGE,",
        "        git, tree.start_sha, (codebase_memory.PAGE,",
        "tests/stories/test_prompts.py::"
        "test_it_is_told_what_the_base_says_and_a_copy_of_it_is_kept",
    ),
    "a clean checkout holds nothing that an agent left": Guard(
        "testing.py", "    with room.clean(tree, work.snapshot, base=task.base) as folder:\n",
        "    for folder in (tree.path,):\n",
        PROOF + "test_what_an_agent_leaves_untracked_or_in_its_home_does_not_make_the_tests_pass",
    ),
    "a clean checkout has a home of its own": Guard(
        "testing.py", 'home=f"home-{ground}"', 'home="home"',
        PROOF + "test_what_an_agent_leaves_untracked_or_in_its_home_does_not_make_the_tests_pass",
    ),
    "a bug's test fails on the base": Guard(
        "testing.py", "last.exit_code is not None and not last.passed:", "True:",
        PROOF + "test_a_bug_that_is_not_shown_to_be_gone_is_asked_about_once_and_then_a_person_s",
    ),
    "a bug comes with a test": Guard(
        "testing.py", "unproved=(unproved.finding(paths, ()),)", "unproved=()",
        PROOF + "test_a_bug_that_is_not_shown_to_be_gone_is_asked_about_once_and_then_a_person_s",
    ),
    "a later delivery renews the evidence": Guard(
        "settle.py", "renewed(world, task, pull) if is_open", "task.pull_request if is_open",
        PROOF + "test_a_repair_puts_its_evidence_in_the_place_of_the_earlier",
    ),
    "what a killed test run left goes": Guard(
        "housekeeping.py", "    prune_clean(world, alive)\n", "",
        PROOF + "test_what_a_killed_test_run_left_is_cleared_and_no_work",
    ),
    "a ticked step is not asked for again": Guard(
        "checklists.py", "steps += checklist.open_items(asked.body)",
        "steps += attempt.result.manual_steps if attempt.result else ()",
        "tests/stories/test_manual_steps.py::"
        "test_who_is_called_hears_of_the_steps_that_are_not_ticked",
    ),
    "C12 a config that is wrong for a while forgets no merge": Guard(
        "aftermath.py", "return bool(world.config.broken) and", "return False and",
        "tests/stories/test_base_after_merge.py::"
        "test_a_config_that_is_wrong_for_a_tick_forgets_no_merge",
    ),
    "A4 an answer begins no round in the last fifth": Guard(
        "github_dispatcher.py", "            if scarce:\n                world.say(",
        "            if False:\n                world.say(",
        QUESTIONS + "test_an_answer_waits_for_the_next_hour_where_few_requests_are_left",
    ),
    "an answer is what came after the question": Guard(
        "questions.py", "return comment.id > question if question and comment.id else",
        "return True if question and comment.id else",
        QUESTIONS + "test_a_word_in_the_second_before_the_question_is_no_answer",
    ),
    "S1 no start without the sandbox that is required": Guard(
        "executors/local.py", "if order.sandbox is Sandbox.REQUIRED and not layer.program:",
        "if False:", CONTAINED + "test_a_required_sandbox_that_is_missing_means_no_start",
    ),
    "S1 and no attempt": Guard(
        "readiness.py", "reason = containment.missing(world, name) or", 'reason = "" or',
        BREAK_OUTS + "test_without_bubblewrap_who_requires_it_is_skipped_with_the_way_to_get_it",
    ),
    "S1 what is ours is hidden": Guard(
        "agents/sandbox.py", "for path in (*HIDDEN, *order.walls.hidden):", "for path in HIDDEN:",
        CONTAINED + "test_a_hidden_place_is_empty_but_for_what_is_shown_in_it",
    ),
    "S1 other processes are not seen": Guard(
        "agents/sandbox.py", '"ALL", "--unshare-pid", "--unshare-ipc",', '"ALL", "--unshare-ipc",',
        BREAK_OUTS + "test_an_attempt_to_get_out_gets_nothing",
    ),
    "S1 the kernel is not asked for the keys of a session": Guard(
        "agents/seccomp.py", '"add_key", "request_key", "keyctl", "bpf",', '"bpf",',
        BREAK_OUTS + "test_an_attempt_to_get_out_gets_nothing[keys_of_the_session]",
    ),
    "S1 nor for sockets past the network policy": Guard(
        "agents/seccomp.py", "(EQUAL, 2, 0, AF_NETLINK), _refuse(EAFNOSUPPORT), _allow(),",
        "(EQUAL, 2, 0, AF_NETLINK), _allow(), _allow(),",
        BREAK_OUTS + "test_an_attempt_to_get_out_gets_nothing[a_socket_to_the_host]",
    ),
    "S1 nor for a ring that no filter sees": Guard(
        "agents/seccomp.py", '    "io_uring_setup", "io_uring_enter", "io_uring_register", "open_t',
        '    "open_t',
        BREAK_OUTS + "test_an_attempt_to_get_out_gets_nothing[a_ring_of_calls]",
    ),
    "S13 tests that stand there and are not run are seen": Guard(
        "rules/tamper/__init__.py", "yield from list(dodges.suspicions(facts))", "pass",
        CORPUS + "test_each_lie_is_seen_for_what_it_is",
    ),
    "S13 tests that a run takes away are missed": Guard(
        "testing.py", "if bent and (bent := _beyond_the_base(world,",
        "if False and (bent := _beyond_the_base(world,",
        PROOF + "test_a_run_that_changes_what_it_tests_proves_nothing",
    ),
    "S3 memory is bounded": Guard(
        "adapters/watch.py", "if most is not None and memory > most:", "if False:",
        CONTAINED + "test_what_exceeds_a_limit_is_ended_with_the_limit_named",
    ),
    "S3 and memory that is shared or in files": Guard(
        "adapters/watch.py", "if most is not None and memory + _shared_by_all() > most:",
        "if False:", CONTAINED + "test_what_exceeds_a_limit_is_ended_with_the_limit_named",
    ),
    "S3 files without bytes are bounded": Guard(
        "adapters/watch.py", "if made >= self._nodes / 2:", "if False:",
        "tests/adapters/test_watch.py::test_who_makes_half_of_the_files",
    ),
    "S3 the disk is bounded": Guard(
        "adapters/watch.py", "if wrote > most:", "if False:",
        CONTAINED + "test_what_exceeds_a_limit_is_ended_with_the_limit_named",
    ),
    "S5 only the hosts of the list": Guard(
        "adapters/proxy.py", "if any(_fits(wanted, port, one) for one in self.hosts):",
        "if True:", CONTAINED + "test_it_reaches_what_its_network_says",
    ),
    "S5 a tunnel leads to its own host": Guard(
        "adapters/proxy.py", "if not fits and not self.server.proxy.allows(", "if False and not (",
        "tests/adapters/test_proxy.py::test_a_tunnel_leads_to_the_host_that_it_was_asked_for",
    ),
    "G8 git in a sandbox is its own": Guard(
        "agents/sandbox.py", 'yield ("--bind", ground.git, order.git.git_dir)',
        'yield ("--bind", order.git.git_dir, order.git.git_dir)',
        CONTAINED + "test_it_has_git_to_itself",
    ),
    "G8 who changes git's own files delivers nothing": Guard(
        "attempts.py", "tampered = room.put_right(site.tree, before)", "tampered = ()",
        AGENTS + "test_who_changes_gits_own_files_delivers_nothing",
    ),
    "S13 bent work is not merged without a word": Guard(
        "rules/reviews.py",
        "return facts.repository.merge is MergePolicy.APPROVED or bool(facts.suspicions)",
        "return facts.repository.merge is MergePolicy.APPROVED",
        TAMPER + "test_weakened_tests_are_asked_about_once_then_shown_and_never_merged",
    ),
    "S13 the agent is asked before a person is": Guard(
        "rules/retry.py",
        "if facts.unexplained and answerable and facts.attempts < facts.max_attempts:",
        "if False:",
        TAMPER + "test_the_agent_is_told_what_it_owes_and_an_honest_fix_is_merged",
    ),
    "S13 asked once, not for ever": Guard(
        "rules/tamper/__init__.py", "if not facts.asked and any(", "if any(",
        TAMPER + "test_weakened_tests_are_asked_about_once_then_shown_and_never_merged",
    ),
    "S13 a reason helps only where it may": Guard(
        "rules/tamper/__init__.py", "if one.weight is Weight.MEND and not wanted:", "if False:",
        CORPUS + "test_of_all_liars_at_least_95_in_100_are_stopped",
    ),
    "S13 a person is told why": Guard(
        "settle.py", "if opened is not None and attempt.suspicions is not None:", "if False:",
        TAMPER + "test_a_protected_path_is_told_at_once",
    ),
    "S13 a red test is not mended by its repair": Guard(
        "rules/tamper/__init__.py", "yield from red_tests(facts)", "pass",
        TAMPER + "test_a_red_test_that_its_repair_changes_is_a_persons",
    ),
    "S14 protected paths are looked up before the merge": Guard(
        "tampering.py",
        "found = (*attempt.suspicions, *tamper.protected(changes, itself=ours))",
        "found = attempt.suspicions",
        TAMPER + "test_work_that_nobody_judged_is_judged_before_the_merge",
    ),
    "S13 by path": Guard(
        "rules/tamper/__init__.py", "yield from paths.suspicions(facts)", "pass",
        CORPUS + "test_each_lie_is_seen_for_what_it_is[settings: nobody owns the code any more]",
    ),
    "S13 by setting": Guard(
        "rules/tamper/__init__.py", "yield from configs.suspicions(facts)", "pass",
        CORPUS + "test_each_lie_is_seen_for_what_it_is[settings: an extra index]",
    ),
    "S13 tests as syntax trees": Guard(
        "rules/tamper/__init__.py",
        "yield from list(python_tests.suspicions(facts, suites))", "pass",
        CORPUS + "test_each_lie_is_seen_for_what_it_is[python_tests: an assertion of a tuple]",
    ),
    "S13 stubs": Guard(
        "rules/tamper/__init__.py", "yield from list(python_source.suspicions(facts))", "pass",
        CORPUS + "test_each_lie_is_seen_for_what_it_is[python_source: return True]",
    ),
    "S13 other languages": Guard(
        "rules/tamper/__init__.py",
        "yield from list(lines.suspicions(facts, {both.file.path for both in suites}))", "pass",
        CORPUS + "test_each_lie_is_seen_for_what_it_is[languages: Rust, todo]",
    ),
    "I12 a file in escalated/ is a person's, whatever it says": Guard(
        "pr_monitor.py", "if task.pull_request and task.state is State.ESCALATED",
        "if task.pull_request",
        RED + "test_what_a_person_puts_into_escalated_is_not_repaired_from_that_moment_on",
    ),
    "M14 a red head costs one repair": Guard(
        "rules/ci.py", "if head in facts.task.red_heads:", "if False:",
        RED + "test_a_repair_that_disputes_a_red_check_is_not_sent_again_to_that_head",
    ),
    "M14 an order to run again is written before it leaves": Guard(
        "repairs.py", "task = ordered(world, facts.task, verdict)", "task = facts.task",
        RED + "test_what_fails_twice_is_repaired_and_not_run_a_third_time",
    ),
    "runs are repeated within bounds": Guard(
        "rules/flakes.py", "again = runs_again < most and chance >= WORTH_A_RUN", "again = True",
        RED + "test_what_fails_twice_is_repaired_and_not_run_a_third_time",
    ),
    "a red base is nobody's repair": Guard(
        "rules/redness.py",
        "own = tuple(check for check in red if check.name not in at_tip | below)", "own = red",
        RED + "test_a_red_base_is_nobodys_repair_and_its_end_brings_an_update",
    ),
    "S15 logs are redacted before they are kept": Guard(
        "repairs.py", "return repairs.log_text(world.redact(said))",
        "return repairs.log_text(said)",
        RED + "test_a_red_check_comes_back_with_its_log_and_is_told_on_the_issue",
    ),
    "no token for the store of a log": Guard(
        "adapters/gh_read.py", "answer = session.get(url, timeout=TIMEOUT_SECONDS, stream=True)",
        'answer = self._request("GET", url, follow=False)',
        "tests/adapters/test_gh_checks.py::test_the_store_of_a_log_gets_no_token_of_ours",
    ),
    "no log from a strange address": Guard(
        "adapters/gh_read.py", 'if not url.startswith(("https://", self.api_url)):', "if False:",
        "tests/adapters/test_gh_checks.py::test_a_log_at_a_strange_address_is_not_fetched",
    ),
    "a repair that runs is not blocked": Guard(
        "github_sync.py",
        "return label(world, task, wanted=False) if task.blocked_label else task", "return task",
        RED + "test_a_red_check_comes_back_with_its_log_and_is_told_on_the_issue",
    ),
    "Q3 a double is dropped only while it is what was seen": Guard(
        "adapters/mailroom.py", "if not _stands(duplicate.drop, duplicate.dropped_inode):",
        "if False:",
        "tests/adapters/test_mailroom.py::"
        "test_a_name_that_holds_something_else_by_now_is_no_double",
    ),
    "I12 a Ready from the time of the work begins nothing after it": Guard(
        "intake.py", "worked_at=worked_at(world, one), ", "",
        "tests/stories/test_people.py::"
        "test_a_ready_from_before_a_person_ended_the_task_begins_no_round",
    ),
    "I12 a move by hand is a person's word before a mark tells of it": Guard(
        "intake.py",
        "said = None if world.mailroom.interrupted(found) else world.mailroom.moved_at(found)",
        "said = None",
        "tests/stories/test_people.py::"
        "test_a_file_that_was_moved_just_now_is_a_persons_word_already",
    ),
    "I12 a Ready from before a person's word that ended its task begins nothing": Guard(
        "intake.py", " ended_at=ended_at(world, one),", "",
        WORDS + "test_a_ready_that_waited_does_not_outlive_the_end_of_its_task",
    ),
    "I12 what was taken from a worker may be set Ready before that lets go of it": Guard(
        "intake.py", " and last.by != PERSON else None", " else None",
        WORDS + "test_taken_from_its_worker_and_then_set_ready_it_begins_anew",
    ),
    "E8 who closes it overrules a Ready of before": Guard(
        "cancellation.py", "(max(closings), ON_GITHUB) if closings else (None, by)", "(None, by)",
        WORDS + "test_closed_after_its_ready_no_agent_runs_whoever_hears_of_it_first",
    ),
    "E8 a closing is of its own time, not of when we hear of it": Guard(
        "cancellation.py", "at = rounds.time_of_word(task, said, world.clock.now())",
        "at = world.clock.now()",
        WORDS + "test_set_ready_after_a_closing_that_we_hear_of_later_it_begins_anew",
    ),
    "a Ready for what a person put back is not used up": Guard(
        "rules/rounds.py", "if newest.state in UNDER_WAY and not newest.put_back:",
        "if newest.state in UNDER_WAY:",
        WORDS + "test_set_ready_and_moved_to_the_inbox_it_begins_with_the_text_of_now",
    ),
    "I3 a task that was set aside gets no second one beside it": Guard(
        "intake.py", "    if not undone:\n", "    if False:\n",
        WORDS + "test_a_ready_for_a_task_that_was_set_aside_begins_no_second_one",
    ),
    "I12 a round begins only where its Ready means that still": Guard(
        "github_dispatcher.py",
        "if found is None or intake.plan(world, candidate, issue) != meant:", "if found is None:",
        WORDS + "test_begun_by_hand_while_the_dispatcher_looks_it_is_one_round",
    ),
    "I9 an attempt counts whose file was taken before its worker died": Guard(
        "attempts.py", "    if last is not None and not last.judged:\n", "    if False:\n",
        "tests/stories/test_people.py::"
        "test_an_attempt_counts_whose_worker_died_after_a_person_took_the_file",
    ),
    "I9 what refused runs used stays in the task's budget": Guard(
        "records/task.py", "usage = together(made.usage for made in (*reversed(before), one))",
        "usage = one.usage", "tests/records/test_task.py::test_what_refused_runs_used_is_added_up",
    ),
    "C10 no version changes under a worker of any slot": Guard(
        "updating.py", "max(world.config.max_parallel_workers, world.locks.most_worker_slots())",
        "world.config.max_parallel_workers",
        "tests/stories/test_autopull.py::"
        "test_a_worker_whose_slot_the_config_does_not_reach_any_more_is_waited_for",
    ),
    "I12 what was cancelled before its push is delivered by no later round": Guard(
        "adapters/custody.py", "task.state is State.CANCELLED and last is not None",
        "False and last",
        "tests/stories/test_cancelled.py::"
        "test_what_was_cancelled_before_its_push_is_no_answer_to_the_next_words[by command]",
    ),
    "I12 a round knows of the move by hand that ended the one before": Guard(
        "github_dispatcher.py", "if found.state in ENDED:", "if False:",
        "tests/stories/test_cancelled.py::"
        "test_what_was_cancelled_before_its_push_is_no_answer_to_the_next_words[by mv]",
    ),
    "S20 a switch starts no agent, however long it was prepared": Guard(
        "attempts.py", " or switched_off(world, task):", ":",
        "tests/stories/test_switches_and_dry_runs.py::"
        "test_a_switch_that_is_set_during_the_preparations_starts_no_agent",
    ),
    "I12 a task that was taken away starts no agent": Guard(
        "attempts.py", "if taken_away(world, task) or", "if",
        "tests/stories/test_people.py::"
        "test_a_file_taken_away_before_its_agent_starts_costs_no_attempt",
    ),
    "A3 a pause holds every process": Guard(
        "adapters/limits.py", "seconds = pacing.left(account.pause, now)", "seconds = 0.0",
        LIMITS + "test_a_long_pause_ends_every_tick_at_once_and_moves_no_file",
    ),
    "A3 no task is taken up in a pause": Guard(
        "queue.py", "and not shut_out(world)", "and True",
        LIMITS + "test_a_long_pause_ends_every_tick_at_once_and_moves_no_file",
    ),
    "I9 work that is paid for does not wait for every other task": Guard(
        "queue.py", "        reaper.let_go(world, task)\n", "        pass\n",
        "tests/stories/test_nobody_starves.py::"
        "test_work_that_could_not_be_delivered_does_not_wait_for_all_the_others",
    ),
    "what cannot be delivered is tried ever more seldom": Guard(
        "reaper.py", "until = cadence.more_seldom(since or now, now, least=UNFINISHED_WAIT)",
        "until = now + UNFINISHED_WAIT",
        "tests/stories/test_nobody_starves.py::"
        "test_work_that_never_can_be_delivered_is_in_nobodys_way",
    ),
    "M13 no agent is sent against a person's commit": Guard(
        "attempts.py", "if settle.waits_for_approval(world, task, pull):", "if False:",
        "tests/stories/test_second_rounds.py::"
        "test_a_persons_commit_on_it_is_looked_at_again_and_no_agent_is_sent_against_it[False]",
    ),
    "E8 who reads its labels hears of its closing": Guard(
        "settle.py", "if issue is not None and not issue.open:", "if False:",
        "tests/stories/test_people.py::"
        "test_an_issue_that_is_closed_between_two_looks_starts_no_agent",
    ),
    "our own label keeps no answer from being heard": Guard(
        "questions.py", "ours = {github_sync.BLOCKED_LABEL} if task.blocked_label else set()",
        "ours = set()", QUESTIONS + "test_our_own_label_keeps_no_answer_from_being_heard",
    ),
    "C8 what ends with each hour is told once a day": Guard(
        "conditions.py", " and was_told_before(world, REQUESTS):", ":",
        LIMITS + "test_of_the_last_requests_of_an_hour_is_told_once_a_day_and_then_of_their_end",
    ),
    "a pause that lasts for months is still a number": Guard(
        "rules/pacing.py", "LEAST_REFUSAL * 2 ** min(strikes - 1, DOUBLINGS))",
        "LEAST_REFUSAL * 2 ** (strikes - 1))",
        "tests/rules/test_pacing.py::test_a_refused_token_is_tried_ever_more_seldom",
    ),
    "I9 a wait that was over before it was settled ends": Guard(
        "settle.py", "State.INBOX if task.not_before is None else State.BLOCKED", "State.BLOCKED",
        "tests/stories/test_quota.py::"
        "test_a_wait_that_was_over_before_it_was_settled_ends[by itself]",
    ),
    "I5 a base is stopped for each trouble of its own": Guard(
        "landing.py", 'aftermath.freeze(world, task, reason, kind="tree")',
        "aftermath.freeze(world, task, reason)",
        "tests/stories/test_base_after_merge.py::"
        "test_a_base_that_breaks_after_its_tree_was_compared_is_stopped_again",
    ),
    "C11 a word from a clock that was ahead overrules no Ready": Guard(
        "intake.py", "if said is None or said > world.clock.now():", "if said is None:",
        "tests/stories/test_later_words.py::"
        "test_a_word_from_a_clock_that_was_ahead_overrules_no_later_ready",
    ),
    "a backup of what was put into done/ overrules no Ready": Guard(
        "github_dispatcher.py", "    intake.mark_what_was_put_aside(world, issue)\n", "",
        "tests/stories/test_later_words.py::"
        "test_a_backup_of_what_was_put_into_done_overrules_no_ready_that_waits",
    ),
    "Q2 a word that is added in processing/ ends no move of ours": Guard(
        "adapters/inspection.py", "if edited and found.state is not State.PROCESSING:",
        "if edited:",
        "tests/adapters/test_mailroom.py::"
        "test_a_word_of_a_persons_ends_no_move_that_was_cut_short_out_of_processing",
    ),
    "E5 a pull request is ours whatever it was retargeted to": Guard(
        "adapters/gh_queries.py", 'direction=asc&head={owner}:{branch}"',
        'direction=asc&head={owner}:{branch}&base=main"',
        "tests/stories/test_failing_github.py::"
        "test_a_pull_request_that_was_retargeted_before_we_heard_of_it_is_opened_once",
    ),
    "E8 nobody begins what is on hold": Guard(
        "attempts.py", "return settle.not_begun(world, repository, task, pull)", "return False",
        "tests/stories/test_people.py::test_on_hold_while_it_waits_no_agent_begins",
    ),
    "E8 hold on the issue keeps a repair back": Guard(
        "settle.py",
        "if issue and obstacles.HOLD in {label.name.lower() for label in issue.labels}:",
        "if False:",
        REVIEWS + "test_hold_set_while_the_agent_works_keeps_its_work_back[hold on its issue]",
    ),
    "A3 writes stand in one line": Guard(
        "adapters/limits.py", "if waits[-1] > 0:", "if False:",
        "tests/adapters/test_limits.py::test_writes_of_all_processes_stand_in_one_line",
    ),
    "A4 the last fifth is not for new work": Guard(
        "github_dispatcher.py", "    scarce = world.limits.reserved(Purpose.NEW_WORK)\n    if ",
        "    scarce = ''\n    if ",
        LIMITS + "test_new_work_waits_for_the_last_fifth_and_merges_go_on",
    ),
    "A4 the last fifth is not for answers": Guard(
        "github_dispatcher.py", "            scarce = world.limits.reserved(Purpose.NEW_WORK)\n",
        "            scarce = ''\n",
        QUESTIONS + "test_an_answer_waits_for_the_next_hour_where_few_requests_are_left",
    ),
    "A4 the points in an answer count": Guard(
        "adapters/gh_read.py", "if told is not None and told.rate_limit is not None:", "if False:",
        "tests/adapters/test_gh_read.py::test_the_points_in_an_answer_reach_everybodys_limits",
    ),
    "A11 a refused token is not tried again and again": Guard(
        "adapters/limits.py", "if account.refusal is not None and pacing.left(", "if False and (",
        LIMITS + "test_a_revoked_token_stops_everything_once_and_a_new_one_resumes_it",
    ),
    "A3 a limit that an app meets is no refusal": Guard(
        "adapters/gh_app.py", "limit = trouble.trouble is Trouble.RATE", "limit = False",
        "tests/stories/test_github_app.py::"
        "test_a_limit_that_an_app_meets_while_it_buys_its_token_holds_everybody[403]",
    ),
    "A11 an app that gets no token is told everybody": Guard(
        "adapters/gh_app.py", "told = self._limits.heard(told, self._door.headers)", "pass",
        "tests/stories/test_github_app.py::"
        "test_a_suspended_app_is_one_alert_that_ends_and_is_asked_of_seldom",
    ),
    "A11 scopes that are not told are not missing": Guard(
        "rules/access.py", "if told is None or not (told.strip() or kind is TokenKind.CLASSIC):",
        "if told is None:",
        "tests/rules/test_access.py::test_scopes_that_are_missing",
    ),
    "A11 a repository out of reach is told": Guard(
        "github_dispatcher.py", "if conditions.tell_the_sight(world, slug, sight)\n", "if False\n",
        LIMITS + "test_a_repository_that_the_token_cannot_work_in_is_told_once",
    ),
    "A11 resets are by the server's clock": Guard(
        "rules/pacing.py", "server_now = signal.date if signal.date is not None else now",
        "server_now = now", "tests/rules/test_pacing.py::test_how_long_a_limit_holds_everybody",
    ),
    "C11 a clock that was put back stops no write": Guard(
        "rules/pacing.py", "furthest = bucket.burst * bucket.every + PATIENCE + 1",
        "furthest = LONGEST_PAUSE",
        "tests/rules/test_pacing.py::"
        "test_a_clock_that_was_put_back_holds_no_write_up[notice-1800]",
    ),
    "M2 the merge names its head": Guard(
        "adapters/gh_write.py", "merge_method=method, sha=head_sha", "merge_method=method",
        MERGING + "test_a_head_that_moves_in_the_last_moment_is_not_merged",
    ),
    "M3 green needs a success": Guard(
        "rules/checks.py", "return bool(self.passed) and not (", "return not (",
        MERGING + "test_only_a_success_is_green[skipped]",
    ),
    "M3 required checks": Guard(
        "scrutiny.py", "facts = structs.replace(facts, required=self._required(facts))",
        "facts = structs.replace(facts, required=())",
        MERGING + "test_a_check_that_the_branch_requires_must_have_passed[ruleset]",
    ),
    "M4 unreadable is not none": Guard(
        "scrutiny.py", "self.required[place] = None", "self.required[place] = ()",
        MERGING + "test_what_the_branch_requires_must_be_readable",
    ),
    "a closed issue is heard whatever the base": Guard(
        "scrutiny.py", "        if pull.open and unlinked(task, pull):\n", "        if False:\n",
        CANCELLED
        + "test_a_closed_issue_ends_what_waits_for_a_person_whatever_its_base[escalated]",
    ),
    "one on hold is known before the order is made, linked or not": Guard(
        "scrutiny.py", "if task.issue is None or any(one.labels is not None for one in its):",
        "if True:", MERGING + "test_one_on_hold_is_in_nobody_elses_way[next]",
    ),
    "what stays unreadable is told to a person": Guard(
        "rules/facts.py", "return wait(Obstacle.UNREAD, reason, UNREAD)",
        "return wait(Obstacle.UNREAD, reason)",
        MERGING + "test_what_stays_unreadable_is_told_to_a_person_after_hours",
    ),
    "rules that may not be read are not taken for none": Guard(
        "adapters/gh_rules.py",
        "if failures.not_in_the_plan(trouble.trouble, str(trouble)):", "if True:",
        "tests/adapters/test_gh_rules.py::test_rules_that_may_not_be_read_are_not_none",
    ),
    "M6 the latest run counts": Guard(
        "rules/checks.py", "for check in sorted(checks, key=_moment):",
        "for check in sorted(checks, key=_moment, reverse=True):",
        "tests/rules/test_checks.py::test_only_the_newest_run_of_a_name_counts",
    ),
    "M7 settle time": Guard(
        "rules/merge.py", "if held < timedelta(seconds=repository.settle_seconds):", "if False:",
        MERGING + "test_green_must_hold_for_the_settle_time[60]",
    ),
    "M7 age of the head": Guard(
        "rules/merge.py", "if age < timedelta(seconds=repository.min_head_age_seconds):",
        "if False:", MERGING + "test_a_young_head_is_not_merged_however_green[120]",
    ),
    "M8 the base is looked at last": Guard(
        "landing.py", "if tip != verdict.base_sha:", "if False:",
        MERGING + "test_a_base_that_moves_before_the_last_look_is_brought_in_first",
    ),
    "E8 an old snapshot is judged again": Guard(
        "landing.py", "if judged != verdict:", "if False:",
        MERGING + "test_a_review_that_came_while_it_was_slow_is_heeded[tick]",
    ),
    "E8 a slow last look is an old one too": Guard(
        "landing.py", "if objection or is_fresh(world, facts):", "if True:",
        MERGING + "test_a_review_that_came_while_it_was_slow_is_heeded[look]",
    ),
    "a repository that is switched off hears of no crash": Guard(
        "reaper.py", "return bool(world.stopped(task.repo)) and is_last(world, task)",
        "return False", SWITCHES
        + "test_a_crash_in_a_switched_off_repository_calls_nobody_before_it_is_on",
    ),
    "a repository that nobody may write in is no task's fault": Guard(
        "settle.py", "        readonly.rule_out(world, task.repo, trouble)\n", "",
        ARCHIVED + "test_what_an_agent_made_meanwhile_is_delivered_when_it_opens",
    ),
    "a cancel takes back what was set Ready before it": Guard(
        "hands.py", "        not_ready(self.world, task)\n", "",
        HANDS + "test_what_was_set_ready_before_a_cancel_begins_nothing_after_it",
    ),
    "E8 a retry takes an order back": Guard(
        "hands.py", "        ordered=bool(task.cancel),\n", "",
        HANDS + "test_a_retry_after_an_order_is_the_later_word",
    ),
    "S20 a switch before the merge": Guard(
        "landing.py", "        world.check_switches(task.repo)\n        if not objection",
        "        if not objection",
        MERGING + "test_what_a_person_stopped_during_the_last_look_is_not_merged[off]",
    ),
    "an issue that was closed in the last moment stops a merge": Guard(
        "landing.py", "if not objection and world.clock.now() - asked > STILL_FRESH:", "if False:",
        MERGING + "test_what_a_person_stopped_during_the_last_look_is_not_merged[closed]",
    ),
    "M2 nor one that grew old while its mark was written": Guard(
        "landing.py", "        if world.clock.now() - asked > STILL_FRESH:  #",
        "        if False:  #",
        MERGING + "test_a_look_that_grew_old_while_its_mark_was_written_merges_nothing",
    ),
    "no verdict is carried out on what a person ended while the tick looked": Guard(
        "pr_monitor.py", "if objection := landing.called_off(world, facts.task):", "if False:",
        CANCELLED + "test_what_is_cancelled_while_the_tick_looks_is_left_alone[commanded-merge]",
    ),
    "nor merged where that was in the last moment": Guard(
        "landing.py", "        objection = called_off(world, facts.task)\n",
        "        objection = \"\"\n",
        CANCELLED + "test_what_is_cancelled_in_the_last_moment_is_not_merged",
    ),
    "nor pushed while the base was brought in": Guard(
        "landing.py", "    if objection := called_off(world, task):\n", "    if False:\n",
        CANCELLED + "test_what_is_cancelled_while_the_base_is_brought_in_is_not_pushed",
    ),
    "an archive is waited for": Guard(
        "attempts.py", "if trouble.trouble is not Trouble.READ_ONLY:", "if True:",
        ARCHIVED + "test_what_an_agent_made_meanwhile_is_delivered_when_it_opens",
    ),
    "no agent works where nothing can be delivered": Guard(
        "preparing.py", "shape = readonly.look(world, task.repo)",
        "shape = world.read.shape(task.repo)",
        ARCHIVED + "test_no_agent_starts_there",
    ),
    "a task that failed is an alert": Guard(
        "settle.py", "    alerts.alert(\n        world, f\"{FAILED}{task.key}\",\n",
        "    (lambda *_, task: None)(\n        world, f\"{FAILED}{task.key}\",\n",
        AGENTS + "test_a_setup_that_fails_is_tried_five_times_with_growing_waits",
    ),
    "a way back without an agent forgets nothing that the file holds": Guard(
        "preparing.py", "        task = readonly.goes_on(found.task)\n", "        pass\n",
        "tests/stories/test_epics.py::"
        "test_an_outage_after_the_split_loses_no_part_and_asks_no_model_again",
    ),
    "an outage of GitHub gives no task up": Guard(
        "rules/starting.py", "    if outage:\n", "    if False:\n",
        GITHUB + "test_a_task_waits_out_an_outage_of_git_and_a_person_is_told_once",
    ),
    "what GitHub did not let us tell is told later": Guard(
        "housekeeping.py", "    escalation.catch_up(world)\n", "",
        ARCHIVED + "test_an_escalation_that_could_not_be_told_is_told_later_and_once",
    ),
    "a refused run is no attempt, whatever was there before": Guard(
        "attempts.py", 'head = (site.ground.head if half else head) if seen.worked else ""', "pass",
        QUOTA + "test_a_refusal_that_only_brought_the_base_in_costs_no_attempt[merge]",
    ),
    "M9 the tree is compared": Guard(
        "landing.py", "if unproved and not same_tree(world, facts, verdict):", "if False:",
        MERGING + "test_a_merge_with_another_tree_freezes_the_repository",
    ),
    "M13 commits of others": Guard(
        "rules/reviews.py",
        "if not approved and (pull.head_sha not in task.pushed or facts.commits_ours is False):",
        "if False:", MERGING + "test_a_persons_commit_is_kept_and_only_their_approval_lets_it",
    ),
    "M13 our mark": Guard(
        "rules/obstacles.py", "elif not facts.marker_ok:", "elif False:",
        MERGING + "test_a_pull_request_without_our_mark_is_not_ours_any_more[False]",
    ),
    "M13 brakes": Guard(
        "rules/obstacles.py", 'BRAKES = frozenset({"hold", "blocked"})', "BRAKES = frozenset()",
        MERGING + "test_a_brake_holds_until_it_is_taken_off",
    ),
    "E8 brakes of the last moment": Guard(
        "landing.py", "if labels & obstacles.BRAKES:", "if False:",
        MERGING + "test_a_brake_of_the_last_moment_is_seen",
    ),
    "M13 a hold on the issue": Guard(
        "rules/obstacles.py", "if its and HOLD in", "if False and HOLD in",
        "tests/rules/test_merge.py::test_one_changed_fact_that_keeps_it_from_merging",
    ),
    "E8 a hold of the last moment on the issue": Guard(
        "landing.py", "if obstacles.HOLD in {label", "if False and obstacles.HOLD in {label",
        MERGING + "test_a_hold_of_the_last_moment_on_the_issue_is_seen",
    ),
    "no new path differs from another only by case": Guard(
        "rules/gate.py", "if other != path", "if False",
        "tests/rules/test_gate.py::"
        "test_a_new_path_that_differs_from_another_only_by_case_is_refused",
    ),
    "who is refused rests": Guard(
        "admission.py", "rests_until=rest.until if rest else None,", "rests_until=None,",
        QUOTA + "test_many_tasks_that_wait_cost_one_failed_start_for_each_agent_and_window",
    ),
    "a key that is none starts nothing": Guard(
        "adapters/credentials.py",
        "return len(value) < SHORTEST or PLACEHOLDER.search(value) is not None",
        "return False",
        "tests/test_readiness.py::test_a_key_that_is_none_is_skipped_with_the_reason",
    ),
    "a login that refused rests": Guard(
        "readiness.py", "rest = cooling.rest_of(world, name, one.account)", "rest = None",
        "tests/test_readiness.py::test_a_provider_that_refused_rests_and_the_next_one_is_asked",
    ),
    "a browser needs the web": Guard(
        "readiness.py", "if config is not None and config.network is not Network.ALLOW:",
        "if False:", "tests/test_readiness.py::test_a_task_of_the_browser_needs_one_and_the_web",
    ),
    "talk of limits is no refusal": Guard(
        "agents/refusals.py", "        if MARK.match(lines[start].strip()):",
        "        if QUOTA.search(lines[start]):",
        "tests/agents/test_innocuous.py::test_talk_of_limits_and_logins_is_no_failure",
    ),
    "a lost session is begun anew, another failure is not": Guard(
        "sessions.py", "if failure is None or not failure.session_gone:", "if failure is None:",
        "tests/test_sessions.py::test_any_other_failure_of_it_is_not_repeated",
    ),
    "S1 no program without its own guard outside of walls": Guard(
        "agents/claude.py", "else FREE if launch.contained else GUARDED),", "else FREE),",
        "tests/agents/test_named.py::test_only_what_is_contained_works_without_its_own_guard",
    ),
    "S15 the keys of agents are known": Guard(
        "world.py", "found = [one for one in logins if isinstance(one, str)]",
        "found = list[str]()",
        "tests/test_readiness.py::test_a_key_that_was_found_is_in_no_text_of_ours",
    ),
    "one start alone after a rest": Guard(
        "adapters/cooldowns.py", "            if rest.until > now:\n                return False",
        "            if rest.until > now and not rest.alone:\n                return False",
        "tests/adapters/test_cooldowns.py::test_after_a_rest_one_goes_alone",
    ),
    "a refusal before any work is no attempt": Guard(
        "reaper.py",
        "elif attempt.code in routing.REFUSALS and not attempt.head_sha and not attempt.claimed:",
        "elif False:", QUOTA + "test_the_next_agent_takes_over_and_it_costs_no_attempt",
    ),
    "who only says that it was refused has had its turn": Guard(
        "reaper.py", " and not attempt.head_sha and not attempt.claimed:",
        " and not attempt.head_sha:",
        QUOTA + "test_who_only_says_that_it_was_refused_has_had_its_turn",
    ),
    "who fails beside one that was refused has had its turn": Guard(
        "rules/retry.py", 'return Defer(f"{why}; {until}", facts.retry_at, code)',
        'return Defer(f"{why}; {until}", facts.retry_at, cause)',
        QUOTA + "test_who_fails_beside_one_that_was_cut_off_has_had_its_turn[no result]",
    ),
    "an attempt's number and folder are used once": Guard(
        "attempts.py", "number, name = task.runs + 1,", "number, name = len(task.attempts) + 1,",
        QUOTA + "test_refusals_in_a_row_are_one_entry_that_says_how_many_and_since_when",
    ),
    "S6 whose answer begins a round": Guard(
        "questions.py", "if may_answer(world, task, comment, voices):", "if True:",
        QUESTIONS + "test_a_stranger_or_an_older_word_is_no_answer[eve]",
    ),
    "whose answer others talk out of sight": Guard(
        "questions.py", "hidden = oldest > read_until(world, task)", "hidden = False",
        QUESTIONS + "test_an_answer_is_heard_whatever_others_say_after_it",
    ),
    "E8 an answer begins nothing on hold": Guard(
        "questions.py", "kept or obstacles.left_alone(labels, repository):", "kept:",
        QUESTIONS + "test_an_answer_waits_where_the_issue_is_not_to_be_begun[hold]",
    ),
    "M13 a repair begins at a person's commit": Guard(
        "groundwork.py", "if last is None or git.is_ancestor(last, sha)), last)", "), last)",
        "tests/stories/test_merge_safety.py"
        "::test_a_repair_begins_at_a_persons_commit_that_was_approved[repaired before]",
    ),
    "I6 no push takes away what stands on the branch": Guard(
        "settle.py", "    if expected and not (\n", "    if not (True or \n",
        "tests/stories/test_merge_safety.py"
        "::test_work_that_goes_on_from_elsewhere_is_not_pushed_over_the_branch",
    ),
    "S7 whose comments reach an attempt": Guard(
        "briefing.py", "and not ours and voices.trusted(comment.author):", "and not ours:",
        QUESTIONS + "test_a_comment_while_it_works_reaches_the_next_attempt",
    ),
    "S6 a stranger's thread": Guard(
        "reviewing.py",
        "heard = tuple(one for one in thread.comments if voices.trusted(one.author))",
        "heard = thread.comments",
        REVIEWS + "test_a_stranger_is_not_heard_and_hidden_text_reaches_nobody",
    ),
    "S8 what a review hides": Guard(
        "texts/reviews.py", "markdown.visible(body).strip(", "body.strip(",
        REVIEWS + "test_a_stranger_is_not_heard_and_hidden_text_reaches_nobody",
    ),
    "E8 a review that was taken back": Guard(
        "reviewing.py", "return bool(of_people(task)) and not objectors(world, repository, task)",
        "return False",
        REVIEWS + "test_a_review_taken_back_while_the_agent_works_keeps_the_head_as_it_is",
    ),
    "nor one that waits for a person": Guard(
        "rules/obstacles.py", "elif not (pull.open or _of_before(facts)):", "elif not pull.open:",
        "tests/rules/test_obstacles.py::"
        "test_what_was_closed_before_its_last_round_ends_no_escalated_one",
    ),
    "E8 hold while the agent works": Guard(
        "settle.py",
        "brakes = sorted(obstacles.BRAKES & {label.name.lower() for label in pull.labels})",
        "brakes = list[str]()",
        REVIEWS + "test_hold_set_while_the_agent_works_keeps_its_work_back",
    ),
    "a thread is resolved by a change, not by a claim": Guard(
        "answering.py", "ended = said.kind is AnswerKind.FIXED and changed\n",
        "ended = said.kind is AnswerKind.FIXED\n",
        REVIEWS + "test_a_round_that_changes_nothing_ends_with_a_person",
    ),
    "a round without a change is the last": Guard(
        "answering.py", "    if not changed:\n        reason =", "    if False:\n        reason =",
        REVIEWS + "test_a_round_that_changes_nothing_ends_with_a_person",
    ),
    "a review's round is not to mend what the base is red with": Guard(
        "repairs.py", "() if found.course in redness.OF_THE_BASE else found.checks", "found.checks",
        REVIEWS + "test_failed_checks_come_in_the_same_round[True]",
    ),
    "nobody's word in a thread is resolved away unheard": Guard(
        "answering.py", "not (thread.resolved or spoken_since(voices, item, thread))",
        "not thread.resolved",
        REVIEWS + "test_what_is_said_in_a_thread_while_the_agent_works_is_for_the_next_round",
    ),
    "M16 repairs are bounded": Guard(
        "rules/facts.py", "if reworks < REWORKS:", "if reworks < 99:",
        USUAL + "test_red_checks_go_back_to_work_three_times_and_then_to_a_person",
    ),
    "an approval is of this work": Guard(
        "rules/reviews.py",
        "if facts.label_by_writer and pull.approved_label_at > facts.work_at:",
        "if facts.label_by_writer:", MERGING + "test_work_after_an_approval_voids_it[label]",
    ),
    "an approval is of work that was there to be seen": Guard(
        "scrutiny.py", "max([*work, *shown(task, (head, *before)[-1])], default=None)",
        "max(work, default=None)",
        MERGING + "test_a_label_set_while_work_is_made_approves_nothing_of_it[False-clock right]",
    ),
    "an approval by a writer": Guard(
        "rules/reviews.py", "_last(review for review in facts.pull.reviews if review.by_writer)",
        "_last(facts.pull.reviews)",
        MERGING + "test_an_approval_by_somebody_without_write_access_counts_for_nothing",
    ),
    "what may be chance is run again before an agent is sent, beside a long job too": Guard(
        "rules/ci.py", "            then = again\n", "            pass\n",
        "tests/rules/test_merge.py::test_one_changed_fact_that_keeps_it_from_merging",
    ),
    "who may not write keeps nothing from its merge": Guard(
        "rules/reviews.py",
        "for one in facts.pull.reviews if trust.is_named(one.author, facts.repository))",
        "for one in facts.pull.reviews)",
        REVIEWS + "test_a_stranger_who_asks_for_changes_starts_nothing_and_blocks_nothing"
        "[eve-eve[bot]-False]",
    ),
    "a reviewer who is waited for is told of": Guard(
        "landing.py", "held(world, facts) >= reviews.LOOKS_AGAIN:", "False:",
        REVIEWS + "test_a_reviewer_who_does_not_look_again_is_told_of_once",
    ),
    "G6 expected SHA at a push": Guard(
        "adapters/wire.py", 'f"--force-with-lease={ref}:{expected}"', '"--force"',
        MERGING + "test_an_update_never_overwrites_a_persons_commit",
    ),
    "G6 a first push finds nothing there": Guard(
        "settle.py", 'expected = task.pushed[-1] if task.pushed else ""',
        "expected = world.wire.ls(workspace.of(world).url(task.repo), "
        'f"refs/heads/{task.branch}") or ""',
        MERGING + "test_a_branch_that_somebody_else_made_is_left_alone[True]",
    ),
    "G6 only our refs": Guard(
        "adapters/wire.py", "        _allowed(ref, sha, expected)\n", "",
        "tests/adapters/test_wire.py::test_no_other_ref_is_ever_pushed",
    ),
    "A12 nobody is mentioned by what is quoted on GitHub": Guard(
        "texts/quoting.py", "told.append(markdown.harmless_line(open_))", "told.append(open_)",
        "tests/texts/test_quoting.py::test_what_is_code_on_github_can_be_copied",
    ),
    "A12 half a piece of code is none": Guard(
        "texts/quoting.py", 'piece.replace("`", "\'")', "piece",
        "tests/texts/test_quoting.py::test_in_prose_half_a_piece_of_code_is_none",
    ),
    "G10 the gate": Guard(
        "rules/gate.py", "reason = _path(change.path) or _kind(change)", 'reason = ""',
        AGENTS + "test_a_hostile_tree_never_leaves_and_the_next_agent_starts_clean",
    ),
    "G10 sizes before they are read": Guard(
        "worktree.py",
        "    if large := _oversized(git):\n"
        '        return Seen(snapshot="", changes=large)\n', "",
        "tests/test_workspace.py::test_a_file_too_large_for_the_gate_is_told_and_not_stored",
    ),
    "S10 no link is followed": Guard(
        "adapters/files.py", "os.O_RDONLY | os.O_NOFOLLOW", "os.O_RDONLY",
        AGENTS + "test_a_hostile_result_file_is_refused_and_the_next_agent_works[link]",
    ),
    "S10 only regular files": Guard(
        "adapters/files.py", "if not stat.S_ISREG(status.st_mode):", "if False:",
        AGENTS + "test_a_hostile_result_file_is_refused_and_the_next_agent_works[fifo]",
    ),
    "S10 no stale result": Guard(
        "executors/local.py", "if stuck := _clear_result(order):", 'if stuck := "":',
        "tests/executors/test_local.py::test_a_stale_result_is_not_taken_for_a_new_one",
    ),
    "Q2 a move covers nothing": Guard(
        "adapters/files.py", "kernel.rename(source, target, Rename.NO_REPLACE)",
        "os.rename(source, target)",
        "tests/adapters/test_files.py::test_a_move_never_covers_another_file",
    ),
    "Q6 an attempt counts before it starts": Guard(
        "attempts.py",
        "task = world.mailroom.update(with_attempt(structs.replace(task, tries=0), started))",
        "task = with_attempt(structs.replace(task, tries=0), started)",
        AGENTS + "test_a_worker_that_dies_with_its_agent_has_used_an_attempt",
    ),
    "S2 the environment of an agent": Guard(
        "agents/base.py", "seen = {name: ours[name] for name in allowed if name in ours}",
        "seen = dict(ours)",
        "tests/agents/test_contract.py::test_it_sees_the_allowed_names_and_no_other",
    ),
    "S6 whose word counts": Guard(
        "rules/trust.py",
        'return _asked(facts.author, "wrote the issue", _quoted_or_named(facts.author))',
        "return Trusted()",
        USUAL + "test_a_stranger_cannot_start_work",
    ),
    "S6 who set the label": Guard(
        "rules/trust.py",
        'return _asked(facts.labelled_by, "set it Ready", AGAIN)',
        "return Trusted()",
        "tests/rules/test_trust.py::test_who_is_trusted",
    ),
    "S18 the diff is searched for secrets": Guard(
        "proof.py", "secrets=secrets,", "secrets=(),",
        AGENTS + "test_a_secret_in_the_work_stays_here_and_the_next_agent_works",
    ),
    "S7 a rename after Ready": Guard(
        "rules/trust.py", '_changed(facts, facts.renamed_at, facts.renamer, "renamed it"),', "",
        "tests/rules/test_trust.py::test_who_is_trusted",
    ),
    "S7 a round by hand takes no stranger's words": Guard(
        "rereading.py", "if not isinstance(judged, trust.Trusted):", "if False:",
        "tests/stories/test_second_rounds.py::"
        "test_what_somebody_without_write_access_changed_begins_no_round_by_hand",
    ),
    "S7 labels are heard beside a text that is not": Guard(
        "rereading.py", "structs.replace(issue, title=task.title, body=task.body)", "issue",
        "tests/stories/test_second_rounds.py::"
        "test_what_somebody_without_write_access_changed_begins_no_round_by_hand",
    ),
    "S7 beside the label an open board has no say": Guard(
        "intake.py", "(candidate.repository.trusted_board or not candidate.by_label)", "True",
        "tests/stories/test_who_may_command.py::test_a_card_on_an_open_board_says_nothing_"
        "of_a_text_that_changed_since_the_label",
    ),
    "S7 who may not write has read nothing": Guard(
        "intake.py", "since = candidate.on_board_since if unread else ready.at", "since = ready.at",
        "tests/stories/test_who_may_command.py::test_a_label_beside_a_card_says_that_the_text_"
        "was_read_by_who_may_write_alone",
    ),
    "S7 the rename is looked up": Guard(
        "intake.py", "renamed_at=issue.renamed,", "renamed_at=None,",
        "tests/stories/test_who_may_command.py::"
        "test_what_a_stranger_changes_after_ready_is_not_taken_up",
    ),
    "S8 what a declaration hides": Guard(
        "texts/markdown.py", "TAG.sub(_bare_tag, _undeclared(prose))", "TAG.sub(_bare_tag, prose)",
        "tests/texts/test_markdown.py::test_only_what_a_reader_sees_is_left",
    ),
    "S15 escapes, wrapping and colours hide no secret": Guard(
        "texts/needles.py", "if forms and any(forms.spans(only(layer.text, kept))):", "if False:",
        "tests/texts/test_redact.py::test_each_way_of_writing_in_each_layout",
    ),
    "S15 what is not shown ends no token": Guard(
        "texts/unseen.py", "if not _all_shown(text):", "if False:",
        "tests/texts/test_redact.py::test_a_secret_is_found_by_its_shape_wherever_it_stands",
    ),
    "S15 names are made of a title without secrets": Guard(
        "intake.py", "return structs.replace(issue, title=world.redact(issue.title), body=shown)",
        "return issue", "tests/stories/test_words_that_leave.py::test_no_door_lets_our_token_out",
    ),
    "S1 the kernel is not root's to set": Guard(
        "agents/sandbox.py", "\"--proc\", \"/proc\", *closed,", "\"--proc\", \"/proc\",",
        "tests/executors/test_contained.py::"
        "test_nothing_of_the_kernel_can_be_set_not_even_by_root",
    ),
    "S15 keys that are renewed while an agent runs are known": Guard(
        "attempts.py", "        containment.learn_logins(world)\n        containment.told",
        "        containment.told",
        "tests/stories/test_words_that_leave.py::test_no_key_of_another_agent_s_login_leaves",
    ),
    "S15 the doors know our secrets": Guard(
        "world.py", "redact = Redactor(secrets(config, environment, agents))",
        "redact = Redactor([])",
        AGENTS + "test_our_token_leaves_by_no_door",
    ),
    "S20 a switch before the push": Guard(
        "settle.py", "    world.check_switches(task.repo)\n", "",
        SWITCHES + "test_a_switch_stops_the_claim_and_the_push_and_work_is_kept",
    ),
    "S20 a switch before the claim": Guard(
        "queue.py", " or world.stopped(repository.slug):", ":",
        SWITCHES + "test_a_switch_stops_the_claim_and_the_push_and_work_is_kept[repository_switch]",
    ),
    "C10 no worker goes on with the half of another version": Guard(
        "queue.py", "            if world.code() != code:\n", "            if False:\n",
        SWITCHES + "test_a_worker_whose_code_was_exchanged_ends_after_its_task",
    ),
    "no worker goes on by a config that was edited": Guard(
        "world.py", "(checkout.modules(paths.code), checkout.digest(config.source))",
        "checkout.modules(paths.code)",
        SWITCHES + "test_a_worker_whose_config_was_edited_ends_after_its_task",
    ),
    "a dry run decides and does nothing": Guard(
        "world.py", "return not self.dry_run", "return True",
        SWITCHES + "test_a_dry_run_at_every_stage_changes_nothing",
    ),
    "a dry run reads the mailbox": Guard(
        "world.py", "read_only=dry_run", "read_only=False",
        SWITCHES + "test_a_dry_run_of_the_real_scripts_opens_the_mailbox_for_reading",
    ),
    "E1 look before you make": Guard(
        "adapters/effects.py", "        found = find()\n", "        found = None\n",
        "tests/adapters/test_effects.py::test_killed_between_intent_and_answer_it_is_looked_for",
    ),
    "E1 intent before the call": Guard(
        "adapters/effects.py", "        self.record(log, key, Stage.INTENT)\n        try:",
        "        try:", 
        "tests/adapters/test_effects.py::test_killed_while_it_is_sent_it_is_not_sent_again",
    ),
    "E1 two looks apart": Guard(
        "adapters/effects.py",
        "if last is not None and not self._looked_twice(log, last):", "if False:",
        "tests/adapters/test_effects.py::test_no_answer_is_not_sent_again_until_two_looks_found",
    ),
    "A3 a limit ends the tick": Guard(
        "tick.py", "if trouble.trouble in failures.EVERYBODYS:", "if False:",
        GITHUB + "test_a_limit_ends_the_tick_and_is_not_asked_again_and_again[403]",
    ),
    "proof: a diff": Guard(
        "rules/retry.py", "if facts.deliverable is Deliverable.CHANGE and not facts.has_diff:",
        "if False:", USUAL + "test_a_claim_of_success_without_a_diff_is_handed_on",
    ),
    "proof: our own test run": Guard(
        "rules/retry.py", "if facts.has_diff and facts.tests is OwnTests.FAILED:", "if False:",
        USUAL + "test_work_that_fails_our_own_tests_is_not_delivered",
    ),
    "a secret in an open file": Guard(
        "settings.py", "TOO_OPEN = stat.S_IRWXG | stat.S_IRWXO", "TOO_OPEN = 0",
        "tests/test_settings_problems.py::test_a_secret_that_others_may_read_is_refused",
    ),
    "salvage before a worktree goes": Guard(
        "workspace.py", "if not committed and tree.path.is_dir():", "if False:",
        "tests/test_workspace.py::test_a_worktree_is_not_removed_before_its_work_is_kept",
    ),
    "a branch under a person's feet": Guard(
        "workspace.py", "if holder := store.worktree_on(tree.branch):", 'if holder := "":',
        "tests/test_workspace.py"
        "::test_a_branch_that_a_person_has_checked_out_is_not_moved_under_them",
    ),
    "G11 no worktree goes of which a part was not stored": Guard(
        "worktree.py", "    if NOT_STORED.encode() in done.stderr:\n", "    if False:\n",
        "tests/test_workspace.py::test_no_worktree_goes_of_which_the_store_took_only_a_part",
    ),
    "G11 no worktree goes whose work found no room": Guard(
        "worktree.py", "    if done.exit_code == 128:\n", "    if False:\n",
        "tests/test_disk.py::test_no_worktree_goes_whose_work_found_no_room[0-discard]",
    ),
    "a salvage that fails takes no verdict away": Guard(
        "attempts.py", "except AgentOSError as error:  # it stays", "except KeyError as error:  #",
        "tests/stories/test_salvage.py::"
        "test_a_verdict_stands_where_the_store_does_not_take_the_work",
    ),
    "G11 the files of a repository within are work too": Guard(
        "worktree.py", "for place in _repositories_within(git, tree):", "for place in ():",
        "tests/test_workspace.py::test_the_files_of_a_repository_within_are_kept[backend-committed]",
    ),
    "salvage before a branch goes": Guard(
        "workspace.py", "if here and here != expected and git.has", "if False and git.has",
        "tests/test_workspace.py::test_a_branch_is_not_deleted_before_what_it_holds_alone_is_kept",
    ),
    "salvage at an end without a merge": Guard(
        "salvage.py", "if not start or not git.ref(", "if True or git.ref(",
        "tests/stories/test_salvage.py::test_a_cancelled_task_s_work_is_kept_and_told",
    ),
    "salvage waits for a person": Guard(
        "salvage.py", "or waits(world, task_id)", "",
        "tests/stories/test_salvage.py::test_salvaged_work_goes_after_its_days_and_only_of",
    ),
    "salvage is kept its days after the end": Guard(
        "salvage.py", "        if (end := ended(world, task_id)) and end >= before:\n",
        "        if False:\n",
        "tests/stories/test_salvage.py::"
        "test_its_days_count_from_the_end_of_the_task_and_not_from_the_work",
    ),
    "nobody gives way for ever": Guard(
        "rules/conflicts.py", "if now - waiting[n].since >= YIELDS", "if False",
        "tests/rules/test_conflicts.py::test_nobody_gives_way_for_ever",
    ),
    "a repair is not spoilt while it is made": Guard(
        "rules/merge.py", "turn.mending or ", "",
        "tests/stories/test_conflicts_ahead.py::test_a_repair_is_not_spoilt_while_it_is_made",
    ),
    "a repair that does not come is not waited for": Guard(
        "rules/conflicts.py", "timedelta() <= now - one.since < MENDS and ", "",
        "tests/stories/test_conflicts_ahead.py::test_a_repair_is_not_spoilt_while_it_is_made",
    ),
    "who was repaired is not overtaken": Guard(
        "rules/merge.py", " or ahead > task.reworks", "",
        "tests/rules/test_merge.py::test_who_was_repaired_is_not_overtaken_by_what_it_conflicts",
    ),
    "nobody waits for its files for ever": Guard(
        "rules/conflicts.py", "not timedelta() <= now - since < patience", "False",
        "tests/stories/test_conflicts_ahead.py::test_a_task_waits_no_longer_than_for_its_reason",
    ),
    "what was blamed later is run again as well": Guard(
        "rules/aftermath.py", "for _, run in mine} - ordered - {0}",
        "for _, run in mine if not ordered} - {0}",
        "tests/rules/test_aftermath.py::test_the_base_after_a_merge",
    ),
    "what is over is not begun again though its move failed": Guard(
        "reaper.py", "if task.state is not State.PROCESSING:\n        return  # it is over",
        "if False:\n        return  # it is over",
        "tests/stories/test_nobody_starves.py::test_work_whose_last_move_failed_is_over_and_not",
    ),
    "a part of a log is never rotated again": Guard(
        "housekeeping.py", "for log in all_logs(world) if not files.is_part(log)",
        "for log in all_logs(world)",
        "tests/test_housekeeping.py::test_a_part_of_a_log_is_never_rotated_again",
    ),
    "nobody's file is taken for a part of a log": Guard(
        "adapters/files.py", "bool(_PART.fullmatch(path.stem))", "path.stem.endswith(\"Z\")",
        "tests/test_housekeeping.py::test_parts_of_logs_have_their_days_and_the_log_itself_stays",
    ),
    "what cannot be removed stops nothing else": Guard(
        "housekeeping.py", "        except OSError as error:\n            refused.append(error)",
        "        except ZeroDivisionError:\n            pass",
        "tests/test_housekeeping.py::"
        "test_what_cannot_be_removed_stops_nothing_else_and_is_told_once_a_day",
    ),
    "a step of the sweep that fails stops no other": Guard(
        "housekeeping.py", "        with tick.isolated(world, \"housekeeping\"):\n",
        "        if True:\n",
        "tests/test_housekeeping.py::"
        "test_a_step_that_fails_stops_no_other_and_is_tried_an_hour_later",
    ),
    "no store is packed while a worker may need it": Guard(
        "housekeeping.py", "if not free:", "if False:",
        "tests/test_housekeeping.py::test_a_store_that_is_due_is_packed_by_a_process_of_its_own",
    ),
    "no packing takes the slot from a task that may start": Guard(
        "housekeeping.py", "if is_waited_for(world, slug):", "if False:",
        "tests/test_housekeeping.py::"
        "test_a_task_that_may_start_goes_before_the_packing_of_its_store",
    ),
    "a person's --now makes no packing due": Guard(
        "housekeeping.py", "replace(world, at_once=False)", "world",
        "tests/test_housekeeping.py::test_no_store_is_packed_for_a_persons_haste",
    ),
    "a base is not frozen for one red run": Guard(
        "rules/aftermath.py", "    if fresh:\n", "    if False:\n",
        "tests/stories/test_base_after_merge.py::test_one_red_run_is_run_again_and_chance",
    ),
    "a check that never ends hides no red one": Guard(
        "rules/aftermath.py", "not (early and seen.pending)", "not seen.pending",
        "tests/rules/test_aftermath.py::test_the_base_after_a_merge",
    ),
    "a late look at a broken base asks as an early one": Guard(
        "rules/aftermath.py", "        if not look.asked_before:\n",
        "        if not look.asked_before and not late:\n",
        "tests/stories/test_base_after_merge.py::test_a_first_look_of_the_next_morning_freezes",
    ),
    "a base that was red before is nobody's doing": Guard(
        "rules/aftermath.py", "if name not in {*earlier.red, *earlier.pending})", "if name)",
        "tests/stories/test_base_after_merge.py::test_a_base_that_was_red_before_is_not",
    ),
    "a broken base stops the repository": Guard(
        "aftermath.py", "    if not switch.exists():\n", "    if False:\n",
        "tests/stories/test_base_after_merge.py::test_a_base_that_breaks_stops_the_repository",
    ),
    "a freeze that a person lifted stays lifted": Guard(
        "aftermath.py", "    if world.effects.last(task.task_id, key) is not None:\n",
        "    if False:\n",
        "tests/stories/test_base_after_merge.py::"
        "test_a_freeze_that_a_person_lifted_stays_lifted_and_is_told_once[no comment goes through]",
    ),
    "what keeps a revert from being offered is told, and no look repeats it": Guard(
        "aftermath.py", "        if passes(world, task, error):\n", "        if True:\n",
        "tests/stories/test_base_after_merge.py::"
        "test_a_freeze_that_a_person_lifted_stays_lifted_and_is_told_once[a git too old to revert]",
    ),
    "S20 a person's switch stops the looking": Guard(
        "aftermath.py", "return not reason or (", "return True or (",
        "tests/stories/test_base_after_merge.py::test_a_persons_switch_stops_the_looking_too",
    ),
    "a merge is watched before its file moves": Guard(
        "landing.py", "        aftermath.remember(world, task)\n", "        pass\n",
        "tests/stories/test_base_after_merge.py::test_a_base_that_breaks_stops_the_repository",
    ),
    "a merge whose file was not moved yet is watched on": Guard(
        "aftermath.py", "    kept = unmoved(world, names, there)\n", "    kept: list[str] = []\n",
        "tests/stories/test_base_after_merge.py::"
        "test_a_merge_is_watched_though_the_tick_died_before_its_file_was_moved",
    ),
    "an end is told before its file moves": Guard(
        "cancellation.py",
        "    task = github_sync.tell(world, marked(task, State.CANCELLED, at, by))\n"
        "    world.mailroom.move(task, State.CANCELLED, by=by)\n",
        "    task = world.mailroom.move(task, State.CANCELLED, by=by)\n"
        "    task = github_sync.tell(world, task)\n",
        "tests/stories/test_cancelled.py::test_killed_at_any_step_the_comment_says_the_end",
    ),
    "a revert leaves later work alone": Guard(
        "adapters/reversal.py", "    if paths:\n", "    if False:\n",
        "tests/commands/test_task.py::test_what_does_not_come_back_by_itself_is_told_with",
    ),
    "a revert that somebody else changed is theirs": Guard(
        "reverting.py", "    if not is_ours(world, git, task, head=head, tip=tip):\n",
        "    if False:\n",
        "tests/commands/test_task.py::test_what_somebody_else_pushed_to_it_is_left_alone",
    ),
    "C12 the fault of one repository": Guard(
        "settings.py", "        case (\"github_projects\", _, \"repos\", int(), *_):\n"
        "            return path[:4]\n", "",
        BAD + "test_a_typo_in_one_repository_leaves_the_others_at_work",
    ),
    "S3 silence ends an agent": Guard(
        "adapters/process.py", "if meanwhile and meanwhile():", "if meanwhile and not meanwhile:",
        "tests/adapters/test_process.py::test_an_agent_that_gives_no_sign_of_life_is_ended",
    ),
    "C2 the tenth overlap wakes somebody": Guard(
        "health.py", "if row >= HUNG_AFTER:", "if False:",
        "tests/test_health.py::test_an_overlap_says_who_and_since_when_and_the_tenth_is_an_alert",
    ),
    "C3 a clock that was put back": Guard(
        "rules/cadence.py", "if last_success > now + SLACK:", "if False:",
        "tests/rules/test_cadence.py::test_a_clock_put_back_costs_one_interval",
    ),
    "C4 once in each week": Guard(
        "rules/cadence.py", "return week(now, zone) > last_week and", "return",
        "tests/rules/test_cadence.py::test_a_weekly_job_runs_once_in_each_iso_week",
    ),
    "C5 a wait of a wrong clock": Guard(
        "rules/cadence.py", "return now if marked_at > now + SLACK else not_before",
        "return not_before",
        "tests/stories/test_clock_jumps.py::"
        "test_a_wait_that_a_wrong_clock_measured_does_not_outlive_it",
    ),
    "C8 an alert is told once": Guard(
        "alerts.py", "if _hushed(known, raised.at):", "if False:",
        "tests/test_alerts.py::test_a_cause_is_told_once_a_day",
    ),
    "C11 no claim below the floor": Guard(
        "queue.py", "if not disk.may_start(world):", "if False:",
        "tests/test_disk.py::test_below_the_floor_nothing_new_starts_and_it_is_told_once",
    ),
    "C11 no dispatch below the floor": Guard(
        "github_dispatcher.py", "if not disk.may_start(world):", "if False:",
        "tests/test_disk.py::test_below_the_floor_nothing_new_starts_and_it_is_told_once",
    ),
    "Q10 room on a disk that takes nothing is no end of the trouble": Guard(
        "disk.py", " and takes_files(world):", ":",
        "tests/test_disk.py::test_a_disk_that_shows_room_and_takes_nothing_is_told_once[ro]",
    ),
    "C11 that there is room again is told": Guard(
        "supervisor.py", "(startable or disk.is_told(world))", "startable",
        "tests/test_disk.py::test_room_again_is_told_though_nothing_waits_for_it",
    ),
    "C14 an interrupted attempt goes back": Guard(
        "attempts.py", "reaper.called_off(world, task, stop)", "pass",
        "tests/stories/test_stopped.py::"
        "test_a_worker_that_is_asked_to_end_ends_its_agent_and_gives_the_task_back",
    ),
    "C14 a signal is heard": Guard(
        "adapters/signals.py", "    raise Stopped(number)\n", "    del asked\n",
        "tests/stories/test_stopped.py::test_a_script_in_the_middle_of_a_request_ends_in_order",
    ),
    "C14 the second signal ends at once": Guard(
        "adapters/signals.py", "            _at_once(again)\n", "            del again\n",
        "tests/stories/test_stopped.py::test_the_second_signal_ends_worker_and_agent_at_once",
    ),
    "C14 the second signal spares no agent": Guard(
        "adapters/signals.py", "            os.killpg(pid, signal.SIGKILL)\n", "            pass\n",
        "tests/stories/test_stopped.py::test_the_second_signal_ends_worker_and_agent_at_once",
    ),
    "F23 what one pull request hides is its own": Guard(
        "adapters/gh_nodes.py", "if names(trouble, few) is None:", "if True:",
        "tests/stories/test_forge_faults.py::"
        "test_f23_what_one_repository_hides_stops_no_other_pull_request",
    ),
    "A11 what GitHub refuses to all is no pull request's own": Guard(
        "adapters/gh_nodes.py", "if names(trouble, few) is None:", "if False:",
        "tests/adapters/test_gh_pulls.py::test_what_concerns_all_is_raised_and_asked_once",
    ),
    "F23 nor does a time-out that names one": Guard(
        "adapters/gh_nodes.py", "trouble.trouble is Trouble.SERVER and nodes_alone", "False",
        "tests/stories/test_one_of_many.py::"
        "test_a_pull_request_whose_checks_time_out_stops_no_other",
    ),
    "A2 in an outage GitHub is not asked for each": Guard(
        "adapters/gh_nodes.py", "return told, alone", "return first, alone",
        "tests/adapters/test_gh_pulls.py::test_an_outage_that_names_all_is_not_asked_for_each",
    ),
    "A2 one that is slow in front does not stop all": Guard(
        "adapters/gh_nodes.py", "isinstance(read(last, SMALLEST), GitHubTrouble)", "True",
        "tests/adapters/test_gh_nodes.py::test_one_that_is_slow_by_itself_holds_up_no_other",
    ),
    "A11 what is wrong with all and names nobody is not asked for each": Guard(
        "adapters/gh_nodes.py", "            raise alone\n", "            return first, alone\n",
        "tests/adapters/test_gh_nodes.py::test_what_names_nobody_and_is_wrong_with_all_is_raised",
    ),
    "A11 a time-out that names nobody is everybody's": Guard(
        "adapters/gh_nodes.py", "trouble.trouble is Trouble.SERVER and nodes_alone",
        "trouble.trouble is Trouble.SERVER",
        "tests/adapters/test_gh_pulls.py::test_a_time_out_that_names_nobody_is_everybodys",
    ),
    "A11 a part hides not what concerns all": Guard(
        "adapters/gh_read.py", "one[0] not in failures.EVERYBODYS, bool(one[1].path))", "False)",
        "tests/adapters/test_gh_pulls.py::test_what_one_hides_does_not_hide_what_concerns_all",
    ),
    "a repository that is closed to us stops no other": Guard(
        "adapters/gh_queries.py", "return [one for one in asked if one in shut] or None",
        "return None",
        "tests/stories/test_one_of_many.py::"
        "test_a_repository_that_is_not_told_of_stops_no_other",
    ),
    "A11 a token that the API takes is not refused by git to all": Guard(
        "adapters/wire.py", "if trouble.trouble is Trouble.AUTH and self._limits.is_taken:",
        "if False:",
        "tests/stories/test_one_of_many.py::"
        "test_a_repository_that_git_may_not_read_stops_no_other",
    ),
    "A3 what concerns all is not left out": Guard(
        "adapters/gh_queries.py",
        "if trouble.trouble not in {Trouble.PERMISSION, Trouble.SERVER}:", "if False:",
        "tests/adapters/test_gh_read.py::"
        "test_what_a_refusal_names_is_left_out_and_what_concerns_all_is_not",
    ),
    "a repository that was too slow beside others is asked by itself": Guard(
        "adapters/gh_nodes.py", "alone = read(first, SMALLEST)", "alone = answer",
        "tests/stories/test_one_of_many.py::"
        "test_a_repository_that_is_slow_beside_others_is_asked_by_itself",
    ),
    "A2 too many at once makes the pages smaller": Guard(
        "adapters/gh_nodes.py", "if answer.trouble is Trouble.SERVER and size > SMALLEST:",
        "if False:",
        "tests/adapters/test_gh_nodes.py::"
        "test_too_many_at_once_are_asked_for_in_smaller_pages_from_then_on",
    ),
    "A2 one repository's slowness makes no page smaller": Guard(
        "adapters/gh_nodes.py", "if isinstance(alone, GitHubTrouble):", "if False:",
        "tests/adapters/test_gh_nodes.py::"
        "test_a_repository_that_is_slow_by_itself_is_left_out_and_makes_no_page_smaller",
    ),
    "A8 of a repository that was left out nothing is decided": Guard(
        "github_dispatcher.py", "list(dict.fromkeys([*found, *unread]))", "found",
        "tests/stories/test_one_of_many.py::"
        "test_a_repository_that_is_not_told_of_stops_no_other",
    ),
    "the issue of a waiting task that is closed to us stops no dispatch": Guard(
        "adapters/gh_read.py", '("questions",), ("states",)}:', '("questions",)}:',
        "tests/stories/test_one_of_many.py::"
        "test_the_issue_of_a_waiting_task_that_is_closed_to_us_stops_no_dispatch",
    ),
    "a card that is closed to us stops no board": Guard(
        "adapters/gh_read.py", 'if at and tuple(path[at - 3 : at - 1]) == ("items", "nodes"):',
        "if False:",
        "tests/stories/test_one_of_many.py::test_a_card_that_is_closed_to_us_stops_no_board",
    ),
    "an issue that is closed to us stops no other": Guard(
        "github_dispatcher.py", "world.read.issues_or_why(list(candidates))",
        "{one.node_id: one for one in world.read.issues(list(candidates))}",
        "tests/stories/test_one_of_many.py::"
        "test_an_issue_that_cannot_be_read_whole_waits_alone_and_is_named",
    ),
    "a conflicted start holds no marker": Guard(
        "adapters/history.py",
        "files=(*sides.as_base(sides.of(conflicted, head, base_tip)), memory),", "files=(memory,),",
        USUAL + "test_two_that_insert_at_the_same_place_are_both_merged",
    ),
    "the branch's side of a conflict is not dropped unnoticed": Guard(
        "rules/retry.py", "if facts.idle_merge:", "if False:",
        "tests/stories/test_odd_conflicts.py::"
        "test_who_puts_nothing_of_the_branch_into_a_conflict_is_followed_by_another",
    ),
    "half a merge is no commit that the next attempt goes on from": Guard(
        "attempts.py", "half = not deliver and half_a_merge(site, seen)", "half = False",
        "tests/stories/test_odd_conflicts.py::"
        "test_what_a_repair_left_in_conflict_is_the_next_agents_whole[came half way]",
    ),
    "who put nothing in has not ended the conflict": Guard(
        "attempts.py", "finished = seen.worked and seen.result.status is Status.COMPLETE",
        "finished = seen.result.status is Status.COMPLETE",
        "tests/stories/test_odd_conflicts.py::"
        "test_what_a_repair_left_in_conflict_is_the_next_agents_whole[says that it is done]",
    ),
    "half a merge counts as the attempt that it was": Guard(
        "attempts.py", "(site.ground.head if half else head) if seen.worked", "head if seen.worked",
        "tests/stories/test_odd_conflicts.py::"
        "test_what_a_repair_left_in_conflict_is_the_next_agents_whole[was refused half way]",
    ),
    "a forecast that fails keeps nobody from the merge": Guard(
        "pr_monitor.py", '    with tick.isolated(world, "conflicts are not foreseen"):\n',
        "    if True:\n",
        "tests/stories/test_conflicts_ahead.py::"
        "test_a_forecast_that_fails_keeps_nobody_from_the_merge",
    ),
    "a file name that is no UTF-8 stops no forecast": Guard(
        "foresight.py", "tuple(quoting.writable(path) for path in paths)", "tuple(paths)",
        "tests/stories/test_conflicts_ahead.py::test_a_file_name_that_is_no_utf8_stops_nobody",
    ),
    "a store that git cannot read stops no other repository": Guard(
        "foresight.py", "            self._unread(task, error)\n", "            raise\n",
        "tests/stories/test_store_trouble.py::"
        "test_one_store_that_git_cannot_read_stops_no_other_repository",
    ),
    "a spoilt store is doubted where a waiting task is looked at": Guard(
        "foresight.py", "            if workspace.of(self.world).doubt(task.repo, error):\n",
        "            if False:\n",
        "tests/stories/test_store_trouble.py::"
        "test_one_store_that_git_cannot_read_stops_no_other_repository",
    ),
    "I9 interruptions are bounded": Guard(
        "reaper.py", "or interrupted > FORGIVEN:", "or False:",
        "tests/stories/test_stopped.py::test_interruptions_are_forgiven_but_not_for_ever",
    ),
    "G4 a push from a spoilt store is given up with its work": Guard(
        "settle.py", "        if not room.doubt(task.repo, error):\n", "        if True:\n",
        "tests/stories/test_runtime_deleted.py::test_work_that_was_spoilt_before_its_push_is_made",
    ),
    "G4 an update from a spoilt store is made from a new one": Guard(
        "pr_monitor.py", "            if workspace.of(world).doubt(task.repo, error):\n",
        "            if False:\n",
        "tests/stories/test_runtime_deleted.py::test_an_update_from_a_spoilt_store_is_made",
    ),
    "G4 a damaged store is made anew": Guard(
        "workspace.py", "            if store.condemned:\n", "            if False:\n",
        "tests/test_workspace.py::test_what_can_be_read_of_a_damaged_store_is_taken_along",
    ),
    "G5 a young lock is its owner's": Guard(
        "adapters/store.py", "if survivors.is_abandoned(path, STALE_LOCK_SECONDS):", "if True:",
        "tests/test_workspace.py::test_a_fresh_young_lock_of_the_store_is_left_to_its_owner",
    ),
    "G5 an old lock that is open": Guard(
        "adapters/survivors.py",
        "return age > older_than_seconds and not any(_has_open(p.pid, str(path)) for p in alive())",
        "return age > older_than_seconds",
        "tests/test_workspace.py::test_an_old_lock_that_a_process_has_open_is_left_to_it",
    ),
    "G5 a lock of gc goes as any other": Guard(
        "adapters/store.py", 'LOCKED_BELOW = ("refs", "objects/info", "objects/pack")',
        'LOCKED_BELOW = ("refs",)',
        "tests/test_workspace.py::test_an_old_lock_of_a_killed_gc_does_not_stop_the_next_one",
    ),
    "G5 a task's own lock stops no salvage": Guard(
        "workspace.py", "            store.remove_locks(tree.task_id, tree.branch)\n", "",
        "tests/test_workspace.py::test_a_lock_of_a_task_s_own_index_keeps_no_worktree_for_ever",
    ),
    "G5 what a cut fetch left is removed": Guard(
        "workspace.py", "            store.remove_halves()\n            if", "            if",
        "tests/test_workspace.py::test_what_a_fetch_that_was_cut_short_left_behind_is_removed",
    ),
    "G5 no whole pack is taken for a half": Guard(
        "adapters/store.py", "for name in names if name.startswith(HALVES))", "for name in names)",
        "tests/test_workspace.py::test_what_a_fetch_that_was_cut_short_left_behind_is_removed",
    ),
    "G2 an old base's ref is not in the way of the new one": Guard(
        "workspace.py", "            elif not store.make_way(base):\n", "            else:\n",
        "tests/test_workspace.py::test_a_base_that_cannot_be_beside_the_one_before_is_fetched",
    ),
    "G4 a store that owes work is not taken for a leftover": Guard(
        "adapters/inheritance.py", "        if missed:\n            lines",
        "        if False:\n            lines",
        "tests/test_workspace.py::"
        "test_work_that_cannot_be_read_keeps_no_other_and_stays_with_the_old_store",
    ),
    "G4 a ref that cannot be read keeps no other": Guard(
        "adapters/inheritance.py", "if done.exit_code != 0 and not done.timed_out:", "if False:",
        "tests/test_workspace.py::"
        "test_work_that_cannot_be_read_keeps_no_other_and_stays_with_the_old_store",
    ),
    "G4 a new store's refs are not replaced by an old one's": Guard(
        "adapters/inheritance.py",
        'elif not ref.startswith("refs/agent-os/") and not git.is_ancestor(sha, here):',
        "elif False:",
        "tests/test_workspace.py::"
        "test_what_was_made_in_the_new_store_is_not_replaced_by_the_old_one_s",
    ),
    "G4 a torn HEAD hides no ref of the old store": Guard(
        "adapters/inheritance.py", "    _make_readable(aside)\n", "",
        "tests/test_workspace.py::"
        "test_of_a_store_in_which_git_finds_nothing_the_refs_are_taken_along",
    ),
    "G4 a store that was being made anew is gone on with": Guard(
        "adapters/store.py", "        for aside in self.asides(OWING):\n",
        "        for aside in self.asides(OWING)[:0]:\n",
        "tests/test_workspace.py::"
        "test_killed_at_any_step_of_making_a_store_anew_the_next_one_takes_all_along[after]",
    ),
    "G4 a new store is not condemned with the old one": Guard(
        "adapters/store.py", '        files.remove_file(aside / "agent-os" / "condemned")\n', "",
        "tests/test_workspace.py::test_what_can_be_read_of_a_damaged_store_is_taken_along",
    ),
    "G4 a worktree on no branch fails no fetch": Guard(
        "adapters/store.py", 'if not _content(head).startswith(b"ref: "):', "if False:",
        "tests/test_workspace.py::test_a_worktree_on_no_branch_does_not_stop_the_new_store",
    ),
    "G4 what is ours comes along without the remote": Guard(
        "workspace.py", "                inheritance.take_along(store)\n                raise\n",
        "                raise\n",
        "tests/test_workspace.py::test_what_is_ours_comes_along_whatever_the_remote_does",
    ),
    "G4 no retention removes a store that owes work": Guard(
        "housekeeping.py", "if store.suffix == stores.BROKEN]", 'if store.suffix != ".git"]',
        "tests/test_housekeeping.py::"
        "test_a_damaged_store_with_work_that_is_nowhere_else_stays_and_is_told_of",
    ),
    "G4 what came along once does not come again": Guard(
        "adapters/inheritance.py", "owed = left_in(aside) or refs", "owed = refs",
        "tests/test_workspace.py::"
        "test_work_that_cannot_be_read_keeps_no_other_and_stays_with_the_old_store",
    ),
    "G11 nothing of a task under way": Guard(
        "housekeeping.py", " if tree.name not in alive]", "]",
        "tests/test_housekeeping.py::"
        "test_the_worktree_of_a_task_under_way_stays_whatever_its_age_and_size",
    ),
    "M5 an unknown word is not green": Guard(
        "rules/checks.py", "return STATES.get(word, CheckState.PENDING)",
        "return STATES.get(word, CheckState.PASS)",
        "tests/rules/test_checks.py::test_every_word_has_one_meaning_and_a_new_one_is_pending",
    ),
    "M8 behind is brought up to date": Guard(
        "rules/obstacles.py", "    if facts.behind:\n", "    if False:\n",
        FAULTS + "test_merging.py::test_f19_the_base_moves_between_verdict_and_merge",
    ),
    "M10 no answer is not asked again": Guard(
        "rules/merge.py", "Trouble.SERVER: AfterCall.AMBIGUOUS", "Trouble.SERVER: AfterCall.LATER",
        "tests/rules/test_merge.py::test_what_follows_the_merge_call",
    ),
    "M10 a merge that never gets an answer is no endless call": Guard(
        "landing.py",
        "if world.clock.now() - mark.asked < PATIENCE:", "if True:",
        MERGING + "test_a_merge_that_never_gets_an_answer_is_a_persons_turn_after_an_hour",
    ),
    "M10 what the base says outweighs an hour without an answer": Guard(
        "landing.py", "        return True\n    reason = (\n        f\"GitHub gives no clear",
        "        pass\n    reason = (\n        f\"GitHub gives no clear",
        MERGING + "test_a_merge_that_shows_after_an_hour_without_an_answer_is_recorded",
    ),
    "M11 unknown is not mergeable": Guard(
        "rules/obstacles.py", "    if pull.mergeable is None:\n", "    if False:\n",
        FAULTS + "test_merging.py::test_f25_whether_it_can_be_merged_is_not_known",
    ),
    "M12 a merge of ours is remembered": Guard(
        "rules/obstacles.py", "    if mark is not None and mark.sha:\n", "    if False:\n",
        "tests/rules/test_merge.py::test_one_changed_fact_that_keeps_it_from_merging",
    ),
    "Q3 a copy is not worked on beside its original": Guard(
        "adapters/mailroom.py", "os.path.lexists(self.file_name(state, task.task_id))", "False",
        "tests/adapters/test_mailroom.py::test_a_copy_beside_its_original_is_never_worked_on",
    ),
    "Q5 a claim of the living": Guard(
        "adapters/mailroom.py",
        "if claim and claim.uuid != slot.uuid and self.locks.is_live(claim.slot, claim.uuid):",
        "if False:",
        "tests/adapters/test_mailroom.py::test_a_claim_of_the_living_is_left_alone_and_one_of",
    ),
    "Q5 only the holder is alive": Guard(
        "adapters/inspection.py",
        "return bool(line.uuid) and self.locks.is_live(line.slot, line.uuid)",
        "return bool(line.uuid)",
        "tests/adapters/test_mailroom.py::test_a_claim_whose_worker_died_is_stale",
    ),
    "I12 what a person parks in blocked/ stays there": Guard(
        "reaper.py", "until is not None and until <= stray.moved_at:", "until is None:",
        "tests/test_supervisor.py::test_a_time_that_was_over_when_a_person_parked_it_means_nothing",
    ),
    "I12 a wait that is over leaves no time in the file": Guard(
        "supervisor.py", "due = structs.replace(task, not_before=None)", "due = task",
        "tests/test_supervisor.py::"
        "test_what_a_person_parks_stays_there_whatever_it_waited_for_before",
    ),
    "I12 what was put into blocked/ a moment ago is marked before it is due": Guard(
        "supervisor.py", " or task.state not in {State.BLOCKED, None}:", ":",
        "tests/test_supervisor.py::test_a_time_that_was_over_when_a_person_parked_it_means_nothing",
    ),
    "I12 what a person saves and moves at once is no move of ours": Guard(
        "adapters/inspection.py",
        "edited = taskfile.was_edited(files.read_bounded(found.path, LARGEST_FILE))",
        "edited = False",
        "tests/adapters/test_mailroom.py::"
        "test_what_a_person_saves_and_moves_in_one_breath_is_no_move_of_ours",
    ),
    "I12 every file of ours is sealed": Guard(
        "adapters/mailroom.py", "return stored, taskfile.seal(data)", "return stored, data",
        "tests/adapters/test_mailroom.py::"
        "test_what_a_person_saves_and_moves_in_one_breath_is_no_move_of_ours",
    ),
    "E8 what is closed after a move by hand is meant for its round": Guard(
        "adapters/mailroom.py", "State.INBOX, self.moved_at(found), PERSON)",
        "State.INBOX, now, PERSON)", "tests/stories/test_second_rounds.py::"
        "test_moved_to_the_inbox_and_closed_before_a_worker_takes_it_no_agent_runs",
    ),
    "E8 the reaper dates a move by hand by the move": Guard(
        "reaper.py", ", at=stray.moved_at)", ")", "tests/stories/test_second_rounds.py::"
        "test_a_move_by_hand_is_dated_by_the_move_and_not_by_our_next_look",
    ),
    "I12 a deleted file stays deleted though its label could not be taken off": Guard(
        "github_dispatcher.py", "if github_sync.was_told(world, task) and", "if False and",
        "tests/stories/test_people.py::"
        "test_a_deleted_file_is_a_decision_though_its_label_could_not_be_taken_off",
    ),
    "Q7 the old run is fenced": Guard(
        "reaper.py",
        "    killed = process.kill_processes_in(world.paths.worktree(task.repo, task.task_id))\n",
        "    killed = ()\n", FAULTS + "test_mailbox.py::test_f04_a_worker_killed_in_the_middle",
    ),
    "Q9 a bad file does not stop the good ones": Guard(
        "adapters/shelves.py", "        except UnicodeDecodeError:\n            self._set_aside(",
        "        except UnboundLocalError:\n            self._set_aside(",
        "tests/adapters/test_mailroom.py::test_what_is_no_task_is_set_aside_once_and_the_rest",
    ),
    "Q9 a file of ours never outgrows its readers": Guard(
        "texts/fitting.py", "    if len(data) <= FRONT:\n", "    if True:\n",
        "tests/adapters/test_mailroom.py::test_a_file_never_outgrows_its_own_reader",
    ),
    "Q11 a torn line is closed first": Guard(
        "adapters/files.py", '(b"\\n" if torn else b"") + line', "line",
        "tests/adapters/test_files.py::test_lines_survive_a_torn_one",
    ),
    "Q12 who waits long goes up": Guard(
        "rules/priority.py", "steps = max(0, (now - since) // ages_up)", "steps = 0",
        "tests/rules/test_priority.py::test_who_waits_long_goes_up_a_class_and_then_another",
    ),
    "an open pull request is waited for": Guard(
        "adapters/gh_queries.py", 'open="OPEN" in {state.state, state.pull_state},',
        'open=state.state == "OPEN",',
        "tests/stories/test_issue_to_merge.py"
        "::test_what_waits_for_a_pull_request_starts_when_that_is_merged",
    ),
    "Q12 what ages is the wait, not the issue": Guard(
        "adapters/mailbox_index.py", "began=task.began", "began=task.created",
        "tests/stories/test_nobody_starves.py"
        "::test_an_old_issue_of_low_priority_does_not_go_before_an_urgent_one",
    ),
    "I12 a person's save is not overwritten": Guard(
        "adapters/files.py", "            _take_back_unless(expected, temporary, path)\n", "",
        "tests/adapters/test_files.py::test_a_save_between_look_and_exchange_is_given_back",
    ),
    "A1 a write is sent once": Guard(
        "adapters/gh_write.py", "retry=None,", "retry=3,",
        "tests/adapters/test_gh_write.py::test_a_write_is_sent_once_and_its_trouble_is_named",
    ),
    "E4 of two marks the older counts": Guard(
        "adapters/markers.py", "return min(ours, key", "return max(ours, key",
        FAULTS + "test_github.py::test_f16_a_list_that_lags_behind_what_was_made",
    ),
    "G8 the store's settings are ours again": Guard(
        "adapters/store.py", "            if files.read_bounded(config, 65_536) == CONFIG:\n",
        "            if files.read_bounded(config, 65_536):\n",
        FAULTS + "test_agents.py::test_f32_an_agent_sets_traps_in_git[config]",
    ),
    "S4 nothing of an agent survives": Guard(
        "adapters/process.py",
        "lambda: survivors.of_attempt(folder, born=born, children_before=before)", "lambda: set()",
        FAULTS + "test_agents.py::test_f33_an_agent_leaves_a_program_behind",
    ),
    "S7 an edit after Ready": Guard(
        "intake.py",
        "return changed is not None and (since is None or changed > since)",
        "return False",
        FAULTS + "test_agents.py::test_f35_an_issue_hides_an_order_or_changes_after_ready",
    ),
    "A7 not found just after the work is a delay": Guard(
        "settle.py", "trouble.trouble, attempt.judged, world.clock.now()",
        "trouble.trouble, None, world.clock.now()",
        GITHUB + "test_not_found_just_after_the_work_is_githubs_delay",
    ),
    "A7 an issue that was there a moment ago is closed": Guard(
        "github_sync.py", "or early:", "and not early:",
        GITHUB + "test_an_issue_is_closed_though_it_was_not_found_a_moment_after_its_report[GET]",
    ),
    "A7 for some minutes": Guard(
        "rules/failures.py", "return abs(now - known_at) < FRESH", "return False",
        "tests/rules/test_failures.py::test_what_was_there_a_moment_ago_is_not_gone",
    ),
    "A8 a board that was not read says nothing": Guard(
        "github_dispatcher.py", "if not unread.isdisjoint(its.boards):", "if False:",
        GITHUB + "test_a_label_waits_while_its_board_cannot_be_read",
    ),
    "A11 in a repository that is closed to us nothing is started": Guard(
        "github_dispatcher.py", "repositories.pop(slug.lower())", "pass",
        "tests/stories/test_odd_answers.py::"
        "test_a_repository_that_is_closed_is_told_once_and_starts_nothing",
    ),
    "only what is done leaves the board": Guard(
        "rules/archive.py", "if item.status == done and", "if",
        "tests/rules/test_archive.py::test_a_card_leaves",
    ),
    "an app's token is not begun with in its last minutes": Guard(
        "adapters/gh_app.py", "until=now + lasts - MARGIN", "until=now + lasts",
        "tests/adapters/test_gh_app.py::"
        "test_a_token_serves_all_processes_until_shortly_before_its_end",
    ),
    "a trail that was cut off is told from its beginning": Guard(
        "adapters/events.py", " and mark.offset <= part.stat().st_size", "",
        "tests/adapters/test_events.py::test_a_trail_that_begins_anew_is_read_from_its_beginning",
    ),
    "A5 nothing is taken from what is known without asking GitHub": Guard(
        "adapters/gh_read.py", "answer.status_code == 304:", "answer.status_code < 600:",
        "tests/adapters/test_gh_etags.py::test_a_refusal_is_a_refusal_whatever_is_known",
    ),
    "A8 what comes after a full page is asked for, whatever is known": Guard(
        "adapters/gh_etags.py", "return None if _ends_full(url, kept) else kept", "return kept",
        "tests/adapters/test_gh_etags.py::test_the_entry_after_a_full_page_is_seen",
    ),
    "A8 checks that do not add up are not known": Guard(
        "adapters/gh_answers.py", "if len(found) != total:", "if False:",
        "tests/adapters/test_gh_checks.py::test_half_a_list_is_no_list",
    ),
    "A8 nor is one whose part is missing": Guard(
        "adapters/gh_read.py", "if not (may_miss and may_be_missing(error.path, kind)):",
        "if not may_miss:",
        "tests/adapters/test_gh_read.py::"
        "test_one_pull_request_that_is_closed_to_us_hides_no_other_but_a_part_is_no_whole",
    ),
    "A8 a board is read to its last page": Guard(
        "adapters/gh_queries.py",
        "if not project.items.page_info.has_next_page or after is None:", "if True:",
        "tests/adapters/test_gh_read.py::"
        "test_a_board_is_read_page_by_page_and_each_card_counts_once",
    ),
    "A8 labels that are not all there": Guard(
        "rules/obstacles.py", "if not pull.labels_complete:", "if False:",
        "tests/rules/test_merge.py::test_one_changed_fact_that_keeps_it_from_merging",
    ),
    "A8 reviews that are not all there": Guard(
        "rules/reviews.py", "if not pull.reviews_complete:", "if False:",
        "tests/rules/test_merge.py::test_one_changed_fact_that_keeps_it_from_merging",
    ),
    "E1 the second look comes after GitHub's lag": Guard(
        "adapters/effects.py", "return looked and since >= SECOND_LOOK", "return looked",
        "tests/adapters/test_effects.py::test_two_looks_in_a_row_are_one",
    ),
    "E5 what guards a creation is read to its end": Guard(
        "adapters/gh_read.py", 'url = answer.links.get("next", {}).get("url")', "url = None",
        FAULTS + "test_github.py::test_f15_our_comment_is_on_the_second_page",
    ),
    "M10 a merge that GitHub forgot is known by its tree": Guard(
        "scrutiny.py", "if history.same_tree(git, made.sha, head)]", "if False]",
        "tests/stories/test_forge_faults.py::"
        "test_f17_a_merge_that_github_forgot_is_never_made_again[rebase]",
    ),
    "M10 what the base holds is not merged again": Guard(
        "rules/obstacles.py", "elif mark is not None and facts.in_base:", "elif False:",
        "tests/stories/test_forge_faults.py::"
        "test_f17_a_merge_that_github_forgot_is_never_made_again[squash]",
    ),
    "M15 a branch is deleted where it was merged": Guard(
        "landing.py", "delete_branch(task.repo, task.branch, expected=head)",
        "delete_branch(\n                task.repo, task.branch, expected=world.wire.ls("
        "\n                    workspace.of(world).url(task.repo), f\"refs/heads/{task.branch}\""
        "\n                ) or head)",
        "tests/stories/test_nobody_starves.py::"
        "test_a_branch_to_which_somebody_pushed_after_the_merge_is_kept",
    ),
    "M15 a branch on which somebody built stays": Guard(
        "landing.py", "    if above:\n", "    if False:\n",
        "tests/stories/test_nobody_starves.py::"
        "test_a_branch_on_which_somebody_built_is_kept[True]",
    ),
    "G7 nothing planted in a repository runs": Guard(
        "adapters/git.py", '        "core.hooksPath=/dev/null",\n', "",
        "tests/adapters/test_git.py::test_nothing_planted_in_a_repository_runs",
    ),
    "G9 the token stands in no argument": Guard(
        "adapters/wire.py", '("git", *git.FLAGS, *STALL,',
        '("git", "-c", f"aos.key={self._credential(url)}", *git.FLAGS, *STALL,',
        "tests/adapters/test_wire.py::test_the_token_is_in_no_argument_no_config_and_no_address",
    ),
    "G11 only what lies inside is removed": Guard(
        "adapters/files.py",
        'if path.name in {"", ".", ".."} or fence not in real.parents:', "if False:",
        "tests/adapters/test_files.py::test_only_what_lies_inside_is_removed",
    ),
    "S8 what an issue hides reaches nobody": Guard(
        "texts/issues.py", "text = markdown.visible(issue.body[:READ])",
        "text = issue.body[:READ]",
        "tests/texts/test_issues.py::test_what_a_reader_does_not_see_reaches_nobody",
    ),
    "S15 a text that cannot be searched is withheld": Guard(
        "texts/redact.py", "            return WITHHELD\n", "            return text\n",
        "tests/texts/test_redact.py::test_a_text_that_cannot_be_searched_is_withheld",
    ),
    "S16 a Telegram token behind /bot": Guard(
        "texts/shapes.py", 'r"\\d:(?<=\\d{5}:)', 'r"\\d:(?<=\\b\\d{5}:)',
        "tests/texts/test_redact.py::test_a_secret_is_found_by_its_shape",
    ),
    "S16 a GitHub token with a JSON web token in it": Guard(
        "texts/shapes.py", 'r"gh[pousr]_[A-Za-z0-9._-]{36,}"', 'r"gh[pousr]_[A-Za-z0-9]{36}"',
        "tests/texts/test_redact.py::test_a_secret_is_found_by_its_shape",
    ),
    "S19 files are their owner's": Guard(
        "adapters/files.py", "descriptor = os.open(temporary, flags, 0o600)",
        "descriptor = os.open(temporary, flags, 0o644)",
        "tests/adapters/test_files.py::test_a_written_file_is_private_and_alone",
    ),
    "S19 logs are their owner's": Guard(
        "adapters/files.py", "return os.open(path, flags, 0o600)",
        "return os.open(path, flags, 0o644)",
        "tests/adapters/test_files.py::test_logs_are_private",
    ),
    "S19 folders are their owner's": Guard(
        "adapters/files.py", "os.mkdir(path, 0o700)", "os.mkdir(path, 0o755)",
        "tests/adapters/test_files.py::test_folders_are_private_and_a_file_in_the_way_is_told",
    ),
    "C1 one at a time": Guard(
        "tick.py", "lock = locks.try_script(script)", 'lock = locks.try_script("watchdog")',
        "tests/test_health.py::test_an_overlap_says_who_and_since_when_and_the_tenth_is_an_alert",
    ),
    "C1 a wrapper's files are its owner's": Guard(
        "../bin/common.sh", "umask 077", "umask 022",
        "tests/test_wrappers.py::test_starts_its_script_from_anywhere_without_an_environment",
    ),
    "C1 a wrapper begins at the root": Guard(
        "../bin/common.sh", 'cd -- "$ROOT"', ":",
        "tests/test_wrappers.py::test_starts_its_script_from_anywhere_without_an_environment",
    ),
    "C1 a script that hangs is ended": Guard(
        "../bin/common.sh", 'if [ "$seconds" != 0 ] &&', "if false &&",
        "tests/test_wrappers.py::test_a_script_that_hangs_is_ended",
    ),
    "C14 a wrapper passes its signal on": Guard(
        "../bin/common.sh", "trap 'kill -TERM \"$child\" 2>/dev/null || true' TERM HUP",
        "trap : TERM HUP",
        "tests/test_wrappers.py::test_a_signal_to_the_wrapper_ends_its_script_in_order",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GUARDS)
def test_each_guard_stands_where_the_table_says(name: str) -> None:
    guard = GUARDS[name]
    source = (ROOT / "orchestrator" / guard.file).read_text()
    assert source.count(guard.line) >= 1, f"{guard.file} does not hold {guard.line!r} any more"
    assert guard.line != guard.broken
    if guard.file.endswith(".py"):
        ast.parse(source.replace(guard.line, guard.broken, 1))


@pytest.mark.parametrize("name", GUARDS)
def test_each_guard_is_watched_by_a_test(name: str) -> None:
    file, _, test = GUARDS[name].test.partition("::")
    known = functions(file)
    wanted = test.partition("[")[0]
    assert wanted and any(one.startswith(wanted) for one in known), f"{test} in {file}"


@cache
def functions(file: str) -> list[str]:
    walked = ast.walk(ast.parse((ROOT / file).read_text()))
    return [node.name for node in walked if isinstance(node, ast.FunctionDef)]


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree in which every watching test is green."""
    copy = tmp_path_factory.mktemp("healthy") / "tree"
    shutil.copytree(
        ROOT, copy, symlinks=True,
        ignore=lambda folder, names: {
            name for name in names
            if name in {".git", ".venv", "__pycache__", ".hypothesis"} or "_cache" in name
            or (Path(folder) == ROOT and name == "runtime")
        },
    )  # fmt: skip
    done = run(copy, *dict.fromkeys(guard.test for guard in GUARDS.values()), patience=600)
    assert done.returncode == 0, done.stdout[-3000:]
    return copy


def run(
    tree: Path, *tests: str, patience: float = PATIENCE
) -> subprocess.CompletedProcess[str]:
    """The named tests in a tree; a name may be the beginning of one, for a line's sake."""
    chosen = [whole(tree, test) for test in tests]
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop(SWITCH, None)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *chosen],
        cwd=tree, env=environment, capture_output=True, text=True, timeout=patience, check=False,
    )  # fmt: skip


def whole(tree: Path, test: str) -> str:
    file, _, name = test.partition("::")
    bare, bracket, case = name.partition("[")
    text = (tree / file).read_text()
    found = next(
        line[4:].partition("(")[0]
        for line in text.splitlines()
        if line.startswith(f"def {bare}")
    )
    return f"{file}::{found}{bracket}{case}"


@BY_HAND
@pytest.mark.parametrize("name", GUARDS if ASKED else ["all of them"])
def test_a_broken_guard_is_noticed(healthy: Path, tmp_path: Path, name: str) -> None:
    guard = GUARDS[name]
    tree = tmp_path / "tree"
    shutil.copytree(healthy, tree, symlinks=True)
    path = tree / "orchestrator" / guard.file
    sound = path.read_text()
    path.write_text(sound.replace(guard.line, guard.broken, 1))
    assert path.read_text() != sound, f"{guard.file} changed while this ran; run it again"
    try:
        done = run(tree, guard.test)
    except subprocess.TimeoutExpired:
        return  # without it a worker may take the same task for ever: that is noticed too
    assert done.returncode == 1, f"nobody noticed: {guard.test}\n{done.stdout[-2000:]}"
