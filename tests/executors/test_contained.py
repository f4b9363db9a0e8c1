"""A contained program has its own folder, home, /tmp and limits, and nothing else (S1 to S5)."""

from __future__ import annotations

import http.server
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.adapters import bubblewrap, survivors
from orchestrator.agents import sandbox
from orchestrator.records.config import Network, Sandbox
from orchestrator.records.order import GitView, Limits, Loan, Walls
from tests.support import repos
from tests.support.contained import needs_bubblewrap, run

pytestmark = needs_bubblewrap
ROOT = Path(__file__).resolve().parents[2]


def test_it_runs_with_its_output_its_code_and_the_name_of_the_layer(tmp_path: Path) -> None:
    report = run(tmp_path, "echo here; touch made; exit 4")
    assert (report.exit_code, report.output_tail) == (4, "here\n")
    assert (report.containment, report.uncontained) == ("bubblewrap", "")
    assert (tmp_path / "tree" / "made").exists()


def test_a_hidden_place_is_empty_but_for_what_is_shown_in_it(tmp_path: Path) -> None:
    shown = tmp_path / "shown"  # all of /tmp is its own, so what is there is hidden anyway
    ours = shown / "ours"
    for name in ("mailbox", "tool"):
        (ours / name).mkdir(parents=True)
        (ours / name / "file").write_text(f"{name}\n")
    (shown / "token").write_text("secret\n")
    walls = Walls(
        hidden=(str(ours), str(shown / "token")), readable=(str(shown), str(ours / "tool"))
    )
    report = run(
        tmp_path,
        f"ls {ours}; cat {ours}/tool/file; cat {shown}/token; echo x > {ours}/tool/file;"
        f" echo x > {ours}/new",
        walls=walls,
    )
    assert report.output_tail.splitlines()[:2] == ["tool", "tool"]
    assert "secret" not in report.output_tail and "mailbox" not in report.output_tail
    assert (ours / "tool" / "file").read_text() == "tool\n" and not (ours / "new").exists()


def test_a_disk_of_the_operator_s_is_hidden_whatever_it_is_called(tmp_path: Path) -> None:
    """The system's own folders stay, and everything beside them is empty."""
    disks = bubblewrap.disks()
    assert not set(disks) & {"/usr", "/etc", "/opt", "/var", "/proc", "/dev", "/tmp"}
    shown = [str(path) for path in Path("/").iterdir() if path.is_dir() and not path.is_symlink()]
    assert set(shown) - set(disks) <= sandbox.SYSTEM
    above = {f"/{path.parts[1]}" for path in (tmp_path, Path(sys.executable).resolve())}
    report = run(tmp_path, f"ls -A {' '.join(disks)}; echo end", walls=Walls(hidden=disks))
    lines = [line for line in report.output_tail.splitlines() if line and not line.endswith(":")]
    assert lines[-1] == "end" and (lines == ["end"] or above & set(disks)), report.output_tail


def test_its_tmp_is_its_own_and_gone_with_it(tmp_path: Path) -> None:
    report = run(tmp_path, "touch /tmp/mine /var/tmp/too; ls /tmp")
    assert "mine" in report.output_tail and "too" in report.output_tail
    assert not Path("/tmp/mine").exists()
    assert [p.name for p in (tmp_path / "attempt").iterdir() if p.name.startswith("agent-os")] == []


def test_a_login_is_lent_into_its_home(tmp_path: Path) -> None:
    for name in ("config", "keys"):
        (tmp_path / "operator" / name).mkdir(parents=True)
        (tmp_path / "operator" / name / "file").write_text(f"{name}\n")
    home = tmp_path / "attempt" / "home"
    lent = (
        Loan(source=f"{tmp_path}/operator/config", target=f"{home}/.config/it", writable=True),
        Loan(source=f"{tmp_path}/operator/keys", target=f"{home}/.keys"),
        Loan(source=f"{tmp_path}/operator/gone", target=f"{home}/.gone"),
    )
    walls = Walls(hidden=(f"{tmp_path}/operator",), lent=lent)
    script = (
        "cat ~/.config/it/file ~/.keys/file; echo new > ~/.config/it/token; echo new > ~/.keys/x"
    )
    report = run(tmp_path, script, walls=walls)
    assert report.output_tail.startswith("config\nkeys\n")
    assert (tmp_path / "operator/config/token").read_text() == "new\n"
    assert not (tmp_path / "operator/keys/x").exists()


def test_without_walls_a_login_is_lent_too(tmp_path: Path) -> None:
    (tmp_path / "login").write_text("in\n")
    target = str(tmp_path / "attempt/home/.login")
    walls = Walls(lent=(Loan(source=str(tmp_path / "login"), target=target),))
    report = run(tmp_path, "cat ~/.login", walls=walls, sandbox=Sandbox.NONE)
    assert (report.output_tail, report.containment) == ("in\n", "none")
    assert "sandbox: none" in report.uncontained


