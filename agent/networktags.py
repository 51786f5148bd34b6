# SPDX-License-Identifier: Apache-2.0
"""The use cases of tags: words that users put on networks, ports and the like, to find them by."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from agent.errors import BadRequest, NotFound
from agent.floatingips import FloatingIps
from agent.model.floating import FloatingIp
from agent.model.identity import Caller
from agent.model.network import Network, Port, Subnet
from agent.model.securitygroup import SecurityGroup
from agent.networkedits import own_network
from agent.networking import Networking
from agent.securitygroups import SecurityGroups
from agent.store import Store

MAX_TAGS = 50
"""Of one thing, as of a server."""


class Tagged(Enum):
    """What may have tags."""

    NETWORK = "network"
    SUBNET = "subnet"
    PORT = "port"
    SECURITY_GROUP = "security_group"
    FLOATING_IP = "floatingip"


@dataclass(frozen=True, slots=True)
class NetworkTags:
    """Shows tags to whom sees the thing, and changes them for whom may change it.

    `NotFound` for what the caller does not see, `Forbidden` for a change of another project's.
    """

    store: Store
    networking: Networking
    security_groups: SecurityGroups
    floating_ips: FloatingIps
    now: Callable[[], datetime]

    def list(self, caller: Caller, kind: Tagged, its_id: str) -> Sequence[str]:
        """All tags, sorted."""
        return self._get(caller, kind, its_id).tags

    def check(self, caller: Caller, kind: Tagged, its_id: str, tag: str) -> None:
        """Raise `NotFound` unless there is this tag."""
        _check_has(self.list(caller, kind, its_id), tag)

    def replace(
        self, caller: Caller, kind: Tagged, its_id: str, tags: Collection[str]
    ) -> Sequence[str]:
        """Set all tags, and give them; `BadRequest` for too many."""
        _check_number(tags)
        self._change(caller, kind, its_id, lambda had: tags)
        return sorted(tags)

    def add(self, caller: Caller, kind: Tagged, its_id: str, tag: str) -> None:
        """Add a tag, unless it is there; `BadRequest` for one too many."""

        def one_more(had: frozenset[str]) -> Collection[str]:
            tags = had | {tag}
            _check_number(tags)
            return tags

        self._change(caller, kind, its_id, one_more)

    def remove(self, caller: Caller, kind: Tagged, its_id: str, tag: str) -> None:
        """Take a tag away; `NotFound` when it is not there."""

        def one_less(had: frozenset[str]) -> Collection[str]:
            _check_has(had, tag)
            return had - {tag}

        self._change(caller, kind, its_id, one_less)

    def _change(
        self,
        caller: Caller,
        kind: Tagged,
        its_id: str,
        change: Callable[[frozenset[str]], Collection[str]],
    ) -> None:
        thing = self._get(caller, kind, its_id)
        if isinstance(thing, Network | Subnet):  # others of another project no caller sees
            network_id = thing.network_id if isinstance(thing, Subnet) else thing.id
            own_network(self.networking, caller, network_id)
        self.store.network_tags.change(kind.value, its_id, change, self.now())

    def _get(
        self, caller: Caller, kind: Tagged, its_id: str
    ) -> Network | Subnet | Port | SecurityGroup | FloatingIp:
        if kind is Tagged.NETWORK:
            return self.networking.get_network(caller, its_id)
        if kind is Tagged.SUBNET:
            return self.networking.get_subnet(caller, its_id)
        if kind is Tagged.SECURITY_GROUP:
            return self.security_groups.get(caller, its_id)
        if kind is Tagged.FLOATING_IP:
            return self.floating_ips.get(caller, its_id)
        return self.networking.get_port(caller, its_id)


def _check_number(tags: Collection[str]) -> None:
    if len(tags) > MAX_TAGS:
        raise BadRequest(f"tags: at most {MAX_TAGS} are taken, these would be {len(tags)}.")


def _check_has(tags: Collection[str], tag: str) -> None:
    if tag not in tags:
        raise NotFound(f"Tag {tag} could not be found.")
