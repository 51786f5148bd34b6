# SPDX-License-Identifier: Apache-2.0
"""Whether libvirt's daemons run, which ones, and whether they answer.

Where systemd listens for them, asking would start them: so it is looked first whether one runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agent.doctor.finding import Finding, Level
from agent.doctor.scene import Scene
from agent.doctor.tree import Tree
from agent.hypervisor.base import Survey

NAME = "libvirt"

RUN = "/run/libvirt"
SOCKETS = {
    "libvirtd": f"{RUN}/libvirt-sock",
    "virtqemud": f"{RUN}/virtqemud-sock",
    "virtnetworkd": f"{RUN}/virtnetworkd-sock",
    "virtlogd": f"{RUN}/virtlogd-sock",
}
"""The daemons that we have to do with: libvirtd is all of them in one, but for virtlogd."""

MAIN = ("libvirtd", "virtqemud")
FOLDERS = ("/usr/sbin", "/usr/bin", "/sbin", "/usr/local/sbin")

INSTALL = (
    "Install libvirt: `apt-get install libvirt-daemon-system` (Fedora: `dnf install libvirt`)."
)
WHY_NEEDED = {
    "virtnetworkd": "it carries the networks",
    "virtlogd": "it keeps the console logs, and no server starts without it",
}
TOGETHER = (
    "Keep one of the two: `systemctl disable --now libvirtd.service libvirtd.socket "
    "libvirtd-ro.socket libvirtd-admin.socket`, or the same of virtqemud and its companions."
)
OTHER = "See whether `{uri}` is right (`libvirt_uri` in the configuration), and whether it runs."


@dataclass(frozen=True, slots=True)
class DaemonFacts:
    """What shows of the daemons without asking them."""

    uri: str
    running: frozenset[str] = frozenset()
    listening: frozenset[str] = frozenset()  # whose socket is there, perhaps systemd's
    installed: frozenset[str] = frozenset()
    has_systemd: bool = False

    @property
    def is_system(self) -> bool:
        """Whether it is this machine's own libvirt that is meant."""
        return self.uri.startswith("qemu:///system") and "socket=" not in self.uri

    @property
    def reason_not_to_ask(self) -> str | None:
        """Why libvirt is better not asked: it would be woken, or can't answer."""
        if not self.is_system or self.running.intersection(MAIN):
            return None
        if self.has_systemd and self.listening.intersection(MAIN):
            return "libvirt sleeps: systemd starts it when it is asked"
        return "libvirt does not run"


def look(tree: Tree, uri: str) -> DaemonFacts:
    """Look for the processes, the sockets and the programs."""
    names = {name for _, name in tree.processes()}
    listening = frozenset(name for name, socket in SOCKETS.items() if tree.has(socket))
    return DaemonFacts(
        uri=uri,
        # Without its socket it is one in a container, say, and not this host's.
        running=listening & names,
        listening=listening,
        installed=frozenset(
            name for name in SOCKETS if any(tree.has(f"{folder}/{name}") for folder in FOLDERS)
        ),
        has_systemd=tree.has_systemd,
    )


def check(scene: Scene) -> Iterator[Finding]:
    """Look and judge."""
    facts = look(scene.tree, scene.config.libvirt_uri)
    return judge(facts, scene.survey, scene.silence)


def judge(facts: DaemonFacts, survey: Survey | None, silence: str) -> Iterator[Finding]:
    """Say whether libvirt answers, and what of it is missing."""
    if survey is None:
        yield _judge_silence(facts, silence)
    else:
        kind = f" ({_kind(facts)})" if facts.is_system else ""
        versions = f"libvirt {survey.libvirt_version}{kind}"
        if survey.driver == "QEMU":
            versions += f" with QEMU {survey.hypervisor_version}"
        yield Finding(NAME, Level.OK, f"{versions} answers at {facts.uri}")
    if facts.is_system:
        yield from _judge_company(facts)


def _judge_silence(facts: DaemonFacts, silence: str) -> Finding:
    if not facts.is_system:
        return Finding(NAME, Level.PROBLEM, silence, OTHER.format(uri=facts.uri))
    if not facts.running | facts.listening | facts.installed:
        return Finding(NAME, Level.PROBLEM, f"{silence}: it is not installed", INSTALL)
    name = _main(facts)
    if silence == facts.reason_not_to_ask and facts.listening and facts.has_systemd:
        fix = f"Nothing, `cumulet serve` wakes it. To see more here: `{_start(facts, name)}`."
        return Finding(NAME, Level.WARNING, silence, fix)
    if name in facts.running:
        fix = f"It runs and does not answer. Restart it, guests go on: `{_restart(facts, name)}`."
        return Finding(NAME, Level.PROBLEM, silence, fix)
    return Finding(NAME, Level.PROBLEM, silence, f"Start it: `{_start(facts, name)}`.")


def _judge_company(facts: DaemonFacts) -> Iterator[Finding]:
    """The daemons that the main one needs."""
    if facts.running.issuperset(MAIN):
        seen = "both libvirtd and virtqemud run, and each wants to be the only one"
        yield Finding(NAME, Level.WARNING, seen, TOGETHER)
    if not facts.running.intersection(MAIN):
        return
    needed = ("virtlogd",) if "libvirtd" in facts.running else ("virtnetworkd", "virtlogd")
    for name in needed:
        if name not in facts.running | facts.listening:
            seen = f"{name} is missing: {WHY_NEEDED[name]}"
            yield Finding(NAME, Level.PROBLEM, seen, f"Start it: `{_start(facts, name)}`.")


def _kind(facts: DaemonFacts) -> str:
    return "libvirtd, one for all" if "libvirtd" in facts.running else "modular daemons"


def _main(facts: DaemonFacts) -> str:
    """The daemon to start or restart: the one that is there, by whatever shows first."""
    # libvirt-sock is virtproxyd's where the daemons are modular: virtqemud's says more.
    for names, order in (
        (facts.running, MAIN),
        (facts.listening, MAIN[::-1]),
        (facts.installed, MAIN),
    ):
        for name in order:
            if name in names:
                return name
    return MAIN[0]


def _start(facts: DaemonFacts, name: str) -> str:
    if facts.has_systemd:
        return f"systemctl enable --now {name}.socket && systemctl start {name}"
    alone = f"{name} -d"
    missing = {"libvirtd": ("virtlogd",), "virtqemud": ("virtlogd", "virtnetworkd")}.get(name, ())
    return " && ".join([*(f"{x} -d" for x in missing if x not in facts.running), alone])


def _restart(facts: DaemonFacts, name: str) -> str:
    if facts.has_systemd:
        return f"systemctl restart {name}"
    return f"kill -9 $(pidof {name}) && {name} -d"
