"""bin/init.sh against the forge: what it makes, what it leaves alone, and how it says no."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from orchestrator import settings
from orchestrator.adapters.clock import Clock
from orchestrator.commands.init import __main__ as command
from orchestrator.commands.init import scene, schedule, wishes, writing
from orchestrator.commands.init.voice import Voice
from orchestrator.records.errors import AgentOSError
from orchestrator.rules import detection
from orchestrator.texts import cron
from orchestrator.texts.labels import LABELS
from tests.support import bot_api, forge
from tests.support.crontabs import FakeCrontab

CI = "on: [push, pull_request]\njobs:\n  t:\n    steps:\n      - run: pytest -q\n"
SEED: dict[str, Any] = {
    "users": [
        {"login": "maria", "token": "maria-token"},
        {"login": "acme", "type": "Organization", "members": {"maria": "admin"}},
        {"login": "eve", "token": "eve-token"},
    ],
    "repos": [
        {"name": "maria/web", "files": {"README.md": "# Web\n", "package.json":
                                        '{"scripts": {"test": "jest"}}'},
         "labels": [{"name": "Ready", "color": "abcdef", "description": "mine"}]},
        {"name": "maria/api", "files": {"go.mod": "module api\n", ".github/workflows/ci.yml": CI}},
        {"name": "acme/shop", "collaborators": {"maria": "admin"}, "files": {"README.md": "x\n"}},
        {"name": "maria/old", "archived": True},
    ],
    "boards": [
        {"owner": "maria", "number": 3, "title": "Work", "statuses": ["Todo", "Doing", "Done"]},
    ],
    "issues": [
        {"repo": "maria/web", "title": "One", "status": "Todo"},
        {"repo": "maria/web", "title": "Two", "status": "Doing"},
    ],
}  # fmt: skip


class Desk:
    """A home, a root and a crontab of its own for one forge; `run` is one start of the program."""

    def __init__(self, tmp_path: Path, github: forge.Github) -> None:
        self.github = github
        self.home = tmp_path / "home"
        self.root = tmp_path / "root"
        self.home.mkdir()
        self.root.mkdir()
        self.crontab = FakeCrontab(tmp_path / "bin")
        self.environment = {
            "HOME": str(self.home), "ORCH_ROOT": str(self.root), "GITHUB_TOKEN": "maria-token",
            "PATH": f"{self.crontab.folder}:/usr/bin:/bin", "OPENAI_API_KEY": "sk-of-maria-012345",
        }  # fmt: skip
        self.agent = self.crontab.folder / "codex"
        self.agent.write_text("#!/bin/sh\n")
        self.agent.chmod(0o755)
        self.said = ""

    @property
    def config(self) -> Path:
        return self.root / "config.yaml"

    def run(
        self, *argv: str, answers: tuple[str, ...] | None = None, out: io.StringIO | None = None
    ) -> int:
        out = out or io.StringIO()
        voice = Voice(
            asks=answers is not None,
            console=Console(file=out, width=300, highlight=False, soft_wrap=True),
        )
        if answers is not None:
            given = iter(answers)

            def answered(question: str, **more: Any) -> str:
                said = next(given)
                voice.answers += 1
                voice.say(f"{question} {said}")
                return said or str(more.get("usual", ""))

            voice.ask = answered  # type: ignore[method-assign]
        wanted = wishes.read(["--api-url", self.github.url, *argv])
        code = command.told(wanted, self.environment, voice)
        self.voice = voice
        self.said = out.getvalue()
        return code

    def load(self) -> Any:
        return settings.load(self.config, {**self.environment, "GITHUB_TOKEN": ""})

    def board(self, number: int) -> dict[str, Any]:
        asked = """query($n: Int!) {viewer{projectV2(number:$n){
            field(name:"Status"){...on ProjectV2SingleSelectField{options{id name}}}
            items(first:20){nodes{content{...on Issue{title}} fieldValueByName(name:"Status"){
              ...on ProjectV2ItemFieldSingleSelectValue{name}}}}}}}"""
        told = self.github.session("maria-token").query(asked, n=number)
        found: dict[str, Any] = told["data"]["viewer"]["projectV2"]
        return found

    def options(self, number: int) -> list[str]:
        return [option["name"] for option in self.board(number)["field"]["options"]]

    def cards(self, number: int) -> dict[str, str | None]:
        return {
            node["content"]["title"]: (node["fieldValueByName"] or {}).get("name")
            for node in self.board(number)["items"]["nodes"]
        }

    def labels(self, slug: str) -> dict[str, str]:
        told = self.github.session("maria-token").get(f"/repos/{slug}/labels?per_page=100").json()
        return {label["name"]: label["color"] for label in told}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with forge.served(tmp_path / "forge", SEED) as github:
        yield Desk(tmp_path, github)


def test_what_leads_cron_to_the_installation_holds_from_every_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """README's own `ORCH_ROOT=runtime/demo` is said in the checkout; cron starts at home."""
    monkeypatch.chdir(tmp_path)
    said = {"ORCH_ROOT": "runtime/demo", "AGENT_OS_CONFIG": "my.yaml", "HOME": "/home/maria"}
    assert schedule.elsewhere(said) == {
        "ORCH_ROOT": f"{tmp_path}/runtime/demo", "AGENT_OS_CONFIG": f"{tmp_path}/my.yaml",
    }  # fmt: skip


