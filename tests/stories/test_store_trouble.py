"""Git's trouble in one store is one repository's trouble; the others go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator import supervisor, workspace
from orchestrator.records.task import State
from tests.stories.test_merge_safety import QUICK
from tests.stories.test_runtime_deleted import spoil
from tests.support import repos
from tests.support.office import REPOSITORY, SEED, SLUG, Office, an_office, writes

OTHER = "maria/other"
ROOM = {"name": OTHER, "files": {"README.md": "# Other\n"}, "collaborators": {"robot": "write"}}
TWO = {**SEED, "repos": [*SEED["repos"], ROOM]}
REPOS = [{**REPOSITORY, **QUICK, "github_repo": slug} for slug in (SLUG, OTHER)]
PROJECTS: dict[str, Any] = {"github_projects": {"work": {"project_number": 1, "repos": REPOS}}}
PARTIAL = "STATUS: partial\nBLOCKER_CODE: none\nSUMMARY: Half of it.\n"


def rewritten(office: Office, folder: Path) -> None:
    """A person gives main a history of its own; the next fetch of any task brings it in."""
    repos.git(folder, "init", "--quiet", "-b", "main", "anew")
    (folder / "anew" / "README.md").write_text("# All anew\n")
    repos.git(folder / "anew", "add", "--all")
    repos.git(folder / "anew", "commit", "--quiet", "-m", "A new beginning")
    where = office.github.git_url(SLUG, "maria-token")
    repos.git(folder / "anew", "push", "--quiet", "--force", where, "main")
    workspace.of(office.world).refresh(SLUG, "main")


def begun_beside_another(office: Office) -> int:
    """One is in review, and held there; another waits for its second agent: its issue."""
    held = office.ready("Easy")
    office.dispatch()
    office.queue()
    assert office.state_of(held) is State.REVIEW, office.told()
    number = office.pulls()[0]["number"]
    office.api.post(f"/repos/{SLUG}/issues/{number}/labels", json={"labels": ["hold"]})
    office.pass_time(10)
    office.monitor()  # its paths are known now
    hard = office.ready("Hard")
    office.dispatch()
    office.queue()
    assert office.state_of(hard) is State.INBOX and office.task(hard).attempts[-1].head_sha
    return hard


@pytest.mark.parametrize("trouble", ["a power loss", "another history"])
def test_one_store_that_git_cannot_read_stops_no_other_repository(
    tmp_path: Path, trouble: str
) -> None:
    def agent(folder: Path, prompt: str) -> str:
        if "Title: Hard" not in prompt:
            return str(writes("one.txt", "x\n")(folder, prompt))
        (folder / "hard.txt").write_text("half\n")
        switch.parent.mkdir(parents=True, exist_ok=True)
        switch.touch()  # or the worker went on with the second agent
        return PARTIAL

    with an_office(tmp_path, seed=TWO, config=PROJECTS, agent=agent) as office:
        switch = office.world.paths.off_d / "queue"
        hard = begun_beside_another(office)
        if trouble == "a power loss":
            spoil(office, hard, "^{tree}")
        else:
            rewritten(office, tmp_path)
        switch.unlink()
        inbox = office.world.mailroom.folder(State.INBOX)
        (inbox / "elsewhere.md").write_text(f"---\nrepo: {OTHER}\n---\n\n## Goal\n\nAdd one.\n")
        assert supervisor.could_start(office.world) == 2
        office.queue()
        assert any(OTHER in line and "attempt 1" in line for line in office.said), office.told()
        damaged = trouble == "a power loss"
        assert ("the next fetch makes it anew" in office.told()) is damaged, office.told()
        assert (len(office.task(hard).attempts) > 1) is damaged, office.told()
