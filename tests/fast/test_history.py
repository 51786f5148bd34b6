# SPDX-License-Identifier: Apache-2.0
"""What `cumulet why` tells of a server: requests, steps, ends, events and corrections, in order."""

from __future__ import annotations

import pytest

from agent.errors import Conflict, HostFailed, NotFound
from agent.history import History, Kind, find_server, read_history
from agent.model.observation import DomainEvent
from tests.fast.smallcloud import SmallCloud
from tests.fast.test_lifecycle import break_host

LATER_S = 60.0


def history(cloud: SmallCloud, name_or_id: str) -> History:
    store = cloud.parts.store
    return read_history(store, find_server(store, name_or_id), cloud.clock.now())


def told(cloud: SmallCloud, server_id: str, *kinds: Kind) -> list[tuple[str, str]]:
    """The kinds and texts of a history, without the steps unless they are asked for."""
    wanted = kinds or tuple(kind for kind in Kind if kind is not Kind.STEP)
    entries = history(cloud, server_id).entries
    return [(entry.kind.value, entry.text) for entry in entries if entry.kind in wanted]


def active(cloud: SmallCloud, name: str = "one") -> str:
    """A server that was built a minute ago."""
    server_id = cloud.made(cloud.create(name), "active")
    cloud.clock.advance(LATER_S)
    return server_id


def test_a_request_is_told_with_who_asked_its_steps_and_its_end(cloud: SmallCloud) -> None:
    def take_a_second(point: str) -> None:
        if point.endswith("/after"):
            cloud.clock.advance(1.0)

    server_id = active(cloud)
    cloud.reboot(take_a_second)
    cloud.act(server_id, "stop")
    cloud.work()
    entries = history(cloud, server_id).entries[-5:]

    assert [(entry.kind.value, entry.text, entry.took_s) for entry in entries] == [
        ("request", "stop by lab, req-of-a-test", None),
        ("step", "press", 1.0),
        ("step", "shut_down", 1.0),
        ("step", "power_off", 1.0),
        ("done", "stop", 3.0),
    ]
    assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)


def test_what_libvirt_told_is_told_apart_from_what_was_corrected_after_it(
    cloud: SmallCloud,
) -> None:
    server_id = active(cloud)
    cloud.domain(server_id).destroy()
    cloud.parts.engine.on_event(DomainEvent(server_id, "stopped: powered off"))
    cloud.clock.advance(1.0)
    cloud.work()

    assert told(cloud, server_id, Kind.LIBVIRT, Kind.CORRECTED) == [
        ("libvirt", "stopped: powered off"),
        ("corrected", "active -> stopped: the domain is off (powered off)"),
    ]
    assert history(cloud, server_id).status == "SHUTOFF"


def test_a_failed_build_is_told_with_its_step_the_reason_and_what_was_undone(
    cloud: SmallCloud,
) -> None:
    break_host(cloud, "define", HostFailed("the host says no."))
    server_id = cloud.create()
    cloud.work()
    (*_, failed) = history(cloud, server_id).entries

    assert (failed.kind, failed.text) == ("failed", "create in step define")
    assert failed.why == "the host says no. Undone: define, disk, reserve."


def test_an_interrupted_request_is_told_with_what_pushed_it_aside(cloud: SmallCloud) -> None:
    server_id = active(cloud)
    cloud.act(server_id, "reboot")
    cloud.clock.advance(5.0)
    cloud.act(server_id, "reboot_hard")
    cloud.work()
    entries = history(cloud, server_id).entries
    (pushed,) = (entry for entry in entries if entry.kind is Kind.INTERRUPTED)

    assert (pushed.text, pushed.took_s, pushed.why) == (
        "reboot in step press",
        5.0,
        "by reboot_hard",
    )
    assert told(cloud, server_id)[-3:] == [
        ("interrupted", "reboot in step press"),
        ("request", "reboot (reboot_hard) by lab, req-of-a-test"),
        ("done", "reboot (reboot_hard)"),
    ]


def test_a_running_request_is_told_with_its_step_and_for_how_long(cloud: SmallCloud) -> None:
    server_id = active(cloud)
    cloud.act(server_id, "stop")
    cloud.clock.advance(7.0)
    (*_, last) = history(cloud, server_id).entries

    assert (last.kind, last.text, last.took_s) == ("running", "stop in step press", 7.0)


def test_what_the_cloud_does_by_itself_is_told_after_its_cause(cloud: SmallCloud) -> None:
    server_id = active(cloud)
    cloud.domain(server_id).destroy()
    cloud.parts.store.tasks.remember_boot_id(
        str(cloud.server(server_id).host), "the boot before this one"
    )
    cloud.reboot()
    cloud.settle_down()

    cause, request, done = told(cloud, server_id)[-3:]
    assert cause[0] == "corrected"
    assert cause[1].startswith("active -> stopped -> start: the host was rebooted")
    assert request[0] == "request"
    assert request[1].startswith("start by cumulet itself, req-")
    assert done == ("done", "start")


def test_a_request_without_work_is_done_with_its_request(cloud: SmallCloud) -> None:
    server_id = active(cloud)
    cloud.reset_state(server_id, "error")

    assert told(cloud, server_id)[-2:] == [
        ("request", "resetState by admin, req-of-an-admin"),
        ("done", "resetState"),
    ]


def test_a_deleted_server_is_found_by_its_id_and_its_name_says_which(cloud: SmallCloud) -> None:
    server_id = active(cloud)
    cloud.act(server_id, "delete")
    cloud.work()

    assert told(cloud, server_id)[-1] == ("done", "delete")
    assert history(cloud, server_id).status == "DELETED"
    with pytest.raises(NotFound) as refused:
        find_server(cloud.parts.store, "one")
    assert refused.value.message.startswith("No server is called 'one' any more.")
    assert server_id in refused.value.message


def test_a_name_that_several_have_lists_their_ids(cloud: SmallCloud) -> None:
    ids = {active(cloud, "twin"), active(cloud, "twin")}

    with pytest.raises(Conflict) as refused:
        find_server(cloud.parts.store, "twin")

    assert refused.value.message.startswith("2 servers are called 'twin'.")
    assert all(server_id in refused.value.message for server_id in ids)


def test_one_that_is_there_goes_before_deleted_ones_of_its_name(cloud: SmallCloud) -> None:
    old, new = active(cloud, "same"), active(cloud, "same")
    cloud.act(old, "delete")
    cloud.work()

    assert find_server(cloud.parts.store, "same").id == new


def test_an_unknown_name_is_not_found(cloud: SmallCloud) -> None:
    with pytest.raises(NotFound) as refused:
        find_server(cloud.parts.store, "nobody")

    assert refused.value.message == "No server has the id or the name 'nobody'."
