"""How a program is contained: bubblewrap's words for an order, and the hosts of each provider."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from orchestrator.records.config import AgentKind, Network
from orchestrator.records.order import AttemptOrder

INSTALL = "apt-get install bubblewrap"
TMP = "/tmp"
SHM = "/dev/shm"
PRIVATE = (TMP, "/var/tmp")  # each order has one of its own there
EMPTY = (*PRIVATE, SHM)  # nothing of the machine's is seen there but what is shown by name
SOCKET = "/run/agent-os-network"  # where a contained program finds the way to its proxy
# What a machine holds of others, of the system's secrets, and of sockets of its services.
HIDDEN = (
    "/home", "/root", "/run", "/mnt", "/media", "/srv",
    "/var/log", "/var/mail", "/var/spool", "/var/backups", "/var/cache/private", "/var/lib/private",
    "/var/lib/docker", "/var/lib/containerd", "/var/lib/containers", "/var/lib/lxd",
    "/var/lib/incus", "/var/lib/mysql", "/var/lib/postgresql", "/var/lib/redis", "/var/lib/cloud",
    "/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/etc/ssh", "/etc/ssl/private",
    "/etc/letsencrypt", "/etc/sudoers", "/etc/sudoers.d", "/etc/wireguard", "/etc/openvpn",
    "/var/www", "/var/snap", "/var/crash", "/var/lib/systemd/coredump", "/var/lib/kubelet",
    "/var/lib/rancher", "/var/lib/etcd", "/var/lib/libvirt", "/var/lib/jenkins",
    "/var/lib/tailscale", "/etc/mysql",
    "/etc/NetworkManager", "/etc/docker", "/etc/kubernetes", "/etc/credstore",
    "/etc/credstore.encrypted", "/sys/kernel/debug", "/sys/kernel/security", "/sys/fs/cgroup",
)  # fmt: skip
# Name resolution, where its files lie in a hidden place.
SHOWN = ("/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager/resolv.conf",
         "/run/current-system", "/run/opengl-driver")  # fmt: skip
# Without these no program starts, and none of them is anybody's secret.
NEVER_HIDDEN = frozenset({
    "/", "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc", "/opt", "/var", "/dev",
    "/proc", "/sys", "/nix", "/tmp",
})  # fmt: skip
# All else at the top of a file system is somebody's disk, and nothing that a program needs.
SYSTEM = NEVER_HIDDEN | {"/libx32", "/snap", "/gnu", "/boot", "/lost+found"}
# What root may set of the kernel without any capability, by the owner of the file alone: a program
# named in core_pattern runs outside of every sandbox. bubblewrap covers only folders that it finds
# writable, which these are not.
OF_THE_KERNEL = (
    "/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs", "/proc/acpi",
    "/proc/scsi", "/proc/mtrr", "/proc/asound",
)
KEYS = ("/proc/keys", "/proc/key-users")  # what lies in the kernel's keyrings, by name
SHM_BYTES = 256 * 1024 * 1024  # it is memory
SIGNALS = {134: -6, 137: -9, 139: -11}  # a signal that ended the program, as bubblewrap says it

HOSTS: Mapping[AgentKind, tuple[str, ...]] = {
    AgentKind.CLAUDE: (
        "api.anthropic.com", "console.anthropic.com", "platform.claude.com", "claude.ai",
    ),
    AgentKind.CODEX: ("api.openai.com", "chatgpt.com", "auth.openai.com"),
    AgentKind.GEMINI: (
        "generativelanguage.googleapis.com", "cloudcode-pa.googleapis.com",
        "oauth2.googleapis.com", "aiplatform.googleapis.com",
    ),
    AgentKind.DEEPSEEK: (
        "openrouter.ai", "nano-gpt.com", "llm.chutes.ai", "api.deepseek.com",
    ),
}  # fmt: skip
# Package indexes that give without being given to: who has no account there can upload nothing.
PACKAGES = (
    "pypi.org", "files.pythonhosted.org", "registry.npmjs.org", "registry.yarnpkg.com",
    "index.crates.io", "static.crates.io", "crates.io", "proxy.golang.org", "sum.golang.org",
    "rubygems.org", "index.rubygems.org", "repo.maven.apache.org", "repo.packagist.org",
    "repo.hex.pm", "hex.pm", "deb.debian.org", "archive.ubuntu.com", "security.ubuntu.com",
)  # fmt: skip


class Seen(Struct, frozen=True, kw_only=True):
    """What stands at a path now: where it really lies, whether it is a folder, and whether
    nothing can be had there anyway, because it is empty or closed to us."""

    real: str
    folder: bool
    barren: bool = False


class Ground(Struct, frozen=True, kw_only=True):
    """What the executor knows of this machine for one order.

    `program` is bubblewrap, `calls` the open file of its filter of system calls. `seen` has every
    path of the order that exists. `tmp` becomes the private /tmp. `git` is the folder of the
    private repository. `socket` leads to the proxy, and `through` is the program that stands before
    the order's own, to lead there or to set limits.
    """

    program: str
    seen: Mapping[str, Seen]
    tmp: str
    calls: int | None = None
    git: str = ""
    socket: str = ""
    through: tuple[str, ...] = ()


def argv(order: AttemptOrder, ground: Ground) -> tuple[str, ...]:
    """bubblewrap, the walls of the order, and the order's own program within them (S1).

    Nothing that the order starts outlives it: it ends with its first process, and with us.
    """
    alone = () if order.network is Network.ALLOW else ("--unshare-net",)
    mounts = _mounts(order, ground)
    sealed = (target for kind, _, target in mounts if kind == "--tmpfs")
    words = [word for mount in mounts for word in _words(*mount)]
    words += [word for target in sealed for word in ("--remount-ro", target)]
    kernel = (path for path in OF_THE_KERNEL if path in ground.seen)
    closed = [word for path in kernel for word in ("--ro-bind", path, path)]
    keys = (path for path in KEYS if path in ground.seen)
    closed += [word for path in keys for word in ("--ro-bind", "/dev/null", path)]
    return (
        ground.program, *filtered(ground.calls),
        "--unshare-user", "--cap-drop", "ALL", "--unshare-pid", "--unshare-ipc",
        "--unshare-uts", "--unshare-cgroup-try", *alone, "--die-with-parent", "--new-session",
        "--ro-bind", "/", "/", "--proc", "/proc", *closed,
        "--dev", "/dev", "--size", str(SHM_BYTES), "--tmpfs", SHM, "--remount-ro", "/dev",
        *words, "--chdir", order.folder, "--", *ground.through, *order.argv,
    )  # fmt: skip


def filtered(calls: int | None) -> tuple[str, ...]:
    return () if calls is None else ("--seccomp", str(calls))


Mount = tuple[str, str, str]  # how, from where, to where


def _mounts(order: AttemptOrder, ground: Ground) -> list[Mount]:
    """Every mount, the outer before the inner; of two for one place the last named wins."""
    found: dict[str, Mount] = {}
    for how, source, target in (*_covered(order, ground), *_shown(order, ground)):
        found[target] = (how, source, target)
    for how, source, alias in tuple(_aliases(order, ground)):
        if _is_dark(alias, found):
            found[alias] = (how, source, alias)
    for how, source, target in _own(order, ground):
        found[target] = (how, source, target)
    return sorted(found.values(), key=lambda mount: mount[2].rstrip("/").count("/"))


def _is_dark(path: str, mounts: Mapping[str, Mount]) -> bool:
    """Whether a path lies in a hidden place, so that a link on the way to it is not seen."""
    parts = path.split("/")
    above = ("/".join(parts[:count]) for count in range(len(parts) - 1, 1, -1))
    nearest = next((place for place in above if place in mounts or place in EMPTY), None)
    if nearest is None:
        return False
    return nearest not in mounts or mounts[nearest][0] == "--tmpfs"


def _covered(order: AttemptOrder, ground: Ground) -> Iterator[Mount]:
    for path in (*HIDDEN, *order.walls.hidden):
        there = ground.seen.get(path)
        if there and not there.barren and there.real not in NEVER_HIDDEN:
            how = ("--tmpfs", "") if there.folder else ("--ro-bind", "/dev/null")
            yield (*how, there.real)


def _shown(order: AttemptOrder, ground: Ground) -> Iterator[Mount]:
    for path, how in _bound(order):
        if there := ground.seen.get(path):
            yield (how, there.real, there.real)


def _aliases(order: AttemptOrder, ground: Ground) -> Iterator[Mount]:
    """What is shown under a name that leads elsewhere by links."""
    for path, how in _bound(order):
        there = ground.seen.get(path)
        if there and there.real != path:
            yield (how, there.real, path)


def _bound(order: AttemptOrder) -> Iterator[tuple[str, str]]:
    yield from ((path, "--ro-bind") for path in (*SHOWN, *order.walls.readable))
    yield from ((path, "--bind") for path in (*order.walls.writable, order.home, order.folder))


def _own(order: AttemptOrder, ground: Ground) -> Iterator[Mount]:
    """What only this order has: its /tmp, its login, its repository, its way to the network."""
    seen, pointer = ground.seen, f"{order.folder}/.git"
    yield from (("--bind", ground.tmp, target) for target in PRIVATE if target in seen)
    for loan in order.walls.lent:
        if there := seen.get(loan.source):
            yield ("--bind" if loan.writable else "--ro-bind", there.real, loan.target)
    if order.git and ground.git:
        yield ("--ro-bind", order.git.objects, order.git.objects)
        yield ("--bind", ground.git, order.git.git_dir)
        if pointer in seen and not seen[pointer].folder and seen[pointer].real == pointer:
            yield ("--ro-bind", pointer, pointer)
    if ground.socket:
        yield ("--ro-bind", ground.socket, SOCKET)


def _words(how: str, source: str, target: str) -> tuple[str, ...]:
    return (how, source, target) if source else (how, target)


def paths(order: AttemptOrder) -> tuple[str, ...]:
    """Every path of which `argv` must know whether it is there."""
    walls = order.walls
    own = (order.folder, order.home, f"{order.folder}/.git", *PRIVATE)
    lent = (loan.source for loan in walls.lent)
    machine = (*OF_THE_KERNEL, *KEYS, *HIDDEN, *SHOWN)
    return (*machine, *walls.hidden, *walls.readable, *walls.writable, *lent, *own)


def exit_code(said: int) -> int:
    """The program's own, where bubblewrap tells the signal that ended it as a number above 128."""
    return SIGNALS.get(said, said)
