# SPDX-License-Identifier: Apache-2.0
"""`tempest.conf`: what tempest is told of the cloud, by which it chooses what it can expect."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from configparser import RawConfigParser
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.conformance.samples import FORMATS
from tests.conformance.variants import Variant
from tests.lab.cloud import Api, LiveCloud

COMPUTE_FEATURES = {
    "attach_encrypted_volume": False,
    "change_password": True,
    "cold_migration": False,  # there is one host
    "dhcp_domain": "",
    "hostname_fqdn_sanitization": True,
    "live_migration": False,
    "metadata_service": False,  # it is asked from inside, by SSH
    "personality": True,
    "resize": True,
    "stable_rescue": True,
    "ide_bus": False,  # q35, the default machine, has none: see variants.py
    "vnc_console": False,  # 501, until there is a page for it
}
"""What tempest is told that the cloud can and cannot, where that is not its default."""

Settings = Mapping[str, Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Guests:
    """What tempest makes servers of: two images and two flavors, by their ids."""

    image: str
    other_image: str
    flavor: str
    larger_flavor: str


def settings_of(
    cloud: LiveCloud, guests: Guests, image_url: str, manifest: Path, work: Path, lowest: str = ""
) -> Settings:
    """All that differs from tempest's defaults; tempest's own files go into `work`.

    `lowest` is the Compute API's version below which nothing is asked, else the cloud's own.
    """
    known = yaml.safe_load((cloud.state / "clouds.yaml").read_text())["clouds"]["cumulet-admin"]
    own_lowest, highest = _compute_versions(cloud)
    versions = {"min_microversion": lowest or own_lowest, "max_microversion": highest}
    return {
        "DEFAULT": {"debug": True, "log_file": work / "tempest.log", "use_stderr": False},
        "oslo_concurrency": {"lock_path": work / "locks"},
        "auth": {
            # Each test class makes users and projects of its own, as the administrator.
            "use_dynamic_credentials": True,
            "create_isolated_networks": False,
            "admin_username": known["auth"]["username"],
            "admin_password": known["auth"]["password"],
            "admin_project_name": known["auth"]["project_name"],
            "admin_domain_name": "Default",
        },
        "identity": {
            "uri_v3": known["auth"]["auth_url"],
            "region": known["region_name"],
            "user_lockout_failure_attempts": 0,
            "user_unique_last_password_count": 1,
        },
        "identity-feature-enabled": {
            "api_extensions": "",
            "trust": False,
            "access_rules": False,
            # Without it tempest leaves out the tests in which users change their own password.
            "security_compliance": True,
        },
        "service_available": {
            **{"nova": True, "glance": True, "neutron": True},
            **{"cinder": False, "swift": False, "horizon": False},
        },
        "compute": {
            **versions,
            "image_ref": guests.image,
            "image_ref_alt": guests.other_image,
            "flavor_ref": guests.flavor,
            "flavor_ref_alt": guests.larger_flavor,
            "fixed_network_name": "lab",
            "hypervisor_type": "QEMU",
            "build_timeout": 120,
            "shelved_offload_time": 0,  # at once
        },
        "compute-feature-enabled": COMPUTE_FEATURES,
        "network-feature-enabled": {
            "api_extensions": ",".join(_network_extensions(cloud)),
            "floating_ips": True,
            "ipv6": False,
        },
        "network": {
            "public_network_id": external_network(cloud),
            "floating_network_name": "public",
        },
        "validation": {"run_validation": False},  # it would log in to guests by SSH
        "image": {
            "build_timeout": 60,
            "http_image": image_url,
            "http_qcow2_image": image_url,
            # The tests of lists send noise in the first six of these, which only raw can be.
            "disk_formats": ",".join([*["raw"] * 6, *FORMATS]),
            "images_manifest_file": manifest,
        },
        "image-feature-enabled": {
            "import_image": True,
            "image_conversion": False,
            "manage_locations": False,
            "image_format_enforcement": False,  # true, but with it noise is never sent as raw
            "do_secure_hash": True,
        },
    }


def settings_of_variant(settings: Settings, variant: Variant, image: str) -> Settings:
    """The same, for servers of another kind: they are made of this image, by its id."""
    features = settings["compute-feature-enabled"]
    return {
        **settings,
        "compute": {**settings["compute"], "image_ref": image},
        "compute-feature-enabled": {**features, **variant.features},
    }


def write_settings(path: Path, settings: Settings) -> None:
    """Write them as tempest reads them."""
    parser = RawConfigParser()
    for section, values in settings.items():
        if section != "DEFAULT":
            parser.add_section(section)
        for key, value in values.items():
            parser.set(section, key, str(value))
    with path.open("w") as file:
        parser.write(file)
    path.chmod(0o600)  # the administrator's password is in it


def _compute_versions(cloud: LiveCloud) -> tuple[str, str]:
    """The lowest and the highest microversion that the cloud says it serves."""
    with urllib.request.urlopen(f"{cloud.url}/compute/", timeout=10) as answer:
        versions: list[dict[str, Any]] = json.load(answer)["versions"]
    (served,) = (each for each in versions if each["id"] == "v2.1")
    return str(served["min_version"]), str(served["version"])


def external_network(cloud: LiveCloud) -> str:
    """The id of the network that floating addresses are of."""
    path = "/network/v2.0/networks?router:external=True"
    status, _, body = Api(cloud).log_in().request("GET", path)
    assert status == 200, (status, body)
    (network,) = body["networks"]
    return str(network["id"])


def _network_extensions(cloud: LiveCloud) -> list[str]:
    """The extensions of the Network API that the cloud says it has."""
    status, _, body = Api(cloud).log_in().request("GET", "/network/v2.0/extensions")
    assert status == 200, (status, body)
    return [extension["alias"] for extension in body["extensions"]]
