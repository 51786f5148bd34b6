# SPDX-License-Identifier: Apache-2.0
"""Images of real guests: taken while they run, consistent, and booted from."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.lab.cloud import Api
from tests.lab.waiting import wait_for
from tests.real.conftest import RealCloud

pytestmark = pytest.mark.real

IMAGE_S = 60.0


@pytest.fixture(scope="module")
def server(real: RealCloud) -> str:
    """A server whose guest has booted; each test leaves it so."""
    return real.booted()


def ask(real: RealCloud, server_id: str, action: dict[str, Any]) -> str:
    """Ask for an image of a server and give its id."""
    path = f"/compute/v2.1/servers/{server_id}/action"
    status, headers, body = real.api.request("POST", path, action)
    assert status == 202, body
    return headers["location"].rsplit("/", 1)[1]


def image(real: RealCloud, image_id: str) -> dict[str, Any] | None:
    status, _, body = real.api.request("GET", f"/image/v2/images/{image_id}")
    return dict(body) if status == 200 else None


def wait_until_active(real: RealCloud, image_id: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found = image(real, image_id)
        return found if found and found["status"] == "active" else None

    return wait_for(look, timeout_s=IMAGE_S, what=f"image {image_id} to be active")


def is_frozen(real: RealCloud, server_id: str) -> bool:
    answer = real.host.virsh(
        "qemu-agent-command", server_id, json.dumps({"execute": "guest-fsfreeze-status"})
    )
    return bool(json.loads(answer)["return"] != "thawed")


def leftovers(real: RealCloud) -> list[str]:
    return [path.name for path in (real.live.state / "servers").glob("*/*copy-*")]


def test_an_image_of_a_running_guest_holds_what_it_has_just_written(
    real: RealCloud, server: str
) -> None:
    domain_id = real.host.virsh("domid", server)
    real.guest(server).shell("echo precious >/root/data")  # it is not told to sync
    image_id = ask(real, server, {"createImage": {"name": "snap", "metadata": {"kind": "test"}}})
    meanwhile = image(real, image_id)
    made = wait_until_active(real, image_id)
    after = real.api.wait_for_status(server, "ACTIVE")
    second = real.active("second", imageRef=image_id)
    boot = real.wait_for_boot(second, 2)

    assert meanwhile is not None
    assert meanwhile["status"] in {"saving", "active"}
    assert (made["kind"], made["image_type"], made["instance_uuid"]) == ("test", "snapshot", server)
    assert (made["disk_format"], made["virtual_size"], made["min_disk"]) == ("qcow2", 2**30, 1)
    assert made["size"] > 2**20
    assert len(made["os_hash_value"]) == 128
    assert after["OS-EXT-STS:power_state"] == 1
    assert real.host.virsh("domid", server) == domain_id
    assert not is_frozen(real, server)
    assert f"uuid={second}" in boot
    assert real.guest(second).shell("cat /root/data") == "precious"
    assert leftovers(real) == []
    real.delete(second)


def test_only_the_newest_backups_are_kept(real: RealCloud, server: str) -> None:
    ids = []
    for number in (1, 2, 3):
        backup = {"name": f"backup {number}", "backup_type": "daily", "rotation": 2}
        ids.append(ask(real, server, {"createBackup": backup}))
        real.api.wait_for_status(server, "ACTIVE")
    found = [image(real, image_id) for image_id in ids]

    assert found[0] is None
    assert [each["name"] for each in found if each] == ["backup 2", "backup 3"]
    assert {each["backup_type"] for each in found if each} == {"daily"}


@pytest.mark.parametrize(
    ("action", "status", "back"),
    [("pause", "PAUSED", "unpause"), ("suspend", "SUSPENDED", "resume")],
)
def test_a_guest_that_stands_still_is_taken_as_it_is(
    real: RealCloud, server: str, action: str, status: str, back: str
) -> None:
    real.api.act(server, {action: None})
    real.api.wait_for_status(server, status)
    image_id = ask(real, server, {"createImage": {"name": action}})
    made = wait_until_active(real, image_id)
    real.api.wait_for_status(server, status)
    real.api.act(server, {back: None})
    real.api.wait_for_status(server, "ACTIVE")

    assert made["virtual_size"] == 2**30
    assert real.boots(server) == 1
    assert real.guest(server).shell("echo on") == "on"


def test_a_process_killed_meanwhile_makes_the_image_after_its_restart(
    real: RealCloud, server: str
) -> None:
    image_id = ask(real, server, {"createImage": {"name": "survivor"}})
    real.live.kill()
    real.live.start()
    made = wait_until_active(real, image_id)
    real.api.wait_for_status(server, "ACTIVE")

    assert made["size"] > 2**20
    assert not is_frozen(real, server)
    assert leftovers(real) == []


def test_a_state_that_is_reset_meanwhile_ends_the_copy(real: RealCloud, server: str) -> None:
    image_id = ask(real, server, {"createImage": {"name": "pushed aside"}})
    wait_for(
        lambda: leftovers(real) or real.api.server(server)["OS-EXT-STS:task_state"] is None,
        timeout_s=IMAGE_S,
        poll_s=0.01,
        what="the copy to begin",
    )
    Api(real.live).log_in("cumulet-admin").act(server, {"os-resetState": {"state": "active"}})
    wait_for(lambda: not leftovers(real), timeout_s=10, what="the copy to be gone")
    job = real.host.virsh("domjobinfo", server)

    assert "None" in job
    assert not is_frozen(real, server)
    found = image(real, image_id)
    assert found is None or found["status"] == "active"
    assert real.open_tasks() == []
    assert real.api.server(server)["status"] == "ACTIVE"


def test_a_deletion_meanwhile_takes_the_image_too(real: RealCloud) -> None:
    doomed = real.booted("doomed")
    image_id = ask(real, doomed, {"createImage": {"name": "doomed"}})
    real.delete(doomed)
    files = wait_for(
        lambda: (
            not list((real.live.state / "images").glob(f"*{image_id}*")) or image(real, image_id)
        ),
        timeout_s=20,
        what="the image to be gone, or whole",
    )

    assert files
    assert not (real.live.state / "servers" / doomed).exists()
    found = image(real, image_id)
    assert found is None or found["status"] == "active"
