# SPDX-License-Identifier: Apache-2.0
"""The unmodified `openstack image` commands and openstacksdk do all that they can with images."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.sdk import SDK_TO_ITSELF, connected
from tests.lab.cloud import BIN, LiveCloud
from tests.lab.commands import CommandError, run

pytestmark = pytest.mark.clients

OTHER = "cumulet-admin"  # a member of the other project, who may see more than one should


def image(live: LiveCloud, *arguments: str, cloud: str = "cumulet") -> str:
    """Run an `openstack image` command, which must have nothing to say on stderr."""
    done = run([BIN / "openstack", "image", *arguments], env=live.environment(cloud), timeout_s=300)
    assert done.stderr == ""
    return done.stdout


def ask(live: LiveCloud, *arguments: str, cloud: str = "cumulet") -> Any:
    return json.loads(image(live, *arguments, "-f", "json", cloud=cloud))


def create(live: LiveCloud, disk: Path, name: str, *options: str) -> dict[str, Any]:
    file = ("--file", str(disk), "--disk-format", "qcow2")
    return dict(ask(live, "create", *file, *options, name))


def project_id(live: LiveCloud, cloud: str = "cumulet") -> str:
    return str(
        json.loads(live.openstack("token", "issue", "-f", "json", cloud=cloud))["project_id"]
    )


@pytest.fixture
def sdk(live: LiveCloud) -> Iterator[Any]:
    """Openstacksdk, as the user that init made."""
    with connected(live, "cumulet") as connection:
        yield connection


def test_an_images_life(live: LiveCloud, disk: Path, tmp_path: Path) -> None:
    created = create(
        live, disk, "life", "--min-ram", "64", "--property", "os_type=linux", "--tag", "one"
    )
    assert (created["status"], created["visibility"]) == ("active", "shared")
    assert created["tags"] == ["one"]

    image(
        live,
        *("set", "--name", "long life", "--min-disk", "1", "--property", "os_type=bsd"),
        *("--property", "with/slash~tilde=1", "--tag", "two", "--tag", "three", "life"),
    )
    shown = ask(live, "show", "long life")
    assert (shown["id"], shown["min_disk"]) == (created["id"], 1)
    assert sorted(shown["tags"]) == ["one", "three", "two"]
    assert shown["properties"]["os_type"] == "bsd"
    assert shown["properties"]["with/slash~tilde"] == "1"

    image(live, "unset", "--tag", "two", "--property", "with/slash~tilde", "long life")
    shown = ask(live, "show", created["id"])
    assert sorted(shown["tags"]) == ["one", "three"]
    assert "with/slash~tilde" not in shown["properties"]

    image(live, "set", "--community", "--hidden", "--protected", "long life")
    shown = ask(live, "show", created["id"])
    assert (shown["visibility"], shown["protected"]) == ("community", True)
    assert ask(live, "list", "--community") == []
    assert [row["ID"] for row in ask(live, "list", "--community", "--hidden")] == [created["id"]]
    with pytest.raises(CommandError, match="is protected and cannot be deleted"):
        image(live, "delete", created["id"])

    image(live, "save", "--file", str(tmp_path / "back"), created["id"])
    assert (tmp_path / "back").read_bytes() == disk.read_bytes()

    image(live, "set", "--unprotected", "--unhidden", created["id"])
    assert image(live, "delete", created["id"]) == ""
    assert created["id"] not in [row["ID"] for row in ask(live, "list", "--long")]


def test_an_image_is_switched_off_and_on(live: LiveCloud, disk: Path, tmp_path: Path) -> None:
    file = str(tmp_path / "file")
    create(live, disk, "switched")

    image(live, "set", "--deactivate", "switched")
    assert ask(live, "show", "switched")["status"] == "deactivated"
    # It reads on after the 403, and finds that this is not the image.
    with pytest.raises(CommandError, match="checksum mismatch"):
        image(live, "save", "--file", file, "switched")

    image(live, "set", "--activate", "switched")
    image(live, "save", "--file", file, "switched")
    image(live, "delete", "switched")


@SDK_TO_ITSELF
def test_lists_are_filtered_and_sorted(live: LiveCloud, sdk: Any) -> None:
    made = [
        sdk.image.create_image(f"list {tag}", tags=[tag, "ours"], visibility="private").id
        for tag in "abc"
    ]

    def names(*options: str) -> list[str]:
        return [row["Name"] for row in ask(live, "list", "--private", *options)]

    assert names("--tag", "ours", "--sort", "name:asc") == ["list a", "list b", "list c"]
    assert names("--tag", "ours", "--tag", "b", "--status", "queued") == ["list b"]
    assert names("--limit", "1", "--marker", "list c") == ["list b"]  # the newest come first
    image(live, "delete", *made)


def test_an_image_is_shared_and_accepted(live: LiveCloud, disk: Path) -> None:
    created = create(live, disk, "offered", "--shared")
    other = project_id(live, OTHER)

    added = ask(live, "add", "project", created["id"], other)
    assert (added["member_id"], added["status"]) == (other, "pending")
    image(live, "set", "--accept", created["id"], cloud=OTHER)
    (member,) = ask(live, "member", "list", created["id"])
    assert member["Status"] == "accepted"
    assert ask(live, "member", "get", created["id"], other)["status"] == "accepted"

    image(live, "remove", "project", created["id"], other)
    assert ask(live, "member", "list", created["id"]) == []
    image(live, "delete", created["id"])


def test_what_is_refused_is_told_to_the_user(live: LiveCloud, disk: Path) -> None:
    created = create(live, disk, "refused")

    with pytest.raises(CommandError, match="visibility: only an administrator"):
        image(live, "set", "--public", "refused")
    with pytest.raises(CommandError, match="os_admin_user: an account's name must not"):
        image(live, "set", "--property", "os_admin_user=a:b", "refused")
    image(live, "delete", created["id"])


@SDK_TO_ITSELF
def test_sdk_image_life(sdk: Any, disk: Path) -> None:
    created = sdk.create_image(
        "by sdk", filename=str(disk), disk_format="qcow2", wait=True, timeout=60, os_type="linux"
    )
    assert created.status == "active"
    assert created.hash_value == hashlib.sha512(disk.read_bytes()).hexdigest()

    updated = sdk.image.update_image(created, name="renamed", os_type="bsd", min_ram=128)
    assert (updated.name, updated.min_ram) == ("renamed", 128)
    assert sdk.image.get_image(created.id).os_type == "bsd"

    sdk.image.add_tag(created, "tagged")
    assert [found.id for found in sdk.image.images(tag="tagged")] == [created.id]
    sdk.image.remove_tag(created, "tagged")
    sdk.image.deactivate_image(created)
    sdk.image.reactivate_image(created)
    assert sdk.image.download_image(created).content == disk.read_bytes()

    sdk.image.add_member(created.id, member_id="somebody")
    assert [member.status for member in sdk.image.members(created.id)] == ["pending"]
    sdk.image.remove_member("somebody", created.id)

    for schema in ("image", "images", "member", "members"):
        assert getattr(sdk.image, f"get_{schema}_schema")().name == schema
    assert sdk.image.find_image("renamed").id == created.id
    assert sdk.delete_image(created.id, wait=True, timeout=60)
    assert sdk.image.find_image(created.id) is None


@SDK_TO_ITSELF
def test_sdk_lists_page_by_page(sdk: Any) -> None:
    made = [
        sdk.image.create_image(f"page {n}", tags=["paged"], disk_format="raw") for n in range(5)
    ]

    found = list(sdk.image.images(tag="paged", limit=2, sort="name:asc"))

    assert [one.name for one in found] == [f"page {n}" for n in range(5)]
    for one in made:
        sdk.image.delete_image(one.id)
