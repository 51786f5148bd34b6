# SPDX-License-Identifier: Apache-2.0
"""The cases of the crash matrix: every action, from every state, hit at every point.

Generated from the table of actions. What must come of each is typed here, not asked of the table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from xml.etree import ElementTree

import libvirt

from agent.actions import ACTIONS
from agent.errors import HostFailed
from tests.fast.plugging import Guests
from tests.fast.smallcloud import Crash, SmallCloud, everywhere, kept_disks, off_its_host
from tests.fast.starts import Start, Starts
from tests.fast.test_lifecycle import Deaf, break_host

MOMENTS = ("before", "after", "recorded")

AS_BEFORE = ""
"""The server ends in the state that it was in."""

REACHED = {
    "create": "active",
    "start": "active",
    "stop": "stopped",
    "reboot": "active",
    "reboot_hard": "active",
    "pause": "paused",
    "unpause": "active",
    "suspend": "suspended",
    "resume": "active",
    "changePassword": "active",
    "attach_interface": AS_BEFORE,
    "detach_interface": AS_BEFORE,
    "rebuild": "active",
    "resize": "resized",
    "confirmResize": "active",
    "revertResize": "active",
    "rescue": "rescued",
    "unrescue": "active",
    "trigger_crash_dump": "active",
    "createImage": "as before",
    "createBackup": "as before",
    "shelve": "shelved_offloaded",
    "shelveOffload": "shelved_offloaded",
    "unshelve": "active",
    "delete": None,
}
"""Where each action must end; None is gone."""

STAYS_OFF = {
    ("rebuild", "stopped"),
    ("confirmResize", "resized_off"),
    ("revertResize", "resized_off"),
}
"""Actions that leave a server stopped where it was, by their starts."""

AT_ONCE = {"lock", "unlock", "resetState"}
"""Actions without steps: one transaction with their request, so there is no point in between."""


def building(cloud: SmallCloud) -> str:
    return cloud.create()


def active(cloud: SmallCloud) -> str:
    return cloud.made(cloud.create(), "active")


def stopped(cloud: SmallCloud) -> str:
    return cloud.made(cloud.create(), "stopped")


def paused(cloud: SmallCloud) -> str:
    return cloud.made(cloud.create(), "paused")


def suspended(cloud: SmallCloud) -> str:
    return cloud.made(cloud.create(), "suspended")


def shelved(cloud: SmallCloud) -> str:
    """A server that is put away and stays on its host."""
    cloud.config = replace(cloud.config, shelved_offload_after=-1)
    cloud.reboot()
    return cloud.made(cloud.create(), "shelved")


def offloaded(cloud: SmallCloud) -> str:
    return cloud.made(cloud.create(), "shelved_offloaded")


def rescued(cloud: SmallCloud) -> str:
    return cloud.made(cloud.create(), "rescued")


def deaf(cloud: SmallCloud) -> str:
    """A server whose guest ignores the power button: a soft reboot becomes a hard one."""
    server_id = active(cloud)
    cloud.wrap = lambda host: Deaf(host, lambda: None)
    cloud.reboot()
    return server_id


def error_with_domain(cloud: SmallCloud) -> str:
    return _failed_build(cloud, "start")


def error_without_domain(cloud: SmallCloud) -> str:
    return _failed_build(cloud, "define")


def _failed_build(cloud: SmallCloud, verb: str) -> str:
    healthy = cloud.wrap
    break_host(cloud, verb, HostFailed("the host says no"))
    server_id = cloud.create()
    cloud.work()
    assert cloud.server(server_id).vm_state == "error"
    cloud.wrap = healthy
    cloud.reboot()
    return server_id


def resized(cloud: SmallCloud) -> str:
    return _resized(cloud, "active")


def resized_off(cloud: SmallCloud) -> str:
    return _resized(cloud, "stopped")


def _resized(cloud: SmallCloud, vm_state: str) -> str:
    server_id = cloud.made(cloud.create(), vm_state)
    cloud.act(server_id, "resize")
    cloud.settle_down()
    assert cloud.server(server_id).vm_state == "resized"
    return server_id


def weak(cloud: SmallCloud) -> str:
    """A server in ERROR, since the password that its build was given breaks the rule."""
    server_id = cloud.create_weak()
    cloud.work()
    assert cloud.server(server_id).vm_state == "error"
    return server_id


def plugging_active(cloud: SmallCloud) -> str:
    """A server whose running guest takes nics: the test driver alone has no hot-plugging."""
    return _plugging(cloud, active(cloud))


def plugging_paused(cloud: SmallCloud) -> str:
    return _plugging(cloud, paused(cloud))


def plugging_stopped(cloud: SmallCloud) -> str:
    return _plugging(cloud, stopped(cloud))


def plugged_active(cloud: SmallCloud) -> str:
    """The same, with a nic more."""
    return _plugged(cloud, plugging_active(cloud))


def plugged_paused(cloud: SmallCloud) -> str:
    return _plugged(cloud, plugging_paused(cloud))


def plugged_stopped(cloud: SmallCloud) -> str:
    return _plugged(cloud, plugging_stopped(cloud))


def _plugging(cloud: SmallCloud, server_id: str) -> str:
    cloud.wrap = Guests().around
    cloud.reboot()
    cloud.work()
    return server_id


def _plugged(cloud: SmallCloud, server_id: str) -> str:
    cloud.act(server_id, "attach_interface")
    cloud.work()
    return server_id


STARTS: dict[str, tuple[Start, ...]] = {
    "create": (building,),
    "start": (stopped,),
    "stop": (active, error_with_domain),
    "reboot": (active, deaf),
    "reboot_hard": (active, stopped, paused, suspended, error_with_domain),
    "pause": (active,),
    "unpause": (paused,),
    "suspend": (active,),
    "resume": (suspended,),
    "changePassword": (active, weak),
    "attach_interface": (plugging_active, plugging_paused, plugging_stopped),
    "detach_interface": (plugged_active, plugged_paused, plugged_stopped),
    "rebuild": (active, stopped, error_without_domain),
    "resize": (active, stopped),
    "confirmResize": (resized, resized_off),
    "revertResize": (resized, resized_off),
    "rescue": (active, stopped, error_with_domain),
    "unrescue": (rescued,),
    "trigger_crash_dump": (active,),
    "createImage": (active, stopped, paused, suspended),
    "createBackup": (active,),  # else as createImage
    "shelve": (active, paused),  # from off there is less to do
    "shelveOffload": (shelved,),
    "unshelve": (offloaded, shelved),
    "delete": (
        building,
        rescued,
        shelved,
        offloaded,
        active,
        stopped,
        paused,
        suspended,
        error_with_domain,
        error_without_domain,
        resized,
    ),
}

LEFT_OUT: dict[tuple[str, str], set[str]] = {
    ("rebuild", "stopped"): {"start"},
    ("resize", "stopped"): {"start"},
}
"""Steps that an action leaves out from a start, besides those that only some ever do."""

SELDOM = {"password"} | {
    step.name for step in ACTIONS["reboot"].workflow if step.only_if is not None
}
"""Steps that are done only where something went wrong before."""


@dataclass(frozen=True, slots=True)
class Case:
    """An action, the state it starts from, and where it is hit."""

    action: str
    start: Start
    point: str

    def __str__(self) -> str:
        return f"{self.start.__name__}-{self.point.replace('/', '-')}"


def points(action: str, start: Start) -> list[str]:
    """Every point of an action at which it can be hit."""
    left_out = LEFT_OUT.get((action, start.__name__), set())
    steps = [
        step.name
        for step in ACTIONS[action].workflow
        if step.name not in left_out
        and (step.only_if is None or start is deaf or step.name not in SELDOM)
    ]
    hits = [f"{action}/{step}/{moment}" for step in steps for moment in MOMENTS]
    return [*hits, f"{action}/finish/before", f"{action}/finish/recorded"]


CASES = [
    Case(action, start, point)
    for action, starts in STARTS.items()
    for start in starts
    for point in points(action, start)
]


class Strike:
    """The hook: does its worst when the point comes, once."""

    def __init__(self, point: str, worst: Callable[[], None]) -> None:
        self._point, self._worst = point, worst
        self.struck = False

    def __call__(self, point: str) -> None:
        if point == self._point and not self.struck:
            self.struck = True
            self._worst()


Worst = Callable[[SmallCloud, str], None]
"""What happens at the point, to the cloud and its server."""


def run_into(starts: Starts, case: Case, worst: Worst) -> tuple[SmallCloud, str]:
    """Begin the action and run it into the blow; what is left of the cloud, and the server's id."""
    cloud, server_id = starts.take(case.start)
    strike(cloud, server_id, case, worst)
    return cloud, server_id


