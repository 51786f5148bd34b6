# SPDX-License-Identifier: Apache-2.0
"""Wrong requests of administrators, and to flavors, groups, quotas, usage, hosts and networks.

Rows of the table of wrong requests; besides what stands for ids there: {project} is the user's
project, {port} a port of the user's that no server has, {bare_net} an administrator's network
without a subnet.
"""

from __future__ import annotations

from typing import Any

from tests.fast.api.wrong_later_requests import at
from tests.fast.api.wrong_requests import COMPUTE, SERVER, Wrong

FLAVORS, GROUPS, AGGREGATES = (
    f"{COMPUTE}/flavors",
    f"{COMPUTE}/os-server-groups",
    f"{COMPUTE}/os-aggregates",
)
QUOTAS, CLASSES = f"{COMPUTE}/os-quota-sets/{{project}}", f"{COMPUTE}/os-quota-class-sets/default"
SERVICES, HYPERVISORS = f"{COMPUTE}/os-services", f"{COMPUTE}/os-hypervisors"
USAGE = f"{COMPUTE}/os-simple-tenant-usage"
NETWORKS, SUBNETS, PORTS = (f"/network/v2.0/{kind}" for kind in ("networks", "subnets", "ports"))
BAD_ZONE = {"availability_zone": "a:b"}
ELSEWHERE = {"host": "elsewhere", "binary": "nova-compute"}
NEITHER: dict[str, Any] = {"os-flavor-access:is_public": "perhaps"}
BAD_MAC = "52:54:00:0:1:2"


def admin(
    method: str, said: str, path: str, body: Any = None, code: int = 400, version: str = "2.1"
) -> Wrong:
    return Wrong(method, path, code, said, body, who="admin", headers=at(version))


def flavor(said: str, code: int = 400, *, version: str = "2.1", **fields: Any) -> Wrong:
    asked = {"name": "new", "ram": 512, "vcpus": 1, "disk": 1, **fields}
    return admin("POST", said, FLAVORS, {"flavor": asked}, code, version)


def group(said: str, version: str = "2.1", code: int = 400, **fields: Any) -> Wrong:
    body = {"server_group": {"name": "new", **fields}}
    return Wrong("POST", GROUPS, code, said, body, headers=at(version))


def network(said: str, path: str, body: Any, code: int = 400, **more: Any) -> Wrong:
    return Wrong(more.pop("method", "POST"), path, code, said, body, **more)


def subnet(said: str, code: int = 400, **fields: Any) -> Wrong:
    asked = {"network_id": "{bare_net}", "cidr": "10.200.0.0/24", "ip_version": 4, **fields}
    given = {name: value for name, value in asked.items() if value is not None}
    return network(said, SUBNETS, {"subnet": given}, code, who="admin")


MAKE_FLAVORS = (
    flavor("flavor.name", name=""),
    flavor("name", name=" "),
    flavor("m1.tiny", 409, name="m1.tiny"),
    flavor("1", 409, id="1"),
    flavor("id", id="a/b"),
    flavor("ram", ram=0),
    flavor("ram", ram="much"),
    flavor("ram", ram=2**31),
    flavor("vcpus", vcpus=0),
    flavor("disk", disk=-1),
    flavor("swap", swap=-1),
    flavor("rxtx_factor", rxtx_factor=0),
    flavor("is_public", **NEITHER),
    flavor("description", description="early", version="2.54"),
    flavor("description", description="a" * 65536, version="2.55"),
    flavor("color", color="red"),
    admin("POST", "flavor", FLAVORS, {}),
    admin("POST", "ram", FLAVORS, {"flavor": {"name": "new", "vcpus": 1, "disk": 1}}),
    Wrong("POST", FLAVORS, 403, "role admin", {"flavor": {}}),
    admin("PUT", "", f"{FLAVORS}/1", {"flavor": {"description": "x"}}, 404, "2.54"),
    admin("PUT", "description", f"{FLAVORS}/1", {"flavor": {"name": "x"}}, 400, "2.55"),
    admin("PUT", "none", f"{FLAVORS}/none", {"flavor": {"description": "x"}}, 404, "2.55"),
    admin("DELETE", "none", f"{FLAVORS}/none", None, 404),
    admin("POST", "extra_specs", f"{FLAVORS}/1/os-extra_specs", {}),
    admin("POST", "extra_specs", f"{FLAVORS}/1/os-extra_specs", {"extra_specs": {"a/b": "c"}}),
    admin("POST", "extra_specs.a", f"{FLAVORS}/1/os-extra_specs", {"extra_specs": {"a": None}}),
    admin("POST", "a", f"{FLAVORS}/1/os-extra_specs", {"extra_specs": {"a": "b" * 256}}),
    admin(
        *("POST", "hw:cpu_policy", f"{FLAVORS}/1/os-extra_specs"),
        {"extra_specs": {"hw:cpu_policy": "wild"}},
        version="2.86",
    ),
    admin("PUT", "URI mismatch", f"{FLAVORS}/1/os-extra_specs/a", {"b": "c"}),
    admin("DELETE", "none", f"{FLAVORS}/1/os-extra_specs/none", None, 404),
    admin("POST", "fly", f"{FLAVORS}/1/action", {"fly": {}}),
    admin("POST", "tenant", f"{FLAVORS}/1/action", {"addTenantAccess": {}}),
    admin(
        *("POST", "{nobody}", f"{FLAVORS}/1/action"),
        {"addTenantAccess": {"tenant": "{nobody}"}},
        version="2.1",
    ),
    admin(
        *("POST", "public", f"{FLAVORS}/1/action"),
        {"addTenantAccess": {"tenant": "{project}"}},
        409,
        "2.7",
    ),
    admin("GET", "public", f"{FLAVORS}/1/os-flavor-access", None, 404),
)

