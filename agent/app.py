# SPDX-License-Identifier: Apache-2.0
"""The composition root: builds every part from the configuration and wires them. Starts no thread.

Parts = store + cloud (the use cases) + engine + host; `build_wsgi` puts the API on top.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flask import Flask

from agent import api, disks, machine
from agent.aggregates import Aggregates
from agent.cloud import Cloud
from agent.config import Config
from agent.downloads import Downloads
from agent.driving import ConfigDrives
from agent.engine.carrying import carry
from agent.engine.clock import Clock, SystemClock
from agent.engine.engine import Engine, EngineSettings
from agent.engine.filtering import Filtering
from agent.engine.floating import Floating
from agent.engine.reconciler import Wishes
from agent.engine.runner import CrashHook
from agent.flavors import Flavors
from agent.hosting import build_host
from agent.hostwiring import build_hosts
from agent.hypervisor.base import Listeners, NetworkSpec
from agent.hypervisor.host import Host
from agent.identity import Accounts, AppCredentials
from agent.identitywiring import build_identity
from agent.imageedits import ImageEdits
from agent.imagesharing import ImageSharing
from agent.imagewiring import (
    build_bases,
    build_captures,
    build_downloads,
    build_imaging,
    image_limits,
)
from agent.importing import Importing
from agent.keypairs import Keypairs
from agent.model.layout import Layout
from agent.model.placement import choose_host
from agent.model.server import Server
from agent.model.webaddress import Allowed
from agent.moves import Moves
from agent.networking import network_spec
from agent.networktags import NetworkTags
from agent.networkwiring import (
    build_carrying,
    build_floating,
    build_floating_ips,
    build_network_edits,
)
from agent.offers import Offers
from agent.passwords import Seal
from agent.quotas import Quotas
from agent.records import Records
from agent.rescuing import Rescuing
from agent.securitygroups import SecurityGroups
from agent.servergroups import ServerGroups
from agent.serverwiring import (
    build_admin_pass,
    build_capturing,
    build_compute,
    build_creation,
    build_interfaces,
    build_rebuilding,
    build_resizing,
    default_quota,
)
from agent.standing import Standing
from agent.storage import ServerDisks
from agent.store import Store
from agent.usages import Usages
from agent.workflows.step import Tools


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that runs in one process, wired."""

    config: Config
    store: Store
    host: Host
    engine: Engine
    downloads: Downloads
    cloud: Cloud

    def start(self) -> None:
        """Clear what a crash left, then start the engine and the event side. Does not wait.

        Call it holding the state folder's lock.
        """
        disks.sweep_temp_files(self.config.state_dir)
        self.cloud.imaging.recover()
        self.downloads.start()
        self.engine.start()
        self.host.watch(
            Listeners(
                on_event=self.engine.on_event,
                on_connected=self.engine.on_connected,
                on_lost=self.engine.on_lost,
            )
        )

    def stop(self) -> None:
        """End what `start` began: each task stops between two steps. May block for some seconds."""
        self.downloads.stop()
        self.engine.stop()
        self.host.close()
        self.store.close()


def build_parts(
    config: Config,
    *,
    clock: Clock | None = None,
    host: Host | None = None,
    hook: CrashHook = lambda point: None,
    boot_id: str | None = None,
) -> Parts:
    """Wire everything but HTTP; opens the store, not libvirt. The keywords are for tests.

    The host has its record in the store from its first start on.
    """
    clock = clock or SystemClock()
    layout = Layout(config.state_dir)
    store = Store.open(layout.database)
    host = host or build_host(config)
    offers = Offers(config, host)
    store.hosts.ensure(offers.host_name, clock.now())
    floating = build_floating(config, store)
    engine = build_engine(
        config,
        store,
        host,
        floating=floating,
        clock=clock,
        hook=hook,
        offers=offers,
        boot_id=machine.boot_id() if boot_id is None else boot_id,
    )
    allowed = Allowed.parse(config.import_allow)
    downloads = build_downloads(config, store, clock, allowed)
    importing = Importing(store, allowed, clock.now, downloads.wake)
    cloud = build_cloud(config, store, clock, engine, host, offers, importing, floating)
    return Parts(config, store, host, engine, downloads, cloud)


