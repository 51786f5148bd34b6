# SPDX-License-Identifier: Apache-2.0
"""The use cases of imports: ask for one by a URL, and look at how it goes.

The work itself is `downloads.py`'s, and its state the task's; here nothing is waited for.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from agent.asking import Asking
from agent.model.identity import Caller
from agent.model.image import Image
from agent.model.imagerules import check_formats, check_owner, viewer_of
from agent.model.imagetask import ImageTask, ImageTaskStatus
from agent.model.webaddress import Allowed, parse_url
from agent.store import Store
from agent.webdownload import check_address

METHODS = ("web-download",)
"""The import methods that are served."""

DEADLINE = timedelta(hours=6)
"""An import that has not ended so long after it was asked for has failed."""

MOST = 20
MOST_OF_PROJECT = 5
"""Imports that may be open at once, in all and of one project."""


@dataclass(frozen=True, slots=True)
class Importing:
    """Imports of images, for a caller."""

    store: Store
    allowed: Allowed
    now: Callable[[], datetime]
    wake: Callable[[], None]  # tells the downloads that there is work

    def begin(self, asking: Asking, image_id: str, uri: str, request: Mapping[str, Any]) -> None:
        """Queue the download of an image that waits for its bytes; `request` is only shown.

        `BadRequest` when the URL alone shows that it may not be fetched, `Conflict` when the image
        is not queued, `OverQuota` or `HostUnavailable` when too many are under way.
        """
        image = self._own(asking.caller, image_id)
        check_formats(image)
        check_address(parse_url(uri), self.allowed)
        now = self.now()
        task = ImageTask(
            id=str(uuid.uuid4()),
            image_id=image.id,
            owner=asking.caller.project.id,
            user_id=asking.caller.user.id,
            request_id=asking.request_id,
            status=ImageTaskStatus.PENDING,
            input={"image_id": image.id, "import_req": dict(request)},
            created_at=now,
            updated_at=now,
            deadline_at=now + DEADLINE,
        )
        self.store.image_tasks.begin(task, most=MOST, most_of_owner=MOST_OF_PROJECT)
        self.wake()

    def list_of_image(self, caller: Caller, image_id: str) -> Sequence[ImageTask]:
        """The imports of an image of the caller's, the newest first."""
        return self.store.image_tasks.list_of_image(self._own(caller, image_id).id)

    def list_tasks(
        self,
        *,
        status: str | None = None,
        sort_key: str = "created_at",
        ascending: bool = False,
        limit: int | None = None,
        marker: str | None = None,
    ) -> Sequence[ImageTask]:
        """A page of all projects' imports: for administrators."""
        return self.store.image_tasks.list(
            status=status, sort_key=sort_key, ascending=ascending, limit=limit, marker=marker
        )

    def get_task(self, task_id: str) -> ImageTask:
        """One import of any project: for administrators."""
        return self.store.image_tasks.get(task_id)

    def _own(self, caller: Caller, image_id: str) -> Image:
        image = self.store.images.get(image_id, viewer=viewer_of(caller))
        check_owner(caller, image)
        return image
