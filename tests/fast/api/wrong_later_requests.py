# SPDX-License-Identifier: Apache-2.0
"""Wrong requests to servers for what came after version 2.1, and for actions of later days.

Rows of the table of wrong requests; besides what stands for ids there, {port} is a port of the
user's that no server has.
"""

from __future__ import annotations

from typing import Any

from tests.fast.api.wrong_requests import GOOD_SERVER, SERVER, SERVERS, Wrong

TAGS, NICS = f"{SERVER}/tags", f"{SERVER}/os-interface"


def at(version: str) -> dict[str, str]:
    return {"OpenStack-API-Version": f"compute {version}"}


def act(said: str, body: Any, code: int = 400, *, version: str = "2.1", **more: Any) -> Wrong:
    server = more.pop("server", "{active}")
    path = f"{SERVERS}/{server}/action"
    return Wrong("POST", path, code, said, body, headers=at(version), **more)


def rebuild(said: str, code: int = 400, *, version: str = "2.1", **fields: Any) -> Wrong:
    return act(said, {"rebuild": {"imageRef": "{image}", **fields}}, code, version=version)


def rescue(said: str, code: int = 400, **fields: Any) -> Wrong:
    return act(said, {"rescue": fields}, code)


def snapshot(said: str, code: int = 400, **fields: Any) -> Wrong:
    return act(said, {"createImage": {"name": "snap", **fields}}, code)


def backup(said: str, **fields: Any) -> Wrong:
    asked = {"name": "snap", "backup_type": "daily", "rotation": 1, **fields}
    return act(said, {"createBackup": asked})


def create(said: str, version: str, code: int = 400, **fields: Any) -> Wrong:
    server = {**GOOD_SERVER, **fields}
    return Wrong("POST", SERVERS, code, said, {"server": server}, headers=at(version))


def hint(said: str, **hints: Any) -> Wrong:
    body = {"server": GOOD_SERVER, "os:scheduler_hints": hints}
    return Wrong("POST", SERVERS, 400, said, body)


REBUILD = (
    act("rebuild", {"rebuild": None}),
    act("imageRef", {"rebuild": {}}),
    rebuild("imageRef", imageRef="tiny"),
    rebuild("{nobody}", imageRef="{nobody}"),
    rebuild("imageRef", imageRef="{queued}"),
    rebuild("rebuild.name", name=""),
    rebuild("metadata.k", metadata={"k": 1}),
    rebuild("metadata", 403, metadata={f"k{n}": "v" for n in range(129)}),
    rebuild("adminPass", adminPass=""),
    rebuild("accessIPv4", accessIPv4="::1"),
    rebuild("preserve_ephemeral", preserve_ephemeral="perhaps"),
    rebuild("preserve_ephemeral", preserve_ephemeral=True),
    rebuild("personality.0.path", personality=[{"path": "/a/../b", "contents": ""}]),
    rebuild("personality", 403, personality=[{"path": f"/{n}", "contents": ""} for n in range(6)]),
    rebuild("description", description="early", version="2.18"),
    rebuild("key_name", key_name="mine", version="2.53"),
    rebuild("key_name", key_name="nobodys", version="2.54"),
    rebuild("user_data", user_data="IyEv", version="2.56"),
    rebuild("user_data", user_data="?", version="2.57"),
    rebuild("personality", personality=[], version="2.57"),
    rebuild("trusted_image_certificates", trusted_image_certificates=["a"], version="2.63"),
    rebuild("hostname", hostname="a b", version="2.90"),
    act("vm_state building", {"rebuild": {"imageRef": "{image}"}}, 409, server="{building}"),
    act("{foreign}", {"rebuild": {"imageRef": "{image}"}}, 404, server="{foreign}"),
    act("reader", {"rebuild": {"imageRef": "{image}"}}, 403, who="reader"),
)

