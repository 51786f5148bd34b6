# SPDX-License-Identifier: Apache-2.0
"""The public keys that users keep here. Private keys never come this far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import bindparam, delete, func, insert, select

from agent.errors import BadRequest, Conflict, NotFound, OverQuota
from agent.model.keypair import Keypair, NewKeypair
from agent.model.quota import Quota
from agent.store import rows
from agent.store.catalogschema import keypairs
from agent.store.db import Database
from agent.store.quotas import quota_of


@dataclass(frozen=True, slots=True)
class Keypairs:
    """The table `keypairs`: each is its user's, and no other user sees it."""

    db: Database

    def list(
        self, user_id: str, *, limit: int | None = None, marker: str | None = None
    ) -> Sequence[Keypair]:
        """A user's keypairs by name, those after the name `marker`: `BadRequest` for none such."""
        statement = select(keypairs).where(keypairs.c.user_id == user_id).order_by(keypairs.c.name)
        with self.db.read() as connection:
            if marker is not None:
                of_marker = {"user": user_id, "name": marker}
                if connection.execute(_KEYPAIR, of_marker).first() is None:
                    raise BadRequest(f"marker [{marker[:60]}] not found")
                statement = statement.where(keypairs.c.name > marker)
            statement = statement.limit(limit)
            return [rows.keypair_from(row) for row in connection.execute(statement)]

    def get(self, user_id: str, name: str) -> Keypair:
        """One keypair of a user, or `NotFound`."""
        with self.db.read() as connection:
            row = connection.execute(_KEYPAIR, {"user": user_id, "name": name}).one_or_none()
        if row is None:
            raise _no_keypair(user_id, name)
        return rows.keypair_from(row)

    def add(self, keypair: NewKeypair, default: Quota, *, project_id: str) -> Keypair:
        """Keep a keypair, if its user has fewer than the quota of the asking project allows.

        `OverQuota` or, when the name is taken, `Conflict`, in Nova's words; nothing is kept then.
        """
        owner = {"user": keypair.user_id}
        with self.db.write() as connection:
            quota = quota_of(connection, project_id, default, keypair.user_id)
            if 0 <= quota.key_pairs <= (connection.scalar(_COUNT, owner) or 0):
                raise OverQuota("Quota exceeded, too many key pairs.")
            if connection.execute(_KEYPAIR, {**owner, "name": keypair.name}).first() is not None:
                raise Conflict(f"Key pair '{keypair.name}' already exists.")
            connection.execute(insert(keypairs).values(asdict(keypair)))
            row = connection.execute(_KEYPAIR, {**owner, "name": keypair.name}).one()
            return rows.keypair_from(row)

    def delete(self, user_id: str, name: str) -> None:
        """Forget a keypair; `NotFound` when there is none. Servers keep their copies."""
        statement = delete(keypairs).where(keypairs.c.user_id == user_id, keypairs.c.name == name)
        with self.db.write() as connection:
            if connection.execute(statement).rowcount == 0:
                raise _no_keypair(user_id, name)


_KEYPAIR = select(keypairs).where(
    keypairs.c.user_id == bindparam("user"), keypairs.c.name == bindparam("name")
)
_COUNT = select(func.count()).where(keypairs.c.user_id == bindparam("user"))


def _no_keypair(user_id: str, name: str) -> NotFound:
    return NotFound(f"Keypair {name} not found for user {user_id}")
