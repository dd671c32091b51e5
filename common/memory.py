"""Limit the memory of long jobs: the C library's allocator keeps unused memory for threads that have ended."""

import ctypes
import os

ARENAS = 2
"""Maximum number of memory pools (arenas) of the C library's allocator. The default is up to eight per core. Threads
that end, such as the sampler's, each leave behind a pool that is only partly used."""

_M_ARENA_MAX = -8


def bound_arenas() -> bool:
    """Limit the arenas of this process and of the processes that it starts; for use in programs, not in libraries.

    Returns
    -------
    bool
        Whether this process was changed: False if `MALLOC_ARENA_MAX` is already set, or if the C library is not glibc.
    """
    if "MALLOC_ARENA_MAX" in os.environ:
        return False
    os.environ["MALLOC_ARENA_MAX"] = str(ARENAS)
    try:
        return bool(ctypes.CDLL(None).mallopt(_M_ARENA_MAX, ARENAS))
    except (AttributeError, OSError, TypeError):
        return False
