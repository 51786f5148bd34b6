# SPDX-License-Identifier: Apache-2.0
"""The query of a list of servers: which of them are wanted. Pure.

A filter of the standard that is not served yet is refused by name: a list that ignored it would
show more than was asked for, and people delete what such lists show.
"""

from __future__ import annotations

from werkzeug.datastructures import MultiDict

from agent.api.parse import parse_boolean
from agent.compute import Wanted
from agent.errors import BadRequest, Forbidden

NOT_SERVED = frozenset(
    {
        *("changes-since", "changes-before", "ip", "ip6", "reservation_id", "host", "node"),
        *("vm_state", "task_state", "power_state", "user_id", "tenant_id", "project_id"),
        *("tags", "tags-any", "not-tags", "not-tags-any", "locked", "key_name", "config_drive"),
        *("availability_zone", "instance_name", "access_ip_v4", "access_ip_v6", "progress"),
        *("created_at", "launched_at", "terminated_at", "updated_at", "description", "hostname"),
        *("launch_index", "image_ref", "kernel_id", "ramdisk_id", "root_device_name", "uuid"),
    }
)
NEWEST_FIRST = {"sort_key": {"created_at"}, "sort_dir": {"desc"}}


def parse_filters(args: MultiDict[str, str], *, is_admin: bool) -> Wanted:
    """Read the filters; `BadRequest` names one that is not served, `Forbidden` one for admins."""
    for name in args:
        if name in NOT_SERVED:
            raise BadRequest(f"{name}: this version of the cloud does not filter by it yet.")
    for name, served in NEWEST_FIRST.items():
        if not set(args.getlist(name)) <= served:
            raise BadRequest(f"{name}: this version of the cloud lists the newest first only.")
    if "deleted" in args and parse_boolean("deleted", args["deleted"]):
        raise BadRequest("deleted: this version of the cloud does not list deleted servers yet.")
    return Wanted(
        name=args.get("name"),
        statuses=tuple(word.upper() for word in args.getlist("status")),
        image_id=args.get("image"),
        flavor_id=args.get("flavor"),
        all_projects=_wants_all_projects(args, is_admin),
    )


def _wants_all_projects(args: MultiDict[str, str], is_admin: bool) -> bool:
    asked = args.get("all_tenants")
    wants = asked is not None and (asked == "" or parse_boolean("all_tenants", asked))
    if wants and not is_admin:
        raise Forbidden("Policy doesn't allow all_tenants: it needs the role admin.")
    return wants
