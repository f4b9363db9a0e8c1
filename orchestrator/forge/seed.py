"""What a new forge starts with, read from a YAML file and applied once, all or nothing.

Every key is optional; names that are not listed here are refused.

    users:
      - {login: maria, token: maria-token, type: User, name: Maria, email: m@example.org,
         scopes: "repo, project"}        # type: User, Organization or Bot; token may be left out
      - {login: guild, type: Organization, members: {maria: admin}}  # admin or member
    repos:
      - name: maria/library              # owner/name; the owner is a user from above
        default_branch: main
        private: false
        archived: false
        description: A small library
        from: library                    # a directory, relative to the seed file ...
        files: {README.md: "text"}       # ... and single files, which win
        message: First commit
        collaborators: {robot: write}    # read, triage, write, maintain, admin
        labels: [ready, {name: bug, color: d73a4a, description: Something is wrong}]
        allow: [merge, squash, rebase]   # merge methods; all by default
        delete_branch_on_merge: false
        ci: false                        # true: the first commit runs its workflows
        protection:
          main: {required: [test], strict: false, enforce_admins: false, reviews: 1,
                 ruleset: false}         # ruleset: told by /rules/branches instead
    issues:                              # numbered in this order within each repository
      - {repo: maria/library, title: Add a thing, body: text, author: maria, labels: [bug],
         comments: [{author: maria, body: text}], state: open, status: Ready, board: maria/1}
    apps:                                # `public_key` in PEM; its bot is slug[bot]
      - {id: 7, slug: office, public_key: "...", installed: {maria: [maria/library]}}
    boards:
      - owner: maria
        number: 1
        title: Work
        statuses: [Backlog, Ready, In Progress, Blocked, Done]
        items: {"maria/library#1": Backlog}  # or `status:` on the issue, on the first board
        repos: [maria/library]           # which list the board among their own
        public: true
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

from orchestrator.forge import (
    accounts,
    actions,
    apps,
    boards,
    cards,
    host,
    issues,
    protection,
    pulls,
    pushes,
    records,
)
from orchestrator.forge.state import State

STATUSES = ("Backlog", "Ready", "In Progress", "Blocked", "Done")
DONE = "seeded"


class SeedError(Exception):
    """The seed file asks for something that cannot be."""


class SeedUser(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    login: str
    token: str | None = None
    type: str = "User"
    name: str | None = None
    email: str = ""
    scopes: str | None = None
    members: dict[str, str] = {}


class SeedRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    required: list[str] = []
    strict: bool = False
    enforce_admins: bool = False
    reviews: int | None = None
    linear: bool = False
    signatures: bool = False
    ruleset: bool = False


class SeedLabel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    color: str = "ededed"
    description: str | None = None


class SeedRepo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    default_branch: str = "main"
    private: bool = False
    archived: bool = False
    description: str | None = None
    folder: str | None = msgspec.field(default=None, name="from")
    files: dict[str, str] = {}
    message: str = "First commit"
    collaborators: dict[str, str] = {}
    labels: list[str | SeedLabel] = []
    allow: tuple[str, ...] = ("merge", "squash", "rebase")
    delete_branch_on_merge: bool = False
    ci: bool = False
    protection: dict[str, SeedRule] = {}


class SeedComment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    author: str
    body: str


class SeedIssue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    repo: str
    title: str
    body: str | None = None
    author: str | None = None
    labels: list[str] = []
    comments: list[SeedComment] = []
    state: str = "open"
    status: str | None = None
    board: str | None = None


class SeedBoard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    owner: str
    title: str
    number: int = 1
    statuses: Sequence[str] = STATUSES
    items: dict[str, str] = {}
    repos: list[str] = []
    public: bool = True


class SeedApp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: int
    slug: str
    public_key: str
    installed: dict[str, list[str]] = {}


class Seed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    users: list[SeedUser] = []
    repos: list[SeedRepo] = []
    issues: list[SeedIssue] = []
    boards: list[SeedBoard] = []
    apps: list[SeedApp] = []


def load(path: Path) -> Seed:
    document = yaml.safe_load(path.read_text()) or {}
    return read(document)


def read(document: Any) -> Seed:
    try:
        return msgspec.convert(document, Seed)
    except msgspec.ValidationError as error:
        raise SeedError(f"the seed does not load: {error}") from None


def apply(state: State, seed: Seed, folder: Path) -> bool:
    """Fill an empty store; False when a seed was applied before. Repeats safely after a crash."""
    with state.lock:
        if state.store.recall(DONE):
            return False
        with state.store.transaction():
            for user in seed.users:
                add_user(state, user)
            for user in seed.users:
                add_members(state, user)
            for repo in seed.repos:
                add_repo(state, repo, folder)
            for app in seed.apps:
                add_app(state, app)
            for board in seed.boards:
                add_board(state, board)
            for issue in seed.issues:
                add_issue(state, issue)
            for board in seed.boards:
                for name, status in board.items.items():
                    put_item(state, f"{board.owner}/{board.number}", name, status)
            state.store.remember(DONE, state.now())
    return True


def person(state: State, login: str) -> records.User:
    found = accounts.find_user(state, login)
    if found is None:
        raise SeedError(f"the seed names a user '{login}' that it does not make")
    return found


def repository(state: State, full_name: str) -> records.Repo:
    owner, _, name = full_name.partition("/")
    found = accounts.find_repo(state, owner, name)
    if found is None:
        raise SeedError(f"the seed names a repository '{full_name}' that it does not make")
    return found


def add_user(state: State, seed: SeedUser) -> None:
    user = accounts.add_user(
        state, seed.login, kind=seed.type, name=seed.name, email=seed.email
    )
    if seed.token:
        token = records.Token(secret=seed.token, user_id=user.id)
        if seed.scopes is not None:
            token = msgspec.structs.replace(token, scopes=seed.scopes)
        state.store.add(token)


def add_members(state: State, seed: SeedUser) -> None:
    for login, role in seed.members.items():
        if seed.type != "Organization" or role not in ("admin", "member"):
            raise SeedError(f"'{login}' cannot be '{role}' of {seed.login}")
        state.store.add(
            records.Member(
                organization_id=person(state, seed.login).id, user_id=person(state, login).id,
                role=role,
            )
        )


def add_repo(state: State, seed: SeedRepo, folder: Path) -> None:
    owner_name, _, name = seed.name.partition("/")
    owner, now = person(state, owner_name), state.now()
    repo = state.store.add(
        records.Repo(
            owner_id=owner.id, owner=owner.login, name=name, description=seed.description,
            private=seed.private, archived=seed.archived, default_branch=seed.default_branch,
            allow_merge="merge" in seed.allow, allow_squash="squash" in seed.allow,
            allow_rebase="rebase" in seed.allow, created_at=now, updated_at=now, pushed_at=now,
            delete_branch_on_merge=seed.delete_branch_on_merge,
        )
    )
    for login, level in seed.collaborators.items():
        if level not in accounts.LEVELS:
            raise SeedError(f"'{level}' is no permission; known are {', '.join(accounts.LEVELS)}")
        state.store.add(
            records.Collaborator(
                repo_id=repo.id, user_id=person(state, login).id, permission=level
            )
        )
    for label in seed.labels:
        told = SeedLabel(label) if isinstance(label, str) else label
        issues.make_label(state, repo, told.name, told.color, told.description)
    fill(state, repo, owner, files(seed, folder), seed.message)
    tip = pulls.tip(state, repo, repo.default_branch)
    if tip:
        actions.register_all(state, repo, tip)
    if seed.ci and tip:
        actions.start_runs(state, repo, repo.default_branch, tip, owner)
    for branch, rule in seed.protection.items():
        protection.put(
            state,
            records.Protection(
                repo_id=repo.id, branch=branch, checks_required=bool(rule.required),
                contexts=msgspec.json.encode(rule.required).decode(), strict=rule.strict,
                enforce_admins=rule.enforce_admins, reviews=rule.reviews, ruleset=rule.ruleset,
                linear=rule.linear, signatures=rule.signatures,
            ),
        )


def add_app(state: State, seed: SeedApp) -> None:
    bot = accounts.add_user(state, f"{seed.slug}[bot]", kind="Bot")
    made = apps.make(state, seed.id, seed.slug, seed.public_key, bot)
    for login, names in seed.installed.items():
        repos = [repository(state, name) for name in names]
        apps.install(state, made, person(state, login), repos)


def files(seed: SeedRepo, folder: Path) -> dict[str, tuple[bytes, bool]]:
    found: dict[str, tuple[bytes, bool]] = {}
    if seed.folder:
        root = folder / seed.folder
        if not root.is_dir():
            raise SeedError(f"the seed takes files from {root}, which is no directory")
        for path in sorted(root.rglob("*")):
            parts = path.relative_to(root).parts
            if path.is_file() and not {".git", "__pycache__"} & set(parts):
                found["/".join(parts)] = (path.read_bytes(), bool(path.stat().st_mode & 0o100))
    for name, text in seed.files.items():
        found[name] = (text.encode(), text.startswith("#!"))
    return found


def fill(
    state: State, repo: records.Repo, owner: records.User,
    content: Mapping[str, tuple[bytes, bool]], message: str,
) -> None:
    """The first commit. A repository left by an interrupted seed is thrown away first."""
    git = state.path(repo)
    host.remove(git)
    host.create(git, repo.default_branch)
    if not content:
        return
    who = state.signature(owner)
    tree = host.write_tree(git, content)
    sha = host.commit_tree(git, tree, [], f"{message}\n", who, who)
    ref = f"refs/heads/{repo.default_branch}"
    host.update_ref(git, ref, sha, host.ZERO)
    pushes.load_commits(state, repo, sha)
    state.store.add(records.Ref(repo_id=repo.id, name=ref, sha=sha))


def add_board(state: State, seed: SeedBoard) -> None:
    owner = person(state, seed.owner)
    statuses = [boards.Option(name) for name in seed.statuses]
    board = boards.create(
        state, owner, owner, seed.title, statuses, seed.number, public=seed.public
    )
    for name in seed.repos:
        boards.link(state, board, repository(state, name))


def add_issue(state: State, seed: SeedIssue) -> None:
    repo = repository(state, seed.repo)
    author = person(state, seed.author or repo.owner)
    draft = issues.Draft(title=seed.title, body=seed.body, labels=tuple(seed.labels))
    issue = issues.open_issue(state, repo, author, draft)
    for comment in seed.comments:
        issues.comment(state, issue, person(state, comment.author), comment.body)
    if seed.state == "closed":
        issues.close(state, issue, author)
    if seed.status:
        put_item(state, seed.board, f"{repo.full_name}#{issue.number}", seed.status)


def put_item(state: State, board_name: str | None, issue_name: str, status: str) -> None:
    where = "1 order by id"
    board = state.store.first(cards.Board, where)
    if board_name:
        owner, _, number = board_name.partition("/")
        board = state.store.first(
            cards.Board, "owner_id = ? and number = ?", person(state, owner).id, int(number)
        )
    if board is None:
        raise SeedError(f"{issue_name} has a status, but there is no board for it")
    full_name, _, number = issue_name.partition("#")
    issue = issues.by_number(state, repository(state, full_name), int(number))
    owner_row = state.store.need(records.User, board.owner_id)
    item = boards.add_issue(state, board, issue, owner_row)
    boards.choose_by_name(state, item, status, owner_row)
