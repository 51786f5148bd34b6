# SPDX-License-Identifier: Apache-2.0
"""A change of a server's record, as a value: what a step, a task's end or a settlement writes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TypedDict

from agent.model.server import Fault, Flavor, Hardware, RescueSystem
from agent.model.states import PowerState, TaskState, VmState


class ServerChange(TypedDict, total=False):
    """Fields of a server to set; what is absent stays."""

    vm_state: VmState
    task_state: TaskState | None
    power_state: PowerState
    progress: int
    image_id: str
    image_properties: Mapping[str, str]
    flavor: Flavor
    old_flavor: Flavor | None
    old_vm_state: VmState | None
    hardware: Hardware
    fault: Fault | None
    locked_by: str | None
    locked_reason: str | None
    rescue: RescueSystem | None
    host: str | None
    pinned_zone: str | None
    requested_host: str | None
    shelved_image_id: str | None
    shelved_at: datetime | None
    launched_at: datetime
    terminated_at: datetime
    deleted_at: datetime
