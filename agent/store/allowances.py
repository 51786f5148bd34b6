# SPDX-License-Identifier: Apache-2.0
"""The tables of who may use what: private flavors, and quotas. See `schema.py` for the rules."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, String, Table

from agent.store.schema import FLAVOR_ID, ID, metadata

flavor_access = Table(
    "flavor_access",  # which projects may use a flavor that is not public
    metadata,
    Column("flavor_id", FLAVOR_ID, ForeignKey("flavors.id", ondelete="CASCADE"), primary_key=True),
    Column("project_id", ID, primary_key=True, index=True),
)

quotas = Table(
    "quotas",  # what was set for a project, or for one user in it; else the class's counts
    metadata,
    Column("project_id", ID, primary_key=True),
    Column("user_id", ID, primary_key=True),  # "": of the whole project
    Column("resource", String(64), primary_key=True),
    Column("most", Integer, nullable=False),  # -1: any number
)

quota_classes = Table(
    "quota_classes",  # what was set of a class; "default" is everybody's
    metadata,
    Column("name", String(255), primary_key=True),
    Column("resource", String(64), primary_key=True),
    Column("most", Integer, nullable=False),
)
