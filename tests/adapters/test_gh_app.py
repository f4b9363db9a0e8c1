"""An app's key: bought once an hour for all processes, renewed once, each refusal a sentence."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestrator.adapters.gh_app import AppKey
from orchestrator.adapters.gh_keys import Key
from orchestrator.adapters.gh_queries import Queries
from orchestrator.adapters.gh_read import Door
from orchestrator.adapters.gh_write import GitHubWrite
from orchestrator.forge import apps, records
from orchestrator.records.config import AppConfig, Secret
from orchestrator.records.errors import GitHubTrouble, Trouble
from orchestrator.records.tracker import Permission
from tests.support import an_app, forge
from tests.support.forge import INSIDE, Github, Transport
from tests.support.office import HandClock

SEED = {**forge.SEED, "apps": an_app.seeded({"maria": ["maria/library"]})}


class Office:
    """One machine with a forge: its clock may be wrong, and each `key` is a process of its own."""

    def __init__(self, github: Github, folder: Path) -> None:
        assert github.clock is not None
        self.github = github
        self.folder = folder
        self.clock = HandClock(github.clock)
        self.learned: list[str] = []

    def door(self, key: Key) -> Door:
        return Door(
            key=key, api_url=INSIDE, graphql_url=f"{INSIDE}/graphql", clock=self.clock,
            state_folder=self.folder, transport=Transport(self.github.app),
        )  # fmt: skip

    def key(self, *owners: str, **more: Any) -> AppKey:
        said = {"id": str(an_app.APP), "key": Secret(an_app.pair()[0]), **more}
        return AppKey(
            AppConfig(**said), owners or ("maria",), door=self.door,
            cache=self.folder / "state" / "app.json", clock=self.clock,
            learned=self.learned.append,
        )  # fmt: skip

    def tokens(self) -> int:
        return self.github.forge.state.store.count(records.InstallationToken)

    def place(self) -> records.Installation:
        found = self.github.forge.state.store.first(records.Installation, "1")
        assert found is not None
        return found

    def void(self, token: str) -> None:
        """GitHub takes a token back before its time."""
        state = self.github.forge.state
        row = state.store.first(records.InstallationToken, "secret = ?", token)
        assert row is not None
        state.store.delete(row)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with forge.inside(tmp_path / "forge", SEED) as github:
        yield Office(github, tmp_path)


def test_a_token_serves_all_processes_until_shortly_before_its_end(office: Office) -> None:
    token = office.key().reveal()
    assert office.key("MARIA").reveal() == token and office.tokens() == 1
    assert set(office.learned) == {token}
    file = office.folder / "state" / "app.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    office.github.clock.advance(54 * 60)
    assert office.key().reveal() == token
    office.github.clock.advance(2 * 60)
    running = office.key()
    assert running.reveal() != token and office.tokens() == 2


def test_a_running_process_takes_what_another_one_bought(office: Office) -> None:
    one, other = office.key(), office.key()
    assert one.reveal() == other.reveal()
    office.github.clock.advance(56 * 60)
    assert one.reveal() == other.reveal() and office.tokens() == 2


def test_another_app_or_installation_does_not_use_it(office: Office) -> None:
    token = office.key().reveal()
    assert office.key(installation_id=office.place().id).reveal() != token


def test_it_reads_and_writes(office: Office) -> None:
    key = office.key()
    queries = Queries(office.door(key))
    assert queries.shape("maria/library").default_branch == "main"
    assert queries.permission("maria/library", "maria") is Permission.ADMIN
    write = GitHubWrite(key=key, api_url=INSIDE, transport=Transport(office.github.app))
    made = write.create_comment("maria/library", 1, "Hello")
    said = office.github.session().get(f"/repos/maria/library/issues/comments/{made}").json()
    assert said["user"]["login"] == "office[bot]"


def test_a_refused_token_is_renewed_once(office: Office) -> None:
    key = office.key()
    queries = Queries(office.door(key))
    queries.shape("maria/library")
    office.void(key.reveal())
    assert queries.shape("maria/library").default_branch == "main" and office.tokens() == 1
    assert not key.renew("") or not key.renew("")


def test_a_write_with_a_refused_token_is_left_to_the_next_try(office: Office) -> None:
    key = office.key()
    write = GitHubWrite(key=key, api_url=INSIDE, transport=Transport(office.github.app))
    office.void(key.reveal())
    with pytest.raises(GitHubTrouble) as raised:
        write.create_comment("maria/library", 1, "Hello")
    assert raised.value.trouble is Trouble.NETWORK and "renewed" in str(raised.value)
    assert write.create_comment("maria/library", 1, "Hello")


@pytest.mark.parametrize("minutes", [-90, -11, 11, 90])
def test_a_wrong_clock_costs_one_request_and_no_token_more(office: Office, minutes: int) -> None:
    office.clock.wrong = timedelta(minutes=minutes)
    key = office.key()
    token = key.reveal()
    office.github.clock.advance(50 * 60)
    assert key.reveal() == token and office.key().reveal() == token and office.tokens() == 1


def refused(key: AppKey) -> GitHubTrouble:
    with pytest.raises(GitHubTrouble) as raised:
        key.reveal()
    assert raised.value.exit_code == 30
    assert "PRIVATE" not in str(raised.value)
    return raised.value


def test_an_app_that_is_not_installed_there_says_where_it_is(office: Office) -> None:
    said = str(refused(office.key("acme")))
    assert "not installed on acme" in said and "It is on maria" in said


def test_a_suspended_installation_is_told(office: Office) -> None:
    apps.suspend(office.github.forge.state, office.place(), suspended=True)
    assert "suspended" in str(refused(office.key()))
    assert "suspended" in str(refused(office.key(installation_id=office.place().id)))
    apps.suspend(office.github.forge.state, office.place(), suspended=False)
    assert office.key().reveal()


def test_an_installation_that_is_not_there_is_told(office: Office) -> None:
    assert "installation_id" in str(refused(office.key(installation_id=99)))


def test_a_key_of_another_app_is_told(office: Office) -> None:
    store = office.github.forge.state.store
    app = store.first(records.App, "1")
    assert app is not None
    store.change(app, public_key="none")
    assert "signature" in str(refused(office.key()))


def test_a_key_file_without_a_key_is_told(office: Office) -> None:
    broken = Secret("-----BEGIN RSA PRIVATE KEY-----\nMIIx\n-----END RSA PRIVATE KEY-----")
    assert "key_file" in str(refused(office.key(key=broken)))


def test_trouble_of_the_network_stays_what_it_is(office: Office) -> None:
    office.github.forge.faults.add("500", path="/app/installations", times=9)
    with pytest.raises(GitHubTrouble) as raised:
        office.key().reveal()
    assert raised.value.trouble is Trouble.SERVER and raised.value.exit_code == 10
