"""Ties a process to its parent: when the parent dies, however it dies, the kernel ends the child too.

The tie survives ``exec``, so that even programs that know nothing of it, such as the Valkey server, leave no
orphan behind. Linux only; on other systems the parent's own clean-up has to do.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG, PR_SET_NAME = 1, 15


def tie(parent: int, signum: int) -> None:
    """Have the kernel send ``signum`` to this process when ``parent`` ends; exit now if it has already."""
    if sys.platform != "linux":
        return
    _prctl(PR_SET_PDEATHSIG, signum)
    # The parent may have gone before the kernel was told.
    if os.getppid() != parent:
        os._exit(0)


def call(name: str) -> None:
    """Show this process as ``name`` in ``ps -o comm`` and ``top``; the kernel keeps 15 bytes of it."""
    if sys.platform == "linux":
        _prctl(PR_SET_NAME, name.encode())


def _prctl(option: int, argument: int | bytes) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, argument, 0, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")
