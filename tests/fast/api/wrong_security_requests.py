# SPDX-License-Identifier: Apache-2.0
"""Wrong requests for security groups and their rules, to both services that have them.

Rows of the table of wrong requests; {group} is the default group of the user's project.
"""

from __future__ import annotations

from typing import Any

from tests.fast.api.wrong_requests import SERVER, SERVERS, Wrong

OLD, OLD_RULES = "/compute/v2.1/os-security-groups", "/compute/v2.1/os-security-group-rules"
GROUPS, RULES = "/network/v2.0/security-groups", "/network/v2.0/security-group-rules"
PORTS = "/network/v2.0/ports"


def old(said: str, method: str = "POST", path: str = OLD, code: int = 400, **fields: Any) -> Wrong:
    asked = {"name": "web", "description": "x", **fields}
    body = {"security_group": {name: value for name, value in asked.items() if value is not None}}
    return Wrong(method, path, code, said, body)


def old_rule(said: str, code: int = 400, **fields: Any) -> Wrong:
    asked = {"ip_protocol": "tcp", "from_port": 22, "to_port": 22, "parent_group_id": "{group}"}
    body = {"security_group_rule": {**asked, **fields}}
    return Wrong("POST", OLD_RULES, code, said, body)


def new(said: str, method: str = "POST", path: str = GROUPS, code: int = 400, **f: Any) -> Wrong:
    return Wrong(method, path, code, said, {"security_group": f})


def new_rule(said: str, code: int = 400, **fields: Any) -> Wrong:
    asked = {"security_group_id": "{group}", "direction": "ingress", "protocol": "tcp", **fields}
    return Wrong("POST", RULES, code, said, {"security_group_rule": asked})


def act(said: str, action: str, value: Any, code: int = 400) -> Wrong:
    return Wrong("POST", f"{SERVERS}/{{active}}/action", code, said, {action: value})


OF_COMPUTE = (
    old("name", name=None),
    old("name", name=" "),
    old("name", name="a" * 256),
    old("name", name=7),
    old("description", description=None),
    old("description", description="a" * 256),
    old("already exists", name="default"),
    Wrong("POST", OLD, 400, "security_group", {}),
    Wrong("POST", OLD, 403, "role reader", {"security_group": {}}, who="reader"),
    old("uuid", "PUT", f"{OLD}/web"),
    old("does not exist", "PUT", f"{OLD}/{{nobody}}", 404),
    old("default", "PUT", f"{OLD}/{{group}}"),
    Wrong("GET", f"{OLD}/web", 400, "uuid"),
    Wrong("GET", f"{OLD}/{{nobody}}", 404, "{nobody}"),
    Wrong("GET", f"{OLD}/{{group}}", 404, "{group}", who="other"),
    Wrong("DELETE", f"{OLD}/web", 400, "uuid"),
    Wrong("DELETE", f"{OLD}/{{nobody}}", 404, "{nobody}"),
    Wrong("DELETE", f"{OLD}/{{group}}", 400, "default security group"),
    Wrong("GET", f"{OLD}?limit=many", 400, "limit"),
    old_rule("parent_group_id", parent_group_id=None),
    old_rule("parent_group_id", parent_group_id="web"),
    old_rule("{nobody}", 404, parent_group_id="{nobody}"),
    old_rule("group_id", group_id="web"),
    old_rule("{nobody}", 404, group_id="{nobody}"),
    old_rule("Invalid IP protocol 999", ip_protocol="999"),
    old_rule("Invalid IP protocol", ip_protocol=6),
    old_rule("Not enough parameters", ip_protocol=None),
    old_rule("Not enough parameters", from_port=None),
    old_rule("Not enough parameters", ip_protocol=None, group_id="{group}"),
    old_rule("must be integers", from_port="ssh"),
    old_rule("must be integers", from_port=True),
    old_rule("must be integers for ICMP", ip_protocol="icmp", to_port="x"),
    old_rule("Invalid port range 22:21", to_port=21),
    old_rule("Invalid port range 0:22", from_port=0),
    old_rule("Invalid port range 22:65536", to_port=65536),
    old_rule("type:code", ip_protocol="icmp", from_port=256),
    old_rule("Invalid CIDR 10.0.0.1", cidr="10.0.0.1"),
    old_rule("Invalid CIDR", cidr="10.0.0.0/33"),
    old_rule("Invalid CIDR", cidr=["10.0.0.0/8"]),
    old_rule("Bad prefix for network in cidr 10.0.0.0/0", cidr="10.0.0.0/0"),
    Wrong("DELETE", f"{OLD_RULES}/web", 400, "uuid"),
    Wrong("DELETE", f"{OLD_RULES}/{{nobody}}", 404, "{nobody}"),
    Wrong("GET", f"{SERVERS}/{{nobody}}/os-security-groups", 404, "{nobody}"),
    Wrong("GET", f"{SERVER}/os-security-groups", 404, "could not be found", who="other"),
    act("addSecurityGroup", "addSecurityGroup", None),
    act("name", "addSecurityGroup", {}),
    act("name", "addSecurityGroup", {"name": ""}),
    act("nowhere", "addSecurityGroup", {"name": "nowhere"}, 404),
    act("nowhere", "removeSecurityGroup", {"name": "nowhere"}, 404),
    act("{nobody}", "removeSecurityGroup", {"name": "{nobody}"}, 404),
)