FIVE = ["Backlog", "Ready", "In Progress", "Blocked", "Done"]


def test_nobody_is_asked_and_everything_is_there(desk: Desk) -> None:
    argv = ("--yes", "--repo", "maria/web,maria/api", "--repo", "acme/shop", "--lane", "full",
            "--cron", "--first-issue", "Begin\nSmall.")  # fmt: skip
    desk.crontab.text = "0 1 * * *   mine\n"
    assert desk.run(*argv) == 0, desk.said
    config = desk.load()
    assert desk.config.stat().st_mode & 0o777 == 0o600
    assert not config.broken
    assert config.github_token.reveal() == "maria-token"
    told = {repo.slug: (repo.test_command, repo.setup_command) for repo in config.repositories}
    assert told == {
        "maria/web": ("npm test", None), "acme/shop": (None, None),
        "maria/api": ("go test ./...", "go mod download"),
    }  # fmt: skip
    web, _, shop = config.repositories
    assert (web.board.owner, web.board.number, shop.board.owner) == ("maria", 4, "acme")
    assert desk.options(4) == FIVE
    assert desk.cards(4) == {"Begin": "Ready"}
    labels = desk.labels("maria/web")
    assert labels["Ready"] == "abcdef", "what was there keeps its colour and its letters"
    assert {name.lower() for name in labels} == {label.name for label in LABELS}
    assert "no CI" in desk.said and "nothing runs on a pull request" in desk.said
    assert desk.crontab.text is not None
    assert desk.crontab.text.startswith("0 1 * * *   mine\n# agent-os begin ")
    assert f"ORCH_ROOT={desk.root} " in desk.crontab.text
    assert f">> {desk.root}/runtime/logs/cron.log" in desk.crontab.text, "where why.sh reads it"
    assert (desk.root / "objectives" / "web.yaml").read_text().count("maria/web") == 1
    before = (desk.config.read_bytes(), desk.crontab.text, desk.cards(4), desk.labels("maria/web"))
    assert desk.run(*argv) == 0, desk.said
    after = (desk.config.read_bytes(), desk.crontab.text, desk.cards(4), desk.labels("maria/web"))
    assert before == after
    assert "  will" not in desk.said and "FAILED" not in desk.said
    assert desk.run("--remove-cron") == 0
    assert desk.crontab.text == "0 1 * * *   mine\n"
    assert "maria-token" not in desk.said


