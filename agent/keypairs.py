# SPDX-License-Identifier: Apache-2.0
"""The use cases of keypairs: import, make, look, delete.

A private key is given once, to whoever asked for it, and never kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from agent import certificates, sshkeys
from agent.errors import Forbidden
from agent.model.identity import Caller
from agent.model.keypair import Keypair, MadeKeys, NewKeypair
from agent.model.quota import Quota
from agent.store import Store


@dataclass(frozen=True, slots=True)
class Kind:
    """How keys of a type are made and recognised."""

    make: Callable[[], MadeKeys]
    fingerprint: Callable[[str], str]  # `BadRequest` for what is no such key


KINDS = {
    "ssh": Kind(sshkeys.make_keys, sshkeys.fingerprint),
    "x509": Kind(certificates.make_certificate, certificates.fingerprint),
}


@dataclass(frozen=True, slots=True)
class Keypairs:
    """Keypairs belong to users, not to projects: to the caller, or whom an administrator names.

    `user_id` is None for the caller's own. `Forbidden` when others than administrators name one.
    """

    store: Store
    quota: Quota  # the default one: the store knows what else was set
    now: Callable[[], datetime]

    def import_public(
        self,
        caller: Caller,
        name: str,
        public_key: str,
        *,
        kind: str = "ssh",
        user_id: str | None = None,
    ) -> Keypair:
        """Keep a public key that its user has.

        `BadRequest` when it is none, `Conflict` when the name is taken, `OverQuota`.
        """
        keypair = NewKeypair(
            user_id=_owner(caller, user_id),
            name=name,
            public_key=public_key,
            fingerprint=KINDS[kind].fingerprint(public_key),
            created_at=self.now(),
            type=kind,
        )
        return self.store.keypairs.add(keypair, self.quota, project_id=caller.project.id)

    def generate(
        self, caller: Caller, name: str, *, kind: str = "ssh", user_id: str | None = None
    ) -> tuple[Keypair, str]:
        """Make a keypair and keep its public half; give the private half in PEM, this once."""
        _owner(caller, user_id)
        made = KINDS[kind].make()
        kept = self.import_public(caller, name, made.public_key, kind=kind, user_id=user_id)
        return kept, made.private_key

    def list(
        self,
        caller: Caller,
        *,
        user_id: str | None = None,
        limit: int | None = None,
        marker: str | None = None,
    ) -> Sequence[Keypair]:
        """A user's keypairs by name, those after the name `marker`: `BadRequest` for none such."""
        return self.store.keypairs.list(_owner(caller, user_id), limit=limit, marker=marker)

    def get(self, caller: Caller, name: str, user_id: str | None = None) -> Keypair:
        """One of a user's keypairs, or `NotFound`."""
        return self.store.keypairs.get(_owner(caller, user_id), name)

    def delete(self, caller: Caller, name: str, user_id: str | None = None) -> None:
        """Forget one of a user's keypairs, or `NotFound`. Servers go on letting it in."""
        self.store.keypairs.delete(_owner(caller, user_id), name)


def _owner(caller: Caller, user_id: str | None) -> str:
    if user_id in (None, caller.user.id):
        return caller.user.id
    if not caller.is_admin:
        raise Forbidden("Policy doesn't allow user_id: it needs the role admin.")
    return str(user_id)
