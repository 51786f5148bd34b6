# SPDX-License-Identifier: Apache-2.0
"""The database: intent, kept in plain SQL over SQLite (or PostgreSQL).

    Store ── servers, records, tasks, catalog, images, keypairs, networks, identity, tokens, …
      └──── Database        opens, locks, commits

Every method is one short transaction, and what goes in and out are the frozen values of
`agent.model`. Nothing in here waits for a host, runs a program or knows HTTP; SQL stays in here.
"""

from __future__ import annotations

from agent.store.db import Database
from agent.store.servers import Admission
from agent.store.serverselect import ServerFilter
from agent.store.store import Store

__all__ = ["Admission", "Database", "ServerFilter", "Store"]
