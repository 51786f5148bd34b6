# SPDX-License-Identifier: Apache-2.0
"""The query of a list of servers: which of them are wanted, and in which order. Pure.

Who may filter by what is the standard's: what a user may not, or what nobody knows, lets all
through, and from STRICT on what nobody knows is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from werkzeug.datastructures import MultiDict

from agent.api import changes
from agent.api.changes import Change
from agent.api.compute.server_sort import parse_sort
from agent.api.microversion import Microversion
from agent.api.parse import parse_boolean
from agent.compute import Wanted
from agent.errors import BadRequest, Forbidden
from agent.model.serverquery import ServerQuery, TagQuery

ALWAYS = Change(1, "from the first version on")

PAGING = ("limit", "marker", "sort_key", "sort_dir")

EQUAL = {
    "host": "host",
    "image": "image_ref",
    "image_ref": "image_ref",
    "flavor": "flavor",
    "project_id": "project_id",
    "task_state": "task_state",
    "tenant_id": "project_id",
    "user_id": "user_id",
    "uuid": "uuid",
    "vm_state": "vm_state",
}
"""Filters whose value must be the field's, by the names of the fields."""

PATTERNS = {
    **{name: name for name in ("access_ip_v4", "access_ip_v6", "availability_zone", "hostname")},
    **{name: name for name in ("kernel_id", "key_name", "launch_index", "locked_by", "node")},
    **{name: name for name in ("power_state", "progress", "ramdisk_id", "reservation_id")},
    **{name: name for name in ("display_description", "display_name", "root_device_name")},
    "description": "display_description",
    "name": "display_name",
}
"""Filters whose value is a regular expression that the field's must match."""

TIMES = ("created_at", "launched_at", "terminated_at")
FLAGS = ("auto_disk_config", "config_drive", "locked")
TAGS = {
    "tags": "all_of",
    "tags-any": "any_of",
    "not-tags": "not_all_of",
    "not-tags-any": "none_of",
}
OTHERS = ("status", "ip", "ip6", "changes-since", "changes-before", "all_tenants", "deleted")

IGNORED = ("soft_deleted",)
"""What this cloud has nothing of."""

INTERNAL = frozenset(
    {
        *("block_device_mapping", "services", "metadata", "system_metadata", "info_cache"),
        *("security_groups", "pci_devices"),
    }
)
"""What names a table of the standard's own and was never meant to be asked for."""

KNOWN = frozenset((*PAGING, *EQUAL, *PATTERNS, *TIMES, *FLAGS, *TAGS, *OTHERS, *IGNORED))

SINCE: Mapping[str, Change] = {
    **dict.fromkeys(TAGS, changes.TAGS),
    "changes-before": changes.CHANGES_BEFORE,
    "locked": changes.LOCKED_REASON,
}
"""Filters that are not there from the first version on."""

FOR_USERS: Mapping[str, Change] = {
    **dict.fromkeys(("reservation_id", "name", "status", "image", "flavor", "ip"), ALWAYS),
    **dict.fromkeys(("changes-since", "all_tenants"), ALWAYS),
    **SINCE,
    "ip6": changes.IPV6_FILTER,
    **dict.fromkeys(("availability_zone", "config_drive", "key_name"), changes.USER_FILTERS),
    **dict.fromkeys((*TIMES, "power_state", "task_state", "vm_state"), changes.USER_FILTERS),
    **dict.fromkeys(("progress", "user_id"), changes.USER_FILTERS),
    "hostname": changes.HOSTNAME,
}
"""What everybody may filter by, and since when; the rest is for administrators."""

STATUSES = frozenset(
    {
        *("ACTIVE", "BUILD", "DELETED", "ERROR", "HARD_REBOOT", "MIGRATING", "PASSWORD", "PAUSED"),
        *("REBOOT", "REBUILD", "RESCUE", "RESIZE", "REVERT_RESIZE", "SHELVED", "SHUTOFF"),
        *("SHELVED_OFFLOADED", "SOFT_DELETED", "SUSPENDED", "UNKNOWN", "VERIFY_RESIZE"),
    }
)


