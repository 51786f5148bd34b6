# SPDX-License-Identifier: Apache-2.0
"""The use cases of identity: a password becomes a token, a token becomes a caller.

A token is 256 random bits, stored as its hash; a password is stored as scrypt's hash. Neither is
ever logged, and the two ways to fail a login look and take the same.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.errors import NotFound, Unauthorized
from agent.model.identity import (
    DEFAULT_DOMAIN_ID,
    DEFAULT_DOMAIN_NAME,
    Bearer,
    Caller,
    Project,
    Token,
    User,
)
from agent.store import Store

SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**14, 8, 1  # 16 MiB and about 50 ms a try

WRONG = "The request you have made requires authentication."


@dataclass(frozen=True, slots=True)
class UserRef:
    """Who logs in: by id, or by name in the default domain."""

    id: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class ProjectRef:
    """Which project a token is to be for: by id, or by name in the default domain."""

    id: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Logs callers in and recognises them."""

    store: Store
    lifetime: timedelta
    now: Callable[[], datetime]

    def log_in(self, who: UserRef, password: str, scope: ProjectRef | None) -> tuple[str, Caller]:
        """Trade a password for a token's secret and what it stands for.

        Without a scope the user's default project is taken. `Unauthorized` when the credentials are
        wrong, the user or project is disabled, or the user has no role there. Takes 50 ms on
        purpose.
        """
        user = self._find_user(who)
        known = verify_password(password, user.password_hash if user else _NOBODY)
        if user is None or not known or not user.enabled:
            raise Unauthorized(WRONG)
        project = self._find_project(scope or ProjectRef(id=user.default_project_id))
        roles = self.store.identity.roles_of(user.id, project.id) if project else ()
        if project is None or not project.enabled or not roles:
            raise Unauthorized(WRONG)
        secret = secrets.token_urlsafe(32)
        issued_at = self.now()
        token = Token(
            token_hash=hash_token(secret),
            audit_id=secrets.token_urlsafe(16),
            user_id=user.id,
            project_id=project.id,
            methods=("password",),
            issued_at=issued_at,
            expires_at=issued_at + self.lifetime,
        )
        self.store.identity.purge_tokens(issued_at)
        self.store.identity.add_token(token)
        return secret, Caller(user=user, project=project, roles=roles, token=token)

    def recognise(self, secret: str | None) -> Bearer:
        """Say who bears this token; `Unauthorized` when nobody does (any more)."""
        token = self.store.identity.find_token(hash_token(secret), self.now()) if secret else None
        if token is None or token.project_id is None:
            raise Unauthorized(WRONG)
        try:
            user = self.store.identity.get_user(token.user_id)
            project = self.store.identity.get_project(token.project_id)
        except NotFound as error:
            raise Unauthorized(WRONG) from error
        roles = self.store.identity.roles_of(user.id, project.id)
        if not user.enabled or not project.enabled or not roles:
            raise Unauthorized(WRONG)
        return Bearer(user=user, project=project, roles=roles, token=token)

    def assume(self, name: str) -> Caller:
        """Be the user of this name in the project of this name, without a token.

        For the command line, where being root on the host is proof enough. `NotFound` when there is
        no such user or project.
        """
        user = self.store.identity.find_user(name)
        project = self.store.identity.find_project(name)
        if user is None or project is None:
            raise NotFound(f"There is no user and project '{name}'. Run `cumulet init`.")
        now = self.now()
        token = Token("", "", user.id, project.id, (), issued_at=now, expires_at=now)
        roles = self.store.identity.roles_of(user.id, project.id)
        return Caller(user=user, project=project, roles=roles, token=token)

    def revoke(self, secret: str) -> None:
        """End a token before its time."""
        self.store.identity.revoke_token(hash_token(secret))

    def list_projects(self, bearer: Bearer) -> list[Project]:
        """All projects in which the caller's user has a role."""
        return list(self.store.identity.projects_of(bearer.user.id))

    def _find_user(self, who: UserRef) -> User | None:
        if who.id is None:
            return self.store.identity.find_user(who.name or "")
        try:
            return self.store.identity.get_user(who.id)
        except NotFound:
            return None

    def _find_project(self, scope: ProjectRef) -> Project | None:
        if scope.id is None:
            return self.store.identity.find_project(scope.name or "")
        try:
            return self.store.identity.get_project(scope.id)
        except NotFound:
            return None


def is_default_domain(*, domain_id: str | None = None, domain_name: str | None = None) -> bool:
    """Whether a request names the one domain that there is (or none, which means it)."""
    if domain_id is not None:
        return domain_id == DEFAULT_DOMAIN_ID
    return domain_name is None or domain_name.lower() == DEFAULT_DOMAIN_NAME.lower()


def hash_token(secret: str) -> str:
    """Hash a token's secret for the store: it is random, so a plain digest is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


def hash_password(password: str) -> str:
    """Hash a password for the store: "scrypt$N$r$p$salt$key"."""
    salt = secrets.token_bytes(16)
    key = _scrypt(password, salt, SCRYPT_N, SCRYPT_R, SCRYPT_P)
    parts = (SCRYPT_N, SCRYPT_R, SCRYPT_P, _b64(salt), _b64(key))
    return "$".join(["scrypt", *map(str, parts)])


def verify_password(password: str, password_hash: str) -> bool:
    """Whether a password fits its hash, in a time that does not tell how nearly."""
    _, n, r, p, salt, key = password_hash.split("$")
    got = _scrypt(password, base64.b64decode(salt), int(n), int(r), int(p))
    return hmac.compare_digest(got, base64.b64decode(key))


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, maxmem=2**26, dklen=32)


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


_NOBODY = f"scrypt${SCRYPT_N}${SCRYPT_R}${SCRYPT_P}${_b64(bytes(16))}${_b64(bytes(32))}"
"""What an unknown user's password is compared with, so that it takes as long."""
