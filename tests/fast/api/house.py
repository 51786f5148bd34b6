# SPDX-License-Identifier: Apache-2.0
"""A cloud with one of everything that a route can name, and callers of all kinds."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from agent.model.identity import AppCredential, Project, User
from agent.model.network import Network, Subnet
from agent.model.securitygroup import default_id
from agent.model.server import Flavor
from tests.fast.api.conftest import PASSWORD, add_user, let_in
from tests.fast.application import build_app
from tests.fast.smallcloud import SmallCloud
from tests.keys import ED25519

_DOWNLOAD = {"method": {"name": "web-download", "uri": "http://example.org/x"}}

BODIES: dict[tuple[str, str], Any] = {
    ("POST", "/identity/v3/users/<user_id>/password"): {
        "user": {"original_password": PASSWORD, "password": "new"}
    },
    ("POST", "/identity/v3/users/<user_id>/application_credentials"): {
        "application_credential": {"name": "another"}
    },
    ("PATCH", "/identity/v3/users/<user_id>"): {"user": {"description": "x"}},
    ("PATCH", "/identity/v3/projects/<project_id>"): {"project": {"description": "x"}},
    ("PATCH", "/identity/v3/roles/<role_id>"): {"role": {"description": "x"}},
    ("POST", "/compute/v2.1/flavors/<flavor_id>/os-extra_specs"): {"extra_specs": {"b": "c"}},
    ("PUT", "/compute/v2.1/flavors/<flavor_id>/os-extra_specs/<key>"): {"role": "c"},
    ("PUT", "/compute/v2.1/os-quota-class-sets/<class_name>"): {"quota_class_set": {"cores": 9}},
    ("PUT", "/compute/v2.1/os-quota-sets/<project_id>"): {"quota_set": {"cores": 9}},
    ("PUT", "/compute/v2.1/servers/<server_id>"): {"server": {"name": "x"}},
    ("POST", "/compute/v2.1/servers/<server_id>/action"): {"lock": None},
    ("POST", "/compute/v2.1/servers/<server_id>/metadata"): {"metadata": {"b": "c"}},
    ("PUT", "/compute/v2.1/servers/<server_id>/metadata"): {"metadata": {"b": "c"}},
    ("PUT", "/compute/v2.1/servers/<server_id>/metadata/<key>"): {"meta": {"role": "c"}},
    ("PUT", "/network/v2.0/networks/<network_id>"): {"network": {"name": "x"}},
    ("PUT", "/network/v2.0/subnets/<subnet_id>"): {"subnet": {"name": "x"}},
    ("PUT", "/network/v2.0/ports/<port_id>"): {"port": {"name": "x"}},
    ("PUT", "/network/v2.0/security-groups/<group_id>"): {"security_group": {"description": "x"}},
    ("PUT", "/network/v2.0/security-groups/<group_id>/tags"): {"tags": ["green"]},
    ("PUT", "/compute/v2.1/os-security-groups/<group_id>"): {
        "security_group": {"name": "default", "description": "x"}
    },
    ("PUT", "/network/v2.0/floatingips/<floating_ip_id>"): {"floatingip": {"description": "x"}},
    ("PUT", "/network/v2.0/floatingips/<floating_ip_id>/tags"): {"tags": ["green"]},
    ("PUT", "/network/v2.0/networks/<network_id>/tags"): {"tags": ["green"]},
    ("PUT", "/network/v2.0/subnets/<subnet_id>/tags"): {"tags": ["green"]},
    ("PUT", "/network/v2.0/ports/<port_id>/tags"): {"tags": ["green"]},
    ("POST", "/compute/v2.1/servers/<server_id>/remote-consoles"): {
        "remote_console": {"protocol": "vnc", "type": "novnc"}
    },
    ("PUT", "/compute/v2.1/servers/<server_id>/tags"): {"tags": ["green"]},
    ("POST", "/compute/v2.1/images/<image_id>/metadata"): {"metadata": {"role": "c"}},
    ("PUT", "/compute/v2.1/images/<image_id>/metadata"): {"metadata": {"role": "c"}},
    ("PUT", "/compute/v2.1/images/<image_id>/metadata/<key>"): {"meta": {"role": "c"}},
    ("POST", "/image/v2/images/<image_id>/import"): _DOWNLOAD,
    ("POST", "/image/v2/images/<image_id>/members"): {"member": "2" * 32},
    ("PUT", "/image/v2/images/<image_id>/members/<member_id>"): {"status": "accepted"},
}
"""Bodies that would do something, where the id is only looked at after the body."""

VERSIONS = {
    "/compute/v2.1/flavors/<flavor_id>": "2.55",
    "/compute/v2.1/servers/<server_id>/remote-consoles": "2.6",
    "/compute/v2.1/servers/<server_id>/migrations": "2.23",
    "/compute/v2.1/servers/<server_id>/tags": "2.26",
    "/compute/v2.1/servers/<server_id>/topology": "2.78",
    "/compute/v2.1/servers/<server_id>/tags/<tag>": "2.26",
}
"""Of the routes that are not there at 2.1, a version that has them."""


@dataclass(slots=True)
class House:
    """Everything that a route can name, owned by the member of the project lab."""

    cloud: SmallCloud
    app: Flask
    disk: Path  # a small qcow2 file
    ids: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    @classmethod
    def build(cls, template: Path, folder: Path) -> House:
        """Fill a fresh cloud."""
        cloud = SmallCloud.open(template, folder)
        cloud.use_pool("192.0.2.10-192.0.2.12")
        cloud.reboot()
        house = cls(cloud, build_app(cloud), template.parent / "disk.qcow2")
        house._move_in()
        return house

    def ask(self, method: str, rule: str, who: str) -> TestResponse:
        """Call a route as one of the callers, with the ids of this house."""
        path = rule
        ids = {**self.ids, "name": "image"} if "/schemas/" in rule else self.ids
        for name, value in ids.items():
            path = path.replace(f"<{name}>", value)
        headers = {"X-Subject-Token": self.tokens.get(who, "")}
        if who in self.tokens:
            headers["X-Auth-Token"] = self.tokens[who]
        if rule in VERSIONS:
            headers["OpenStack-API-Version"] = f"compute {VERSIONS[rule]}"
        body = BODIES.get((method, rule))
        options: dict[str, Any] = {} if body is None else {"json": body}
        if rule == "/image/v2/images/<image_id>" and method == "PATCH":
            headers["Content-Type"] = "application/openstack-images-v2.1-json-patch"
            options["data"] = '[{"op": "replace", "path": "/name", "value": "x"}]'
        if rule == "/image/v2/images/<image_id>/file" and method == "PUT":
            headers["Content-Type"] = "application/octet-stream"
            options["data"] = b"x"
        http: FlaskClient = self.app.test_client()
        return http.open(path, method=method, headers=headers, buffered=True, **options)

    def _move_in(self) -> None:
        store = self.cloud.parts.store
        lab = store.identity.find_project("lab")
        assert lab is not None
        other, third = Project("0" * 32, "other"), Project("1" * 32, "third")
        store.identity.add_project(other)
        store.identity.add_project(third)
        users = {}
        for project in (lab, other):
            for role in ("reader", "member", "admin"):
                name = f"{project.name} {role}"
                users[name] = add_user(self.cloud, name, project, role)
                self.tokens[name] = let_in(self.cloud, self.app, name, project.name).token
        self.tokens["unscoped"] = let_in(self.cloud, self.app, "lab member", None).token
        owner, auditor = users["lab member"], store.identity.ensure_role("auditor")
        for project_id in (lab.id, None):
            store.grants.assign(owner.id, project_id, auditor.id)
        self.ids |= {
            "flavor_id": self._add_flavor(lab, other),
            "class_name": "default",
            "alias": "os-consoles",
            "label": "lab",
            "key": "role",
            "name": "mine",
            "tag": "blue",
            "project_id": lab.id,
            "extension": "quotas",
            **self._security(lab),
            "user_id": owner.id,
            "role_id": auditor.id,
            "member_id": third.id,
            "domain_id": "default",
            "region_id": "RegionOne",
            "credential_id": self._add_credential(owner, lab).id,
            **self._add_network(lab),
        }
        self._fill_project()

    def _fill_project(self) -> None:
        ask = self._as_owner
        places = {
            "service_id": ask("GET", "/identity/v3/services")["services"][1]["id"],
            "endpoint_id": ask("GET", "/identity/v3/endpoints")["endpoints"][1]["id"],
        }
        public = ask("GET", "/image/v2/images")["images"][0]["id"]
        shape = {"disk_format": "qcow2", "container_format": "bare"}
        image = ask(
            "POST", "/image/v2/images", {"name": "own", "tags": ["blue"], "role": "web", **shape}
        )["id"]
        self._upload(image)
        ask("POST", f"/image/v2/images/{image}/members", {"member": self.ids["member_id"]})
        waiting = ask("POST", "/image/v2/images", {"name": "waiting", **shape})["id"]
        ask("POST", f"/image/v2/images/{waiting}/import", _DOWNLOAD)
        ask(
            "POST",
            "/compute/v2.1/os-keypairs",
            {"keypair": {"name": "mine", "public_key": ED25519}},
        )
        wanted = {
            "name": "one",
            "imageRef": public,
            "flavorRef": "1",
            "metadata": {"role": "web"},
            "networks": [{"uuid": self._shared_network()}],
        }
        server = ask("POST", "/compute/v2.1/servers", {"server": wanted})["server"]["id"]
        self.cloud.work()
        cloud = self.cloud.parts.cloud
        cloud.records.replace_tags(self.cloud.asking, server, ["blue"])
        for kind in ("network", "subnet"):
            ask("PUT", f"/network/v2.0/{kind}s/{self.ids[kind + '_id']}/tags/blue")
        ask("PUT", f"/network/v2.0/security-groups/{self.ids['group_id']}/tags/blue")
        actions = ask("GET", f"/compute/v2.1/servers/{server}/os-instance-actions")
        ports = ask("GET", f"/network/v2.0/ports?device_id={server}")["ports"]
        ask("PUT", f"/network/v2.0/ports/{ports[0]['id']}/tags/blue")
        self.ids |= {
            **places,
            "image_id": image,
            **self._add_places(),
            "server_id": server,
            "request_id": actions["instanceActions"][0]["request_id"],
            "port_id": ports[0]["id"],
            "floating_ip_id": self._add_floating_ip(),
            "task_id": ask("GET", f"/image/v2/images/{waiting}/tasks")["tasks"][0]["id"],
        }

    def _add_flavor(self, *projects: Project) -> str:
        """A private flavor that these projects may use, with an extra spec."""
        flavors = self.cloud.parts.cloud.flavors
        own = flavors.create(Flavor("own", "own", 1, 64, 1, False, None, {"role": "web"}))
        for project in projects:
            flavors.add_access(own.id, project.id)
        return own.id

    def _add_places(self) -> Mapping[str, str]:
        """A server group, an aggregate, and this host by all its names."""
        group = self._as_owner(
            "POST",
            "/compute/v2.1/os-server-groups",
            {"server_group": {"name": "apart", "policies": ["anti-affinity"]}},
        )
        cloud = self.cloud.parts.cloud
        host = cloud.hosts.list_hosts()[0].record.name
        return {
            "server_group_id": group["server_group"]["id"],
            "aggregate_id": str(cloud.aggregates.create("rack", None).id),
            "host_name": host,
            "pattern": host,
            "hypervisor_id": "1",
            "compute_service_id": "1",
            "before": "2026-01-01 00:00:00",
        }

    def _security(self, project: Project) -> dict[str, str]:
        """The ids of the project's default security group and of a rule in it."""
        groups = self.cloud.parts.store.security_groups
        group = groups.get(default_id(project.id), project_id=None)
        return {"group_id": group.id, "rule_id": group.rules[0].id}

    def _upload(self, image_id: str) -> None:
        imaging, caller = self.cloud.parts.cloud.imaging, self.cloud.asking.caller
        imaging.upload(caller, image_id, iter([self.disk.read_bytes()]))

    def _shared_network(self) -> str:
        networks = self._as_owner("GET", "/network/v2.0/networks")["networks"]
        return next(str(network["id"]) for network in networks if network["shared"])

    def _add_floating_ip(self) -> str:
        """A floating address, tagged."""
        networks = self._as_owner("GET", "/network/v2.0/networks")["networks"]
        (public,) = (each["id"] for each in networks if each["router:external"])
        body = {"floatingip": {"floating_network_id": public}}
        made = self._as_owner("POST", "/network/v2.0/floatingips", body)["floatingip"]
        self._as_owner("PUT", f"/network/v2.0/floatingips/{made['id']}/tags/blue")
        return str(made["id"])

    def _as_owner(self, method: str, path: str, body: object = None) -> Any:
        headers = {"X-Auth-Token": self.tokens["lab member"]}
        options: dict[str, Any] = {"json": body} if body is not None else {}
        answer = self.app.test_client().open(path, method=method, headers=headers, **options)
        assert answer.status_code < 300, answer.text
        return answer.get_json(silent=True)

    def _add_credential(self, user: User, project: Project) -> AppCredential:
        store = self.cloud.parts.store
        roles = (store.identity.ensure_role("member").id,)
        credential = AppCredential(
            uuid.uuid4().hex, "robot", user.id, project.id, "", roles, self.cloud.clock.now()
        )
        store.app_credentials.add(credential, most=9)
        return credential

    def _add_network(self, project: Project) -> Mapping[str, str]:
        now = self.cloud.clock.now()
        network = Network(
            id=str(uuid.uuid4()),
            name="inner",
            project_id=project.id,
            shared=False,
            libvirt_name="inner",
            bridge="inner0",
            mode="isolated",
            mtu=1500,
            created_at=now,
        )
        subnet = Subnet(
            id=str(uuid.uuid4()),
            network_id=network.id,
            name="inner",
            cidr="10.99.0.0/24",
            gateway_ip="10.99.0.1",
            pool_start="10.99.0.2",
            pool_end="10.99.0.9",
            dns=(),
            created_at=now,
        )
        self.cloud.parts.store.networks.add_network(network, subnet)
        return {"network_id": network.id, "subnet_id": subnet.id}
