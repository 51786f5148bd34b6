# SPDX-License-Identifier: Apache-2.0
"""What is on the host and in no record, and what is recorded and not on the host.

# Note [Host, database, host, database]
A server's row is written before anything of it is on the host, and goes (gets its time of deletion)
after the last of it has gone. So what was seen on the host first, has no row then, and is still
there afterwards is nothing that is being built or deleted: it is a leftover. And what a server
lacks in both looks, whose row shows it at rest in between and at the end, is really missing.

# Note [Surely ours]
A leftover is only removed where that can lose nothing: a domain bears our mark; a folder is that of
a server whose row says that it was deleted. A folder without any row may be that of a server whose
database was put back from an older copy: it is shown, and left to a human.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from agent.doctor.finding import Level
from agent.doctor.inventory import LOG, UUID, Inventory
from agent.doctor.scene import Recorded
from agent.model.hostname import instance_name
from agent.model.layout import Layout
from agent.model.server import Server
from agent.model.states import VmState

KEPT_LOGS = timedelta(days=30)
"""So long after its server's deletion a log of libvirt's may still be wanted."""

UNSETTLED = {VmState.BUILDING, VmState.ERROR, VmState.DELETED, VmState.SHELVED_OFFLOADED}
"""A build that failed early has neither domain nor disk, and its server says so; one that was taken
off its host has none either."""


class Kind(StrEnum):
    """What is left over."""

    DOMAIN = "domain"
    FOLDER = "server folder"
    KEPT = "disk of before a resize"
    RESERVATION = "DHCP reservation"
    NETWORK = "network of libvirt"
    BASE = "cached base"
    IMAGE = "image file"
    PART = "temporary file"
    LOG = "log of libvirt"
    FOREIGN = "foreign folder"
    NO_DOMAIN = "server without its domain"
    NO_DISK = "server without its disk"


@dataclass(frozen=True, slots=True)
class Leftover:
    """One of them."""

    kind: Kind
    name: str  # a uuid, a MAC or a path
    why: str
    is_sure: bool = True  # removing it can lose nothing: `--fix` does
    fix: str = ""  # what a human does, when `--fix` does not


LEVELS = {
    Kind.DOMAIN: Level.PROBLEM,
    Kind.NO_DOMAIN: Level.PROBLEM,
    Kind.NO_DISK: Level.PROBLEM,
    Kind.FOREIGN: Level.NOTE,
    Kind.LOG: Level.NOTE,
}
"""How bad each kind is; all others are warnings."""


def find_leftovers(
    seen: Inventory, recorded: Recorded, layout: Layout, now: datetime
) -> tuple[Leftover, ...]:
    """What of the host no record accounts for. `seen` is what was there before and after."""
    return (
        *_domains(seen, recorded),
        *_folders(seen, recorded, layout),
        *_kept(seen, recorded, layout),
        *_images(seen, recorded, layout),
        *(
            Leftover(Kind.RESERVATION, mac, "no port has this MAC")
            for mac in sorted(seen.macs - recorded.macs)
        ),
        *(
            Leftover(Kind.NETWORK, uuid, f"{name} bears our mark; no network is recorded for it")
            for uuid, name in sorted(seen.networks.items())
            if uuid not in recorded.network_ids
        ),
        *(Leftover(Kind.PART, str(path), "its writer is gone") for path in sorted(seen.parts)),
        *_logs(seen, recorded, now),
    )


def find_missing(
    before: Inventory, recorded: Recorded, after: Inventory, at_last: Recorded
) -> Iterator[Leftover]:
    """What servers at rest lack, by four looks in this order: see the note."""
    at_rest = {server.id for server in at_last.servers if _is_at_rest(server)}
    for server in recorded.servers:
        if server.id not in at_rest or not _is_at_rest(server):
            continue
        called = f"server '{server.name}'"
        if server.id not in {**before.domains, **after.domains}:
            fix = f"`openstack server reboot --hard {server.id}` makes it again."
            why = f"{called} is {server.vm_state}, and libvirt has no domain of it"
            yield Leftover(Kind.NO_DOMAIN, server.id, why, False, fix)
        if server.id not in before.disks | after.disks:
            fix = f"Put its disk.qcow2 back from a copy, or `openstack server delete {server.id}`."
            why = f"{called} is {server.vm_state}, and its disk is gone"
            yield Leftover(Kind.NO_DISK, server.id, why, False, fix)


def _is_at_rest(server: Server) -> bool:
    return server.task_state is None and server.vm_state not in UNSETTLED


def _domains(seen: Inventory, recorded: Recorded) -> Iterator[Leftover]:
    there = {server.id for server in recorded.servers}
    for uuid, domain in sorted(seen.domains.items()):
        if uuid in there:
            continue
        was_deleted = uuid in recorded.deleted
        state = "runs" if domain.is_on else "is off"
        known = "its server was deleted" if was_deleted else "no server is recorded for it"
        fix = f"Save what you want of it, `virsh destroy {uuid}`, then `cumulet doctor --fix`."
        why = f"{domain.name} bears our mark and {state}; {known}"
        yield Leftover(Kind.DOMAIN, uuid, why, was_deleted or not domain.is_on, fix)


def _folders(seen: Inventory, recorded: Recorded, layout: Layout) -> Iterator[Leftover]:
    there = {server.id for server in recorded.servers}
    for name in sorted(seen.folders - there):
        path = layout.server(name)
        fix = f"See what is in it; `rm -r {path}` when nobody wants it."
        if name in recorded.deleted:
            yield Leftover(Kind.FOLDER, str(path), "its server was deleted")
        elif UUID.fullmatch(name):
            why = "no server is recorded for it; is the database older than it?"
            yield Leftover(Kind.FOLDER, str(path), why, False, fix)
        else:
            yield Leftover(Kind.FOREIGN, str(path), "it is no server's, and left alone", False, fix)


def _kept(seen: Inventory, recorded: Recorded, layout: Layout) -> Iterator[Leftover]:
    """What resizes left that were broken off by a reset of the state, or could not be reverted."""
    for server in recorded.servers:
        is_needed = server.task_state is not None or server.vm_state is VmState.RESIZED
        if server.id in seen.kept and not is_needed:
            path = layout.kept_disk(server.id)
            why = f"server '{server.name}' is {server.vm_state}, and waits for no confirmation"
            fix = f"`rm {path}` when nobody wants it; a rebuild or the next resize removes it too."
            yield Leftover(Kind.KEPT, str(path), why, False, fix)


def _images(seen: Inventory, recorded: Recorded, layout: Layout) -> Iterator[Leftover]:
    used = recorded.image_ids | {server.image_id for server in recorded.servers}
    for image_id in sorted(seen.images - used):
        path = layout.image(image_id)
        fix = f"`cumulet image import NAME {path}` keeps it, `rm {path}` does not."
        yield Leftover(Kind.IMAGE, str(path), "no image is recorded for it", False, fix)
    cached = {layout.base(image_id): image_id for image_id in seen.bases - used}
    cached |= {layout.boot_file(image_id): image_id for image_id in seen.boot_files - used}
    for path, image_id in sorted(cached.items()):
        if image_id in seen.images:
            yield Leftover(Kind.BASE, str(path), "it goes with an image file without a record")
        else:
            yield Leftover(Kind.BASE, str(path), "neither an image nor a server is recorded for it")


def _logs(seen: Inventory, recorded: Recorded, now: datetime) -> Iterator[Leftover]:
    old = {instance_name(x) for x, at in recorded.deleted.items() if now - at > KEPT_LOGS}
    kept = {instance_name(server.id) for server in recorded.servers}
    named = {domain.name for domain in seen.domains.values()}
    for path in sorted(seen.logs):
        match = LOG.fullmatch(path.name)
        name = f"cumulet-{match['id']}" if match else ""
        if name in old - kept - named:
            why = f"its server was deleted more than {KEPT_LOGS.days} days ago"
            yield Leftover(Kind.LOG, str(path), why)
