"""The filter of system calls as this kernel takes it, and the programs that must live with it."""

from __future__ import annotations

import os
import platform
import pwd
import shutil
from errno import EAFNOSUPPORT, ENOSYS, EPERM, EPROTONOSUPPORT, errorcode
from pathlib import Path

import pytest

from orchestrator.adapters import programs
from orchestrator.agents import sandbox, seccomp
from orchestrator.records.order import Walls
from tests.support.contained import LAYER, run

pytestmark = pytest.mark.skipif(
    not LAYER.calls, reason=LAYER.problem or LAYER.unfiltered or "no filter here"
)
ASKS = """\
python3 - <<'END'
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
for number, *arguments in {calls}:
    ctypes.set_errno(0)
    said = libc.syscall(number, *(ctypes.c_ulong(a) for a in arguments))
    print(errno.errorcode[ctypes.get_errno()] if said == -1 else "")
END
"""
BAD = -1 & 0xFFFFFFFF  # no file is open as that: what comes through fails, and harms nobody
ROWS: tuple[tuple[str, tuple[int, ...], int], ...] = (
    *((name, (BAD,) * 6, EPERM) for name in seccomp.REFUSED),
    *((name, (BAD,) * 6, ENOSYS) for name in seccomp.UNKNOWN),
    ("socket", (40, 1, 0), EAFNOSUPPORT),
    ("socket", (17, 3, 0), EAFNOSUPPORT),
    ("socket", (38, 5, 0), EAFNOSUPPORT),
    ("socketpair", (30, 1, 0, 0), EAFNOSUPPORT),
    ("socket", (16, 3, 12), EPROTONOSUPPORT),
    ("ioctl", (BAD, 0x5412, 0), EPERM),
    ("ioctl", (BAD, 0x541C, 0), EPERM),
    ("personality", (0x0400000,), EPERM),
    ("personality", (seccomp.ASKS,), 0),
    ("socket", (1, 1, 0), 0),
    ("socket", (2, 1, 0), 0),
    ("socket", (16, 3, 0), 0),
)


def test_each_call_is_answered_as_the_table_says(tmp_path: Path) -> None:
    numbers = seccomp.MACHINES[platform.machine()].calls
    rows = [row for row in ROWS if row[0] in numbers]
    calls = [(numbers[name], *arguments) for name, arguments, _ in rows]
    report = run(tmp_path, ASKS.format(calls=calls))
    said = report.output_tail.splitlines()
    assert said == [errorcode.get(error, "") for _, _, error in rows], f"{rows}\n{said}"


PROGRAMS = {
    "git": (
        "git init -q r; cd r; git -c user.name=a -c user.email=a@b.c commit -q --allow-empty -m x;"
        " git log --oneline"
    ),
    "python3": (
        "python3 -c 'import asyncio, multiprocessing as m, ssl, sqlite3, socket\n"
        "def f(x): return x\n"
        "if __name__ == \"__main__\":\n"
        "  print(m.get_context(\"fork\").Pool(2).map(f, [1]), socket.if_nameindex() and 1)\n"
        "  asyncio.run(asyncio.create_subprocess_exec(\"true\"))'"
    ),
    "node": (
        "node -e 'const os = require(\"os\"), fs = require(\"fs\"); os.networkInterfaces();"
        " fs.readFile(\"/etc/passwd\", () => fetch(\"http://127.0.0.1:9/\").catch("
        "() => console.log(\"done\")))'"
    ),
    "go": (
        "printf 'package a\nimport (\"net\"; \"testing\")\nfunc TestA(t *testing.T) {"
        " l, e := net.Listen(\"tcp\", \"127.0.0.1:0\"); if e != nil { t.Fatal(e) };"
        " l.Close() }\n' > a_test.go; go mod init a; go test ./..."
    ),
    "cargo": (
        "for one in $RUSTUP_HOME/toolchains/*; do RUSTUP_TOOLCHAIN=${one##*/}; done;"
        " [ ! -d $RUSTUP_HOME/toolchains ] || export RUSTUP_TOOLCHAIN;"
        " cargo init -q --name a --lib --vcs none .; cargo check -q; ls target"
    ),
}
TOOLS = ("CARGO_HOME", "RUSTUP_HOME")


@pytest.mark.parametrize("program", PROGRAMS)
def test_usual_programs_do_not_meet_it(tmp_path: Path, program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed here, and nothing that it does can be tried")
    search, home = os.environ["PATH"], Path(pwd.getpwuid(os.getuid()).pw_dir)
    shown = programs.installations(search, (program,), (*sandbox.HIDDEN, str(home)))
    tools = {name: str(home / f".{name.split('_')[0].lower()}") for name in TOOLS}
    walls = Walls(readable=(*shown, *filter(os.path.isdir, tools.values())))
    environment = {"PATH": search, **tools, "CARGO_NET_OFFLINE": "true"}
    report = run(tmp_path, f"set -e; {PROGRAMS[program]}", walls=walls, environment=environment)
    assert report.exit_code == 0 and report.output_tail, report.output_tail


def test_the_file_of_the_filter_is_not_left_open(tmp_path: Path) -> None:
    assert run(tmp_path, "ls /proc/self/fd").output_tail.split() == ["0", "1", "2", "3"]


def test_keyrings_are_not_listed(tmp_path: Path) -> None:
    said = run(tmp_path, "cat /proc/keys; cat /proc/key-users; echo end").output_tail
    assert said.endswith("end\n") and "keyring" not in said and "/1000000" not in said
