# SPDX-License-Identifier: Apache-2.0
"""The use cases of hosts: what they have and give away, which services run, which zones there are.

# Note [Services]
One process does here what the standard splits up. It is shown as two services: `nova-compute`,
which builds servers on this host and can be disabled or said to be down, and `nova-scheduler`, the
placement of new servers in it. Clients look for the first by its name; tempest wants at least two
services in all. Nothing else is listed: what would be a conductor or a console is part of these.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from agent.errors import BadRequest, Conflict, NotFound
from agent.hypervisor.base import HostFacts
from agent.model.host import DiskRoom, HostRecord, HostUsage, ProjectUsage
from agent.model.server import Server
from agent.reaching import Reachability
from agent.store import Store

COMPUTE, SCHEDULER = "nova-compute", "nova-scheduler"
INTERNAL_ZONE = "internal"
"""Where services are that no server can be in."""


class OwnHost(Protocol):
    """The host that this process drives."""

    @property
    def host_name(self) -> str:
        """What it is called."""
        ...

    @property
    def facts(self) -> HostFacts | None:
        """What libvirt last said of it; None when it never answered."""
        ...


@dataclass(frozen=True, slots=True)
class SeenHost:
    """A host as it is now."""

    record: HostRecord
    zone: str
    is_up: bool
    address: str
    facts: HostFacts | None  # None: this process knows nothing of it
    disk: DiskRoom
    usage: tuple[ProjectUsage, ...]
    reserved_ram_mb: int

    @property
    def total(self) -> HostUsage:
        """What all its servers together claim."""
        each = [part.usage for part in self.usage]
        return HostUsage(
            vcpus=sum(usage.vcpus for usage in each),
            ram_mb=sum(usage.ram_mb for usage in each),
            disk_gb=sum(usage.disk_gb for usage in each),
            servers=sum(usage.servers for usage in each),
            busy=sum(usage.busy for usage in each),
        )


@dataclass(frozen=True, slots=True)
class Service:
    """A part of this cloud on a host."""

    id: int
    uuid: str
    binary: str
    host: str
    zone: str
    is_up: bool
    updated_at: datetime
    disabled: bool = False
    disabled_reason: str | None = None
    forced_down: bool = False


@dataclass(frozen=True, slots=True)
class ServiceChange:
    """What an administrator says of a service; None of a field: nothing."""

    disabled: bool | None = None
    disabled_reason: str | None = None  # goes with `disabled`
    forced_down: bool | None = None

    def fields(self) -> dict[str, object]:
        """The fields of the host's record that it sets."""
        fields: dict[str, object] = {}
        if self.disabled is not None:
            reason = self.disabled_reason if self.disabled else None
            fields |= {"disabled": self.disabled, "disabled_reason": reason}
        if self.forced_down is not None:
            fields["forced_down"] = self.forced_down
        return fields


