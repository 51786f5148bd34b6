# SPDX-License-Identifier: Apache-2.0
"""What a server is made of, as frozen data: the record, its flavor, nics, fault and hardware."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from agent.model.securitygroup import DEFAULT
from agent.model.states import PowerState, TaskState, VmState


@dataclass(frozen=True, slots=True)
class Flavor:
    """A size. A server keeps a copy of the one it was made with."""

    id: str
    name: str
    vcpus: int
    ram_mb: int  # MiB, as the standard's `ram`
    disk_gb: int  # GiB of the root disk; 0 means the image's own size
    is_public: bool = True
    description: str | None = None
    extra_specs: Mapping[str, str] = field(default_factory=dict)
    swap_mb: int = 0  # MiB
    ephemeral_gb: int = 0  # GiB of a second disk
    rxtx_factor: float = 1.0  # kept and shown: nothing here shapes traffic by it


def larger(one: Flavor, other: Flavor) -> Flavor:
    """A size that holds both: the first flavor, with the larger of each number."""
    return replace(one, vcpus=max(one.vcpus, other.vcpus), ram_mb=max(one.ram_mb, other.ram_mb))


def growth(old: Flavor, new: Flavor) -> Flavor:
    """What the new flavor has beyond the old one, and nothing where it has less."""
    return replace(new, vcpus=max(0, new.vcpus - old.vcpus), ram_mb=max(0, new.ram_mb - old.ram_mb))


MAX_NICS = 10
"""What a domain has ports for."""

IN_DEFAULT = (DEFAULT,)
"""The security groups of a nic that nothing was said about."""


@dataclass(frozen=True, slots=True)
class NicNetwork:
    """A network as a nic meets it, at one subnet: the same for all nics there."""

    id: str
    name: str  # in the API
    libvirt_name: str  # the libvirt network that carries it
    bridge: str  # of that network, on the host
    cidr: str  # of the subnet, "10.70.0.0/24"
    gateway: str | None = None
    dns: tuple[str, ...] = ()
    mtu: int | None = None
    dhcp: bool = True  # else guests have their addresses from the config drive alone


@dataclass(frozen=True, slots=True)
class Nic:
    """One network interface of a server: a port that belongs to it."""

    port_id: str
    network: NicNetwork
    mac: str  # lower case, colon separated
    ip: str
    position: int = 0  # which of its server's nics it is: it keeps its place when others go
    tag: str | None = None  # its user's word for it, told to the guest
    security_groups: tuple[str, ...] = IN_DEFAULT  # their names, sorted; (): all is dropped
    floating_ip: str | None = None  # that leads to it


def names_of_groups(nics: Iterable[Nic]) -> list[str]:
    """The names of the security groups that any of a server's nics is in, each once."""
    return list(dict.fromkeys(name for nic in nics for name in nic.security_groups))


@dataclass(frozen=True, slots=True)
class OwnedNic:
    """A nic with the server whose port it is; a spare one has none yet."""

    server_id: str | None
    nic: Nic


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a server is in ERROR: what happened and what to do next."""

    code: int
    message: str
    created_at: datetime
    details: str = ""
    mended_by: str = ""  # the action that may begin from ERROR because of just this fault


ROOT_DEVICES = {"virtio": "/dev/vda", "ide": "/dev/hda"}
"""By the bus of the disk; on any other bus it is a SCSI disk."""


@dataclass(frozen=True, slots=True)
class Hardware:
    """The virtual machine's shape, resolved once at the first define and reused ever after.

    A guest must find the same devices after its XML is regenerated, whatever the host's QEMU or a
    newer template would choose by then.
    """

    virt_type: str  # "kvm", "qemu" or "test": libvirt's <domain type>
    arch: str  # "x86_64"
    machine: str  # canonical, "pc-q35-7.2"; "" on the test driver
    cpu_mode: str  # "host-passthrough", "host-model", "maximum"; "" leaves the default
    disk_bus: str = "virtio"
    nic_model: str = "virtio"
    cdrom_bus: str = "scsi"

    @property
    def root_device(self) -> str:
        """What a Linux guest calls its root disk."""
        return ROOT_DEVICES.get(self.disk_bus, "/dev/sda")


@dataclass(frozen=True, slots=True)
class RescueSystem:
    """The image that a server runs instead of its own disk, with its properties as they were."""

    image_id: str
    image_properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Server:
    """The record of one server: intent, as the database keeps it. Times are UTC-aware."""

    id: str
    project_id: str
    user_id: str
    name: str
    flavor: Flavor
    image_id: str  # what its disk stands on
    vm_state: VmState
    created_at: datetime
    updated_at: datetime
    task_state: TaskState | None = None
    power_state: PowerState = PowerState.NOSTATE
    progress: int = 0
    host: str | None = None  # the host it is placed on; None while unplaced
    hostname: str = ""  # what the guest calls itself
    metadata: Mapping[str, str] = field(default_factory=dict)
    image_properties: Mapping[str, str] = field(default_factory=dict)
    hardware: Hardware | None = None
    user_data: str | None = field(default=None, repr=False)  # base64, as it was given
    key_name: str | None = None
    public_key: str | None = None
    access_ipv4: str = ""
    access_ipv6: str = ""
    disk_config: str = "MANUAL"  # OS-DCF:diskConfig
    config_drive: bool = True
    availability_zone: str | None = None
    fault: Fault | None = None
    launched_at: datetime | None = None
    terminated_at: datetime | None = None
    deleted_at: datetime | None = None
    locked_by: str | None = None  # "owner" or "admin"; None: not locked
    locked_reason: str | None = None
    description: str | None = None
    tags: tuple[str, ...] = ()  # in the order of the alphabet
    reservation_id: str = ""  # of the request that made it, and others with it
    launch_index: int = 0  # which of them it is, from 0
    pinned_zone: str | None = None  # the availability zone that was asked for
    requested_host: str | None = None  # the only host that it may be placed on
    group_ids: tuple[str, ...] = ()  # of the server groups that it is a member of
    old_flavor: Flavor | None = None  # before a resize that waits to be confirmed or reverted
    old_vm_state: VmState | None = None  # where the server was before that resize
    rescue: RescueSystem | None = None  # since a rescue was asked for, until it is over
    shelved_image_id: str | None = None  # what its disk is kept in while it is shelved
    shelved_at: datetime | None = None
    nics: tuple[Nic, ...] = ()


@dataclass(frozen=True, slots=True)
class Rest:
    """The few fields of a server that a sweep compares with what it saw."""

    server_id: str
    vm_state: VmState
    task_state: TaskState | None
    power_state: PowerState
    shelved_at: datetime | None = None
