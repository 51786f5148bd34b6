# SPDX-License-Identifier: Apache-2.0
"""The config drive: the small read-only disk from which cloud-init learns who its server is.

Two halves. `render_tree` is pure: a spec in, the drive's files out, the same bytes for the same
spec. `write_iso` masters any such tree as ISO 9660 (label `config-2`, Joliet 3, Rock Ridge 1.09).

Nothing a user chose may become a path on the host or a name on the drive: users' text lives only
inside the JSON documents and in `user_data`. The drive holds user data and seeds, so its file is
never readable by others (0600).

The tree is deterministic, the ISO is not: pycdlib stamps the time of mastering and offers no way
to choose it. pycdlib is imported when the first drive is made, to keep an idle process small.
"""

from __future__ import annotations

import base64
import io
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from agent.model.server import Nic
from agent.wholefile import create_private, refusals, whole_file

LABEL = "config-2"
VERSIONS = ("2018-08-27", "latest")
"""Folders below `openstack/`. cloud-init reads the newest dated one it knows, else `latest`."""

FILE_MODE = 0o100444  # inside the drive: a read-only regular file


@dataclass(frozen=True, slots=True)
class ConfigDriveSpec:
    """All that a config drive is made of. Neither seed nor user data shows in its `repr`."""

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


def render_tree(spec: ConfigDriveSpec) -> dict[str, bytes]:
    """Render the drive's files: their contents by their paths below the drive's root. Pure."""
    documents = {
        "meta_data.json": _to_json(_meta_data(spec)),
        "network_data.json": _to_json(_network_data(spec.nics)),
    }
    if spec.user_data is not None:
        documents["user_data"] = spec.user_data
    return {
        f"openstack/{version}/{name}": content
        for version in VERSIONS
        for name, content in documents.items()
    }


def write_iso(tree: Mapping[str, bytes], path: Path) -> None:
    """Master `tree` as the config drive `path`, replacing what is there.

    Blocks on the disk. The name `path` shows nothing, the former drive or the whole new one, also
    after a power cut. Mode 0600. `HostFailed` when the disk refuses.
    """
    with (
        refusals("The config drive could not be written"),
        whole_file(path) as part,
        os.fdopen(create_private(part), "w+b") as file,
    ):
        _master(tree, file)


def _meta_data(spec: ConfigDriveSpec) -> dict[str, object]:
    return {
        "uuid": spec.server_id,
        "name": spec.name,
        "hostname": spec.hostname,
        "launch_index": spec.launch_index,
        "availability_zone": spec.availability_zone,
        "project_id": spec.project_id,
        "meta": dict(spec.metadata),
        "public_keys": dict(spec.public_keys),
        "keys": [
            {"name": name, "type": "ssh", "data": key} for name, key in spec.public_keys.items()
        ],
        "random_seed": base64.b64encode(spec.random_seed).decode("ascii"),
        "devices": [],
    }


def _network_data(nics: Iterable[Nic]) -> dict[str, object]:
    links: list[dict[str, object]] = []
    networks: list[dict[str, object]] = []
    resolvers: dict[str, None] = {}  # a set that keeps the order
    for index, nic in enumerate(nics):
        link: dict[str, object] = {
            "id": f"tap{nic.port_id[:11]}",
            "type": "phy",
            "ethernet_mac_address": nic.mac,
            "vif_id": nic.port_id,
        }
        links.append(link if nic.mtu is None else {**link, "mtu": nic.mtu})
        networks.append(
            {
                "id": f"network{index}",
                "type": "ipv4_dhcp",
                "link": link["id"],
                "network_id": nic.network_id,
            }
        )
        resolvers.update(dict.fromkeys(nic.dns))
    services = [{"type": "dns", "address": address} for address in resolvers]
    return {"links": links, "networks": networks, "services": services}


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
