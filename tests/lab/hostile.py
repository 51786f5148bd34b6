# SPDX-License-Identifier: Apache-2.0
"""Images made to do harm: they name other files, lie about their size, or are nonsense.

All are bytes put together here, by the formats' own descriptions. Those that name a file name the
canary's: whoever follows one of them brings its words to light.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.lab.hostile_disks import gpt, iso, luks, qed, vdi, vhd_dynamic, vhd_fixed, vhdx
from tests.lab.hostile_qcow2 import CLUSTER, MIB, bomb, extension, qcow2
from tests.lab.hostile_vmdk import descriptor, vmdk

CANARY = b"CANARY: these words are the host's own. "


@dataclass(frozen=True, slots=True)
class Hostile:
    """One file, and the disk_format that it pretends to."""

    name: str
    declared: str
    make: Callable[[Path], bytes]  # given the canary's path


def _fixed(content: bytes) -> Callable[[Path], bytes]:
    return lambda canary: content


def _qcow2() -> dict[str, Callable[[Path], bytes]]:
    entry = 1 << 63  # "copied": the cluster is used once
    return {
        "backing-absolute": lambda canary: qcow2(backing=bytes(canary)),
        "backing-json": lambda canary: qcow2(
            backing=b'json:{"driver":"raw","file":{"driver":"file","filename":"%b"}}'
            % bytes(canary)
        ),
        "backing-nbd": _fixed(qcow2(backing=b"nbd://127.0.0.1:10809/x")),
        "backing-relative": lambda canary: qcow2(backing=b"../" + canary.name.encode()),
        "backing-without-length": _fixed(qcow2(backing_offset=512)),
        "backing-version-2": lambda canary: qcow2(version=2, backing=bytes(canary)),
        "data-file": lambda canary: qcow2(
            incompatible=4, extensions=extension(0x44415441, bytes(canary))
        ),
        "data-file-name-only": lambda canary: qcow2(
            extensions=extension(0x44415441, bytes(canary))
        ),
        "data-file-without-name": _fixed(qcow2(incompatible=4)),
        "unknown-bit-63": _fixed(qcow2(incompatible=1 << 63)),
        "unknown-bit-4": _fixed(qcow2(incompatible=1 << 4)),
        "encrypted-aes": _fixed(qcow2(encryption=1)),
        "encrypted-luks": _fixed(qcow2(encryption=2, extensions=extension(0x0537BE77, bytes(16)))),
        "l1-beyond-the-end": _fixed(qcow2(l1_offset=1 << 40)),
        "l1-huge": _fixed(qcow2(l1_entries=2**32 - 1)),
        "l1-into-the-header": _fixed(qcow2(l1=[entry])),
        "l1-beyond": _fixed(qcow2(l1=[entry | 1 << 50])),
        "l2-beyond": _fixed(qcow2(l1=[entry | 4 * CLUSTER], l2=[entry | 1 << 50])),
        "l2-compressed-nonsense": _fixed(qcow2(l1=[entry | 4 * CLUSTER], l2=[1 << 62 | 77])),
        "l1-too-short": _fixed(qcow2(size=1 << 40)),
        "refcounts-beyond": _fixed(qcow2(refcount_offset=1 << 40)),
        "refcounts-huge": _fixed(qcow2(refcount_clusters=2**32 - 1)),
        "refcounts-nonsense": _fixed(qcow2(refcounts=b"\xff" * CLUSTER)),
        "refcount-order-255": _fixed(qcow2(refcount_order=255)),
        "cluster-bits-0": _fixed(qcow2(cluster_bits=0)),
        "cluster-bits-63": _fixed(qcow2(cluster_bits=63)),
        "virtual-1-eib": _fixed(qcow2(size=1 << 60)),
        "virtual-0": _fixed(qcow2(size=0)),
        "snapshots-nonsense": _fixed(qcow2(snapshots=60_000, snapshots_offset=3 * CLUSTER)),
        "extension-too-long": _fixed(qcow2(extensions=b"\x6b\x75\x6e\x67" + b"\xff" * 4)),
        "extension-beyond-cluster": _fixed(qcow2(extensions=b"ABCD" + b"\0\1\0\0")),
        "header-too-long": _fixed(qcow2(header_length=2**32 - 8)),
        "header-too-short": _fixed(qcow2(header_length=8)),
        "version-0": _fixed(qcow2(version=0)),
        "version-1": _fixed(qcow2(version=1)),
        "version-99": _fixed(qcow2(version=99)),
        "cut-in-the-header": _fixed(qcow2()[:100]),
        "cut-after-a-sector": _fixed(qcow2()[:512]),
        "cut-after-a-cluster": _fixed(qcow2()[:CLUSTER]),
        "cut-in-the-l1": _fixed(qcow2()[: 3 * CLUSTER + 4]),
        "bomb": _fixed(bomb(32 * MIB)),
    }


def _vmdk() -> dict[str, Callable[[Path], bytes]]:
    flat = 'RW 16 FLAT "{}" 0'
    return {
        "descriptor-of-a-flat-file": lambda canary: descriptor(
            "monolithicFlat", flat.format(canary)
        ).ljust(1024, b"\n"),
        "descriptor-of-a-neighbour": lambda canary: descriptor(
            "monolithicFlat", flat.format(canary.name)
        ).ljust(1024, b"\n"),
        "no-capacity": lambda canary: vmdk(
            capacity=0, text=descriptor("monolithicFlat", flat.format(canary))
        ),
        "two-types": lambda canary: vmdk(
            capacity=0,
            text=descriptor(
                "monolithicSparse",
                flat.format(canary.name),
                more='createType="monolithicFlat"',
                key="CREATETYPE",
            ),
        ),
        "parent": lambda canary: vmdk(
            text=descriptor(more=f'parentCID=12345678\nparentFileNameHint="{canary}"')
        ),
        "parent-after-the-end": lambda canary: vmdk(
            text=descriptor() + f'\0parentFileNameHint="{canary}"'.encode()
        ),
        "descriptor-elsewhere": _fixed(vmdk(descriptor_at=20)),
        "descriptor-too-long": _fixed(vmdk(descriptor_sectors=1 << 30)),
        "no-descriptor": _fixed(vmdk(text=b"")),
        "extent-elsewhere": lambda canary: vmdk(
            text=descriptor(extent=f'RW 16384 SPARSE "{canary}"')
        ),
        "two-extents": _fixed(
            vmdk(text=descriptor(extent='RW 16384 SPARSE "a"\nRW 16 FLAT "canary" 0'))
        ),
        "footer-differs": _fixed(vmdk(footer_capacity=1 << 40)),
        "footer-missing": _fixed(vmdk(footer_capacity=-1)),
        "capacity-huge": _fixed(vmdk(capacity=1 << 51)),
        "capacity-2-tib": _fixed(vmdk(capacity=1 << 32)),
        "grains-0": _fixed(vmdk(grain=0)),
        "tables-nonsense": _fixed(vmdk(directory=b"\xff" * 512)),
        "cut-in-the-descriptor": _fixed(vmdk()[:700]),
        "version-of-old": _fixed(b"COWD" + vmdk()[4:]),
    }


def _others() -> list[Hostile]:
    qcow = qcow2()
    own = {
        "vdi": {
            "parent": vdi(parent=b"\x11" * 16),
            "map-beyond": vdi(map_offset=1 << 30),
            "map-nonsense": vdi(entries=[7_000_000] * 8),
            "map-repeated": vdi(entries=[0] * 8),
            "blocks-huge": vdi(blocks=2**32 - 1),
            "virtual-1-eib": vdi(size=1 << 60),
            "block-size-0": vdi(block=0),
            "version-9": vdi(version=9 << 16),
        },
        "vhd": {
            "fixed-too-large": vhd_fixed(size=1 << 40),
            "fixed-cut": vhd_fixed()[:-512],
            "differencing": vhd_dynamic(kind=4),
            "dynamic-parent": vhd_dynamic(parent=b"\x11" * 16),
            "table-beyond": vhd_dynamic(table_at=1 << 40),
            "header-missing": vhd_dynamic(header_at=1 << 40),
            "blocks-of-0": vhd_dynamic(block=0),
            "virtual-1-eib": vhd_dynamic(size=1 << 60),
            "table-nonsense": vhd_dynamic(table=b"\xff\xff\xff\x00" * 128),
        },
        "vhdx": {"whole": vhdx()},
        "qcow2": {
            "qed": qed(),
            "iso-too": iso(qcow),
            "gpt-too": gpt(qcow),
            "empty": b"",
            "one-byte": b"Q",
            "511-bytes": qcow[:511],
        },
        "iso": {"qcow2-too": iso(qcow), "vmdk-too": iso(vmdk()), "luks": luks()},
        "raw": {"luks": luks(), "gpt-and-qcow2": gpt(qcow), "noise": b"\xa5" * 4096},
        "aki": {"qcow2": qcow, "noise": b"\xa5" * 4096},
        "ari": {"qcow2": qcow, "vmdk": vmdk()},
        "ami": {"qcow2": qcow, "vmdk": vmdk(), "vhd": vhd_fixed()},
    }
    return [
        Hostile(f"{declared}-{name}", declared, _fixed(content))
        for declared, files in own.items()
        for name, content in files.items()
    ]


CORPUS = (
    *(Hostile(f"qcow2-{name}", "qcow2", make) for name, make in _qcow2().items()),
    *(Hostile(f"vmdk-{name}", "vmdk", make) for name, make in _vmdk().items()),
    *_others(),
)