RESHAPE = (
    act("resize", {"resize": None}),
    act("flavorRef", {"resize": {}}),
    act("resize.flavorRef", {"resize": {"flavorRef": ""}}),
    act("flavorRef", {"resize": {"flavorRef": "nothing"}}),
    act("must change flavor", {"resize": {"flavorRef": "1"}}),
    act("OS-DCF:diskConfig", {"resize": {"flavorRef": "2", "OS-DCF:diskConfig": "auto"}}),
    act("vm_state building", {"resize": {"flavorRef": "2"}}, 409, server="{building}"),
    act("vm_state active", {"confirmResize": None}, 409),
    act("vm_state active", {"revertResize": None}, 409),
    act("role admin", {"migrate": None}, 403),
    act("migrate.host", {"migrate": {"host": ""}}, version="2.56", who="admin"),
    act("block_migration", {"os-migrateLive": {"host": None}}, who="admin"),
    act("onSharedStorage", {"evacuate": {}}, who="admin"),
)

RESCUE = (
    rescue("adminPass", adminPass=""),
    rescue("rescue.rescue_image_ref", rescue_image_ref=1),
    rescue("rescue_image_ref", rescue_image_ref="tiny"),
    rescue("{nobody}", rescue_image_ref="{nobody}"),
    rescue("rescue_image_ref", rescue_image_ref="{queued}"),
    rescue("user", user="root"),
    act("vm_state building", {"rescue": None}, 409, server="{building}"),
    act("vm_state active", {"unrescue": None}, 409),
    act("{foreign}", {"rescue": None}, 404, server="{foreign}"),
    act("trigger_crash_dump", {"trigger_crash_dump": None}, 404, version="2.16"),
    act("trigger_crash_dump", {"trigger_crash_dump": {"now": True}}, version="2.17"),
    act(
        "vm_state building", {"trigger_crash_dump": None}, 409, version="2.17", server="{building}"
    ),
)

CAPTURE = (
    act("createImage", {"createImage": None}),
    act("name", {"createImage": {}}),
    snapshot("createImage.name", name=""),
    snapshot("name", name=" "),
    snapshot("name", name="a\nb"),
    snapshot("metadata.k", metadata={"k": 1}),
    snapshot("metadata.k", metadata={"k": "é" * 128}),
    snapshot("metadata", 403, metadata={f"k{n}": "v" for n in range(129)}),
    snapshot("visibility", visibility="public"),
    act("vm_state building", {"createImage": {"name": "snap"}}, 409, server="{building}"),
    act("{foreign}", {"createImage": {"name": "snap"}}, 404, server="{foreign}"),
    act("reader", {"createImage": {"name": "snap"}}, 403, who="reader"),
    act("rotation", {"createBackup": {"name": "snap", "backup_type": "daily"}}),
    backup("createBackup.rotation", rotation=-1),
    backup("createBackup.rotation", rotation="many"),
    backup("createBackup.backup_type", backup_type="a" * 256),
    backup("createBackup.name", name=None),
    act("vm_state building", {"shelve": None}, 409, server="{building}"),
    act("vm_state active", {"unshelve": None}, 409),
    act("vm_state active", {"shelveOffload": None}, 409, who="admin"),
    act("role admin", {"shelveOffload": None}, 403),
    act("unshelve", {"unshelve": {}}, version="2.77"),
    act("unshelve.availability_zone", {"unshelve": {"availability_zone": None}}, version="2.77"),
    act("availability_zone", {"unshelve": {"host": "here"}}, version="2.77"),
    act("unshelve", {"unshelve": {}}, version="2.91"),
    act("unshelve.host", {"unshelve": {"host": 1}}, version="2.91"),
    act("unshelve.availability_zone", {"unshelve": {"availability_zone": ""}}, version="2.91"),
    act("role admin", {"unshelve": {"host": "here"}}, 403, version="2.91"),
    act("vm_state active", {"unshelve": {"availability_zone": "nova"}}, 409, version="2.77"),
)

LATER_CREATE = (
    create("networks", "2.37"),
    create("networks", "2.37", networks="all"),
    create("networks", "2.37", networks=None),
    create("tag", "2.31", networks=[{"uuid": "{network}", "tag": "front"}]),
    create("networks.0.tag", "2.32", networks=[{"uuid": "{network}", "tag": "a,b"}]),
    create("tag", "2.37", networks=[{"uuid": "{network}", "tag": "front"}]),
    create("given twice", "2.42", networks=[{"uuid": "{network}", "tag": "front"}] * 2),
    create("port ID", "2.1", networks=[{"port": "{port}"}], max_count=2),
    create("tags", "2.51", networks="auto", tags=[]),
    create("tags.0", "2.52", networks="auto", tags=["a/b"]),
    create("personality", "2.57", networks="auto", personality=[]),
    create("host", "2.74", 403, networks="auto", host="here"),
    create("hostname", "2.90", networks="auto", hostname="a.b"),
    create("hostname", "2.94", networks="auto", hostname="a b"),
    create("single hostname", "2.90", networks="auto", hostname="web", min_count=2),
    hint("os:scheduler_hints.group", group="nothing"),
    hint("{nobody}", group="{nobody}"),
    hint("os:scheduler_hints.same_host", same_host="nothing"),
    hint("os:scheduler_hints.different_host", different_host=[1]),
    hint("os:scheduler_hints.query", query="[]"),
)

