# SPDX-License-Identifier: Apache-2.0
"""The check for leftovers, and whose the domains of this libvirt are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from agent.doctor.finding import Finding, Level
from agent.doctor.inventory import take_inventory
from agent.doctor.leftovers import LEVELS, Kind, Leftover, find_leftovers, find_missing
from agent.doctor.scene import Scene
from agent.hypervisor.base import FoundDomain

Findings = Iterator[Finding]

OWNERS = "domains"
NAME = "leftovers"

FIX = "`cumulet doctor --fix` removes it."
CLOSER = "`cumulet doctor --orphans` lists them with what to do."


def check_owners(scene: Scene) -> Iterator[Finding]:
    """Say whose the domains are."""
    if scene.survey is not None and scene.is_set_up:
        yield judge_owners(scene.survey.domains, scene.config.installation)


def judge_owners(domains: Sequence[FoundDomain], installation: str) -> Finding:
    """Count ours, other clouds' and everybody else's."""
    ours = [domain for domain in domains if domain.owner == installation]
    others = [domain for domain in domains if domain.owner not in {None, installation}]
    nobodys = len(domains) - len(ours) - len(others)
    if not domains:
        return Finding(OWNERS, Level.OK, "libvirt has none")
    seen = f"{len(ours)} of {len(domains)} are ours"
    if not others and not nobodys:
        return Finding(OWNERS, Level.OK, f"all are ours: {len(ours)}")
    clouds = {domain.owner or "" for domain in others}
    if others:
        which = "installation" if len(clouds) == 1 else "installations"
        seen += f", {len(others)} of {which} {', '.join(sorted(clouds))}"
    if nobodys:
        seen += f", {nobodys} of no cloud"
    return Finding(OWNERS, Level.NOTE, f"{seen}; the others are never touched")


def list_orphans(scene: Scene) -> list[Leftover]:
    """Look at host and database, twice; `AgentError` when one does not answer. Blocks."""
    assert scene.read is not None
    before = take_inventory(scene)
    recorded = scene.read()
    after = take_inventory(scene)
    both = before.confirmed_by(after)
    return [
        *find_leftovers(both, recorded, scene.layout, scene.now),
        *find_missing(before, recorded, after, scene.read()),
    ]


def can_tell(scene: Scene) -> str:
    """Why leftovers can't be told now, or an empty text."""
    if not scene.is_set_up or scene.recorded is None:
        return "nothing is set up, or it can't be read"
    if scene.recorded.installation != scene.config.installation:
        return "configuration and database are not of one installation"
    if scene.survey is None:
        return "libvirt does not answer"
    return ""


def check_counts(scene: Scene) -> Iterator[Finding]:
    """Count the leftovers."""
    return _check(scene, judge_counts)


def check_each(scene: Scene) -> Iterator[Finding]:
    """List the leftovers."""
    return _check(scene, judge_each)


def judge_counts(found: Sequence[Leftover]) -> Iterator[Finding]:
    """One finding a kind, with the first of it."""
    for kind in Kind:
        of_kind = [each for each in found if each.kind is kind]
        if len(of_kind) == 1:
            yield from judge_each(of_kind)
        elif of_kind:
            seen = f"{len(of_kind)} × {kind}, as {of_kind[0].name}: {of_kind[0].why}"
            yield Finding(NAME, _level(kind), seen, CLOSER)
    if not found:
        yield Finding(NAME, Level.OK, "nothing is left over, nothing is missing")


def judge_each(found: Sequence[Leftover]) -> Iterator[Finding]:
    """One finding a leftover."""
    for each in found:
        fix = FIX if each.is_sure else each.fix
        yield Finding(NAME, _level(each.kind), f"{each.kind} {each.name}: {each.why}", fix)
    if not found:
        yield Finding(NAME, Level.OK, "nothing is left over, nothing is missing")


def _check(scene: Scene, judge: Callable[[Sequence[Leftover]], Iterator[Finding]]) -> Findings:
    reason = can_tell(scene)
    if not reason:
        yield from judge(list_orphans(scene))
    elif scene.is_set_up:
        yield Finding(NAME, Level.NOTE, f"not looked for: {reason}")


def _level(kind: Kind) -> Level:
    return LEVELS.get(kind, Level.WARNING)
