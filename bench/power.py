# SPDX-License-Identifier: Apache-2.0
"""How long each power action takes against bare libvirt calls, and how soon outside changes show.

    python -m bench.power [ROUNDS]

One guest is a server, driven through the API: from the request until the new status is shown at
rest. Its twin is a bare domain of the same XML, driven by the calls alone. Both take turns, so that
a busy machine slows both; the ratio of the medians is what counts. A round takes about a minute.
"""

from __future__ import annotations

import os
import re
import signal
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import libvirt

from agent.model.layout import Layout
from bench.ground import Events, a_cloud, make_bare, remove_bare, spread, when
from tests.lab.cloud import Api, LiveCloud
from tests.lab.tiny_guest import tiny_image

ROUNDS = 3
POWER_OFF = '{"execute": "guest-exec", "arguments": {"path": "/usr/bin/poweroff"}}'
STARTED = libvirt.VIR_DOMAIN_EVENT_STARTED
SUSPENDED = libvirt.VIR_DOMAIN_EVENT_SUSPENDED
RESUMED = libvirt.VIR_DOMAIN_EVENT_RESUMED
STOPPED = libvirt.VIR_DOMAIN_EVENT_STOPPED

Times = defaultdict[str, list[float]]


@dataclass(frozen=True, slots=True)
class Guest:
    """A guest's domain, and where its console is logged."""

    domain: libvirt.virDomain
    console: Path

    def boots(self) -> int:
        return len(re.findall(r"^TINY-READY", self.console.read_text(errors="replace"), re.M))

    def after_boot(self, act: Callable[[], object]) -> None:
        """Do something that boots the guest, and wait until it has."""
        before = self.boots()
        act()
        self.wait_for_boot(before + 1)

    def wait_for_boot(self, boots: int) -> None:
        when(lambda: self.console.exists() and self.boots() >= boots)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    with a_cloud() as cloud:
        cloud.init()
        image_id = cloud.import_image("tiny", tiny_image())
        cloud.start()
        measure(cloud, image_id, rounds)


def measure(cloud: LiveCloud, image_id: str, rounds: int) -> None:
    api, events = Api(cloud).log_in(), Events()
    connection = events.listen(cloud.libvirt_uri)
    ours, bare, shown = Times(list), Times(list), Times(list)
    for _ in range(rounds):
        server_id = api.create_server("bench", image_id)
        api.wait_for_status(server_id, "ACTIVE")
        domain = connection.lookupByUUIDString(server_id)
        server = Guest(domain, Layout(cloud.state).console_log(server_id))
        server.wait_for_boot(1)
        twin_xml = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
        act_on_server(api, server, server_id, ours)
        change_outside(api, events, server, server_id, shown)
        ours["delete"].append(delete(api, server_id))
        act_on_bare(cloud, image_id, connection, twin_xml, bare)
    report(ours, bare, shown)
    connection.close()


def act_on_server(api: Api, server: Guest, server_id: str, times: Times) -> None:
    def ask(name: str, action: dict[str, Any], status: str) -> None:
        began = time.monotonic()
        api.act(server_id, action)
        when(lambda: rests(api, server_id, status))
        times[name].append(time.monotonic() - began)

    ask("pause", {"pause": None}, "PAUSED")
    ask("unpause", {"unpause": None}, "ACTIVE")
    ask("suspend", {"suspend": None}, "SUSPENDED")
    ask("resume", {"resume": None}, "ACTIVE")
    server.after_boot(lambda: ask("reboot soft", {"reboot": {"type": "SOFT"}}, "ACTIVE"))
    server.after_boot(lambda: ask("reboot hard", {"reboot": {"type": "HARD"}}, "ACTIVE"))
    ask("stop", {"os-stop": None}, "SHUTOFF")
    server.after_boot(lambda: ask("start", {"os-start": None}, "ACTIVE"))