def test_a_person_gives_six_answers(desk: Desk) -> None:
    answers = ("web", "1", "1", "1", "", "1", "c")  # the first two are one: a search, then a pick
    assert desk.run(answers=answers) == 0, desk.said
    assert desk.voice.answers <= 6 + 1
    config = desk.load()
    assert [repo.slug for repo in config.repositories] == ["maria/web"]
    assert config.repositories[0].automation_mode == "dispatcher_only"
    assert desk.cards(4) == {"Run the tests on every pull request": "Ready"}
    assert desk.crontab.text is None, "nobody said yes to it"
    assert "bin/init.sh --cron" in desk.said
    assert desk.run("--cron") == 0
    assert desk.crontab.text is not None and "run_queue.sh" in desk.crontab.text
    before = desk.config.read_bytes()
    assert desk.run(answers=("", "")) == 0, desk.said  # the same repositories, still no Telegram
    assert "maria/web (base main)" in desk.said and "already in the config" in desk.said
    assert desk.config.read_bytes() == before and "  will" not in desk.said


def test_a_dry_run_changes_nothing(desk: Desk) -> None:
    argv = ("--yes", "--dry-run", "--repo", "maria/web", "--cron", "--first-issue", "suggested")
    assert desk.run(*argv) == 0
    assert "  will    write" in desk.said
    assert not desk.config.exists()
    assert not (desk.home / ".config").exists()
    assert desk.crontab.text is None
    assert list(desk.labels("maria/web")) == ["Ready"]
    assert desk.github.session("maria-token").query("{viewer{projectV2(number:4){id}}}")["errors"]


