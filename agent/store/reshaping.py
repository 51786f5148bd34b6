# SPDX-License-Identifier: Apache-2.0
"""Taking a server for a rebuild or a resize: what was checked still holds when its row is written.

One transaction each, as for a new server: images, quota and the host's room are looked at in it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, update

from agent.model.injection import Injection
from agent.model.placement import HostLoad
from agent.model.quota import Quota, Usage
from agent.model.record import RecordChange
from agent.model.resizing import check_resize
from agent.model.server import Flavor, Server, growth, larger
from agent.model.task import NewTask
from agent.store import document, imageuse, loading
from agent.store.claims import check_growth, claim
from agent.store.db import Database
from agent.store.injections import replace_injection
from agent.store.quotas import budgets
from agent.store.schema import servers
from agent.store.servers import Admission, admit, check_quota
from agent.store.tasks import insert_task


@dataclass(frozen=True, slots=True)
class Reshaping:
    """The table `servers`, from the side of what gives a server another disk or size."""

    db: Database

    def begin_rebuild(
        self,
        server_id: str,
        task: NewTask,
        admission: Admission,
        *,
        record: RecordChange,
        injection: Injection,
        image_ids: Collection[str],
        now: datetime,
    ) -> Server:
        """Take a server for a rebuild, with what its record and its new guest are given.

        Gives the server as it is then; its image stays what its disk stands on. The task's args get
        the vm_state in which it was taken. `image_ids` are those that the new disk will stand on:
        they must be active. Raises what `admit` and `check_active` raise; nothing is written then.
        """
        with self.db.write() as connection:
            admit(connection, server_id, admission)
            imageuse.check_active(connection, image_ids)
            replace_injection(connection, server_id, injection)
            _take(connection, server_id, task, record, now)
            return loading.get_server(connection, server_id, None)

    def begin_resize(
        self,
        server_id: str,
        task: NewTask,
        admission: Admission,
        *,
        flavor: Flavor,
        quota: Quota,
        offers: Callable[[], Sequence[HostLoad]],
        record: RecordChange,
        now: datetime,
    ) -> None:
        """Take a server for a resize; from now on it claims the larger of both sizes.

        The task's args get the vm_state in which it was taken. `offers` says what hosts offer, and
        may not block. Raises what `admit` and `check_resize` raise, `OverQuota` and `NoCapacity`
        with the numbers; nothing is written then.
        """
        with self.db.write() as connection:
            admit(connection, server_id, admission)
            server = loading.get_server(connection, server_id, None)
            check_resize(server.flavor, flavor)
            more = growth(server.flavor, flavor)
            for used, most in budgets(connection, server.project_id, server.user_id, quota):
                check_quota(used, Usage(0, more.vcpus, more.ram_mb), most)
            check_growth(connection, server, more, offers)
            claim(connection, server_id, larger(server.flavor, flavor))
            args = {
                **task.args,
                "flavor": document.write(flavor),
                "old_flavor_id": server.flavor.id,  # for the list of migrations
            }
            _take(connection, server_id, replace(task, args=args), record, now)


def _take(
    connection: Connection, server_id: str, task: NewTask, record: RecordChange, now: datetime
) -> None:
    """Open the task, and write what the user said of the server beside it."""
    server = loading.get_server(connection, server_id, None)
    connection.execute(
        update(servers)
        .where(servers.c.id == server_id)
        .values(**record, task_state=task.task_state, progress=0, updated_at=now)
    )
    args = {**task.args, "was": server.vm_state.value}
    insert_task(connection, server_id, replace(task, args=args), now)