def test_it_has_git_to_itself(tmp_path: Path) -> None:
    """It sees history and difference, may commit as it likes, and the store never knows (G8)."""
    seed = tmp_path / "seed"
    seed.mkdir()
    (seed / "a.txt").write_text("one\n")
    repos.git(seed, "init", "-q", "-b", "main")
    repos.git(seed, "add", "a.txt")
    repos.git(seed, "commit", "-qm", "one")
    store, tree = tmp_path / "store.git", tmp_path / "tree"
    repos.git(tmp_path, "clone", "-q", "--bare", str(seed), str(store))
    repos.git(store, "worktree", "add", "-q", "-b", "agent/x", str(tree), "HEAD")
    sha = repos.git(store, "rev-parse", "HEAD")
    admin = store / "worktrees" / "tree"
    view = GitView(
        git_dir=str(admin), objects=str(store / "objects"), index=str(admin / "index"),
        head="refs/heads/agent/x", refs={"refs/heads/agent/x": sha, "refs/heads/main": sha},
    )  # fmt: skip
    before = repos.git(store, "for-each-ref"), (store / "config").read_bytes()
    script = (
        "git log --oneline | wc -l; git status --short; echo two >> a.txt; git diff --stat main;"
        " git stash -q && git stash pop -q; git commit -qam two && git log --oneline | wc -l;"
        " git config core.fsmonitor evil; git config --get core.fsmonitor;"
        f" echo evil > {store}/hooks/post-commit; rm .git; mv .git x; cat {store}/HEAD"
    )
    report = run(tmp_path, script, walls=Walls(hidden=(str(store),)), git=view)
    said = report.output_tail.splitlines()
    assert said[0] == "1" and " a.txt | 1 +" in said and "2" in said and "evil" in said, said
    assert (repos.git(store, "for-each-ref"), (store / "config").read_bytes()) == before
    assert (tree / ".git").read_text().strip() == f"gitdir: {admin}"
    assert not (store / "hooks" / "post-commit").exists()
    assert "cannot open" in report.output_tail or "No such file" in report.output_tail


@contextmanager
def a_server() -> Iterator[int]:
    class Hello(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f"hello {self.path}\n".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *said: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hello)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


ASKS = """\
python3 - <<'END'
import http.client, os, urllib.request
def ask(what, how):
    try:
        print(what, how())
    except Exception as error:
        print(what, 'refused', error)
def plain():
    return urllib.request.urlopen('http://localhost:{port}/plain', timeout=9).read()
def tunnel():
    c = http.client.HTTPConnection('127.0.0.1', 3128, timeout=9)
    c.set_tunnel('localhost', {port}); c.request('GET', '/tunnel')
    return c.getresponse().read()
def direct():
    return http.client.HTTPConnection('127.0.0.1', {port}, timeout=9).request('GET', '/')
ask('plain', plain); ask('tunnel', tunnel); ask('direct', direct)
END
"""
FOUND = ["b'hello /plain\\n'", "b'hello /tunnel\\n'"]


@pytest.mark.parametrize(
    ("network", "hosts", "reached"),
    [
        (Network.PROVIDERS, "localhost:{port}", ["plain", "tunnel"]),
        (Network.PROVIDERS, "*.test", []),
        (Network.PROVIDERS, "localhost", []),  # on its usual ports
        (Network.NONE, "localhost:{port}", []),
        (Network.ALLOW, "", ["plain", "direct"]),
    ],
)
def test_it_reaches_what_its_network_says(
    tmp_path: Path, network: Network, hosts: str, reached: list[str]
) -> None:
    with a_server() as port:
        listed = (hosts.format(port=port),) if hosts else ()
        script = ASKS.replace("{port}", str(port))
        report = run(tmp_path, script, network=network, hosts=listed)
    answers = dict(line.split(" ", 1) for line in report.output_tail.splitlines())
    assert answers.keys() == {"plain", "tunnel", "direct"}, report
    assert [what for what, said in answers.items() if "refused" not in said] == reached
    refused = (f"localhost:{port}",) if network is Network.PROVIDERS and not reached else ()
    assert report.refused_hosts == refused


LIMITS = {
    "memory": ("x=$(head -c 200000000 /dev/zero | tr '\\0' x); sleep 50", "of memory"),
    "disk": ("head -c 90000000 /dev/zero > a; cat a a > /tmp/b; sleep 50", "of the disk"),
    "shared memory": (
        "python3 -c 'import mmap, time; held = mmap.mmap(-1, 200_000_000)\n"
        "for at in range(0, 200_000_000, 4096): held[at] = 1\ntime.sleep(50)'",
        "of memory",
    ),
    "files of memory": (
        "python3 -c 'import os, time\n"
        "for _ in range(4): os.write(os.memfd_create(\"x\"), bytes(50_000_000))\ntime.sleep(50)'",
        "of memory",
    ),
    "processes": ("for i in 1 2 3 4 5 6 7 8 9; do sleep 50 & done; wait", "processes"),
}


