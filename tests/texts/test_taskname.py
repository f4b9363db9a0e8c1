"""Names of tasks: the same Ready gives the same key, whatever the title says now."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.texts import taskname

READY = datetime(2026, 11, 22, 20, 50, tzinfo=UTC)
repositories = st.from_regex(r"[A-Za-z0-9-]{1,39}/[A-Za-z0-9_.-]{1,100}", fullmatch=True)
issues = st.integers(min_value=1, max_value=10**9)


def test_an_id_reads_as_time_repository_issue_and_words():
    made = taskname.new_id(READY, "Acme/web", 12, "Grüße: fix the 2 bugs")
    assert made == "task-20261122T205000Z-acme-web-12-grue-fix-the2-bugs"
    assert taskname.key_of(made) == "task-20261122T205000Z-acme-web-12"
    assert taskname.new_branch(made) == f"agent/{made}"
    assert taskname.ready_at(made) == READY and taskname.ready_at("tidy-up") is None


@given(repositories, issues, st.text(), st.text())
def test_the_key_does_not_depend_on_the_title(repo, issue, title, other):
    one = taskname.new_id(READY, repo, issue, title)
    assert taskname.key_of(one) == taskname.key_of(taskname.new_id(READY, repo, issue, other))
    assert one.startswith(taskname.key_of(one))


@given(repositories, issues, issues, st.text())
def test_another_issue_has_another_key(repo, issue, other, title):
    one, two = (taskname.key_of(taskname.new_id(READY, repo, n, title)) for n in (issue, other))
    assert (one == two) == (issue == other)


@given(st.text())
def test_a_slug_is_short_plain_and_never_empty(title):
    made = taskname.slug(title)
    assert 0 < len(made) <= 40
    assert not any(word.isdigit() for word in made.split("-"))
    assert taskname.is_safe(made)


@given(repositories, st.text())
def test_an_id_is_safe_as_a_file_name_and_a_branch(repo, title):
    assert taskname.is_safe(taskname.new_id(READY, repo, 1, title))


def test_files_whose_names_differ_only_in_lost_letters_stay_apart():
    assert taskname.slug_of_file("päper") != taskname.slug_of_file("pöper")


def test_names_that_would_leave_their_folder_are_not_safe():
    for name in ("", "..", "a/b", "a..b", "-x", ".x", "x.", "a.lock", "a b", "x" * 300):
        assert not taskname.is_safe(name)