@dataclass(frozen=True, slots=True)
class Hosts:
    """All hosts. For administrators, but for the zones."""

    store: Store
    own: OwnHost
    default_zone: str
    reserved_ram_mb: int
    address: str  # this host's own, where it is reached
    reachability: Reachability
    disk_room: Callable[[], DiskRoom]
    uptime: Callable[[datetime], str]
    now: Callable[[], datetime]

    def list_hosts(self) -> Sequence[SeenHost]:
        """All hosts, by their ids. Blocks on nothing but the database."""
        zones = self.store.hosts.zones()
        return [self._seen(record, zones) for record in self.store.hosts.list()]

    def list_servers(self, host: str) -> Sequence[Server]:
        """The servers of a host, of all projects."""
        return self.store.hosts.list_servers(host)

    def uptime_of(self, host: SeenHost) -> str | None:
        """The line of uptime(1); None of a host that is another machine, or down."""
        is_own = host.record.name == self.own.host_name
        return self.uptime(self.now()) if is_own and host.is_up else None

    def list_services(self) -> Sequence[Service]:
        """The services of all hosts."""
        services = []
        for host in self.list_hosts():
            services.append(self._compute_service(host))
            if host.record.name == self.own.host_name:
                services.append(self._scheduler(host))
        return services

    def change_service(self, host: str, binary: str, change: ServiceChange) -> Service:
        """Disable a service, or enable it, or say that it is down.

        `BadRequest` for any but nova-compute, `NotFound` for a host that is none.
        """
        if binary != COMPUTE:
            raise BadRequest(
                f"Updating a {binary} service is not supported. "
                "Only nova-compute services can be updated."
            )
        record = self.store.hosts.change(host, self.now(), **change.fields())
        return self._compute_service(self._seen(record, self.store.hosts.zones()))

    def forget_service(self, service: Service) -> None:
        """Forget a host that is no more; `Conflict` while it serves, or has servers."""
        if service.host == self.own.host_name:
            raise Conflict(
                f"Service {service.binary} on {service.host} runs: it answers this request. It is "
                "gone from the list when its host is named otherwise and this one is forgotten."
            )
        if self.store.hosts.list_servers(service.host):
            raise Conflict(
                "Unable to delete compute service that is hosting instances. Migrate or delete "
                "the instances first."
            )
        self.store.hosts.forget(service.host)

    def zones(self) -> Mapping[str, bool]:
        """All zones that have hosts, each with whether one of them takes new servers."""
        zones = self.store.hosts.zones()
        found: dict[str, bool] = {}
        for record in self.store.hosts.list():
            zone = zones.get(record.name, self.default_zone)
            found[zone] = found.get(zone, False) or not record.disabled
        return found

    def zones_by_host(self) -> Mapping[str, str]:
        """The zone of each host, by its name."""
        zones = self.store.hosts.zones()
        return {
            host.name: zones.get(host.name, self.default_zone) for host in self.store.hosts.list()
        }

    def names(self) -> Sequence[str]:
        """What all hosts are called."""
        return [record.name for record in self.store.hosts.list()]

    def open_zones(self) -> Collection[str]:
        """The zones that new servers may be asked into."""
        return [zone for zone, takes in self.zones().items() if takes]

    def check_host(self, name: str) -> None:
        """Raise `NotFound` unless there is such a host."""
        if all(record.name != name for record in self.store.hosts.list()):
            raise NotFound(f"Compute host {name} could not be found.")

    def _seen(self, record: HostRecord, zones: Mapping[str, str]) -> SeenHost:
        is_own = record.name == self.own.host_name
        return SeenHost(
            record=record,
            zone=zones.get(record.name, self.default_zone),
            is_up=is_own and not record.forced_down and not self.reachability.is_away,
            address=self.address if is_own else "",
            facts=self.own.facts if is_own else None,
            disk=self.disk_room() if is_own else DiskRoom(0, 0),
            usage=tuple(self.store.hosts.usage(record.name)),
            reserved_ram_mb=self.reserved_ram_mb if is_own else 0,
        )

    def _compute_service(self, host: SeenHost) -> Service:
        record = host.record
        return Service(
            id=2 * record.id - 1,
            uuid=_service_uuid(record, COMPUTE),
            binary=COMPUTE,
            host=record.name,
            zone=host.zone,
            is_up=host.is_up,
            updated_at=self.now() if host.is_up else record.updated_at,
            disabled=record.disabled,
            disabled_reason=record.disabled_reason,
            forced_down=record.forced_down,
        )

    def _scheduler(self, host: SeenHost) -> Service:
        record = host.record
        return Service(
            id=2 * record.id,
            uuid=_service_uuid(record, SCHEDULER),
            binary=SCHEDULER,
            host=record.name,
            zone=INTERNAL_ZONE,
            is_up=True,
            updated_at=self.now(),
        )


def compute_service_ids(record: HostRecord) -> tuple[int, str]:
    """The id and uuid of a host's nova-compute."""
    return 2 * record.id - 1, _service_uuid(record, COMPUTE)


def _service_uuid(record: HostRecord, binary: str) -> str:
    return str(uuid.uuid5(uuid.UUID(record.uuid), binary))
