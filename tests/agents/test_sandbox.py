"""bubblewrap's words for an order: what is mounted, in which order, and what is never left out."""

from __future__ import annotations

import pytest
from msgspec import structs

from orchestrator.agents import sandbox
from orchestrator.agents.sandbox import Ground, Seen
from orchestrator.records.config import Network
from orchestrator.records.order import AttemptOrder, GitView, Loan, Walls

ORDER = AttemptOrder(
    argv=("agent", "--go"),
    folder="/srv/ours/trees/t",
    home="/srv/ours/attempts/1/home",
    timeout_seconds=1,
    log_path="/srv/ours/attempts/1/agent.log",
    walls=Walls(
        hidden=("/home/me", "/srv/ours", "/etc/token", "/usr"),
        readable=("/home/me/.npm/bin", "/srv/ours/bin/agent"),
        lent=(Loan(source="/home/me/.agent", target="/srv/ours/attempts/1/home/.agent"),),
    ),
)
FILES = {"/etc/token", "/srv/ours/bin/agent", "/srv/ours/trees/t/.git"}


def ground(order: AttemptOrder, **links: str) -> Ground:
    there = {
        path: Seen(real=path, folder=path not in FILES)
        for path in sandbox.paths(order)
        if path not in sandbox.SHOWN and path not in {"/mnt", "/media"}
    }
    return Ground(program="/usr/bin/bwrap", seen=there | {
        path.replace("_", "/"): Seen(real=real, folder=True) for path, real in links.items()
    }, tmp="/srv/ours/attempts/1/tmp", git="/srv/ours/attempts/1/git")  # fmt: skip


def mounts(order: AttemptOrder, there: Ground | None = None) -> list[tuple[str, ...]]:
    words = list(sandbox.argv(order, there or ground(order)))
    words = words[words.index("/dev", words.index("--remount-ro")) + 1 : words.index("--chdir")]
    found: list[tuple[str, ...]] = []
    for word in words:
        found = [*found, (word,)] if word.startswith("--") else [*found[:-1], (*found[-1], word)]
    return found


@pytest.mark.parametrize("network", Network)
def test_every_program_is_alone_and_ends_with_us(network: Network) -> None:
    argv = sandbox.argv(structs.replace(ORDER, network=network), ground(ORDER))
    assert {
        "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--die-with-parent",
        "--new-session", "--cap-drop",
    } <= set(argv)  # fmt: skip
    assert ("--unshare-net" in argv) is (network is not Network.ALLOW)
    assert argv[-3:] == ("--", "agent", "--go")
    assert argv[argv.index("--chdir") + 1] == ORDER.folder
    assert argv.index("--ro-bind") < argv.index("--tmpfs"), "hidden after everything is shown"


def test_what_is_hidden_is_sealed_and_what_is_shown_comes_after_it() -> None:
    found = mounts(ORDER)
    assert ("--tmpfs", "/home/me") in found and ("--remount-ro", "/home/me") in found
    assert ("--ro-bind", "/dev/null", "/etc/token") in found
    assert not any(mount[-1] == "/usr" for mount in found), "no program would start"
    for inner, outer in (
        (("--ro-bind", "/home/me/.npm/bin", "/home/me/.npm/bin"), ("--tmpfs", "/home/me")),
        (("--bind", ORDER.folder, ORDER.folder), ("--tmpfs", "/srv/ours")),
        (("--bind", ORDER.home, ORDER.home), ("--tmpfs", "/srv/ours")),
    ):
        assert found.index(inner) > found.index(outer)
        assert found.index(inner) < found.index(("--remount-ro", outer[1]))


def test_only_its_own_places_are_writable() -> None:
    writable = {mount[-1] for mount in mounts(ORDER) if mount[0] == "--bind"}
    assert writable == {ORDER.folder, ORDER.home, "/tmp", "/var/tmp"}


def test_a_login_is_found_in_its_own_home_and_read_only_unless_lent_to_write() -> None:
    target = f"{ORDER.home}/.agent"
    assert ("--ro-bind", "/home/me/.agent", target) in mounts(ORDER)
    loan = structs.replace(ORDER.walls.lent[0], writable=True)
    order = structs.replace(ORDER, walls=structs.replace(ORDER.walls, lent=(loan,)))
    assert ("--bind", "/home/me/.agent", target) in mounts(order)


def test_git_is_its_own_and_its_pointer_cannot_be_swapped() -> None:
    admin = "/srv/ours/store.git/worktrees/t"
    view = GitView(
        git_dir=admin, objects="/srv/ours/store.git/objects", index=f"{admin}/index",
        head="refs/heads/agent/t", refs={},
    )  # fmt: skip
    found = mounts(structs.replace(ORDER, git=view))
    assert ("--bind", "/srv/ours/attempts/1/git", admin) in found
    assert ("--ro-bind", view.objects, view.objects) in found
    assert ("--ro-bind", f"{ORDER.folder}/.git", f"{ORDER.folder}/.git") in found


def test_a_link_into_a_hidden_place_is_shown_at_both_its_names() -> None:
    order = structs.replace(ORDER, walls=Walls(hidden=("/home/me",), readable=("/home/me/bin",)))
    there = ground(order, _home_me_bin="/data/bin")
    found = mounts(order, there)
    assert ("--ro-bind", "/data/bin", "/data/bin") in found
    assert ("--ro-bind", "/data/bin", "/home/me/bin") in found


@pytest.mark.parametrize("place", sandbox.EMPTY)
def test_so_is_one_in_what_every_program_has_of_its_own(place: str) -> None:
    """An installation may lie there, with its libraries by a link."""
    order = structs.replace(ORDER, walls=Walls(readable=(f"{place}/ours/bin",)))
    there = ground(order)
    led = {f"{place}/ours/bin": Seen(real="/data/bin", folder=True)}
    found = mounts(order, structs.replace(there, seen={**there.seen, **led}))
    assert ("--ro-bind", "/data/bin", f"{place}/ours/bin") in found


@pytest.mark.parametrize(("said", "means"), [(0, 0), (1, 1), (137, -9), (143, 143), (173, 173)])
def test_the_signal_that_ended_a_program_is_told_from_its_code(said: int, means: int) -> None:
    assert sandbox.exit_code(said) == means