@pytest.mark.parametrize("named", [True, False], ids=["by id", "an older server"])
def test_a_board_that_is_there_gets_what_it_lacks_and_keeps_its_cards(
    desk: Desk, named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = {option["name"]: option["id"] for option in desk.board(3)["field"]["options"]}
    if not named:
        desk.github.front = without_option_ids(desk.github.app)
    assert desk.run("--yes", "--repo", "maria/web", "--board", "3") == 0, desk.said
    assert desk.options(3) == ["Todo", "Ready", "Doing", "Blocked", "Done"]
    assert desk.cards(3) == {"One": "Todo", "Two": "Doing"}
    kept = {option["name"]: option["id"] for option in desk.board(3)["field"]["options"]}
    assert (ids.items() <= kept.items()) is named
    assert not list((desk.root / "runtime" / "state").glob("init-cards-*"))
    board = desk.load().repositories[0].board
    assert (board.backlog, board.ready, board.in_progress) == ("Todo", "Ready", "Doing")


def without_option_ids(app: Callable[..., Any]) -> Callable[..., Any]:
    """A server whose options cannot be named: it does not say that they can."""

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        told = list(app(environ, start))
        return [part.replace(b'"name":"id"', b'"name":"di"') for part in told]

    return answer


def test_more_repositories_are_added_to_a_config_that_a_person_keeps(desk: Desk) -> None:
    assert desk.run("--yes", "--repo", "maria/web", "--lane", "full") == 0
    text = desk.config.read_text().replace("    repos:", "    repos:   # ours\n      # the first")
    desk.config.write_text(text + "max_attempts: 2   # enough\n")
    before = desk.config.read_text()
    assert desk.run("--yes", "--repo", "maria/api", "--repo", "acme/shop") == 0, desk.said
    after = desk.config.read_text()
    rest = iter(after.splitlines())
    assert all(line in rest for line in before.splitlines()), "each in its order"
    assert after.index("#allow_no_ci") < after.index("maria/api"), "a comment stays with its own"
    config = desk.load()
    assert [repo.slug for repo in config.repositories] == ["maria/web", "maria/api", "acme/shop"]
    assert config.repositories[1].board == config.repositories[0].board
    (backup,) = desk.root.glob("config.yaml.bak-*")
    assert backup.read_text() == before
    assert backup.stat().st_mode & 0o777 == 0o600


def test_a_config_that_is_wrong_is_mended_first(desk: Desk) -> None:
    desk.config.write_text("github_ownr: maria\n")
    desk.config.chmod(0o600)
    assert desk.run("--yes", "--repo", "maria/web") == 20
    assert "github_owner" in desk.said
    assert desk.config.read_text() == "github_ownr: maria\n"


REFUSED = {
    "nobody to ask": ((), 20, "--repo OWNER/NAME is missing"),
    "no consent": (("--repo", "maria/web"), 20, "--yes says that this may be done"),
    "a name alone": (("--yes", "--repo", "web"), 20, "write OWNER/NAME"),
    "not there": (("--yes", "--repo", "maria/no"), 20, "maria/no is not there"),
    "archived": (("--yes", "--repo", "maria/old"), 20, "archived"),
    "no such agent": (("--yes", "--repo", "maria/web", "--agents", "bob"), 20, "called so"),
    "no such board": (("--yes", "--repo", "maria/web", "--board", "9"), 10, "no board number 9"),
    "no board at all": (("--yes", "--repo", "maria/web", "--board", "x"), 20, "a link to a board"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_done_is_a_sentence_and_changes_nothing(name: str, desk: Desk) -> None:
    argv, code, words = REFUSED[name]
    assert desk.run(*argv) == code
    assert words in desk.said
    assert not desk.config.exists()
    assert list(desk.labels("maria/web")) == ["Ready"]


def test_no_token_and_a_wrong_one(desk: Desk) -> None:
    del desk.environment["GITHUB_TOKEN"]
    assert desk.run("--yes", "--repo", "maria/web") == 30
    assert "gh auth login" in desk.said
    desk.environment["GITHUB_TOKEN"] = "wrong-token"
    assert desk.run("--yes", "--repo", "maria/web") == 30
    assert "refuses the token (of GITHUB_TOKEN)" in desk.said and "wrong-token" not in desk.said


def test_a_token_file_that_is_gone_is_made_again(desk: Desk) -> None:
    assert desk.run("--yes", "--repo", "maria/web") == 0, desk.said
    before = desk.config.read_bytes()
    kept = desk.home / ".config" / "agent-os" / "github-token"
    kept.unlink()
    assert desk.run("--cron", "--dry-run") == 0, desk.said
    assert desk.run("--yes") == 0, desk.said
    assert "github-token is not there" in desk.said
    assert kept.read_text() == "maria-token\n" and kept.stat().st_mode & 0o777 == 0o600
    assert desk.config.read_bytes() == before


def test_a_config_that_is_empty_is_written_anew(desk: Desk) -> None:
    desk.config.touch(0o600)
    assert desk.run("--yes", "--repo", "maria/web") == 0, desk.said
    assert desk.load().repositories[0].slug == "maria/web"


def test_labels_are_enough_where_no_board_is_wanted(desk: Desk) -> None:
    argv = ("--yes", "--repo", "maria/web", "--board", "none", "--first-issue", "Begin")
    assert desk.run(*argv) == 0, desk.said
    assert desk.load().repositories[0].board is None
    issue = desk.github.session("maria-token").get("/repos/maria/web/issues/3").json()
    assert [label["name"] for label in issue["labels"]] == ["Ready"]


def test_a_crontab_of_another_hand(desk: Desk) -> None:
    mine = f"* * * * * {schedule.root()}/bin/run_dispatcher.sh\n"
    desk.crontab.text = cron.with_block(mine, "/gone/agent-os")
    assert desk.run("--yes", "--repo", "maria/web", "--cron") == 0
    assert desk.crontab.text == cron.with_block(mine, "/gone/agent-os")
    assert "by lines of your own" in desk.said
    assert "/gone/agent-os, which is gone" in desk.said


def test_a_crontab_that_is_refused_costs_nothing_else(desk: Desk) -> None:
    desk.crontab.refuse()
    assert desk.run("--yes", "--repo", "maria/web", "--cron") == 0
    assert "not allowed to use" in desk.said
    assert desk.load().repositories


def test_nothing_is_put_into_a_crontab_that_nobody_asked_for(desk: Desk) -> None:
    assert desk.run("--yes", "--repo", "maria/web") == 0
    assert desk.crontab.text is None
    assert "bin/init.sh --cron" in desk.said


def test_a_config_that_would_not_load_replaces_nothing(desk: Desk) -> None:
    argv = ("--yes", "--repo", "maria/web", "--lane", "full")
    assert desk.run(*argv) == 0
    before = desk.config.read_bytes()
    here = scene_of(desk)
    with pytest.raises(AgentOSError):
        writing.place(here, before.decode().replace("maria/web", "no repository"))
    assert desk.config.read_bytes() == before
    assert [path.name for path in desk.root.glob("config.yaml*")] == ["config.yaml"]


def scene_of(desk: Desk) -> scene.Scene:
    voice = Voice(asks=False, console=Console(file=io.StringIO()))
    wanted = wishes.read(["--api-url", desk.github.url])
    return scene.enter(wanted, desk.environment, voice, Clock())


def test_a_stopped_start_gives_the_cards_back_at_the_next(desk: Desk) -> None:
    """Killed between the new options and the cards: the next one knows what they were."""
    assert desk.run("--yes", "--repo", "maria/web", "--board", "3") == 0
    here = scene_of(desk)
    seen = here.boards.one("maria", 3)
    kept = here.boards.cards("maria", 3, "Status")
    journal = desk.root / "runtime" / "state" / "init-cards-maria-3.json"
    journal.write_bytes(msgspec.json.encode(kept))
    here.founding.put_options(seen.field_id, seen.options, named=False)
    assert set(desk.cards(3).values()) == {None}
    assert desk.run("--yes", "--repo", "maria/web", "--board", "3") == 0, desk.said
    assert desk.cards(3) == {"One": "Todo", "Two": "Doing"}
    assert not journal.exists()
    assert "2 cards were given their status back" in desk.said


def test_a_bot_whose_chat_is_known_goes_into_the_config(desk: Desk) -> None:
    token = desk.home / "bot"
    token.write_text("123456:a-bot-token")
    token.chmod(0o600)
    argv = ("--yes", "--repo", "maria/web", "--telegram-token-file", "~/bot",
            "--telegram-chat-id", "4711")  # fmt: skip
    assert desk.run(*argv) == 0, desk.said
    config = desk.load()
    assert config.telegram_chat_id == "4711"
    assert config.telegram_bot_token.reveal() == "123456:a-bot-token"
    assert "a-bot-token" not in desk.said


def test_an_issue_that_was_filed_but_not_set_ready_is_set_ready(desk: Desk) -> None:
    """Killed between the issue and its card."""
    made = {"title": "Begin", "body": "Small."}
    desk.github.session("maria-token").post("/repos/maria/web/issues", json=made)
    argv = ("--yes", "--repo", "maria/web", "--first-issue", "Begin\nSmall.")
    assert desk.run(*argv) == 0, desk.said
    assert desk.cards(4) == {"Begin": "Ready"}
    issues = desk.github.session("maria-token").get("/repos/maria/web/issues?state=all").json()
    assert [issue["title"] for issue in issues].count("Begin") == 1


@pytest.mark.parametrize("board", ["new", "none"])
def test_a_first_issue_that_nobody_could_take_is_not_ready(desk: Desk, board: str) -> None:
    desk.agent.unlink()
    argv = ("--yes", "--no-cron", "--repo", "maria/web", "--first-issue", "Begin", "--board", board)
    assert desk.run(*argv) == 0, desk.said
    assert "a Ready issue that nobody can take comes back to you" in desk.said
    issue = desk.github.session("maria-token").get("/repos/maria/web/issues/3").json()
    assert issue["title"] == "Begin" and issue["labels"] == []
    assert board == "none" or desk.cards(4) == {"Begin": "Backlog"}
    _, _, left = desk.said.partition("Left to you")
    assert "→ npm install -g @openai/codex, then: codex login" in left
    assert "agent patch: can start, but is asked only where" in desk.said
    assert "bin/init.sh --agents patch" in left
    assert "→ gh issue edit 3 -R maria/web --add-label ready" in left
    assert "Nothing but you starts the scripts, as you say" in left
    assert "cron does not run" not in left, "who wants no cron misses none"


def test_the_first_issue_is_one_that_patch_can_do_where_there_is_nobody_else(
    desk: Desk, tmp_path: Path
) -> None:
    desk.agent.unlink()
    argv = ("--yes", "--no-cron", "--repo", "maria/web", "--agents", "patch", "--first-issue",
            "suggested", "--board", "none")  # fmt: skip
    assert desk.run(*argv) == 0, desk.said
    assert "agent patch: can start" in desk.said and "no agent" not in desk.said.lower()
    issue = desk.github.session("maria-token").get("/repos/maria/web/issues/3").json()
    assert [label["name"].lower() for label in issue["labels"]] == ["ready"]
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "README.md").write_text("# Web\n")
    subprocess.run(
        [sys.executable, "-I", str(Path("bin/patch_agent").resolve())], check=True,
        cwd=tmp_path / "tree", input=f"{issue['title']}\n\n{issue['body']}".encode(),
    )  # fmt: skip
    assert (tmp_path / "tree" / "README.md").read_text() == "# Web (tests: npm test)\n"


@pytest.mark.parametrize(
    ("readme", "found"),
    [("# Web\n\nText\n", "# Web"), ("Web\n===\n", ""), ("# `web`\n", ""), ("", ""),
     ("# A\n# A\n", ""), ("\n# One \n## Two\n", "# One")],
)
def test_a_heading_that_one_line_can_name(readme: str, found: str) -> None:
    assert detection.heading(readme) == found


def test_a_token_that_may_not_see_projects_means_labels(desk: Desk) -> None:
    desk.github.front = without_projects(desk.github.app)
    argv = ("--yes", "--repo", "maria/web", "--first-issue", "Begin")
    assert desk.run(*argv) == 0, desk.said
    assert "gh auth refresh -h 127.0.0.1" in desk.said
    assert desk.load().repositories[0].board is None
    issue = desk.github.session("maria-token").get("/repos/maria/web/issues/3").json()
    assert [label["name"] for label in issue["labels"]] == ["Ready"]


def without_projects(app: Callable[..., Any]) -> Callable[..., Any]:
    """GitHub's answer to a token that has not the scope for what is asked."""
    refused = {"data": None, "errors": [
        {"type": "INSUFFICIENT_SCOPES", "message": "Your token has not been granted the required "
         "scopes to execute this query. The 'projectsV2' field requires one of: ['read:project']"},
    ]}  # fmt: skip

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if b"ProjectV2" in body or b"projectV2" in body or b"projectsV2" in body:
            start("200 OK", [("Content-Type", "application/json")])
            return [msgspec.json.encode(refused)]
        return app(environ | {"wsgi.input": io.BytesIO(body)}, start)

    return answer


def test_a_config_that_is_there_is_not_overwritten_by_flags(desk: Desk) -> None:
    assert desk.run("--yes", "--repo", "maria/web") == 0
    before = desk.config.read_bytes()
    assert desk.run("--yes", "--repo", "maria/web", "--lane", "full", "--agents", "patch") == 0
    assert desk.config.read_bytes() == before
    assert "--lane changes nothing" in desk.said and "--agents changes nothing" in desk.said


def test_a_bot_is_paired_with_the_chat_that_sends_the_code(desk: Desk) -> None:
    assert desk.run("--yes", "--repo", "maria/web", "--lane", "full") == 0

    class Read(io.StringIO):
        """The screen, and a person before it who does as it says."""

        def write(self, text: str) -> int:
            if found := re.search(r"/start [0-9a-f]{6}", text):
                telegram.says("/start 000000")
                telegram.says(found[0])
            return super().write(text)

    with bot_api.served() as telegram:
        text = desk.config.read_text()
        desk.config.write_text(f"{text}telegram_api_url: {telegram.url}\n")
        answers = (telegram.token, "y")
        assert desk.run("--telegram", "--no-cron", answers=answers, out=Read()) == 0, desk.said
        assert desk.run("--telegram", "--no-cron", answers=(), out=Read()) == 0, desk.said
    config = desk.load()
    assert config.telegram_chat_id == telegram.chat
    assert config.telegram_bot_token.reveal() == telegram.token
    kept = desk.home / ".config" / "agent-os" / "telegram-token"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert telegram.token not in desk.said
    assert desk.config.read_text().startswith(text)


def test_rules_that_would_keep_a_merge_from_happening_are_told(desk: Desk) -> None:
    asked = {"required_status_checks": None, "enforce_admins": False, "restrictions": None,
             "required_pull_request_reviews": {"required_approving_review_count": 1}}  # fmt: skip
    url = "/repos/maria/api/branches/main/protection"
    assert desk.github.session("maria-token").put(url, json=asked).status_code == 200
    assert desk.run("--yes", "--dry-run", "--repo", "maria/api", "--lane", "full") == 0
    assert "main asks for 1 approving review, and merge is auto" in desk.said
    assert desk.run("--yes", "--dry-run", "--repo", "maria/api") == 0
    assert "approving review" not in desk.said, "up to the pull request it is in nobody's way"


def test_two_at_once_do_not_meet(desk: Desk) -> None:
    assert desk.run("--yes", "--repo", "maria/web") == 0
    lock = scene_of(desk).world.locks.try_script("init")
    assert lock is not None
    with lock:
        assert desk.run("--yes", "--repo", "maria/api") == 10
    assert "Another bin/init.sh is at work" in desk.said
    assert [repo.slug for repo in desk.load().repositories] == ["maria/web"]


class Dying:
    """A GitHub that answers so many writes, and from then on only with trouble."""

    def __init__(self, app: Callable[..., Any], writes: int) -> None:
        self.app = app
        self.left = writes

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        question = environ["PATH_INFO"] == "/graphql" and b"mutation" not in body
        if environ["REQUEST_METHOD"] != "GET" and not question:
            self.left -= 1
            if self.left < 0:
                start("502 Bad Gateway", [("Content-Type", "application/json")])
                return [b'{"message": "Server Error"}']
        return self.app(environ | {"wsgi.input": io.BytesIO(body)}, start)


@pytest.mark.parametrize("writes", [9, 10, 12, 14])
def test_what_was_cut_short_is_gone_on_with(desk: Desk, writes: int) -> None:
    """Nine labels, the board, its options, its link, the issue, its card, its status."""
    argv = ("--yes", "--repo", "maria/web", "--lane", "full", "--first-issue", "Begin\nSmall.")
    desk.github.front = Dying(desk.github.app, writes)
    assert desk.run(*argv) == 10
    assert "FAILED" in desk.said
    desk.github.front = desk.github.app
    assert desk.run(*argv) == 0, desk.said
    config = desk.load()
    assert config.repositories[0].board.number == 4
    assert desk.options(4) == FIVE
    assert desk.cards(4) == {"Begin": "Ready"}
    maria = desk.github.session("maria-token")
    told = maria.query("{viewer{projectsV2(first:9){totalCount}}}")["data"]["viewer"]
    assert told["projectsV2"]["totalCount"] == 2
    assert len(maria.get("/repos/maria/web/issues?state=all").json()) == 3
    assert desk.run(*argv) == 0
    assert "  will" not in desk.said


def test_a_config_without_a_board_stays_so(desk: Desk) -> None:
    assert desk.run("--yes", "--repo", "maria/web", "--board", "none") == 0
    assert desk.run("--yes", "--repo", "maria/web") == 0
    assert "no board for maria" in desk.said
    assert desk.run("--yes", "--repo", "maria/web", "--board", "new") == 0
    assert "project_number into github_projects.maria" in desk.said
