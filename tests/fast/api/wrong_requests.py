# SPDX-License-Identifier: Apache-2.0
"""THE TABLE of wrong requests: each with the code that it gets and what the message must say.

To add one, add a line to its group; a new group joins `WRONG` at the end. In paths and bodies these
stand for the ids of what is there (see `World` in test_wrong_requests.py): {active} {building}
{foreign} are servers, {image} is in use, {queued} and {shapeless} wait for bytes, {network}, and
{nobody} is an id that nothing has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.keys import ED25519

COMPUTE, IDENTITY, IMAGE = "/compute/v2.1", "/identity/v3", "/image/v2"
SERVERS, KEYPAIRS, IMAGES = f"{COMPUTE}/servers", f"{COMPUTE}/os-keypairs", f"{IMAGE}/images"
SERVER, METADATA = f"{SERVERS}/{{active}}", f"{SERVERS}/{{active}}/metadata"
TOKENS = f"{IDENTITY}/auth/tokens"
OCTETS = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Wrong:
    """A request that must be refused and change nothing."""

    method: str
    path: str
    code: int
    said: str  # a part of the message: it names the field
    body: Any = None
    data: bytes | None = None  # instead of a body in JSON
    content_type: str = "application/json"
    who: str = "user"  # or admin, reader, other (of another project), nobody
    headers: Mapping[str, str] = field(default_factory=dict)


BAD_DISK_CONFIG: dict[str, Any] = {"OS-DCF:diskConfig": "auto"}
GOOD_SERVER = {"name": "one", "imageRef": "{image}", "flavorRef": "1"}


def create(said: str, code: int = 400, **fields: Any) -> Wrong:
    return Wrong("POST", SERVERS, code, said, {"server": {**GOOD_SERVER, **fields}})


def give(path: str = "/etc/motd", contents: Any = "aGVsbG8=") -> dict[str, Any]:
    return {"path": path, "contents": contents}


def create_without(name: str) -> Wrong:
    server = {key: value for key, value in GOOD_SERVER.items() if key != name}
    return Wrong("POST", SERVERS, 400, name, {"server": server})


def update(said: str, **fields: Any) -> Wrong:
    return Wrong("PUT", SERVER, 400, said, {"server": {"accessIPv4": "1.2.3.4", **fields}})


def act(
    said: str, body: Any, code: int = 400, server: str = "{active}", who: str = "user"
) -> Wrong:
    return Wrong("POST", f"{SERVERS}/{server}/action", code, said, body, who=who)


def keypair(said: str, code: int = 400, **fields: Any) -> Wrong:
    return Wrong("POST", KEYPAIRS, code, said, {"keypair": fields})


def image(said: str, code: int = 400, **fields: Any) -> Wrong:
    return Wrong("POST", IMAGES, code, said, {"name": "disk", **fields})


def upload(said: str, code: int, image_id: str, data: bytes, content_type: str = OCTETS) -> Wrong:
    path = f"{IMAGES}/{image_id}/file"
    return Wrong("PUT", path, code, said, data=data, content_type=content_type)


def log_in(said: str, auth: Any, code: int = 400) -> Wrong:
    return Wrong("POST", TOKENS, code, said, {"auth": auth}, who="nobody")


def password(said: str, code: int = 400, **user: Any) -> Wrong:
    identity = {"methods": ["password"], "password": {"user": user}}
    return log_in(said, {"identity": identity}, code)


def get(said: str, path: str, code: int = 400, who: str = "user") -> Wrong:
    return Wrong("GET", path, code, said, who=who)


CREATE = (
    create("server.name", name=""),
    create("server.name", name="a" * 256),
    create("server.name", name=1),
    create("name", name=" a"),
    create("name", name="a\n"),
    create("imageRef", imageRef="tiny"),
    create("imageRef", imageRef=""),
    create("{nobody}", imageRef="{nobody}"),
    create("imageRef", imageRef="{queued}"),
    create("flavorRef", flavorRef="nothing"),
    create("flavorRef", flavorRef=""),
    create("metadata.k", metadata={"k": "é" * 128}),
    create("metadata", metadata={"é": "v"}),
    create("metadata.k", metadata={"k": 1}),
    create("metadata", metadata=[]),
    create("metadata", 403, metadata={f"k{n}": "v" for n in range(129)}),
    create("user_data", user_data="?"),
    create("user_data", user_data="A" * 65536),
    create("accessIPv4", accessIPv4="1.2.3"),
    create("accessIPv6", accessIPv6="1.2.3.4"),
    create("OS-DCF:diskConfig", **BAD_DISK_CONFIG),
    create("availability_zone", availability_zone="mars"),
    create("config_drive", config_drive="perhaps"),
    create("security_groups", security_groups=[{"name": "web"}]),
    create("min_count", min_count=0),
    create("max_count", max_count="2.5"),
    create("min_count", min_count=3, max_count=2),
    create("at most 255", name="a" * 254, min_count=2),
    create("fixed IP", min_count=2, networks=[{"uuid": "{network}", "fixed_ip": "9.9.9.9"}]),
    create("networks", networks="auto"),
    create("networks", networks=[{}]),
    create("networks", networks=[{"uuid": "lab"}]),
    create("{nobody}", networks=[{"uuid": "{nobody}"}]),
    create("fixed_ip", networks=[{"uuid": "{network}", "fixed_ip": "300.1.1.1"}]),
    create("9.9.9.9", networks=[{"uuid": "{network}", "fixed_ip": "9.9.9.9"}]),
    create("Port {nobody}", networks=[{"port": "{nobody}"}]),
    create("networks", networks=[{"uuid": "{network}"}] * 11),
    create("key_name", key_name="nobodys"),
    create("key_name", key_name=None),
    create("block_device_mapping_v2", block_device_mapping_v2=[{"boot_index": 0}]),
    create("return_reservation_id", return_reservation_id="perhaps"),
    create("role admin", 403, availability_zone="nova:elsewhere"),
    create("description", description="of a later version"),
    create("personality", personality={}),
    create("personality", 403, personality=[give(f"/{n}") for n in range(6)]),
    create("personality.0", personality=["/a"]),
    create("personality.0", personality=[{"path": "/a"}]),
    create("personality.0", personality=[{**give(), "owner": "root"}]),
    create("personality.0.path", personality=[give("/a/../b")]),
    create("personality.0.path", personality=[give("/a\nb")]),
    create("personality.0.path", personality=[give("/a/")]),
    create("personality.0.path", personality=[give("")]),
    create("personality.0.path", 403, personality=[give("/" + "é" * 128)]),
    create("personality.0.contents", personality=[give(contents="aGVsbG8")]),
    create("personality.0.contents", personality=[give(contents=None)]),
    create("personality.0.contents", personality=[give(contents="AAAA")]),
    create("personality.1.contents", 403, personality=[give(), give("/b", "YWFh" * 3414)]),
    create("the same path", personality=[give("/a"), give("a")]),
    create("adminPass", adminPass=""),
    create("adminPass", adminPass=None),
    create("adminPass", adminPass=12345678),
    create("adminPass", adminPass="a\nroot:x"),
    create("adminPass", adminPass="a" * 256),
    create("admin_pass", admin_pass="of another name"),
    create_without("name"),
    create_without("imageRef"),
    create_without("flavorRef"),
    Wrong("POST", SERVERS, 400, "server", {}),
    Wrong("POST", SERVERS, 400, "server", {"server": None}),
    Wrong("POST", SERVERS, 400, "servers", {"server": GOOD_SERVER, "servers": []}),
    Wrong(
        "POST",
        SERVERS,
        400,
        "scheduler_hints",
        {"server": GOOD_SERVER, "os:scheduler_hints": ["same_host"]},
    ),
)

UPDATE = (
    update("server.name", name=""),
    update("server.name", name=None),
    update("name", name="a "),
    update("accessIPv4", accessIPv4=None),
    update("accessIPv4", accessIPv4="::1"),
    update("accessIPv6", accessIPv6="fe80::1%eth0"),
    update("OS-DCF:diskConfig", **BAD_DISK_CONFIG),
    update("metadata", metadata={"a": "b"}),
    update("hostname", hostname="of-a-later-version"),
    Wrong("PUT", SERVER, 400, "server", {"name": "new"}),
    Wrong("PUT", f"{SERVERS}/{{foreign}}", 404, "{foreign}", {"server": {"name": "new"}}),
    Wrong("PUT", f"{SERVERS}/{{nobody}}", 404, "{nobody}", {"server": {"name": "new"}}),
    Wrong("PUT", SERVER, 403, "reader", {"server": {"name": "new"}}, who="reader"),
    Wrong("DELETE", f"{SERVERS}/{{foreign}}", 404, "{foreign}"),
    Wrong("DELETE", SERVER, 403, "reader", who="reader"),
    Wrong("DELETE", SERVERS, 405, "method"),
)

WRITE_METADATA = (
    Wrong("POST", METADATA, 400, "metadata", {}),
    Wrong("POST", METADATA, 400, "metadata", {"metadata": None}),
    Wrong("POST", METADATA, 400, "meta", {"metadata": {}, "meta": {}}),
    Wrong("POST", METADATA, 400, "metadata.k", {"metadata": {"k": "🦊" * 64}}),
    Wrong("POST", METADATA, 400, "metadata", {"metadata": {"k" * 256: "v"}}),
    Wrong("POST", METADATA, 403, "metadata", {"metadata": {f"k{n}": "v" for n in range(128)}}),
    Wrong("PUT", METADATA, 400, "metadata.k", {"metadata": {"k": None}}),
    Wrong("PUT", METADATA, 403, "metadata", {"metadata": {f"k{n}": "v" for n in range(129)}}),
    Wrong("PUT", f"{METADATA}/role", 400, "meta", {"metadata": {"role": "db"}}),
    Wrong("PUT", f"{METADATA}/role", 400, "meta", {"meta": {}}),
    Wrong("PUT", f"{METADATA}/role", 400, "meta", {"meta": {"role": "db", "tier": "1"}}),
    Wrong("PUT", f"{METADATA}/role", 400, "URI mismatch", {"meta": {"tier": "1"}}),
    Wrong("PUT", f"{METADATA}/role", 400, "meta.role", {"meta": {"role": "é" * 128}}),
    Wrong("PUT", f"{METADATA}/role", 403, "reader", {"meta": {"role": "db"}}, who="reader"),
    Wrong("PUT", f"{METADATA}/role", 404, "{active}", {"meta": {"role": "db"}}, who="other"),
    Wrong("DELETE", f"{METADATA}/none", 404, "Metadata item"),
    Wrong("DELETE", METADATA, 405, "method"),
    Wrong("POST", f"{SERVERS}/{{building}}/metadata", 409, "building", {"metadata": {"a": "b"}}),
    Wrong("DELETE", f"{SERVERS}/{{building}}/metadata/a", 409, "delete metadata"),
)

ACT = (
    act("at least 1", {}),
    act("at most 1", {"os-start": None, "os-stop": None}),
    act("os-fly", {"os-fly": None}),
    act("os-getConsoleOutput", {"os-getConsoleOutput": None}),
    act("os-getConsoleOutput.length", {"os-getConsoleOutput": {"length": -2}}),
    act("os-getConsoleOutput.length", {"os-getConsoleOutput": {"length": "all"}}),
    act("os-getConsoleOutput.length", {"os-getConsoleOutput": {"length": 1.5}}),
    act("lines", {"os-getConsoleOutput": {"lines": 1}}),
    act("reboot", {"reboot": None}),
    act("type", {"reboot": {}}),
    act("reboot.type", {"reboot": {"type": "WARM"}}),
    act("reboot.type", {"reboot": {"type": 1}}),
    act("force", {"reboot": {"type": "SOFT", "force": True}}),
    act("os-resetState", {"os-resetState": None}, who="admin"),
    act("state", {"os-resetState": {}}, who="admin"),
    act("os-resetState.state", {"os-resetState": {"state": "stopped"}}, who="admin"),
    act("os-resetState", {"os-resetState": {"state": "error"}}, 403),
    act("changePassword", {"changePassword": None}),
    act("changePassword", {"changePassword": "new"}),
    act("adminPass", {"changePassword": {}}),
    act("adminPass", {"changePassword": {"adminPass": None}}),
    act("adminPass", {"changePassword": {"adminPass": 1}}),
    act("adminPass", {"changePassword": {"adminPass": ""}}),
    act("adminPass", {"changePassword": {"adminPass": "a" * 256}}),
    act("adminPass", {"changePassword": {"adminPass": "a\nb"}}),
    act("user", {"changePassword": {"adminPass": "new", "user": "root"}}),
    act("vm_state building", {"changePassword": {"adminPass": "new"}}, 409, "{building}"),
    act("{foreign}", {"changePassword": {"adminPass": "new"}}, 404, "{foreign}"),
    act("{nobody}", {"changePassword": {"adminPass": "new"}}, 404, "{nobody}"),
    act("reader", {"changePassword": {"adminPass": "new"}}, 403, who="reader"),
    act("'restore'", {"restore": {}}, 409),
    act("{nobody}", {"restore": {}}, 404, "{nobody}"),
    act("vm_state active", {"unpause": None}, 409),
    act("vm_state active", {"resume": None}, 409),
    act("vm_state building", {"suspend": None}, 409, "{building}"),
    act("vm_state building", {"reboot": {"type": "HARD"}}, 409, "{building}"),
    act("{foreign}", {"lock": None}, 404, "{foreign}"),
    act("reader", {"lock": None}, 403, who="reader"),
    act("vm_state active", {"os-start": None}, 409),
    act("vm_state building", {"os-stop": None}, 409, "{building}"),
    act("{foreign}", {"os-stop": None}, 404, "{foreign}"),
    act("{nobody}", {"os-getConsoleOutput": {}}, 404, "{nobody}"),
    act("reader", {"os-stop": None}, 403, who="reader"),
)

KEEP_KEYPAIRS = (
    keypair("keypair.name", name="", public_key=ED25519),
    keypair("keypair.name", name="a.b", public_key=ED25519),
    keypair("keypair.name", name=" a"),
    keypair("keypair.name", name="k" * 256),
    keypair("keypair.name", name=None),
    keypair("name", public_key=ED25519),
    keypair("public_key", name="new", public_key=None),
    keypair("public_key", name="new", public_key="ssh-rsa AAAA"),
    keypair("public_key", name="new", public_key=f"{ED25519}\n{ED25519}"),
    keypair("public_key", name="new", public_key="A" * 20_000),
    keypair("type", name="new", type="ssh"),
    keypair("user_id", name="new", user_id="someone"),
    keypair("mine", 409, name="mine", public_key=ED25519),
    Wrong("POST", KEYPAIRS, 400, "keypair", {}),
    Wrong("POST", KEYPAIRS, 403, "reader", {"keypair": {"name": "new"}}, who="reader"),
    Wrong("DELETE", f"{KEYPAIRS}/mine", 404, "mine", who="other"),
    Wrong("DELETE", f"{KEYPAIRS}/none", 404, "none"),
)

REGISTER_IMAGES = (
    image("visibility", visibility="everywhere"),
    image("visibility", 403, visibility="public"),
    image("disk_format", disk_format="floppy"),
    image("container_format", container_format="box"),
    image("min_disk", min_disk=-1),
    image("min_ram", min_ram="1"),
    image("name", name="a" * 256),
    image("name: ", name="a\nb"),
    image("name: ", name="a\x1b[31m"),
    image("tags: ", tags=["a\nb"]),
    image("tags: ", tags=["a\x7f"]),
    image("property's name", 400, **{"a\x1b": "b"}),
    image("protected", protected="yes"),
    image("tags", tags="a"),
    image("id", id="disk-1"),
    image("{image}", 409, id="{image}"),
    image("owner", 403, owner="someone"),
    image("status", 403, status="active"),
    image("location", 403, location="file:///etc/shadow"),
    image("hw_disk_bus", hw_disk_bus=1),
    image("cumulet_max_personality", cumulet_max_personality="many"),
    image("cumulet_max_personality_size", cumulet_max_personality_size="-1"),
    image("os_admin_user", os_admin_user="root:x"),
    image("os_admin_user", os_admin_user="root\nadmin"),
    image("properties", 413, **{f"p{n}": "v" for n in range(129)}),
    image("65536 bytes", 413, os_type="x" * 65_530),
    image("65536 bytes", 413, **{f"{n}": "\u00e4" * 330 for n in range(100)}),
    upload("Content-Type", 415, "{queued}", b"{}", "application/json"),
    upload("qcow2", 400, "{queued}", b"\0" * 1024),
    upload("0 bytes", 400, "{queued}", b""),
    upload("disk_format", 400, "{shapeless}", b"\0" * 1024),
    upload("container_format: 'ova'", 400, "{boxed}", b"\0" * 1024),
    upload("{image}", 403, "{image}", b"\0" * 1024),
    upload("{nobody}", 404, "{nobody}", b"\0" * 1024),
    Wrong("PATCH", IMAGES, 405, "method", []),
    Wrong("DELETE", f"{IMAGES}/{{image}}", 403, "{image}"),
    Wrong("DELETE", f"{IMAGES}/{{image}}", 409, "in use", who="admin"),
    Wrong("DELETE", f"{IMAGES}/{{queued}}", 404, "{queued}", who="other"),
    Wrong("DELETE", f"{IMAGES}/{{queued}}", 403, "reader", who="reader"),
)

LOG_IN = (
    Wrong("POST", TOKENS, 400, "auth", {}, who="nobody"),
    log_in("auth", None),
    log_in("identity", {}),
    log_in("methods", {"identity": {}}),
    log_in("auth.identity.methods", {"identity": {"methods": []}}),
    log_in("password", {"identity": {"methods": ["totp"]}}, 401),
    log_in("user", {"identity": {"methods": ["password"], "password": {}}}),
    password("password", name="lab"),
    password("user", password="x"),
    password("user.name", name="", password="x"),
    password("user.password", name="lab", password="x" * 5000),
    password("requires authentication", 401, name="lab", password="wrong"),
    password("requires authentication", 401, name="nobody", password="wrong"),
    Wrong("GET", TOKENS, 404, "token", headers={"X-Subject-Token": "none"}),
    Wrong("DELETE", TOKENS, 404, "token", headers={"X-Subject-Token": "none"}),
)

LOOK = (
    get("limit", f"{SERVERS}?limit=-1"),
    get("limit", f"{SERVERS}/detail?limit=x"),
    get("marker", f"{SERVERS}?marker={{nobody}}"),
    get("marker", f"{SERVERS}?marker={{foreign}}"),
    get("all_tenants", f"{SERVERS}?all_tenants=perhaps", who="admin"),
    get("all_tenants", f"{SERVERS}?all_tenants=1", 403),
    get("limit", f"{COMPUTE}/flavors?limit=1e3"),
    get("marker", f"{COMPUTE}/flavors/detail?marker=none"),
    get("minRam", f"{COMPUTE}/flavors?minRam=much"),
    get("minDisk", f"{COMPUTE}/flavors?minDisk=-1"),
    get("is_public", f"{COMPUTE}/flavors?is_public=perhaps", who="admin"),
    get("none", f"{COMPUTE}/flavors/none", 404),
    get("limit", f"{IMAGES}?limit=x"),
    get("marker", f"{IMAGES}?marker={{nobody}}"),
    get("{nobody}", f"{IMAGES}/{{nobody}}/file", 404),
    get("{foreign}", f"{SERVERS}/{{foreign}}/ips", 404),
    get("network", f"{SERVER}/ips/public", 404),
    get("Metadata item", f"{METADATA}/none", 404),
    get("req-none", f"{SERVER}/os-instance-actions/req-none", 404),
    get("{foreign}", f"{SERVERS}/{{foreign}}/os-instance-actions", 404),
    get("none", f"{KEYPAIRS}/none", 404),
    get("requires authentication", SERVERS, 401, who="nobody"),
)

MISSHAPEN = (
    Wrong("POST", SERVERS, 400, "Malformed", data=b"{"),
    Wrong("POST", SERVERS, 400, "Malformed", data=b""),
    Wrong("PUT", METADATA, 400, "same key twice", data=b'{"metadata": {"a": "b", "a": "c"}}'),
    Wrong("PUT", SERVER, 400, "NUL", data=b'{"server": {"name": "a\\u0000b"}}'),
    Wrong("POST", KEYPAIRS, 400, "surrogate", data=b'{"keypair": {"name": "\\ud800"}}'),
    Wrong("POST", KEYPAIRS, 400, "deeply", data=b'{"keypair": ' + b"[" * 30 + b"]" * 30 + b"}"),
    Wrong("POST", SERVERS, 413, "too large", data=b'{"server": "' + b"a" * 1_000_000 + b'"}'),
    Wrong("POST", SERVERS, 415, "Content-Type", data=b"<server/>", content_type="text/xml"),
    Wrong("GET", SERVERS, 400, "two", headers={"OpenStack-API-Version": "compute two"}),
    Wrong("GET", SERVERS, 406, "2.9999", headers={"OpenStack-API-Version": "compute 2.9999"}),
)

WRONG = (
    *CREATE,
    *UPDATE,
    *WRITE_METADATA,
    *ACT,
    *KEEP_KEYPAIRS,
    *REGISTER_IMAGES,
    *LOG_IN,
    *LOOK,
    *MISSHAPEN,
)
