# SPDX-License-Identifier: Apache-2.0
"""Asks a host something that a user waits for, for a few seconds at most.

The one way in which a request reaches libvirt, and no request hangs with it: a thread of its own
makes the call, and goes on alone when it takes too long.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, TimeoutError
from typing import Generic, TypeVar

from agent.errors import HostUnavailable

T = TypeVar("T")

THREADS = 2


class Aside(Generic[T]):
    """A call by a server's id, with a deadline. Starts no thread before it is used."""

    def __init__(self, ask: Callable[[str], T], timeout_s: float) -> None:
        self._ask = ask
        self._timeout_s = timeout_s
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="aside")

    def __call__(self, server_id: str) -> T:
        """Ask, and wait for the answer; `HostUnavailable` when it does not come in time."""
        answer = self._threads.submit(self._ask, server_id)
        try:
            return answer.result(self._timeout_s)
        except TimeoutError:
            answer.cancel()
            raise HostUnavailable(
                f"The host has not answered within {self._timeout_s:.0f} seconds."
            ) from None
