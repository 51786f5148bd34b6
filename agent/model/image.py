# SPDX-License-Identifier: Apache-2.0
"""An image's record and those it is shared with, in the words of the Image API v2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class ImageStatus(StrEnum):
    """Where an image is in its life (Image API v2, "Image statuses").

    queued → saving (or importing) → active ⇄ deactivated; a deleted image has no record.
    """

    QUEUED = "queued"
    SAVING = "saving"
    IMPORTING = "importing"
    ACTIVE = "active"
    DEACTIVATED = "deactivated"


class Visibility(StrEnum):
    """Who besides its owner may see an image (Image API v2, "Image visibility")."""

    PUBLIC = "public"  # everybody, in every list
    COMMUNITY = "community"  # everybody who asks for it
    SHARED = "shared"  # its members
    PRIVATE = "private"  # nobody


class MemberStatus(StrEnum):
    """What a member said to an image that is shared with it."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Image:
    """One image. Its bytes are the file `images/ID` of the state folder."""

    id: str
    name: str | None
    owner: str  # project id
    status: ImageStatus
    visibility: Visibility
    created_at: datetime
    updated_at: datetime
    disk_format: str | None = None  # "qcow2", "raw", "iso", …: what was declared and checked
    container_format: str | None = None  # "bare"
    size: int | None = None  # bytes of the file
    virtual_size: int | None = None  # bytes of the disk inside
    checksum: str | None = None  # MD5, hexadecimal: the API's legacy field
    os_hash_algo: str | None = None  # "sha512"
    os_hash_value: str | None = None
    min_disk: int = 0  # GiB
    min_ram: int = 0  # MiB
    protected: bool = False
    os_hidden: bool = False
    tags: tuple[str, ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ImageMember:
    """A project that an image is shared with."""

    image_id: str
    member_id: str  # project id
    status: MemberStatus
    created_at: datetime
    updated_at: datetime
