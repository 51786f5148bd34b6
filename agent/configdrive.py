# SPDX-License-Identifier: Apache-2.0
"""The config drive: the small read-only disk from which cloud-init learns who its server is.

Two halves. `render_tree` is pure: a spec in, the drive's files out, the same bytes for the same
spec. `write_iso` masters any such tree as ISO 9660 (label `config-2`, Joliet 3, Rock Ridge 1.09).

Nothing a user chose may become a path on the host or a name on the drive: users' text lives only
inside the documents, in `user_data` and in `openstack/content/NNNN`. The drive holds user data,
seeds and a password's hash, so its file is never readable by others (0600).

Which documents, keys and versions there are: Nova's user guide, "Metadata" (its config drive and
metadata service have the same).

The tree is deterministic, the ISO is not: pycdlib stamps the time of mastering and offers no way
to choose it. pycdlib is imported when the first drive is made, to keep an idle process small.
"""

from __future__ import annotations

import base64
import gc
import io
import ipaddress
import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from agent.model.injection import InjectedFile
from agent.model.server import Nic, names_of_groups
from agent.wholefile import create_private, refusals, whole_file

LABEL = "config-2"

_one_at_a_time = threading.Lock()  # it is the processor's work alone, and takes memory

HAVANA, LIBERTY, NEWTON = "2013-10-17", "2015-10-15", "2016-10-06"
DATED = (
    *("2012-08-10", "2013-04-04", HAVANA, LIBERTY, "2016-06-30", NEWTON),
    *("2017-02-22", "2018-08-27", "2020-10-14", "2025-04-04"),
)
VERSIONS = (*DATED, "latest")
"""Folders below `openstack/`, as Nova's. A reader takes the newest dated one it knows (cloud-init),
or `latest`, which sorts behind all dates."""

EC2_VERSIONS = ("2009-04-04", "latest")

NEW_IN = {
    "random_seed": "2013-04-04",
    "project_id": LIBERTY,
    "devices": "2016-06-30",
    "dedicated_cpus": "2020-10-14",
}
"""The keys of meta_data.json that older versions do not have."""

FILE_MODE = 0o100444  # inside the drive: a read-only regular file


@dataclass(frozen=True, slots=True)
class ConfigDriveSpec:
    """All that a config drive is made of. What may be secret does not show in its `repr`."""

    server_id: str
    name: str
    hostname: str
    project_id: str
    random_seed: bytes = field(repr=False)  # 512 bytes in the standard
    launch_index: int = 0
    availability_zone: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    public_keys: Mapping[str, str] = field(default_factory=dict)  # OpenSSH lines by key name
    user_data: bytes | None = field(default=None, repr=False)
    nics: tuple[Nic, ...] = ()
    files: tuple[InjectedFile, ...] = ()
    lists_files: bool = False  # in meta_data.json, for readers that write them by themselves
    admin_pass: str | None = field(default=None, repr=False)  # only for guests that take no hash
    vendor_parts: tuple[str, ...] = field(default=(), repr=False)  # what cloud-init is to run
    image_id: str = ""
    flavor_name: str = ""


def render_tree(spec: ConfigDriveSpec) -> dict[str, bytes]:
    """Render the drive's files: their contents by their paths below the drive's root. Pure."""
    tree = {
        f"openstack/{version}/{name}": content
        for version in VERSIONS
        for name, content in _documents(spec, version)
    }
    for number, file in enumerate(spec.files):
        tree[f"openstack{content_path(number)}"] = file.content
    for version in EC2_VERSIONS:
        tree[f"ec2/{version}/meta-data.json"] = _to_json(_ec2_meta_data(spec))
        if spec.user_data is not None:
            tree[f"ec2/{version}/user-data"] = spec.user_data
    return tree


def content_path(number: int) -> str:
    """Where the n-th injected file lies, below `openstack`: never under a name of the user's."""
    return f"/content/{number:04d}"


def write_iso(tree: Mapping[str, bytes], path: Path) -> None:
    """Master `tree` as the config drive `path`, replacing what is there.

    Blocks on the disk. The name `path` shows nothing, the former drive or the whole new one, also
    after a power cut. Mode 0600. `HostFailed` when the disk refuses.
    """
    with (
        refusals("The config drive could not be written"),
        whole_file(path) as part,
        os.fdopen(create_private(part), "w+b") as file,
        _one_at_a_time,
    ):
        _master(tree, file)
        # pycdlib's records hold each other: they go now, and not when the collector comes by.
        gc.collect(1)


def _documents(spec: ConfigDriveSpec, version: str) -> Iterator[tuple[str, bytes]]:
    """The documents that a version has, by their names."""
    meta_data = _meta_data(spec)
    meta_data = {key: meta_data[key] for key in meta_data if NEW_IN.get(key, "") <= version}
    yield "meta_data.json", _to_json(meta_data)
    if spec.user_data is not None:
        yield "user_data", spec.user_data
    if version >= HAVANA:
        vendor_data = {"cloud-init": list(spec.vendor_parts)} if spec.vendor_parts else {}
        yield "vendor_data.json", _to_json(vendor_data)
    if version >= LIBERTY:
        yield "network_data.json", _to_json(_network_data(spec.nics))
    if version >= NEWTON:
        yield "vendor_data2.json", _to_json({"static": {}})


