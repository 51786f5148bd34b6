# SPDX-License-Identifier: Apache-2.0
"""What a login shows and asks for: proofs of who it is, and the scope of the token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


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
class Unscoped:
    """That a token is to be for no project."""


@dataclass(frozen=True, slots=True)
class System:
    """That a token is to be for the system: it shows the roles there, and is good for no more than
    one for no project."""


Scope = ProjectRef | Unscoped | System | None
"""What a token is to be for. None: the user's default project, else no project."""


@dataclass(frozen=True, slots=True)
class ByPassword:
    """A proof: the user's password."""

    who: UserRef
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ByToken:
    """A proof: a token that the user has already."""

    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ByAppCredential:
    """A proof: an application credential, named by its id, or by its name and its user."""

    secret: str = field(repr=False)
    id: str | None = None
    name: str | None = None
    who: UserRef = UserRef()


Proof = ByPassword | ByToken | ByAppCredential


@dataclass(frozen=True, slots=True)
class Login:
    """What is shown and what is asked for: all proofs must hold, and of the same user."""

    proofs: Sequence[Proof]
    scope: Scope
