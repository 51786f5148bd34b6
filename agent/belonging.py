# SPDX-License-Identifier: Apache-2.0
"""Whether a configuration goes with its state folder: the database says whose it is.

Domains bear the installation's id, and servers have addresses of its network. With another id none
of them could be started or deleted any more, so that is found out before anything is done.
"""

from __future__ import annotations

import ipaddress
import uuid

from agent.config import Config, ConfigError
from agent.edge import PACKAGES, missing_programs
from agent.hypervisor.base import NetworkSpec
from agent.networking import network_spec
from agent.store import Store

MODES = {"isolated": "isolated", "nat": "nat", "route": "nat with a floating_pool"}
"""How libvirt carries the network, in the configuration's words."""

INSTALLATION = "installation"
"""The setting with the installation's id. A database of before takes the configuration's."""


def check(config: Config, store: Store) -> None:
    """Raise `ConfigError` unless `serve` may use this configuration with this database."""
    claim(config, store)
    lab = find_lab(store)
    if lab is None:
        return
    check_network(config, lab)
    check_mode(config, lab)
    check_pool(config, store)


def claim(config: Config, store: Store) -> None:
    """Raise `ConfigError` when the database belongs to another installation, or to none yet."""
    asked, known = config.installation, store.settings.get_setting(INSTALLATION)
    if not asked:
        raise ConfigError([f"installation: is empty: write {known or uuid.uuid4()} into the file"])
    if known is None:
        store.settings.set_setting(INSTALLATION, asked)
    elif known != asked:
        raise ConfigError(
            [
                f"installation: {config.state_dir} is the state folder of {known}, not of {asked}: "
                "name another state_dir, or write that into the file"
            ]
        )


def check_network(config: Config, lab: NetworkSpec) -> None:
    """Raise `ConfigError` for what never changes of the network."""
    asked = config.network
    pairs = {
        "libvirt_network": (lab.name, asked.libvirt_network),
        "bridge": (lab.bridge, asked.bridge),
        "dhcp": (lab.dhcp, asked.dhcp),
        "subnet": (lab.cidr, str(ipaddress.IPv4Network(asked.subnet or lab.cidr))),
    }
    problems = [
        f"network.{key}: the network has {has!r}, and servers depend on it: "
        f"it can't become {wanted!r}. Write the old one back"
        for key, (has, wanted) in pairs.items()
        if has != wanted
    ]
    if problems:
        raise ConfigError(problems)


def check_mode(config: Config, lab: NetworkSpec) -> None:
    """Raise `ConfigError` for a change of mode that `init` has yet to bring about."""
    has, wanted = lab.mode, config.network.carried
    key = "mode" if "isolated" in {has, wanted} else "floating_pool"
    if has != wanted:
        raise ConfigError(
            [
                f"network.{key}: the network is {MODES[has]} still, not {MODES[wanted]}: "
                "run `cumulet init`, which changes it, or write the old one back"
            ]
        )


def check_pool(config: Config, store: Store) -> None:
    """Raise `ConfigError` for a pool that lacks an address which a project has, that shares one
    with a subnet, or that this host lacks the programs for."""
    pool = config.network.pool
    given = [each.ip for each in store.floating_ips.list(project_id=None)]
    outside = [ip for ip in given if pool is None or ipaddress.IPv4Address(ip) not in pool]
    if outside:
        raise ConfigError(
            [
                f"network.floating_pool: {', '.join(outside[:5])} of those that projects have are "
                "not in it. Write the old one back, and delete these first: "
                "`openstack floating ip delete`"
            ]
        )
    if pool is None:
        return
    for subnet in store.networks.list_subnets(project_id=None):
        if pool.overlaps(ipaddress.IPv4Network(subnet.cidr)):
            raise ConfigError(
                [f"network.floating_pool: its addresses are of {subnet.cidr}, which servers have"]
            )
    missing = () if config.is_imaginary else missing_programs()
    if missing:
        packages = " ".join(PACKAGES[name] for name in missing)
        raise ConfigError(
            [
                f"network.floating_pool: it needs {' and '.join(missing)}: "
                f"`apt-get install {packages}`"
            ]
        )


def network_settings(lab: NetworkSpec) -> dict[str, object]:
    """What a configuration says of a network that is there."""
    return {
        "libvirt_network": lab.name,
        "bridge": lab.bridge,
        "mode": "isolated" if lab.mode == "isolated" else "nat",
        "dhcp": lab.dhcp,
        "subnet": lab.cidr,
    }


def find_lab(store: Store) -> NetworkSpec | None:
    """The network that init made, as libvirt is to carry it; None before."""
    networks = store.networks.list_networks(project_id=None)
    subnets = store.networks.list_subnets(project_id=None)
    return network_spec(networks[0], subnets[0]) if networks else None
