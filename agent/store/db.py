# SPDX-License-Identifier: Apache-2.0
"""Opens the database and hands out transactions: the only place that knows which database it is.

Reading and writing are apart: a reader never waits for a writer (SQLite's WAL), and writers come
one at a time, in this process by a lock and between processes by `BEGIN IMMEDIATE` (PostgreSQL: an
advisory lock). So what a write transaction has read stays true until it commits, and a check
followed by an insert needs no retry. A transaction must never be open across anything slow.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DatabaseError, OperationalError, TimeoutError

from agent.errors import HostFailed, HostUnavailable, NotFound
from agent.store import document, patterns
from agent.store.commits import Commits

BUSY_S = 10
"""How long a statement waits for another process's write."""

CACHED_STATEMENTS = 16  # of each connection, some ten KiB each: those that are asked all the time

_WRITES = "cumulet_writes"  # marks a connection whose transaction will write
_ADVISORY_LOCK = 0x63756D75  # any number, the same in all processes

_SQLITE_PRAGMAS = (
    f"PRAGMA busy_timeout = {BUSY_S * 1000}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA secure_delete = ON",  # what is deleted is overwritten
    "PRAGMA cache_size = -128",  # KiB a connection at most: the process is to stay small
)


@dataclass(frozen=True, slots=True)
class Database:
    """An open database: a pool of connections that threads share."""

    engine: Engine
    writer: Engine  # the same pool; its transactions take the write lock when they begin
    commits: Commits | None  # of a file; a database server has none to ask
    turn: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def open(cls, path_or_url: str | Path, *, foreign_keys: bool = True) -> Database:
        """Open a database that exists; `NotFound` when its file does not.

        Without `foreign_keys` SQLite does not check them: for a migration that rebuilds tables.
        """
        url = parse_url(path_or_url)
        path = file_of(url)
        if path is not None and not path.exists():
            raise NotFound(f"There is no database at {path}: run `cumulet init`.")
        writes = {_WRITES: True}
        if path is not None:
            engine = _sqlite(url, foreign_keys)
            return cls(engine, engine.execution_options(**writes), Commits(path, BUSY_S))
        engine = _server(url)
        one_moment = engine.execution_options(isolation_level="REPEATABLE READ")
        return cls(one_moment, engine.execution_options(**writes), None)

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()
        if self.commits is not None:
            self.commits.close()

    def version(self) -> int | None:
        """A number that is another one once anything was committed; None when it can't be told.

        What was read after a number was given is still so while the same number is given.
        """
        try:
            return self.commits.version() if self.commits is not None else None
        except sqlite3.Error:
            return None  # whoever reads next is told why

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection that sees one moment of the database and may not write.

        `HostUnavailable` when the database does not answer, `HostFailed` when it is damaged.
        """
        with self._translated(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give the only connection that may write now; what it did is committed at the end.

        Any exception rolls back. `HostUnavailable` when the turn does not come within 10 seconds,
        and as from `read`.
        """
        if not self.turn.acquire(timeout=BUSY_S):
            raise HostUnavailable("The database is busy: another change takes too long.")
        try:
            with self._translated(), self.writer.begin() as connection:
                yield connection
        finally:
            self.turn.release()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (OperationalError, TimeoutError) as error:
            # SQLAlchemy's own text has a link to its manual in it.
            cause = getattr(error, "orig", None) or error.args[0]
            raise HostUnavailable(f"The database does not answer now: {cause}.") from error
        except DatabaseError as error:
            if type(error) is not DatabaseError:  # SQLite says so of a file, not of a statement
                raise
            raise HostFailed(
                f"The database {self.engine.url.database} is damaged: {error.orig}. "
                "Put a copy of it from before in its place."
            ) from error


def parse_url(path_or_url: str | Path) -> URL:
    """Read a database's URL; anything without `://` is the path of a SQLite file."""
    text = str(path_or_url)
    return make_url(text) if "://" in text else URL.create("sqlite", database=text)


def file_of(url: URL) -> Path | None:
    """Name the file of a SQLite database; None for a database server."""
    if url.get_backend_name() != "sqlite":
        return None
    return Path(url.database or "")


def ensure_file(url: URL) -> None:
    """Make a SQLite database's file, readable by its owner only, before anything is in it."""
    path = file_of(url)
    if path is None:
        return
    # An existing file is never opened here: SQLite's locks on it go when a process closes any
    # descriptor of it. SQLite gives its -wal and -shm files the mode of the database.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    path.chmod(0o600)


def _sqlite(url: URL, foreign_keys: bool) -> Engine:
    engine = create_engine(
        url,
        connect_args={
            "check_same_thread": False,  # the pool gives it to one thread at a time
            "cached_statements": CACHED_STATEMENTS,
        },
        hide_parameters=True,  # no hash or user data in an exception's text
        json_serializer=document.write,
        pool_size=8,
        max_overflow=88,  # more than the threads of the process: `api_threads` is 64 at most
        pool_use_lifo=True,  # the warm ones first
    )
    on_off = "ON" if foreign_keys else "OFF"

    def set_up(connection: Any, _record: object) -> None:
        connection.create_function("regexp", 2, patterns.search, deterministic=True)
        connection.isolation_level = None  # the module's own BEGIN comes too late for a snapshot
        for pragma in (*_SQLITE_PRAGMAS, f"PRAGMA foreign_keys = {on_off}"):
            connection.execute(pragma)

    def begin(connection: Connection) -> None:
        if connection.get_execution_options().get(_WRITES):
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            return
        # It touches no file, so it can't fail; as SQLAlchemy's it would take as long as a query.
        raw: Any = connection.connection.dbapi_connection
        raw.execute("BEGIN")

    event.listen(engine, "connect", set_up)
    event.listen(engine, "begin", begin)
    return engine


def _server(url: URL) -> Engine:
    engine = create_engine(
        url,
        hide_parameters=True,
        json_serializer=document.write,
        pool_pre_ping=True,
        pool_use_lifo=True,
    )

    def begin(connection: Connection) -> None:
        if connection.get_execution_options().get(_WRITES):
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")

    event.listen(engine, "begin", begin)
    return engine