MAKE_GROUPS = (
    group("policies"),
    group("policies", policies=[]),
    group("policies", policies=["affinity", "anti-affinity"]),
    group("policies.0", policies=["near"]),
    group("policies.0", "2.14", policies=["soft-affinity"]),
    group("policies", "2.63", policy="affinity"),
    group("policy", "2.64", policies=["affinity"]),
    group(
        "rules.max_server_per_host",
        "2.64",
        policy="anti-affinity",
        rules={"max_server_per_host": 0},
    ),
    group("server_group.rules", "2.64", policy="affinity", rules={"max_server_per_host": 2}),
    group("server_group.name", name="", policies=["affinity"]),
    group("server_group.name", name=" a\n", policies=["affinity"]),
    Wrong("POST", GROUPS, 403, "reader", {"server_group": {}}, who="reader"),
    Wrong("DELETE", f"{GROUPS}/{{nobody}}", 404, "{nobody}"),
    Wrong("GET", f"{GROUPS}?limit=-1", 400, "limit"),
)

SET_QUOTAS = (
    admin("PUT", "quota_set", QUOTAS, {}),
    admin("PUT", "cores", QUOTAS, {"quota_set": {"cores": -2}}),
    admin("PUT", "cores", QUOTAS, {"quota_set": {"cores": "many"}}),
    admin("PUT", "instances", QUOTAS, {"quota_set": {"instances": 0}}),
    admin("PUT", "floating_ips", QUOTAS, {"quota_set": {"floating_ips": 1}}, 400, "2.36"),
    admin("PUT", "injected_files", QUOTAS, {"quota_set": {"injected_files": 1}}, 400, "2.57"),
    admin("PUT", "force", QUOTAS, {"quota_set": {"force": "perhaps"}}),
    admin("PUT", "color", QUOTAS, {"quota_set": {"color": 1}}),
    Wrong("PUT", QUOTAS, 403, "role admin", {"quota_set": {"cores": 1}}),
    Wrong("GET", QUOTAS, 404, "{project}", who="other"),
    admin("PUT", "cores", CLASSES, {"quota_class_set": {"cores": -2}}),
    admin("PUT", "quota_class_set", CLASSES, {"quota_set": {"cores": 1}}),
)

