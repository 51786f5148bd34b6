# SPDX-License-Identifier: Apache-2.0
"""Gathers all that a server's guest is told, and writes its config drive."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent import configdrive
from agent.model.injection import Injection
from agent.model.password import is_windows
from agent.model.server import Server
from agent.vendordata import render_vendor_parts

SEED_BYTES = 512


@dataclass(frozen=True, slots=True)
class ConfigDrives:
    """Makes config drives of servers' records."""

    find_injection: Callable[[str], Injection]
    unseal: Callable[[str], str]
    lists_files: bool  # also for guests that are given their files by the boothook

    def write(self, server: Server, path: Path) -> None:
        """Write a server's config drive. Blocks; `HostFailed` when the disk refuses."""
        injection = self.find_injection(server.id)
        configdrive.write_iso(configdrive.render_tree(self._spec(server, injection)), path)

    def _spec(self, server: Server, injection: Injection) -> configdrive.ConfigDriveSpec:
        credential = injection.credential
        sealed = credential.sealed if credential else None
        key_name, public_key = server.key_name, server.public_key
        return configdrive.ConfigDriveSpec(
            server_id=server.id,
            name=server.name,
            hostname=server.hostname,
            project_id=server.project_id,
            random_seed=secrets.token_bytes(SEED_BYTES),
            availability_zone=server.availability_zone,
            metadata=server.metadata,
            public_keys={key_name: public_key} if key_name and public_key else {},
            user_data=base64.b64decode(server.user_data) if server.user_data else None,
            nics=server.nics,
            files=injection.files,
            lists_files=self.lists_files or is_windows(server.image_properties),
            # Once: a drive that is written anew is for a guest that has had it.
            admin_pass=self.unseal(sealed) if sealed and server.launched_at is None else None,
            vendor_parts=render_vendor_parts(server.id, injection),
            image_id=server.image_id,
            flavor_name=server.flavor.name,
        )
