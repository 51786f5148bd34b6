# SPDX-License-Identifier: Apache-2.0
"""The shape of the house: who may import whom, and how big a room may be."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
AGENT = ROOT / "agent"
FILES = sorted(AGENT.rglob("*.py"))

BORDERS = {
    "libvirt": ("agent/hypervisor/",),
    "libvirt_qemu": ("agent/hypervisor/",),
    "flask": ("agent/api/", "agent/app.py", "agent/serve.py"),
    "sqlalchemy": ("agent/store/",),
    "alembic": ("agent/store/",),
    "re2": ("agent/store/",),
    "pycdlib": ("agent/configdrive.py",),
    "oslo_utils": ("agent/imagecheck.py", "agent/passwords.py"),
    "gunicorn": ("agent/serve.py", "agent/worker.py"),
    "jinja2": ("agent/edge/", "agent/hypervisor/"),
    "jsonschema": ("agent/api/",),
    "cryptography": ("agent/sshkeys.py", "agent/certificates.py", "agent/passwords.py"),
}
"""Which folders may import an outside library."""

MAY_IMPORT = {
    "agent/model/": ("agent.model", "agent.errors"),
    "agent/workflows/": ("agent.workflows", "agent.model", "agent.errors", "agent.hypervisor.base"),
    "agent/actions.py": ("agent.workflows", "agent.model"),
    "agent/engine/": (
        "agent.engine",
        "agent.actions",
        "agent.workflows",
        "agent.model",
        "agent.errors",
        "agent.hypervisor.base",
    ),
    "agent/hypervisor/": ("agent.hypervisor", "agent.model", "agent.errors", "agent.packaged"),
    "agent/edge/": ("agent.edge", "agent.errors", "agent.model", "agent.packaged"),
    "agent/store/": ("agent.store", "agent.model", "agent.errors"),
    "agent/configdrive.py": ("agent.model", "agent.errors", "agent.wholefile"),
    "agent/basecache.py": ("agent.conversion", "agent.model", "agent.qemuimg", "agent.wholefile"),
    "agent/conversion.py": (
        "agent.disks",
        "agent.errors",
        "agent.imagecheck",
        "agent.qemuimg",
        "agent.wholefile",
    ),
    "agent/disks.py": ("agent.model", "agent.errors", "agent.qemuimg", "agent.wholefile"),
    "agent/formats/": ("agent.errors", "agent.formats"),
    "agent/imagecheck.py": ("agent.errors", "agent.formats"),
    "agent/images.py": ("agent.model", "agent.errors", "agent.imagecheck", "agent.wholefile"),
    "agent/qemuimg.py": ("agent.errors",),
    "agent/consolelog.py": ("agent.model", "agent.errors"),
    "agent/wholefile.py": ("agent.errors", "agent.machine.is_running"),
    "agent/packaged.py": (),
    "agent/patience.py": (),
    "agent/turns.py": (),
    "agent/lingering.py": (),
    "agent/memory.py": (),
    "agent/worker.py": ("agent.config", "agent.errors", "agent.lingering", "agent.patience"),
    "agent/passwords.py": ("agent.errors", "agent.wholefile"),
    "agent/vendordata.py": ("agent.model", "agent.packaged"),
    "agent/reaching.py": ("agent.errors",),
    "agent/hosting.py": ("agent.__version__", "agent.config", "agent.hypervisor.host"),
    "agent/offers.py": (
        "agent.config",
        "agent.errors",
        "agent.hypervisor.base",
        "agent.model",
    ),
    "agent/aside.py": ("agent.errors",),
    "agent/machine.py": (),
    "agent/errors.py": (),
    "agent/config.py": ("agent.model.floating", "agent.model.webaddress"),
    "agent/webdownload.py": ("agent.model.webaddress", "agent.errors"),
    "agent/hosts.py": (
        "agent.errors",
        "agent.hypervisor.base.HostFacts",
        "agent.model",
        "agent.reaching",
        "agent.store",
    ),
    "agent/aggregates.py": ("agent.hosts", "agent.model", "agent.store"),
    "agent/servergroups.py": ("agent.asking", "agent.errors", "agent.model", "agent.store"),
    "agent/moves.py": ("agent.errors", "agent.model", "agent.store"),
    "agent/uptime.py": (),
    "agent/asking.py": ("agent.actions", "agent.model", "agent.store"),
    "agent/compute.py": (
        "agent.actions",
        "agent.asking",
        "agent.model",
        "agent.errors",
        "agent.reaching",
        "agent.store",
    ),
    "agent/creation.py": (
        "agent.actions",
        "agent.adminpass",
        "agent.asking",
        "agent.bootable",
        "agent.model",
        "agent.errors",
        "agent.reaching",
        "agent.store",
        "agent.workflows.password.REFUSED",
    ),
    "agent/quotas.py": ("agent.model", "agent.errors", "agent.store"),
    "agent/usages.py": ("agent.model", "agent.errors", "agent.store"),
    "agent/flavors.py": ("agent.model", "agent.errors", "agent.store"),
    "agent/bootable.py": ("agent.asking", "agent.model", "agent.errors", "agent.store"),
    "agent/rebuilding.py": (
        "agent.actions",
        "agent.adminpass",
        "agent.asking",
        "agent.bootable",
        "agent.model",
        "agent.errors",
        "agent.reaching",
        "agent.store",
        "agent.workflows.password.REFUSED",
        "agent.workflows.rebuild",
    ),
    "agent/resizing.py": (
        "agent.actions",
        "agent.asking",
        "agent.bootable",
        "agent.model",
        "agent.errors",
        "agent.reaching",
        "agent.store",
    ),
    "agent/adminpass.py": (
        "agent.actions",
        "agent.asking",
        "agent.model",
        "agent.errors",
        "agent.reaching",
        "agent.store",
        "agent.workflows.password.PATIENCE",
    ),
    "agent/rescuing.py": (
        "agent.actions",
        "agent.adminpass",
        "agent.asking",
        "agent.bootable",
        "agent.model",
        "agent.errors",
        "agent.reaching",
        "agent.store",
    ),
    "agent/standing.py": (
        "agent.actions",
        "agent.asking",
        "agent.model",
        "agent.errors",
        "agent.store",
    ),
    "agent/history.py": (
        "agent.actions",
        "agent.errors",
        "agent.model",
        "agent.store",
        "agent.workflows.step",
    ),
    "agent/timeline.py": ("agent.history", "agent.model"),
    "agent/importing.py": (
        "agent.asking",
        "agent.model",
        "agent.errors",
        "agent.store",
        "agent.webdownload.check_address",
    ),
    "agent/downloads.py": (
        "agent.errors",
        "agent.imaging.ImageBytes",
        "agent.model",
        "agent.store",
        "agent.webdownload",
    ),
    "agent/imaging.py": ("agent.model", "agent.errors", "agent.store"),
    "agent/identity/": ("agent.identity", "agent.model", "agent.errors", "agent.store"),
    "agent/imageedits.py": ("agent.model", "agent.errors", "agent.store"),
    "agent/imagesharing.py": ("agent.model", "agent.errors", "agent.store"),
    "agent/capturing.py": (
        "agent.actions",
        "agent.asking",
        "agent.errors",
        "agent.model",
        "agent.reaching",
        "agent.store",
        "agent.workflows.capture",
        "agent.workflows.shelve",
    ),
    "agent/records.py": ("agent.asking", "agent.model", "agent.errors", "agent.store"),
    "agent/keypairs.py": (
        "agent.certificates",
        "agent.errors",
        "agent.model",
        "agent.sshkeys",
        "agent.store",
    ),
    "agent/certificates.py": ("agent.errors", "agent.model.keypair"),
    "agent/sshkeys.py": ("agent.errors", "agent.model.keypair"),
    "agent/networking.py": ("agent.errors", "agent.model", "agent.store", "agent.hypervisor.base"),
    "agent/networkedits.py": ("agent.errors", "agent.model", "agent.networking", "agent.store"),
    "agent/floatingips.py": (*("agent.errors", "agent.model", "agent.networking", "agent.store"),),
    "agent/networktags.py": (
        *(
            "agent.errors",
            "agent.floatingips",
            "agent.model",
            "agent.networkedits",
            "agent.networking",
        ),
        *("agent.securitygroups", "agent.store"),
    ),
    "agent/securitygroups.py": ("agent.asking", "agent.errors", "agent.model", "agent.store"),
    "agent/interfaces.py": (
        "agent.actions",
        "agent.asking",
        "agent.errors",
        "agent.model",
        "agent.reaching",
        "agent.store",
    ),
    "agent/doctor/": (
        "agent.belonging",
        "agent.config",
        "agent.disks",
        "agent.doctor",
        "agent.edge",
        "agent.engine.clock",
        "agent.errors",
        "agent.hosting",
        "agent.hypervisor",
        "agent.labnetwork",
        "agent.locks",
        "agent.model",
        "agent.storage",
        "agent.store",
        "agent.wholefile",
    ),
    "agent/api/": (
        "agent.api",
        "agent.asking",
        "agent.capturing",
        "agent.cloud",
        "agent.compute",
        "agent.creation",
        "agent.hosts",
        "agent.imaging",
        "agent.importing",
        "agent.identity",
        "agent.keypairs",
        "agent.floatingips",
        "agent.networkedits",
        "agent.networking",
        "agent.networktags",
        "agent.patience",
        "agent.rebuilding",
        "agent.records",
        "agent.turns",
        "agent.actions",
        "agent.config",
        "agent.model",
        "agent.errors",
    ),
}
"""What each room may import of this package. Rooms that are not here wire the others together."""


def imports_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            module = node.module or ""
            names.update(f"{module}.{alias.name}" for alias in node.names)
    return names


def room_of(path: Path) -> str:
    name = path.relative_to(ROOT).as_posix()
    return next((room for room in MAY_IMPORT if name.startswith(room)), "")


def test_there_is_something_to_look_at() -> None:
    assert len(FILES) > 30
    assert all(any(room_of(path) == room for path in FILES) for room in MAY_IMPORT)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_go_downward_only(path: Path) -> None:
    room = room_of(path)
    if not room:
        return
    inward = {name for name in imports_of(path) if name.split(".")[0] == "agent"}
    allowed = MAY_IMPORT[room]
    wrong = {n for n in inward if not any(n == a or n.startswith(f"{a}.") for a in allowed)}
    assert not wrong


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_outside_libraries_stay_behind_their_borders(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    outward = {module.split(".")[0] for module in imports_of(path)}
    wrong = {m for m in outward & set(BORDERS) if not name.startswith(BORDERS[m])}
    assert not wrong


DISK_PROGRAMS = ("qemu-img", "qemu-io", "qemu-nbd", "qemu-storage-daemon")


def test_one_room_alone_runs_programs_on_disks() -> None:
    """It demands the format of each file (see its tests), so no call of ours lets one be guessed.

    The programs' names stand as words of their own nowhere else: no other room has an argv of them.
    """
    callers = {
        path.relative_to(ROOT).as_posix()
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and node.value in DISK_PROGRAMS
    }
    assert callers == {"agent/qemuimg.py"}


def test_no_room_is_too_big() -> None:
    too_long = {
        path.relative_to(ROOT).as_posix(): lines
        for path in [*FILES, *sorted((ROOT / "tests").rglob("*.py"))]
        if (lines := len(path.read_text().splitlines())) > 400
    }
    assert not too_long


def test_no_function_is_too_long() -> None:
    too_long = {
        f"{path.relative_to(ROOT)}:{node.name}": node.end_lineno - node.lineno
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno > 50
    }
    assert not too_long
