# SPDX-License-Identifier: Apache-2.0
"""KVM is used where it works, not where libvirt says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.hypervisor.hardware import choose_virt_type


@pytest.fixture
def kvm(tmp_path: Path) -> Path:
    device = tmp_path / "kvm"
    device.touch()
    return device


@pytest.mark.parametrize(
    ("flags", "expected"), [("fpu vmx sse", "kvm"), ("fpu svm sse", "kvm"), ("fpu sse", "qemu")]
)
def test_auto_is_kvm_only_on_a_cpu_that_has_it(
    flags: str, expected: str, kvm: Path, tmp_path: Path
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\nflags\t\t: {flags}\n")

    assert choose_virt_type("auto", "QEMU", cpuinfo=cpuinfo, kvm=kvm) == expected


def test_auto_is_emulation_where_the_device_does_not_open(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("flags\t\t: fpu vmx sse\n")

    chosen = choose_virt_type("auto", "QEMU", cpuinfo=cpuinfo, kvm=tmp_path / "absent")

    assert chosen == "qemu"


@pytest.mark.parametrize("wanted", ["kvm", "qemu"])
def test_a_forced_type_is_taken(wanted: str, tmp_path: Path) -> None:
    assert choose_virt_type(wanted, "QEMU", cpuinfo=tmp_path / "absent") == wanted


@pytest.mark.parametrize("wanted", ["auto", "kvm", "qemu"])
def test_the_test_driver_has_only_its_own_type(wanted: str) -> None:
    assert choose_virt_type(wanted, "TEST") == "test"
