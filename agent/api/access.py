# SPDX-License-Identifier: Apache-2.0
"""THE TABLE of who may call which route, and which of a server's actions are administrators'.

It is enforced by `policy.py`. What a caller may reach *through* a route (its own project's servers,
say) the use cases decide: another project's id is not found there.
"""

from __future__ import annotations

from enum import IntEnum


class Access(IntEnum):
    """What a caller must have, from the least to the most: each includes those before it."""

    ANYONE = 0  # nothing
    TOKEN = 1  # a valid token, be it for a project or not
    READER = 2  # a token for a project: any role there
    MEMBER = 3  # the role member or admin in it
    ADMIN = 4  # the role admin in it


ROUTES: dict[Access, str] = {
    Access.ANYONE: """
        GET    /
        GET    /healthz
        GET    /compute
        GET    /compute/v2
        GET    /compute/v2.1
        GET    /identity
        GET    /identity/v3
        POST   /identity/v3/auth/tokens
        GET    /image
        GET    /image/versions
        GET    /network
        GET    /network/v2.0
    """,
    Access.TOKEN: """
        GET    /identity/v3/auth/tokens
        DELETE /identity/v3/auth/tokens
        GET    /identity/v3/auth/catalog
        GET    /identity/v3/auth/domains
        GET    /identity/v3/auth/projects
        GET    /identity/v3/auth/system
        GET    /identity/v3/domains
        GET    /identity/v3/domains/<domain_id>
        GET    /identity/v3/endpoints
        GET    /identity/v3/endpoints/<endpoint_id>
        GET    /identity/v3/projects/<project_id>
        GET    /identity/v3/regions
        GET    /identity/v3/regions/<region_id>
        GET    /identity/v3/roles
        GET    /identity/v3/roles/<role_id>
        GET    /identity/v3/services
        GET    /identity/v3/services/<service_id>
        GET    /identity/v3/users/<user_id>
        GET    /identity/v3/users/<user_id>/access_rules
        GET    /identity/v3/users/<user_id>/application_credentials
        GET    /identity/v3/users/<user_id>/application_credentials/<credential_id>
        DELETE /identity/v3/users/<user_id>/application_credentials/<credential_id>
        GET    /identity/v3/users/<user_id>/groups
        POST   /identity/v3/users/<user_id>/password
        GET    /identity/v3/users/<user_id>/projects
    """,
    Access.READER: """
        POST   /identity/v3/users/<user_id>/application_credentials
        GET    /compute/v2.1/extensions
        GET    /compute/v2.1/extensions/<alias>
        GET    /compute/v2.1/flavors
        GET    /compute/v2.1/flavors/<flavor_id>
        GET    /compute/v2.1/flavors/<flavor_id>/os-extra_specs
        GET    /compute/v2.1/flavors/<flavor_id>/os-extra_specs/<key>
        GET    /compute/v2.1/flavors/detail
        GET    /compute/v2.1/images
        GET    /compute/v2.1/images/<image_id>
        GET    /compute/v2.1/images/<image_id>/metadata
        GET    /compute/v2.1/images/<image_id>/metadata/<key>
        GET    /compute/v2.1/images/detail
        GET    /compute/v2.1/limits
        GET    /compute/v2.1/os-availability-zone
        GET    /compute/v2.1/os-keypairs
        GET    /compute/v2.1/os-keypairs/<name>
        GET    /compute/v2.1/os-server-groups
        GET    /compute/v2.1/os-server-groups/<server_group_id>
        GET    /compute/v2.1/os-quota-sets/<project_id>
        GET    /compute/v2.1/os-quota-sets/<project_id>/defaults
        GET    /compute/v2.1/os-quota-sets/<project_id>/detail
        GET    /compute/v2.1/os-simple-tenant-usage/<project_id>
        GET    /compute/v2.1/os-floating-ip-pools
        GET    /compute/v2.1/os-floating-ips
        GET    /compute/v2.1/os-floating-ips/<floating_ip_id>
        GET    /compute/v2.1/os-networks
        GET    /compute/v2.1/os-networks/<network_id>
        GET    /compute/v2.1/os-tenant-networks
        GET    /compute/v2.1/os-tenant-networks/<network_id>
        GET    /compute/v2.1/os-security-groups
        GET    /compute/v2.1/os-security-groups/<group_id>
        GET    /compute/v2.1/servers
        GET    /compute/v2.1/servers/<server_id>
        GET    /compute/v2.1/servers/<server_id>/ips
        GET    /compute/v2.1/servers/<server_id>/ips/<label>
        GET    /compute/v2.1/servers/<server_id>/metadata
        GET    /compute/v2.1/servers/<server_id>/metadata/<key>
        GET    /compute/v2.1/servers/<server_id>/os-instance-actions
        GET    /compute/v2.1/servers/<server_id>/os-instance-actions/<request_id>
        GET    /compute/v2.1/servers/<server_id>/os-interface
        GET    /compute/v2.1/servers/<server_id>/os-interface/<port_id>
        GET    /compute/v2.1/servers/<server_id>/os-security-groups
        GET    /compute/v2.1/servers/<server_id>/tags
        GET    /compute/v2.1/servers/<server_id>/tags/<tag>
        GET    /compute/v2.1/servers/<server_id>/os-server-password
        GET    /compute/v2.1/servers/<server_id>/os-volume_attachments
        GET    /compute/v2.1/servers/<server_id>/topology
        GET    /compute/v2.1/servers/detail
        GET    /image/v2/images
        GET    /image/v2/images/<image_id>
        GET    /image/v2/images/<image_id>/file
        GET    /image/v2/images/<image_id>/members
        GET    /image/v2/images/<image_id>/members/<member_id>
        GET    /image/v2/images/<image_id>/tasks
        GET    /image/v2/info/import
        GET    /image/v2/schemas/<name>
        GET    /network/v2.0/agents
        GET    /network/v2.0/availability_zones
        GET    /network/v2.0/extensions
        GET    /network/v2.0/extensions/<extension>
        GET    /network/v2.0/floatingips
        GET    /network/v2.0/floatingips/<floating_ip_id>
        GET    /network/v2.0/floatingips/<floating_ip_id>/tags
        GET    /network/v2.0/floatingips/<floating_ip_id>/tags/<tag>
        GET    /network/v2.0/networks
        GET    /network/v2.0/networks/<network_id>
        GET    /network/v2.0/networks/<network_id>/tags
        GET    /network/v2.0/networks/<network_id>/tags/<tag>
        GET    /network/v2.0/ports
        GET    /network/v2.0/ports/<port_id>
        GET    /network/v2.0/ports/<port_id>/tags
        GET    /network/v2.0/ports/<port_id>/tags/<tag>
        GET    /network/v2.0/quotas/<project_id>
        GET    /network/v2.0/quotas/<project_id>/default
        GET    /network/v2.0/quotas/<project_id>/details
        GET    /network/v2.0/quotas/<project_id>/details.json
        GET    /network/v2.0/routers
        GET    /network/v2.0/security-group-rules
        GET    /network/v2.0/security-group-rules/<rule_id>
        GET    /network/v2.0/security-groups
        GET    /network/v2.0/security-groups/<group_id>
        GET    /network/v2.0/security-groups/<group_id>/tags
        GET    /network/v2.0/security-groups/<group_id>/tags/<tag>
        GET    /network/v2.0/subnets
        GET    /network/v2.0/subnets/<subnet_id>
        GET    /network/v2.0/subnets/<subnet_id>/tags
        GET    /network/v2.0/subnets/<subnet_id>/tags/<tag>
    """,
    Access.MEMBER: """
        DELETE /compute/v2.1/images/<image_id>
        POST   /compute/v2.1/images/<image_id>/metadata
        PUT    /compute/v2.1/images/<image_id>/metadata
        PUT    /compute/v2.1/images/<image_id>/metadata/<key>
        DELETE /compute/v2.1/images/<image_id>/metadata/<key>
        POST   /compute/v2.1/os-keypairs
        DELETE /compute/v2.1/os-keypairs/<name>
        POST   /compute/v2.1/os-server-groups
        DELETE /compute/v2.1/os-server-groups/<server_group_id>
        POST   /compute/v2.1/os-floating-ips
        DELETE /compute/v2.1/os-floating-ips/<floating_ip_id>
        POST   /compute/v2.1/os-security-group-rules
        DELETE /compute/v2.1/os-security-group-rules/<rule_id>
        POST   /compute/v2.1/os-security-groups
        PUT    /compute/v2.1/os-security-groups/<group_id>
        DELETE /compute/v2.1/os-security-groups/<group_id>
        POST   /compute/v2.1/servers
        PUT    /compute/v2.1/servers/<server_id>
        DELETE /compute/v2.1/servers/<server_id>
        POST   /compute/v2.1/servers/<server_id>/action
        POST   /compute/v2.1/servers/<server_id>/metadata
        DELETE /compute/v2.1/servers/<server_id>/os-server-password
        POST   /compute/v2.1/servers/<server_id>/os-volume_attachments
        POST   /compute/v2.1/servers/<server_id>/remote-consoles
        PUT    /compute/v2.1/servers/<server_id>/metadata
        PUT    /compute/v2.1/servers/<server_id>/metadata/<key>
        DELETE /compute/v2.1/servers/<server_id>/metadata/<key>
        POST   /compute/v2.1/servers/<server_id>/os-interface
        DELETE /compute/v2.1/servers/<server_id>/os-interface/<port_id>
        PUT    /compute/v2.1/servers/<server_id>/tags
        DELETE /compute/v2.1/servers/<server_id>/tags
        PUT    /compute/v2.1/servers/<server_id>/tags/<tag>
        DELETE /compute/v2.1/servers/<server_id>/tags/<tag>
        POST   /image/v2/images
        PATCH  /image/v2/images/<image_id>
        DELETE /image/v2/images/<image_id>
        POST   /image/v2/images/<image_id>/actions/deactivate
        POST   /image/v2/images/<image_id>/actions/reactivate
        PUT    /image/v2/images/<image_id>/file
        POST   /image/v2/images/<image_id>/import
        POST   /image/v2/images/<image_id>/members
        PUT    /image/v2/images/<image_id>/members/<member_id>
        DELETE /image/v2/images/<image_id>/members/<member_id>
        PUT    /image/v2/images/<image_id>/tags/<tag>
        DELETE /image/v2/images/<image_id>/tags/<tag>
        POST   /network/v2.0/floatingips
        PUT    /network/v2.0/floatingips/<floating_ip_id>
        DELETE /network/v2.0/floatingips/<floating_ip_id>
        PUT    /network/v2.0/floatingips/<floating_ip_id>/tags
        DELETE /network/v2.0/floatingips/<floating_ip_id>/tags
        PUT    /network/v2.0/floatingips/<floating_ip_id>/tags/<tag>
        DELETE /network/v2.0/floatingips/<floating_ip_id>/tags/<tag>
        POST   /network/v2.0/networks
        PUT    /network/v2.0/networks/<network_id>
        DELETE /network/v2.0/networks/<network_id>
        PUT    /network/v2.0/networks/<network_id>/tags
        DELETE /network/v2.0/networks/<network_id>/tags
        PUT    /network/v2.0/networks/<network_id>/tags/<tag>
        DELETE /network/v2.0/networks/<network_id>/tags/<tag>
        POST   /network/v2.0/ports
        PUT    /network/v2.0/ports/<port_id>
        DELETE /network/v2.0/ports/<port_id>
        PUT    /network/v2.0/ports/<port_id>/tags
        DELETE /network/v2.0/ports/<port_id>/tags
        PUT    /network/v2.0/ports/<port_id>/tags/<tag>
        DELETE /network/v2.0/ports/<port_id>/tags/<tag>
        POST   /network/v2.0/routers
        POST   /network/v2.0/security-group-rules
        DELETE /network/v2.0/security-group-rules/<rule_id>
        POST   /network/v2.0/security-groups
        PUT    /network/v2.0/security-groups/<group_id>
        DELETE /network/v2.0/security-groups/<group_id>
        PUT    /network/v2.0/security-groups/<group_id>/tags
        DELETE /network/v2.0/security-groups/<group_id>/tags
        PUT    /network/v2.0/security-groups/<group_id>/tags/<tag>
        DELETE /network/v2.0/security-groups/<group_id>/tags/<tag>
        POST   /network/v2.0/subnets
        PUT    /network/v2.0/subnets/<subnet_id>
        DELETE /network/v2.0/subnets/<subnet_id>
        PUT    /network/v2.0/subnets/<subnet_id>/tags
        DELETE /network/v2.0/subnets/<subnet_id>/tags
        PUT    /network/v2.0/subnets/<subnet_id>/tags/<tag>
        DELETE /network/v2.0/subnets/<subnet_id>/tags/<tag>
    """,
    Access.ADMIN: """
        PUT    /network/v2.0/quotas/<project_id>
        DELETE /network/v2.0/quotas/<project_id>
        GET    /identity/v3/projects
        POST   /identity/v3/projects
        PATCH  /identity/v3/projects/<project_id>
        DELETE /identity/v3/projects/<project_id>
        GET    /identity/v3/projects/<project_id>/users/<user_id>/roles
        GET    /identity/v3/projects/<project_id>/users/<user_id>/roles/<role_id>
        PUT    /identity/v3/projects/<project_id>/users/<user_id>/roles/<role_id>
        DELETE /identity/v3/projects/<project_id>/users/<user_id>/roles/<role_id>
        GET    /identity/v3/role_assignments
        POST   /identity/v3/roles
        PATCH  /identity/v3/roles/<role_id>
        DELETE /identity/v3/roles/<role_id>
        GET    /identity/v3/system/users/<user_id>/roles
        GET    /identity/v3/system/users/<user_id>/roles/<role_id>
        PUT    /identity/v3/system/users/<user_id>/roles/<role_id>
        DELETE /identity/v3/system/users/<user_id>/roles/<role_id>
        GET    /identity/v3/users
        POST   /identity/v3/users
        PATCH  /identity/v3/users/<user_id>
        DELETE /identity/v3/users/<user_id>
        GET    /compute/v2.1/os-aggregates
        POST   /compute/v2.1/os-aggregates
        GET    /compute/v2.1/os-aggregates/<aggregate_id>
        PUT    /compute/v2.1/os-aggregates/<aggregate_id>
        DELETE /compute/v2.1/os-aggregates/<aggregate_id>
        POST   /compute/v2.1/os-aggregates/<aggregate_id>/action
        GET    /compute/v2.1/os-availability-zone/detail
        GET    /compute/v2.1/os-hosts
        GET    /compute/v2.1/os-hosts/<host_name>
        PUT    /compute/v2.1/os-hosts/<host_name>
        GET    /compute/v2.1/os-hosts/<host_name>/reboot
        GET    /compute/v2.1/os-hosts/<host_name>/shutdown
        GET    /compute/v2.1/os-hosts/<host_name>/startup
        GET    /compute/v2.1/os-hypervisors
        GET    /compute/v2.1/os-hypervisors/<hypervisor_id>
        GET    /compute/v2.1/os-hypervisors/<pattern>/search
        GET    /compute/v2.1/os-hypervisors/<pattern>/servers
        GET    /compute/v2.1/os-hypervisors/<hypervisor_id>/uptime
        GET    /compute/v2.1/os-hypervisors/detail
        GET    /compute/v2.1/os-hypervisors/statistics
        GET    /compute/v2.1/os-instance_usage_audit_log
        GET    /compute/v2.1/os-instance_usage_audit_log/<before>
        GET    /compute/v2.1/os-migrations
        POST   /compute/v2.1/os-server-external-events
        GET    /compute/v2.1/os-services
        PUT    /compute/v2.1/os-services/<compute_service_id>
        DELETE /compute/v2.1/os-services/<compute_service_id>
        POST   /compute/v2.1/flavors
        PUT    /compute/v2.1/flavors/<flavor_id>
        DELETE /compute/v2.1/flavors/<flavor_id>
        POST   /compute/v2.1/flavors/<flavor_id>/action
        POST   /compute/v2.1/flavors/<flavor_id>/os-extra_specs
        PUT    /compute/v2.1/flavors/<flavor_id>/os-extra_specs/<key>
        DELETE /compute/v2.1/flavors/<flavor_id>/os-extra_specs/<key>
        GET    /compute/v2.1/flavors/<flavor_id>/os-flavor-access
        GET    /compute/v2.1/os-quota-class-sets/<class_name>
        PUT    /compute/v2.1/os-quota-class-sets/<class_name>
        PUT    /compute/v2.1/os-quota-sets/<project_id>
        DELETE /compute/v2.1/os-quota-sets/<project_id>
        GET    /compute/v2.1/os-simple-tenant-usage
        GET    /compute/v2.1/servers/<server_id>/diagnostics
        GET    /compute/v2.1/servers/<server_id>/migrations
        GET    /image/v2/tasks
        GET    /image/v2/tasks/<task_id>
    """,
}
"""Every method of every route, as the URL map writes it, below what it takes. HEAD is as GET."""

ADMIN_ACTIONS = frozenset(
    {
        "os-resetState",
        "injectNetworkInfo",
        "migrate",
        "os-migrateLive",
        "evacuate",
        "shelveOffload",
    }
)
"""Of the one route of all actions, those that only an administrator may ask for."""


def _read(routes: dict[Access, str]) -> dict[tuple[str, str], Access]:
    rows = [(tuple(line.split()), access) for access in routes for line in _lines(routes[access])]
    table = {(method, rule): access for (method, rule), access in rows}
    if len(table) != len(rows):
        raise RuntimeError("A route stands twice in the policy.")
    return table


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


POLICY = _read(ROUTES)
"""The same, by method and rule."""
