"""The thread that does the jobs, one at a time, oldest first.

Of all processes that share a data folder one works: the one that holds the lock on `worker.lock`. The system frees it when
that process dies, however it dies; the next one to take it goes on with the job that was running.
"""

import fcntl
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta
from pathlib import Path
from typing import TextIO

from sqlalchemy.exc import SQLAlchemyError

from model.predictor import Predictor
from model.score import Result
from service.batch.table import TableError
from service.batcher import Answer
from service.data import now
from service.jobs.files import JobFiles
from service.jobs.store import Job, JobStore
from service.jobs.work import TooManyRows, bundle_of, do_job
from service.memory import settle_more
from service.priority import stand_back

LOOK_SECONDS = 2.0  # between looks at the table: another process may have put a job there
STOP_SECONDS = 10.0
STOP_LOOK_SECONDS = 0.5  # between looks whether the service stops, while texts wait in the queue

BulkRead = Callable[[Predictor, list[str]], "Future[Answer]"]

log = logging.getLogger("snaar.jobs")


class Cancelled(Exception):
    """The job was cancelled while it ran."""


class Stopped(Exception):
    """The service stops; the job waits for the next start."""


class JobWorker:
    """`start` and `stop` it once. `predictor` gives the one that serves now: a job keeps the one it began with. `read` is the
    queue behind all requests, `seen` counts what came of it."""

    def __init__(
        self, store: JobStore, files: JobFiles, lock: Path, predictor: Callable[[], Predictor], read: BulkRead,
        seen: Callable[[list[Result]], None], *, keep: timedelta, max_rows: int, max_characters: int,
    ) -> None:  # fmt: skip
        self.store = store
        self.files = files
        self.lock = lock
        self.predictor = predictor
        self.read = read
        self.seen = seen
        self.keep = keep
        self.max_rows = max_rows
        self.max_characters = max_characters
        self.stopping = threading.Event()
        self.wake = threading.Event()
        self.thread = threading.Thread(target=self._run, name="snaar-jobs", daemon=True)

    def start(self) -> None:
        self.thread.start()

    def stop(self) -> None:
        """The job that runs stops after the rows it is at; the next start goes on from there."""
        self.stopping.set()
        self.wake.set()
        self.thread.join(STOP_SECONDS)

    def _run(self) -> None:
        stand_back()
        with self.lock.open("w") as lock:
            while not self._take(lock):
                if self.stopping.wait(LOOK_SECONDS):
                    return
            recovered = False
            while not self.stopping.is_set():
                try:
                    if not recovered:
                        self.store.recover()
                        recovered = True
                    self._sweep()
                    job = self.store.start_next()
                    if job is not None:
                        self._do(job)
                        settle_more()
                        continue
                except (SQLAlchemyError, OSError) as error:  # a database or disk that is away for a while
                    log.error("jobs: %s; trying again", type(error).__name__)
                    recovered = False
                self.wake.wait(LOOK_SECONDS)
                self.wake.clear()

    def _take(self, lock: TextIO) -> bool:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _sweep(self) -> None:
        """Remove what is past the age limit: jobs that finished so long ago, and uploads that never became a job."""
        for job_id in self.store.finished_before(now() - self.keep):
            self.files.remove(job_id)
            self.store.remove(job_id)
        old = self.files.older_than(self.keep.total_seconds())
        for job_id in set(old) - self.store.known(old):
            self.files.remove(job_id)

    def _do(self, job: Job) -> None:
        predictor = self.predictor()

        def progress(done: int, total: int) -> None:
            if not self.store.change(job.id, ("running",), rows_done=done, rows=total, bundle=bundle_of(predictor)):
                raise Cancelled
            if self.stopping.is_set():
                raise Stopped

        def read(texts: list[str]) -> list[Result]:
            return self._read(predictor, texts)

        try:
            done = do_job(
                job, self.files, predictor, read, max_rows=self.max_rows, max_characters=self.max_characters, progress=progress
            )  # fmt: skip
        except Cancelled:
            self.files.remove(job.id)
        except Stopped:
            self.store.change(job.id, ("running",), state="queued", starts=job.starts - 1)
        except TableError as error:
            told = str(error).replace(f"{self.files.folder(job.id)}/", "")
            self._fail(job, "too_many_rows" if isinstance(error, TooManyRows) else "bad_table", told)
        except SQLAlchemyError:
            raise
        except Exception as error:
            log.error("job %s: %s", job.id, type(error).__name__)
            self._fail(job, "internal_error", "an unexpected error; the log names its type")
        else:
            summary = done.summary
            values = {"rows": summary.rows, "rows_done": summary.rows, "row_errors": summary.bad, "report": done.report}
            if self.store.change(job.id, ("running",), state="done", finished=now(), bundle=bundle_of(predictor), **values):
                self.files.input(job.id, job.kind).unlink()  # what was sent is in the result
            else:
                self.files.remove(job.id)

    def _read(self, predictor: Predictor, texts: list[str]) -> list[Result]:
        """Wait for the queue; raises Stopped where the service stops before it is this job's turn."""
        if not texts:
            return []
        reading = self.read(predictor, texts)
        while True:
            try:
                results = reading.result(STOP_LOOK_SECONDS).results
            except TimeoutError:
                if self.stopping.is_set():
                    reading.cancel()
                    raise Stopped from None
            else:
                self.seen(results)
                return results

    def _fail(self, job: Job, error_type: str, error: str) -> None:
        self.store.change(job.id, ("running",), state="failed", error_type=error_type, error=error, finished=now())
        self.files.remove(job.id)