@pytest.mark.parametrize("limit", LIMITS)
def test_what_exceeds_a_limit_is_ended_with_the_limit_named(tmp_path: Path, limit: str) -> None:
    script, words = LIMITS[limit]
    limits = Limits(memory_bytes=100_000_000, disk_bytes=100_000_000, processes=9)
    report = run(tmp_path, script, limits=limits)
    assert words in report.exceeded and not report.timed_out and not report.silent
    assert survivors.in_folder(str(tmp_path / "tree")) == ()


def test_one_file_cannot_be_larger_than_its_share_of_the_disk(tmp_path: Path) -> None:
    run(tmp_path, "head -c 50000000 /dev/zero > a", limits=Limits(disk_bytes=1_000_000))
    assert (tmp_path / "tree" / "a").stat().st_size <= 1_000_000


def test_it_is_asked_to_end_before_it_is_made_to(tmp_path: Path) -> None:
    script = "trap 'echo asked; exit 3' TERM; sleep 60 & wait"
    for seconds in (1.0, 4.0, 16.0):  # on a busy machine the trap may not stand in time
        (folder := tmp_path / f"{seconds:g}").mkdir()
        report = run(folder, script, timeout_seconds=seconds)
        if report.output_tail:
            break
    assert report.timed_out and report.output_tail == "asked\n"


def test_nothing_outlives_it(tmp_path: Path) -> None:
    """F33: daemons in sessions of their own, whose parents are gone, go with their namespace."""
    script = "for i in 1 2 3; do setsid sh -c 'cd /; sleep 600 & sleep 600' & done; echo done"
    report = run(tmp_path, script)
    assert (report.exit_code, report.output_tail) == (0, "done\n")
    assert survivors.in_folder(str(tmp_path / "tree")) == ()
    assert report.seconds < 60


WORKER = """\
from pathlib import Path
from tests.support import contained
contained.run(Path({folder!r}), "setsid sleep 900 & echo up > up; sleep 900")
"""


def test_it_ends_with_the_worker_that_is_killed(tmp_path: Path) -> None:
    """F4: nothing of ours is left to end it, and the kernel does."""
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER.format(folder=str(tmp_path))], cwd=ROOT
    )
    try:
        for _ in range(3000):
            if (tmp_path / "tree" / "up").exists():
                break
            time.sleep(0.01)
        assert survivors.in_folder(str(tmp_path / "tree"))
    finally:
        worker.kill()
        worker.wait()
    for _ in range(500):
        if not survivors.in_folder(str(tmp_path / "tree")):
            break
        time.sleep(0.01)  # the kernel takes its time over a SIGKILL
    assert survivors.in_folder(str(tmp_path / "tree")) == ()


def test_a_sandbox_that_cannot_be_made_is_no_failure_of_the_program(tmp_path: Path) -> None:
    target = f"{tmp_path}/tree/file/below"
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "file").write_text("")
    walls = Walls(lent=(Loan(source="/etc", target=target),))
    report = run(tmp_path, "echo started", walls=walls)
    assert report.exit_code is None and "could not be made: bwrap: " in report.problem


def test_the_signal_that_ended_it_is_told(tmp_path: Path) -> None:
    assert run(tmp_path, "kill -9 $$").exit_code == -9


def test_a_required_sandbox_that_is_missing_means_no_start(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"]}
    from orchestrator.adapters.bubblewrap import Layer
    from orchestrator.executors.local import Local
    from tests.support.contained import order

    class Nowhere(Local):
        def layer(self) -> Layer:
            return Layer(name="none", problem="bubblewrap is not installed: apt-get install it")

    asked = order(tmp_path, "touch ran", environment=environment)
    report = Nowhere().run(asked)
    assert report.exit_code is None and "apt-get install it" in report.problem
    assert not (tmp_path / "tree" / "ran").exists()


KERNEL = """\
for path in sys/kernel/core_pattern sys/kernel/modprobe sys/kernel/hotplug sys/vm/drop_caches \\
    sys/kernel/panic sys/fs/binfmt_misc/register sysrq-trigger irq/default_smp_affinity mtrr; do
  [ -e /proc/$path ] && (: >> /proc/$path) 2>/dev/null && echo "may write $path"
done
cat /proc/sys/kernel/ostype
"""


def test_nothing_of_the_kernel_can_be_set_not_even_by_root(tmp_path: Path) -> None:
    """Its files belong to root, whoever lost which capability: as root this is a way out."""
    assert run(tmp_path, KERNEL).output_tail == "Linux\n"
