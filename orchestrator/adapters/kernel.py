"""The two renames that Python does not offer: never over an existing name, and an exchange."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from enum import IntEnum
from pathlib import Path


class Rename(IntEnum):
    """Flags of renameat2(2)."""

    NO_REPLACE = 1
    EXCHANGE = 2


_AT_FDCWD = -100
_renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
# What a kernel, a C library or a file system says when it does not know the flag.
NOT_OFFERED = frozenset({errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP})


def rename(source: Path | str, target: Path | str, how: Rename) -> None:
    """One atomic rename; raises OSError, with an errno of NOT_OFFERED where it does not exist."""
    if _renameat2 is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), str(source), None, str(target))
    # As Python's own os.rename says it, for whoever listens: ctypes would pass by unheard.
    sys.audit("os.rename", source, target, -1, -1)
    done = _renameat2(
        _AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), ctypes.c_uint(how)
    )
    if done != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(source), None, str(target))
