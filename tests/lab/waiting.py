# SPDX-License-Identifier: Apache-2.0
"""The one way to wait in tests: for a condition, with a deadline, saying what was waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

RARELY_S = 0.2
"""The longest pause between two looks: each costs time of the CPU on which a guest is to boot."""


def wait_for(
    condition: Callable[[], T | None], *, timeout_s: float, what: str, poll_s: float = 0.02
) -> T:
    """Return the first truthy answer of `condition`, or raise TimeoutError naming `what`.

    It looks after `poll_s`, and the longer it has waited the rarer: an answer is found at most a
    twentieth later than it could be.
    """
    began = time.monotonic()
    deadline = began + timeout_s
    while True:
        answer = condition()
        if answer:
            return answer
        now = time.monotonic()
        if now > deadline:
            raise TimeoutError(f"waited {timeout_s:g} s in vain for {what}")
        time.sleep(max(poll_s, min((now - began) / 20, RARELY_S)))
