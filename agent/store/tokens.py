# SPDX-License-Identifier: Apache-2.0
"""Tokens, by the hashes of their secrets."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.exc import IntegrityError

from agent.errors import Conflict
from agent.model.identity import Token
from agent.store import rows
from agent.store.db import Database
from agent.store.schema import tokens


@dataclass(frozen=True, slots=True)
class Tokens:
    """The table `tokens`."""

    db: Database

    def add(self, token: Token) -> None:
        """Keep a token; `Conflict` when its hash is taken or its user or project is not there."""
        columns = {**asdict(token), "methods": list(token.methods)}
        try:
            with self.db.write() as connection:
                connection.execute(insert(tokens).values(columns))
        except IntegrityError as error:
            raise Conflict("The token can't be kept: its user or project is gone.") from error

    def find(self, token_hash: str, now: datetime) -> Token | None:
        """The token with this hash that has not expired."""
        with self.db.read() as connection:
            row = connection.execute(_TOKEN, {"wanted": token_hash}).one_or_none()
        if row is None or row.expires_at <= now:
            return None
        return rows.token_from(row)

    def revoke(self, token_hash: str) -> None:
        """Forget a token; nothing when it is not there."""
        with self.db.write() as connection:
            connection.execute(delete(tokens).where(tokens.c.token_hash == token_hash))

    def purge(self, now: datetime) -> None:
        """Forget all tokens that have expired."""
        with self.db.write() as connection:
            connection.execute(delete(tokens).where(tokens.c.expires_at <= now))


_TOKEN = select(tokens).where(tokens.c.token_hash == bindparam("wanted"))
