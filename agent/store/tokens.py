# SPDX-License-Identifier: Apache-2.0
"""Tokens, by the hashes of their secrets."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import (
    LABEL_STYLE_TABLENAME_PLUS_COL,
    Connection,
    bindparam,
    delete,
    insert,
    select,
)
from sqlalchemy.exc import IntegrityError

from agent.errors import Conflict
from agent.model.identity import Bearer, Role, Token
from agent.store import grants, rows
from agent.store.db import Database
from agent.store.remembered import Remembered
from agent.store.schema import app_credentials, projects, tokens, users


@dataclass(frozen=True, slots=True)
class Tokens:
    """The table `tokens`."""

    db: Database
    known: Remembered[Bearer]

    def add(self, token: Token) -> None:
        """Keep a token; `Conflict` when its hash is taken or its user or project is not there."""
        columns = {**asdict(token), "methods": list(token.methods)}
        try:
            with self.db.write() as connection:
                connection.execute(insert(tokens).values(columns))
        except IntegrityError as error:
            raise Conflict("The token can't be kept: its user or project is gone.") from error

    def find_bearer(self, token_hash: str, now: datetime) -> Bearer | None:
        """Who bears the token with this hash, if it has not expired: as all of it is now.

        Every request asks, so who was found is remembered until anything at all is committed. Its
        user or project may be disabled, and there may be no role.
        """
        bearer = self.known.find(token_hash, lambda: self._look(token_hash))
        return bearer if bearer is not None and now < bearer.token.expires_at else None

    def _look(self, token_hash: str) -> Bearer | None:
        with self.db.read() as connection:
            row = connection.execute(_BORNE, {"wanted": token_hash}).one_or_none()
            if row is None:
                return None
            values = iter(row)
            token, user, project = (dict(zip(names, values, strict=False)) for names in _COLUMNS)
            held = rows.token_of(token)
            roles = _list_roles(connection, held)
        return Bearer(
            user=rows.user_of(user),
            project=None if held.project_id is None else rows.project_of(project),
            roles=() if held.of_system else roles,
            token=held,
            system_roles=roles if held.of_system else (),
        )

    def revoke(self, token_hash: str) -> None:
        """Forget a token; nothing when it is not there."""
        with self.db.write() as connection:
            connection.execute(delete(tokens).where(tokens.c.token_hash == token_hash))

    def purge(self, now: datetime) -> None:
        """Forget all tokens that have expired."""
        with self.db.write() as connection:
            connection.execute(delete(tokens).where(tokens.c.expires_at <= now))


def _list_roles(connection: Connection, token: Token) -> tuple[Role, ...]:
    """The roles that its user has where the token is for, cut down to its credential's."""
    if token.project_id is None and not token.of_system:
        return ()
    roles = grants.list_roles(connection, token.user_id, token.project_id)
    if token.app_credential_id is None:
        return roles
    kept = connection.execute(_KEPT_ROLES, {"wanted": token.app_credential_id}).scalar() or ()
    return tuple(role for role in roles if role.id in kept)


_OF_BEARER = (tokens, users, projects)
_COLUMNS = [tuple(table.c.keys()) for table in _OF_BEARER]
_BORNE = (
    select(*_OF_BEARER)
    .join(users, users.c.id == tokens.c.user_id)
    .outerjoin(projects, projects.c.id == tokens.c.project_id)
    .where(tokens.c.token_hash == bindparam("wanted"))
    .set_label_style(LABEL_STYLE_TABLENAME_PLUS_COL)
)
_KEPT_ROLES = select(app_credentials.c.role_ids).where(app_credentials.c.id == bindparam("wanted"))
