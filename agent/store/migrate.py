# SPDX-License-Identifier: Apache-2.0
"""Whether a database is of this version, and the way there.

Alembic is large: it is imported only when there is something to do, never for a database that is
up to date.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import inspect, text

from agent.errors import Conflict
from agent.store.db import Database, ensure_file, parse_url
from agent.store.migrations import HEAD, REVISIONS


def check(db: Database) -> None:
    """Raise `Conflict`, saying what to do, unless the database is of this version."""
    found = _version(db)
    if found == HEAD:
        return
    if found is None:
        raise Conflict("The database is empty: run `cumulet init`.")
    if found in REVISIONS:
        raise Conflict(
            f"The database is of the older version {found}, this program wants {HEAD}: "
            "run `cumulet init`, which brings it up to date and loses nothing."
        )
    raise Conflict(
        f"The database is of the version {found}, which this program (at {HEAD}) does not know: "
        "a newer program has made it. Install that one again."
    )


def upgrade(path_or_url: str | Path) -> None:
    """Make a database, or bring it up to date: wholly, or not at all. Nothing when it already is.

    A file is made readable by its owner only. `Conflict` when a newer program has made it. Blocks.
    """
    url = parse_url(path_or_url)
    ensure_file(url)
    db = Database.open(url.render_as_string(hide_password=False), foreign_keys=False)
    try:
        found = _version(db)
        if found is not None and found not in REVISIONS:
            check(db)
        if found != HEAD:
            _run(db)
    finally:
        db.close()


def _version(db: Database) -> str | None:
    with db.read() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return found


def _run(db: Database) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "agent.store:migrations")
    config.set_main_option("path_separator", "os")
    with db.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