RUN_HOSTS = (
    admin("POST", "aggregate.name", AGGREGATES, {"aggregate": {"name": ""}}),
    admin(
        "POST",
        "availability_zone",
        AGGREGATES,
        {"aggregate": {"name": "x", **BAD_ZONE}},
    ),
    admin("PUT", "7", f"{AGGREGATES}/7", {"aggregate": {"name": "x"}}, 404),
    admin("GET", "id", f"{AGGREGATES}/rack", None, 400),
    admin("POST", "here", f"{AGGREGATES}/7/action", {"add_host": {"host": "here"}}, 404),
    admin("POST", "add_host", f"{AGGREGATES}/7/action", {"add_host": {}}),
    Wrong("POST", AGGREGATES, 403, "role admin", {"aggregate": {"name": "x"}}),
    admin("PUT", "host", f"{SERVICES}/disable", {"binary": "nova-compute"}),
    admin(
        "PUT",
        "elsewhere",
        f"{SERVICES}/disable",
        ELSEWHERE,
        404,
    ),
    admin("PUT", "Unknown action", f"{SERVICES}/fly", ELSEWHERE, 404),
    admin("PUT", "status", f"{SERVICES}/{{nobody}}", {"status": "away"}, 400, "2.53"),
    admin("PUT", "{nobody}", f"{SERVICES}/{{nobody}}", {"status": "enabled"}, 404, "2.53"),
    admin("PUT", "uuid", f"{SERVICES}/1", {"status": "enabled"}, 400, "2.53"),
    admin("DELETE", "{nobody}", f"{SERVICES}/{{nobody}}", None, 404, "2.53"),
    admin("GET", "99", f"{HYPERVISORS}/99", None, 404),
    admin("GET", "{nobody}", f"{HYPERVISORS}/{{nobody}}", None, 404, "2.53"),
    admin("GET", "limit", f"{HYPERVISORS}?limit=-1", None, 400, "2.33"),
    admin("GET", "start", f"{USAGE}?start=yesterday"),
    admin("GET", "start time", f"{USAGE}?start=2026-02-01T00:00:00&end=2026-01-01T00:00:00"),
    Wrong("GET", USAGE, 403, "role admin"),
    admin("GET", "Marker", f"{COMPUTE}/os-migrations?marker={{nobody}}", None, 400, "2.59"),
    admin("GET", "color", f"{COMPUTE}/os-migrations?color=red", None, 400, "2.75"),
    admin("GET", "changes-since", f"{COMPUTE}/os-migrations?changes-since=then", None, 400, "2.59"),
    Wrong("GET", f"{SERVER}/diagnostics", 403, "role admin"),
    Wrong("POST", f"{SERVER}/remote-consoles", 404, "", {}),
    Wrong("POST", f"{SERVER}/remote-consoles", 400, "remote_console", {}, headers=at("2.6")),
)

WIRE = (
    network("network", NETWORKS, {}),
    network("name", NETWORKS, {"network": {"name": 1}}),
    network("name", NETWORKS, {"network": {"name": "a" * 256}}),
    network("router:external", NETWORKS, {"network": {"router:external": True}}),
    network("admin_state_up", NETWORKS, {"network": {"admin_state_up": False}}),
    network("color", NETWORKS, {"network": {"color": "red"}}),
    network("shared", NETWORKS, {"network": {"shared": True}}, 403),
    network("project_id", NETWORKS, {"network": {"project_id": "f" * 32}}, 403),
    network("reader", NETWORKS, {"network": {}}, 403, who="reader"),
    network("{network}", f"{NETWORKS}/{{network}}", {"network": {"name": "x"}}, 403, method="PUT"),
    network("{nobody}", f"{NETWORKS}/{{nobody}}", None, 404, method="DELETE"),
    network("{network}", f"{NETWORKS}/{{network}}", None, 409, method="DELETE", who="admin"),
    subnet("network_id", network_id=None),
    subnet("cidr", cidr=None),
    subnet("cidr", cidr="x"),
    subnet("cidr", cidr="10.0.0.0/8"),
    subnet("ip_version", ip_version=6),
    subnet("gateway_ip", gateway_ip="9.9.9.9"),
    subnet("gateway_ip", gateway_ip="x"),
    subnet("allocation_pools", allocation_pools=[{"start": "9.9.9.1", "end": "9.9.9.2"}]),
    subnet("{nobody}", 404, network_id="{nobody}"),
    network("{nobody}", f"{SUBNETS}/{{nobody}}", None, 404, method="DELETE"),
    network("network_id", PORTS, {"port": {}}),
    network("{nobody}", PORTS, {"port": {"network_id": "{nobody}"}}, 404),
    network("mac_address", PORTS, {"port": {"network_id": "{network}", "mac_address": "x"}}),
    network(
        "mac_address", PORTS, {"port": {"network_id": "{network}", "mac_address": "52:54:00:0:1:2"}}
    ),
    network(
        *("fixed_ips", PORTS),
        {"port": {"network_id": "{network}", "fixed_ips": [{"ip_address": "x"}]}},
    ),
    network(
        *("9.9.9.9", PORTS),
        {"port": {"network_id": "{network}", "fixed_ips": [{"ip_address": "9.9.9.9"}]}},
    ),
    network("device_id", PORTS, {"port": {"network_id": "{network}", "device_id": "{active}"}}),
    network("{port}", f"{PORTS}/{{port}}", {"port": {"name": "x"}}, 404, method="PUT", who="other"),
    network("mac_address", f"{PORTS}/{{port}}", {"port": {"mac_address": "x"}}, method="PUT"),
    network("{nobody}", f"{PORTS}/{{nobody}}", None, 404, method="DELETE"),
    network("router", "/network/v2.0/routers", {"router": {"name": "r"}}, 501),
)

WRONG_ADMIN = (
    *MAKE_FLAVORS,
    *MAKE_GROUPS,
    *SET_QUOTAS,
    *RUN_HOSTS,
    *WIRE,
)
