# SPDX-License-Identifier: Apache-2.0
"""A few words that outlive the process, by name. Not the configuration, which is a file."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from agent.store.db import Database
from agent.store.schema import settings


@dataclass(frozen=True, slots=True)
class Settings:
    """The table `settings`."""

    db: Database

    def get_setting(self, key: str) -> str | None:
        """The value of a key, or None when it was never set."""
        with self.db.read() as connection:
            return read_setting(connection, key)

    def set_setting(self, key: str, value: str) -> None:
        """Set the value of a key."""
        with self.db.write() as connection:
            write_setting(connection, key, value)


def read_setting(connection: Connection, key: str) -> str | None:
    """The value of a key, or None when it was never set."""
    found: str | None = connection.scalar(select(settings.c.value).where(settings.c.key == key))
    return found


def write_setting(connection: Connection, key: str, value: str) -> None:
    """Set the value of a key, in the caller's transaction."""
    changed = connection.execute(update(settings).where(settings.c.key == key).values(value=value))
    if changed.rowcount == 0:
        connection.execute(insert(settings).values(key=key, value=value))
