# SPDX-License-Identifier: Apache-2.0
"""The use cases of application credentials: a program's way in, without its user's password.

One is good for the project of the token that it was made with, with the roles that were chosen of
the user's there. What the user loses, it loses too.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from agent.errors import BadRequest, Forbidden, NotFound
from agent.identity.hashing import hash_password, make_secret
from agent.identity.oneself import check_oneself, no_user
from agent.model.identity import AppCredential, Bearer, Caller, Role
from agent.store import Store

MOST = 100  # of one user


@dataclass(frozen=True, slots=True)
class RoleRef:
    """A role, by id or by name."""

    id: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class CreateAppCredential:
    """A create request, parsed."""

    name: str
    secret: str | None = field(default=None, repr=False)
    description: str | None = None
    expires_at: datetime | None = None
    roles: Sequence[RoleRef] = ()  # none: all that the token has
    unrestricted: bool = False


@dataclass(frozen=True, slots=True)
class ShownAppCredential:
    """An application credential with its roles, as they are now."""

    credential: AppCredential
    roles: Sequence[Role]


@dataclass(frozen=True, slots=True)
class AppCredentials:
    """A user's own; of others an administrator may look and remove, and nobody else knows."""

    store: Store
    now: Callable[[], datetime]

    def create(
        self, caller: Caller, user_id: str, request: CreateAppCredential
    ) -> tuple[ShownAppCredential, str]:
        """Make one and return it with its secret, which is told this once.

        `BadRequest` for a role that the token has not, or a time that is past; `Conflict` for a
        taken name; `Forbidden` with a token that an application credential got, unless
        unrestricted.
        """
        if user_id != caller.user.id:
            raise no_user(user_id)
        self._check_unrestricted(caller)
        if request.expires_at is not None and request.expires_at <= self.now():
            raise BadRequest("application_credential.expires_at: is past already.")
        roles = [_choose(caller, wanted) for wanted in request.roles] or list(caller.roles)
        secret = make_secret(64) if request.secret is None else request.secret
        credential = AppCredential(
            id=uuid.uuid4().hex,
            name=request.name,
            user_id=user_id,
            project_id=caller.project.id,
            secret_hash=hash_password(secret),
            role_ids=tuple(dict.fromkeys(role.id for role in roles)),
            created_at=self.now(),
            description=request.description,
            expires_at=request.expires_at,
            unrestricted=request.unrestricted,
        )
        self.store.app_credentials.add(credential, most=MOST)
        return self._show(credential), secret

    def list(self, bearer: Bearer, user_id: str) -> Sequence[ShownAppCredential]:
        """All of a user, by name."""
        self._check_user(bearer, user_id)
        return [self._show(one) for one in self.store.app_credentials.list(user_id)]

    def get(self, bearer: Bearer, user_id: str, credential_id: str) -> ShownAppCredential:
        """One of a user's; `NotFound` when there is none."""
        self._check_user(bearer, user_id)
        credential = self.store.app_credentials.find(credential_id)
        if credential is None or credential.user_id != user_id:
            raise NotFound(f"Could not find application credential: {credential_id}.")
        return self._show(credential)

    def delete(self, bearer: Bearer, user_id: str, credential_id: str) -> None:
        """Remove one, and with it every token that it got."""
        self._check_user(bearer, user_id)
        self._check_unrestricted(bearer)
        self.store.app_credentials.delete(user_id, credential_id)

    def _show(self, credential: AppCredential) -> ShownAppCredential:
        roles = self.store.grants.roles_of(credential.user_id, credential.project_id)
        return ShownAppCredential(
            credential, [role for role in roles if role.id in credential.role_ids]
        )

    def _check_user(self, bearer: Bearer, user_id: str) -> None:
        check_oneself(bearer, user_id)
        self.store.identity.get_user(user_id)

    def _check_unrestricted(self, bearer: Bearer) -> None:
        used = bearer.token.app_credential_id
        credential = self.store.app_credentials.find(used) if used else None
        if credential is not None and not credential.unrestricted:
            raise Forbidden(
                "The application credential that you used is restricted: it may neither make nor "
                "remove application credentials."
            )


def _choose(caller: Caller, wanted: RoleRef) -> Role:
    for role in caller.roles:
        if role.id == wanted.id or (wanted.id is None and role.name == wanted.name):
            return role
    raise BadRequest(
        "application_credential.roles: only roles that you have in the project can be given."
    )