def _meta_data(spec: ConfigDriveSpec) -> dict[str, object]:
    meta_data: dict[str, object] = {
        "uuid": spec.server_id,
        "name": spec.name,
        "hostname": spec.hostname,
        "launch_index": spec.launch_index,
        "availability_zone": spec.availability_zone,
        "project_id": spec.project_id,
        "random_seed": base64.b64encode(spec.random_seed).decode("ascii"),
        "devices": [
            {"type": "nic", "mac": nic.mac, "tags": [nic.tag]} for nic in spec.nics if nic.tag
        ],
        "dedicated_cpus": [],
    }
    if spec.metadata:
        meta_data["meta"] = dict(spec.metadata)
    if spec.public_keys:
        keys = spec.public_keys.items()
        meta_data["public_keys"] = dict(keys)
        meta_data["keys"] = [{"name": name, "type": "ssh", "data": key} for name, key in keys]
    if spec.admin_pass is not None:
        meta_data["admin_pass"] = spec.admin_pass
    if spec.files and spec.lists_files:
        meta_data["files"] = [
            {"path": file.path, "content_path": content_path(number)}
            for number, file in enumerate(spec.files)
        ]
    return meta_data


def _ec2_meta_data(spec: ConfigDriveSpec) -> dict[str, object]:
    """What readers of Amazon's format find, with ids that look like its own."""
    meta_data: dict[str, object] = {
        "instance-id": _ec2_id("i", spec.server_id),
        "instance-action": "none",
        "instance-type": spec.flavor_name,
        "ami-id": _ec2_id("ami", spec.image_id),
        "ami-launch-index": spec.launch_index,
        "ami-manifest-path": "(unknown)",
        "block-device-mapping": {"ami": "vda", "root": "/dev/vda"},
        "hostname": spec.hostname,
        "local-hostname": spec.hostname,
        "public-hostname": spec.hostname,
        "local-ipv4": spec.nics[0].ip if spec.nics else "",
        "public-ipv4": "",
        "placement": {"availability-zone": spec.availability_zone},
        "reservation-id": _ec2_id("r", spec.server_id),
        "security-groups": names_of_groups(spec.nics),
    }
    if spec.public_keys:
        meta_data["public-keys"] = {
            str(number): {"_name": f"{number}={name}", "openssh-key": key}
            for number, (name, key) in enumerate(spec.public_keys.items())
        }
    return meta_data


def _ec2_id(kind: str, uuid: str) -> str:
    return f"{kind}-{uuid.replace('-', '')[:8]}"


def _network_data(nics: Iterable[Nic]) -> dict[str, object]:
    links: list[dict[str, object]] = []
    networks: list[dict[str, object]] = []
    resolvers: dict[str, None] = {}  # a set that keeps the order
    for index, nic in enumerate(nics):
        joined = nic.network
        link: dict[str, object] = {
            "id": f"tap{nic.port_id[:11]}",
            "type": "phy",
            "ethernet_mac_address": nic.mac,
            "vif_id": nic.port_id,
        }
        links.append(link if joined.mtu is None else {**link, "mtu": joined.mtu})
        network = {"id": f"network{index}", "link": link["id"], "network_id": joined.id}
        networks.append({**network, **_addressing(nic)})
        resolvers.update(dict.fromkeys(joined.dns))
    services = [{"type": "dns", "address": address} for address in resolvers]
    return {"links": links, "networks": networks, "services": services}


def _addressing(nic: Nic) -> dict[str, object]:
    """How a nic comes to its address: by DHCP, or by these lines alone."""
    network = nic.network
    if network.dhcp:
        return {"type": "ipv4_dhcp"}
    anywhere = {"network": "0.0.0.0", "netmask": "0.0.0.0"}
    return {
        "type": "ipv4",
        "ip_address": nic.ip,
        "netmask": str(ipaddress.IPv4Network(network.cidr).netmask),
        "routes": [{**anywhere, "gateway": network.gateway}] if network.gateway else [],
        "services": [{"type": "dns", "address": address} for address in network.dns],
    }


def _to_json(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, sort_keys=True).encode("ascii")


def _master(tree: Mapping[str, bytes], file: BinaryIO) -> None:
    """Write `tree` to `file` as an ISO; equal contents are stored once."""
    import pycdlib  # costs 50 ms, and memory that a server without new guests need not have

    iso = pycdlib.PyCdlib()
    iso.new(interchange_level=3, joliet=3, rock_ridge="1.09", vol_ident=LABEL, sys_ident="LINUX")
    # The plain ISO names are only numbers: every reader that matters takes Rock Ridge's or
    # Joliet's, and ISO 9660's own rules (upper case, 31 characters) never meet a real name.
    folders = {PurePosixPath("."): ""}
    first_with: dict[bytes, str] = {}
    for number, (name, content) in enumerate(sorted(tree.items())):
        path = PurePosixPath(name)
        for folder in reversed(path.parents):
            if folder not in folders:
                folders[folder] = f"{folders[folder.parent]}/D{len(folders)}"
                iso.add_directory(folders[folder], rr_name=folder.name, joliet_path=f"/{folder}")
        iso_path = f"{folders[path.parent]}/F{number}.;1"
        known = first_with.setdefault(content, iso_path)
        if known != iso_path and content:
            iso.add_hard_link(iso_old_path=known, iso_new_path=iso_path, rr_name=path.name)
            iso.add_hard_link(iso_old_path=known, joliet_new_path=f"/{path}")
            continue
        iso.add_fp(
            io.BytesIO(content),
            len(content),
            iso_path,
            rr_name=path.name,
            joliet_path=f"/{path}",
            file_mode=FILE_MODE,
        )
    iso.write_fp(file)
    iso.close()