def strike(cloud: SmallCloud, server_id: str, case: Case, worst: Worst) -> None:
    """Boot a cloud that is at the case's start, begin the action and run it into the blow."""
    blow = Strike(case.point, lambda: worst(cloud, server_id))
    cloud.boot(blow)
    if case.action != "create":
        cloud.work()  # learns what the host offers
        cloud.act(server_id, case.action)
    try:
        cloud.parts.engine.run_until_idle(cloud.clock.advance)
    except Crash:
        cloud.reboot()
    assert blow.struck


def crash(*_of: object) -> None:
    """The process dies here."""
    raise Crash


def reached(case: Case) -> str | None:
    """Where a case must end."""
    if REACHED[case.action] == AS_BEFORE:
        return case.start.__name__.rpartition("_")[2]
    is_off = (case.action, case.start.__name__) in STAYS_OFF
    end = "stopped" if is_off else REACHED[case.action]
    return case.start.__name__ if end == "as before" else end


def count_nics(cloud: SmallCloud, server_id: str) -> set[int]:
    """How many nics a server has, by its row and by its domain: they must agree."""
    domain = ElementTree.fromstring(
        cloud.domain(server_id).XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    )
    return {len(cloud.server(server_id).nics), len(domain.findall("devices/interface"))}


def assert_in_order(cloud: SmallCloud, server_id: str, vm_state: str | None) -> None:
    """The server is where it must be, nothing is open, and all places agree."""
    assert cloud.image_leftovers() == []
    assert set(cloud.images().values()) == {"active"}
    server = cloud.find(server_id)
    assert (server.vm_state if server else None) == vm_state
    assert server is None or server.task_state is None
    assert cloud.open_tasks() == 0
    is_away = vm_state == "shelved_offloaded"
    assert server is None or (server.host is None) == is_away
    there = everywhere() if vm_state is None else everywhere(server_id)
    assert cloud.inventory() == (off_its_host(server_id) if is_away else there)
    assert kept_disks(cloud.config) == ({server_id} if vm_state == "resized" else set())
