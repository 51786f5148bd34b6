# SPDX-License-Identifier: Apache-2.0
"""Who asks: projects, users, roles and tokens, as the Identity API v3 names them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

DEFAULT_DOMAIN_ID = "default"
DEFAULT_DOMAIN_NAME = "Default"

ROLES = ("admin", "member", "reader")
"""The roles that decide anything here. Others may be made and given, and mean as much as reader."""

NO_PASSWORD = ""
"""The hash of a user who has no password and can't log in with one."""


@dataclass(frozen=True, slots=True)
class Project:
    """A tenant: everything a server may use or see is of one project."""

    id: str  # 32 hexadecimal digits
    name: str
    enabled: bool = True
    description: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class User:
    """Someone with a password. The hash is scrypt's, never shown."""

    id: str  # 32 hexadecimal digits
    name: str
    password_hash: str = field(repr=False)
    enabled: bool = True
    default_project_id: str | None = None
    email: str | None = None
    description: str | None = None
    extra: Mapping[str, object] = field(default_factory=dict)  # what else was told of it


@dataclass(frozen=True, slots=True)
class Role:
    """A role, given to a user in a project."""

    id: str
    name: str
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """That a user has a role in a project, or in the system, which is good for nothing here."""

    user: User
    project: Project | None  # None: the system
    role: Role


@dataclass(frozen=True, slots=True)
class AssignmentFilter:
    """Which assignments: of each that is given, this one only."""

    user_id: str | None = None
    project_id: str | None = None
    role_id: str | None = None
    of_system: bool | None = None  # None: both those in projects and those in the system


@dataclass(frozen=True, slots=True)
class AppCredential:
    """An application credential: logs in as its user, in one project, with some of the roles."""

    id: str  # 32 hexadecimal digits
    name: str
    user_id: str
    project_id: str
    secret_hash: str = field(repr=False)  # scrypt's
    role_ids: tuple[str, ...]
    created_at: datetime
    description: str | None = None
    expires_at: datetime | None = None
    unrestricted: bool = False  # whether it may make and remove application credentials


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is stored: by the hash of its secret, so that the database gives none away."""

    token_hash: str  # sha256 of the secret, hexadecimal
    audit_id: str
    user_id: str
    project_id: str | None
    methods: tuple[str, ...]
    issued_at: datetime
    expires_at: datetime
    parent_audit_id: str | None = None  # of the token that it was first got with
    app_credential_id: str | None = None
    of_system: bool = False  # then it is for no project


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who bears a token, and for which project it is; None: for none, so without any role."""

    user: User
    project: Project | None
    roles: tuple[Role, ...]
    token: Token
    system_roles: tuple[Role, ...] = ()
    """Those of a token for the system: they are shown, and open nothing."""

    @property
    def is_admin(self) -> bool:
        """Whether the bearer has the role admin in the project of the token."""
        return any(role.name == "admin" for role in self.roles)

    @property
    def is_reader_only(self) -> bool:
        """Whether the bearer may look but change nothing."""
        return not any(role.name in {"admin", "member"} for role in self.roles)


@dataclass(frozen=True, slots=True)
class Caller(Bearer):
    """A bearer in a project: what ownership is decided by."""

    project: Project

    @property
    def scope(self) -> str | None:
        """The id of the project whose things are seen; None for all, as an administrator."""
        return None if self.is_admin else self.project.id
