# SPDX-License-Identifier: Apache-2.0
"""Wrong requests to the Image API, as rows of the table of wrong requests.

Besides what stands for ids there: {private}, {protected}, {boxed} (in a container) and {tagged}
(with as many tags as may be) are images of the user, {theirs} and {shared} another project's, which
shares the last with the user's, {lab}.
"""

from __future__ import annotations

import json
from typing import Any

from tests.fast.api.wrong_requests import IMAGES, Wrong

PATCH_2_1 = "application/openstack-images-v2.1-json-patch"
PATCH_2_0 = "application/openstack-images-v2.0-json-patch"


def patch(said: str, code: int, document: Any, image: str = "{queued}", **more: Any) -> Wrong:
    data = json.dumps(document).encode()
    path = f"{IMAGES}/{image}"
    return Wrong("PATCH", path, code, said, None, data, **{"content_type": PATCH_2_1, **more})


def replace(said: str, code: int, name: str, value: Any, image: str = "{queued}") -> Wrong:
    return patch(said, code, [{"op": "replace", "path": f"/{name}", "value": value}], image)


def old_patch(said: str, code: int, *operations: Any) -> Wrong:
    return patch(said, code, list(operations), content_type=PATCH_2_0)


def query(said: str, text: str) -> Wrong:
    return Wrong("GET", f"{IMAGES}?{text}", 400, said)


def member(method: str, said: str, code: int, path: str, body: Any = None, **more: Any) -> Wrong:
    return Wrong(method, f"{IMAGES}/{path}", code, said, body, **more)


ADD_X: dict[str, Any] = {"op": "add", "path": "/x", "value": "1"}

PATCHES = (
    patch("images-v2.1-json-patch", 415, [ADD_X], content_type="application/json-patch+json"),
    patch("images-v2.1-json-patch", 415, [ADD_X], content_type="application/json"),
    patch("images-v2.1-json-patch", 415, [ADD_X], content_type=""),
    patch("array", 400, {}),
    patch("array", 400, ADD_X),
    patch("Operation 0", 400, ["add"]),
    patch("Operation 1: op", 400, [ADD_X, {"op": "move", "path": "/x", "from": "/y"}]),
    patch("Operation 0: op", 400, [{"op": "test", "path": "/x", "value": "1"}]),
    patch("Operation 0: op", 400, [{"op": ["add"], "path": "/x", "value": "1"}]),
    patch("Operation 0: path", 400, [{"op": "add", "path": 1, "value": "1"}]),
    patch("Operation 0: path", 400, [{"op": "add", "value": "1"}]),
    patch("Operation 0: 'value'", 400, [{"op": "add", "path": "/x"}]),
    *(
        patch("path is no JSON pointer", 400, [{"op": "add", "path": path, "value": "1"}])
        for path in ("", "x", "/", "//x", "/x/", "/x~2", "/x~", "/~")
    ),
    patch("'x' too deep", 400, [{"op": "add", "path": "/x/y", "value": "1"}]),
    patch("'name' too deep", 400, [{"op": "replace", "path": "/name/0", "value": "1"}]),
    patch("255 characters", 400, [{"op": "add", "path": f"/{'x' * 600}", "value": "1"}]),
    patch("255 characters", 400, [{"op": "add", "path": f"/{'x' * 256}", "value": "1"}]),
    patch("1000 operations", 413, [ADD_X] * 1001),
    replace("visibility", 400, "visibility", "secret"),
    replace("disk_format", 400, "disk_format", "floppy"),
    replace("min_disk", 400, "min_disk", -1),
    replace("min_ram", 400, "min_ram", "1"),
    replace("min_ram", 400, "min_ram", 2**31),
    replace("name", 400, "name", "n" * 256),
    replace("name", 400, "name", 1),
    replace("name: ", 400, "name", "a\nb"),
    replace("tags: ", 400, "tags", ["fine", "a\x1b[31m"]),
    patch("tags: ", 400, [{"op": "add", "path": "/tags/-", "value": "a\x85"}]),
    patch("property's name", 400, [{"op": "add", "path": "/a\nb", "value": "1"}]),
    replace("protected", 400, "protected", "true"),
    replace("os_hidden", 400, "os_hidden", None),
    replace("tags", 400, "tags", "one"),
    replace("tags.0", 400, "tags", ["t" * 256]),
    replace("tags: ", 413, "tags", [f"t{n}" for n in range(129)]),
    replace("tags", 400, "tags/0", "one"),
    replace("tags", 400, "tags/one", "one"),
    replace("tags", 400, "tags/-", "one"),
    replace("tags", 400, "tags/01", "one"),
    patch("tags", 413, [{"op": "add", "path": "/tags/-", "value": "more"}], "{tagged}"),
    patch("tags", 400, [{"op": "remove", "path": "/tags/128"}], "{tagged}"),
    replace("'status' is read-only", 403, "status", "active"),
    replace("'id' is read-only", 403, "id", "{nobody}"),
    replace("'size' is read-only", 403, "size", 1),
    replace("'checksum' is read-only", 403, "checksum", "0" * 32),
    replace("'locations' is read-only", 403, "locations", []),
    patch("'locations' is read-only", 403, [{"op": "add", "path": "/locations/-", "value": {}}]),
    replace("'self' is read-only", 403, "self", "/"),
    replace("'deleted' is reserved", 403, "deleted", "1"),
    patch("'os_glance_x' is reserved", 403, [{"op": "add", "path": "/os_glance_x", "value": "1"}]),
    patch("name", 403, [{"op": "remove", "path": "/name"}]),
    patch("tags", 403, [{"op": "remove", "path": "/tags"}]),
    replace("visibility", 403, "visibility", "public"),
    replace("owner", 403, "owner", "{nobody}"),
    replace("owner", 403, "owner", None),
    replace("x: the image has no such property", 409, "x", "1"),
    patch("x: the image has no such property", 409, [{"op": "remove", "path": "/x"}]),
    patch("y: the image has no such property", 409, [ADD_X, {"op": "remove", "path": "/y"}]),
    patch("x", 400, [{"op": "add", "path": "/x", "value": 1}]),
    patch("x", 400, [{"op": "add", "path": "/x", "value": None}]),
    patch("os_admin_user", 400, [{"op": "add", "path": "/os_admin_user", "value": "a:b"}]),
    patch(
        *("cumulet_max_personality", 400),
        [{"op": "add", "path": "/cumulet_max_personality", "value": "x"}],
    ),
    patch(
        *("properties: ", 413),
        [{"op": "add", "path": f"/p{n}", "value": ""} for n in range(129)],
    ),
    patch(
        *("65536 bytes", 413),
        [{"op": "add", "path": f"/p{n}", "value": "x" * 6_600} for n in range(10)],
    ),
    old_patch("Operation 0", 400, {"op": "add", "path": "/x", "value": "1"}),
    old_patch("Operation 0", 400, {"add": "/x", "replace": "/x", "value": "1"}),
    old_patch("Operation 0: add", 400, {"add": 1, "value": "1"}),
    old_patch("Operation 0: 'value'", 400, {"replace": "/name"}),
    old_patch(
        "x: the image has this", 409, {"add": "/x", "value": "1"}, {"add": "/x", "value": "1"}
    ),
    patch("{image}", 403, [ADD_X], "{image}"),
    patch("{shared}", 403, [ADD_X], "{shared}"),
    patch("{theirs}", 404, [ADD_X], "{theirs}"),
    patch("{nobody}", 404, [ADD_X], "{nobody}"),
    patch(
        "disk_format",
        403,
        [{"op": "replace", "path": "/disk_format", "value": "raw"}],
        "{image}",
        who="admin",
    ),
    patch(
        "container_format",
        403,
        [{"op": "replace", "path": "/container_format", "value": None}],
        "{image}",
        who="admin",
    ),
    patch("owner", 400, [{"op": "replace", "path": "/owner", "value": None}], who="admin"),
)

