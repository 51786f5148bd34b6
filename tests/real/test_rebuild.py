# SPDX-License-Identifier: Apache-2.0
"""Rebuilds of real guests: another disk under the same name, and all of it told anew."""

from __future__ import annotations

import base64

import pytest
from oslo_utils import secretutils

from tests.lab.waiting import wait_for
from tests.real.conftest import BOOT_S, RealCloud

pytestmark = pytest.mark.real

SCRIPT = base64.b64encode(b'#!/bin/sh\necho "user data of $INSTANCE_ID"\n').decode()


def motd(text: str) -> list[dict[str, str]]:
    return [{"path": "/etc/motd", "contents": base64.b64encode(text.encode()).decode()}]


def wait_for_boots(real: RealCloud, server_id: str, count: int) -> str:
    """Wait until the console tells of so many whole boots, and give what it says."""

    def look() -> str | None:
        said = real.api.console(server_id)
        return said if said.count("TINY-READY") >= count else None

    return wait_for(look, timeout_s=BOOT_S, poll_s=0.1, what=f"boot {count} of {server_id}")


def test_a_rebuilt_guest_is_a_new_one_of_the_same_id_and_address(real: RealCloud) -> None:
    server_id = real.booted(
        "old", metadata={"role": "old"}, personality=motd("first\n"), user_data=SCRIPT
    )
    guest = real.guest(server_id)
    guest.shell("echo mine >/root/mine && sync")
    before = real.api.server(server_id)

    answer = real.api.act(
        server_id,
        {
            "rebuild": {
                "imageRef": real.image_id,
                "name": "new",
                "metadata": {"role": "new"},
                "personality": motd("second\n"),
                "adminPass": "rebuilt:größte",
            }
        },
    )["server"]
    after = real.api.wait_for_status(server_id, "ACTIVE")
    said = wait_for_boots(real, server_id, 2)

    assert (answer["status"], answer["adminPass"]) == ("REBUILD", "rebuilt:größte")
    for unchanged in ("id", "addresses", "flavor", "image", "hostId", "created"):
        assert after[unchanged] == before[unchanged]
    assert (after["name"], after["metadata"]) == ("new", {"role": "new"})
    assert 'TINY-META {"role":"new"}' in said
    assert said.count("boots=1") == 2  # the counter is on the disk
    assert said.count("cumulet: installed /etc/motd") == 2
    assert said.count(f"user data of {server_id}") == 2
    assert guest.shell("cat /etc/motd") == "second"
    assert guest.shell("cat /etc/motd.bak.*") == "The original message of the day."
    assert guest.shell("ls /root") == ""
    hashed = guest.shell("cat /etc/shadow").split(":")[1]
    assert secretutils.crypt_password("rebuilt:größte", hashed) == hashed
    real.delete(server_id)
