# SPDX-License-Identifier: Apache-2.0
"""Begins slow work before its step comes, so that the two run side by side.

What runs ahead is a hint, never the step: the step itself looks, waits for what was begun, and does
what is missing. So nothing depends on this: lost in a crash, or failed, it only costs time. Whoever
undoes the work waits for it first, or it would be done after it was undone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Executor, Future, wait

from agent.errors import AgentError

log = logging.getLogger(__name__)


class Ahead:
    """Work under way, by key. Without an executor it is done at once, in the caller's thread."""

    def __init__(self, executor: Executor | None = None) -> None:
        self._executor = executor
        self._begun: dict[str, Future[None]] = {}

    def start(self, key: str, work: Callable[[], None]) -> None:
        """Begin some work; returns at once when there is an executor."""
        if self._executor is None:
            _try(key, work)
            return
        self._begun[key] = self._executor.submit(_try, key, work)

    def wait(self, key: str) -> None:
        """Wait until the work of this key is over, if any was begun. Blocks."""
        begun = self._begun.pop(key, None)
        if begun is not None:
            wait([begun])


def _try(key: str, work: Callable[[], None]) -> None:
    try:
        work()
    except AgentError as error:
        log.warning("%s: what was begun ahead failed, its step will tell: %s", key, error)
