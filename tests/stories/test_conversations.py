"""A review round goes on in the conversation that made the head; where it is gone, without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from orchestrator.records.order import AttemptOrder, AttemptReport
from orchestrator.records.task import State
from tests.agents import recorded
from tests.stories.test_merge_safety import an_open_pull_request
from tests.stories.test_reviews import TWO_READERS, objects, one_round, threads
from tests.support.office import COMPLETE, CONFIG

SESSION = "48007684-3d50-4156-b4a0-49be37609ad7"  # of the recording
ALONE: dict[str, Any] = {
    "agents": {**CONFIG["agents"], "claude": {"sandbox": "none", "network": "allow"}},
    "agent_fallbacks": {"implementation": ["claude"]},
}


@pytest.mark.parametrize("gone", [False, True], ids=["kept", "gone"])
def test_a_review_is_answered_in_the_conversation_that_made_the_work(
    tmp_path: Path, gone: bool
) -> None:
    """Where its program says that it is gone, the same attempt runs once more from the start."""
    prompts: list[str] = []

    def claude(folder: Path, prompt: str) -> AttemptReport:
        prompts.append(prompt)
        if gone and len(prompts) == 2:
            return recorded.report("claude-stream-gone")
        (folder / "first.txt").write_text(f"{len(prompts)}\n")
        said = COMPLETE.format(summary="Did it.")
        said += "ANSWERS:\n- 1: fixed - mended\n- 2: fixed - renamed\n" if len(prompts) > 1 else ""
        return structs.replace(recorded.report("claude-stream-ok"), result=said.encode())

    (tmp_path / ".claude").mkdir()
    (tmp_path / ".claude" / ".credentials.json").write_text("{}")
    with an_open_pull_request(
        tmp_path, seed=TWO_READERS, config=ALONE, agents={"claude": claude}
    ) as (office, issue):
        objects(office, "Rename this.")
        one_round(office)
        task = office.task(issue)
        assert office.state_of(issue) is State.REVIEW, office.told()
        runs = [order for order in office.executor.orders if order.argv[0] == "claude"]
        assert [session_of(order) for order in runs] == ["", SESSION, *([""] if gone else [])]
        assert runs[1].home == runs[0].home, "the conversation is kept there"
        assert "Rename this." in prompts[-1] and len(task.attempts) == 2
        assert [resolved for resolved, _ in threads(office)] == [True]
        assert task.attempts[1].usage is not None
        if gone:
            assert runs[2].home != runs[0].home and runs[2].log_path != runs[1].log_path


def session_of(order: AttemptOrder) -> str:
    words = list(order.argv)
    return words[words.index("--resume") + 1] if "--resume" in words else ""
