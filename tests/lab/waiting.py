# SPDX-License-Identifier: Apache-2.0
"""The one way to wait in tests: for a condition, with a deadline, saying what was waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(
    condition: Callable[[], T | None], *, timeout_s: float, what: str, poll_s: float = 0.02
) -> T:
    """Return the first truthy answer of `condition`, or raise TimeoutError naming `what`."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout_s:g} s in vain for {what}")
        time.sleep(poll_s)
