"""The filter of system calls, read as the kernel reads it: for machines that are not this one."""

from __future__ import annotations

import struct
from errno import EAFNOSUPPORT, ENOSYS, EPERM, EPROTONOSUPPORT

import pytest

from orchestrator.agents import seccomp

ALLOWED = 0
X86, ARM = "x86_64", "aarch64"


def answer(machine: str, number: int, *arguments: int, audit: int | None = None) -> int:
    """The error that a call meets, 0 where it is let through."""
    held = (*arguments, *(0,) * 6)[:6]
    kernel = seccomp.MACHINES[machine].audit if audit is None else audit
    data = struct.pack("=iIQ6Q", number, kernel, 0, *held)
    words = list(struct.iter_unpack("=HBBI", seccomp.program(machine)))
    at = value = 0
    while True:
        what, yes, no, operand = words[at]
        at += 1
        if what == seccomp.LOAD:
            (value,) = struct.unpack_from("=I", data, operand)
        elif what == seccomp.MASK:
            value &= operand
        elif what == seccomp.ANSWER:
            return 0 if operand == seccomp.ALLOWED else operand & 0xFFFF
        else:
            holds = value == operand if what == seccomp.EQUAL else value >= operand
            at += yes if holds else no


@pytest.mark.parametrize("machine", seccomp.MACHINES)
@pytest.mark.parametrize("name", seccomp.REFUSED + seccomp.UNKNOWN)
def test_what_no_program_needs_is_refused(machine: str, name: str) -> None:
    number = seccomp.MACHINES[machine].calls.get(name)
    if number is not None:
        assert answer(machine, number) == (EPERM if name in seccomp.REFUSED else ENOSYS)
    else:
        assert machine == ARM and name in {"modify_ldt", "iopl", "ioperm", "uselib"}


@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        ("socket", (1, 1, 0), ALLOWED),
        ("socket", (2, 2, 0), ALLOWED),
        ("socket", (10, 1, 0), ALLOWED),
        ("socket", (16, 3, 0), ALLOWED),
        ("socket", (16, 3, 4), ALLOWED),
        ("socket", (16, 3, 15), ALLOWED),
        ("socket", (16, 3, 12), EPROTONOSUPPORT),  # the packet filter
        ("socket", (16, 3, 16), EPROTONOSUPPORT),
        ("socket", (40, 1, 0), EAFNOSUPPORT),
        ("socket", (17, 3, 0), EAFNOSUPPORT),
        ("socket", (0, 0, 0), EAFNOSUPPORT),
        ("socket", (1 << 32 | 40, 1, 0), EAFNOSUPPORT),  # the kernel reads the low half
        ("socketpair", (1, 1, 0), ALLOWED),
        ("socketpair", (30, 1, 0), EAFNOSUPPORT),
        ("ioctl", (0, 0x5412, 0), EPERM),
        ("ioctl", (0, 0xFF << 32 | 0x5412, 0), EPERM),
        ("ioctl", (0, 0x541C, 0), EPERM),
        ("ioctl", (0, 0x5413, 0), ALLOWED),  # the size of a window
        ("ioctl", (0x5412, 0x5401, 0x5412), ALLOWED),
        ("personality", (0xFFFFFFFF,), ALLOWED),
        ("personality", (0,), ALLOWED),
        ("personality", (0x0040000,), ALLOWED),
        ("personality", (0x0400000,), EPERM),
        ("personality", (0x0100008,), EPERM),
    ],
)  # fmt: skip
@pytest.mark.parametrize("machine", seccomp.MACHINES)
def test_what_hangs_on_an_argument(
    machine: str, name: str, arguments: tuple[int, ...], error: int
) -> None:
    assert answer(machine, seccomp.MACHINES[machine].calls[name], *arguments) == error


@pytest.mark.parametrize("machine", seccomp.MACHINES)
def test_all_other_calls_go_through(machine: str) -> None:
    known = set(seccomp.MACHINES[machine].calls.values())
    assert {answer(machine, one) for one in range(600) if one not in known} == {ALLOWED}


def test_calls_of_another_convention_find_no_way_around() -> None:
    assert answer(X86, 39, audit=0x40000003) == ENOSYS  # a program of 32 bits
    assert answer(X86, 0x40000000 | 39) == ENOSYS  # x32
    assert answer(ARM, 20, audit=0x40000028) == ENOSYS


def test_another_machine_gets_none() -> None:
    assert seccomp.program("riscv64") == b""
