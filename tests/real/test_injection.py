# SPDX-License-Identifier: Apache-2.0
"""Files and passwords inside a real guest: put in at the first boot, once, and changed later.

The guest runs the config drive's boothook as cloud-init does; the unmodified cloud-init is in
`test_full_guest`.
"""

from __future__ import annotations

import base64
import os
import re
import signal
from typing import Any

import pytest
from oslo_utils import secretutils

from tests.lab.waiting import wait_for
from tests.real.conftest import RealCloud

pytestmark = pytest.mark.real

AWKWARD = '/root/a "quoted" it\'s $(reboot)'
PASSWD = "root:x:0:0:injected:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
FILES = {"/etc/motd": "injected\n", "/etc/passwd": PASSWD, AWKWARD: "größte\n"}


def personality() -> list[dict[str, str]]:
    return [
        {"path": path, "contents": base64.b64encode(text.encode()).decode()}
        for path, text in FILES.items()
    ]


def hash_of(real: RealCloud, server_id: str) -> str:
    """Root's entry in the guest's /etc/shadow."""
    return real.guest(server_id).shell("cat /etc/shadow").split(":")[1]


def fits(password: str, hashed: str) -> bool:
    return secretutils.crypt_password(password, hashed) == hashed


def backups(real: RealCloud, server_id: str) -> list[str]:
    return sorted(real.guest(server_id).shell("ls -d /etc/*.bak.*").split())


@pytest.fixture(scope="module", autouse=True)
def agentless(real: RealCloud) -> str:
    """A server whose guest has no agent, made first: for a minute it might still be booting."""
    server_id = real.booted()
    real.guest(server_id).start("kill $(cat /run/qemu-ga.pid)")
    return server_id


def test_a_guest_is_given_its_files_and_its_password_once(real: RealCloud) -> None:
    server_id = real.booted(personality=personality(), adminPass="first:größte")
    guest = real.guest(server_id)

    for path, text in FILES.items():
        quoted = "'" + path.replace("'", "'\\''") + "'"
        assert guest.shell(f"cat {quoted}") == text.strip()
        assert guest.shell(f"stat -c '%u:%g %a' {quoted}") == "0:0 440"
    motd, passwd = backups(real, server_id)
    stamps = {re.fullmatch(r"/etc/\w+\.bak\.(\d{10}\.\d{4})", name) for name in (motd, passwd)}
    assert None not in stamps
    assert motd.removeprefix("/etc/motd") == passwd.removeprefix("/etc/passwd")
    assert guest.shell(f"cat {motd}") == "The original message of the day."
    assert guest.shell(f"cat {passwd}").startswith("root:x:0:0:root:")
    assert guest.shell(f"stat -c '%u:%g %a' {motd}") == "0:0 644"
    assert fits("first:größte", hash_of(real, server_id))
    said = real.api.console(server_id)
    assert f"cumulet: /etc/motd was there: it is {motd} now" in said

    guest.shell("echo mine >/etc/motd.mine && mv /etc/motd.mine /etc/motd && sync")
    real.api.act(server_id, {"reboot": {"type": "SOFT"}})
    real.wait_for_boot(server_id, 2)

    assert guest.shell("cat /etc/motd") == "mine"
    assert backups(real, server_id) == [motd, passwd]
    assert real.api.console(server_id).count("cumulet: installed") == 3


def test_a_power_cut_in_the_midst_leaves_one_backup_and_all_files(real: RealCloud) -> None:
    server_id = real.create(personality=personality(), adminPass="first")
    real.api.wait_for_console(server_id, "cumulet: installed /etc/motd")
    os.kill(real.host.qemu_pids()[server_id], signal.SIGKILL)
    real.api.wait_for_status(server_id, "SHUTOFF")
    real.api.act(server_id, {"os-start": None})
    wait_for(
        lambda: "TINY-READY" in real.api.console(server_id),
        timeout_s=120,
        what="the second boot",
    )

    guest = real.guest(server_id)
    motd, passwd = backups(real, server_id)
    assert guest.shell(f"cat {motd}") == "The original message of the day."
    assert guest.shell(f"cat {passwd}").startswith("root:x:0:0:root:")
    assert guest.shell("cat /etc/motd") == "injected"
    assert guest.shell("cat /etc/passwd") == PASSWD.strip()
    assert fits("first", hash_of(real, server_id))


def test_the_password_is_changed_by_the_guests_agent_as_soon_as_it_is_there(
    real: RealCloud,
) -> None:
    server_id = real.active()
    assert real.boots(server_id) == 0

    real.api.act(server_id, {"changePassword": {"adminPass": "early enough"}})
    real.api.wait_for_status(server_id, "ACTIVE")
    assert fits("early enough", hash_of(real, server_id))

    real.api.act(server_id, {"changePassword": {"adminPass": "sec:ond größte"}})
    assert fits("sec:ond größte", hash_of(real, server_id))
    assert real.api.server(server_id)["status"] == "ACTIVE"


def test_without_an_agent_the_change_is_409_and_says_why(real: RealCloud, agentless: str) -> None:
    path = f"/compute/v2.1/servers/{agentless}/action"

    def change() -> tuple[int, dict[str, str], Any] | None:
        """The answer, once nothing is waited for: for a minute the guest might be booting."""
        answer = real.api.request("POST", path, {"changePassword": {"adminPass": "new"}})
        return answer if answer[0] != 202 and "task_state" not in str(answer[2]) else None

    status, _, body = wait_for(change, timeout_s=150, poll_s=1, what="the agent's end")
    assert status == 409
    assert body["conflictingRequest"]["message"] == (
        f"Failed to set admin password on {agentless} because no guest agent answers: "
        "qemu-guest-agent is not installed in the guest or does not run, or the guest has not "
        "booted yet."
    )
    server = real.api.server(agentless)
    assert (server["status"], server["OS-EXT-STS:task_state"]) == ("ACTIVE", None)
