# SPDX-License-Identifier: Apache-2.0
"""Wires the use cases of servers: the composition root's part for what is done to them."""

from __future__ import annotations

from agent.adminpass import AdminPass
from agent.aside import Aside
from agent.capturing import Capturing
from agent.compute import Compute
from agent.config import Config
from agent.consolelog import read_console
from agent.creation import Creation
from agent.engine.clock import Clock
from agent.engine.engine import Engine
from agent.hosts import Hosts
from agent.hypervisor.host import Host
from agent.imagewiring import (
    image_limits,
)
from agent.interfaces import Interfaces
from agent.model.floating import external_id
from agent.model.layout import Layout
from agent.model.password import PasswordRule
from agent.model.quota import Quota
from agent.offers import Offers
from agent.passwords import Seal, hash_password
from agent.quotas import Quotas
from agent.rebuilding import Rebuilding
from agent.resizing import Resizing
from agent.store import Store

DIAGNOSE_S = 5.0


def build_compute(
    config: Config, store: Store, clock: Clock, engine: Engine, host: Host, offers: Offers
) -> Compute:
    """Wire the use cases of servers that are there."""
    console_log = Layout(config.state_dir).console_log
    return Compute(
        store=store,
        now=clock.now,
        engine=engine,
        offers=offers.known,
        diagnose=Aside(host.diagnose, DIAGNOSE_S),
        read_console=lambda server_id, lines: read_console(console_log(server_id), lines=lines),
    )


def build_interfaces(config: Config, store: Store, clock: Clock, engine: Engine) -> Interfaces:
    """Wire the use cases of servers' interfaces."""
    return Interfaces(
        store=store,
        rest_s=config.address_rest_s,
        now=clock.now,
        engine=engine,
        external_id=external_id(config.installation),
    )


def build_creation(
    config: Config,
    store: Store,
    clock: Clock,
    engine: Engine,
    admin_pass: AdminPass,
    quotas: Quotas,
    hosts: Hosts,
) -> Creation:
    """Wire the use case of new servers."""
    return Creation(
        store=store,
        quota=quotas.default,
        file_limits=quotas.file_limits,
        admin_pass=admin_pass,
        address_rest_s=config.address_rest_s,
        zones=hosts.open_zones,
        now=clock.now,
        engine=engine,
        hosts=hosts.names,
        external_id=external_id(config.installation),
    )


def default_quota(config: Config) -> Quota:
    """Say what a project may use for which nothing else was set."""
    return Quota(
        instances=config.quota.instances,
        cores=config.quota.cores,
        ram_mb=config.quota.ram_mb,
        key_pairs=config.quota.keypairs,
        floating_ips=config.quota.floating_ips,
        metadata_items=config.limits.server_metadata,
        injected_files=config.limits.personality,
        injected_file_content_bytes=config.limits.personality_bytes,
    )


def build_rebuilding(
    store: Store, clock: Clock, engine: Engine, admin_pass: AdminPass, quotas: Quotas
) -> Rebuilding:
    """Wire the use case of rebuilds."""
    return Rebuilding(
        store=store,
        file_limits=quotas.file_limits,
        admin_pass=admin_pass,
        now=clock.now,
        engine=engine,
    )


def build_resizing(
    store: Store, clock: Clock, engine: Engine, offers: Offers, quotas: Quotas
) -> Resizing:
    """Wire the use cases of servers' sizes."""
    return Resizing(
        store=store,
        quota=quotas.default,
        offers=offers.known,
        now=clock.now,
        engine=engine,
    )


def build_capturing(
    config: Config, store: Store, clock: Clock, engine: Engine, hosts: Hosts
) -> Capturing:
    """Wire the use cases of servers that become images."""
    return Capturing(
        store=store,
        limits=image_limits(config),
        offload_after_s=config.shelved_offload_after,
        zones=hosts.open_zones,
        hosts=hosts.zones_by_host,
        now=clock.now,
        engine=engine,
    )


def build_admin_pass(config: Config, store: Store, clock: Clock, engine: Engine) -> AdminPass:
    """Wire the use case of passwords."""
    return AdminPass(
        store=store,
        rule=PasswordRule(config.admin_pass.min_length, config.admin_pass.min_classes),
        hash_password=hash_password,
        seal=Seal(Layout(config.state_dir).secret_key).close,
        now=clock.now,
        engine=engine,
    )
