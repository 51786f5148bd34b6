# SPDX-License-Identifier: Apache-2.0
"""Works on the queue of imports: a few threads, in the process that runs the engine.

# Note [Nothing is stuck]
The queue is the table of tasks. A thread claims a task, and the task ends with the thread's work,
whatever happens; when even that can't be written down, the task is claimed again later. A process
that is killed leaves its tasks claimed: its successor begins them anew, some times at most. Their
half files are swept at the start, as those of uploads are.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime

from agent.errors import AgentError, Conflict, HostUnavailable
from agent.imaging import ImageBytes
from agent.model.imagetask import DELETED, ImageTask
from agent.model.webaddress import Allowed, parse_url
from agent.store import Store
from agent.webdownload import USUAL, Patience, download

log = logging.getLogger(__name__)

THREADS = 2
MOST_ATTEMPTS = 3
AGAIN_S = 5.0  # after the database did not answer
STOP_S = 5.0

KILLED = f"The service ended {MOST_ATTEMPTS} times while it imported this image. Import it again."
LATE = "The import was not done in time: too many others were before it. Import it again."
SURPRISE = "The import failed by a mistake of this service's. Its log has the details."


class Stopping(AgentError):
    """The service ends: the import goes on after its next start."""


class Downloads:
    """The threads that import images. None runs while there is nothing to do."""

    def __init__(
        self,
        store: Store,
        files: ImageBytes,
        allowed: Allowed,
        max_bytes: int,
        now: Callable[[], datetime],
        patience: Patience = USUAL,
    ) -> None:
        self._store = store
        self._files = files
        self._allowed = allowed
        self._max_bytes = max_bytes
        self._now = now
        self._patience = patience
        self._lock = threading.Lock()  # of the three below
        self._started = False
        self._again = False  # there may be work that the threads have not seen
        self._threads: set[threading.Thread] = set()
        self._claiming = threading.Lock()
        self._claimed: dict[str, ImageTask] = {}
        self._stopped = threading.Event()

    def start(self) -> None:
        """Begin to work on the queue, with what a killed process left first. Does not wait."""
        self._store.image_tasks.resume(self._now())
        self._started = True
        self.wake()

    def wake(self) -> None:
        """Look at the queue; nothing before `start`."""
        with self._lock:
            if not self._started or self._stopped.is_set():
                return
            self._again = True
            if len(self._threads) < THREADS:
                thread = threading.Thread(target=self._run, name="download", daemon=True)
                self._threads.add(thread)
                thread.start()

    def stop(self) -> None:
        """End the downloads; they begin anew at the next start. May block for some seconds."""
        self._stopped.set()
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join(STOP_S)

    def work(self) -> None:
        """Import all that is in the queue. Blocks; raises `HostUnavailable` with the database."""
        while not self._stopped.is_set():
            with self._claiming:
                task = self._store.image_tasks.claim(self._now(), tuple(self._claimed.values()))
                if task is None:
                    return
                self._claimed[task.id] = task
            try:
                self._import(task)
            finally:
                del self._claimed[task.id]

    def _run(self) -> None:
        done = False
        try:
            while not done:
                self._try_to_work()
                done = self._leave()
        finally:  # also after a surprise
            with self._lock:
                self._threads.discard(threading.current_thread())

    def _try_to_work(self) -> None:
        try:
            self.work()
        except HostUnavailable as error:
            log.warning("import: %s", error.message)
            self._stopped.wait(AGAIN_S)
            with self._lock:
                self._again = True

    def _leave(self) -> bool:
        """Take this thread off the list, unless there may be new work."""
        with self._lock:
            if self._again and not self._stopped.is_set():
                self._again = False
                return False
            self._threads.discard(threading.current_thread())
            return True

    def _import(self, task: ImageTask) -> None:
        """Work on one task to its end."""
        log.info("import: image %s, attempt %d", task.image_id, task.attempts)
        message = SURPRISE
        try:
            self._receive(task)
            message = ""
        except Stopping:
            self._store.image_tasks.release(task.id, self._now())
            message = ""
        except AgentError as error:
            message = error.message
        finally:
            if message:
                log.info("import: image %s failed: %s", task.image_id, message)
                self._store.image_tasks.fail(task, message, self._now())

    def _receive(self, task: ImageTask) -> None:
        """Download the task's image and make it active, or raise why not."""
        left = (task.deadline_at - self._now()).total_seconds()
        if task.attempts > MOST_ATTEMPTS:
            raise Conflict(KILLED)
        if left <= 0:
            raise Conflict(LATE)
        if not self._store.image_tasks.is_wanted(task):
            raise Conflict(DELETED)
        image = self._store.images.get(task.image_id, viewer=None)
        with download(
            parse_url(task.uri),
            allowed=self._allowed,
            max_bytes=self._max_bytes,
            patience=self._patience.within(left),
            why_stop=lambda: self._why_stop(task),
        ) as body:
            got = self._files.receive(image.id, body.chunks, image.disk_format or "")
        if not self._store.image_tasks.succeed(task, got.fields(), self._now()):
            self._files.delete(image.id)
            raise Conflict(DELETED)

    def _why_stop(self, task: ImageTask) -> AgentError | None:
        if self._stopped.is_set():
            return Stopping("The service ends.")
        return None if self._store.image_tasks.is_wanted(task) else Conflict(DELETED)