def act_on_bare(
    cloud: LiveCloud, image_id: str, connection: libvirt.virConnect, xml: str, times: Times
) -> None:
    domain = make_bare(cloud, image_id, connection, xml)
    # The twin's console is where its XML says: in a folder of its own.
    twin = Guest(domain, Layout(cloud.state).console_log(domain.UUIDString()))
    twin.wait_for_boot(1)

    def call(name: str, *calls: Callable[[], object]) -> None:
        began = time.monotonic()
        for each in calls:
            each()
        times[name].append(time.monotonic() - began)

    def set_clock() -> None:
        seconds, nanoseconds = divmod(time.time_ns(), 10**9)
        domain.setTime({"seconds": seconds, "nseconds": nanoseconds})

    def shut_down() -> None:
        domain.shutdownFlags(libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN)
        when(lambda: not domain.isActive())

    call("pause", domain.suspend)
    call("unpause", domain.resume)
    call("suspend", domain.managedSave)
    call("resume", domain.create, set_clock)
    own_xml = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    twin.after_boot(lambda: call("reboot soft", shut_down, domain.create))
    twin.after_boot(
        lambda: call(
            "reboot hard",
            domain.destroy,
            lambda: connection.defineXML(own_xml),
            domain.create,
        )
    )
    call("stop", shut_down)
    twin.after_boot(lambda: call("start", domain.create))
    call("delete", lambda: remove_bare(cloud, domain))


def change_outside(api: Api, events: Events, server: Guest, server_id: str, times: Times) -> None:
    domain = server.domain

    def change(name: str, act: Callable[[], object], event: int, status: str) -> None:
        events.forget(server_id)
        act()
        told = events.wait(server_id, event)
        times[name].append(max(0.0, when(lambda: rests(api, server_id, status)) - told))

    change("virsh suspend", domain.suspend, SUSPENDED, "PAUSED")
    change("virsh resume", domain.resume, RESUMED, "ACTIVE")
    change("virsh managedsave", domain.managedSave, STOPPED, "SUSPENDED")
    change("virsh start, saved", domain.create, STARTED, "ACTIVE")
    change("virsh destroy", domain.destroy, STOPPED, "SHUTOFF")
    change("virsh start", domain.create, STARTED, "ACTIVE")
    for number in (signal.SIGKILL, signal.SIGTERM):
        kill = partial(os.kill, qemu_pid(server_id), number)
        change(f"QEMU {number.name}", kill, STOPPED, "SHUTOFF")
        change("virsh start", domain.create, STARTED, "ACTIVE")
    server.wait_for_boot(server.boots() + 1)
    change("guest poweroff", lambda: power_off(domain), STOPPED, "SHUTOFF")


def delete(api: Api, server_id: str) -> float:
    """Delete a server that runs; seconds."""
    api.act(server_id, {"os-start": None})
    when(lambda: rests(api, server_id, "ACTIVE"))
    began = time.monotonic()
    api.request("DELETE", f"/compute/v2.1/servers/{server_id}")
    api.wait_until_gone(server_id)
    return time.monotonic() - began


def rests(api: Api, server_id: str, status: str) -> bool:
    server = api.server(server_id)
    return server["status"] == status and server["OS-EXT-STS:task_state"] is None


def power_off(domain: libvirt.virDomain) -> None:
    import libvirt_qemu

    libvirt_qemu.qemuAgentCommand(domain, POWER_OFF, 10, 0)


def qemu_pid(server_id: str) -> int:
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            argv = (entry / "cmdline").read_text().split("\0")
        except OSError:  # it has just ended
            continue
        if argv[0].rpartition("/")[2].startswith("qemu-system-") and server_id in argv:
            return int(entry.name)
    raise ProcessLookupError(server_id)


def report(ours: Times, bare: Times, shown: Times) -> None:
    print("action        through the API                   bare calls")
    for name, values in ours.items():
        middle, floor = statistics.median(values), statistics.median(bare[name])
        print(
            f"{name:12} {middle * 1000:8.1f} ms {spread(values):24} {floor * 1000:8.1f} ms "
            f"{spread(bare[name]):24} {middle / floor:5.2f} of it"
        )
    print("\noutside change       event to status shown   (aim: 500 ms)")
    for name, values in shown.items():
        print(f"{name:20} {statistics.median(values) * 1000:8.1f} ms {spread(values)}")


if __name__ == "__main__":
    main()
