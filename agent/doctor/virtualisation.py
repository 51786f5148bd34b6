# SPDX-License-Identifier: Apache-2.0
"""Whether guests run by KVM or by emulation, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agent.doctor.finding import Finding, Level
from agent.doctor.scene import Scene
from agent.hypervisor.hardware import CPUINFO, KVM, kvm_obstacle

NAME = "virtualisation"

FIRMWARE = (
    "Switch VT-x or AMD-V on in the firmware (BIOS) of this machine, if its processor has it."
)
NESTED = (
    "This is a virtual machine, and nested virtualisation is off for it. On its host: "
    "`modprobe -r kvm_intel && modprobe kvm_intel nested=1` (kvm_amd for AMD), and give this "
    "machine its host's CPU: `<cpu mode='host-passthrough'/>` with libvirt, "
    "`libvirt.nested = true` with Vagrant, `VBoxManage modifyvm NAME --nested-hw-virt on`."
)
MODULE = "Run `modprobe kvm_intel` (kvm_amd for AMD); a container must be given /dev/kvm."


@dataclass(frozen=True, slots=True)
class VirtFacts:
    """What the machine offers, and what is wanted of it."""

    wanted: str  # `virt_type` of the configuration
    has_flags: bool  # vmx or svm
    obstacle: str | None  # why /dev/kvm does not open
    is_guest: bool = False  # this machine is a virtual one
    driver: str | None = None  # libvirt's; None when it said nothing

    @property
    def has_kvm(self) -> bool:
        """Whether guests can run by KVM."""
        return self.has_flags and self.obstacle is None


def check(scene: Scene) -> Iterator[Finding]:
    """Look and judge."""
    return judge(look(scene))


def look(scene: Scene) -> VirtFacts:
    """Read the processor's flags, and open /dev/kvm."""
    flags = set((scene.tree.read(CPUINFO) or "").split())
    return VirtFacts(
        wanted=scene.config.virt_type,
        has_flags=bool(flags & {"vmx", "svm"}),
        obstacle=kvm_obstacle(scene.tree.at(KVM)),
        is_guest="hypervisor" in flags,
        driver=scene.survey.driver if scene.survey else None,
    )


def judge(facts: VirtFacts) -> Iterator[Finding]:
    """Say which of the two it is."""
    if facts.driver == "TEST" or facts.wanted == "test":
        yield Finding(NAME, Level.NOTE, "libvirt's test driver: no guest really runs")
        return
    why, fix = _obstacle(facts)
    if facts.wanted == "qemu":
        more = "; KVM would work here, and `virt_type: auto` takes it" if facts.has_kvm else ""
        yield Finding(NAME, Level.NOTE, f"emulation, as `virt_type: qemu` says{more}")
    elif facts.has_kvm:
        yield Finding(NAME, Level.OK, "KVM works: the processor has it, and /dev/kvm opens")
    elif facts.wanted == "kvm":
        fix = f"{fix} Or write `virt_type: auto`, which takes emulation where KVM does not work."
        yield Finding(NAME, Level.PROBLEM, f"`virt_type: kvm`, but KVM can't work: {why}", fix)
    else:
        seen = f"emulation, which is much slower: {why}"
        yield Finding(NAME, Level.WARNING, seen, fix)


def _obstacle(facts: VirtFacts) -> tuple[str, str]:
    """Why KVM does not work, and what to do."""
    if not facts.has_flags:
        return "the processor shows neither vmx nor svm", NESTED if facts.is_guest else FIRMWARE
    return f"/dev/kvm does not open: {facts.obstacle}", MODULE