QUERIES = (
    query("limit", "limit=-1"),
    query("limit", "limit=ten"),
    query("limit", "limit="),
    query("marker", "marker={nobody}"),
    query("marker", "marker={theirs}"),
    query("visibility", "visibility=secret"),
    query("member_status", "member_status=maybe"),
    query("os_hidden", "os_hidden=perhaps"),
    query("protected", "protected=True"),
    query("protected", "protected=1"),
    query("status", "status=tired"),
    query("status", "status=in:active,tired"),
    query("size_min", "size_min=small"),
    query("size_max", "size_max=-1"),
    query("size", "size=1.5"),
    query("min_ram", "min_ram=all"),
    query("min_disk", "min_disk=in:1,2"),
    query("created_at", "created_at=yesterday"),
    query("created_at", "created_at=since:2026-01-01T00:00:00Z"),
    query("updated_at", "updated_at=gt:"),
    query("updated_at", "updated_at=in:2026-01-01T00:00:00Z"),
    query("name", "name=in:%22glass,%20darkly"),
    query("id", "id=in:a%22b%22"),
    query("sort_key", "sort_key=colour"),
    query("sort_dir", "sort_key=name&sort_dir=up"),
    query("sort_dir", "sort_key=name&sort_key=id&sort_key=size&sort_dir=asc&sort_dir=desc"),
    query("sort_dir", "sort_dir=asc&sort_dir=desc"),
    query("sort", "sort=colour:asc"),
    query("sort", "sort=name:up"),
    query("sort", "sort="),
    query("sort: id may be given once", f"sort={','.join(['id'] * 2500)}"),
    query("sort: name may be given once", "sort=name:asc,id,name:desc"),
    query("sort_key: size may be given once", "sort_key=size&sort_key=id&sort_key=size"),
    query("sort", "sort=name:asc&sort_key=name"),
    query("sort", "sort=name:asc&sort_dir=asc"),
)