def parse_filters(
    args: MultiDict[str, str], version: Microversion, *, is_admin: bool
) -> Wanted | None:
    """Read the filters; None when nothing can match. `BadRequest` names one that is malformed,
    `Forbidden` one that only administrators may use."""
    sort = parse_sort(args, version, is_admin=is_admin)
    _check_names(args, version)
    asked = _allowed(args, version, is_admin=is_admin)
    all_projects = _wants_all_projects(asked, is_admin)
    statuses = {word.upper() for word in asked.getlist("status")}
    if statuses and not statuses & STATUSES:
        if version.has(changes.UNKNOWN_STATUS):
            raise BadRequest("status: Invalid status value")
        return None
    query = ServerQuery(
        equal=_equal(asked, all_projects=all_projects),
        patterns={field: asked[name] for name, field in PATTERNS.items() if name in asked}
        | {name: asked[name] for name in TIMES if name in asked and not _second(asked[name])},
        times={name: moment for name in TIMES if (moment := _second(asked.get(name, "")))},
        flags={name: _flag(name, asked[name]) for name in FLAGS if name in asked},
        addresses=tuple(asked[name] for name in ("ip", "ip6") if name in asked),
        tags=TagQuery(
            **{field: _tags(asked[name]) for name, field in TAGS.items() if name in asked}
        ),
        changed_since=_moment(asked, "changes-since"),
        changed_before=_moment(asked, "changes-before"),
        deleted=_deleted(asked, statuses, is_admin=is_admin),
        sort=sort,
    )
    if query.changed_since and query.changed_before and query.changed_since > query.changed_before:
        raise BadRequest("The value of changes-since must be less than or equal to changes-before.")
    return Wanted(query=query, statuses=tuple(sorted(statuses)), all_projects=all_projects)


def _check_names(args: MultiDict[str, str], version: Microversion) -> None:
    if not version.has(changes.STRICT):
        return
    for name in args:
        if name not in KNOWN | INTERNAL and not name.startswith("_"):
            raise BadRequest(
                f"Invalid input for query parameters {name[:60]}: additional properties are not "
                "allowed: there is no such filter."
            )


def _allowed(
    args: MultiDict[str, str], version: Microversion, *, is_admin: bool
) -> MultiDict[str, str]:
    """The filters that this caller may use in this version; the others are as if not there."""
    names = set(args)
    if is_admin:
        for name in sorted(names):
            if name in INTERNAL or name.startswith("_"):
                raise BadRequest(f"Invalid filter field: {name[:60]}.")
        names = {name for name in names if version.has(SINCE.get(name, ALWAYS))}
    else:
        names = {name for name in names & FOR_USERS.keys() if version.has(FOR_USERS[name])}
    return MultiDict([(name, value) for name in names for value in args.getlist(name)])


def _wants_all_projects(asked: MultiDict[str, str], is_admin: bool) -> bool:
    value = asked.get("all_tenants")
    wants = value is not None and (value == "" or parse_boolean("all_tenants", value))
    if wants and not is_admin:
        raise Forbidden("Policy doesn't allow all_tenants: it needs the role admin.")
    return wants


def _equal(asked: MultiDict[str, str], *, all_projects: bool) -> dict[str, frozenset[str]]:
    """What must be equal; a project only matters to who asks for all of them."""
    equal = {
        field: frozenset(asked.getlist(name)) for name, field in EQUAL.items() if name in asked
    }
    if not all_projects:
        equal.pop("project_id", None)
    return equal


def _deleted(asked: MultiDict[str, str], statuses: set[str], *, is_admin: bool) -> bool | None:
    """Whether deleted servers are wanted alone, not at all, or (None) with the others."""
    if statuses == {"DELETED"} or asked.getlist("vm_state") == ["deleted"]:
        if not is_admin:
            raise Forbidden("Only administrators may list deleted instances")
        return True
    if "deleted" in asked:
        return asked["deleted"].lower() in {"1", "t", "true", "on", "y", "yes"}
    return None if {"changes-since", "changes-before"} & asked.keys() else False


def _flag(name: str, text: str) -> bool:
    """A boolean; of a configuration drive, the standard has "" where there is none."""
    return parse_boolean(name, text) if text or name == "locked" else False


def _tags(text: str) -> frozenset[str]:
    return frozenset(text.split(","))


def _moment(asked: MultiDict[str, str], name: str) -> datetime | None:
    if name not in asked:
        return None
    moment = _time(asked[name])
    if moment is None:
        raise BadRequest(f"{name}: must be a time, such as 2026-01-31T12:00:00Z.")
    return moment


def _second(text: str) -> datetime | None:
    """A time to the second at least; what says less, as a day, is a pattern for all of it."""
    return _time(text) if len(text) >= len("2026-01-31T12:00:00") else None


def _time(text: str) -> datetime | None:
    """A time of ISO 8601, in UTC when it does not say where; None for what is none."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
