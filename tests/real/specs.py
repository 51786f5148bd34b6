# SPDX-License-Identifier: Apache-2.0
"""Domains of tiny guests, for tests that ask the host's verbs past the API."""

from __future__ import annotations

import uuid
from typing import Any

from agent.hypervisor.base import DomainSpec
from agent.model.server import Hardware
from tests.domain_specs import make_spec
from tests.lab.guests import make_overlay, write_config_drive
from tests.lab.private_host import PrivateHost
from tests.lab.tiny_guest import tiny_image


def tiny_spec(machine: PrivateHost, hardware: Hardware, **changes: Any) -> DomainSpec:
    """A spec whose files are there; nothing of it is defined yet."""
    server_id = str(uuid.uuid4())
    folder = machine.folder / server_id
    folder.mkdir()
    spec = make_spec(
        server_id,
        vcpus=1,
        ram_mb=128,
        disk_path=folder / "disk.qcow2",
        backing_path=tiny_image(),
        config_drive_path=folder / "config.iso",
        console_log_path=folder / "console.log",
        hardware=hardware,
        **changes,
    )
    make_overlay(spec.disk_path, base=tiny_image())
    write_config_drive(folder / "config.iso", {"openstack/latest/meta_data.json": "{}"})
    return spec
