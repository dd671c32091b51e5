import subprocess
import sys

import pytest

# All threads hold memory at the same time. The C library writes the number of arenas to stderr.
THREADS = """
import ctypes, sys, threading
from tworate.common.memory import bound_arenas
if sys.argv[1] == "bound":
    bound_arenas()
barrier = threading.Barrier(12)
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
def work():
    barrier.wait()
    blocks = [libc.malloc(2000) for _ in range(2000)]
    barrier.wait()
threads = [threading.Thread(target=work) for _ in range(12)]
for thread in threads: thread.start()
for thread in threads: thread.join()
libc.malloc_stats()
"""


def arenas(mode, **environment):
    done = subprocess.run(
        [sys.executable, "-c", THREADS, mode], capture_output=True, text=True, check=True, env=environment
    )
    return done.stderr.count("Arena ")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the arenas are those of glibc")
def test_threads_share_few_arenas_unless_the_environment_sets_the_number():
    assert arenas("left") > 2
    assert arenas("bound") <= 2
    assert arenas("bound", MALLOC_ARENA_MAX="5") > 2
