# SPDX-License-Identifier: Apache-2.0
"""The use cases of tokens: proofs become a token, a token becomes whoever bears it.

A token is 256 random bits, stored as its hash; a password is stored as scrypt's hash. Neither is
ever logged, and all ways to fail a login look and take the same. Failed logins are logged, with
who and from where, and slow down those that follow.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.errors import Forbidden, NotFound, Unauthorized
from agent.identity.brake import Brake
from agent.identity.hashing import hash_token, verify_password
from agent.identity.proofs import (
    ByAppCredential,
    ByPassword,
    ByToken,
    Login,
    ProjectRef,
    Proof,
    Scope,
    System,
    Unscoped,
    UserRef,
)
from agent.model.identity import AppCredential, Bearer, Caller, Project, Role, Token, User
from agent.store import Store

log = logging.getLogger(__name__)

WRONG = "The request you have made requires authentication."


@dataclass(frozen=True, slots=True)
class _Proven:
    """What one proof shows."""

    user: User
    methods: tuple[str, ...]
    ends_at: datetime | None = None  # a token may not outlive what it was got with
    parent: Token | None = None
    credential: AppCredential | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Logs users in and recognises them."""

    store: Store
    lifetime: timedelta
    now: Callable[[], datetime]
    brake: Brake

    def log_in(self, login: Login, address: str = "") -> tuple[str, Bearer]:
        """Trade proofs for a token's secret and what it stands for.

        `address` is where the request comes from. `Unauthorized` when a proof is wrong, the user or
        project is disabled, or the user has no role there; `TooManyTries` after many failures;
        `Forbidden` for another project than an application credential's. Takes 50 ms on purpose.
        """
        proven = [self._prove(proof, address) for proof in login.proofs]
        first = proven[0]
        if any(other.user.id != first.user.id for other in proven):
            raise Unauthorized(WRONG)
        credential = next((it.credential for it in proven if it.credential), None)
        project = self._scope(first.user, login.scope, credential)
        token_of = next((it.parent for it in proven if it.parent), None)
        issued_at = self.now()
        ends = [it.ends_at for it in proven if it.ends_at is not None]
        secret = secrets.token_urlsafe(32)
        token = Token(
            token_hash=hash_token(secret),
            audit_id=secrets.token_urlsafe(16),
            user_id=first.user.id,
            project_id=project.id if project else None,
            methods=tuple(dict.fromkeys(name for it in proven for name in it.methods)),
            issued_at=issued_at,
            expires_at=min([issued_at + self.lifetime, *ends]),
            parent_audit_id=(token_of.parent_audit_id or token_of.audit_id) if token_of else None,
            app_credential_id=credential.id if credential else None,
            of_system=isinstance(login.scope, System),
        )
        self.store.tokens.purge(issued_at)
        self.store.tokens.add(token)
        return secret, self.recognise(secret)

    def recognise(self, secret: str | None) -> Bearer:
        """Say who bears this token; `Unauthorized` when nobody does (any more)."""
        bearer = self.store.tokens.find_bearer(hash_token(secret), self.now()) if secret else None
        if bearer is None or not _is_good(bearer):
            raise Unauthorized(WRONG)
        return bearer

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
        roles = self.store.grants.roles_of(user.id, project.id)
        return Caller(user=user, project=project, roles=roles, token=token)

    def verify(self, user: User, password: str, address: str) -> None:
        """Raise `Unauthorized` unless this is the user's password, `TooManyTries` as a login."""
        self._guarded(address, user.name, lambda: _by_password(user, password))

    def revoke(self, secret: str) -> None:
        """End a token before its time."""
        self.store.tokens.revoke(hash_token(secret))

    def list_projects(self, bearer: Bearer) -> list[Project]:
        """All enabled projects in which the bearer's user has a role, by name."""
        projects = self.store.grants.projects_of(bearer.user.id)
        return [project for project in projects if project.enabled]

    def system_roles(self, bearer: Bearer) -> tuple[Role, ...]:
        """The roles of the bearer's user in the system."""
        return self.store.grants.roles_of(bearer.user.id, None)

    def _system_roles(self, user: User) -> tuple[Role, ...]:
        """The user's roles in the system; `Unauthorized` for somebody without any."""
        roles = self.store.grants.roles_of(user.id, None)
        if not roles:
            raise Unauthorized(WRONG)
        return roles

    def _scope(
        self,
        user: User,
        scope: Scope,
        credential: AppCredential | None,
    ) -> Project | None:
        """Which project the token is to be for, and whether it may be."""
        if credential is not None:
            project = self._find_project(ProjectRef(id=credential.project_id))
            asked = self._find_project(scope) if isinstance(scope, ProjectRef) else project
            if asked is None or asked != project or isinstance(scope, Unscoped | System):
                raise Forbidden("An application credential is good for its own project alone.")
            return project
        if isinstance(scope, System):
            self._system_roles(user)
        if isinstance(scope, Unscoped | System):
            return None
        project = self._find_project(scope or ProjectRef(id=user.default_project_id))
        usable = (
            project is not None
            and project.enabled
            and self.store.grants.roles_of(user.id, project.id)
        )
        if scope is not None and not usable:
            raise Unauthorized(WRONG)
        return project if usable else None

    def _prove(self, proof: Proof, address: str) -> _Proven:
        if isinstance(proof, ByToken):
            try:
                bearer = self.recognise(proof.secret)
            except Unauthorized:
                raise NotFound("Could not find token.") from None  # as the standard has it
            token = bearer.token
            credential_id = token.app_credential_id
            credential = self.store.app_credentials.find(credential_id) if credential_id else None
            methods = (*token.methods, "token")
            return _Proven(bearer.user, methods, token.expires_at, token, credential)
        if isinstance(proof, ByPassword):
            user = self._find_user(proof.who)
            name = user.name if user else proof.who.name or proof.who.id or ""
            return self._guarded(address, name, lambda: _by_password(user, proof.password))
        name = proof.id or f"{proof.who.name or proof.who.id}/{proof.name}"
        return self._guarded(address, name, lambda: self._by_credential(proof))

    def _guarded(self, address: str, name: str, prove: Callable[[], _Proven]) -> _Proven:
        """Let somebody try to prove who they are, unless too many tries of late have failed."""
        self.brake.check(address, name)
        try:
            proven = prove()
        except Unauthorized:
            count = self.brake.note_failure(address, name)
            log.warning(
                "A login as %r from %s failed, %d in a row", name[:64], address or "here", count
            )
            raise
        self.brake.note_success(address, name)
        return proven

    def _by_credential(self, proof: ByAppCredential) -> _Proven:
        credential = self._find_credential(proof)
        fits = verify_password(proof.secret, credential.secret_hash if credential else None)
        user = self._find_user(UserRef(id=credential.user_id)) if credential else None
        if credential is None or user is None or not fits or not user.enabled:
            raise Unauthorized(WRONG)
        if credential.expires_at is not None and credential.expires_at <= self.now():
            raise Unauthorized(WRONG)
        return _Proven(
            user, ("application_credential",), credential.expires_at, credential=credential
        )

    def _find_credential(self, proof: ByAppCredential) -> AppCredential | None:
        if proof.id is not None:
            return self.store.app_credentials.find(proof.id)
        user = self._find_user(proof.who)
        return self.store.app_credentials.find_by_name(user.id, proof.name or "") if user else None

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


def _is_good(bearer: Bearer) -> bool:
    """Whether a token still stands for something: it loses that by changes elsewhere."""
    if not bearer.user.enabled:
        return False
    if bearer.token.of_system:
        return bool(bearer.system_roles)
    if bearer.token.project_id is None:
        return True
    return bearer.project is not None and bearer.project.enabled and bool(bearer.roles)


def _by_password(user: User | None, password: str) -> _Proven:
    fits = verify_password(password, user.password_hash if user else None)
    if user is None or not fits or not user.enabled:
        raise Unauthorized(WRONG)
    return _Proven(user, ("password",))
