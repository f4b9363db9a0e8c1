"""What a contained program may not ask of the kernel: a filter of system calls for bubblewrap.

Classic BPF as the kernel takes it, made here, since it is short and libseccomp is not everywhere.
It denies and does not allow: a program of tomorrow goes on with the calls of tomorrow. Denied is
what leads past the other walls (the keys of the session that started us, sockets to the hypervisor
or of raw links, io_uring, which opens them unseen) and what no agent, test or build
needs and the kernel often had holes in. Namespaces and mount() stay: browsers and agents make
sandboxes of their own with them, and get nothing by them that is hidden here.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from errno import EAFNOSUPPORT, ENOSYS, EPERM, EPROTONOSUPPORT

from msgspec import Struct

AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 1, 2, 10, 16
# Addresses and routes, sockets as `ss` lists them, devices: all others configure the kernel.
NETLINK = (0, 4, 15)
TIOCSTI, TIOCLINUX = 0x5412, 0x541C  # words put into somebody's terminal
# personality() may ask, and set what makes addresses or names tame, as debuggers and compilers do.
ASKS = 0xFFFFFFFF
HARMLESS = 0x0040000 | 0x0020000 | 0x0000008

REFUSED = (
    "add_key", "request_key", "keyctl", "bpf", "perf_event_open", "userfaultfd", "kexec_load",
    "kexec_file_load", "init_module", "finit_module", "delete_module", "syslog", "acct",
    "quotactl", "quotactl_fd", "swapon", "swapoff", "reboot", "open_by_handle_at", "modify_ldt",
    "iopl", "ioperm", "uselib",
)  # fmt: skip
# As if the kernel were older: who asks for these goes on without.
UNKNOWN = (
    "io_uring_setup", "io_uring_enter", "io_uring_register", "open_tree", "move_mount", "fsopen",
    "fsconfig", "fsmount", "fspick", "mount_setattr", "open_tree_attr",
)  # fmt: skip
EVERYWHERE = {
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428,
    "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433,
    "mount_setattr": 442, "quotactl_fd": 443, "open_tree_attr": 467,
}  # fmt: skip


class Machine(Struct, frozen=True, kw_only=True):
    """`audit` is the kernel's name of the architecture, `calls` its numbers of what is looked at.

    From the number `foreign` on, where there is one, calls are those of another convention.
    """

    audit: int
    calls: Mapping[str, int]
    foreign: int = 0


MACHINES: Mapping[str, Machine] = {
    "x86_64": Machine(
        audit=0xC000003E,
        foreign=0x40000000,
        calls={
            "ioctl": 16, "socket": 41, "socketpair": 53, "uselib": 134, "personality": 135,
            "modify_ldt": 154, "acct": 163, "swapon": 167, "swapoff": 168, "reboot": 169,
            "iopl": 172, "ioperm": 173, "init_module": 175, "delete_module": 176, "quotactl": 179,
            "kexec_load": 246, "add_key": 248, "request_key": 249, "keyctl": 250, "syslog": 103,
            "perf_event_open": 298, "open_by_handle_at": 304, "finit_module": 313,
            "kexec_file_load": 320, "bpf": 321, "userfaultfd": 323, **EVERYWHERE,
        },
    ),
    "aarch64": Machine(
        audit=0xC00000B7,
        calls={
            "ioctl": 29, "quotactl": 60, "acct": 89, "personality": 92, "kexec_load": 104,
            "init_module": 105, "delete_module": 106, "syslog": 116, "reboot": 142,
            "socket": 198, "socketpair": 199, "add_key": 217, "request_key": 218, "keyctl": 219,
            "swapon": 224, "swapoff": 225, "perf_event_open": 241, "open_by_handle_at": 265,
            "finit_module": 273, "bpf": 280, "userfaultfd": 282, "kexec_file_load": 294,
            **EVERYWHERE,
        },
    ),
}  # fmt: skip

# Where the kernel lays what it asks about, and the few words of its language that are needed.
NUMBER, ARCHITECTURE, ARGUMENT, STEP = 0, 4, 16, 8
LOAD, MASK, EQUAL, AT_LEAST, ANSWER = 0x20, 0x54, 0x15, 0x35, 0x06
ALLOWED, REFUSES = 0x7FFF0000, 0x00050000
Word = tuple[int, int, int, int]  # what, how many to skip if so, and if not, its number


def program(machine: str) -> bytes:
    """The filter for a machine as `uname -m` calls it; nothing where its calls are not known."""
    known = MACHINES.get(machine)
    if known is None:
        return b""
    words = [_load(ARCHITECTURE), (EQUAL, 1, 0, known.audit), _refuse(ENOSYS), _load(NUMBER)]
    if known.foreign:
        words += [(AT_LEAST, 0, 1, known.foreign), _refuse(ENOSYS)]
    for name, answer in _calls():
        if name in known.calls:
            words += [(EQUAL, 0, len(answer), known.calls[name]), *answer]
    words.append(_allow())
    return b"".join(struct.pack("=HBBI", *word) for word in words)


def _calls() -> list[tuple[str, tuple[Word, ...]]]:
    """What is answered to each call that is looked at; each answer ends by itself."""
    return [
        *((name, (_refuse(EPERM),)) for name in REFUSED),
        *((name, (_refuse(ENOSYS),)) for name in UNKNOWN),
        ("ioctl", _ioctl()), ("personality", _personality()),
        ("socket", _socket()), ("socketpair", _socket()),
    ]  # fmt: skip


def _ioctl() -> tuple[Word, ...]:
    return (
        _argument(1), (EQUAL, 1, 0, TIOCSTI), (EQUAL, 0, 1, TIOCLINUX), _refuse(EPERM), _allow(),
    )  # fmt: skip


def _personality() -> tuple[Word, ...]:
    return (
        _argument(0), (EQUAL, 2, 0, ASKS), (MASK, 0, 0, ASKS ^ HARMLESS), (EQUAL, 0, 1, 0),
        _allow(), _refuse(EPERM),
    )  # fmt: skip


def _socket() -> tuple[Word, ...]:
    """The usual families, and of netlink the usual protocols."""
    routes, lists, devices = NETLINK
    return (
        _argument(0),
        (EQUAL, 4, 0, AF_UNIX), (EQUAL, 3, 0, AF_INET), (EQUAL, 2, 0, AF_INET6),
        (EQUAL, 2, 0, AF_NETLINK), _refuse(EAFNOSUPPORT), _allow(),
        _argument(2),
        (EQUAL, 3, 0, routes), (EQUAL, 2, 0, lists), (EQUAL, 1, 0, devices),
        _refuse(EPROTONOSUPPORT), _allow(),
    )  # fmt: skip


def _load(offset: int) -> Word:
    return (LOAD, 0, 0, offset)


def _argument(index: int) -> Word:
    """The low half, which is all that the kernel itself reads of those that are looked at."""
    return _load(ARGUMENT + STEP * index)


def _refuse(error: int) -> Word:
    return (ANSWER, 0, 0, REFUSES | error)


def _allow() -> Word:
    return (ANSWER, 0, 0, ALLOWED)
