# SPDX-License-Identifier: Apache-2.0
"""THE TABLE of versions: what each microversion of the Compute API changed, and nothing else.

Views, schemas and parsers ask `version.has(CHANGE)`; no version's number stands anywhere else.
A change that concerns nothing this cloud serves has no row. Source: the API's version history.
"""

from __future__ import annotations

from typing import NamedTuple


class Change(NamedTuple):
    """A change of the API: it is there from version 2.`since` on."""

    since: int
    what: str


class Span(NamedTuple):
    """The versions, by their minor numbers, at which a route or an action exists."""

    first: int = 1
    last: int | None = None

    def holds(self, minor: int) -> bool:
        """Whether it exists at version 2.`minor`."""
        return self.first <= minor and (self.last is None or minor <= self.last)


KEYPAIR_TYPE = Change(2, "keypairs have a type; their creation answers 201, deletion 204")
SERVER_ATTRIBUTES = Change(3, "administrators see how a server is started, and its user data")
IPV6_FILTER = Change(5, "everybody may filter servers by ip6")
FLAVOR_ACCESS_OF_PUBLIC = Change(7, "access to a public flavor can't be given: 409")
MKS_CONSOLE = Change(8, "a remote console may be of the protocol mks")
LOCKED = Change(9, "a server says whether it is locked")
KEYPAIR_USER = Change(10, "administrators may name a keypair's user")
FORCED_DOWN = Change(11, "a service can be said to be down")
NO_SHARED_STORAGE = Change(14, "evacuate does not ask whether storage is shared")
GROUP_OWNER = Change(13, "a server group says its project and user")
SOFT_POLICIES = Change(15, "server groups have soft-affinity and soft-anti-affinity")
HOST_STATUS = Change(16, "administrators see host_status")
DESCRIPTION = Change(19, "servers have a description")
DELETED_ACTIONS = Change(21, "actions of deleted servers can be read")
MIGRATION_TYPE = Change(23, "migrations say their type; a server's own are listed")
TAGS = Change(26, "servers have tags, and lists filter by them")
LIVE_MIGRATION_AUTO = Change(25, "block_migration may be auto, and disk_over_commit is gone")
ERROR_HEADER = Change(27, "the version's header is the service's, and errors follow")
CPU_INFO_OBJECT = Change(28, "a hypervisor's cpu_info is an object")
NIC_TAGS = Change(32, "a network of a new server may bear a tag")
HYPERVISOR_PAGING = Change(33, "hypervisors are listed in pages")
KEYPAIR_PAGING = Change(35, "keypairs are listed in pages")
NO_PROXIES = Change(36, "what other services serve is not proxied; limits and quotas lose it")
NETWORKS_REQUIRED = Change(37, "a new server names its networks: a list, auto or none")
UNKNOWN_STATUS = Change(38, "an unknown status to filter by is refused")
NO_IMAGE_METADATA = Change(39, "limits lose maxImageMeta")
USAGE_PAGING = Change(40, "usage is listed in pages")
AGGREGATE_UUID = Change(41, "an aggregate has a uuid")
NIC_TAGS_AGAIN = Change(42, "tags of networks work again")
IMAGE_ID = Change(45, "createImage and createBackup answer the image's id in the body")
FLAVOR_EMBEDDED = Change(47, "a server shows its flavor's sizes, not its id")
DIAGNOSTICS = Change(48, "diagnostics have one form on all hypervisors")
ATTACH_TAGS = Change(49, "an interface may be attached with a tag")
QUOTA_CLASS_GROUPS = Change(50, "quota classes show server groups, and lose network quotas")
EVENTS_FOR_ALL = Change(51, "everybody sees the events of instance actions")
TAGS_AT_CREATE = Change(52, "a new server may be given tags")
UUIDS = Change(53, "services and hypervisors are named by uuid")
REBUILD_KEY = Change(54, "a rebuild may change the key_name")
FLAVOR_DESCRIPTION = Change(55, "flavors have a description")
MIGRATION_HOST = Change(56, "migrate may name a host")
NO_PERSONALITY = Change(57, "no personality, and its limits are gone; a rebuild takes user_data")
ACTION_PAGING = Change(58, "instance actions have updated_at and pages")
MIGRATION_PAGING = Change(59, "migrations have a uuid and pages")
FLAVOR_EXTRA_SPECS = Change(61, "flavors show their extra_specs")
EVENT_HOST = Change(62, "events name their host")
TRUSTED_CERTIFICATES = Change(63, "servers show trusted_image_certificates")
GROUP_POLICY = Change(64, "a server group has one policy, with rules")
CHANGES_BEFORE = Change(66, "lists filter by changes-before")
INTERFACE_TAG = Change(70, "interfaces show their tag")
SERVER_GROUPS = Change(71, "a server says of which group it is")
LOCKED_REASON = Change(73, "a lock may say why")
REQUESTED_HOST = Change(74, "administrators may name a new server's host")
STRICT = Change(75, "unknown fields are refused; updates and rebuilds answer the whole view")
UNSHELVE_ZONE = Change(77, "unshelve may name an availability zone")
TOPOLOGY = Change(78, "a server shows the NUMA nodes of its guest")
MIGRATION_OWNER = Change(80, "migrations say their user and project")
USER_FILTERS = Change(83, "everybody may filter by more of a server's fields")
EVENT_DETAILS = Change(84, "events have details")
EXTRA_SPEC_CHECK = Change(86, "a flavor's extra specs are checked")
HYPERVISOR_TRIMMED = Change(88, "hypervisors lose what they use, and gain their servers")
HOSTNAME = Change(90, "a server's hostname can be given and is shown to everybody")
UNSHELVE_HOST = Change(91, "unshelve may name a host")
KEYPAIR_IMPORT_ONLY = Change(92, "a keypair is imported, not made; its name may have @ and .")
FQDN = Change(94, "a hostname may be a whole domain name")
PINNED_ZONE = Change(96, "a server says in which availability zone it is pinned")

