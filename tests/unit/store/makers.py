# SPDX-License-Identifier: Apache-2.0
"""Makers of what the store's tests put in: valid values, of which a test names what it is about."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network
from typing import Any

from agent.model.change import ServerChange
from agent.model.image import Image, ImageStatus, Visibility
from agent.model.network import Network, NicRequest, Subnet
from agent.model.placement import NO_HINTS, Hints
from agent.model.quota import ONE, Quota
from agent.model.server import Flavor, Server
from agent.model.states import TaskState, VmState
from agent.model.task import NewTask, Task
from agent.store import Admission, Store

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
SMALL = Flavor(id="1", name="m1.small", vcpus=2, ram_mb=2048, disk_gb=10)
NO_QUOTA = Quota(instances=-1, cores=-1, ram_mb=-1)
REST_S = 3600.0


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def make_server(
    *,
    project_id: str = "blue",
    flavor: Flavor = SMALL,
    image_id: str = "image",
    created_at: datetime = NOW,
    server_id: str | None = None,
) -> Server:
    return Server(
        id=server_id or str(uuid.uuid4()),
        project_id=project_id,
        user_id="ann",
        name="web",
        hostname="web",
        flavor=flavor,
        image_id=image_id,
        vm_state=VmState.BUILDING,
        created_at=created_at,
        updated_at=created_at,
    )


def make_task(
    action: str = "create",
    task_state: TaskState = TaskState.SCHEDULING,
    args: Mapping[str, str | int] | None = None,
) -> NewTask:
    return NewTask(
        request_id="req-1",
        action=action,
        user_id="ann",
        project_id="blue",
        args=args or {},
        deadline_s=600,
        task_state=task_state,
    )


STOP = make_task("stop", TaskState.POWERING_OFF)
START = make_task("start", TaskState.POWERING_ON)
DELETE = make_task("delete", TaskState.DELETING)


def admit(
    *vm_states: VmState,
    interrupts: Collection[TaskState] = (),
    despite_lock: bool = False,
) -> Admission:
    """What must hold for an action: one of these vm_states (none named: any)."""
    return Admission(
        "act",
        vm_states or None,
        interrupts=interrupts,
        despite_lock=despite_lock,
    )


ANYHOW = admit(interrupts=frozenset(TaskState))


def build(
    store: Store,
    server: Server | None = None,
    *,
    task: NewTask | None = None,
    nics: Sequence[NicRequest] = (),
    hints: Hints = NO_HINTS,
    quota: Quota = NO_QUOTA,
    now: datetime = NOW,
    rest_s: float = REST_S,
) -> Server:
    """Write a server whose build is running."""
    drafts = [server or make_server()]
    (built,) = store.servers.create(
        lambda count: drafts,
        task or make_task(),
        count=ONE,
        quota=quota,
        nics=nics,
        hints=hints,
        rest_s=rest_s,
        now=now,
    )
    return built


def open_task(store: Store, server_id: str) -> Task:
    task = store.tasks.find_open_task(server_id)
    assert task is not None
    return task


def rest(store: Store, server: Server | None = None, vm_state: VmState = VmState.ACTIVE) -> Server:
    """Write a server that rests."""
    built = build(store, server)
    store.tasks.finish_task(open_task(store, built.id).id, ServerChange(vm_state=vm_state), NOW)
    return store.servers.get(built.id, project_id=None)


def remove(store: Store, server_id: str, now: datetime = NOW) -> None:
    """Delete a server wholly."""
    task = store.servers.begin(server_id, DELETE, ANYHOW, now=now)
    change = ServerChange(vm_state=VmState.DELETED, deleted_at=now, terminated_at=now)
    assert store.tasks.finish_task(task.id, change, now)


def add_network(
    store: Store,
    *,
    network_id: str = "net",
    project_id: str = "admin",
    shared: bool = True,
    mode: str = "nat",
    cidr: str = "10.70.0.0/24",
    pool: tuple[str, str] | None = None,
    created_at: datetime = NOW,
) -> tuple[Network, Subnet]:
    block = IPv4Network(cidr)
    network = Network(
        id=network_id,
        name=f"{network_id}-name",
        project_id=project_id,
        shared=shared,
        libvirt_name=f"cumulet-{network_id}",
        bridge="cumulet0",
        mode=mode,
        mtu=1500,
        created_at=created_at,
    )
    start, end = pool or (str(block[2]), str(block[-2]))
    subnet = Subnet(
        id=f"{network_id}-subnet",
        network_id=network_id,
        name="subnet",
        cidr=cidr,
        gateway_ip=str(block[1]),
        pool_start=start,
        pool_end=end,
        dns=("10.70.0.1",),
        created_at=created_at,
    )
    store.networks.add_network(network, subnet)
    return network, subnet


def make_image(
    image_id: str = "image",
    *,
    owner: str = "blue",
    visibility: str = "private",
    name: str = "cirros",
    status: ImageStatus = ImageStatus.ACTIVE,
    created_at: datetime = NOW,
    os_hidden: bool = False,
    **fields: Any,
) -> Image:
    return Image(
        id=image_id,
        name=name,
        owner=owner,
        status=status,
        visibility=Visibility(visibility),
        created_at=created_at,
        updated_at=created_at,
        disk_format="qcow2",
        container_format="bare",
        os_hidden=os_hidden,
        **{
            "size": 5_000_000_000,
            "tags": ("a", "b"),
            "properties": {"os_type": "linux"},
            **fields,
        },
    )
