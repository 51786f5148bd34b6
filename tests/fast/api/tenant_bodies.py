# SPDX-License-Identifier: Apache-2.0
"""What the callers of every route send (see `tenants.py`)."""

from __future__ import annotations

from typing import Any

from tests.fast.api.conftest import PASSWORD

DOWNLOAD = {"method": {"name": "web-download", "uri": "http://example.org/x"}}

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
    ("POST", "/compute/v2.1/servers/<server_id>/remote-consoles"): {
        "remote_console": {"protocol": "vnc", "type": "novnc"}
    },
    ("PUT", "/compute/v2.1/servers/<server_id>/tags"): {"tags": ["green"]},
    ("POST", "/compute/v2.1/images/<image_id>/metadata"): {"metadata": {"role": "c"}},
    ("PUT", "/compute/v2.1/images/<image_id>/metadata"): {"metadata": {"role": "c"}},
    ("PUT", "/compute/v2.1/images/<image_id>/metadata/<key>"): {"meta": {"role": "c"}},
    ("POST", "/image/v2/images/<image_id>/import"): DOWNLOAD,
    ("POST", "/image/v2/images/<image_id>/members"): {"member": "2" * 32},
    ("PUT", "/image/v2/images/<image_id>/members/<member_id>"): {"status": "accepted"},
}
"""Bodies that would do something, where the id is only looked at after the body."""

VERSIONS = {
    "/compute/v2.1/flavors/<flavor_id>": "2.55",
    "/compute/v2.1/servers/<server_id>/remote-consoles": "2.6",
    "/compute/v2.1/servers/<server_id>/migrations": "2.23",
    "/compute/v2.1/servers/<server_id>/tags": "2.26",
    "/compute/v2.1/servers/<server_id>/tags/<tag>": "2.26",
}
"""Of the routes that are not there at 2.1, a version that has them."""
