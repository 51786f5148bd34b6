# SPDX-License-Identifier: Apache-2.0
"""Gathers all that a server's guest is told, and writes its config drive."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from agent import configdrive
from agent.model.injection import Injection
from agent.model.password import Credential, is_windows
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

    def write_rescue(self, server: Server, credential: Credential, path: Path) -> None:
        """Write the config drive of the system that a server in rescue runs.

        It has the server's key and addresses and a password of its own, and none of the files and
        user data: those were for the system that is to be mended. Blocks; `HostFailed`.
        """
        system = replace(
            server,
            image_id=server.rescue.image_id if server.rescue else server.image_id,
            image_properties=server.rescue.image_properties if server.rescue else {},
            user_data=None,
            launched_at=None,
        )
        injection = Injection(credential=credential)
        # An image of this very server would else believe that it has had all that it was given.
        parts = render_vendor_parts(f"{server.id}-rescue", injection)
        spec = replace(self._spec(system, injection), vendor_parts=parts)
        configdrive.write_iso(configdrive.render_tree(spec), path)

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
