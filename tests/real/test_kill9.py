# SPDX-License-Identifier: Apache-2.0
"""A sample of the crash matrix with a real `kill -9` of the real process.

Points of `tests.fast.crashes` are drawn by a seed, a few of every action from every state. A server
is brought to the state over HTTP, the action begins over HTTP, and at the point `cumulet serve` is
killed with all that it has started. After a new start everything must be in order.

libvirt is the test driver inside a private libvirtd, which outlives the killed processes as a real
one does, and boots nothing. Left out are the states that need a host which fails, guests that
ignore the power button or take interfaces while they run, or a cloud that leaves shelved servers on
their host: the fast suite's matrix has them.
"""

from __future__ import annotations

import http.client
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import libvirt
import pytest

from agent.config import read_config
from agent.hypervisor.host import Host
from agent.store import Store
from tests.fast.crashes import (
    CASES,
    REACHED,
    Case,
    deaf,
    error_with_domain,
    error_without_domain,
    plugged_active,
    plugged_paused,
    plugged_stopped,
    plugging_active,
    plugging_paused,
    plugging_stopped,
    shelved,
)
from tests.fast.smallcloud import STRONG, everywhere, off_its_host, take_inventory
from tests.lab.cloud import Api, LiveCloud
from tests.lab.commands import run
from tests.lab.private_host import PrivateHost
from tests.lab.waiting import wait_for
from tests.real.serve_and_die import Orders, give, held

pytestmark = pytest.mark.real

SAMPLE = 42  # one of each action from each state
LEFT_OUT = {
    *(deaf, error_with_domain, error_without_domain, shelved),
    *(plugged_active, plugged_paused, plugged_stopped),
    *(plugging_active, plugging_paused, plugging_stopped),
}
ORDER_TIMEOUT_S = 20.0
SERVERS = "/compute/v2.1/servers"

REQUESTS: dict[str, dict[str, Any]] = {
    "start": {"os-start": None},
    "stop": {"os-stop": None},
    "reboot": {"reboot": {"type": "SOFT"}},
    "reboot_hard": {"reboot": {"type": "HARD"}},
    "pause": {"pause": None},
    "unpause": {"unpause": None},
    "suspend": {"suspend": None},
    "resume": {"resume": None},
    "changePassword": {"changePassword": {"adminPass": STRONG}},
    "resize": {"resize": {"flavorRef": "2"}},
    "confirmResize": {"confirmResize": None},
    "revertResize": {"revertResize": None},
    "rescue": {"rescue": None},
    "unrescue": {"unrescue": None},
    "trigger_crash_dump": {"trigger_crash_dump": None},
    "createImage": {"createImage": {"name": "copy"}},
    "createBackup": {"createBackup": {"name": "copy", "backup_type": "daily", "rotation": 1}},
    "shelve": {"shelve": None},
    "unshelve": {"unshelve": None},
}
"""By action; the image of a rebuild is known later."""

LED_TO_BY = {
    "active": (),
    "stopped": ("stop",),
    "paused": ("pause",),
    "suspended": ("suspend",),
    "rescued": ("rescue",),
    "resized": ("resize",),
    "resized_off": ("stop", "resize"),
    "offloaded": ("shelve",),
}
ENDS = {"stop": "SHUTOFF", "pause": "PAUSED", "suspend": "SUSPENDED", "rescue": "RESCUE"} | {
    "resize": "VERIFY_RESIZE",
    "shelve": "SHELVED_OFFLOADED",
}
STATUS = {
    "rescued": "RESCUE",
    "resized": "VERIFY_RESIZE",
    "shelved_offloaded": "SHELVED_OFFLOADED",
    "active": "ACTIVE",
    "stopped": "SHUTOFF",
    "paused": "PAUSED",
    "suspended": "SUSPENDED",
}
AMID_A_BUILD = "create/disk/after"


def draw(seed: int) -> list[Case]:
    """Draw the sample: in turn one of each action and state, until there are enough."""
    candidates = [case for case in CASES if case.start not in LEFT_OUT]
    turns: Counter[tuple[str, str]] = Counter()
    drawn = []
    for case in random.Random(seed).sample(candidates, len(candidates)):
        kind = (case.action, case.start.__name__)
        drawn.append((turns[kind], case))
        turns[kind] += 1
    return [case for _, case in sorted(drawn, key=lambda pair: pair[0])[:SAMPLE]]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", draw(metafunc.config.getoption("--kill-seed")), ids=str)


