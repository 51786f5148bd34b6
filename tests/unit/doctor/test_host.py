# SPDX-License-Identifier: Apache-2.0
"""How the doctor judges a host: KVM, daemons, confinement, room and what a shutdown does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.config import CapacityConfig
from agent.doctor import confinement, daemons, room, shutdown, virtualisation
from agent.doctor.confinement import ConfinementFacts
from agent.doctor.daemons import DaemonFacts
from agent.doctor.room import RoomFacts, Space
from agent.doctor.shutdown import DEBIAN, UPSTREAM, GuestsFacts
from agent.doctor.tree import Tree
from agent.doctor.virtualisation import VirtFacts
from agent.hypervisor.base import Survey
from tests.unit.doctor.judging import levels, only, put

GIB = 2**30
QEMU = Survey("QEMU", "9.0.0", "7.2.22")
SYSTEM = "qemu:///system"


# KVM or emulation.


@pytest.mark.parametrize(
    ("wanted", "has_flags", "obstacle", "level", "words"),
    [
        ("auto", True, None, "ok", "KVM works"),
        ("kvm", True, None, "ok", "KVM works"),
        ("auto", False, None, "warning", "neither vmx nor svm"),
        ("auto", True, "No such file or directory", "warning", "/dev/kvm does not open: No such"),
        ("kvm", True, "Permission denied", "problem", "can't work: /dev/kvm does not open"),
        ("kvm", False, None, "problem", "can't work: the processor shows neither"),
        ("qemu", False, None, "note", "emulation, as `virt_type: qemu` says"),
        ("qemu", True, None, "note", "KVM would work here"),
    ],
)
def test_kvm_or_emulation(
    wanted: str, has_flags: bool, obstacle: str | None, level: str, words: str
) -> None:
    found = only(virtualisation.judge(VirtFacts(wanted, has_flags, obstacle)))

    assert found[0] == level
    assert words in found[1]
    assert bool(found[2]) == (level in {"warning", "problem"})


def test_in_a_virtual_machine_nesting_is_what_to_switch_on() -> None:
    inside = only(virtualisation.judge(VirtFacts("auto", False, None, is_guest=True)))
    outside = only(virtualisation.judge(VirtFacts("auto", False, None)))

    assert "nested=1" in inside[2]
    assert "firmware" in outside[2]


# libvirt's daemons.


def tree_with(root: Path, *, running: tuple[str, ...] = (), sockets: tuple[str, ...] = ()) -> Tree:
    for pid, name in enumerate(running, 100):
        put(root, f"/proc/{pid}/comm", f"{name}\n")
    for name in sockets:
        put(root, f"/run/libvirt/{name}-sock")
    return Tree(root)


def test_the_daemons_of_another_host_are_found_in_its_tree(tmp_path: Path) -> None:
    tree = tree_with(tmp_path, running=("virtqemud", "bash"), sockets=("virtqemud", "virtlogd"))
    put(tmp_path, "/usr/sbin/virtqemud")
    (tmp_path / "run/systemd/system").mkdir(parents=True)

    assert daemons.look(tree, SYSTEM) == DaemonFacts(
        SYSTEM,
        running=frozenset({"virtqemud"}),
        listening=frozenset({"virtqemud", "virtlogd"}),
        installed=frozenset({"virtqemud"}),
        has_systemd=True,
    )


def test_a_daemon_without_its_socket_is_somebody_elses(tmp_path: Path) -> None:
    assert daemons.look(tree_with(tmp_path, running=("libvirtd",)), SYSTEM) == DaemonFacts(SYSTEM)


def facts_of(running: str = "", listening: str = "", **more: Any) -> DaemonFacts:
    return DaemonFacts(SYSTEM, frozenset(running.split()), frozenset(listening.split()), **more)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (facts_of("libvirtd"), None),
        (facts_of("virtqemud", "virtnetworkd virtlogd"), None),
        (facts_of(), "libvirt does not run"),
        (facts_of(listening="libvirtd"), "libvirt does not run"),
        (facts_of(listening="libvirtd", has_systemd=True), "libvirt sleeps: systemd starts it "),
        (DaemonFacts("test:///tmp/node.xml"), None),
        (DaemonFacts("qemu+unix:///system?socket=/x"), None),
        (DaemonFacts("qemu:///system?socket=/x"), None),
    ],
)
def test_a_libvirt_that_is_down_is_not_asked(facts: DaemonFacts, reason: str | None) -> None:
    found = facts.reason_not_to_ask

    assert found == reason if reason is None else (found or "").startswith(reason)


@pytest.mark.parametrize(
    ("running", "listening", "expected"),
    [
        ("libvirtd virtlogd", "libvirtd virtlogd", ["ok"]),
        ("libvirtd", "libvirtd virtlogd", ["ok"]),
        ("libvirtd", "libvirtd", ["ok", "problem"]),
        ("virtqemud virtnetworkd virtlogd", "", ["ok"]),
        ("virtqemud", "virtqemud virtnetworkd virtlogd", ["ok"]),
        ("virtqemud", "virtqemud virtlogd", ["ok", "problem"]),
        ("virtqemud", "virtqemud", ["ok", "problem", "problem"]),
        ("virtqemud libvirtd", "virtnetworkd virtlogd", ["ok", "warning"]),
    ],
)
def test_half_of_the_daemons_will_not_do(running: str, listening: str, expected: list[str]) -> None:
    assert levels(daemons.judge(facts_of(running, listening), QEMU, "")) == expected


@pytest.mark.parametrize(
    ("facts", "silence", "level", "fix"),
    [
        (facts_of(), "libvirt does not run", "problem", "apt-get install libvirt-daemon-system"),
        (
            facts_of(installed=frozenset({"libvirtd"})),
            "libvirt does not run",
            "problem",
            "`virtlogd -d && libvirtd -d`",
        ),
        (
            facts_of(installed=frozenset({"virtqemud"})),
            "libvirt does not run",
            "problem",
            "`virtlogd -d && virtnetworkd -d && virtqemud -d`",
        ),
        (
            facts_of(installed=frozenset({"libvirtd"}), has_systemd=True),
            "libvirt does not run",
            "problem",
            "`systemctl enable --now libvirtd.socket && systemctl start libvirtd`",
        ),
        (
            facts_of(listening="virtqemud", has_systemd=True),
            "libvirt sleeps: systemd starts it when it is asked",
            "warning",
            "systemctl start virtqemud",
        ),
        (
            facts_of(listening="libvirtd virtqemud", has_systemd=True),
            "libvirt sleeps: systemd starts it when it is asked",
            "warning",
            "systemctl start virtqemud",
        ),
        (
            facts_of("libvirtd", "libvirtd", has_systemd=True),
            "libvirt has not answered within 10 seconds",
            "problem",
            "systemctl restart libvirtd",
        ),
        (
            DaemonFacts("qemu+ssh://lab/system"),
            "libvirt does not answer: no route to host",
            "problem",
            "`qemu+ssh://lab/system` is right",
        ),
    ],
)
def test_a_silent_libvirt_comes_with_what_to_do(
    facts: DaemonFacts, silence: str, level: str, fix: str
) -> None:
    first = next(iter(daemons.judge(facts, None, silence)))

    assert first.level == level
    assert first.seen.startswith(silence)
    assert fix in first.fix


# Confinement.


@pytest.mark.parametrize(
    ("state", "level"),
    [
        ("/var/lib/cumulet", "ok"),
        ("/srv/cloud", "ok"),
        ("/home/ada/cloud", "ok"),
        ("/home/ada/.local/cloud", "problem"),
        ("/root/.cloud", "problem"),
        ("/etc/cloud", "problem"),
        ("/etcetera/cloud", "ok"),
        ("/usr/share/cloud", "problem"),
    ],
)
def test_apparmor_lets_qemu_at_some_folders_only(state: str, level: str) -> None:
    armoured = ConfinementFacts(Path(state), has_apparmor=True, has_helper=True)
    plain = ConfinementFacts(Path(state), has_apparmor=True, has_helper=True, driver="none")

    assert levels(confinement.judge(armoured)) == [level]
    assert levels(confinement.judge(plain)) == ["ok"]


def test_selinux_and_missing_profiles_are_notes() -> None:
    state = Path("/var/lib/cumulet")

    assert levels(confinement.judge(ConfinementFacts(state, has_selinux=True))) == ["note"]
    assert levels(confinement.judge(ConfinementFacts(state, has_apparmor=True))) == ["note"]


# Room.


def room_facts(**changes: Any) -> RoomFacts:
    state = Space(Path("/var/lib/cumulet"), int(changes.pop("free_gb", 50) * GIB), 10**6)
    saves = Space(Path("/var/lib/libvirt"), int(changes.pop("saves_gb", 50) * GIB), None)
    values = {"total_ram_mb": 8000, "available_ram_mb": 4000, **changes}
    return RoomFacts(state, saves, CapacityConfig(), **values)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "ok"),
        ({"free_gb": 0.9}, "problem"),
        ({"free_gb": 2.5}, "warning"),
        ({"free_gb": 3.5}, "ok"),
        ({"saves_gb": 1, "largest_ram_mb": 2048}, "warning"),
        ({"saves_gb": 3, "largest_ram_mb": 2048}, "ok"),
        ({"total_ram_mb": 512}, "problem"),
        ({"available_ram_mb": 300}, "warning"),
    ],
)
def test_what_runs_out_is_told_before(changes: dict[str, Any], expected: str) -> None:
    assert levels(room.judge(room_facts(**changes))) == [expected]


def test_inodes_run_out_as_well() -> None:
    few = Space(Path("/srv"), 50 * GIB, 12)
    facts = RoomFacts(few, few, CapacityConfig(), 8000, 4000)

    assert only(room.judge(facts))[:2] == ("problem", "/srv has 12 inodes left")


# The host's shutdown.


@pytest.mark.parametrize(
    ("facts", "level", "fix"),
    [
        (GuestsFacts(True, True, True, "/etc/default/libvirt-guests"), "ok", ""),
        (GuestsFacts(False, False, False, ""), "note", "Stop or suspend all servers"),
        (GuestsFacts(True, False, False, ""), "warning", "apt-get install"),
        (GuestsFacts(True, True, False, ""), "warning", "systemctl enable --now libvirt-guests"),
    ],
)
def test_guests_are_to_be_ended_before_the_host(facts: GuestsFacts, level: str, fix: str) -> None:
    found = only(shutdown.judge(facts))

    assert found[0] == level
    assert fix in found[2]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (DEBIAN, ["ok"]),
        (UPSTREAM, ["warning"]),
        ({**UPSTREAM, "ON_BOOT": "ignore"}, ["ok"]),
        ({**DEBIAN, "ON_BOOT": "start", "SHUTDOWN_TIMEOUT": "5"}, ["warning", "warning"]),
        ({**DEBIAN, "SHUTDOWN_TIMEOUT": "0"}, ["warning"]),
    ],
)
def test_libvirt_guests_must_not_start_what_resume_on_boot_decides_on(
    settings: dict[str, str], expected: list[str]
) -> None:
    facts = GuestsFacts(True, True, True, "/etc/default/libvirt-guests", settings)

    assert levels(shutdown.judge(facts)) == expected
