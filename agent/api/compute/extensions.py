# SPDX-License-Identifier: Apache-2.0
"""/extensions: what old clients look up before they use it. New parts have versions instead."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from agent.errors import NotFound

routes = Blueprint("extensions", __name__)

SERVED = {
    "OS-DCF": ("DiskConfig", "How a server's disk is laid out."),
    "OS-EXT-AZ": ("ExtendedAvailabilityZone", "Servers show their availability zone."),
    "OS-EXT-IMG-SIZE": ("ImageSize", "Images show their size."),
    "OS-EXT-IPS": ("ExtendedIps", "Addresses show their type."),
    "OS-EXT-IPS-MAC": ("ExtendedIpsMac", "Addresses show their MAC."),
    "OS-EXT-SRV-ATTR": ("ExtendedServerAttributes", "Administrators see where a server runs."),
    "OS-EXT-STS": ("ExtendedStatus", "Servers show the states behind their status."),
    "OS-FLV-DISABLED": ("FlavorDisabled", "Flavors show whether they are disabled."),
    "OS-FLV-EXT-DATA": ("FlavorExtraData", "Flavors show their ephemeral disk."),
    "OS-SCH-HNT": ("SchedulerHints", "New servers may say where they want to be."),
    "OS-SRV-USG": ("ServerUsage", "Servers show when they were launched and ended."),
    "os-access-ips": ("AccessIPs", "Servers show the addresses to reach them at."),
    "os-admin-actions": ("AdminActions", "Administrators reset a server's state."),
    "os-admin-password": ("AdminPassword", "A server's password is changed."),
    "os-aggregates": ("Aggregates", "Hosts are grouped."),
    "os-attach-interfaces": ("AttachInterfaces", "Interfaces are attached and detached."),
    "os-availability-zone": ("AvailabilityZone", "Availability zones are listed."),
    "os-config-drive": ("ConfigDrive", "Guests are told who they are on a drive."),
    "os-console-output": ("ConsoleOutput", "A server's console log is read."),
    "os-consoles": ("Consoles", "Ways to a server's screen."),
    "os-create-backup": ("CreateBackup", "Backups of servers rotate."),
    "os-deferred-delete": ("DeferredDelete", "Servers are deleted by force."),
    "os-extended-rescue-with-image": ("ExtendedRescueWithImage", "A rescue names its image."),
    "os-extended-status": ("ExtendedStatus", "Servers show the states behind their status."),
    "os-extended-volumes": ("ExtendedVolumes", "Servers show their volumes."),
    "os-flavor-access": ("FlavorAccess", "Flavors are shared with projects."),
    "os-flavor-extra-specs": ("FlavorExtraSpecs", "Flavors say more than their size."),
    "os-flavor-manage": ("FlavorManage", "Administrators make and delete flavors."),
    "os-flavor-rxtx": ("FlavorRxtx", "Flavors show their rxtx_factor."),
    "os-flavor-swap": ("FlavorSwap", "Flavors show their swap."),
    "os-floating-ip-pools": ("FloatingIpPools", "Pools of floating addresses are listed."),
    "os-floating-ips": ("FloatingIps", "Servers get floating addresses."),
    "os-hosts": ("Hosts", "Hosts are looked at."),
    "os-hypervisors": ("Hypervisors", "Hypervisors are looked at."),
    "os-instance-actions": ("InstanceActions", "What was done to a server is listed."),
    "os-instance_usage_audit_log": ("OSInstanceUsageAuditLog", "Audits of usage are listed."),
    "os-keypairs": ("Keypairs", "Keys that are let into servers are kept."),
    "os-lock-server": ("LockServer", "Servers are locked."),
    "os-migrations": ("Migrations", "Migrations are listed."),
    "os-multiple-create": ("MultipleCreate", "Several servers are made at once."),
    "os-pause-server": ("PauseServer", "Servers are paused."),
    "os-personality": ("Personality", "Guests are given files."),
    "os-quota-class-sets": ("QuotaClasses", "Default quotas are set."),
    "os-quota-sets": ("Quotas", "Projects' quotas are set."),
    "os-rescue": ("Rescue", "Servers are rescued."),
    "os-security-groups": ("SecurityGroups", "Servers show their security groups."),
    "os-server-diagnostics": ("ServerDiagnostics", "A server's counters are read."),
    "os-server-external-events": ("ServerExternalEvents", "Other services tell what happened."),
    "os-server-group-quotas": ("ServerGroupQuotas", "Server groups have quotas."),
    "os-server-groups": ("ServerGroups", "Servers are kept together or apart."),
    "os-server-list-multi-status": ("ServerListMultiStatus", "Lists filter by several statuses."),
    "os-server-password": ("ServerPassword", "A guest's encrypted password is kept."),
    "os-server-sort-keys": ("ServerSortKeys", "Lists of servers are sorted."),
    "os-server-start-stop": ("ServerStartStop", "Servers are started and stopped."),
    "os-services": ("Services", "Services are looked at."),
    "os-shelve": ("Shelve", "Servers are shelved."),
    "os-simple-tenant-usage": ("SimpleTenantUsage", "What projects used is counted."),
    "os-suspend-server": ("SuspendServer", "Servers are suspended."),
    "os-used-limits": ("UsedLimits", "Limits show what is used."),
    "os-used-limits-for-admin": ("UsedLimitsForAdmin", "Administrators read others' limits."),
    "os-user-data": ("UserData", "Guests are given data."),
    "os-user-quotas": ("UserQuotas", "Users in projects have quotas."),
}
"""The standard's extensions that are served, by alias: the name, and what it is for."""


@routes.get("/extensions")
def list_all() -> Response:
    """List what is served."""
    return jsonify(extensions=[_view(alias) for alias in SERVED])


@routes.get("/extensions/<alias>")
def show(alias: str) -> Response:
    """Show one extension."""
    if alias not in SERVED:
        raise NotFound("The resource could not be found.")
    return jsonify(extension=_view(alias))


def _view(alias: str) -> dict[str, object]:
    name, description = SERVED[alias]
    return {
        "alias": alias,
        "name": name,
        "description": description,
        "links": [],
        "namespace": "http://docs.openstack.org/compute/ext/fake_xml",
        "updated": "2014-12-03T00:00:00Z",
    }
