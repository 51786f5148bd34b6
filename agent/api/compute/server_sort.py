# SPDX-License-Identifier: Apache-2.0
"""`sort_key` and `sort_dir` of a list of servers: pairs, as often as one likes. Pure."""

from __future__ import annotations

from werkzeug.datastructures import MultiDict

from agent.api import changes
from agent.api.microversion import Microversion
from agent.errors import BadRequest, Forbidden
from agent.model.sorting import NEWEST_FIRST, SortKey

KEYS = frozenset(
    {
        *("access_ip_v4", "access_ip_v6", "auto_disk_config", "availability_zone"),
        *("config_drive", "created_at", "display_description", "display_name", "host"),
        *("hostname", "image_ref", "instance_type_id", "kernel_id", "key_name"),
        *("launch_index", "launched_at", "locked_by", "node", "power_state", "progress"),
        *("project_id", "ramdisk_id", "root_device_name", "task_state", "terminated_at"),
        *("updated_at", "user_id", "uuid", "vm_state"),
    }
)

IGNORED = frozenset(
    {
        *("architecture", "cell_name", "cleaned", "default_ephemeral_device"),
        *("default_swap_device", "deleted", "deleted_at", "disable_terminate", "ephemeral_gb"),
        *("ephemeral_key_uuid", "id", "key_data", "launched_on", "locked", "memory_mb", "os_type"),
        *("reservation_id", "root_gb", "shutdown_terminate", "user_data", "vcpus", "vm_mode"),
    }
)
"""Keys that were once taken and now change nothing; from STRICT on they are refused."""

FOR_ADMINS = frozenset({"host", "node"})

DIRECTIONS = {"asc": False, "desc": True}


def parse_sort(
    args: MultiDict[str, str], version: Microversion, *, is_admin: bool
) -> tuple[SortKey, ...]:
    """Read the order; `BadRequest` for a wrong key or direction, `Forbidden` for an admin's."""
    keys = [key.strip() for key in args.getlist("sort_key")]
    directions = [direction.strip() for direction in args.getlist("sort_dir")]
    for key in keys:
        _check(key, version, is_admin=is_admin)
    wrong = [direction for direction in directions if direction not in DIRECTIONS]
    if wrong:
        raise BadRequest("sort_dir: Unknown sort direction, must be one of: asc, desc.")
    if not keys:
        keys = [key.field for key in NEWEST_FIRST]
    if len(directions) > len(keys):
        raise BadRequest("sort_dir: Sort direction size exceeds sort key size.")
    default = directions[0] if directions else "desc"
    directions += [default] * (len(keys) - len(directions))
    sort: dict[str, SortKey] = {}
    for key, direction in zip(keys, directions, strict=True):
        if _counts(key, version):
            sort.setdefault(key, SortKey(key, DIRECTIONS[direction]))
    return tuple(sort.values()) or NEWEST_FIRST


def _check(key: str, version: Microversion, *, is_admin: bool) -> None:
    is_known = _counts(key, version) or (key in IGNORED and not version.has(changes.STRICT))
    if not is_known:
        raise BadRequest(f"sort_key: {key[:60]} is nothing that servers are sorted by.")
    if key in FOR_ADMINS and not is_admin:
        raise Forbidden(f"Only administrators can sort servers by {key}")


def _counts(key: str, version: Microversion) -> bool:
    return key in KEYS or (key == "locked" and version.has(changes.LOCKED_REASON))
