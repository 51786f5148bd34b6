# SPDX-License-Identifier: Apache-2.0
"""Which names an image's properties may have: none that has a meaning of its own in the API."""

from __future__ import annotations

from agent.errors import Forbidden
from agent.model.imageedit import ATTRIBUTES

READ_ONLY = frozenset(
    {
        *("status", "size", "virtual_size", "checksum", "os_hash_algo", "os_hash_value"),
        *("created_at", "updated_at", "self", "file", "schema", "direct_url", "locations"),
    }
)
"""What the API shows, and only this service writes."""

RESERVED = frozenset({"location", "deleted", "deleted_at"})
RESERVED_PREFIX = "os_glance"

MAX_NAME = 255  # characters


def check_writable(name: str) -> None:
    """Raise `Forbidden` for a name that no user may write."""
    if name in READ_ONLY:
        raise Forbidden(f"Attribute '{name}' is read-only.")
    if name in RESERVED or name.startswith(RESERVED_PREFIX):
        raise Forbidden(f"Attribute '{name[:MAX_NAME]}' is reserved.")


def check_property_name(name: str) -> None:
    """Raise `Forbidden` for a name that no property may have, where only properties are given."""
    check_writable(name)
    if name in ATTRIBUTES or name == "id":
        raise Forbidden(f"Attribute '{name}' is no property, and can't be given as one.")
    if len(name) > MAX_NAME:
        raise Forbidden(f"A property's name has at most {MAX_NAME} characters, not {len(name)}.")
