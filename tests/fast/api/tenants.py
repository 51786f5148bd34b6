# SPDX-License-Identifier: Apache-2.0
"""Two projects, three roles: a house with one of everything, and who is let in where.

Typed from the Identity API's policy defaults and the issue's sentences, never from the code's own
table: a reader changes nothing, another project's ids are not found, some things are for
administrators.
"""

from __future__ import annotations

from typing import Any

from flask import Flask

from agent.api import application

PUBLIC = {
    ("GET", "/"),
    ("GET", "/healthz"),
    ("GET", "/compute"),
    ("GET", "/compute/v2"),
    ("GET", "/compute/v2.1"),
    ("GET", "/identity"),
    ("GET", "/identity/v3"),
    ("POST", "/identity/v3/auth/tokens"),
    ("GET", "/image"),
    ("GET", "/image/versions"),
    ("GET", "/network"),
    ("GET", "/network/v2.0"),
}
"""What anybody may call."""

ADMINS_ONLY = (
    "/compute/v2.1/os-aggregates",
    "/compute/v2.1/os-availability-zone/detail",
    "/compute/v2.1/os-hosts",
    "/compute/v2.1/os-hypervisors",
    "/compute/v2.1/os-instance_usage_audit_log",
    "/compute/v2.1/os-migrations",
    "/compute/v2.1/os-server-external-events",
    "/compute/v2.1/os-services",
    "/compute/v2.1/os-quota-class-sets",
    "/compute/v2.1/flavors/<flavor_id>/os-flavor-access",
    "/compute/v2.1/servers/<server_id>/diagnostics",
    "/compute/v2.1/servers/<server_id>/migrations",
    "/identity/v3/projects/<project_id>/users/",
    "/identity/v3/role_assignments",
    "/identity/v3/system/",
    "/image/v2/tasks",
)
"""Paths that begin so are for administrators, whatever the method."""

ADMINS_LISTS = {
    ("GET", "/compute/v2.1/os-simple-tenant-usage"),
    ("GET", "/identity/v3/users"),
    ("GET", "/identity/v3/projects"),
}

ADMINS_CHANGES = (
    "/compute/v2.1/os-quota-sets",
    "/network/v2.0/quotas",
    "/compute/v2.1/flavors",
    "/identity/v3/projects",
    "/identity/v3/roles",
    "/identity/v3/users",
)
"""Paths that begin so are for administrators when they change something, but for what follows."""

ONES_OWN = {
    ("DELETE", "/identity/v3/auth/tokens"),
    ("POST", "/identity/v3/users/<user_id>/password"),
    ("POST", "/identity/v3/users/<user_id>/application_credentials"),
    ("DELETE", "/identity/v3/users/<user_id>/application_credentials/<credential_id>"),
}
"""What everybody may change of themselves, a reader too."""

UNSCOPED = (
    "/identity/v3/auth/domains",
    "/identity/v3/auth/projects",
    "/identity/v3/auth/system",
    "/identity/v3/auth/tokens",
    "/identity/v3/domains",
    "/identity/v3/endpoints",
    "/identity/v3/projects/<project_id>",
    "/identity/v3/regions",
    "/identity/v3/roles",
    "/identity/v3/services",
    "/identity/v3/users/<user_id>",
)
"""Paths that begin so are open to a token for no project, where they need no role."""

ANSWER = ("PUT", "/image/v2/images/<image_id>/members/<member_id>")
"""Whether to take an image is the member's to say, not its owner's."""

OF_PROJECT = (
    *("server_id", "image_id", "network_id", "subnet_id", "port_id", "project_id"),
    *("group_id", "rule_id", "server_group_id", "floating_ip_id"),
)
"""Ids of what belongs to a project: to callers of another they look as if they were not there."""

OF_USER = ("user_id", "credential_id", "name")
"""Of what belongs to a user: to other users too. (`name` is a keypair's, except of a schema.)"""

CALLERS = (
    *("nobody", "unscoped"),
    *("lab reader", "lab member", "lab admin"),
    *("other reader", "other member", "other admin"),
)


Route = tuple[str, str]


def expected(route: Route, who: str) -> str:
    """What a caller meets: "401", "403", "404" or "in" (whatever comes of what it asked for)."""
    if route in PUBLIC:
        return "in"
    if who == "nobody":
        return "401"
    project, _, role = who.partition(" ")
    if not _has_role(route, role or "unscoped"):
        return "403"
    if _is_hidden(route, project, role):
        return "404"
    if route == ANSWER and role != "admin":
        return "403"
    return "in"


def all_routes() -> list[Route]:
    """Every method of every rule of the URL map, but those that Flask answers by itself."""
    app = Flask("routes", static_folder=None)
    application.add_routes(app)
    return sorted(
        ((method, rule.rule) for rule in app.url_map.iter_rules() for method in _methods(rule)),
        key=lambda route: (route[1], route[0]),
    )


def _methods(rule: Any) -> set[str]:
    return set(rule.methods) - {"HEAD", "OPTIONS"}


def _has_role(route: Route, role: str) -> bool:
    method, rule = route
    is_change = method != "GET"
    for_admins = rule.startswith(ADMINS_ONLY) or route in ADMINS_LISTS
    if is_change and route not in ONES_OWN:
        for_admins = for_admins or rule.startswith(ADMINS_CHANGES)
    if for_admins:
        return role == "admin"
    if role == "unscoped":
        makes_credential = route == ("POST", "/identity/v3/users/<user_id>/application_credentials")
        return rule.startswith(UNSCOPED) and not makes_credential
    return not is_change or role != "reader" or route in ONES_OWN


def _is_hidden(route: Route, project: str, role: str) -> bool:
    _, rule = route
    names = {part[1:-1] for part in rule.split("/") if part.startswith("<")}
    if "/schemas/" in rule:
        return False
    is_owner = (project, role) in {("lab", "member"), ("unscoped", "")}
    if names & set(OF_USER) and not is_owner:
        if role == "admin" and "/os-keypairs/" not in rule:
            return route[0] == "POST" and rule.endswith("/application_credentials")
        return True
    return project == "other" and role != "admin" and bool(names & set(OF_PROJECT))
