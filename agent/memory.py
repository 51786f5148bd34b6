# SPDX-License-Identifier: Apache-2.0
"""Keeps the process small: what was needed once, for a large answer or many tasks, is given back.

glibc keeps what was freed, for each of its arenas, and by itself makes one for each thread. Python
computes in one thread at a time anyway, so that these seldom wait for each other at a single one;
there, what a thread has freed is taken by the next. (See mallopt(3) and malloc_trim(3).)
"""

from __future__ import annotations

import ctypes
import gc
import threading
import time
from collections.abc import Callable
from contextlib import suppress

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # as malloc.h has them
LARGE = 2 * 2**20  # bytes
KEPT = 8 * 2**20  # bytes: more than an answer with a thousand servers takes
TRIM_S = 15.0
COLLECT_AFTER = 2_000  # new objects that are still there


def keep_small(trim_s: float = TRIM_S) -> None:
    """Let memory go back to the system when it is free, from now on. Starts a thread.

    What is large goes at once: else glibc would keep the 16 MiB of each scrypt once they have been
    freed once. What uploads use again and again, a MiB at a time, is less. All other that is free
    goes every `trim_s` seconds. Until then 8 MiB of it are kept: who lists a thousand servers lists
    them again, and to get new memory for that takes a sixth of its time.
    """
    with suppress(OSError, AttributeError):  # another libc
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, LARGE)
        libc.mallopt(M_TRIM_THRESHOLD, KEPT)
        libc.mallopt(M_ARENA_MAX, 1)
        threading.Thread(
            target=_trim, args=(libc.malloc_trim, trim_s), name="memory", daemon=True
        ).start()


def collect_seldom() -> None:
    """Spare what was built at the start from each garbage collection: it stays anyway.

    And do not begin one while a list of some hundred servers is read, which is no garbage.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)


def _trim(malloc_trim: Callable[[int], int], every_s: float) -> None:
    """Give back what is free between what is not, again and again: it takes a millisecond."""
    while True:
        time.sleep(every_s)
        malloc_trim(0)