OF_NETWORK = (
    new("name", name="a" * 256),
    new("name", name=None),
    new("description", description="a" * 256),
    new("stateful", stateful=False),
    new("colour", colour="red"),
    new("one field", tenant_id="a", project_id="b"),
    new("already exists", code=409, name="default"),
    new("project_id of another project", code=403, project_id="{nobody}"),
    new("not allowed", "PUT", f"{GROUPS}/{{group}}", 409, name="web"),
    new("project_id", "PUT", f"{GROUPS}/{{group}}", project_id="{lab}"),
    new("{nobody}", "PUT", f"{GROUPS}/{{nobody}}", 404, name="web"),
    Wrong("POST", GROUPS, 400, "security_group", {}),
    Wrong("DELETE", f"{GROUPS}/{{group}}", 409, "default security group"),
    Wrong("DELETE", f"{GROUPS}/{{group}}", 404, "{group}", who="other"),
    Wrong("DELETE", f"{GROUPS}/{{nobody}}", 404, "{nobody}"),
    Wrong("PUT", f"{GROUPS}/{{group}}/tags", 400, "tags", {"tags": [""]}),
    Wrong("GET", f"{GROUPS}/{{group}}/tags/blue", 404, "blue"),
    Wrong("POST", RULES, 400, "the request body", {}),
    Wrong("POST", RULES, 400, "security_group_rules", {"security_group_rules": []}),
    new_rule("direction", direction=None),
    new_rule("ethertype", ethertype="ARP"),
    new_rule("not supported", protocol="carrier"),
    new_rule("libvirt", protocol="gre"),
    new_rule("{nobody}", 404, security_group_id="{nobody}"),
    new_rule("{nobody}", 404, remote_group_id="{nobody}"),
    new_rule("{group}", 404, project_id="{nobody}"),
    new_rule("Only remote_ip_prefix", remote_ip_prefix="10.0.0.0/8", remote_group_id="{group}"),
    new_rule("already exists", 409, protocol=None),
    Wrong("DELETE", f"{RULES}/{{nobody}}", 404, "{nobody}"),
    Wrong("PUT", f"{PORTS}/{{port}}", 400, "UUID", {"port": {"security_groups": ["web"]}}),
    Wrong("PUT", f"{PORTS}/{{port}}", 404, "{nobody}", {"port": {"security_groups": ["{nobody}"]}}),
    Wrong("PUT", f"{PORTS}/{{port}}", 400, "security_groups", {"port": {"security_groups": "web"}}),
    Wrong(
        *("PUT", f"{PORTS}/{{port}}", 400, "port_security_enabled"),
        {"port": {"port_security_enabled": False}},
    ),
)

WRONG_SECURITY = OF_COMPUTE + OF_NETWORK
