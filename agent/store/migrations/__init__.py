# SPDX-License-Identifier: Apache-2.0
"""The way from each version of the tables to the next, run by Alembic (`agent.store.migrate`).

A revision never imports the schema: it must still make the tables of its day years later.
"""

from __future__ import annotations

REVISIONS = (
    "0001",
    "0002",
    "0003",
    "0004",
    "0005",
    "0006",
    "0007",
    "0008",
    "0009",
    "0010",
    "0011",
    "0012",
    "0013",
    "0014",
    "0015",
    "0016",
)
"""All versions, the oldest first; a test holds this against Alembic's own view."""

HEAD = REVISIONS[-1]
