# SPDX-License-Identifier: Apache-2.0
"""A look that may hang, in a thread that nobody waits for longer than a while."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from agent.errors import AgentError, HostUnavailable

T = TypeVar("T")


def within(seconds: float, what: str, work: Callable[[], T]) -> T:
    """Give what the work gives, or raise what it raises of `AgentError` and `OSError`.

    `HostUnavailable` when it takes longer: then its thread goes on by itself, and does not keep
    the process from ending.
    """
    results: list[T] = []
    errors: list[AgentError | OSError] = []

    def run() -> None:
        try:
            results.append(work())
        except (AgentError, OSError) as error:
            errors.append(error)

    thread = threading.Thread(target=run, name=what, daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        late = f"has not answered within {seconds:g} seconds" if thread.is_alive() else "broke"
        raise HostUnavailable(f"{what} {late}")
    return results[0]
