# SPDX-License-Identifier: Apache-2.0
"""One import of an image, in the words of the Image API's tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

IMPORT = "api_image_import"
"""The one type of task that there is."""


class ImageTaskStatus(StrEnum):
    """Where a task is in its life (Image API v2, "Tasks")."""

    PENDING = "pending"
    PROCESSING = "processing"
    SUCCESS = "success"
    FAILURE = "failure"


OPEN = (ImageTaskStatus.PENDING, ImageTaskStatus.PROCESSING)

DELETED = "The image was deleted while it was imported."
"""Why a task failed whose image is there no more."""


@dataclass(frozen=True, slots=True)
class ImageTask:
    """A task. As long as it is open, its image is `importing`."""

    id: str
    image_id: str
    owner: str  # project id
    user_id: str
    request_id: str
    status: ImageTaskStatus
    input: Mapping[str, Any]  # {"image_id": …, "import_req": the request's body}
    created_at: datetime
    updated_at: datetime
    deadline_at: datetime  # it fails when it has not ended by then
    expires_at: datetime | None = None  # set when it ended: the record goes then
    attempts: int = 0  # how often it was begun: anew after its process was killed
    message: str = ""  # why it failed
    result: Mapping[str, Any] | None = None

    @property
    def uri(self) -> str:
        """Where the image comes from. Its query may hold a signature: never log it."""
        return str(self.input["import_req"]["method"]["uri"])
