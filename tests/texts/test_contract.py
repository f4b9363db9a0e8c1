"""The result contract: lenient in form, strict in meaning (S10)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.records.result import (
    AGENT_CODES,
    Answer,
    AnswerKind,
    BlockerCode,
    Result,
    Status,
)
from orchestrator.texts import contract

PLAIN = """\
STATUS: complete
BLOCKER_CODE: none
SUMMARY: The parser reads dates.
It also reads times.
DONE:
- dates
- times
BLOCKERS: none
NEXT_STEP: none
FILES_CHANGED: `a.py`, b/c.py
TESTS_RUN:
- pytest: 3 passed
DECISIONS:
- kept the old name
  because others import it
RISKS: n/a
ATTEMPTED_APPROACHES:
1. a regular expression
2) a table
MANUAL_STEPS:
- [ ] set the variable
REPORT: none
"""


def test_the_original_form_is_read_whole():
    assert contract.parse(PLAIN.encode()) == Result(
        status=Status.COMPLETE,
        summary="The parser reads dates.\nIt also reads times.",
        done=("dates", "times"),
        files_changed=("a.py", "b/c.py"),
        tests_run=("pytest: 3 passed",),
        decisions=("kept the old name because others import it",),
        attempted_approaches=("a regular expression", "a table"),
        manual_steps=("set the variable",),
    )


@pytest.mark.parametrize(
    "form",
    [
        "STATUS: blocked\nBLOCKER_CODE: timeout\nSUMMARY: slow",
        "STATUS : Blocked\r\nBLOCKER_CODE : TIMEOUT\r\nSUMMARY : slow\r\n",
        "## STATUS\nblocked\n\n## BLOCKER_CODE\n`timeout`\n\n## SUMMARY\nslow",
        "### Status: blocked\n### Blocker code: timeout\n### Summary: slow",
        "**STATUS**: blocked\n**BLOCKER_CODE**: timeout\n**SUMMARY**: slow",
        "**STATUS:** blocked\n**BLOCKER_CODE:** timeout\n**SUMMARY:** slow",
        "**STATUS: blocked**\n**BLOCKER_CODE: timeout**\nSUMMARY: slow",
        "- STATUS: blocked\n- BLOCKER_CODE: timeout\n- SUMMARY: slow",
        "- **Status**: blocked\n- **Blocker-Code**: timeout\n- **Summary**: slow",
        "SUMMARY: slow\nBLOCKER_CODE: timeout\nSTATUS: blocked.",
        "```\nSTATUS: blocked\nBLOCKER_CODE: timeout\nSUMMARY: slow\n```",
        "Here it is:\n\n```markdown\nSTATUS: blocked\nBLOCKER_CODE: timeout\nSUMMARY: slow\n```\n",
        "\ufeffstatus: blocked\nblocker_code: timeout\nsummary: slow",
        "**STATUS**\nblocked\n**BLOCKER_CODE**\n**timeout**\n__SUMMARY__\nslow",
        "> STATUS: blocked\nBLOCKER_CODE: timeout\nSUMMARY: slow",
        "STATUS: blocked\nBLOCKER_CODE: time\u200bout\nSUMMARY: slow",
    ],
)
def test_any_form_of_the_same_claim_reads_the_same(form):
    result = contract.parse(form.encode())
    assert (result.status, result.blocker_code, result.summary, result.problem) == (
        Status.BLOCKED, BlockerCode.TIMEOUT, "slow", "",
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("  \n", "empty"),
        ("I did everything, trust me.", "no filled-in STATUS"),
        ("STATUS:\nSUMMARY: x", "no filled-in STATUS"),
        ("STATUS: complete | partial | blocked", "no filled-in STATUS"),
        ("STATUS: completed", "'completed'"),
        ("STATUS: complete except for the tests", "'complete except"),
        ("STATUS: complete\nor partial", "'complete or partial'"),
        ("BLOCKER_CODE: timeout", "no filled-in STATUS"),
    ],
)
def test_what_is_not_a_claim_is_an_invalid_contract_with_the_reason(text, reason):
    result = contract.parse(text.encode())
    assert result.status is Status.BLOCKED
    assert result.blocker_code is BlockerCode.INVALID_RESULT_CONTRACT
    assert reason in result.problem


def test_the_template_given_back_is_no_claim():
    result = contract.parse(contract.template().encode())
    assert result.blocker_code is BlockerCode.INVALID_RESULT_CONTRACT
    assert result.done == () and result.summary == "" and result.report == ""


def test_a_claim_written_below_the_template_counts():
    result = contract.parse((contract.template() + "\nSTATUS: complete\nSUMMARY: done").encode())
    assert (result.status, result.summary) == (Status.COMPLETE, "done")
    assert result.blocker_code is BlockerCode.NONE


@pytest.mark.parametrize(
    "echo", ["One line. Required when blocked.", "- bullet", "...", "<summary>", "[text]"]
)
def test_placeholders_of_other_templates_say_nothing(echo):
    result = contract.parse(f"STATUS: partial\nBLOCKER_CODE: {echo}\nSUMMARY: {echo}".encode())
    assert result.blocker_code is BlockerCode.INVALID_RESULT_CONTRACT
    assert "there is no BLOCKER_CODE" in result.problem
    assert result.summary == ""


@pytest.mark.parametrize("status", ["partial", "blocked"])
@pytest.mark.parametrize("code", ["", "none", "n/a", "tired", "gate_refused", "no_diff_produced"])
def test_unfinished_work_without_a_code_keeps_its_text(status, code):
    result = contract.parse(f"STATUS: {status}\nBLOCKER_CODE: {code}\nDONE:\n- half".encode())
    assert result.status is Status(status)
    assert result.blocker_code is BlockerCode.INVALID_RESULT_CONTRACT
    assert result.done == ("half",) and result.problem


@pytest.mark.parametrize("code", sorted(AGENT_CODES - {BlockerCode.NONE}))
def test_complete_with_a_blocker_is_read_as_partial(code):
    result = contract.parse(f"STATUS: complete\nBLOCKER_CODE: {code}".encode())
    assert (result.status, result.blocker_code) == (Status.PARTIAL, code)
    assert "read as partial" in result.problem


def test_complete_with_an_unknown_code_is_complete_and_says_so():
    result = contract.parse(b"STATUS: complete\nBLOCKER_CODE: none | timeout")
    assert (result.status, result.blocker_code) == (Status.COMPLETE, BlockerCode.NONE)
    assert "read as none" in result.problem


def test_the_last_of_two_claims_counts():
    assert contract.parse(b"STATUS: complete\n\nSTATUS: blocked\nBLOCKER_CODE: timeout").status is (
        Status.BLOCKED
    )


def test_words_inside_a_code_block_are_no_field():
    text = "STATUS: complete\nSUMMARY: see\n```\nSTATUS: blocked\nBLOCKER_CODE: timeout\n```\n"
    result = contract.parse(text.encode())
    assert result.status is Status.COMPLETE
    assert "STATUS: blocked" in result.summary


def test_prose_that_begins_like_a_field_is_no_field():
    text = "STATUS: complete\nDONE:\n- Done with care\n- done: the index\nRisks are few\nRisks\n"
    assert contract.parse(text.encode()).done == (
        "Done with care", "done: the index Risks are few Risks",
    )


def test_a_report_keeps_its_own_headings():
    text = (
        "STATUS: complete\nREPORT:\n## Summary\nIt works.\n\n**Risks**: none\nDone: yes\n"
        "MANUAL_STEPS:\n- call Ann\n"
    )
    result = contract.parse(text.encode())
    assert result.report == "## Summary\nIt works.\n\n**Risks**: none\nDone: yes"
    assert result.manual_steps == ("call Ann",)


def test_every_field_is_bounded():
    many = "\n".join(f"- {'x' * 900}" for _ in range(99))
    text = f"STATUS: complete\nSUMMARY: {'y' * 9000}\nRISKS:\n{many}\nREPORT: {'z' * 99000}"
    result = contract.parse(text.encode())
    assert len(result.summary) == contract.TEXT_LIMIT
    assert len(result.risks) == contract.ITEMS
    assert max(map(len, result.risks)) == contract.ITEM_LIMIT
    assert len(result.report) == contract.REPORT_LIMIT


def test_what_lies_beyond_the_limit_is_not_read():
    raw = b"x" * contract.LIMIT + b"\nSTATUS: complete"
    assert contract.parse(raw).status is Status.BLOCKED


def test_file_names_with_blanks_stay_whole():
    result = contract.parse(b"STATUS: complete\nFILES_CHANGED:\n- my file.md, changed\n- ``\n")
    assert result.files_changed == ("my file.md, changed",)


PIECES = st.sampled_from([
    *(f"{name}:" for name in contract.FIELDS), "## ", "**", "```", "complete", "blocked", "none",
    "- ", "\n", "\r\n", " | ", "timeout", "\x00", "\u202e", "<!--", "> ", "STATUS: complete\n",
])


@given(st.binary(max_size=400) | st.lists(PIECES | st.text(max_size=5)).map("".join).map(
    lambda text: text.encode("utf-8", "surrogatepass")
))
def test_nothing_makes_it_raise_and_the_code_is_always_an_agents(raw):
    result = contract.parse(raw)
    assert result.blocker_code in AGENT_CODES
    assert (result.status is Status.COMPLETE) == (result.blocker_code is BlockerCode.NONE)


FIXED, DISAGREE, PERSON = AnswerKind.FIXED, AnswerKind.DISAGREE, AnswerKind.NEEDS_PERSON
DONE = "STATUS: complete\nBLOCKER_CODE: none\nSUMMARY: Done.\n"


def answers_of(text: str) -> tuple[Answer, ...]:
    return contract.parse(f"{DONE}{text}".encode()).answers


@pytest.mark.parametrize(
    "text",
    [
        "ANSWERS:\n- 1: fixed - renamed it\n- 2: disagree - the name is public\n"
        "- 3: needs_person - which licence?",
        "## Answers\n\n1. **fixed** - renamed it\n2. disagree: the name is public\n"
        "3. needs a person: which licence?",
        "**ANSWERS**:\n* **1**: Fixed \u2014 renamed it\n* #2: Disagree - the name\n  is public\n"
        "* item 3: NEEDS PERSON - which licence?",
        "ANSWERS: 3: needs-person, which licence?\n- [x] 1 - fixed: renamed it\n"
        "- 2) `disagree` the name is public",
        "ANSWERS\n:\n",
    ][:4],
)
def test_answers_are_read_in_any_form(text):
    assert answers_of(text) == (
        Answer(item=1, kind=FIXED, said="renamed it"),
        Answer(item=2, kind=DISAGREE, said="the name is public"),
        Answer(item=3, kind=PERSON, said="which licence?"),
    )


@pytest.mark.parametrize(
    "text",
    [
        "- <number of the item>: <fixed | disagree | needs_person> - <what you did, or why not>",
        "- 1: <fixed | disagree | needs_person> - <what>",
        "- 1: fixed - <what you did>",
        "- 1: maybe - later",
        "- 1: fixedly",
        "- 1: disagree",
        "- 1:",
        "- one: fixed - it",
        "- everything is fixed",
        "none",
    ],
)
def test_what_answers_nothing_is_no_answer(text):
    assert answers_of(f"ANSWERS:\n{text}\n") == ()


def test_one_line_may_answer_several_items_and_the_last_word_on_one_counts():
    text = "ANSWERS:\n- 1, 2 and 4: fixed - all three\n- 2: disagree - not that one\n- 2: fixed\n"
    said = [(a.item, a.kind, a.said) for a in answers_of(text)]
    assert said == [(1, FIXED, "all three"), (2, DISAGREE, "not that one"), (4, FIXED, "all three")]


def test_the_order_of_the_sections_does_not_matter():
    text = "ANSWERS:\n- 1: fixed\nRISKS:\n- 2: fixed - no answer, a risk\n"
    assert answers_of(text) == (Answer(item=1, kind=FIXED),)


def test_the_form_names_answers_only_where_they_are_asked_for():
    assert "ANSWERS" not in contract.template()
    assert "ANSWERS:" in contract.template(answers=True)
    assert contract.parse(contract.template(answers=True).encode()).answers == ()
