"""Keep the memory of long jobs from growing by what lies unused between threads."""

import ctypes
import os

ARENAS = 2
"""Pools of the C library's allocator. By default it opens up to eight a core, and threads that come and go, as those of
the sampler do, each leave one behind that is only in part used."""

_M_ARENA_MAX = -8


def bound_arenas() -> bool:
    """Let the allocator of this process, and of those that it starts, keep few arenas; for programs, not libraries.

    Returns
    -------
    bool
        Whether this process was changed: not where the C library is another than glibc, or `MALLOC_ARENA_MAX` says how
        many.
    """
    if "MALLOC_ARENA_MAX" in os.environ:
        return False
    os.environ["MALLOC_ARENA_MAX"] = str(ARENAS)
    try:
        return bool(ctypes.CDLL(None).mallopt(_M_ARENA_MAX, ARENAS))
    except (AttributeError, OSError, TypeError):
        return False
