# SPDX-License-Identifier: Apache-2.0
"""Wires the use cases of identity: the composition root's part that commands need too.

It is apart from the rest, for a command is to begin at once and not to load what serves HTTP.
"""

from __future__ import annotations

from datetime import timedelta

from agent.config import Config
from agent.engine.clock import Clock
from agent.identity import Brake, Identity
from agent.store import Store


def build_identity(config: Config, store: Store, clock: Clock) -> Identity:
    """Wire the use cases of identity."""
    lifetime = timedelta(hours=config.token_hours)
    return Identity(store, lifetime, clock.now, Brake(clock.monotonic))
