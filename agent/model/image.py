# SPDX-License-Identifier: Apache-2.0
"""An image's record, in the words of the Image API v2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class ImageStatus(StrEnum):
    """Where an image is in its life (Image API v2, "Image statuses")."""

    QUEUED = "queued"
    SAVING = "saving"
    IMPORTING = "importing"
    ACTIVE = "active"


@dataclass(frozen=True, slots=True)
class Image:
    """One image. Its bytes are the file `images/ID` of the state folder."""

    id: str
    name: str | None
    owner: str  # project id
    status: ImageStatus
    visibility: str  # "public", "private" or "shared"
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
