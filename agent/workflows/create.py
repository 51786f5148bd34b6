# SPDX-License-Identifier: Apache-2.0
"""Build a server: place it, reserve its addresses, make its disks, define and start its domain.

The addresses themselves were allocated with the request, in the transaction that wrote the server.
A build that fails before its domain is defined leaves nothing on the host; one that fails after
keeps its domain and disks, for a rebuild or a hard reboot to repair.
"""

from __future__ import annotations

from agent.hypervisor.base import BootSpec, DomainSpec, Reservation
from agent.model.booting import DirectBoot, find_boot
from agent.model.change import ServerChange
from agent.model.hostname import instance_name
from agent.model.layout import Layout
from agent.model.server import Nic, Server
from agent.model.states import TaskState
from agent.workflows.password import is_refused, tell_refusal
from agent.workflows.step import Context, Done, Outcome, Step, Workflow
from agent.workflows.wiring import wire


def domain_spec(server: Server, layout: Layout) -> DomainSpec:
    """Make the value that a placed server's domain XML is rendered from."""
    if server.hardware is None:
        raise ValueError(f"server {server.id} has no hardware: it was never placed")
    boot = find_boot(server.image_properties)
    return DomainSpec(
        server_id=server.id,
        domain_name=instance_name(server.id),
        server_name=server.name,
        project_id=server.project_id,
        user_id=server.user_id,
        image_id=server.image_id,
        flavor_name=server.flavor.name,
        vcpus=server.flavor.vcpus,
        ram_mb=server.flavor.ram_mb,
        disk_path=layout.disk(server.id),
        disk_format="qcow2",
        backing_path=layout.base(server.image_id),
        backing_format="qcow2",
        config_drive_path=layout.config_drive(server.id),
        console_log_path=layout.console_log(server.id),
        nics=server.nics,
        hardware=server.hardware,
        boot=boot_spec(boot, layout) if boot else None,
    )


def boot_spec(boot: DirectBoot, layout: Layout) -> BootSpec:
    """Make the part of that value which starts a guest without its disk's boot loader."""
    return BootSpec(
        kernel_path=layout.boot_file(boot.kernel_id),
        ramdisk_path=layout.boot_file(boot.ramdisk_id) if boot.ramdisk_id else None,
        command_line=boot.command_line,
    )


def place(context: Context) -> Outcome:
    """Claim a host and resolve the hardware."""
    tools, server = context.tools, context.server
    tools.claim_host(server)
    tools.disks.check_room(server)
    hardware = server.hardware or tools.hypervisor.resolve_hardware(server.image_properties)
    return Done(ServerChange(hardware=hardware))


def reserve(context: Context) -> Outcome:
    """Let DHCP give each nic its address: mostly it does already, the port was a spare one."""
    wire(context)
    for nic in filter(_has_dhcp, context.server.nics):
        context.tools.hypervisor.reserve(nic.network.libvirt_name, Reservation(nic.mac, nic.ip))
    return Done()


def release(context: Context) -> None:
    """Take the DHCP reservations back."""
    for nic in filter(_has_dhcp, context.server.nics):
        context.tools.hypervisor.release(nic.network.libvirt_name, nic.mac)


def _has_dhcp(nic: Nic) -> bool:
    return nic.network.dhcp


def make_base(context: Context) -> Outcome:
    """Have the image in the cache, as something an overlay can stand on."""
    disks, server = context.tools.disks, context.server
    disks.ensure_base(server.image_id)
    boot = find_boot(server.image_properties)
    for image_id in boot.image_ids if boot else ():
        disks.ensure_boot_file(image_id)
    return Done()


def make_disk(context: Context) -> Outcome:
    """Make the root disk."""
    context.tools.disks.create_disk(context.server)
    return Done()


def remove_files(context: Context) -> None:
    """Remove the server's folder."""
    context.tools.disks.remove_server(context.server.id)


def write_config_drive(context: Context) -> Outcome:
    """Make the config drive."""
    context.tools.disks.write_config_drive(context.server)
    return Done()


def define(context: Context) -> Outcome:
    """Define the domain over its own disk; what a rescue has left is of no use any more."""
    context.tools.hypervisor.define(domain_spec(context.server, context.tools.layout))
    context.tools.disks.remove_rescue(context.server.id)
    return Done()


def undefine(context: Context) -> None:
    """Remove a domain whose definition was not recorded."""
    context.tools.hypervisor.undefine(context.server.id)


def start(context: Context) -> Outcome:
    """Switch the domain on."""
    context.tools.hypervisor.start(context.server.id)
    return Done()


CREATE: Workflow = (
    Step("place", place, task_state=TaskState.SCHEDULING, progress=5),
    Step("reserve", reserve, release, task_state=TaskState.NETWORKING, progress=15),
    Step("base", make_base, task_state=TaskState.SPAWNING, progress=50),
    Step("disk", make_disk, remove_files, task_state=TaskState.SPAWNING, progress=60),
    Step("config_drive", write_config_drive, task_state=TaskState.SPAWNING, progress=70),
    Step("define", define, undefine, task_state=TaskState.SPAWNING, progress=80, seals=True),
    Step("start", start, task_state=TaskState.SPAWNING, progress=95),
    Step(
        "password",
        tell_refusal,
        task_state=TaskState.SPAWNING,
        only_if=is_refused,
        mended_by="changePassword",
    ),
)
