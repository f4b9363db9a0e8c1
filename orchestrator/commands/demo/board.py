"""The demo's board and what became of its issues, asked from the forge as anybody would ask."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from orchestrator.adapters import gh_answers, gh_documents
from orchestrator.adapters.clock import Clock
from orchestrator.adapters.gh_keys import Key
from orchestrator.adapters.gh_queries import Queries
from orchestrator.adapters.gh_read import Door
from orchestrator.adapters.gh_write import GitHubWrite
from orchestrator.commands.demo.stage import CannotPlay, Forge, Stage
from orchestrator.records.task import Task
from orchestrator.rules import hosts

OWNER, NUMBER, FIELD = "demo", 1, "Status"
BACKLOG, READY, DONE = "Backlog", "Ready", "Done"


class Card(Struct, frozen=True):
    item: str
    repo: str
    number: int
    status: str
    open: bool


class Run(Struct, frozen=True):
    """A check run, as far as the demo shows it."""

    name: str
    conclusion: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None

    @property
    def seconds(self) -> float:
        if self.started_at is None or self.completed_at is None:
            return 0.0
        return (self.completed_at - self.started_at).total_seconds()


class Runs(Struct, frozen=True):
    check_runs: tuple[Run, ...] = ()


class Watcher:
    """Reads the forge for the demo itself; sets issues Ready, as a person would."""

    def __init__(self, stage: Stage, forge: Forge) -> None:
        self.door = Door(
            key=Key(forge.token),
            api_url=forge.url,
            graphql_url=hosts.doors(forge.url)[0],
            clock=Clock(),
            state_folder=stage.root,
        )
        self.write = GitHubWrite(key=Key(forge.token), api_url=forge.url)
        self.queries = Queries(self.door)

    def project(self) -> gh_answers.Project:
        asked = {"login": OWNER, "number": NUMBER, "field": FIELD, "first": 100, "after": None}
        answer = self.door.graphql(gh_documents.BOARD, asked, gh_answers.BoardAnswer)
        found = answer.repository_owner.project_v2 if answer.repository_owner else None
        if found is None:
            raise CannotPlay("the forge has lost the demo's board; bin/demo.sh --fresh begins anew")
        return found

    def cards(self) -> tuple[Card, ...]:
        return tuple(card for item in self.project().items.nodes if (card := card_of(item)))

    def set_ready(self) -> tuple[Card, ...]:
        """Move what still lies in Backlog to Ready; the cards that were moved."""
        project = self.project()
        field = project.field or gh_answers.Field()
        ready = next(option.id for option in field.options if option.name == READY)
        found = [card for item in project.items.nodes if (card := card_of(item))]
        waiting = tuple(card for card in found if card.status == BACKLOG)
        for card in waiting:
            self.write.set_status(project.id, card.item, field.id, ready)
        return waiting

    def checks(self, task: Task) -> tuple[Run, ...]:
        """The check runs of the head that was merged, else of the last one that was pushed."""
        head = task.merge.head_sha if task.merge else ("", *task.pushed)[-1]
        if not head:
            return ()
        return self.door.get(f"/repos/{task.repo}/commits/{head}/check-runs", Runs).check_runs

    def merged(self, task: Task) -> bool:
        """Whether the one pull request of the task's branch is merged as the task file says."""
        pulls = self.queries.pulls_of_branch(task.repo, task.branch)
        shas = [pull.merge_commit_sha for pull in pulls if pull.merged_at]
        return len(pulls) == 1 and task.merge is not None and shas == [task.merge.sha]


def card_of(item: gh_answers.Item) -> Card | None:
    content, value = item.content, item.field_value_by_name
    if content is None or content.repository is None:
        return None
    return Card(
        item=item.id,
        repo=content.repository.name_with_owner,
        number=content.number,
        status=(value.name or "") if value else "",
        open=content.state == "OPEN",
    )
