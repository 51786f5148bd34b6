# SPDX-License-Identifier: Apache-2.0
"""The use cases of keypairs: import, make, look, delete.

A private key is given once, to whoever asked for it, and never kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.model.identity import Caller
from agent.model.keypair import Keypair, NewKeypair
from agent.model.quota import Quota
from agent.sshkeys import fingerprint, make_keys
from agent.store import Store


@dataclass(frozen=True, slots=True)
class Keypairs:
    """The caller's own keypairs: they belong to users, not to projects."""

    store: Store
    quota: Quota  # the default one: the store knows what else was set
    now: Callable[[], datetime]

    def import_public(self, caller: Caller, name: str, public_key: str) -> Keypair:
        """Keep a public key that the caller has.

        `BadRequest` when it is none, `Conflict` when the name is taken, `OverQuota`.
        """
        return self._add(caller, name, public_key)

    def generate(self, caller: Caller, name: str) -> tuple[Keypair, str]:
        """Make a keypair and keep its public half; give the private half in PEM, this once."""
        made = make_keys()
        return self._add(caller, name, made.public_key), made.private_key

    def list_own(self, caller: Caller) -> Sequence[Keypair]:
        """The caller's keypairs, by name."""
        return self.store.keypairs.list(caller.user.id)

    def get(self, caller: Caller, name: str) -> Keypair:
        """One of the caller's keypairs, or `NotFound`."""
        return self.store.keypairs.get(caller.user.id, name)

    def delete(self, caller: Caller, name: str) -> None:
        """Forget one of the caller's keypairs, or `NotFound`. Servers go on letting it in."""
        self.store.keypairs.delete(caller.user.id, name)

    def _add(self, caller: Caller, name: str, public_key: str) -> Keypair:
        keypair = NewKeypair(
            user_id=caller.user.id,
            name=name,
            public_key=public_key,
            fingerprint=fingerprint(public_key),
            created_at=self.now(),
        )
        return self.store.keypairs.add(keypair, self.quota, project_id=caller.project.id)