PUT_TAGS = (
    Wrong("PUT", TAGS, 404, "", {"tags": []}),
    Wrong("PUT", TAGS, 400, "tags", {"tags": None}, headers=at("2.26")),
    Wrong("PUT", TAGS, 400, "tags.0", {"tags": ["a,b"]}, headers=at("2.26")),
    Wrong("PUT", TAGS, 400, "tags.0", {"tags": ["a" * 61]}, headers=at("2.26")),
    Wrong("PUT", TAGS, 400, "tags", {"tags": [f"{n}" for n in range(51)]}, headers=at("2.26")),
    Wrong("PUT", f"{TAGS}/{'a' * 61}", 400, "Tag", headers=at("2.26")),
    Wrong("PUT", f"{TAGS}/a,b", 400, "Tag", headers=at("2.26")),
    Wrong("PUT", f"{TAGS}/a", 400, "no body", {"tag": "a"}, headers=at("2.26")),
    Wrong("PUT", f"{TAGS}/a", 403, "reader", who="reader", headers=at("2.26")),
    Wrong("PUT", f"{TAGS}/a", 404, "{active}", who="other", headers=at("2.26")),
    Wrong("DELETE", f"{TAGS}/none", 404, "none", headers=at("2.26")),
    Wrong("GET", f"{TAGS}/none", 404, "none", headers=at("2.26")),
)

ATTACH = (
    Wrong("POST", NICS, 400, "interfaceAttachment", {"interfaceAttachment": None}),
    Wrong("POST", NICS, 400, "net_id", {"interfaceAttachment": {"net_id": "lab"}}),
    Wrong("POST", NICS, 404, "{nobody}", {"interfaceAttachment": {"net_id": "{nobody}"}}),
    Wrong("POST", NICS, 404, "{nobody}", {"interfaceAttachment": {"port_id": "{nobody}"}}),
    Wrong(
        *("POST", NICS, 400, "port_id"),
        {"interfaceAttachment": {"port_id": "{port}", "net_id": "{network}"}},
    ),
    Wrong(
        *("POST", NICS, 400, "network_id"),
        {"interfaceAttachment": {"fixed_ips": [{"ip_address": "10.0.0.9"}]}},
    ),
    Wrong(
        *("POST", NICS, 400, "fixed_ips"),
        {"interfaceAttachment": {"net_id": "{network}", "fixed_ips": [{"ip_address": "x"}]}},
    ),
    Wrong(
        *("POST", NICS, 400, "9.9.9.9"),
        {"interfaceAttachment": {"net_id": "{network}", "fixed_ips": [{"ip_address": "9.9.9.9"}]}},
    ),
    Wrong("POST", NICS, 400, "tag", {"interfaceAttachment": {"tag": "a"}}, headers=at("2.48")),
    Wrong(
        *("POST", NICS, 400, "interfaceAttachment.tag"),
        {"interfaceAttachment": {"tag": "a,b"}},
        headers=at("2.49"),
    ),
    Wrong("POST", NICS, 403, "reader", {"interfaceAttachment": {}}, who="reader"),
    Wrong("DELETE", f"{NICS}/{{nobody}}", 404, "{nobody}"),
    Wrong(
        *("POST", f"{SERVERS}/{{building}}/os-interface", 409, "vm_state building"),
        {"interfaceAttachment": {}},
    ),
)

WRONG_LATER = (
    *REBUILD,
    *RESHAPE,
    *RESCUE,
    *CAPTURE,
    *LATER_CREATE,
    *PUT_TAGS,
    *ATTACH,
)
