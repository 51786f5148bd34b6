# SPDX-License-Identifier: Apache-2.0
"""What servers' guests are given once: written with the server, read for its config drive."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import Connection, bindparam, delete, insert, select

from agent.model.injection import InjectedFile, Injection
from agent.model.password import Credential
from agent.store.db import Database
from agent.store.schema import injections


@dataclass(frozen=True, slots=True)
class Injections:
    """The table `injections`: one row a server that was given anything."""

    db: Database

    def get(self, server_id: str) -> Injection:
        """What a server's guest is given; an empty injection when that is nothing."""
        with self.db.read() as connection:
            row = connection.execute(_INJECTION, {"server": server_id}).one_or_none()
        if row is None:
            return Injection()
        return Injection(
            files=tuple(InjectedFile(file["path"], file["content"].encode()) for file in row.files),
            credential=Credential(**row.credential) if row.credential else None,
        )


def insert_injection(connection: Connection, server_id: str, injection: Injection | None) -> None:
    """Keep what a new server's guest is given, inside the transaction that writes the server."""
    if injection is None or injection == Injection():
        return
    files = [{"path": file.path, "content": file.content.decode()} for file in injection.files]
    credential = asdict(injection.credential) if injection.credential else None
    connection.execute(
        insert(injections).values(server_id=server_id, files=files, credential=credential)
    )


def replace_injection(connection: Connection, server_id: str, injection: Injection) -> None:
    """Keep what a rebuilt server's guest is given, and nothing of what the last one was."""
    forget_injection(connection, server_id)
    insert_injection(connection, server_id, injection)


def forget_injection(connection: Connection, server_id: str) -> None:
    """Drop what a server's guest was given: the server is gone, and it may hold secrets."""
    connection.execute(delete(injections).where(injections.c.server_id == server_id))


_INJECTION = select(injections).where(injections.c.server_id == bindparam("server"))
