# SPDX-License-Identifier: Apache-2.0
"""Whether the host's libvirt answers: what reads show and what new actions are told.

A host that nobody has looked for yet is not away. Read by the API's threads, written by libvirt's.
"""

from __future__ import annotations

from collections.abc import Callable


class Reachability:
    """Since when the host does not answer, if it does not."""

    def __init__(self, monotonic: Callable[[], float], unknown_after_s: float) -> None:
        self._monotonic = monotonic
        self._unknown_after_s = unknown_after_s
        self._lost_at: float | None = None

    def lost(self) -> None:
        """The host does not answer (any more)."""
        if self._lost_at is None:
            self._lost_at = self._monotonic()

    def found(self) -> None:
        """The host answers."""
        self._lost_at = None

    @property
    def is_away(self) -> bool:
        """Whether a new action would have to wait."""
        return self._lost_at is not None

    @property
    def is_known(self) -> bool:
        """Whether what is recorded of its servers can still be believed."""
        lost_at = self._lost_at
        return lost_at is None or self._monotonic() - lost_at < self._unknown_after_s
