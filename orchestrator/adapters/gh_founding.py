"""What is written to GitHub once, when a person sets an installation up: labels and boards."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from orchestrator.adapters import gh_documents
from orchestrator.adapters.gh_write import GitHubWrite
from orchestrator.records.errors import GitHubTrouble, Trouble
from orchestrator.rules.pacing import Write
from orchestrator.rules.statuses import Option
from orchestrator.texts.labels import Label


class Made(Struct, frozen=True, kw_only=True):
    """A board that is there now."""

    id: str
    number: int
    url: str = ""


class Founding(GitHubWrite):
    """As every write: one request each, its refusal typed."""

    def create_label(self, slug: str, label: Label) -> bool:
        """Whether it was made; one that is there stays as it is, whatever its colour."""
        sent = {"name": label.name, "color": label.color, "description": label.description}
        try:
            with self._answering(f"label {label.name} in {slug}"):
                self._send("POST", f"/repos/{slug}/labels", sent)
        except GitHubTrouble as trouble:
            if trouble.trouble is Trouble.VALIDATION and "already_exists" in str(trouble):
                return False
            raise
        return True

    def create_board(self, owner_id: str, title: str) -> Made:
        with self._answering(f"board {title}", Write.CONTENT):
            asked = {"owner": owner_id, "title": title}
            found = self._mutate(gh_documents.CREATE_BOARD, asked)["createProjectV2"]["projectV2"]
            return Made(id=found["id"], number=found["number"], url=found.get("url", ""))

    def put_options(self, field_id: str, options: Sequence[Option], *, named: bool) -> None:
        """Give a status field these options and no others; `named`: say which ones were there.

        Where GitHub does not let them be named, every card loses its status.
        """
        told = [
            {"name": one.name, "color": one.color, "description": one.description}
            | ({"id": one.id} if named and one.id else {})
            for one in options
        ]
        with self._answering("options of the board's status"):
            self._mutate(gh_documents.PUT_OPTIONS, {"field": field_id, "options": told})

    def link_board(self, board: str, repository: str) -> None:
        """Show the board among a repository's projects, both by node id."""
        with self._answering("link from a repository to the board"):
            self._mutate(gh_documents.LINK_BOARD, {"project": board, "repository": repository})
