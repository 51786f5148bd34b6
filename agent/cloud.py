# SPDX-License-Identifier: Apache-2.0
"""All use cases of one cloud, as the API gets them: what `app.py` wires and `api/` calls."""

from __future__ import annotations

from dataclasses import dataclass

from agent.adminpass import AdminPass
from agent.aggregates import Aggregates
from agent.capturing import Capturing
from agent.compute import Compute
from agent.config import Config
from agent.creation import Creation
from agent.flavors import Flavors
from agent.floatingips import FloatingIps
from agent.hosts import Hosts
from agent.identity import Accounts, AppCredentials, Identity
from agent.imageedits import ImageEdits
from agent.imagesharing import ImageSharing
from agent.imaging import Imaging
from agent.importing import Importing
from agent.interfaces import Interfaces
from agent.keypairs import Keypairs
from agent.moves import Moves
from agent.networkedits import NetworkEdits
from agent.networking import Networking
from agent.networktags import NetworkTags
from agent.quotas import Quotas
from agent.rebuilding import Rebuilding
from agent.records import Records
from agent.rescuing import Rescuing
from agent.resizing import Resizing
from agent.securitygroups import SecurityGroups
from agent.servergroups import ServerGroups
from agent.standing import Standing
from agent.usages import Usages


@dataclass(frozen=True, slots=True)
class Cloud:
    """All services, and the configuration that their answers show."""

    config: Config
    identity: Identity
    accounts: Accounts
    app_credentials: AppCredentials
    compute: Compute
    creation: Creation
    capturing: Capturing
    flavors: Flavors
    admin_pass: AdminPass
    rebuilding: Rebuilding
    resizing: Resizing
    standing: Standing
    rescuing: Rescuing
    records: Records
    keypairs: Keypairs
    quotas: Quotas
    usages: Usages
    imaging: Imaging
    image_edits: ImageEdits
    image_sharing: ImageSharing
    importing: Importing
    networking: Networking
    server_groups: ServerGroups
    hosts: Hosts
    aggregates: Aggregates
    moves: Moves
    network_edits: NetworkEdits
    floating_ips: FloatingIps
    network_tags: NetworkTags
    security_groups: SecurityGroups
    interfaces: Interfaces
