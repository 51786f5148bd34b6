# SPDX-License-Identifier: Apache-2.0
"""A real guest is put away, its host forgets it, and it comes back with its disk and address."""

from __future__ import annotations

from typing import Any

import pytest

from tests.real.conftest import RealCloud

pytestmark = pytest.mark.real


def images(real: RealCloud) -> list[dict[str, Any]]:
    _, _, body = real.api.request("GET", "/image/v2/images")
    return list(body["images"])


def test_a_shelved_server_leaves_its_host_and_comes_back_as_it_was(real: RealCloud) -> None:
    server = real.booted("away")
    before = real.api.server(server)
    ((address,),) = before["addresses"].values()
    real.guest(server).shell("echo precious >/root/data; rm -f /root/sums")
    real.guest(server).shell("find /etc -type f | sort | xargs md5sum >/root/sums; sync")
    real.api.act(server, {"shelve": None})
    away = real.api.wait_for_status(server, "SHELVED_OFFLOADED")
    (kept,) = (each for each in images(real) if each["name"] == "away-shelved")
    is_there = (
        server in real.host.virsh("list", "--all", "--uuid"),
        (real.live.state / "servers" / server).exists(),
        address["OS-EXT-IPS-MAC:mac_addr"] in real.host.virsh("net-dumpxml", "cumulet"),
    )
    refused, _, _ = real.api.request("DELETE", f"/image/v2/images/{kept['id']}")
    real.api.act(server, {"unshelve": None})
    boot = real.wait_for_boot(server, 2)
    back = real.api.wait_for_status(server, "ACTIVE")

    assert is_there == (False, False, False)
    assert (kept["status"], kept["image_type"], kept["instance_uuid"]) == (
        *("active", "snapshot"),
        server,
    )
    assert refused == 409
    assert (away["hostId"], away["addresses"]) == ("", before["addresses"])
    assert back["addresses"] == before["addresses"]
    assert back["hostId"] == before["hostId"]
    assert back["image"]["id"] == real.image_id
    assert f"uuid={server}" in boot
    assert f"ip={address['addr']}" in boot
    assert real.guest(server).shell("cat /root/data") == "precious"
    assert real.guest(server).shell("md5sum -c /root/sums >/dev/null && echo same") == "same"
    assert not any(each["name"] == "away-shelved" for each in images(real))
    real.delete(server)


def test_a_deletion_of_a_shelved_server_takes_its_image_too(real: RealCloud) -> None:
    server = real.active("brief")
    real.api.act(server, {"pause": None})
    real.api.wait_for_status(server, "PAUSED")
    real.api.act(server, {"shelve": None})
    real.api.wait_for_status(server, "SHELVED_OFFLOADED")
    real.delete(server)

    assert [each["name"] for each in images(real)] == ["tiny"]
    assert len(list((real.live.state / "images").iterdir())) == 1
