# SPDX-License-Identifier: Apache-2.0
"""How long a server's life takes, against the same work by bare libvirt calls, in one run.

    python -m bench.lifecycle [ROUNDS]

The floor makes the overlay, the config drive, the define and the start with nothing around them.
Both take turns, so that a busy machine slows both; the ratio of the medians is what counts.
"""

from __future__ import annotations

import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import libvirt

from bench.ground import Events, a_cloud, make_bare, remove_bare, spread, when
from tests.lab.cloud import Api, LiveCloud
from tests.lab.tiny_guest import tiny_image

ROUNDS = 7


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    with a_cloud() as cloud:
        measure(cloud, tiny_image(), rounds)


def measure(cloud: LiveCloud, image: Path, rounds: int) -> None:
    cloud.init()
    image_id = cloud.import_image("tiny", image)
    began = time.monotonic()
    cloud.start()
    print(f"start to ready          {time.monotonic() - began:8.3f} s   (aim: 1 s)")
    api = Api(cloud).log_in()
    events = Events()
    connection = events.listen(cloud.libvirt_uri)
    life = [life_of_a_server(api, events, image_id, connection) for _ in range(2)][1]  # warm
    print(f"PSS of all, idle        {pss_mib(cloud):8.1f} MiB (aim: 80 MiB)")
    lives, floors = [], []
    for _ in range(rounds):
        lives.append(life_of_a_server(api, events, image_id, connection))
        floors.append(floor(cloud, image_id, connection, life.xml))
    report(lives, floors)
    connection.close()


@dataclass(frozen=True, slots=True)
class Life:
    accepted_s: float
    running_s: float
    active_s: float
    shutoff_s: float
    xml: str


def life_of_a_server(
    api: Api, events: Events, image_id: str, connection: libvirt.virConnect
) -> Life:
    began = time.monotonic()
    server_id = api.create_server("bench", image_id)
    accepted = time.monotonic()
    running = events.wait(server_id, libvirt.VIR_DOMAIN_EVENT_STARTED)
    active = when(lambda: api.server(server_id)["status"] == "ACTIVE", poll_s=0.002)
    domain = connection.lookupByUUIDString(server_id)
    xml = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    domain.destroy()
    shown = when(lambda: api.server(server_id)["status"] == "SHUTOFF")
    stopped = events.wait(server_id, libvirt.VIR_DOMAIN_EVENT_STOPPED)
    api.request("DELETE", f"/compute/v2.1/servers/{server_id}")
    api.wait_until_gone(server_id)
    return Life(accepted - began, running - began, active - began, shown - stopped, xml)


def floor(cloud: LiveCloud, image_id: str, connection: libvirt.virConnect, xml: str) -> float:
    """Do what a create does, with bare calls; seconds."""
    began = time.monotonic()
    domain = make_bare(cloud, image_id, connection, xml)
    took = time.monotonic() - began
    remove_bare(cloud, domain)
    return took


def pss_mib(cloud: LiveCloud) -> float:
    """The memory of all our processes, each shared page counted once; MiB."""
    total = 0
    for pid in cloud.pids():
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        total += next(int(x.split()[1]) for x in rollup.splitlines() if x.startswith("Pss:"))
    return total / 1024


def report(lives: list[Life], floors: list[float]) -> None:
    base = statistics.median(floors)
    print(f"floor: bare calls       {base * 1000:8.1f} ms  {spread(floors)}")
    rows = {
        "POST to 202": [life.accepted_s for life in lives],
        "POST to domain running": [life.running_s for life in lives],
        "POST to ACTIVE": [life.active_s for life in lives],
        "event to SHUTOFF shown": [life.shutoff_s for life in lives],
    }
    for name, values in rows.items():
        middle = statistics.median(values)
        ratio = f"{middle / base:5.2f} of the floor" if name.startswith("POST to ") else ""
        print(f"{name:23} {middle * 1000:8.1f} ms  {spread(values)}  {ratio}")
    print("aims: ACTIVE within 1.15 of the floor, SHUTOFF within 500 ms of the event")


if __name__ == "__main__":
    main()