FORCED_EVACUATION = Span(29, 67)
FORCED_LIVE_MIGRATION = Span(30, 67)
"""Versions at which administrators could `force` a server to a host past the scheduler."""

ROUTES: dict[str, Span] = {
    "/os-networks": Span(last=35),
    "/os-networks/<network_id>": Span(last=35),
    "/os-floating-ip-pools": Span(last=35),
    "/os-floating-ips": Span(last=35),
    "/os-floating-ips/<floating_ip_id>": Span(last=35),
    "/os-tenant-networks": Span(last=35),
    "/os-tenant-networks/<network_id>": Span(last=35),
    "/os-security-groups": Span(last=35),
    "/os-security-groups/<group_id>": Span(last=35),
    "/os-security-group-rules": Span(last=35),
    "/os-security-group-rules/<rule_id>": Span(last=35),
    "/images": Span(last=35),
    "/images/detail": Span(last=35),
    "/images/<image_id>": Span(last=35),
    "/images/<image_id>/metadata": Span(last=38),
    "/images/<image_id>/metadata/<key>": Span(last=38),
    "/os-hosts": Span(last=42),
    "/os-hosts/<host_name>": Span(last=42),
    "/os-hosts/<host_name>/reboot": Span(last=42),
    "/os-hosts/<host_name>/shutdown": Span(last=42),
    "/os-hosts/<host_name>/startup": Span(last=42),
    "/os-hypervisors/<pattern>/search": Span(last=52),
    "/os-hypervisors/<pattern>/servers": Span(last=52),
    "/os-hypervisors/<hypervisor_id>/uptime": Span(last=87),
    "/os-hypervisors/statistics": Span(last=87),
    "/servers/<server_id>/migrations": Span(first=23),
    "PUT /flavors/<flavor_id>": Span(FLAVOR_DESCRIPTION.since),
    "/servers/<server_id>/tags": Span(TAGS.since),
    "/servers/<server_id>/tags/<tag>": Span(TAGS.since),
    "/servers/<server_id>/remote-consoles": Span(6),
    "/servers/<server_id>/topology": Span(TOPOLOGY.since),
}
"""Rules below /compute/v2.1 that are not there at every version ("/os-x", or "METHOD /os-x")."""

ACTIONS: dict[str, Span] = {
    "addFixedIp": Span(last=43),
    "removeFixedIp": Span(last=43),
    "addFloatingIp": Span(last=43),
    "removeFloatingIp": Span(last=43),
    "trigger_crash_dump": Span(17),
    "os-getVNCConsole": Span(last=5),
    "os-getSPICEConsole": Span(last=5),
    "os-getRDPConsole": Span(last=5),
    "os-getSerialConsole": Span(last=5),
}
"""Actions of a server that are not there at every version, by their names."""
