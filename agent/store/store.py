# SPDX-License-Identifier: Apache-2.0
"""The store's face: one open database and the groups of methods on it. No SQL here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agent.errors import AgentError
from agent.store.aggregates import Aggregates
from agent.store.appcredentials import AppCredentials
from agent.store.captures import Captures
from agent.store.catalog import Catalog
from agent.store.db import Database
from agent.store.firewalls import Firewalls
from agent.store.floatingips import FloatingIps
from agent.store.grants import Grants
from agent.store.groups import ServerGroups
from agent.store.hosts import Hosts
from agent.store.identity import Identity
from agent.store.imagemembers import ImageMembers
from agent.store.images import Images
from agent.store.imagetasks import ImageTasks
from agent.store.injections import Injections
from agent.store.interfaces import Interfaces
from agent.store.keypairs import Keypairs
from agent.store.migrate import check
from agent.store.moves import Moves
from agent.store.networkedits import NetworkEdits
from agent.store.networks import Networks
from agent.store.networktags import NetworkTags
from agent.store.quotas import Quotas
from agent.store.records import Records
from agent.store.remembered import Remembered
from agent.store.reshaping import Reshaping
from agent.store.securitygroups import SecurityGroups
from agent.store.servers import Servers
from agent.store.settings import Settings
from agent.store.tasks import Tasks
from agent.store.tokens import Tokens
from agent.store.usages import Usages

MOST_SERVERS = 32
"""Servers that are remembered: their user data may be 64 KiB each."""

MOST_BEARERS = 256
"""Bearers that are remembered, a KiB each: more than a lab has tokens in use at a time."""


@dataclass(frozen=True, slots=True)
class Store:
    """An open database. Safe to use from any number of threads, but not across a fork."""

    db: Database
    servers: Servers
    records: Records
    reshaping: Reshaping
    tasks: Tasks  # what the engine gets: an `agent.engine.ports.TaskStore`
    captures: Captures
    catalog: Catalog
    image_tasks: ImageTasks
    images: Images
    image_members: ImageMembers
    keypairs: Keypairs
    quotas: Quotas
    usages: Usages
    injections: Injections
    interfaces: Interfaces
    networks: Networks
    network_edits: NetworkEdits
    network_tags: NetworkTags
    firewalls: Firewalls
    floating_ips: FloatingIps
    security_groups: SecurityGroups
    identity: Identity
    grants: Grants
    tokens: Tokens
    app_credentials: AppCredentials
    settings: Settings
    server_groups: ServerGroups
    hosts: Hosts
    aggregates: Aggregates
    moves: Moves

    @classmethod
    def open(cls, path_or_url: str | Path) -> Store:
        """Open a database that is there and of this version.

        `NotFound` when there is none, `Conflict` when it is of another version: both say what to
        do (`agent.store.migrate.upgrade` makes it and brings it up to date).
        """
        db = Database.open(path_or_url)
        try:
            check(db)
        except AgentError:
            db.close()
            raise
        return cls(
            db=db,
            servers=Servers(db, Remembered(db, MOST_SERVERS)),
            records=Records(db),
            reshaping=Reshaping(db),
            tasks=Tasks(db),
            captures=Captures(db),
            catalog=Catalog(db),
            image_tasks=ImageTasks(db),
            images=Images(db),
            image_members=ImageMembers(db),
            keypairs=Keypairs(db),
            quotas=Quotas(db),
            usages=Usages(db),
            injections=Injections(db),
            interfaces=Interfaces(db),
            networks=Networks(db),
            network_edits=NetworkEdits(db),
            network_tags=NetworkTags(db),
            firewalls=Firewalls(db),
            floating_ips=FloatingIps(db),
            security_groups=SecurityGroups(db),
            identity=Identity(db),
            grants=Grants(db),
            tokens=Tokens(db, Remembered(db, MOST_BEARERS)),
            app_credentials=AppCredentials(db),
            settings=Settings(db),
            server_groups=ServerGroups(db),
            hosts=Hosts(db),
            aggregates=Aggregates(db),
            moves=Moves(db),
        )

    def close(self) -> None:
        """Close all connections; the store can't be used any more."""
        self.db.close()
