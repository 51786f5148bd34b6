# SPDX-License-Identifier: Apache-2.0
"""Application credentials. Their secrets come in hashed already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import delete, func, insert, select
from sqlalchemy.exc import IntegrityError

from agent.errors import Conflict, NotFound, OverQuota
from agent.model.identity import AppCredential
from agent.store import rows
from agent.store.db import Database
from agent.store.schema import app_credentials


@dataclass(frozen=True, slots=True)
class AppCredentials:
    """The table `app_credentials`. With one goes every token that was got with it."""

    db: Database

    def add(self, credential: AppCredential, *, most: int) -> None:
        """Keep one; `Conflict` when the user has one of this name, `OverQuota` above `most`."""
        columns = {**asdict(credential), "role_ids": list(credential.role_ids)}
        count = select(func.count()).where(app_credentials.c.user_id == credential.user_id)
        try:
            with self.db.write() as connection:
                if (connection.scalar(count) or 0) >= most:
                    raise OverQuota(f"A user has at most {most} application credentials.")
                connection.execute(insert(app_credentials).values(columns))
        except IntegrityError as error:
            raise Conflict(f"Application credential {credential.name} exists already.") from error

    def find(self, credential_id: str) -> AppCredential | None:
        """The one with this id."""
        return self._first(id=credential_id)

    def find_by_name(self, user_id: str, name: str) -> AppCredential | None:
        """The user's one of this name."""
        return self._first(user_id=user_id, name=name)

    def list(self, user_id: str) -> Sequence[AppCredential]:
        """All of a user, by name."""
        statement = select(app_credentials).filter_by(user_id=user_id)
        with self.db.read() as connection:
            found = connection.execute(statement.order_by(app_credentials.c.name))
            return [rows.app_credential_from(row) for row in found]

    def delete(self, user_id: str, credential_id: str) -> None:
        """Remove a user's; `NotFound` when there is none."""
        wanted = {"user_id": user_id, "id": credential_id}
        with self.db.write() as connection:
            if connection.execute(delete(app_credentials).filter_by(**wanted)).rowcount == 0:
                raise NotFound(f"Could not find application credential: {credential_id}.")

    def _first(self, **wanted: str) -> AppCredential | None:
        statement = select(app_credentials).filter_by(**wanted)
        with self.db.read() as connection:
            row = connection.execute(statement).one_or_none()
        return rows.app_credential_from(row) if row else None
