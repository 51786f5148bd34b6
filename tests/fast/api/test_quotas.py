# SPDX-License-Identifier: Apache-2.0
"""/os-quota-sets, /os-quota-class-sets and /limits, at the versions that changed them."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from tests.fast.api.conftest import At
from tests.keys import ED25519

CORE = {
    "instances": 10,
    "cores": 20,
    "ram": 51200,
    "key_pairs": 100,
    "metadata_items": 128,
}
GROUPS = {"server_groups": 10, "server_group_members": 10}
FILES = {
    "injected_files": 5,
    "injected_file_content_bytes": 10240,
    "injected_file_path_bytes": 255,
}
NETWORK = {
    "fixed_ips": -1,
    "floating_ips": 50,
    "security_groups": 10,
    "security_group_rules": 100,
}
USED = {"security_groups": 1, "security_group_rules": 4}
"""By a project that has made nothing: its default group."""


def put(at: At, path: str, version: str = "2.1", **limits: Any) -> Any:
    name = "quota_class_set" if "class" in path else "quota_set"
    return at(version, "admin").ask("PUT", path, {name: limits})


@pytest.mark.parametrize(
    ("version", "shown"),
    [
        ("2.1", {**CORE, **GROUPS, **FILES, **NETWORK}),
        ("2.35", {**CORE, **GROUPS, **FILES, **NETWORK}),
        ("2.36", {**CORE, **GROUPS, **FILES}),
        ("2.56", {**CORE, **GROUPS, **FILES}),
        ("2.57", {**CORE, **GROUPS}),
        ("2.96", {**CORE, **GROUPS}),
    ],
)
def test_each_version_shows_its_quotas(
    at: At, lab: str, version: str, shown: dict[str, int]
) -> None:
    path = f"/os-quota-sets/{lab}"

    assert at(version).get(path) == {"quota_set": {"id": lab, **shown}}
    assert at(version).get(f"{path}/defaults") == {"quota_set": {"id": lab, **shown}}
    details = {
        name: {"limit": most, "in_use": USED.get(name, 0), "reserved": 0}
        for name, most in shown.items()
    }
    assert at(version).get(f"{path}/detail") == {"quota_set": {"id": lab, **details}}
    changed = put(at, path, version, cores=21)
    assert (changed.status_code, changed.get_json()) == (200, {"quota_set": {**shown, "cores": 21}})
    for name in {**FILES, **NETWORK}.keys() - shown.keys():
        assert put(at, path, version, **{name: 1}).status_code == 400


@pytest.mark.parametrize(
    ("version", "shown"),
    [
        ("2.1", {**CORE, **FILES, **NETWORK}),
        ("2.49", {**CORE, **FILES, **NETWORK}),
        ("2.50", {**CORE, **GROUPS, **FILES}),
        ("2.56", {**CORE, **GROUPS, **FILES}),
        ("2.57", {**CORE, **GROUPS}),
    ],
)
def test_each_version_shows_its_quotas_of_classes(
    at: At, lab: str, version: str, shown: dict[str, int]
) -> None:
    path = "/os-quota-class-sets/default"

    assert at(version, "admin").get(path) == {"quota_class_set": {"id": "default", **shown}}
    changed = put(at, path, version, **dict.fromkeys(shown, "150"))
    assert changed.status_code == 200, changed.text
    assert changed.get_json() == {"quota_class_set": dict.fromkeys(shown, 150)}
    assert at(version).get(f"/os-quota-sets/{lab}/defaults")["quota_set"]["cores"] == 150
    assert put(at, "/os-quota-class-sets/gold", cores=1).status_code == 200
    assert at(version).get(f"/os-quota-sets/{lab}")["quota_set"]["cores"] == 150


def test_what_is_used_is_shown_and_nothing_less_may_be_set(at: At, lab: str, image_id: str) -> None:
    path, server = f"/os-quota-sets/{lab}", {"name": "a", "imageRef": image_id, "flavorRef": "1"}
    at("2.1").ask("POST", "/servers", {"server": server})

    detail = at("2.1").get(f"{path}/detail")["quota_set"]
    refused = put(at, path, ram="511")
    forced = put(at, path, ram="511", force="True")

    assert detail["ram"] == {"limit": 51200, "in_use": 512, "reserved": 0}
    assert refused.status_code == 400
    assert refused.get_json()["badRequest"]["message"] == (
        "Quota limit 511 for ram must be greater than or equal to already used and reserved 512."
    )
    assert forced.get_json()["quota_set"]["ram"] == 511
    over = at("2.1").ask("POST", "/servers", {"server": server})
    assert over.status_code == 403
    assert "already used 512 of 511 ram" in over.get_json()["forbidden"]["message"]


def test_a_deleted_quota_is_the_default_again(at: At, lab: str) -> None:
    path = f"/os-quota-sets/{lab}"
    put(at, path, ram=5120)
    put(at, f"{path}?user_id=ann", ram=2048)
    admin = at("2.1", "admin")

    of_user = admin.get(f"{path}?user_id=ann")["quota_set"]["ram"]
    deleted = admin.ask("DELETE", path)

    assert of_user == 2048
    assert (deleted.status_code, deleted.data) == (202, b"")
    assert admin.get(path)["quota_set"]["ram"] == 51200
    assert admin.get(f"{path}?user_id=ann")["quota_set"]["ram"] == 51200


@pytest.mark.parametrize(
    "limits",
    [
        {"cores": -2},
        {"cores": "-2"},
        {"cores": 2**31},
        {"cores": str(2**31)},
        {"cores": "many"},
        {"cores": None},
        {"colours": 3},
        {"force": "perhaps"},
    ],
)
def test_malformed_quotas_are_400(at: At, lab: str, limits: dict[str, Any]) -> None:
    assert put(at, f"/os-quota-sets/{lab}", **limits).status_code == 400


def test_of_a_project_that_is_not_there_administrators_are_told(at: At) -> None:
    answer = at("2.1", "admin").ask("GET", "/os-quota-sets/nobody")

    assert answer.status_code == 400
    message = answer.get_json()["badRequest"]["message"]
    assert message == "Project ID nobody is not a valid project."
    assert at("2.1").ask("GET", "/os-quota-sets/nobody").status_code == 404


def test_an_unknown_query_is_400_from_2_75(at: At, lab: str) -> None:
    for path in (f"/os-quota-sets/{lab}", f"/os-quota-sets/{lab}/detail", "/limits"):
        assert at("2.74").ask("GET", f"{path}?colour=blue").status_code == 200
        assert at("2.75").ask("GET", f"{path}?colour=blue").status_code == 400


# What is obeyed


def test_keypairs_files_and_metadata_are_held_against_the_quota(
    at: At, lab: str, image_id: str
) -> None:
    path = f"/os-quota-sets/{lab}"
    put(at, path, key_pairs=1, metadata_items=1, injected_files=1, injected_file_content_bytes=3)
    server = {"name": "a", "imageRef": image_id, "flavorRef": "1"}
    small, large = (
        {"path": name, "contents": text} for name, text in (("/a", "YQ=="), ("/b", "YWFhYQ=="))
    )

    def ask(where: str, body: object) -> int:
        return at("2.1").ask("POST", where, body).status_code

    keypairs = [{"keypair": {"name": name, "public_key": ED25519}} for name in "ab"]
    assert [ask("/os-keypairs", body) for body in keypairs] == [200, 403]
    for wrong in (
        {"metadata": {"a": "b", "c": "d"}},
        {"personality": [small, {**small, "path": "/c"}]},
        {"personality": [large]},
    ):
        assert ask("/servers", {"server": {**server, **wrong}}) == 403
    made = at("2.1").ask("POST", "/servers", {"server": {**server, "personality": [small]}})
    assert made.status_code == 202
    metadata = f"/servers/{made.get_json()['server']['id']}/metadata"
    put(at, path, metadata_items=-1, key_pairs=-1)
    assert ask("/os-keypairs", keypairs[1]) == 200
    assert at("2.1").ask("GET", metadata).status_code == 200


def test_a_body_may_be_as_large_as_the_quotas_files_but_for_a_bound(
    at: At, lab: str, image_id: str
) -> None:
    """The configuration has room for 5 files of 10 KiB."""
    path = f"/os-quota-sets/{lab}"
    contents = b64encode(b"a" * 100_000).decode()
    files = [{"path": f"/{n}", "contents": contents} for n in range(12)]
    server = {"name": "a", "imageRef": image_id, "flavorRef": "1", "personality": files}

    def ask() -> int:
        return at("2.1").ask("POST", "/servers", {"server": server}).status_code

    assert ask() == 413
    put(at, path, injected_files=12, injected_file_content_bytes=100_000)
    assert ask() == 202
    put(at, path, injected_files=-1, injected_file_content_bytes=-1)
    assert ask() == 202
    files[0]["contents"] = "YWFh" * 2**21  # 8 MiB
    assert ask() == 413
    put(at, path, injected_files=5, injected_file_content_bytes=10_240)
    assert ask() == 413


def test_server_groups_are_used_up_to_the_quota_and_counted(at: At, lab: str) -> None:
    put(at, f"/os-quota-sets/{lab}", server_groups=1)
    body = {"server_group": {"name": "apart", "policies": ["anti-affinity"]}}

    codes = [at("2.1").ask("POST", "/os-server-groups", body).status_code for _ in range(2)]

    assert codes == [200, 403]
    limits = at("2.1").get("/limits")["limits"]["absolute"]
    assert (limits["maxServerGroups"], limits["totalServerGroupsUsed"]) == (1, 1)
    detail = at("2.1").get(f"/os-quota-sets/{lab}/detail")["quota_set"]
    assert detail["server_groups"] == {"limit": 1, "in_use": 1, "reserved": 0}


# Limits


@pytest.mark.parametrize(
    ("version", "gone"),
    [
        ("2.35", set[str]()),
        ("2.36", {"network"}),
        ("2.38", {"network"}),
        ("2.39", {"network", "images"}),
        ("2.56", {"network", "images"}),
        ("2.57", {"network", "images", "files"}),
        ("2.96", {"network", "images", "files"}),
    ],
)
def test_each_version_shows_its_limits(at: At, version: str, gone: set[str]) -> None:
    parts = {
        "images": {"maxImageMeta"},
        "files": {"maxPersonality", "maxPersonalitySize"},
        "network": {
            *("maxSecurityGroups", "maxSecurityGroupRules", "totalSecurityGroupsUsed"),
            *("maxTotalFloatingIps", "totalFloatingIpsUsed"),
        },
    }
    core = {
        *("maxTotalInstances", "maxTotalCores", "maxTotalRAMSize", "totalInstancesUsed"),
        *("totalCoresUsed", "totalRAMUsed", "maxServerMeta", "maxTotalKeypairs"),
        *("maxServerGroups", "maxServerGroupMembers", "totalServerGroupsUsed"),
    }

    limits = at(version).get("/limits")["limits"]

    assert limits["rate"] == []
    there = [names for part, names in parts.items() if part not in gone]
    assert limits["absolute"].keys() == core.union(*there)


def test_administrators_read_another_projects_limits(at: At, lab: str) -> None:
    put(at, f"/os-quota-sets/{lab}", cores=7)

    own = at("2.1").get(f"/limits?tenant_id={lab}&reserved=1")["limits"]["absolute"]
    of_lab = at("2.1", "admin").get(f"/limits?tenant_id={lab}")["limits"]["absolute"]
    of_admin = at("2.1", "admin").get("/limits")["limits"]["absolute"]

    assert own == of_lab
    assert (of_lab["maxTotalCores"], of_admin["maxTotalCores"]) == (7, 20)
    assert at("2.1").ask("GET", "/limits?tenant_id=another").status_code == 403
