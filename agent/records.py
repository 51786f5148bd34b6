# SPDX-License-Identifier: Apache-2.0
"""The use cases of a server's record: rewrite what users may, and read what was done to it.

None of it needs the host: the engine is not woken, and a server that can't be reached takes it too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.asking import Asking
from agent.errors import BadRequest, NotFound
from agent.model.quota import Quota
from agent.model.record import (
    RecordChange,
    check_metadata_count,
    check_takes_metadata,
    check_takes_tags,
)
from agent.model.server import Server
from agent.model.task import Task, TaskQuery
from agent.store import Store


@dataclass(frozen=True, slots=True)
class Records:
    """The records of the servers that a caller may reach; of another project's, `NotFound`."""

    store: Store
    quota_of: Callable[[str], Quota]  # of a project, by its id
    now: Callable[[], datetime]

    def update(self, asking: Asking, server_id: str, change: RecordChange) -> Server:
        """Set fields of a server, locked or not, and give it as it is then."""
        return self._edit(asking, server_id, lambda server: change)

    def get_metadata(self, asking: Asking, server_id: str) -> Mapping[str, str]:
        """A server's metadata."""
        return self.store.servers.get(server_id, project_id=asking.scope).metadata

    def get_metadata_item(self, asking: Asking, server_id: str, key: str) -> str:
        """The value of one key, or `NotFound`."""
        return _item(self.get_metadata(asking, server_id), key)

    def add_metadata(
        self, asking: Asking, server_id: str, metadata: Mapping[str, str]
    ) -> Mapping[str, str]:
        """Set some keys, leave the others, and give all.

        `Conflict` when the server is locked or in the wrong state, `OverQuota`.
        """
        return self._write(asking, server_id, lambda old: {**old, **metadata})

    def replace_metadata(
        self, asking: Asking, server_id: str, metadata: Mapping[str, str]
    ) -> Mapping[str, str]:
        """Set all keys, so that no other is left; raises what `add_metadata` does."""
        return self._write(asking, server_id, lambda old: metadata)

    def delete_metadata_item(self, asking: Asking, server_id: str, key: str) -> None:
        """Remove one key; `NotFound`, or `Conflict` as `add_metadata`."""

        def change(server: Server) -> RecordChange:
            _item(server.metadata, key)
            _check(asking, server, "delete metadata")
            return {"metadata": {k: v for k, v in server.metadata.items() if k != key}}

        self._edit(asking, server_id, change)

    def get_tags(self, asking: Asking, server_id: str) -> Sequence[str]:
        """A server's tags."""
        return self.store.servers.get(server_id, project_id=asking.scope).tags

    def check_tag(self, asking: Asking, server_id: str, tag: str) -> None:
        """Raise `NotFound` unless a server has a tag."""
        _check_has(self.store.servers.get(server_id, project_id=asking.scope), tag)

    def replace_tags(self, asking: Asking, server_id: str, tags: Collection[str]) -> Sequence[str]:
        """Give a server just these tags; `Conflict` when it is in the wrong state."""

        def change(server: Server) -> RecordChange:
            check_takes_tags(server, "update tags")
            return {"tags": tuple(tags)}

        return self._edit(asking, server_id, change).tags

    def add_tag(self, asking: Asking, server_id: str, tag: str, most: int) -> bool:
        """Give a server one more tag of at most so many; False when it has it already.

        `BadRequest` for one too many, `Conflict` as `replace_tags`.
        """
        added = False

        def change(server: Server) -> RecordChange:
            nonlocal added
            check_takes_tags(server, "update tag")
            if tag in server.tags:
                return {}
            if len(server.tags) >= most:
                raise BadRequest(f"The number of tags exceeded the per-server limit {most}")
            added = True
            return {"tags": (*server.tags, tag)}

        self._edit(asking, server_id, change)
        return added

    def delete_tag(self, asking: Asking, server_id: str, tag: str) -> None:
        """Take one tag away; `NotFound`, or `Conflict` as `replace_tags`."""

        def change(server: Server) -> RecordChange:
            check_takes_tags(server, "delete tag")
            _check_has(server, tag)
            return {"tags": tuple(other for other in server.tags if other != tag)}

        self._edit(asking, server_id, change)

    def list_tasks(
        self,
        asking: Asking,
        server_id: str,
        *,
        deleted: bool = False,
        query: TaskQuery | None = None,
    ) -> tuple[Server, Sequence[Task]]:
        """A server, and what was done to it and is being done: newest first.

        Of a deleted server too, if `deleted`. An unknown marker of the query is a `BadRequest`.
        """
        server = self._known(asking, server_id, deleted=deleted)
        tasks = self.store.servers.list_tasks(server.id)
        return server, tasks if query is None else query.choose(tasks)

    def get_task(
        self, asking: Asking, server_id: str, request_id: str, *, deleted: bool = False
    ) -> tuple[Server, Task]:
        """A server, and what a request did to it, or `NotFound`."""
        server, tasks = self.list_tasks(asking, server_id, deleted=deleted)
        for task in tasks:
            if task.request_id == request_id:
                return server, task
        raise NotFound(f"Action {request_id} not found")

    def _write(
        self,
        asking: Asking,
        server_id: str,
        rewrite: Callable[[Mapping[str, str]], Mapping[str, str]],
    ) -> Mapping[str, str]:
        project_id = self.store.servers.get(server_id, project_id=asking.scope).project_id
        most = self.quota_of(project_id).metadata_items

        def change(server: Server) -> RecordChange:
            _check(asking, server, "update metadata")
            metadata = rewrite(server.metadata)
            check_metadata_count(metadata, most)
            return {"metadata": metadata}

        return self._edit(asking, server_id, change).metadata

    def _edit(
        self, asking: Asking, server_id: str, change: Callable[[Server], RecordChange]
    ) -> Server:
        return self.store.records.edit(server_id, change, project_id=asking.scope, now=self.now())

    def _known(self, asking: Asking, server_id: str, *, deleted: bool) -> Server:
        kept = self.store.servers.find_kept(server_id) if deleted else None
        if kept is not None and asking.scope in (None, kept.project_id):
            return kept
        return self.store.servers.get(server_id, project_id=asking.scope)


def _check(asking: Asking, server: Server, doing: str) -> None:
    check_takes_metadata(server, doing, despite_lock=asking.caller.is_admin)


def _check_has(server: Server, tag: str) -> None:
    if tag not in server.tags:
        raise NotFound(f"Server {server.id} has no tag '{tag[:60]}'")


def _item(metadata: Mapping[str, str], key: str) -> str:
    if key not in metadata:
        raise NotFound("Metadata item was not found")
    return metadata[key]
