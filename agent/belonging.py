# SPDX-License-Identifier: Apache-2.0
"""Whether a configuration goes with its state folder: the database says whose it is.

Domains bear the installation's id, and servers have addresses of its network. With another id none
of them could be started or deleted any more, so that is found out before anything is done.
"""

from __future__ import annotations

import ipaddress
import uuid

from agent.config import Config, ConfigError
from agent.hypervisor.base import NetworkSpec
from agent.networking import network_spec
from agent.store import Store

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
    if config.network.mode != lab.mode:
        raise ConfigError(
            [
                f"network.mode: the network is {lab.mode!r} still, not {config.network.mode!r}: "
                "run `cumulet init`, which changes it, or write the old one back"
            ]
        )


def network_settings(lab: NetworkSpec) -> dict[str, object]:
    """What a configuration says of a network that is there."""
    return {
        "libvirt_network": lab.name,
        "bridge": lab.bridge,
        "mode": lab.mode,
        "dhcp": lab.dhcp,
        "subnet": lab.cidr,
    }


def find_lab(store: Store) -> NetworkSpec | None:
    """The network that init made, as libvirt is to carry it; None before."""
    networks = store.networks.list_networks(project_id=None)
    subnets = store.networks.list_subnets(project_id=None)
    return network_spec(networks[0], subnets[0]) if networks else None