MEMBERS = (
    member("POST", "'member'", 400, "{queued}/members", {}),
    member("POST", "member", 400, "{queued}/members", {"member": ""}),
    member("POST", "member", 400, "{queued}/members", {"member": "m" * 256}),
    member("POST", "member", 400, "{queued}/members", {"member": 1}),
    member("POST", "member: ", 400, "{queued}/members", {"member": "a/b"}),
    member("POST", "member: ", 400, "{queued}/members", {"member": "a\nb"}),
    member("POST", "member: ", 400, "{queued}/members", {"member": "a\x1b"}),
    member("POST", "visibility", 403, "{private}/members", {"member": "m"}),
    member("POST", "{image}", 403, "{image}/members", {"member": "m"}),
    member("POST", "visibility", 403, "{image}/members", {"member": "m"}, who="admin"),
    member("POST", "{shared}", 403, "{shared}/members", {"member": "m"}),
    member("POST", "{shared}", 409, "{shared}/members", {"member": "{lab}"}, who="other"),
    member("POST", "{theirs}", 404, "{theirs}/members", {"member": "m"}),
    member("POST", "{nobody}", 404, "{nobody}/members", {"member": "m"}),
    member("GET", "visibility", 403, "{private}/members"),
    member("GET", "visibility", 403, "{image}/members"),
    member("GET", "{theirs}", 404, "{theirs}/members"),
    member("GET", "{nobody}", 404, "{queued}/members/{nobody}"),
    member("GET", "{nobody}", 404, "{shared}/members/{nobody}"),
    member("PUT", "status", 400, "{shared}/members/{lab}", {"status": "maybe"}),
    member("PUT", "'status'", 400, "{shared}/members/{lab}", {}),
    member("PUT", "status", 403, "{shared}/members/{lab}", {"status": "accepted"}, who="other"),
    member("PUT", "{nobody}", 404, "{shared}/members/{nobody}", {"status": "accepted"}),
    member("PUT", "{theirs}", 404, "{theirs}/members/{lab}", {"status": "accepted"}),
    member("PUT", "visibility", 403, "{image}/members/{lab}", {"status": "accepted"}),
    member("DELETE", "{shared}", 403, "{shared}/members/{lab}"),
    member("DELETE", "{nobody}", 404, "{shared}/members/{nobody}", who="other"),
    member("DELETE", "visibility", 403, "{private}/members/{lab}"),
    member("DELETE", "{theirs}", 404, "{theirs}/members/{lab}"),
)

OTHERS = (
    Wrong("DELETE", f"{IMAGES}/{{protected}}", 403, "protected"),
    Wrong("DELETE", f"{IMAGES}/{{shared}}", 403, "{shared}"),
    Wrong("DELETE", f"{IMAGES}/{{theirs}}", 404, "{theirs}"),
    Wrong("PUT", f"{IMAGES}/{{queued}}/tags/{'t' * 256}", 400, "tag"),
    Wrong("PUT", f"{IMAGES}/{{queued}}/tags/%00", 400, "path"),
    Wrong("PUT", f"{IMAGES}/{{queued}}/tags/a%0Ab", 400, "tags: "),
    Wrong("PUT", f"{IMAGES}/{{queued}}/tags/%1B", 400, "tags: "),
    Wrong("PUT", f"{IMAGES}/{{tagged}}/tags/more", 413, "tags"),
    Wrong("PUT", f"{IMAGES}/{{image}}/tags/more", 403, "{image}"),
    Wrong("PUT", f"{IMAGES}/{{theirs}}/tags/more", 404, "{theirs}"),
    Wrong("DELETE", f"{IMAGES}/{{tagged}}/tags/other", 404, "'other'"),
    Wrong("DELETE", f"{IMAGES}/{{theirs}}/tags/other", 404, "{theirs}"),
    Wrong("POST", f"{IMAGES}/{{queued}}/actions/deactivate", 403, "status"),
    Wrong("POST", f"{IMAGES}/{{queued}}/actions/reactivate", 403, "status"),
    Wrong("POST", f"{IMAGES}/{{image}}/actions/deactivate", 403, "{image}"),
    Wrong("POST", f"{IMAGES}/{{theirs}}/actions/deactivate", 404, "{theirs}"),
    Wrong("POST", f"{IMAGES}/{{theirs}}/actions/reactivate", 404, "{theirs}"),
    Wrong(
        *("POST", f"{IMAGES}/{{boxed}}/import", 400, "container_format: 'ova'"),
        {"method": {"name": "web-download", "uri": "http://a.example/disk"}},
    ),
    Wrong("GET", f"{IMAGES}/{{theirs}}/tasks", 404, "{theirs}"),
    Wrong("GET", f"{IMAGES}/{{theirs}}/file", 404, "{theirs}"),
    Wrong("GET", f"{IMAGES}/{{image}}/file", 416, "range", headers={"Range": "bytes=99999999-"}),
    Wrong("GET", "/image/v2/schemas/flavor", 404, "'flavor'"),
)

WRONG_IMAGES = (*PATCHES, *QUERIES, *MEMBERS, *OTHERS)
