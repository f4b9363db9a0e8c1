"""What a token opens: repositories to choose from, and the files of one, without a clone."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import quote

from msgspec import Struct

from orchestrator.adapters.gh_read import Door
from orchestrator.records.errors import GitHubTrouble, Trouble
from orchestrator.rules import access, detection, workflows

LARGEST = 200_000  # bytes of a file that is worth reading
MOST_WORKFLOWS = 20


class Permissions(Struct, frozen=True):
    push: bool = False
    admin: bool = False


class Repository(Struct, frozen=True, kw_only=True):
    """A repository as a person chooses it from a list."""

    full_name: str
    default_branch: str = "main"
    private: bool = False
    archived: bool = False
    has_issues: bool = True
    description: str | None = None
    pushed_at: datetime | None = None
    permissions: Permissions = Permissions()

    @property
    def owner(self) -> str:
        return self.full_name.partition("/")[0]


def usable(repository: Repository) -> bool:
    return repository.permissions.push and not repository.archived


def pushed(repository: Repository) -> float:
    return repository.pushed_at.timestamp() if repository.pushed_at else 0.0


class _Installed(Struct, frozen=True):
    """What an app is installed on."""

    repositories: tuple[Repository, ...] = ()


class _Entry(Struct, frozen=True):
    name: str
    type: str = ""
    size: int = 0


class _File(Struct, frozen=True):
    content: str = ""
    encoding: str = ""


class _Issue(Struct, frozen=True):
    number: int
    title: str


class Account:
    """Questions that a person's set-up asks; each raises GitHubTrouble."""

    def __init__(self, door: Door) -> None:
        self.door = door

    def repositories(self) -> Iterator[Repository]:
        """Those that the token may push to, most recently pushed first; read page by page."""
        limits = self.door.limits
        if limits is not None and limits.kind is access.TokenKind.APP:
            pages = self.door.whole_pages("/installation/repositories?per_page=100", _Installed)
            opened = [one for page in pages for one in page.repositories]
            yield from sorted(filter(usable, opened), key=pushed, reverse=True)
            return
        asked = "affiliation=owner,collaborator,organization_member&sort=pushed&per_page=100"
        yield from filter(usable, self.door.pages(f"/user/repos?{asked}", Repository))

    def repository(self, slug: str) -> Repository:
        return self.door.get(f"/repos/{slug}", Repository)

    def tree(self, slug: str, base: str) -> detection.Tree:
        """The names at the top, and the texts that tell how it is tested; {} where it is empty."""
        top = self._folder(slug, base, "")
        wanted = [one.name for one in top if one.name in detection.TELLING and one.size < LARGEST]
        if any(one.name == ".github" for one in top):
            folder = workflows.FOLDER
            files = [one.name for one in self._folder(slug, base, folder.rstrip("/"))]
            yamls = [name for name in files if name.endswith((".yml", ".yaml"))]
            wanted += [folder + name for name in yamls[:MOST_WORKFLOWS]]
        texts = {path: self._file(slug, base, path) for path in wanted}
        return detection.Tree(names=frozenset(one.name for one in top), texts=texts, base=base)

    def labels(self, slug: str) -> frozenset[str]:
        """The names of its labels, in lower case: to GitHub a label has no capitals."""
        pages = self.door.pages(f"/repos/{slug}/labels?per_page=100", _Label)
        return frozenset(label.name.lower() for label in pages)

    def issue_titled(self, slug: str, title: str, author: str) -> int | None:
        """The number of an issue that this account opened with that title, open or not."""
        asked = f"?state=all&creator={quote(author)}&per_page=100"
        for found in self.door.pages(f"/repos/{slug}/issues{asked}", _Issue):
            if found.title == title:
                return found.number
        return None

    def _folder(self, slug: str, base: str, path: str) -> list[_Entry]:
        try:
            where = f"/repos/{slug}/contents/{quote(path)}?ref={quote(base, safe='')}"
            return self.door.get(where, list[_Entry])
        except GitHubTrouble as trouble:
            if trouble.trouble is Trouble.NOT_FOUND:
                return []
            raise

    def _file(self, slug: str, base: str, path: str) -> str:
        """Its text; "" for one that is gone, too large for this or no text."""
        try:
            where = f"/repos/{slug}/contents/{quote(path)}?ref={quote(base, safe='')}"
            found = self.door.get(where, _File)
        except GitHubTrouble as trouble:
            if trouble.trouble in {Trouble.NOT_FOUND, Trouble.PARTIAL}:
                return ""
            raise
        try:
            raw = base64.b64decode(found.content) if found.encoding == "base64" else b""
        except binascii.Error:
            return ""
        return raw[:LARGEST].decode("utf-8", "replace")


class _Label(Struct, frozen=True):
    name: str