@dataclass(frozen=True, slots=True)
class MortalCloud:
    """A cloud that dies by order, and what is looked at from outside of it."""

    live: LiveCloud
    api: Api
    image_id: str
    orders: Path
    store: Store
    host: Host

    def order(self, *, die: str = "", hold: str = "") -> None:
        give(self.orders, Orders(die, hold))

    def ask(self, method: str, path: str, body: object = None) -> None:
        """Send a request whose answer may be lost, for the cloud may die of it."""
        with suppress(OSError, http.client.HTTPException):
            status, _, answer = self.api.request(method, path, body, version="2.17")
            assert status in {200, 202, 204}, answer

    def create(self, **fields: str) -> None:
        server = {"name": "one", "imageRef": self.image_id, "flavorRef": "1", **fields}
        self.ask("POST", SERVERS, {"server": server})

    def delete(self) -> None:
        for server in self.servers():
            self.ask("DELETE", f"{SERVERS}/{server['id']}")

    def servers(self) -> list[dict[str, Any]]:
        return list(self.api.get("/servers/detail")["servers"])

    def shows(self, statuses: list[str]) -> bool:
        """Whether the servers have these statuses and nothing is open."""
        shown = [server["status"] for server in self.servers()]
        return shown == statuses and not self.store.tasks.list_open_tasks()

    def wait_for_statuses(self, statuses: list[str]) -> None:
        wait_for(
            lambda: self.shows(statuses), timeout_s=ORDER_TIMEOUT_S, what=f"just {statuses} at rest"
        )

    def prepare(self, vm_state: str) -> None:
        """Bring a new server to a state of rest."""
        if vm_state == "weak":
            self.create(adminPass="weak")
            self.wait_for_statuses(["ERROR"])
            return
        self.create()
        self.wait_for_statuses(["ACTIVE"])
        for action in LED_TO_BY[vm_state]:
            self.act(action)
            self.wait_for_statuses([ENDS[action]])

    def act(self, action: str) -> None:
        (server,) = self.servers()
        rebuild = {"rebuild": {"imageRef": self.image_id}}
        self.ask("POST", f"{SERVERS}/{server['id']}/action", REQUESTS.get(action, rebuild))

    def run_into(self, case: Case) -> None:
        """Begin the action, and be killed at the point."""
        if case.start.__name__ != "building":
            self.prepare(case.start.__name__)
        pids = self.live.pids()
        if case.action == "create":
            self.order(die=case.point)
            self.create()
        elif case.start.__name__ == "building":
            held(self.orders).unlink(missing_ok=True)
            self.order(hold=AMID_A_BUILD)
            self.create()
            wait_for(held(self.orders).exists, timeout_s=ORDER_TIMEOUT_S, what="a build to delete")
            self.delete()
            self.order(die=case.point)
        elif case.action == "delete":
            self.order(die=case.point)
            self.delete()
        else:
            self.order(die=case.point)
            self.act(case.action)
        self.live.wait_for_death(pids)

    def rise(self) -> None:
        """Serve again, without orders."""
        self.order()
        self.live.start()

    def inventory(self) -> dict[str, set[str]]:
        config = replace(read_config(self.live.config), state_dir=self.live.state)
        return take_inventory(config, self.store, self.host)


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MortalCloud]:
    disk = tmp_path_factory.mktemp("disk") / "disk.qcow2"
    run(["qemu-img", "create", "-q", "-f", "qcow2", disk, "1M"])
    with PrivateHost.start() as private:
        state = Path(tempfile.mkdtemp(prefix="cumulet-kill9-", dir="/var/tmp"))
        orders = state / "orders.json"
        serve = (sys.executable, "-m", "tests.real.serve_and_die", "--orders", orders)
        live = LiveCloud(state, private.test_uri, serve=serve)
        # The driver's state is there as long as somebody is connected.
        connection = libvirt.open(private.test_uri)
        try:
            live.init()
            with live.config.open("a") as config:
                config.write(f"admin_pass: {{min_length: {len(STRONG)}}}\n")
            image_id = live.import_image("tiny", disk)
            give(orders, Orders())
            live.start()
            store = Store.open(state / "cumulet.db")
            owner = read_config(live.config).installation
            host = Host(private.test_uri, owner=owner, connect=lambda: connection)
            yield MortalCloud(live, Api(live).log_in(), image_id, orders, store, host)
            store.close()
        finally:
            live.close()
            connection.close()


@pytest.fixture
def cloud(mortal: MortalCloud) -> MortalCloud:
    """A cloud that serves and has no server, whatever the test before left."""
    process = mortal.live.process
    if process is None or process.poll() is not None:
        mortal.rise()
    mortal.order()
    mortal.delete()
    mortal.wait_for_statuses([])
    return mortal


def test_the_sample_has_every_action_from_every_state() -> None:
    drawn = {(case.action, case.start.__name__) for case in draw(0)}

    assert len(draw(0)) == len(set(draw(0))) == SAMPLE
    assert drawn == {
        (case.action, case.start.__name__) for case in CASES if case.start not in LEFT_OUT
    }


def test_killed_by_9_at_any_point_the_action_ends_as_it_should(
    cloud: MortalCloud, case: Case
) -> None:
    cloud.run_into(case)
    cloud.rise()
    cloud.wait_for_statuses(expected(case))

    ids = {server["id"] for server in cloud.servers()}
    is_away = expected(case) == ["SHELVED_OFFLOADED"]
    assert cloud.inventory() == (off_its_host(*ids) if is_away else everywhere(*ids))


def expected(case: Case) -> list[str]:
    """What the server shows in the end, if there is one."""
    start, reached = case.start.__name__, REACHED[case.action]
    if reached is None:
        return []
    stays = reached == "as before"
    if start == "resized_off" or (case.action == "rebuild" and start == "stopped"):
        return ["SHUTOFF"]
    return [STATUS[start if stays else reached]]