def build_engine(
    config: Config,
    store: Store,
    host: Host,
    *,
    floating: Floating,
    clock: Clock,
    hook: CrashHook,
    offers: Offers,
    boot_id: str,
) -> Engine:
    """Wire the engine to its store, host and disks."""

    def networks() -> list[NetworkSpec]:
        return [network_spec(*carried) for carried in store.networks.list_carried()]

    settings = EngineSettings(
        host=offers.host_name,
        networks=networks,
        carry_floating=build_carrying(config, store, floating),
        learn_host=offers.learn,
        sweep_every_s=config.sweep_every_s,
        address_rest_s=config.address_rest_s,
        unknown_after_s=config.unknown_after,
        wishes=Wishes(
            config.started_outside,
            config.resume_on_boot,
            config.resize_confirm_window,
            config.shelved_offload_after,
        ),
        boot_id=boot_id,
        is_host_stopping=machine.is_stopping,
    )
    tools = build_tools(config, store, host, clock, offers=offers, networks=networks)
    return Engine(store=store.tasks, tools=tools, clock=clock, settings=settings, hook=hook)


def build_tools(
    config: Config,
    store: Store,
    host: Host,
    clock: Clock,
    *,
    offers: Offers,
    networks: Callable[[], Sequence[NetworkSpec]],
) -> Tools:
    """Wire what the workflows' steps may touch."""
    layout = Layout(config.state_dir)
    seal = Seal(layout.secret_key)

    def claim_host(server: Server) -> str:
        return store.tasks.claim_host(
            server.id,
            offers.find(),
            lambda hosts, wish: choose_host(hosts, server.flavor, wish),
        )

    def drop_port(server_id: str, port_id: str) -> None:
        store.network_edits.drop_port(server_id, port_id, clock.now())

    return Tools(
        hypervisor=host,
        disks=ServerDisks(
            layout,
            lambda image_id: store.images.get(image_id, viewer=None),
            ConfigDrives(store.injections.get, seal.open, config.nova_compatible_files),
            build_bases(config, store),
            config.capacity.reserved_disk_gb,
        ),
        layout=layout,
        captures=build_captures(config, store, clock),
        unseal=seal.open,
        claim_host=claim_host,
        release_host=store.tasks.release_host,
        drop_port=drop_port,
        ensure_networks=lambda: carry(host, networks),
        firewalls=Filtering(store.firewalls, host.filters),
    )


def build_cloud(
    config: Config,
    store: Store,
    clock: Clock,
    engine: Engine,
    host: Host,
    offers: Offers,
    importing: Importing,
    floating: Floating,
) -> Cloud:
    """Wire the use cases."""
    admin_pass = build_admin_pass(config, store, clock, engine)
    identity = build_identity(config, store, clock)
    hosts = build_hosts(config, store, clock, engine, offers)
    quotas = Quotas(store, default_quota(config))
    floating_ips = build_floating_ips(config, store, clock, engine, floating, quotas.default)
    networking = floating_ips.networking
    groups = SecurityGroups(store, quotas.quota_of, clock.now, engine.carry_filters)
    return Cloud(
        config=config,
        identity=identity,
        accounts=Accounts(store, identity),
        app_credentials=AppCredentials(store, clock.now),
        creation=build_creation(config, store, clock, engine, admin_pass, quotas, hosts),
        capturing=build_capturing(config, store, clock, engine, hosts),
        flavors=Flavors(store),
        admin_pass=admin_pass,
        rebuilding=build_rebuilding(store, clock, engine, admin_pass, quotas),
        resizing=build_resizing(store, clock, engine, offers, quotas),
        compute=build_compute(config, store, clock, engine, host, offers),
        standing=Standing(store, clock.now, engine.interrupt),
        records=Records(store, quotas.quota_of, clock.now),
        quotas=quotas,
        usages=Usages(store, clock.now, lambda: (offers.host_name,)),
        keypairs=Keypairs(store, quotas.default, clock.now),
        rescuing=Rescuing(store, admin_pass, clock.now, engine),
        imaging=build_imaging(config, store, clock),
        image_edits=ImageEdits(store, image_limits(config), clock.now),
        image_sharing=ImageSharing(store, image_limits(config), clock.now),
        importing=importing,
        networking=networking,
        server_groups=ServerGroups(store, quotas.quota_of, clock.now),
        hosts=hosts,
        aggregates=Aggregates(store, hosts, clock.now),
        moves=Moves(store),
        network_edits=build_network_edits(config, store, clock, engine, networking),
        network_tags=NetworkTags(store, networking, groups, floating_ips, clock.now),
        floating_ips=floating_ips,
        security_groups=groups,
        interfaces=build_interfaces(config, store, clock, engine),
    )


def build_wsgi(parts: Parts) -> Flask:
    """Put the API on top."""
    return api.build_app(parts.cloud)
